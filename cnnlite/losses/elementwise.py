"""Losses that are the mean of a function of each prediction and its target."""

from __future__ import annotations

from typing import Any

from cnnlite import arguments, ops
from cnnlite.layers.context import Context
from cnnlite.losses.base import Loss
from cnnlite.ops.core import Tensor

MEAN = "sum_over_batch_size"


class ElementwiseLoss(Loss):
    """A loss that one family of kernels computes; ``function`` names its member."""

    function = ""
    delta = 1.0

    def targets(self, y_true: Tensor) -> Tensor:
        """Return the targets as the function takes them."""
        return y_true

    def call(self, y_true: Tensor, y_pred: Tensor, *, ctx: Context) -> Tensor:
        y_true = self.targets(y_true)
        ctx.save(y_pred, y_true)
        return ops.elementwise_loss_forward(y_pred, y_true, self.function, delta=self.delta)

    def backward(self, weights: Tensor | None, *, ctx: Context) -> Tensor:
        y_pred, y_true = ctx.saved
        return ops.elementwise_loss_backward(
            y_pred, y_true, self.function, weights, delta=self.delta
        )


class MeanSquaredError(ElementwiseLoss):
    """Mean over the last axis of ``(y_true - y_pred)^2``.

    Examples
    --------
    >>> MeanSquaredError()([[0.0, 0.0]], [[1.0, 3.0]])
    5.0
    """

    function = "squared_error"

    def __init__(
        self,
        reduction: str | None = MEAN,
        name: str | None = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanAbsoluteError(ElementwiseLoss):
    """Mean over the last axis of ``|y_true - y_pred|``.

    Examples
    --------
    >>> MeanAbsoluteError()([[0.0, 0.0]], [[1.0, 3.0]])
    2.0
    """

    function = "absolute_error"

    def __init__(
        self,
        reduction: str | None = MEAN,
        name: str | None = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanAbsolutePercentageError(ElementwiseLoss):
    """Mean over the last axis of ``100 |y_true - y_pred| / max(|y_true|, 1e-7)``.

    Examples
    --------
    >>> MeanAbsolutePercentageError()([[1.0, 4.0]], [[2.0, 3.0]])
    62.5
    """

    function = "absolute_percentage_error"

    def __init__(
        self,
        reduction: str | None = MEAN,
        name: str | None = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanSquaredLogarithmicError(ElementwiseLoss):
    """Mean over the last axis of ``(log(y_true + 1) - log(y_pred + 1))^2``, both at least 1e-7.

    Examples
    --------
    >>> round(MeanSquaredLogarithmicError()([[0.0]], [[1.0]]), 4)
    0.4805
    """

    function = "squared_logarithmic_error"

    def __init__(
        self,
        reduction: str | None = MEAN,
        name: str | None = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class Huber(ElementwiseLoss):
    """Mean of ``e^2 / 2`` where ``|e| <= delta``, elsewhere ``delta |e| - delta^2 / 2``.

    Parameters
    ----------
    delta : float
        Where the loss turns from square to linear.
    reduction, name, dtype
        As every loss takes them.

    Examples
    --------
    >>> Huber()([[0.0, 0.0]], [[1.0, 3.0]])
    1.5
    """

    function = "huber"

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = MEAN,
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.delta = arguments.number(delta, f"{self.name}: delta", 0, open_ends="[)")

    def get_config(self) -> dict[str, Any]:
        return {"delta": self.delta, **super().get_config()}


class LogCosh(ElementwiseLoss):
    """Mean over the last axis of ``log cosh(y_pred - y_true)``.

    Examples
    --------
    >>> round(LogCosh()([[0.0]], [[1.0]]), 4)
    0.4338
    """

    function = "log_cosh"

    def __init__(
        self, reduction: str | None = MEAN, name: str | None = "log_cosh", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class Poisson(ElementwiseLoss):
    """Mean over the last axis of ``y_pred - y_true log(y_pred + 1e-7)``.

    Examples
    --------
    >>> round(Poisson()([[2.0]], [[1.0]]), 4)
    1.0
    """

    function = "poisson"

    def __init__(
        self, reduction: str | None = MEAN, name: str | None = "poisson", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class KLDivergence(ElementwiseLoss):
    """Sum over the last axis of ``y_true log(y_true / y_pred)``, both clipped to [1e-7, 1].

    Examples
    --------
    >>> round(KLDivergence()([[1.0, 0.0]], [[0.5, 0.5]]), 4)
    0.6931
    """

    function = "kl_divergence"

    def __init__(
        self, reduction: str | None = MEAN, name: str | None = "kl_divergence", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)
