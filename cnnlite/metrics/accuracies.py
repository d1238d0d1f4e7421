"""Accuracies: shares of predictions that are right."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite import arguments, ops
from cnnlite.metrics.base import Metric
from cnnlite.ops.core import Tensor


class Accuracy(Metric):
    """Share of predictions that equal their targets.

    Parameters
    ----------
    name, dtype
        As every metric takes them.

    Examples
    --------
    >>> Accuracy()([1, 2, 3, 4], [0, 2, 3, 4])
    0.75
    """

    elementwise = True

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(dtype, name)

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return ops.accuracy(y_pred, y_true)


class BinaryAccuracy(Metric):
    """Share of predictions over the threshold where the target is 1, not over it where it is 0.

    Parameters
    ----------
    name, dtype
        As every metric takes them.
    threshold : float

    Examples
    --------
    >>> BinaryAccuracy()([1, 1, 0, 0], [0.98, 1, 0, 0.6])
    0.75
    """

    elementwise = True

    def __init__(
        self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ) -> None:
        super().__init__(dtype, name)
        self.threshold = arguments.number(threshold, f"{self.name}: threshold", open_ends="()")

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return ops.binary_accuracy(y_pred, y_true, self.threshold)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "threshold": self.threshold}


class CategoricalAccuracy(Metric):
    """Share of rows whose largest prediction stands where the one-hot target's does.

    Parameters
    ----------
    name, dtype
        As every metric takes them.

    Examples
    --------
    >>> CategoricalAccuracy()([[0, 1], [1, 0]], [[0.1, 0.9], [0.4, 0.6]])
    0.5
    """

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(dtype, name)

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return ops.categorical_accuracy(y_pred, y_true)


class SparseCategoricalAccuracy(Metric):
    """Share of rows whose largest prediction stands at the class number.

    Parameters
    ----------
    name, dtype
        As every metric takes them.

    Examples
    --------
    >>> SparseCategoricalAccuracy()([1, 0], [[0.1, 0.9], [0.4, 0.6]])
    0.5
    """

    sparse = True

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(dtype, name)

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return ops.sparse_categorical_accuracy(y_pred, y_true)


class TopKCategoricalAccuracy(Metric):
    """Share of rows where the one-hot target's class is among the k largest predictions.

    Parameters
    ----------
    k : int
    name, dtype
        As every metric takes them.

    Examples
    --------
    >>> TopKCategoricalAccuracy(k=2)([[0, 0, 1], [0, 1, 0]], [[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    0.5
    """

    def __init__(
        self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None
    ) -> None:
        super().__init__(dtype, name)
        self.k = arguments.whole(k, f"{self.name}: k", 1)

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return ops.top_k_categorical_accuracy(y_pred, y_true, self.k)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "k": self.k}


class SparseTopKCategoricalAccuracy(Metric):
    """Share of rows where the class number is among the k largest predictions.

    Parameters
    ----------
    k : int
    name, dtype
        As every metric takes them.
    from_sorted_ids : bool
        Predictions are class numbers already, the best first; they are then compared in
        Python after each batch.

    Examples
    --------
    >>> SparseTopKCategoricalAccuracy(k=2)([2, 1], [[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    0.5
    """

    sparse = True

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(dtype, name)
        self.k = arguments.whole(k, f"{self.name}: k", 1)
        self.from_sorted_ids = self.dynamic = bool(from_sorted_ids)

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        if self.from_sorted_ids:
            best = np.asarray(y_pred)[..., : self.k]
            hits = np.any(best == np.asarray(y_true)[..., None], axis=-1)
            return hits.astype(y_pred.dtype)
        return ops.sparse_top_k_categorical_accuracy(y_pred, y_true, self.k)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "k": self.k, "from_sorted_ids": self.from_sorted_ids}
