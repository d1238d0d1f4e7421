"""Metrics from true and false positives and negatives at thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite import arguments, ops
from cnnlite.metrics.base import Metric
from cnnlite.ops.core import Tensor

EPSILON = 1e-7
_LOWEST = -1e10  # Keras's threshold where top_k alone decides


class ThresholdMetric(Metric):
    """Counts predictions by the thresholds that they exceed.

    The state, (2, T + 1, labels), holds the weights of the positive and of the negative
    elements that exceed so many of the T thresholds; the counts at each threshold are
    sums of these.
    """

    elementwise = True
    per_label = False
    top_k: int | None = None
    class_id: int | None = None

    def __init__(self, thresholds: np.ndarray, name: str | None, dtype: Any) -> None:
        super().__init__(dtype, name)
        self._order = np.argsort(thresholds, kind="stable")
        self._ascending = thresholds[self._order]
        steps = np.linspace(0, 1, len(thresholds))
        # As in Keras, which then takes predictions as probabilities.
        self._clips = len(thresholds) > 2 and np.allclose(thresholds, steps, atol=EPSILON)
        self._arrays: dict[Any, np.ndarray] = {}
        self.state = np.zeros((2, len(thresholds) + 1, 1))

    def record(self, y_true: Tensor, y_pred: Tensor, weights: Tensor | None = None) -> None:
        dtype = np.dtype(y_pred.dtype)
        # A plan reads the array of thresholds for as long as it lives.
        thresholds = self._arrays.setdefault(dtype, self._ascending.astype(dtype))
        ops.threshold_update(
            self.state,
            y_pred,
            y_true,
            thresholds,
            weights,
            top_k=self.top_k,
            class_id=self.class_id,
            per_label=self.per_label,
            clip=self._clips,
        )

    def counts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return true positives, false positives, true and false negatives: (T, labels) each."""
        below = np.cumsum(self.state, axis=1)[:, :-1]
        negative = np.empty_like(below)
        negative[:, self._order] = below
        above = np.cumsum(self.state[:, ::-1], axis=1)[:, ::-1][:, 1:]
        positive = np.empty_like(above)
        positive[:, self._order] = above
        return positive[0], positive[1], negative[1], negative[0]

    def result(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no result().")


def ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a / b, 0 where b is 0."""
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b != 0)


def _one_or_all(each: np.ndarray) -> Any:
    """Return the number of the only threshold, or the array of all."""
    return float(each[0]) if len(each) == 1 else each


def _checked_thresholds(given: Any, default: float, where: str) -> np.ndarray:
    if given is None:
        return np.array([default])
    values = [given] if isinstance(given, int | float | np.number) else given
    found = arguments.numbers(values, f"{where}: thresholds", 0, 1)
    if not found:
        raise TypeError(f"{where}: thresholds must be a number or a list of some. Got {given!r}.")
    return np.array(found)


class _OneOutcome(ThresholdMetric):
    """The weighted number of one of the four outcomes at each threshold."""

    outcome = 0  # its place in counts()

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        self.thresholds = thresholds
        where = name or type(self).__name__
        given = _checked_thresholds(thresholds, 0.5, where)
        super().__init__(given, name, dtype)

    def result(self) -> Any:
        return _one_or_all(self.counts()[self.outcome][:, 0])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": _plain(self.thresholds)}


def _plain(thresholds: Any) -> Any:
    return thresholds.tolist() if isinstance(thresholds, np.ndarray) else thresholds


class TruePositives(_OneOutcome):
    """Number of predictions over the threshold whose target is not 0.

    Parameters
    ----------
    thresholds : float or list of float, optional
        0.5 by default; with several, a result is an array.
    name, dtype
        As every metric takes them.

    Examples
    --------
    >>> TruePositives()([0, 1, 1, 1], [1, 0, 1, 1])
    2.0
    """


class FalsePositives(_OneOutcome):
    """Number of predictions over the threshold whose target is 0.

    Parameters
    ----------
    thresholds : float or list of float, optional
        0.5 by default; with several, a result is an array.
    name, dtype
        As every metric takes them.

    Examples
    --------
    >>> FalsePositives()([0, 1, 0, 0], [0, 0, 1, 1])
    2.0
    """

    outcome = 1


class TrueNegatives(_OneOutcome):
    """Number of predictions not over the threshold whose target is 0.

    Parameters
    ----------
    thresholds : float or list of float, optional
        0.5 by default; with several, a result is an array.
    name, dtype
        As every metric takes them.

    Examples
    --------
    >>> TrueNegatives()([0, 1, 0, 0], [1, 1, 0, 0])
    2.0
    """

    outcome = 2


class FalseNegatives(_OneOutcome):
    """Number of predictions not over the threshold whose target is not 0.

    Parameters
    ----------
    thresholds : float or list of float, optional
        0.5 by default; with several, a result is an array.
    name, dtype
        As every metric takes them.

    Examples
    --------
    >>> FalseNegatives()([0, 1, 1, 1], [0, 1, 0, 0])
    2.0
    """

    outcome = 3


class _Share(ThresholdMetric):
    """True positives over what they are a part of."""

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        where = name or type(self).__name__.lower()
        self.thresholds = thresholds
        self.top_k = None if top_k is None else arguments.whole(top_k, f"{where}: top_k", 1)
        self.class_id = class_id
        if class_id is not None:
            self.class_id = arguments.whole(class_id, f"{where}: class_id", 0)
        # With either of these a row is more than its elements.
        self.elementwise = top_k is None and class_id is None
        default = 0.5 if top_k is None else _LOWEST
        super().__init__(_checked_thresholds(thresholds, default, where), name, dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "thresholds": _plain(self.thresholds),
            "top_k": self.top_k,
            "class_id": self.class_id,
        }


class Precision(_Share):
    """Share of the predictions over the threshold whose target is not 0.

    Parameters
    ----------
    thresholds : float or list of float, optional
        0.5 by default; with several, a result is an array.
    top_k : int, optional
        Only the k largest predictions of a row may count as positive.
    class_id : int, optional
        The one column that counts.
    name, dtype
        As every metric takes them.

    Examples
    --------
    >>> round(Precision()([0, 1, 1, 1], [1, 0, 1, 1]), 4)
    0.6667
    """

    def result(self) -> Any:
        hits, false_alarms, _, _ = self.counts()
        return _one_or_all(ratio(hits, hits + false_alarms)[:, 0])


class Recall(_Share):
    """Share of the targets other than 0 whose prediction is over the threshold.

    Parameters
    ----------
    thresholds : float or list of float, optional
        0.5 by default; with several, a result is an array.
    top_k : int, optional
        Only the k largest predictions of a row may count as positive.
    class_id : int, optional
        The one column that counts.
    name, dtype
        As every metric takes them.

    Examples
    --------
    >>> round(Recall()([0, 1, 1, 1], [1, 0, 1, 1]), 4)
    0.6667
    """

    def result(self) -> Any:
        hits, _, _, misses = self.counts()
        return _one_or_all(ratio(hits, hits + misses)[:, 0])
