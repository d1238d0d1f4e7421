"""Losses of margins and angles: the hinges and the cosine similarity."""

from __future__ import annotations

from typing import Any

from cnnlite import ops
from cnnlite.layers.context import Context
from cnnlite.losses.base import Loss
from cnnlite.losses.elementwise import MEAN, ElementwiseLoss
from cnnlite.losses.rows import checked_axis, row_last, rows_back
from cnnlite.ops.core import Tensor


class _SignedLoss(ElementwiseLoss):
    """Targets are -1 and 1; those of a batch that holds only 0 and 1 are turned into these."""

    def targets(self, y_true: Tensor) -> Tensor:
        return ops.map_targets(y_true, 2, -1, only_binary=True)


class Hinge(_SignedLoss):
    """Mean over the last axis of ``max(1 - y_true y_pred, 0)``, with targets -1 and 1.

    Targets of a batch that are all 0 or 1 count as -1 and 1.

    Examples
    --------
    >>> Hinge()([[0.0, 1.0]], [[0.5, 0.5]])
    1.0
    """

    function = "hinge"

    def __init__(
        self, reduction: str | None = MEAN, name: str | None = "hinge", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class SquaredHinge(_SignedLoss):
    """Mean over the last axis of ``max(1 - y_true y_pred, 0)^2``, with targets -1 and 1.

    Targets of a batch that are all 0 or 1 count as -1 and 1.

    Examples
    --------
    >>> SquaredHinge()([[0.0, 1.0]], [[0.5, 0.5]])
    1.25
    """

    function = "squared_hinge"

    def __init__(
        self, reduction: str | None = MEAN, name: str | None = "squared_hinge", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class _RowLoss(Loss):
    """A loss of a whole row; ``function`` names it among the kernels."""

    function = ""

    def call(self, y_true: Tensor, y_pred: Tensor, *, ctx: Context) -> Tensor:
        y_true, y_pred = (row_last(a, self.axis, self.name) for a in (y_true, y_pred))
        ctx.save(y_pred, y_true)
        return ops.row_loss_forward(y_pred, y_true, self.function)

    def backward(self, weights: Tensor | None, *, ctx: Context) -> Tensor:
        y_pred, y_true = ctx.saved
        dy = ops.row_loss_backward(y_pred, y_true, self.function, weights)
        return rows_back(dy, self.axis)


class CategoricalHinge(_RowLoss):
    """``max(max_k (1 - t_k) y_k - sum_k t_k y_k + 1, 0)`` of one-hot targets t.

    Examples
    --------
    >>> CategoricalHinge()([[0.0, 1.0]], [[0.25, 0.75]])
    0.5
    """

    function = "categorical_hinge"

    def __init__(
        self,
        reduction: str | None = MEAN,
        name: str | None = "categorical_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class CosineSimilarity(_RowLoss):
    """Minus the cosine of the angle between prediction and target: -1 where they agree.

    Parameters
    ----------
    axis : int
        Along which the vectors lie.
    reduction, name, dtype
        As every loss takes them.

    Examples
    --------
    >>> round(CosineSimilarity()([[3.0, 4.0]], [[1.0, 0.0]]), 4)
    -0.6
    """

    function = "cosine_similarity"

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = MEAN,
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = checked_axis(axis, self.name)

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis, **super().get_config()}
