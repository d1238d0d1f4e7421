"""Metrics: figures over the batches of an epoch, exact however the batches are cut.

Every metric has a state that a batch adds to.  ``update_state`` adds one eagerly; in a
model the same operations are part of the plan.

A metric of one's own is a subclass of :class:`Metric`, in Keras's style: variables, what
a batch does to them with NumPy, and what they say in the end.

>>> import numpy as np
>>> from cnnlite import metrics
>>> class LargestError(metrics.Metric):
...     def __init__(self, name="largest_error", **kwargs):
...         super().__init__(name=name, **kwargs)
...         self.largest = self.add_variable(shape=(), initializer="zeros", name="largest")
...
...     def update_state(self, y_true, y_pred, sample_weight=None):
...         error = np.max(np.abs(y_true - y_pred), initial=0.0)
...         self.largest.assign(np.maximum(self.largest, error))
...
...     def result(self):
...         return float(self.largest)
>>> metric = LargestError()
>>> metric.update_state(np.array([1.0, 2.0]), np.array([1.5, 2.0]))
>>> metric.update_state(np.array([0.0, 0.0]), np.array([0.0, -3.0]))
>>> metric.result()
3.0
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnnlite import losses
from cnnlite.losses import Loss
from cnnlite.losses.base import snake_name
from cnnlite.losses.own import takes_ctx
from cnnlite.metrics.accuracies import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from cnnlite.metrics.auc import AUC
from cnnlite.metrics.base import Mean, Metric, Sum
from cnnlite.metrics.classes import ConfusionMatrix, F1Score, FBetaScore
from cnnlite.metrics.errors import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    LossMetric,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from cnnlite.metrics.function import MeanMetricWrapper
from cnnlite.metrics.r2 import R2Score
from cnnlite.metrics.thresholds import (
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)
from cnnlite.metrics.variables import check_update_state
from cnnlite.nearest import did_you_mean
from cnnlite.serialization import class_named, custom_object_scope
from cnnlite.serialization import serialize as described

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConfusionMatrix",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanMetricWrapper",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "Poisson",
    "Precision",
    "R2Score",
    "Recall",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "deserialize",
    "get",
    "serialize",
]

_CLASSES: dict[str, type[Metric]] = {
    name: found
    for name, found in list(globals().items())
    if isinstance(found, type) and issubclass(found, Metric) and found is not Metric
}
_WRAPPERS = ("LossMetric", "MeanMetricWrapper")  # no name alone makes one
_ALIASES = {
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
    "bce": BinaryCrossentropy,
    "logcosh": LogCoshError,
    "kld": KLDivergence,
    "rmse": RootMeanSquaredError,
}
_NAMES: dict[str, type[Metric]] = {
    **{snake_name(cls): cls for name, cls in _CLASSES.items() if name not in _WRAPPERS},
    **_ALIASES,
    **{name.upper(): cls for name, cls in _ALIASES.items()},
}
_ACCURACY, _CROSSENTROPY = ("accuracy", "acc"), ("crossentropy", "ce")


def serialize(metric: Metric) -> dict[str, Any]:
    """Return what :func:`deserialize` makes an equal metric from.

    Examples
    --------
    >>> serialize(Precision(0.3))["config"]["thresholds"]
    0.3
    """
    return described(metric)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Metric:
    """Return the metric of ``{"class_name": ..., "config": ...}``, or of a name.

    Parameters
    ----------
    config : dict or str
    custom_objects : dict of str to class, optional
        Classes of your own that it may name.

    Examples
    --------
    >>> deserialize({"class_name": "AUC", "config": {"curve": "PR"}}).curve
    'PR'
    """
    given = config if isinstance(config, dict) else {"class_name": config}
    with custom_object_scope(custom_objects):
        try:
            cls = class_named(given.get("class_name"), {**_NAMES, **_CLASSES}, "metric")
        except (ValueError, TypeError):
            cls = None
        if cls is None or not issubclass(cls, Metric):
            raise ValueError(
                f"metrics: no such metric. Got {config!r}. Choose one of "
                f"{', '.join(_NAMES)}, pass a Metric, or name the class of your own in "
                "custom_objects." + did_you_mean(config, [*_ACCURACY, *_CROSSENTROPY, *_NAMES])
            )
        return cls.from_config(given.get("config", {}))


def get(identifier: Any, loss: Loss | None = None, output_shape: tuple | None = None) -> Metric:
    """Return a metric from its name, class or configuration, or as it is.

    Parameters
    ----------
    identifier : str, dict, Metric or class of metrics, Loss, or function
        The mean of a loss's values, or of what a function of (y_true, y_pred) returns.
        ``"accuracy"`` (``"acc"``) becomes binary for predictions of one value, sparse for
        targets that are class numbers, else categorical, as in Keras; so does
        ``"crossentropy"`` (``"ce"``).  A metric that is named by a string has that name.
    loss : Loss, optional
        What the same targets are for.
    output_shape : tuple, optional
        Of the predictions.

    Raises
    ------
    ValueError
        If there is no such metric, or it takes other targets than the loss.

    Examples
    --------
    >>> get("accuracy", output_shape=(None, 1))
    <BinaryAccuracy accuracy>
    """
    metric = _resolved(identifier, loss, output_shape)
    metric.check_made()
    if metric.dynamic:
        check_update_state(metric)
    cls = type(metric)
    if all(
        getattr(cls, way) is getattr(Metric, way) for way in ("values", "record", "update_state")
    ):
        raise TypeError(
            f"{metric.name}: {cls.__name__} measures nothing. Write update_state(self, y_true, "
            "y_pred, sample_weight=None) and result(self), or values(self, y_true, y_pred) with "
            "cnnlite.ops."
        )
    if loss is not None and metric.sparse not in (None, loss.sparse):
        raise ValueError(
            f"metrics: {metric.name} and the loss {loss.name} take different targets: one takes "
            'class numbers, the other arrays of the predictions\' shape. Use "accuracy".'
        )
    return metric


def _resolved(identifier: Any, loss: Loss | None, output_shape: tuple | None) -> Metric:
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if isinstance(identifier, Loss) and (identifier.dynamic or not takes_ctx(identifier)):
        return MeanMetricWrapper(
            lambda y_true, y_pred: identifier.values(y_true, y_pred)[0], identifier.name
        )
    if isinstance(identifier, Loss):
        return LossMetric(identifier, identifier.name, None)
    if callable(identifier):
        try:  # one of cnnlite.losses: its values are computed in the plan
            own = losses.get(identifier)
        except (TypeError, ValueError):
            return MeanMetricWrapper(identifier)
        return LossMetric(own, identifier.__name__, None)
    if not isinstance(identifier, str):
        return deserialize(identifier)
    if identifier.lower() not in _ACCURACY + _CROSSENTROPY:
        metric = deserialize(identifier)
        metric.name = identifier
        return metric
    kinds: tuple[type[Metric], ...] = (
        (BinaryAccuracy, SparseCategoricalAccuracy, CategoricalAccuracy)
        if identifier.lower() in _ACCURACY
        else (BinaryCrossentropy, SparseCategoricalCrossentropy, CategoricalCrossentropy)
    )
    if output_shape is not None and output_shape[-1] == 1:
        cls = kinds[0]
    else:
        cls = kinds[1] if loss is not None and loss.sparse else kinds[2]
    return cls(name=identifier)
