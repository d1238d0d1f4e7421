"""Optimizers: how gradients change the weights."""

from __future__ import annotations

from typing import Any

from cnnlite.nearest import did_you_mean
from cnnlite.optimizers import schedules
from cnnlite.optimizers.adam import Adam, Adamax, AdamW, Nadam
from cnnlite.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from cnnlite.optimizers.base import Optimizer
from cnnlite.optimizers.gradient_descent import SGD, Lion
from cnnlite.serialization import described, made_from

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

_CLASSES = {
    c.__name__: c for c in (SGD, RMSprop, Adam, AdamW, Adadelta, Adagrad, Adamax, Nadam, Lion)
}
_NAMES = {c.__name__.lower(): c for c in _CLASSES.values()}


def get(identifier: Any) -> Optimizer:
    """Return an optimizer from its name, class or configuration, or as it is.

    Examples
    --------
    >>> get("sgd").learning_rate
    0.01
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, dict):
        return made_from(identifier, _CLASSES, "optimizer")
    if isinstance(identifier, str) and identifier.lower() in _NAMES:
        return _NAMES[identifier.lower()]()
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()  # type: ignore[call-arg]
    raise ValueError(
        f"optimizer: no such optimizer. Got {identifier!r}. "
        f"Choose one of {', '.join(_NAMES)}, or pass an Optimizer."
        + did_you_mean(identifier, _NAMES)
    )


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """Return a configuration from which :func:`deserialize` makes an equal optimizer.

    Examples
    --------
    >>> deserialize(serialize(SGD(0.5))).learning_rate
    0.5
    """
    return described(optimizer, Optimizer, "optimizer")


def deserialize(config: dict[str, Any]) -> Optimizer:
    """Return the optimizer of a configuration; see :func:`serialize`."""
    return get(config)
