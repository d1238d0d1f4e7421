"""Losses that are a mean over the row of a function of x and target.

A tile is a block of rows.  A function of x and target is written to a block of memory in one
loop over all of its elements; then come the rows' sums, or their scales.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import F1, F2, B, D, N, given, inlined, versions
from cnnlite.kernels.numba.functions import exp, log, log1p, log_normal, sigmoid, tanh
from cnnlite.kernels.numba.rows import row_scale, row_sum, rows_of_block, store_gradient
from cnnlite.kernels.numba.simd import lanes, like, load_upto, splat
from cnnlite.kernels.numba.views import row, span
from cnnlite.kernels.reference.losses import EPSILON

__all__ = ["elementwise_loss_backward", "elementwise_loss_forward"]

# Nanoseconds for an element on one core: an exponential or a logarithm; reading and writing.
FUNCTION, STREAM = 1.0, 0.3


def elementwise_loss_forward(loss, x, target, *, function, delta):
    arrays = loss, x, target
    _FORWARD[function](_cost(function) * x.size, *arrays, delta, _terms(function, x))


def elementwise_loss_backward(dx, x, target, weights, *, function, delta, accumulate=False):
    arrays = dx, x, target, given(weights, x.dtype)
    parameters = delta, _terms(function, x), accumulate
    _BACKWARD[function](_cost(function) * x.size, *arrays, *parameters)


def _cost(function):
    return STREAM if function.endswith(("squared_error", "absolute_error", "hinge")) else FUNCTION


def _terms(function, x):
    """Return what a row's sum is divided by: kl_divergence is a sum, the others are means."""
    return 1 if function == "kl_divergence" else x.shape[1]


def function(x, t, delta):
    """Stand, in the loops below, for each function of a table."""


