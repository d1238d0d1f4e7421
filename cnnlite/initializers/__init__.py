"""Initial values of weights."""

from __future__ import annotations

from typing import Any

from cnnlite.initializers.base import Initializer
from cnnlite.initializers.constant import Constant, Identity, Ones, Zeros
from cnnlite.initializers.random import (
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
)
from cnnlite.initializers.scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
)
from cnnlite.nearest import did_you_mean
from cnnlite.serialization import made_from

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "get",
    "serialize",
]

_CLASSES = {
    c.__name__: c
    for c in (
        Zeros, Ones, Constant, Identity, Orthogonal, RandomUniform, RandomNormal, TruncatedNormal,
        VarianceScaling, GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunUniform,
        LecunNormal,
    )
}  # fmt: skip
_NAMES = {
    "zeros": Zeros,
    "ones": Ones,
    "constant": Constant,
    "identity": Identity,
    "orthogonal": Orthogonal,
    "random_uniform": RandomUniform,
    "uniform": RandomUniform,
    "random_normal": RandomNormal,
    "normal": RandomNormal,
    "truncated_normal": TruncatedNormal,
    "variance_scaling": VarianceScaling,
    "glorot_uniform": GlorotUniform,
    "glorot_normal": GlorotNormal,
    "he_uniform": HeUniform,
    "he_normal": HeNormal,
    "lecun_uniform": LecunUniform,
    "lecun_normal": LecunNormal,
}


def get(identifier: Any) -> Any:
    """Return an initializer from its name, class, configuration, or as it is.

    Examples
    --------
    >>> type(get("he_normal")).__name__
    'HeNormal'
    """
    if isinstance(identifier, dict):
        return made_from(identifier, _CLASSES, "initializer")
    if isinstance(identifier, str):
        found = _NAMES.get(identifier) or _CLASSES.get(identifier)
        if found is not None:
            return found()
    elif isinstance(identifier, type) and issubclass(identifier, Initializer):
        return identifier()
    elif callable(identifier):
        return identifier
    raise ValueError(
        f"initializer: no such initializer. Got {identifier!r}. "
        f"Choose one of {', '.join(_NAMES)}, or pass an Initializer."
        + did_you_mean(identifier, _NAMES)
    )


def serialize(initializer: Any) -> Any:
    """Return a configuration from which :func:`get` makes an equal initializer."""
    if type(initializer).__name__ not in _CLASSES:
        raise ValueError(
            f"initializer {initializer!r} cannot be saved: it is not one of cnnlite's own."
        )
    return {"class_name": type(initializer).__name__, "config": initializer.get_config()}
