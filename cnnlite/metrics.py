"""Metrics: running means over the batches of an epoch."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite import ops
from cnnlite.losses import Loss
from cnnlite.losses.base import floats
from cnnlite.ops.core import Tensor

__all__ = [
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "Mean",
    "MeanSquaredError",
    "Metric",
    "SparseCategoricalAccuracy",
    "get",
]


class Metric:
    """A running mean of one value per row.

    A subclass defines ``values(y_true, y_pred)``, one value per row, with
    :mod:`cnnlite.ops`.

    Parameters
    ----------
    name : str, optional
    """

    default_name = "metric"
    dynamic = False  # True: update_state computes outside of cnnlite.ops

    def __init__(self, name: str | None = None) -> None:
        self.name = name or self.default_name
        self.state = np.zeros(2)  # weighted sum, sum of weights

    def build(self, y_pred_shape: Any) -> None:
        """Size the state by the predictions; called once their shape is known."""

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no values(y_true, y_pred).")

    def record(self, y_true: Tensor, y_pred: Tensor, weights: Tensor | None = None) -> None:
        """Add a batch with operations, in a plan or eagerly."""
        ops.mean_update(self.state, self.values(y_true, y_pred), weights)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch.

        Examples
        --------
        >>> metric = SparseCategoricalAccuracy()
        >>> metric.update_state([0, 1], [[0.9, 0.1], [0.8, 0.2]])
        >>> metric.result()
        0.5
        """
        y_pred = floats(y_pred)
        y_true = np.asarray(y_true)
        if y_true.shape == y_pred.shape:  # else class numbers
            y_true = y_true.astype(y_pred.dtype)
        weights = None if sample_weight is None else np.asarray(sample_weight, y_pred.dtype)
        self.record(y_true, y_pred, weights)

    def result(self) -> float:
        """Return the mean so far; 0 before the first value."""
        total, count = self.state
        return float(total / count) if count else 0.0

    def reset_state(self) -> None:
        """Start anew."""
        self.state[...] = 0

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        return cls(**config)


class Mean(Metric):
    """The mean of the values themselves: what a loss reports."""

    default_name = "mean"

    def record_values(self, values: Tensor, weights: Tensor | None = None) -> None:
        """Add values as a loss counts them: weighted sum over the number of rows."""
        ops.mean_update(self.state, values, weights, count_rows=True)


class SparseCategoricalAccuracy(Metric):
    """Share of rows whose largest prediction stands at the class number."""

    default_name = "sparse_categorical_accuracy"

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return ops.sparse_categorical_accuracy(y_pred, y_true)


class CategoricalAccuracy(Metric):
    """Share of rows whose largest prediction stands where the one-hot target's does."""

    default_name = "categorical_accuracy"

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return ops.categorical_accuracy(y_pred, y_true)


class BinaryAccuracy(Metric):
    """Share of predictions on the target's side of the threshold.

    Parameters
    ----------
    name : str, optional
    threshold : float
    """

    default_name = "binary_accuracy"

    def __init__(self, name: str | None = None, threshold: float = 0.5) -> None:
        super().__init__(name)
        self.threshold = threshold

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return ops.binary_accuracy(y_pred, y_true, self.threshold)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "threshold": self.threshold}


class MeanSquaredError(Metric):
    """Mean of the squared difference."""

    default_name = "mean_squared_error"

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return ops.elementwise_loss_forward(y_pred, y_true, "squared_error")


_CLASSES = {
    c.__name__: c
    for c in (SparseCategoricalAccuracy, CategoricalAccuracy, BinaryAccuracy, MeanSquaredError)
}
_NAMES = {c.default_name: c for c in _CLASSES.values()} | {"mse": MeanSquaredError}
_ACCURACY = ("accuracy", "acc")


def get(identifier: Any, loss: Loss | None, output_shape: tuple) -> Metric:
    """Return a metric from its name, class or configuration, or as it is.

    ``"accuracy"`` becomes binary for predictions of one value, sparse for targets
    that are class numbers, else categorical, as Keras resolves it.

    Raises
    ------
    ValueError
        If there is no such metric, or it takes other targets than the loss.
    """
    if isinstance(identifier, str) and identifier in _ACCURACY:
        if output_shape[-1] == 1:
            return BinaryAccuracy(identifier)
        sparse = loss is not None and loss.sparse
        return (SparseCategoricalAccuracy if sparse else CategoricalAccuracy)(identifier)
    metric = _from_name(identifier)
    if loss and isinstance(metric, SparseCategoricalAccuracy) != loss.sparse:
        raise ValueError(
            f"metrics: {metric.name} and the loss {loss.name} take different targets: one takes "
            'class numbers, the other arrays of the predictions\' shape. Use "accuracy".'
        )
    return metric


def deserialize(config: Any) -> Metric:
    """Return the metric of a configuration (or a name)."""
    return _from_name(config)


def _from_name(identifier: Any) -> Metric:
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, dict) and identifier.get("class_name") in _CLASSES:
        return _CLASSES[identifier["class_name"]].from_config(identifier.get("config", {}))
    if isinstance(identifier, str) and (identifier in _NAMES or identifier in _CLASSES):
        cls = _NAMES.get(identifier) or _CLASSES[identifier]
        return cls(identifier if identifier in _NAMES else None)
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    raise ValueError(
        f"metrics: no such metric. Got {identifier!r}. "
        f"Choose one of accuracy, {', '.join(_NAMES)}, or pass a Metric."
    )
