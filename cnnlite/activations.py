"""Keras's activation functions, on arrays; layers take them too.

They are the operations of :mod:`cnnlite.ops`, whose gradients stand beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnnlite.arguments import array
from cnnlite.nearest import did_you_mean
from cnnlite.ops import (
    ACTIVATIONS,
    elu,
    exponential,
    gelu,
    hard_sigmoid,
    leaky_relu,
    log_softmax,
    relu,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    tanh,
)

__all__ = [
    "deserialize", "elu", "exponential", "gelu", "get", "hard_sigmoid", "leaky_relu", "linear",
    "log_softmax", "relu", "selu", "serialize", "sigmoid", "silu", "softmax", "softplus",
    "softsign", "swish", "tanh",
]  # fmt: skip


def linear(x: Any) -> np.ndarray:
    """Return ``x`` itself, as an array.

    Examples
    --------
    >>> from cnnlite import activations
    >>> activations.linear([1, 2]).tolist()
    [1, 2]
    """
    return array(x, "linear: x")


swish = silu
FUNCTIONS: dict[str, Callable] = {"linear": linear, "swish": silu, **ACTIVATIONS}
_NAMES = {function: name for name, function in FUNCTIONS.items()}


def get(identifier: Any) -> Callable:
    """Return an activation function from its name (None: linear), or the function itself.

    Raises
    ------
    ValueError
        If there is no such activation.

    Examples
    --------
    >>> from cnnlite import activations
    >>> activations.get("relu") is activations.relu
    True
    """
    if identifier is None:
        return linear
    if isinstance(identifier, str) and identifier in FUNCTIONS:
        return FUNCTIONS[identifier]
    if callable(identifier):
        return identifier
    raise ValueError(
        f"activations.get: no such activation. Got {identifier!r}. "
        f"Choose one of {', '.join(FUNCTIONS)}." + did_you_mean(identifier, FUNCTIONS)
    )


def serialize(activation: Any) -> str:
    """Return the name of an activation function of this module.

    Examples
    --------
    >>> from cnnlite import activations
    >>> activations.serialize(activations.silu)
    'silu'
    """
    try:
        return _NAMES[activation]
    except (KeyError, TypeError):
        raise ValueError(
            f"activations.serialize: no function of cnnlite.activations. Got {activation!r}."
        ) from None


deserialize = get
