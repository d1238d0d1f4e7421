"""Losses: how far predictions are from targets.

A loss gives one value per row of the prediction (its last axis is the row); what a
model minimises is one number made of these, as the loss's ``reduction`` says: usually
their mean over the batch, weighted by ``sample_weight``.  Classes are for ``compile``
and calls; functions of the same names return the rows' values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
from cnnlite.losses.functions import (
    CLASS_OF,
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    cosine_similarity,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from cnnlite.losses.margins import CategoricalHinge, CosineSimilarity, Hinge, SquaredHinge
from cnnlite.losses.own import class_name, refusal
from cnnlite.nearest import did_you_mean
from cnnlite.serialization import class_named, custom_object_scope
from cnnlite.serialization import serialize as described

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "binary_crossentropy",
    "categorical_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]

_CLASSES: dict[str, type[Loss]] = {cls.__name__: cls for cls in CLASS_OF.values()}
_ALIASES = {
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
    "bce": BinaryCrossentropy,
    "kld": KLDivergence,
    "logcosh": LogCosh,
}
_NAMES: dict[str, type[Loss]] = {
    **{function.__name__: cls for function, cls in CLASS_OF.items()},
    **_ALIASES,
    **{name.upper(): cls for name, cls in _ALIASES.items() if name != "logcosh"},
}


def serialize(loss: Loss) -> dict[str, Any]:
    """Return what :func:`deserialize` makes an equal loss from.

    Examples
    --------
    >>> serialize(Huber(2.0))["class_name"]
    'Huber'
    """
    return described(get(loss))


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Loss:
    """Return the loss of ``{"class_name": ..., "config": ...}``, or of a name.

    Parameters
    ----------
    name : dict or str
    custom_objects : dict of str to class, optional
        Classes of your own that it may name.

    Examples
    --------
    >>> deserialize({"class_name": "Huber", "config": {"delta": 2.0}}).delta
    2.0
    """
    config = name if isinstance(name, dict) else {"class_name": name}
    with custom_object_scope(custom_objects):
        try:
            cls = class_named(config.get("class_name"), {**_NAMES, **_CLASSES}, "loss")
        except (ValueError, TypeError):
            cls = None
        if cls is None or not issubclass(cls, Loss):
            raise ValueError(
                f"loss: no such loss. Got {name!r}. Choose one of {', '.join(_NAMES)}, pass a "
                "Loss, or name the class of your own in custom_objects."
                + did_you_mean(name, _NAMES)
            )
        return cls.from_config(config.get("config", {}))


def get(identifier: Any) -> Loss:
    """Return a loss from its name, class, function or configuration, or as it is.

    Examples
    --------
    >>> get("mse").name
    'mean_squared_error'
    >>> get(huber).delta
    1.0
    """
    if isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if callable(identifier):
        own = next((cls for function, cls in CLASS_OF.items() if function is identifier), None)
        if own is not None:
            return own()
        what = "a bare function has no known derivative"
        raise TypeError(refusal(what, identifier, class_name(identifier)))
    return deserialize(identifier)
