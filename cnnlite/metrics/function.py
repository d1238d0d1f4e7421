"""A function of one's own as a metric."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnnlite.metrics.base import Metric, spread_weights


class MeanMetricWrapper(Metric):
    """The weighted mean of what a function of NumPy arrays returns.

    A model calls it after each batch, outside of its plan.

    Parameters
    ----------
    fn : function of (y_true, y_pred)
        Returns a number, or one for each of the first axes of the predictions.
    name : str, optional
        Default: the function's.
    dtype : str, optional
    **kwargs
        Further arguments of ``fn``.

    Examples
    --------
    >>> import numpy as np
    >>> worst = MeanMetricWrapper(lambda t, p: np.abs(t - p).max(-1), name="worst")
    >>> worst.update_state([[0.0, 0.0], [1.0, 1.0]], [[1.0, 3.0], [1.0, 2.0]])
    >>> worst.result()
    2.0
    """

    sparse = None

    def __init__(
        self, fn: Callable, name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        if not callable(fn):
            raise TypeError(f"MeanMetricWrapper: fn must be a function. Got {fn!r}.")
        if name is None and getattr(fn, "__name__", "<lambda>") != "<lambda>":
            name = fn.__name__
        super().__init__(dtype, name)
        self.fn, self.kwargs = fn, kwargs

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
        values = np.asarray(self.fn(y_true, y_pred, **self.kwargs), dtype=np.float64)
        weights = None if sample_weight is None else np.asarray(sample_weight, np.float64)
        if weights is not None and values.ndim < weights.ndim:
            # As many values as the function gave: each counts by the mean of its weights.
            weights = weights.mean(axis=tuple(range(values.ndim, weights.ndim)))
        spread = spread_weights(weights, values.shape)
        self.state[0] += values.sum() if spread is None else (values * spread).sum()
        self.state[1] += values.size if spread is None else spread.sum()

    def get_config(self) -> dict[str, Any]:
        raise ValueError(
            f"{self.name}: a metric made of a function cannot be saved. Write a subclass of "
            "Metric with get_config()."
        )
