"""Functions of one or two arrays, element by element."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

_erf = np.vectorize(math.erf, otypes=[np.float64])
_erfc = np.vectorize(math.erfc, otypes=[np.float64])
_ROOT = math.sqrt(2 / math.pi)


def _sigmoid(x):
    # exp(-|x|) never overflows; for x < 0, 1 / (1 + e^-x) = e^x / (1 + e^x).
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def _leaky_relu(x, slope, maximum, threshold):
    below = slope * (x - threshold) if slope else np.where(np.isnan(x), x, 0)
    return np.where(x > threshold, np.minimum(x, maximum), below)


def _leaky_relu_slope(y, slope, maximum, threshold):
    slopes = np.where(y >= maximum, 0, np.where(y > 0, 1, slope))
    return np.where(np.isnan(y), y, slopes)


def _normal(x):
    # In float64: the tail multiplies the rounding of its argument by x^2.
    return (_erfc(x.astype(np.float64) / -math.sqrt(2)) / 2).astype(x.dtype)


def _gelu_slope(x):
    return _normal(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _gelu_tanh_argument(x):
    return _ROOT * (x + 0.044715 * x**3)


def _gelu_tanh_slope(x):
    x = np.clip(x, -20, 20)  # beyond, the limits 0 and 1 to all digits; x^3 might overflow
    s = _sigmoid(2 * _gelu_tanh_argument(x))
    return s + 2 * x * s * (1 - s) * _ROOT * (1 + 3 * 0.044715 * x * x)


def _silu_slope(x):
    s = _sigmoid(x)
    return s + x * s * (1 - s)


# name: (y from x, dy/dx), the latter from y, but from x for those of FROM_INPUT.
# An activation's constants follow.
FUNCTIONS: dict[str, tuple[Callable, Callable]] = {
    "relu": (lambda x: np.where(x < 0, 0, x), lambda y: np.where(y > 0, 1, y * 0)),
    "sigmoid": (_sigmoid, lambda y: y * (1 - y)),
    "tanh": (np.tanh, lambda y: 1 - y * y),
    "leaky_relu": (_leaky_relu, _leaky_relu_slope),
    "elu": (
        lambda x, alpha, scale: scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
        lambda y, alpha, scale: np.where(y > 0, scale, y + scale * alpha),
    ),
    "gelu": (lambda x: x * _normal(x), _gelu_slope),
    "gelu_tanh": (lambda x: x * _sigmoid(2 * _gelu_tanh_argument(x)), _gelu_tanh_slope),
    "hard_sigmoid": (
        lambda x: np.clip(x + 3, 0, 6) / 6,
        lambda y: np.where((y > 0) & (y < 1), 1 / 6, y * 0),
    ),
    "silu": (lambda x: x * _sigmoid(x), _silu_slope),
    "softplus": (
        lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
        lambda y: -np.expm1(-y),
    ),
    "softsign": (lambda x: x / (1 + np.abs(x)), lambda x: 1 / (1 + np.abs(x)) ** 2),
    "exponential": (np.exp, lambda y: y),
    "log": (np.log, lambda x: 1 / x),
    "erf": (_erf, lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x)),
}
FROM_INPUT = ("gelu", "gelu_tanh", "silu", "softsign", "log", "erf")


def unary(y, x, *, function, parameters=()):
    """Apply a function to each element: ``y = function(x)``.

    y : output, any shape; may alias x
    x : same shape
    function : a name of the table
    parameters : floats, its constants in the table's order

    =============== ====================================================================
    function        y
    =============== ====================================================================
    "relu"          ``max(x, 0)``
    "sigmoid"       ``1 / (1 + e^-x)``
    "tanh"          ``tanh x``
    "leaky_relu"    ``min(x, maximum)`` where ``x > threshold``, else
                    ``slope (x - threshold)``; parameters ``slope, maximum, threshold >= 0``
    "elu"           ``scale x`` where ``x > 0``, else ``scale alpha (e^x - 1)``; parameters
                    ``alpha, scale >= 0`` (Clevert et al. 2015; with the constants of
                    Klambauer et al. 2017, SELU)
    "gelu"          ``x Phi(x)``, Phi the normal distribution (Hendrycks and Gimpel 2016)
    "gelu_tanh"     ``x (1 + tanh u) / 2``, ``u = sqrt(2 / pi) (x + 0.044715 x^3)``, in
                    the form ``x sigmoid(2 u)``
    "hard_sigmoid"  ``min(max(x + 3, 0), 6) / 6``
    "silu"          ``x sigmoid(x)``
    "softplus"      ``log(1 + e^x)``
    "softsign"      ``x / (1 + |x|)``
    "exponential"   ``e^x``
    "log"           the natural logarithm; NaN below 0
    "erf"           ``2 / sqrt(pi)`` times the integral of ``e^(-t^2)`` from 0 to x
    =============== ====================================================================
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        y[...] = FUNCTIONS[function][0](x, *parameters)


def unary_backward(dx, dy, y, *, function, parameters=(), accumulate=False):
    """Gradient of such a function: ``dx = dy * function'``; NaN where y is NaN.

    Most derivatives follow from the output, so that the input need not be kept:

    =============== ====================================================================
    function        derivative
    =============== ====================================================================
    "relu"          1 where ``y > 0``, else 0
    "sigmoid"       ``y (1 - y)``
    "tanh"          ``1 - y^2``
    "leaky_relu"    0 where ``y >= maximum``, else 1 where ``y > 0``, else ``slope``
    "elu"           ``scale`` where ``y > 0``, else ``y + scale alpha``
    "hard_sigmoid"  1/6 where ``0 < y < 1``, else 0
    "softplus"      ``1 - e^-y``
    "exponential"   ``y``
    =============== ====================================================================

    For these, ``y`` holds the *input* x of the forward pass:

    =============== ====================================================================
    "gelu"          ``Phi(x) + x phi(x)``, phi the normal density
    "gelu_tanh"     ``s + 2 x s (1 - s) du/dx`` with ``s = sigmoid(2 u)``
    "silu"          ``s + x s (1 - s)`` with ``s = sigmoid(x)``
    "softsign"      ``1 / (1 + |x|)^2``
    "log"           ``1 / x``
    "erf"           ``2 / sqrt(pi) e^(-x^2)``
    =============== ====================================================================

    dx : output; may alias dy (unless ``accumulate``)
    dy, y : same shape
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        slope = FUNCTIONS[function][1](y, *parameters)
        gradient = np.where(slope == 0, slope, dy * slope) if function in _STEPS else dy * slope
    if accumulate:
        dx += gradient
    else:
        dx[...] = gradient


# Where the derivative is 0 nothing passes, an infinite or NaN dy neither.
_STEPS = ("relu", "leaky_relu", "hard_sigmoid")


def _greater_equal(a, b, out):
    np.copyto(out, np.where(np.isnan(a) | np.isnan(b), np.nan, a >= b))


BINARY: dict[str, Callable] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "greater_equal": _greater_equal,
    "divide_by_root": lambda a, b, out: np.divide(a, np.sqrt(b), out=out),
}


def binary(y, a, b, *, function):
    """Combine two arrays, element by element: ``y = a (op) b``.

    y : output, the shape that a and b broadcast to by NumPy's rules; may alias a or b
        (where that has y's shape)
    a, b : of shapes that broadcast
    function : "add", "subtract", "multiply", "divide" (by 0: an infinity or NaN),
        "maximum", "minimum" (NaN wins over everything), "greater_equal" (1 where a >= b,
        else 0; NaN where a or b is NaN), "divide_by_root" ``a / sqrt(b)``
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        BINARY[function](a, b, out=y)
