"""Functions of an array, element by element, and their gradients.

Each function has a loop of its own.  LLVM turns it into vector code, after a look at run time
whether the arrays stand apart; where they are one array, the loop is written for one.
"""

from __future__ import annotations

import math

from numba import prange

from cnnlite.kernels.numba.compiling import F1, B, D, inlined, versions
from cnnlite.kernels.numba.functions import (
    erf,
    exp,
    expm1,
    gelu,
    gelu_slope,
    log,
    log1p,
    sigmoid,
    tanh,
)
from cnnlite.kernels.numba.simd import fma, like
from cnnlite.kernels.numba.views import same_place

__all__ = ["unary", "unary_backward"]

# Nanoseconds for an element on one core: what streams from the second-level cache, and what
# evaluates an exponential.
STREAM, EXPONENTIAL = 0.15, 0.7
CHEAP = ("relu", "leaky_relu", "hard_sigmoid", "softsign")  # functions without an exponential
DEAR = ("gelu", "gelu_tanh", "silu", "softplus", "erf")  # derivatives with one
# Elements of a tile: 32 KB of float32, and so small that no thread of a few gets a tenth more
# of half a million elements than another.
TILE = 8192


def unary(y, x, *, function, parameters=()):
    cost = STREAM if function in CHEAP else EXPONENTIAL
    _FORWARD[function](cost * x.size, y.reshape(-1), x.reshape(-1), *_three(parameters))


def unary_backward(dx, dy, y, *, function, parameters=(), accumulate=False):
    cost = EXPONENTIAL if function in DEAR else STREAM
    arrays = dx.reshape(-1), dy.reshape(-1), y.reshape(-1)
    _BACKWARD[function](cost * y.size, *arrays, *_three(parameters), accumulate)


def _three(parameters):
    return (*parameters, 0.0, 0.0, 0.0)[:3]


def function(*arguments):
    """Stand, in the loops below, for each function of a table."""


def _unary(y: F1, x: F1, a: D, b: D, c: D):
    constants = x.dtype.type(a), x.dtype.type(b), x.dtype.type(c)
    for tile in prange((x.size + TILE - 1) // TILE):
        first, last = tile * TILE, (tile + 1) * TILE
        out, of = y[first:last], x[first:last]
        if same_place(out, of):
            for k in range(out.size):
                out[k] = function(out[k], constants)
        else:
            for k in range(out.size):
                out[k] = function(of[k], constants)


def _unary_backward(dx: F1, dy: F1, y: F1, a: D, b: D, c: D, accumulate: B):
    constants = y.dtype.type(a), y.dtype.type(b), y.dtype.type(c)
    for tile in prange((y.size + TILE - 1) // TILE):
        first, last = tile * TILE, (tile + 1) * TILE
        out, of, value = dx[first:last], dy[first:last], y[first:last]
        if accumulate:
            for k in range(out.size):
                out[k] += function(of[k], value[k], constants)
        elif same_place(out, of):
            for k in range(out.size):
                out[k] = function(out[k], value[k], constants)
        else:
            for k in range(out.size):
                out[k] = function(of[k], value[k], constants)


# The functions: of x and their three constants.


@inlined
def _clip(x, low, high):
    x = like(x, low) if x < low else x
    return like(x, high) if x > high else x


def _relu(x, _):
    return like(x, 0) if x < 0 else x


def _leaky_relu(x, constants):
    slope, most, threshold = constants
    below = like(x, 0) if slope == 0 else slope * (x - threshold)
    below = below if x == x else x
    return (most if x > most else x) if x > threshold else below


def _elu(x, constants):
    alpha, scale, _ = constants
    below = scale * alpha * expm1(like(x, 0) if x > 0 else x)
    return scale * x if x > 0 else below


_ROOT = math.sqrt(2 / math.pi)


@inlined
def _gelu_tanh_parts(x):
    """Return ``sigmoid(2 u)`` and ``du/dx``, u the argument of tanh in gelu's approximation."""
    square = x * x
    twice = fma(x * square, like(x, 2 * _ROOT * 0.044715), like(x, 2 * _ROOT) * x)
    return sigmoid(twice), fma(square, like(x, 3 * _ROOT * 0.044715), like(x, _ROOT))


def _gelu_tanh(x, _):
    return x * _gelu_tanh_parts(x)[0]


def _hard_sigmoid(x, _):
    return _clip(x + like(x, 3), 0, 6) / like(x, 6)


def _softplus(x, _):
    return (like(x, 0) if x < 0 else x) + log1p(exp(-abs(x)))


FORWARD = {
    "relu": _relu,
    "sigmoid": lambda x, _: sigmoid(x),
    "tanh": lambda x, _: tanh(x),
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "gelu": lambda x, _: gelu(x),
    "gelu_tanh": _gelu_tanh,
    "hard_sigmoid": _hard_sigmoid,
    "silu": lambda x, _: x * sigmoid(x),
    "softplus": _softplus,
    "softsign": lambda x, _: x / (like(x, 1) + abs(x)),
    "exponential": lambda x, _: exp(x),
    "log": lambda x, _: log(x),
    "erf": lambda x, _: erf(x),
}
_FORWARD = versions(_unary, FORWARD)


# dy times the derivative, of dy and v, which is the function's value y or, for some, its x;
# NaN in v gives NaN.


def _relu_gradient(dy, v, _):
    return dy if v > 0 else v * like(v, 0)


def _leaky_relu_gradient(dy, v, constants):
    slope, most, _ = constants
    below = like(v, 0) if slope == 0 else slope * dy
    below = below if v == v else v
    return like(v, 0) if v >= most else dy if v > 0 else below


def _elu_gradient(dy, v, constants):
    alpha, scale, _ = constants
    return dy * (scale if v > 0 else v + scale * alpha)


def _gelu_tanh_gradient(dy, v, _):
    v = _clip(v, -20, 20)  # beyond, s is 0 or 1 and its slope 0, but u' might overflow
    s, slope = _gelu_tanh_parts(v)
    return dy * fma(like(v, 2) * v * slope, s * (like(v, 1) - s), s)


def _hard_sigmoid_gradient(dy, v, _):
    return dy / like(v, 6) if v > 0 and v < 1 else v * like(v, 0)


def _silu_gradient(dy, v, _):
    s = sigmoid(v)
    return dy * fma(v, s * (like(v, 1) - s), s)


def _softsign_gradient(dy, v, _):
    root = like(v, 1) / (like(v, 1) + abs(v))
    return dy * (root * root)


BACKWARD = {
    "relu": _relu_gradient,
    "sigmoid": lambda dy, v, _: dy * (v * (like(v, 1) - v)),
    "tanh": lambda dy, v, _: dy * (like(v, 1) - v * v),
    "leaky_relu": _leaky_relu_gradient,
    "elu": _elu_gradient,
    "gelu": lambda dy, v, _: dy * gelu_slope(v),
    "gelu_tanh": _gelu_tanh_gradient,
    "hard_sigmoid": _hard_sigmoid_gradient,
    "silu": _silu_gradient,
    "softplus": lambda dy, v, _: -dy * expm1(-v),
    "softsign": _softsign_gradient,
    "exponential": lambda dy, v, _: dy * v,
    "log": lambda dy, v, _: dy / v,
    "erf": lambda dy, v, _: dy * (like(v, 2 / math.sqrt(math.pi)) * exp(-v * v)),
}
_BACKWARD = versions(_unary_backward, BACKWARD)
