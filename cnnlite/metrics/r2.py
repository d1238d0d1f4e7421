"""The coefficient of determination."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from cnnlite import arguments, ops
from cnnlite.errors import ShapeError
from cnnlite.metrics.base import Metric
from cnnlite.ops.core import Tensor

_WAYS = (None, "uniform_average", "variance_weighted_average")


class R2Score(Metric):
    """``1 - sum (t - y)^2 / sum (t - mean t)^2`` of each column of the targets.

    Parameters
    ----------
    class_aggregation : str, optional
        ``"uniform_average"``: mean over the columns; ``"variance_weighted_average"``:
        weighted by the targets' variance; None: an array.
    num_regressors : int
        Number p of independent variables, for the adjusted score
        ``1 - (1 - R2) (n - 1) / (n - p - 1)``; 0: not adjusted.
    name, dtype
        As every metric takes them.

    Examples
    --------
    >>> round(R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]]), 4)
    0.5714
    """

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        where = f"{self.name}: class_aggregation"
        self.class_aggregation = arguments.one_of(class_aggregation, _WAYS, where)
        self.num_regressors = arguments.whole(num_regressors, f"{self.name}: num_regressors", 0)
        self.state = np.zeros((5, 0))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of predictions (rows, outputs); targets of one column go with a vector."""
        if np.ndim(y_pred) == 1 and np.ndim(y_true) != 2:
            self.build(np.shape(y_pred))  # says what is wrong
        super().update_state(y_true, y_pred, sample_weight)

    def build(self, y_pred_shape: Any) -> None:
        if len(y_pred_shape) != 2:
            raise ShapeError(
                f"{self.name}: predictions must be (rows, outputs). Got {tuple(y_pred_shape)}."
            )
        if self.state.shape != (5, y_pred_shape[-1]):
            self.state = np.zeros((5, y_pred_shape[-1]))

    def record(self, y_true: Tensor, y_pred: Tensor, weights: Tensor | None = None) -> None:
        ops.regression_update(self.state, y_pred, y_true, weights)

    def result(self) -> Any:
        """Return the score so far; NaN before the first value, 0 for targets that are all equal."""
        total, squares, residual, weight, samples = self.state
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = squares - total * (total / weight)
            raw = 1 - residual / variance
            scores = np.where(np.isinf(raw), 0.0, raw)
            if self.class_aggregation is None:
                return self._adjusted(scores, samples.sum())
            if self.class_aggregation == "uniform_average":
                score = float(np.mean(scores)) if scores.size else np.nan
            else:
                score = float((variance * scores).sum() / variance.sum())
        return float(self._adjusted(score, samples.sum()))

    def _adjusted(self, score: Any, samples: float) -> Any:
        if self.num_regressors == 0:
            return score
        if self.num_regressors >= samples - 1:
            warnings.warn(
                f"{self.name}: {samples:.0f} values are too few to adjust the score to "
                f"{self.num_regressors} regressors; it is not adjusted.",
                stacklevel=3,
            )
            return score
        return 1 - (1 - score) * (samples - 1) / (samples - self.num_regressors - 1)

    def get_config(self) -> dict[str, Any]:
        options = {
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
        return {**super().get_config(), **options}
