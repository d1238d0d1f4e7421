"""Losses that are sums over the elements of a row, and the gradient of their batch mean."""

from __future__ import annotations

import functools
import math

from numba import cuda, float64

from cnnlite.kernels.cuda.functions import (
    clip,
    exp,
    is_nan,
    larger,
    log,
    log1p,
    sigmoid,
    sign,
    tanh,
)
from cnnlite.kernels.cuda.launching import BLOCK, device_function, kernel, operation
from cnnlite.kernels.cuda.memory import given
from cnnlite.kernels.cuda.rows import launch_rows, row_sum

__all__ = [
    "EPSILON",
    "batch_scale",
    "elementwise_loss_backward",
    "elementwise_loss_forward",
    "weight_of",
]

EPSILON = 1e-7  # Keras's backend epsilon
_LOG_TWO = math.log(2)


def batch_scale(x):
    """Return what a row counts in the mean over the rows of x, in its type."""
    return x.dtype.type(1 / max(x.shape[0], 1))


@device_function
def weight_of(weights, row, scale):
    """Return what a row counts in the loss: its weight, if rows have any, times the scale."""
    return weights[row] * scale if weights.size else scale


@device_function
def _error_of_clip(x, clipped, inside):
    """Return ``inside`` where the clip left x alone; elsewhere 0, or NaN where that is NaN."""
    return inside if clipped == x else clipped * type(x)(0)


@device_function
def _probability(x):
    return clip(x, type(x)(EPSILON), type(x)(1 - EPSILON))


@device_function
def _upto_one(x):
    return clip(x, type(x)(EPSILON), type(x)(1))


@device_function
def _at_least(x):
    return larger(x, type(x)(EPSILON))


@device_function
def _logarithm(x):
    return log(_at_least(x) + type(x)(1))


@device_function
def _margin(x, t):
    return larger(type(x)(1) - t * x, type(x)(0))


def _percentage(x, t, _):
    return type(x)(100) * abs((t - x) / _at_least(abs(t)))


def _percentage_slope(x, t, _):
    return type(x)(100) * sign(x - t) / _at_least(abs(t))


def _logarithmic(x, t, _):
    difference = _logarithm(x) - _logarithm(t)
    return difference * difference


def _logarithmic_slope(x, t, _):
    m = _at_least(x)
    slope = type(x)(2) * (_logarithm(x) - _logarithm(t)) / (m + type(x)(1))
    return _error_of_clip(x, m, slope)


def _huber(x, t, delta):
    half, error = type(x)(0.5), abs(x - t)
    return half * error * error if error <= delta else delta * (error - half * delta)


def _huber_slope(x, t, delta):
    error = x - t
    return error if abs(error) <= delta else delta * sign(error)


def _log_cosh(x, t, _):
    size = abs(x - t)
    return size + log1p(exp(type(x)(-2) * size)) - type(x)(_LOG_TWO)


def _hinge_slope(x, t, _):
    margin = type(x)(1) - t * x
    if is_nan(margin):
        return margin
    return -t if margin > 0 else type(x)(0)


def _divergence(x, t, _):
    t = _upto_one(t)
    return t * log(t / _upto_one(x))


def _divergence_slope(x, t, _):
    p = _upto_one(x)
    return _error_of_clip(x, p, -_upto_one(t) / p) + t * type(x)(0)


def _binary(x, t, _):
    p = _probability(x)
    return -(t * log(p) + (type(x)(1) - t) * log1p(-p))


def _binary_slope(x, t, _):
    p = _probability(x)
    return _error_of_clip(x, p, (p - t) / (p * (type(x)(1) - p))) + t * type(x)(0)


def _sigmoid_crossentropy(x, t, _):
    return larger(x, type(x)(0)) - x * t + log1p(exp(-abs(x)))


# The loss of an element and its derivative by x, of x, the target t and delta.
ELEMENTWISE = {
    "squared_error": (
        lambda x, t, _: (x - t) * (x - t),
        lambda x, t, _: type(x)(2) * (x - t),
    ),
    "absolute_error": (lambda x, t, _: abs(x - t), lambda x, t, _: sign(x - t)),
    "absolute_percentage_error": (_percentage, _percentage_slope),
    "squared_logarithmic_error": (_logarithmic, _logarithmic_slope),
    "huber": (_huber, _huber_slope),
    "log_cosh": (_log_cosh, lambda x, t, _: tanh(x - t)),
    "hinge": (lambda x, t, _: _margin(x, t), _hinge_slope),
    "squared_hinge": (
        lambda x, t, _: _margin(x, t) * _margin(x, t),
        lambda x, t, _: type(x)(-2) * t * _margin(x, t),
    ),
    "poisson": (
        lambda x, t, _: x - t * log(x + type(x)(EPSILON)),
        lambda x, t, _: type(x)(1) - t / (x + type(x)(EPSILON)),
    ),
    "kl_divergence": (_divergence, _divergence_slope),
    "binary_crossentropy": (_binary, _binary_slope),
    "sigmoid_crossentropy": (_sigmoid_crossentropy, lambda x, t, _: sigmoid(x) - t),
}


def _terms(function, x):
    """Return the divisor of a row's sum: kl_divergence is a sum, the others are means."""
    return x.dtype.type(1 if function == "kl_divergence" else x.shape[1])


@functools.cache
def _elementwise_forward(function):
    of_element = device_function(ELEMENTWISE[function][0])

    @kernel
    def elementwise_loss(loss, x, target, delta, terms):
        shared = cuda.shared.array(BLOCK, float64)
        for first in range(
            cuda.blockIdx.x * cuda.blockDim.y, x.shape[0], cuda.gridDim.x * cuda.blockDim.y
        ):
            row = first + cuda.threadIdx.y
            count, own = x.shape[1] if row < x.shape[0] else 0, x.dtype.type(0)
            for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
                own += of_element(x[row, k], target[row, k], delta)
            total = x.dtype.type(row_sum(shared, own))
            if row < x.shape[0] and cuda.threadIdx.x == 0:
                loss[row] = total / terms

    return elementwise_loss


@operation(outputs=1)
def elementwise_loss_forward(loss, x, target, *, function, delta):
    delta, terms = x.dtype.type(delta), _terms(function, x)
    launch_rows(_elementwise_forward(function), *x.shape, loss, x, target, delta, terms)


@functools.cache
def _elementwise_backward(function):
    slope = device_function(ELEMENTWISE[function][1])

    @kernel
    def elementwise_loss_backward(dx, x, target, weights, delta, terms, scale, accumulate):
        for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
            row = i // x.shape[1]
            k = i - row * x.shape[1]
            gradient = slope(x[row, k], target[row, k], delta) / terms
            gradient *= weight_of(weights, row, scale)
            dx[row, k] = dx[row, k] + gradient if accumulate else gradient

    return elementwise_loss_backward


@operation(outputs=1)
def elementwise_loss_backward(dx, x, target, weights, *, function, delta, accumulate=False):
    delta, terms, scale = x.dtype.type(delta), _terms(function, x), batch_scale(x)
    weights = given(weights, x.dtype)
    run = _elementwise_backward(function)
    run.over(x.size, dx, x, target, weights, delta, terms, scale, accumulate)
