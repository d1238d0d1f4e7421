"""Functions of one or two arrays, element by element."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def _sigmoid(x):
    # exp(-|x|) never overflows; for x < 0, 1 / (1 + e^-x) = e^x / (1 + e^x).
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


# name: (y from x, dy/dx from y)
FUNCTIONS: dict[str, tuple[Callable, Callable]] = {
    "relu": (lambda x: np.where(x < 0, 0, x), lambda y: np.where(y > 0, 1, y * 0)),
    "sigmoid": (_sigmoid, lambda y: y * (1 - y)),
    "tanh": (np.tanh, lambda y: 1 - y * y),
}


def unary(y, x, *, function):
    """Apply an activation: ``y = function(x)``.

    y : output, any shape; may alias x
    x : same shape
    function : "relu" ``max(x, 0)``, "sigmoid" ``1 / (1 + e^-x)``, "tanh"
    """
    y[...] = FUNCTIONS[function][0](x)


def unary_backward(dx, dy, y, *, function, accumulate=False):
    """Gradient of an activation, from its output: ``dx = dy * function'(y)``.

    relu ``dy where y > 0, else 0`` (NaN where y is NaN), sigmoid
    ``dy * y * (1 - y)``, tanh ``dy * (1 - y^2)``.

    dx : output; may alias dy (unless ``accumulate``)
    dy, y : same shape
    """
    if function == "relu":
        gradient = np.where(y > 0, dy, y * 0)  # y is 0 or NaN in the other branch
    else:
        gradient = dy * FUNCTIONS[function][1](y)
    if accumulate:
        dx += gradient
    else:
        dx[...] = gradient


def binary(y, a, b, *, function):
    """Combine two arrays of one shape: ``y = a (op) b``.

    y : output; may alias a or b
    a, b : same shape
    function : "add", "subtract" or "multiply"
    """
    getattr(np, function)(a, b, out=y)
