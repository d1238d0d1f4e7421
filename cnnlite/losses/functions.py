"""Losses as functions: one value per row of the predictions."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite.losses.base import Loss
from cnnlite.losses.crossentropies import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from cnnlite.losses.elementwise import (
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
)
from cnnlite.losses.margins import CategoricalHinge, CosineSimilarity, Hinge, SquaredHinge


def _values(loss: Loss, y_true: Any, y_pred: Any) -> np.ndarray:
    return loss.values(y_true, y_pred)[0]


def mean_squared_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """Mean over the last axis of ``(y_true - y_pred)^2``.

    Examples
    --------
    >>> mean_squared_error([[0.0, 0.0]], [[1.0, 3.0]])
    array([5.], dtype=float32)
    """
    return _values(MeanSquaredError(), y_true, y_pred)


def mean_absolute_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """Mean over the last axis of ``|y_true - y_pred|``.

    Examples
    --------
    >>> mean_absolute_error([[0.0, 0.0]], [[1.0, 3.0]])
    array([2.], dtype=float32)
    """
    return _values(MeanAbsoluteError(), y_true, y_pred)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """Mean over the last axis of ``100 |y_true - y_pred| / |y_true|``.

    Examples
    --------
    >>> mean_absolute_percentage_error([[1.0, 4.0]], [[2.0, 3.0]])
    array([62.5], dtype=float32)
    """
    return _values(MeanAbsolutePercentageError(), y_true, y_pred)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """Mean over the last axis of ``(log(y_true + 1) - log(y_pred + 1))^2``.

    Examples
    --------
    >>> mean_squared_logarithmic_error([[1.0]], [[1.0]])
    array([0.], dtype=float32)
    """
    return _values(MeanSquaredLogarithmicError(), y_true, y_pred)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> np.ndarray:
    """Mean over the last axis of Huber's loss: square up to delta, linear beyond.

    Examples
    --------
    >>> huber([[0.0, 0.0]], [[1.0, 3.0]])
    array([1.5], dtype=float32)
    """
    return _values(Huber(delta), y_true, y_pred)


def log_cosh(y_true: Any, y_pred: Any) -> np.ndarray:
    """Mean over the last axis of ``log cosh(y_pred - y_true)``.

    Examples
    --------
    >>> log_cosh([[1.0]], [[1.0]])
    array([0.], dtype=float32)
    """
    return _values(LogCosh(), y_true, y_pred)


def poisson(y_true: Any, y_pred: Any) -> np.ndarray:
    """Mean over the last axis of ``y_pred - y_true log(y_pred + 1e-7)``.

    Examples
    --------
    >>> poisson([[0.0]], [[1.0]])
    array([1.], dtype=float32)
    """
    return _values(Poisson(), y_true, y_pred)


def kl_divergence(y_true: Any, y_pred: Any) -> np.ndarray:
    """Sum over the last axis of ``y_true log(y_true / y_pred)``.

    Examples
    --------
    >>> kl_divergence([[0.5, 0.5]], [[0.5, 0.5]])
    array([0.], dtype=float32)
    """
    return _values(KLDivergence(), y_true, y_pred)


def hinge(y_true: Any, y_pred: Any) -> np.ndarray:
    """Mean over the last axis of ``max(1 - y_true y_pred, 0)``.

    Examples
    --------
    >>> hinge([[0.0, 1.0]], [[0.5, 0.5]])
    array([1.], dtype=float32)
    """
    return _values(Hinge(), y_true, y_pred)


def squared_hinge(y_true: Any, y_pred: Any) -> np.ndarray:
    """Mean over the last axis of ``max(1 - y_true y_pred, 0)^2``.

    Examples
    --------
    >>> squared_hinge([[0.0, 1.0]], [[0.5, 0.5]])
    array([1.25], dtype=float32)
    """
    return _values(SquaredHinge(), y_true, y_pred)


def categorical_hinge(y_true: Any, y_pred: Any) -> np.ndarray:
    """``max(max_k (1 - t_k) y_k - sum_k t_k y_k + 1, 0)``.

    Examples
    --------
    >>> categorical_hinge([[0.0, 1.0]], [[0.25, 0.75]])
    array([0.5], dtype=float32)
    """
    return _values(CategoricalHinge(), y_true, y_pred)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> np.ndarray:
    """Minus the cosine of the angle between prediction and target.

    Examples
    --------
    >>> cosine_similarity([[3.0, 4.0]], [[1.0, 0.0]])
    array([-0.6], dtype=float32)
    """
    return _values(CosineSimilarity(axis), y_true, y_pred)


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """Mean over the last axis of ``-(t log p + (1 - t) log(1 - p))``.

    Examples
    --------
    >>> binary_crossentropy([[1.0]], [[0.5]]).round(4)
    array([0.6931], dtype=float32)
    """
    return _values(BinaryCrossentropy(from_logits, label_smoothing, axis), y_true, y_pred)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> np.ndarray:
    """``-sum_k t_k log p_k`` of one-hot targets.

    Examples
    --------
    >>> categorical_crossentropy([[1, 0]], [[0.5, 0.5]]).round(4)
    array([0.6931], dtype=float32)
    """
    return _values(CategoricalCrossentropy(from_logits, label_smoothing, axis), y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> np.ndarray:
    """``-log p_label`` of class numbers.

    Examples
    --------
    >>> sparse_categorical_crossentropy([1], [[0.5, 0.5]]).round(4)
    array([0.6931], dtype=float32)
    """
    return _values(
        SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis), y_true, y_pred
    )


# The loss that trains as each function measures.
CLASS_OF = {
    mean_squared_error: MeanSquaredError,
    mean_absolute_error: MeanAbsoluteError,
    mean_absolute_percentage_error: MeanAbsolutePercentageError,
    mean_squared_logarithmic_error: MeanSquaredLogarithmicError,
    huber: Huber,
    log_cosh: LogCosh,
    poisson: Poisson,
    kl_divergence: KLDivergence,
    hinge: Hinge,
    squared_hinge: SquaredHinge,
    categorical_hinge: CategoricalHinge,
    cosine_similarity: CosineSimilarity,
    binary_crossentropy: BinaryCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
}
