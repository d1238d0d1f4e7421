"""Metrics of whole classes: F-scores, the confusion matrix."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnnlite import arguments, ops
from cnnlite.errors import ShapeError
from cnnlite.losses.base import as_floats, check_classes
from cnnlite.metrics.base import MOST_VALUES, Metric
from cnnlite.ops.core import Tensor

_EPSILON = 1e-7


class FBetaScore(Metric):
    """``(1 + beta^2) precision recall / (beta^2 precision + recall)`` of each class.

    Parameters
    ----------
    average : str, optional
        None: an array of all classes; ``"macro"``: their mean; ``"weighted"``: weighted by
        the targets of each; ``"micro"``: the score of all decisions together.
    beta : float
        How many times recall counts as much as precision.
    threshold : float, optional
        A prediction over it is positive; by default the largest of each row.
    name, dtype
        As every metric takes them.

    Examples
    --------
    >>> metric = FBetaScore(beta=2.0, threshold=0.5)
    >>> metric([[1, 1], [1, 0]], [[0.2, 0.6], [0.6, 0.8]]).round(4)
    array([0.5556, 0.8333])
    """

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        ways = (None, "micro", "macro", "weighted")
        self.average = arguments.one_of(average, ways, f"{self.name}: average")
        self.beta = arguments.number(beta, f"{self.name}: beta", 0, open_ends="()")
        self.threshold = threshold
        if threshold is not None:
            where = f"{self.name}: threshold"
            self.threshold = arguments.number(threshold, where, 0, 1, open_ends="(]")
        self.state = np.zeros((3, 0))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of predictions (rows, classes)."""
        _check_columns(self.name, np.shape(y_pred))
        super().update_state(y_true, y_pred, sample_weight)

    def build(self, y_pred_shape: Any) -> None:
        _check_columns(self.name, y_pred_shape)
        if self.state.shape != (3, y_pred_shape[-1]):
            self.state = np.zeros((3, y_pred_shape[-1]))

    def record(self, y_true: Tensor, y_pred: Tensor, weights: Tensor | None = None) -> None:
        ops.class_update(self.state, y_pred, y_true, weights, threshold=self.threshold)

    def result(self) -> Any:
        """Return the score so far, of each class without ``average``."""
        hits, predicted, wanted = self.state.sum(axis=1) if self.average == "micro" else self.state
        precision, recall = hits / (predicted + _EPSILON), hits / (wanted + _EPSILON)
        square = self.beta**2
        score: Any = (1 + square) * precision * recall / (square * precision + recall + _EPSILON)
        if self.average is None:
            return score
        if self.average == "weighted":
            return float((score * wanted).sum() / (wanted.sum() + _EPSILON))
        return float(np.mean(score)) if np.size(score) else 0.0

    def get_config(self) -> dict[str, Any]:
        options = {"average": self.average, "beta": self.beta, "threshold": self.threshold}
        return {**super().get_config(), **options}


class F1Score(FBetaScore):
    """Harmonic mean of precision and recall of each class.

    Parameters
    ----------
    average : str, optional
        None: an array of all classes; ``"macro"``: their mean; ``"weighted"``: weighted by
        the targets of each; ``"micro"``: the score of all decisions together.
    threshold : float, optional
        A prediction over it is positive; by default the largest of each row.
    name, dtype
        As every metric takes them.

    Examples
    --------
    >>> round(F1Score(average="macro")([[1, 0], [0, 1]], [[0.6, 0.4], [0.3, 0.7]]), 4)
    1.0
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["beta"]
        return config


class ConfusionMatrix(Metric):
    """How many rows of each class (down) were taken for which class (across).

    A result is an array (classes, classes), of floats as samples may have weights; the
    log of an epoch holds it as it is.  Targets are class numbers or one-hot; in a model,
    rows of a class that the loss ignores (``ignore_class``) are in no cell.

    Parameters
    ----------
    num_classes : int, optional
        Default: the number of columns of the predictions, 2 for one column.
    threshold : float
        A prediction of one column over it is class 1, else class 0.
    name, dtype
        As every metric takes them.

    Examples
    --------
    >>> ConfusionMatrix()([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    array([[1., 0.],
           [1., 1.]])
    """

    sparse = None

    def __init__(
        self,
        num_classes: int | None = None,
        threshold: float = 0.5,
        name: str | None = "confusion_matrix",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if num_classes is not None:
            most = math.isqrt(MOST_VALUES)
            num_classes = arguments.whole(num_classes, f"{self.name}: num_classes", 2, most)
        self.num_classes = num_classes
        self.threshold = arguments.number(threshold, f"{self.name}: threshold", open_ends="()")
        self.state = np.zeros((num_classes or 0,) * 2)

    def build(self, y_pred_shape: Any) -> None:
        classes = max(int(y_pred_shape[-1]), 2)
        if self.num_classes not in (None, classes):
            raise ShapeError(
                f"{self.name}: the predictions have {classes} classes but num_classes says "
                f"{self.num_classes}. Got predictions {tuple(y_pred_shape)}."
            )
        if classes**2 > MOST_VALUES:
            raise ShapeError(
                f"{self.name}: {classes} classes are too many for a matrix, "
                f"{8e-9 * classes**2:.1f} GB. Got predictions {tuple(y_pred_shape)}."
            )
        if self.state.shape != (classes, classes):
            self.state = np.zeros((classes, classes))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch; predictions of one axis are one column."""
        y_pred = as_floats(y_pred, self.dtype, self.name)
        if y_pred.ndim == 1:
            y_pred, y_true = y_pred[:, None], np.asarray(y_true).reshape(-1, 1)
        super().update_state(y_true, y_pred, sample_weight)

    def check_labels(self, labels: np.ndarray, classes: int) -> None:
        """Raise unless each class number has a row in the matrix."""
        super().check_labels(labels, classes)
        check_classes(labels, max(classes, 2), self.name)

    def record(self, y_true: Tensor, y_pred: Tensor, weights: Tensor | None = None) -> None:
        ops.confusion_update(self.state, y_pred, y_true, weights, threshold=self.threshold)

    def result(self) -> np.ndarray:
        """Return the matrix so far."""
        return self.state.copy()

    def get_config(self) -> dict[str, Any]:
        options = {"num_classes": self.num_classes, "threshold": self.threshold}
        return {**super().get_config(), **options}


def _check_columns(name: str, shape: Any) -> None:
    if len(shape) != 2 or shape[-1] is None:
        raise ShapeError(f"{name}: predictions must be (rows, classes). Got {tuple(shape)}.")
