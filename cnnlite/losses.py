"""Losses: how far predictions are from targets.

A loss gives one value per row of the prediction (its last axis is the row); what
a model minimises is their mean over the batch, weighted by ``sample_weight``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite import ops
from cnnlite.errors import ShapeError
from cnnlite.layers.context import Context
from cnnlite.ops.core import Tensor

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "get",
]


class Loss:
    """A loss with its derivative beside it.

    A subclass defines ``call(y_true, y_pred, *, ctx)``, which computes one value
    per row with :mod:`cnnlite.ops` and keeps what it needs with ``ctx.save``, and
    ``backward(weights, *, ctx)``, which returns the gradient to ``y_pred`` of the
    mean ``sum_r weights_r loss_r / rows`` (weights may be None: ones).

    Parameters
    ----------
    name : str, optional
    """

    sparse = False  # targets are class numbers
    unit_range = False  # targets should lie in [0, 1]

    def __init__(self, name: str | None = None) -> None:
        self.name = name or _snake_name(type(self))

    def call(self, y_true: Tensor, y_pred: Tensor, *, ctx: Context) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no call(y_true, y_pred, *, ctx).")

    def backward(self, weights: Tensor | None, *, ctx: Context) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no backward(weights, *, ctx).")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """Return the loss of a batch as a number.

        Examples
        --------
        >>> MeanSquaredError()([[0.0, 0.0]], [[1.0, 3.0]])
        5.0
        """
        y_pred = floats(y_pred)
        y_true = self.prepare(y_true, y_pred.shape, y_pred.dtype)
        values = self.call(y_true, y_pred, ctx=Context())
        weights = None if sample_weight is None else np.asarray(sample_weight, y_pred.dtype)
        return float(np.asarray(ops.weighted_mean(values, weights))[0])

    def prepare(self, y_true: Any, shape: tuple, dtype: Any, name: str | None = None) -> np.ndarray:
        """Return targets as this loss takes them, for predictions of this shape.

        A last axis of length 1 is added or dropped where only that makes them fit.

        Raises
        ------
        ShapeError, ValueError
            If they do not fit, or a class number is outside of the prediction.
        """
        y = np.asarray(y_true)
        where = name or self.name
        if y.dtype.kind not in "fiub":
            raise TypeError(f"{where}: targets must be numbers. Got dtype {y.dtype}.")
        if self.sparse:
            return self._prepare_labels(y, shape, where)
        if y.ndim == len(shape) - 1 and shape[-1] == 1:
            y = y[..., None]
        if y.ndim != len(shape) or tuple(y.shape[1:]) != tuple(shape[1:]):
            hint = ""
            if y.ndim == len(shape) - 1 and "categorical" in where:
                hint = ' Targets that are class numbers need "sparse_categorical_crossentropy".'
            raise ShapeError(
                f"{where}: targets do not fit the predictions. "
                f"Got targets {y.shape}, predictions {tuple(shape)}.{hint}"
            )
        return np.ascontiguousarray(y, dtype=dtype)

    def _prepare_labels(self, y: np.ndarray, shape: tuple, where: str) -> np.ndarray:
        if y.ndim == len(shape) and y.shape[-1] == 1:
            y = y[..., 0]
        if y.ndim != len(shape) - 1 or tuple(y.shape[1:]) != tuple(shape[1:-1]):
            raise ShapeError(
                f"{where}: targets must be one class number per row of the predictions. "
                f"Got targets {y.shape}, predictions {tuple(shape)}."
                + (' One-hot targets need "categorical_crossentropy".' * (y.ndim == len(shape)))
            )
        if y.size and not (y.min() >= 0 and y.max() < shape[-1]):
            raise ValueError(
                f"{where}: class numbers must lie in 0..{shape[-1] - 1}, as the predictions have "
                f"{shape[-1]} classes. Got {y.min()}..{y.max()}."
            )
        if y.dtype.kind == "f" and not np.array_equal(y, np.floor(y)):
            raise ValueError(f"{where}: class numbers must be whole. Got fractions.")
        return np.ascontiguousarray(y, dtype=np.int32)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        return cls(**config)


def floats(values: Any) -> np.ndarray:
    """Return predictions as floats: arrays of floats as they are, all else as float32."""
    array = np.asarray(values)
    known = hasattr(values, "dtype") and array.dtype.kind == "f"
    return array if known else array.astype(np.float32)


class _PlainLoss(Loss):
    """A loss of one forward and one backward operation on prediction and target."""

    forward_op: Any
    backward_op: Any

    def call(self, y_true: Tensor, y_pred: Tensor, *, ctx: Context) -> Tensor:
        ctx.save(y_pred, y_true)
        return type(self).forward_op(y_pred, y_true)

    def backward(self, weights: Tensor | None, *, ctx: Context) -> Tensor:
        y_pred, y_true = ctx.saved
        return type(self).backward_op(y_pred, y_true, weights)


class MeanSquaredError(_PlainLoss):
    """Mean over the last axis of ``(y_true - y_pred)^2``.

    Examples
    --------
    >>> MeanSquaredError()([[0.0, 0.0]], [[1.0, 3.0]])
    5.0
    """

    forward_op = staticmethod(ops.mean_squared_error_forward)
    backward_op = staticmethod(ops.mean_squared_error_backward)


class _Crossentropy(Loss):
    """From probabilities, or from logits with the softmax (sigmoid) fused in."""

    from_p: tuple[Any, Any]
    from_x: tuple[Any, Any]
    keeps_p = True  # whether the fused forward operation also gives the probabilities

    def __init__(self, from_logits: bool = False, name: str | None = None) -> None:
        super().__init__(name)
        self.from_logits = bool(from_logits)

    def call(self, y_true: Tensor, y_pred: Tensor, *, ctx: Context) -> Tensor:
        if not self.from_logits:
            ctx.save(y_pred, y_true)
            return self.from_p[0](y_pred, y_true)
        if not self.keeps_p:
            ctx.save(y_pred, y_true)
            return self.from_x[0](y_pred, y_true)
        values, p = self.from_x[0](y_pred, y_true)
        ctx.save(p, y_true)
        return values

    def backward(self, weights: Tensor | None, *, ctx: Context) -> Tensor:
        p, y_true = ctx.saved
        return (self.from_x if self.from_logits else self.from_p)[1](p, y_true, weights)

    def get_config(self) -> dict[str, Any]:
        return {"from_logits": self.from_logits, **super().get_config()}


class CategoricalCrossentropy(_Crossentropy):
    """Cross-entropy against one-hot targets: ``-sum_k t_k log p_k``.

    Parameters
    ----------
    from_logits : bool
        Predictions are logits; else probabilities, clipped to [1e-7, 1 - 1e-7].

    Examples
    --------
    >>> round(CategoricalCrossentropy()([[1, 0]], [[0.5, 0.5]]), 4)
    0.6931
    """

    from_p = (ops.categorical_crossentropy_forward, ops.categorical_crossentropy_backward)
    from_x = (ops.softmax_crossentropy_forward, ops.softmax_crossentropy_backward)


class SparseCategoricalCrossentropy(_Crossentropy):
    """Cross-entropy against class numbers: ``-log p_label``.

    Parameters
    ----------
    from_logits : bool
        Predictions are logits; else probabilities, clipped to [1e-7, 1 - 1e-7].

    Examples
    --------
    >>> round(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]]), 4)
    0.6931
    """

    sparse = True
    from_p = (
        ops.sparse_categorical_crossentropy_forward,
        ops.sparse_categorical_crossentropy_backward,
    )
    from_x = (
        ops.sparse_softmax_crossentropy_forward,
        ops.sparse_softmax_crossentropy_backward,
    )


class BinaryCrossentropy(_Crossentropy):
    """Binary cross-entropy, mean over the last axis: ``-(t log p + (1 - t) log(1 - p))``.

    Parameters
    ----------
    from_logits : bool
        Predictions are logits; else probabilities, clipped to [1e-7, 1 - 1e-7].

    Examples
    --------
    >>> round(BinaryCrossentropy()([[1.0]], [[0.5]]), 4)
    0.6931
    """

    keeps_p = False
    from_p = (ops.binary_crossentropy_forward, ops.binary_crossentropy_backward)
    from_x = (ops.sigmoid_crossentropy_forward, ops.sigmoid_crossentropy_backward)


def _snake_name(cls: type) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in cls.__name__).lstrip("_")


_CLASSES = {
    c.__name__: c
    for c in (
        MeanSquaredError,
        CategoricalCrossentropy,
        SparseCategoricalCrossentropy,
        BinaryCrossentropy,
    )
}
_NAMES = {_snake_name(c): c for c in _CLASSES.values()} | {"mse": MeanSquaredError}


def get(identifier: Any) -> Loss:
    """Return a loss from its name, class or configuration, or as it is.

    Examples
    --------
    >>> get("mse").name
    'mean_squared_error'
    """
    if isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, dict) and identifier.get("class_name") in _CLASSES:
        return _CLASSES[identifier["class_name"]].from_config(identifier.get("config", {}))
    if isinstance(identifier, str):
        found = _NAMES.get(identifier) or _CLASSES.get(identifier)
        if found is not None:
            return found()
    elif isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    elif callable(identifier):
        raise TypeError(
            f"loss: a bare function has no known derivative. Got {identifier!r}. "
            "Write a subclass of cnnlite.losses.Loss with call and backward."
        )
    raise ValueError(
        f"loss: no such loss. Got {identifier!r}. Choose one of {', '.join(_NAMES)}, "
        "or pass a Loss."
    )
