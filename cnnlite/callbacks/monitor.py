"""What callbacks that watch one figure share: which way is better, and by how much."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from cnnlite.arguments import number
from cnnlite.callbacks.base import Callback
from cnnlite.errors import CnnliteWarning

# Metrics of which more is better, and less, as Keras has them; of the others it says nothing.
_UP = frozenset(
    "AUC Accuracy BinaryAccuracy BinaryIoU CategoricalAccuracy ConcordanceCorrelation "
    "CosineSimilarity F1Score FBetaScore IoU MeanIoU OneHotIoU OneHotMeanIoU PearsonCorrelation "
    "Precision PrecisionAtRecall R2Score Recall RecallAtPrecision SensitivityAtSpecificity "
    "SparseCategoricalAccuracy SparseTopKCategoricalAccuracy SpecificityAtSensitivity "
    "TopKCategoricalAccuracy".split()
)
_DOWN = frozenset(
    "BinaryCrossentropy CategoricalCrossentropy CategoricalHinge Hinge KLDivergence LogCoshError "
    "MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError "
    "Poisson RootMeanSquaredError SparseCategoricalCrossentropy SquaredHinge".split()
)


class MonitorCallback(Callback):
    """Base of callbacks that wait for a figure of the logs to improve.

    A value improves on another if it is better by more than ``min_delta``; the first
    value improves on None, and NaN on nothing.

    Parameters
    ----------
    monitor : str
        Its name in the logs: ``"loss"``, ``"val_accuracy"``.
    mode : {"auto", "min", "max"}
        Whether less or more is better.  "auto": less for losses, and for metrics what
        their class says.
    min_delta : float
        Its sign does not matter.

    Raises
    ------
    ValueError
        At the first value, if "auto" cannot tell, or if it is an array of several.
    """

    def __init__(self, monitor: str = "val_loss", mode: str = "auto", min_delta: float = 0) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f'{type(self).__name__}: mode {mode!r} is unknown, so "auto" is taken. '
                'Pass "auto", "min" or "max".',
                CnnliteWarning,
                stacklevel=3,
            )
            mode = "auto"
        self.monitor, self.mode = monitor, mode
        self.min_delta = abs(number(min_delta, f"{type(self).__name__}: min_delta"))
        self.best: float | None = None
        self._less: bool | None = None  # whether less is better; None: not known yet

    def improves(self, value: float, reference: float | None) -> bool:
        """Return whether ``value`` is better than ``reference`` by more than ``min_delta``."""
        if self._less is None:
            self._less = self._less_is_better()
        if math.isnan(value):
            return False
        if reference is None:
            return True
        if self._less:
            return value + self.min_delta < reference
        return value - self.min_delta > reference

    def _less_is_better(self) -> bool:
        if self.mode != "auto":
            return self.mode == "min"
        name = self.monitor.removeprefix("val_")
        if name == "loss":
            return True
        direction = self._directions().get(name)
        if direction is None:
            raise ValueError(
                f"{type(self).__name__}: cannot tell whether {self.monitor!r} should be large or "
                'small. Pass mode="max" or mode="min".'
            )
        return direction == "down"

    def _directions(self) -> dict[str, str | None]:
        """Return for each name in the logs whether it should go up or down, None if unknown."""
        found: dict[str, str | None] = {}
        for head in self.model._all_heads("metrics"):
            found[head.mean.name] = "down"
            named = zip(head.log_names, head.metrics, strict=True)
            found |= {name: _direction(metric) for name, metric in named}
        return found

    def value_in(self, logs: dict[str, Any] | None, what: str) -> float | None:
        """Return the figure, or None with a warning that names the figures there are."""
        logs = logs or {}
        value = logs.get(self.monitor)
        if value is None:
            warnings.warn(
                f"{type(self).__name__}: {what} depends on {self.monitor!r}, which is not there. "
                f"There is {', '.join(logs) or 'nothing'}. "
                "Pass validation data to fit, or another monitor.",
                CnnliteWarning,
                stacklevel=3,
            )
            return None
        if np.size(value) != 1:
            raise ValueError(
                f"{type(self).__name__}: {self.monitor!r} must be one number. Got an array of "
                f'shape {np.shape(value)}. Average it: F1Score(average="macro").'
            )
        return float(np.reshape(value, ()))


def _direction(metric: Any) -> str | None:
    names = {cls.__name__ for cls in type(metric).__mro__}
    return "up" if names & _UP else "down" if names & _DOWN else None