def _loss(loss: F1, x: F2, target: F2, delta: D, terms: N):
    rows, count = x.shape
    step, divisor, limit = rows_of_block(count), x.dtype.type(terms), x.dtype.type(delta)
    for tile in prange((rows + step - 1) // step):
        first, last = tile * step, min(rows, (tile + 1) * step)
        of, wanted = span(x, first * count, last * count), span(target, first * count, last * count)
        values = np.empty(of.size, x.dtype)
        for k in range(of.size):
            values[k] = function(of[k], wanted[k], limit)
        if count == 1:  # as in regression
            for k in range(values.size):
                loss[first + k] = values[k]
        else:
            for r in range(first, last):
                loss[r] = row_sum(row(values, r - first, count)) / divisor


def _loss_gradient(dx: F2, x: F2, target: F2, weights: F1, delta: D, terms: N, accumulate: B):
    rows, count = x.shape
    step, limit, none = rows_of_block(count), x.dtype.type(delta), x.dtype.type(0)
    share = x.dtype.type(1 / (rows * terms))
    for tile in prange((rows + step - 1) // step):
        first, last = tile * step, min(rows, (tile + 1) * step)
        of, wanted = span(x, first * count, last * count), span(target, first * count, last * count)
        slopes, out = np.empty(of.size, x.dtype), span(dx, first * count, last * count)
        for k in range(of.size):
            slopes[k] = function(of[k], wanted[k], limit)
        # Without weights all rows have the same factor, so they are one long row.
        length = count if weights.size else slopes.size
        for r in range(slopes.size // max(1, length)):
            slope, into = row(slopes, r, length), row(out, r, length)
            scale = splat(row_scale(weights, first + r, share))
            for k in range(0, length, lanes(x)):
                gradient = load_upto(slope, k, length, none) * scale
                store_gradient(into, k, gradient, accumulate)


@inlined
def at_least(x, least):
    return like(x, least) if x < like(x, least) else x


@inlined
def clip(x, most):
    x = at_least(x, EPSILON)
    return like(x, most) if x > like(x, most) else x


@inlined
def logarithm(x):
    return log(at_least(x, EPSILON) + like(x, 1))


@inlined
def sign(x):
    return like(x, 1) if x > 0 else like(x, -1) if x < 0 else x


@inlined
def where_clipped(x, clipped, t, inside):
    """Return ``inside``, but 0 where the clip cut x off, and NaN where x or t is."""
    return (clipped + t) * like(x, 0) if clipped != x else inside


def _logarithmic(x, t, _):
    difference = logarithm(x) - logarithm(t)
    return difference * difference


def _logarithmic_slope(x, t, _):
    m = at_least(x, EPSILON)
    inside = like(x, 2) * (logarithm(x) - logarithm(t)) / (m + like(x, 1))
    return where_clipped(x, m, like(x, 0), inside)


def _huber(x, t, delta):
    size = abs(x - t)
    half = like(x, 0.5)
    return half * size * size if size <= delta else delta * size - half * delta * delta


def _huber_slope(x, t, delta):
    e = x - t
    return e if abs(e) <= delta else delta * sign(e)


def _log_cosh(x, t, _):
    size = abs(x - t)
    return size + log1p(exp(like(x, -2) * size)) - like(x, math.log(2))


def _hinge_slope(x, t, _):
    margin = like(x, 1) - t * x
    return -t if margin > 0 else like(x, 0) if margin == margin else margin


def _squared_hinge(x, t, _):
    margin = at_least(like(x, 1) - t * x, 0)
    return margin * margin


def _divergence(x, t, _):
    wanted = clip(t, 1)
    return wanted * log_normal(wanted / clip(x, 1))


def _divergence_slope(x, t, _):
    p = clip(x, 1)
    return where_clipped(x, p, t, -clip(t, 1) / p)


def _binary(x, t, _):
    p = clip(x, 1 - EPSILON)
    return -(t * log_normal(p) + (like(x, 1) - t) * log1p(-p))


def _binary_slope(x, t, _):
    p = clip(x, 1 - EPSILON)
    return where_clipped(x, p, t, (p - t) / (p * (like(x, 1) - p)))


def _sigmoid_crossentropy(x, t, _):
    return at_least(x, 0) - x * t + log1p(exp(-abs(x)))


_FORWARD = versions(
    _loss,
    {
        "squared_error": lambda x, t, _: (x - t) * (x - t),
        "absolute_error": lambda x, t, _: abs(x - t),
        "absolute_percentage_error": lambda x, t, _: (
            like(x, 100) * (abs(x - t) / at_least(abs(t), EPSILON))
        ),
        "squared_logarithmic_error": _logarithmic,
        "huber": _huber,
        "log_cosh": _log_cosh,
        "hinge": lambda x, t, _: at_least(like(x, 1) - t * x, 0),
        "squared_hinge": _squared_hinge,
        "poisson": lambda x, t, _: x - t * log(x + like(x, EPSILON)),
        "kl_divergence": _divergence,
        "binary_crossentropy": _binary,
        "sigmoid_crossentropy": _sigmoid_crossentropy,
    },
)
_BACKWARD = versions(
    _loss_gradient,
    {
        "squared_error": lambda x, t, _: like(x, 2) * (x - t),
        "absolute_error": lambda x, t, _: sign(x - t),
        "absolute_percentage_error": lambda x, t, _: (
            like(x, 100) * sign(x - t) / at_least(abs(t), EPSILON)
        ),
        "squared_logarithmic_error": _logarithmic_slope,
        "huber": _huber_slope,
        "log_cosh": lambda x, t, _: tanh(x - t),
        "hinge": _hinge_slope,
        "squared_hinge": lambda x, t, _: like(x, -2) * t * at_least(like(x, 1) - t * x, 0),
        "poisson": lambda x, t, _: like(x, 1) - t / (x + like(x, EPSILON)),
        "kl_divergence": _divergence_slope,
        "binary_crossentropy": _binary_slope,
        "sigmoid_crossentropy": lambda x, t, _: sigmoid(x) - t,
    },
)
