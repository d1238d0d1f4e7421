"""Softmax and its logarithm over the last axis: a tile is a block of rows.

The exponentials of a block are taken in one loop over all of its elements, so that rows of
ten cost no more than rows of a thousand.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import F2, B, inlined, tiled
from cnnlite.kernels.numba.functions import exp, log
from cnnlite.kernels.numba.rows import (
    row_dot,
    row_max,
    row_sum,
    rows_of_block,
    scale_row,
    store_gradient,
)
from cnnlite.kernels.numba.simd import fma, lanes, load_upto, splat, store_upto
from cnnlite.kernels.numba.views import row, span

__all__ = [
    "exp_rows",
    "log_softmax_backward",
    "log_softmax_forward",
    "softmax_backward",
    "softmax_forward",
]

# Nanoseconds for an element on one core: an exponential, and reading and writing it.
FORWARD, BACKWARD = 1.0, 0.5
# Elements of a row that is worth a loop of its own: at most 15 are left over for single ones.
LONG = 256


def softmax_forward(y, x):
    _softmax(FORWARD * x.size, y, x)


def softmax_backward(dx, dy, y, *, accumulate=False):
    _softmax_gradient(BACKWARD * y.size, dx, dy, y, accumulate)


def log_softmax_forward(y, x):
    _log_softmax(FORWARD * x.size, y, x)


def log_softmax_backward(dx, dy, y, *, accumulate=False):
    _log_softmax_gradient(FORWARD * y.size, dx, dy, y, accumulate)


@inlined
def shift_rows(y, x, largest, count):
    """Write ``x - max x`` of each row of ``count`` elements to y, and the maxima to ``largest``."""
    for r in range(largest.size):
        out, of = row(y, r, count), row(x, r, count)
        most = row_max(of)
        largest[r] = most
        for k in range(0, count, lanes(x)):
            store_upto(out, k, count, load_upto(of, k, count, most) - splat(most))


@inlined
def sum_rows(sums, x, count):
    """Write the sum of each row of ``count`` elements to ``sums``."""
    for r in range(sums.size):
        sums[r] = row_sum(row(x, r, count))


@inlined
def exp_rows(y, x, largest, sums, count):
    """Write ``e^(x - max x)`` of each row to y, with the maxima and the sums of the rows."""
    if count >= LONG:
        shifted = np.empty(count, x.dtype)  # y may be x
        for r in range(largest.size):
            out, of = row(y, r, count), row(x, r, count)
            most = row_max(of)
            largest[r] = most
            for k in range(count):
                shifted[k] = of[k] - most
            for k in range(count):
                out[k] = exp(shifted[k])
            sums[r] = row_sum(out)
        return
    shift_rows(y, x, largest, count)
    for k in range(y.size):
        y[k] = exp(y[k])
    sum_rows(sums, y, count)


@tiled
def _softmax(y: F2, x: F2):
    rows, count = x.shape
    step = rows_of_block(count)
    for tile in prange((rows + step - 1) // step):
        first, last = tile * step, min(rows, (tile + 1) * step)
        out, of = span(y, first * count, last * count), span(x, first * count, last * count)
        largest, sums = np.empty(last - first, x.dtype), np.empty(last - first, x.dtype)
        exp_rows(out, of, largest, sums, count)
        for r in range(sums.size):
            scale_row(row(out, r, count), x.dtype.type(1) / sums[r])


@tiled
def _softmax_gradient(dx: F2, dy: F2, y: F2, accumulate: B):
    rows, count = y.shape
    step, none = rows_of_block(count), y.dtype.type(0)
    for tile in prange((rows + step - 1) // step):
        for r in range(tile * step, min(rows, (tile + 1) * step)):
            out, of, value = row(dx, r, count), row(dy, r, count), row(y, r, count)
            mean = splat(row_dot(of, value))
            for k in range(0, count, lanes(y)):
                difference = load_upto(of, k, count, none) - mean
                gradient = load_upto(value, k, count, none) * difference
                store_gradient(out, k, gradient, accumulate)


@tiled
def _log_softmax(y: F2, x: F2):
    rows, count = x.shape
    step = rows_of_block(count)
    for tile in prange((rows + step - 1) // step):
        first, last = tile * step, min(rows, (tile + 1) * step)
        out, of = span(y, first * count, last * count), span(x, first * count, last * count)
        largest, sums = np.empty(last - first, x.dtype), np.empty(last - first, x.dtype)
        powers = np.empty(out.size, x.dtype)
        shift_rows(out, of, largest, count)
        for k in range(powers.size):
            powers[k] = exp(out[k])
        sum_rows(sums, powers, count)
        for r in range(sums.size):
            sums[r] = log(sums[r])
        for r in range(sums.size):
            shifted = row(out, r, count)
            for k in range(0, count, lanes(x)):
                y_k = load_upto(shifted, k, count, sums[r]) - splat(sums[r])
                store_upto(shifted, k, count, y_k)


@tiled
def _log_softmax_gradient(dx: F2, dy: F2, y: F2, accumulate: B):
    rows, count = y.shape
    step, none = rows_of_block(count), y.dtype.type(0)
    for tile in prange((rows + step - 1) // step):
        first, last = tile * step, min(rows, (tile + 1) * step)
        logarithms = span(y, first * count, last * count)
        powers = np.empty(logarithms.size, y.dtype)
        for k in range(powers.size):
            powers[k] = exp(logarithms[k])
        for r in range(first, last):
            out, of, power = row(dx, r, count), row(dy, r, count), row(powers, r - first, count)
            total = splat(-row_sum(of))
            for k in range(0, count, lanes(y)):
                of_k = load_upto(of, k, count, none)
                gradient = fma(load_upto(power, k, count, none), total, of_k)
                store_gradient(out, k, gradient, accumulate)
