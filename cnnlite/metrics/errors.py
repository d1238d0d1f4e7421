"""Metrics that are the mean of a loss's values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnnlite import losses, ops
from cnnlite.layers.context import Context
from cnnlite.losses.base import check_classes
from cnnlite.metrics.base import Metric
from cnnlite.ops.core import Tensor


class LossMetric(Metric):
    """The weighted mean of a loss's values, one per row."""

    loss: losses.Loss

    def __init__(self, loss: losses.Loss, name: str | None, dtype: Any) -> None:
        super().__init__(dtype, name)
        self.loss = loss
        self.sparse = loss.sparse

    def check_labels(self, labels: np.ndarray, classes: int) -> None:
        """Raise where the loss would not take these class numbers."""
        super().check_labels(labels, classes)
        check_classes(labels, classes, self.name, getattr(self.loss, "ignore_class", None))

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self.loss.call(y_true, y_pred, ctx=Context())


class MeanSquaredError(LossMetric):
    """Mean of the squared difference.

    Examples
    --------
    >>> MeanSquaredError()([[0.0, 0.0]], [[1.0, 3.0]])
    5.0
    """

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(losses.MeanSquaredError(), name, dtype)


class RootMeanSquaredError(Metric):
    """Root of the mean squared difference over all batches.

    Examples
    --------
    >>> RootMeanSquaredError()([[0.0, 0.0]], [[3.0, 3.0]])
    3.0
    """

    elementwise = True

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(dtype, name)

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return ops.elementwise_loss_forward(y_pred, y_true, "squared_error")

    def result(self) -> float:
        return math.sqrt(super().result())


class MeanAbsoluteError(LossMetric):
    """Mean of the absolute difference.

    Examples
    --------
    >>> MeanAbsoluteError()([[0.0, 0.0]], [[1.0, 3.0]])
    2.0
    """

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(losses.MeanAbsoluteError(), name, dtype)


class MeanAbsolutePercentageError(LossMetric):
    """Mean of the absolute difference in percent of the target.

    Examples
    --------
    >>> MeanAbsolutePercentageError()([[1.0, 4.0]], [[2.0, 3.0]])
    62.5
    """

    def __init__(
        self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None
    ) -> None:
        super().__init__(losses.MeanAbsolutePercentageError(), name, dtype)


class MeanSquaredLogarithmicError(LossMetric):
    """Mean of the squared difference of ``log(y + 1)``.

    Examples
    --------
    >>> MeanSquaredLogarithmicError()([[1.0]], [[1.0]])
    0.0
    """

    def __init__(
        self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None
    ) -> None:
        super().__init__(losses.MeanSquaredLogarithmicError(), name, dtype)


class LogCoshError(LossMetric):
    """Mean of ``log cosh`` of the difference.

    Examples
    --------
    >>> LogCoshError()([[1.0]], [[1.0]])
    0.0
    """

    def __init__(self, name: str | None = "logcosh", dtype: Any = None) -> None:
        super().__init__(losses.LogCosh(), name, dtype)


class Poisson(LossMetric):
    """Mean of ``y_pred - y_true log(y_pred + 1e-7)``.

    Examples
    --------
    >>> Poisson()([[0.0]], [[1.0]])
    1.0
    """

    def __init__(self, name: str | None = "poisson", dtype: Any = None) -> None:
        super().__init__(losses.Poisson(), name, dtype)


class KLDivergence(LossMetric):
    """Mean over the rows of the Kullback-Leibler divergence.

    Examples
    --------
    >>> KLDivergence()([[0.5, 0.5]], [[0.5, 0.5]])
    0.0
    """

    def __init__(self, name: str | None = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(losses.KLDivergence(), name, dtype)


class Hinge(LossMetric):
    """Mean of the hinge of targets -1 and 1 (or 0 and 1).

    Examples
    --------
    >>> Hinge()([[0.0, 1.0]], [[0.5, 0.5]])
    1.0
    """

    def __init__(self, name: str | None = "hinge", dtype: Any = None) -> None:
        super().__init__(losses.Hinge(), name, dtype)


class SquaredHinge(LossMetric):
    """Mean of the squared hinge of targets -1 and 1 (or 0 and 1).

    Examples
    --------
    >>> SquaredHinge()([[0.0, 1.0]], [[0.5, 0.5]])
    1.25
    """

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(losses.SquaredHinge(), name, dtype)


class CategoricalHinge(LossMetric):
    """Mean of the hinge between the right class and the best of the others.

    Examples
    --------
    >>> CategoricalHinge()([[0.0, 1.0]], [[0.25, 0.75]])
    0.5
    """

    def __init__(self, name: str | None = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(losses.CategoricalHinge(), name, dtype)


class CosineSimilarity(LossMetric):
    """Mean of the cosine of the angle between prediction and target: 1 where they agree.

    Parameters
    ----------
    name, dtype
        As every metric takes them.
    axis : int
        Along which the vectors lie.

    Examples
    --------
    >>> round(CosineSimilarity()([[3.0, 4.0]], [[1.0, 0.0]]), 4)
    0.6
    """

    def __init__(
        self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(losses.CosineSimilarity(axis), name, dtype)
        self.axis = axis

    def result(self) -> float:
        return -super().result()

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class BinaryCrossentropy(LossMetric):
    """Mean of the binary cross-entropy.

    Parameters
    ----------
    name, dtype
        As every metric takes them.
    from_logits, label_smoothing
        As :class:`cnnlite.losses.BinaryCrossentropy` takes them.

    Examples
    --------
    >>> round(BinaryCrossentropy()([[1.0]], [[0.5]]), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        loss = losses.BinaryCrossentropy(from_logits, label_smoothing)
        super().__init__(loss, name, dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **_options(self.loss, "from_logits", "label_smoothing")}


class CategoricalCrossentropy(LossMetric):
    """Mean of the cross-entropy against one-hot targets.

    Parameters
    ----------
    name, dtype
        As every metric takes them.
    from_logits, label_smoothing, axis
        As :class:`cnnlite.losses.CategoricalCrossentropy` takes them.

    Examples
    --------
    >>> round(CategoricalCrossentropy()([[1, 0]], [[0.5, 0.5]]), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        loss = losses.CategoricalCrossentropy(from_logits, label_smoothing, axis)
        super().__init__(loss, name, dtype)

    def get_config(self) -> dict[str, Any]:
        options = _options(self.loss, "from_logits", "label_smoothing", "axis")
        return {**super().get_config(), **options}


class SparseCategoricalCrossentropy(LossMetric):
    """Mean of the cross-entropy against class numbers.

    Parameters
    ----------
    name, dtype
        As every metric takes them.
    from_logits, ignore_class, axis
        As :class:`cnnlite.losses.SparseCategoricalCrossentropy` takes them.  Rows of the
        ignored class count with the value 0, as in Keras, where no weights are given.

    Examples
    --------
    >>> round(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]]), 4)
    0.6931
    """

    sparse = True

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        loss = losses.SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis)
        super().__init__(loss, name, dtype)

    def record(self, y_true: Tensor, y_pred: Tensor, weights: Tensor | None = None) -> None:
        if weights is not None:
            mask = self.loss.compute_mask(y_true, None, y_pred.dtype)
            if mask is not None:
                rows = weights.shape
                weights = ops.loss_weights(
                    weights, mask, rows=rows, reduction="sum", scale=1 / max(weights.size, 1)
                )
        super().record(y_true, y_pred, weights)

    def get_config(self) -> dict[str, Any]:
        options = _options(self.loss, "from_logits", "ignore_class", "axis")
        return {**super().get_config(), **options}


def _options(loss: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(loss, name) for name in names}
