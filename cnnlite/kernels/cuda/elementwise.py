"""Functions of one or two arrays, element by element."""

from __future__ import annotations

import functools
import math

from numba import cuda

from cnnlite.kernels.cuda.functions import (
    clip,
    erf,
    exp,
    expm1,
    is_nan,
    larger,
    log,
    log1p,
    normal,
    sigmoid,
    smaller,
    sqrt,
    tanh,
)
from cnnlite.kernels.cuda.launching import device_function, kernel, operation
from cnnlite.kernels.cuda.memory import flat
from cnnlite.kernels.cuda.walks import broadcast, walked

__all__ = ["binary", "unary", "unary_backward"]

_ROOT = math.sqrt(2 / math.pi)
_CUBIC = 0.044715
_DENSITY = 1 / math.sqrt(2 * math.pi)
_TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)


def _leaky_relu(x, constants):
    slope, maximum, threshold = constants
    if x > threshold:
        return smaller(x, maximum)
    if slope != 0:
        return slope * (x - threshold)
    return x if is_nan(x) else type(x)(0)


def _leaky_relu_slope(y, constants):
    slope, maximum, _ = constants
    if is_nan(y):
        return y
    return type(y)(0) if y >= maximum else type(y)(1) if y > 0 else slope


def _elu(x, constants):
    alpha, scale = constants
    return scale * (x if x > 0 else alpha * expm1(x))


def _elu_slope(y, constants):
    alpha, scale = constants
    return scale if y > 0 else y + scale * alpha


def _gelu_slope(x, _):
    density = exp(x * x * type(x)(-0.5)) * type(x)(_DENSITY)
    return normal(x) + x * density


@device_function
def _gelu_tanh_sigmoid(x):
    return sigmoid(type(x)(2 * _ROOT) * (x + type(x)(_CUBIC) * x * x * x))


def _gelu_tanh_slope(x, _):
    # Beyond 20 the limits 0 and 1 to all digits, where x^3 might overflow.
    x = clip(x, type(x)(-20), type(x)(20))
    one, s = type(x)(1), _gelu_tanh_sigmoid(x)
    inner = type(x)(2 * _ROOT) * (one + type(x)(3 * _CUBIC) * x * x)
    return s + x * s * (one - s) * inner


def _hard_sigmoid(x, _):
    return clip(x + type(x)(3), type(x)(0), type(x)(6)) / type(x)(6)


def _hard_sigmoid_slope(y, _):
    return type(y)(1 / 6) if 0 < y < 1 else y * type(y)(0)


def _silu_slope(x, _):
    one, s = type(x)(1), sigmoid(x)
    return s + x * s * (one - s)


def _softplus(x, _):
    return (type(x)(0) if x < 0 else x) + log1p(exp(-abs(x)))


def _softsign_slope(x, _):
    root = type(x)(1) / (type(x)(1) + abs(x))
    return root * root


# By name: y from x, and dy/dx, from y or, as the reference says, from x; of an element and of
# the function's constants.
FUNCTIONS = {
    "relu": (
        lambda x, _: type(x)(0) if x < 0 else x,
        lambda y, _: type(y)(1) if y > 0 else y * type(y)(0),
    ),
    "sigmoid": (lambda x, _: sigmoid(x), lambda y, _: y * (type(y)(1) - y)),
    "tanh": (lambda x, _: tanh(x), lambda y, _: type(y)(1) - y * y),
    "leaky_relu": (_leaky_relu, _leaky_relu_slope),
    "elu": (_elu, _elu_slope),
    "gelu": (lambda x, _: x * normal(x), _gelu_slope),
    "gelu_tanh": (lambda x, _: x * _gelu_tanh_sigmoid(x), _gelu_tanh_slope),
    "hard_sigmoid": (_hard_sigmoid, _hard_sigmoid_slope),
    "silu": (lambda x, _: x * sigmoid(x), _silu_slope),
    "softplus": (_softplus, lambda y, _: -expm1(-y)),
    "softsign": (lambda x, _: x / (type(x)(1) + abs(x)), _softsign_slope),
    "exponential": (lambda x, _: exp(x), lambda y, _: y),
    "log": (lambda x, _: log(x), lambda x, _: type(x)(1) / x),
    "erf": (
        lambda x, _: erf(x),
        lambda x, _: type(x)(_TWO_OVER_ROOT_PI) * exp(-x * x),
    ),
}
# Where the derivative is 0 nothing passes, an infinite or NaN dy neither.
STEPS = ("relu", "leaky_relu", "hard_sigmoid")


@functools.cache
def _unary(function):
    value = device_function(FUNCTIONS[function][0])

    @kernel
    def unary(y, x, constants):
        for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
            y[i] = value(x[i], constants)

    return unary


@operation(outputs=1)
def unary(y, x, *, function, parameters=()):
    constants = tuple(map(x.dtype.type, parameters))
    _unary(function).over(x.size, flat(y), flat(x), constants)


@functools.cache
def _unary_backward(function):
    slope = device_function(FUNCTIONS[function][1])
    step = function in STEPS

    @kernel
    def unary_backward(dx, dy, y, constants, accumulate):
        for i in range(cuda.grid(1), y.size, cuda.gridsize(1)):
            gradient = slope(y[i], constants)
            if not step or gradient != 0:
                gradient *= dy[i]
            dx[i] = dx[i] + gradient if accumulate else gradient

    return unary_backward


@operation(outputs=1)
def unary_backward(dx, dy, y, *, function, parameters=(), accumulate=False):
    constants = tuple(map(y.dtype.type, parameters))
    _unary_backward(function).over(y.size, flat(dx), flat(dy), flat(y), constants, accumulate)


def _greater_equal(a, b):
    if is_nan(a) or is_nan(b):
        return a + b
    return type(a)(1) if a >= b else type(a)(0)


BINARY = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "maximum": lambda a, b: larger(a, b),
    "minimum": lambda a, b: smaller(a, b),
    "greater_equal": _greater_equal,
    "divide_by_root": lambda a, b: a / sqrt(b),
}


@functools.cache
def _binary(function):
    combine = device_function(BINARY[function])

    @kernel
    def binary(y, a, b, axes):
        for i in range(cuda.grid(1), y.size, cuda.gridsize(1)):
            at_a, at_b = walked(i, axes)
            y[i] = combine(a[at_a], b[at_b])

    return binary


@operation(outputs=1)
def binary(y, a, b, *, function):
    axes = broadcast(tuple(y.shape), tuple(a.shape), tuple(b.shape))
    _binary(function).over(y.size, flat(y), flat(a), flat(b), axes)
