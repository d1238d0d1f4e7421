"""Cross-entropies, from probabilities or from logits."""

from __future__ import annotations

from typing import Any

from cnnlite import arguments, ops
from cnnlite.layers.context import Context
from cnnlite.losses.base import Loss
from cnnlite.losses.elementwise import MEAN
from cnnlite.losses.rows import checked_axis, row_last, rows_back
from cnnlite.ops.core import Tensor
from cnnlite.shapes import is_int


class _Smoothed(Loss):
    """A cross-entropy of targets in [0, 1] that smoothing draws together."""

    def __init__(
        self,
        from_logits: bool,
        label_smoothing: float,
        axis: int,
        reduction: str | None,
        name: str | None,
        dtype: Any,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = bool(from_logits)
        where = f"{self.name}: label_smoothing"
        self.label_smoothing = arguments.number(label_smoothing, where, 0, 1)
        self.axis = checked_axis(axis, self.name)

    def smoothed(self, y_true: Tensor, classes: int) -> Tensor:
        """Return targets with a share of them spread evenly over so many classes."""
        if not self.label_smoothing:
            return y_true
        shift = self.label_smoothing / max(classes, 1)
        return ops.map_targets(y_true, 1 - self.label_smoothing, shift)

    def get_config(self) -> dict[str, Any]:
        return {
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": self.axis,
            **super().get_config(),
        }


class BinaryCrossentropy(_Smoothed):
    """Mean over the last axis of ``-(t log p + (1 - t) log(1 - p))``.

    Parameters
    ----------
    from_logits : bool
        Predictions are logits; else probabilities, clipped to [1e-7, 1 - 1e-7].
    label_smoothing : float
        s: targets become ``t (1 - s) + s / 2``.
    axis : int
        Over which the mean is taken.
    reduction, name, dtype
        As every loss takes them.

    Examples
    --------
    >>> round(BinaryCrossentropy()([[1.0]], [[0.5]]), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = MEAN,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)

    @property
    def _function(self) -> str:
        return "sigmoid_crossentropy" if self.from_logits else "binary_crossentropy"

    def call(self, y_true: Tensor, y_pred: Tensor, *, ctx: Context) -> Tensor:
        y_true, y_pred = (row_last(a, self.axis, self.name) for a in (y_true, y_pred))
        y_true = self.smoothed(y_true, 2)
        ctx.save(y_pred, y_true)
        return ops.elementwise_loss_forward(y_pred, y_true, self._function)

    def backward(self, weights: Tensor | None, *, ctx: Context) -> Tensor:
        y_pred, y_true = ctx.saved
        dy = ops.elementwise_loss_backward(y_pred, y_true, self._function, weights)
        return rows_back(dy, self.axis)


class CategoricalCrossentropy(_Smoothed):
    """Cross-entropy against one-hot targets: ``-sum_k t_k log p_k``.

    Parameters
    ----------
    from_logits : bool
        Predictions are logits; else probabilities, which are divided by their sum and
        clipped to [1e-7, 1 - 1e-7].
    label_smoothing : float
        s: targets become ``t (1 - s) + s / K`` for K classes.
    axis : int
        Along which the classes lie.
    reduction, name, dtype
        As every loss takes them.

    Examples
    --------
    >>> round(CategoricalCrossentropy()([[1, 0]], [[0.5, 0.5]]), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = MEAN,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)

    def call(self, y_true: Tensor, y_pred: Tensor, *, ctx: Context) -> Tensor:
        y_true, y_pred = (row_last(a, self.axis, self.name) for a in (y_true, y_pred))
        y_true = self.smoothed(y_true, y_pred.shape[-1])
        if self.from_logits:
            values, p = ops.softmax_crossentropy_forward(y_pred, y_true)
            ctx.save(p, y_true)
            return values
        ctx.save(y_pred, y_true)
        return ops.categorical_crossentropy_forward(y_pred, y_true)

    def backward(self, weights: Tensor | None, *, ctx: Context) -> Tensor:
        p, y_true = ctx.saved
        if self.from_logits:
            dy = ops.softmax_crossentropy_backward(p, y_true, weights)
        else:
            dy = ops.categorical_crossentropy_backward(p, y_true, weights)
        return rows_back(dy, self.axis)


class SparseCategoricalCrossentropy(Loss):
    """Cross-entropy against class numbers: ``-log p_label``.

    Parameters
    ----------
    from_logits : bool
        Predictions are logits; else probabilities, which are divided by their sum and
        clipped to [1e-7, 1 - 1e-7].
    ignore_class : int, optional
        Rows of this label have loss 0 and do not count in a mean; it need not be a class.
    reduction, name, dtype
        As every loss takes them.
    axis : int
        Along which the classes lie.

    Examples
    --------
    >>> round(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]]), 4)
    0.6931
    >>> round(SparseCategoricalCrossentropy(ignore_class=-1)([1, -1], [[0.5, 0.5]] * 2), 4)
    0.6931
    """

    sparse = True

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = MEAN,
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = bool(from_logits)
        if ignore_class is not None and not is_int(ignore_class):
            raise TypeError(
                f"{self.name}: ignore_class must be a class number. Got {ignore_class!r}."
            )
        if ignore_class is not None:  # labels are int32
            where = f"{self.name}: ignore_class"
            ignore_class = arguments.whole(ignore_class, where, -(2**31), 2**31 - 1)
        self.ignore_class = ignore_class
        self.axis = checked_axis(axis, self.name)

    def call(self, y_true: Tensor, y_pred: Tensor, *, ctx: Context) -> Tensor:
        y_pred, ignored = row_last(y_pred, self.axis, self.name), self.ignore_class
        if self.from_logits:
            values, p = ops.sparse_softmax_crossentropy_forward(
                y_pred, y_true, ignore_class=ignored
            )
            ctx.save(p, y_true)
            return values
        ctx.save(y_pred, y_true)
        return ops.sparse_categorical_crossentropy_forward(y_pred, y_true, ignore_class=ignored)

    def backward(self, weights: Tensor | None, *, ctx: Context) -> Tensor:
        p, y_true = ctx.saved
        backward = (
            ops.sparse_softmax_crossentropy_backward
            if self.from_logits
            else ops.sparse_categorical_crossentropy_backward
        )
        return rows_back(backward(p, y_true, weights, ignore_class=self.ignore_class), self.axis)

    def compute_mask(self, y_true: Tensor, mask: Tensor | None, dtype: Any = None) -> Tensor | None:
        if self.ignore_class is None:
            return mask
        return ops.label_mask(y_true, self.ignore_class, mask, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            "from_logits": self.from_logits,
            "ignore_class": self.ignore_class,
            "axis": self.axis,
            **super().get_config(),
        }
