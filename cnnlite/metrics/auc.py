"""The area under a curve over all thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite import arguments, ops
from cnnlite.errors import ShapeError
from cnnlite.metrics.base import MOST_VALUES
from cnnlite.metrics.thresholds import EPSILON, ThresholdMetric, ratio
from cnnlite.ops.core import Tensor

CURVES = ("ROC", "PR")
METHODS = ("interpolation", "minoring", "majoring")


class AUC(ThresholdMetric):
    """Area under the ROC or the precision-recall curve, by a sum over thresholds.

    Parameters
    ----------
    num_thresholds : int
        That lie evenly between 0 and 1, two of them just beyond.
    curve : str
        ``"ROC"``: true positives over false positives; ``"PR"``: precision over recall.
    summation_method : str
        ``"interpolation"`` (for PR that of Davis and Goadrich 2006), ``"minoring"`` and
        ``"majoring"``: the lower and the higher end of each step.
    name, dtype
        As every metric takes them.
    thresholds : list of float, optional
        Other thresholds than the even ones; 0 and 1 are added.
    multi_label : bool
        Compute the area of each column, and take their mean.
    num_labels : int, optional
        Number of columns, where they are several labels.
    label_weights : list of float, optional
        What the columns count.
    from_logits : bool
        Predictions are logits.

    Examples
    --------
    >>> AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
    0.75
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        where = name or "auc"
        curve = curve.upper() if isinstance(curve, str) else curve
        self.curve = arguments.one_of(curve, CURVES, f"{where}: curve")
        method = summation_method
        method = method.lower() if isinstance(method, str) else method
        self.summation_method = arguments.one_of(method, METHODS, f"{where}: summation_method")
        self.multi_label = bool(multi_label)
        self.from_logits = bool(from_logits)
        self.thresholds = None
        if thresholds is not None:
            self.thresholds = sorted(arguments.numbers(thresholds, f"{where}: thresholds", 0, 1))
            inner = np.array(self.thresholds)
        else:
            most = MOST_VALUES // 2
            count = arguments.whole(num_thresholds, f"{where}: num_thresholds", 2, most)
            inner = np.arange(1, count - 1) / (count - 1)
        if num_labels is not None:
            if not self.multi_label:
                raise ValueError(f"{where}: num_labels needs multi_label=True. Got {num_labels!r}.")
            most = MOST_VALUES // (2 * (len(inner) + 3))
            num_labels = arguments.whole(num_labels, f"{where}: num_labels", 1, most)
        self.num_labels = num_labels
        self.label_weights = None
        if label_weights is not None:
            self.label_weights = arguments.numbers(
                label_weights, f"{where}: label_weights", 0, open_ends="[)"
            )
        ends = [-EPSILON], [1 + EPSILON]
        super().__init__(np.concatenate([ends[0], inner, ends[1]]), name, dtype)
        # Labels that weigh differently are counted apart too.
        self.per_label = self.multi_label or label_weights is not None
        self.elementwise = not self.per_label
        if num_labels:
            self.build((None, num_labels))

    @property
    def num_thresholds(self) -> int:
        return len(self._ascending)

    def build(self, y_pred_shape: Any) -> None:
        if not self.per_label:
            return
        if len(y_pred_shape) != 2:
            raise ShapeError(
                f"{self.name}: several labels take predictions (rows, labels). "
                f"Got {tuple(y_pred_shape)}."
            )
        labels = int(y_pred_shape[-1])
        for given, what in ((self.num_labels, "num_labels"), (self._weighed(), "label_weights")):
            if given is not None and given != labels:
                raise ShapeError(
                    f"{self.name}: predictions have {labels} labels but {what} says {given}."
                )
        shape = (*self.state.shape[:2], labels)
        if self.state.shape != shape:
            self.state = np.zeros(shape)

    def _weighed(self) -> int | None:
        return None if self.label_weights is None else len(self.label_weights)

    def record(self, y_true: Tensor, y_pred: Tensor, weights: Tensor | None = None) -> None:
        super().record(y_true, ops.sigmoid(y_pred) if self.from_logits else y_pred, weights)

    def result(self) -> float:
        """Return the area so far."""
        weights = np.ones(self.state.shape[2])
        if self.label_weights is not None:
            weights = np.array(self.label_weights)
        hits, alarms, rejections, misses = self.counts()
        if not self.multi_label:
            hits, alarms = (c @ weights[:, None] for c in (hits, alarms))
            rejections, misses = (c @ weights[:, None] for c in (rejections, misses))
            weights = np.ones(1)
        areas = self._areas(hits, alarms, rejections, misses)
        return float(ratio((areas * weights).sum(), weights.sum()))

    def _areas(
        self, hits: np.ndarray, alarms: np.ndarray, rejections: np.ndarray, misses: np.ndarray
    ) -> np.ndarray:
        """Return the area of each label from the four counts at each threshold."""
        recall = ratio(hits, hits + misses)
        if self.curve == "ROC":
            x, y = ratio(alarms, alarms + rejections), recall
        elif self.summation_method == "interpolation":
            return _interpolated(hits, hits + alarms, hits + misses)
        else:
            x, y = recall, ratio(hits, hits + alarms)
        heights = {
            "interpolation": (y[:-1] + y[1:]) / 2,
            "minoring": np.minimum(y[:-1], y[1:]),
            "majoring": np.maximum(y[:-1], y[1:]),
        }[self.summation_method]
        return ((x[:-1] - x[1:]) * heights).sum(axis=0)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "thresholds": self.thresholds,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self.from_logits,
        }


def _interpolated(hits: np.ndarray, predicted: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the area under precision over recall, by Davis and Goadrich's interpolation.

    Between two thresholds the hits grow linearly with the positive predictions,
    ``hits = a + s p``; the integral of ``hits / p`` over the hits, ``s dp``, is
    ``s (dhits + a log(p_high / p_low))``.
    """
    slope = ratio(hits[:-1] - hits[1:], np.maximum(predicted[:-1] - predicted[1:], 0))
    start = hits[1:] - slope * predicted[1:]
    both = (predicted[:-1] > 0) & (predicted[1:] > 0)
    grown = np.where(both, ratio(predicted[:-1], predicted[1:]), 1.0)
    steps = slope * (hits[:-1] - hits[1:] + start * np.log(grown))
    return ratio(steps, wanted[1:]).sum(axis=0)
