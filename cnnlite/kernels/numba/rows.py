"""Sums and maxima along a row, in vectors; and how many rows make a tile."""

from __future__ import annotations

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import F1, F2, B, inlined, tiled
from cnnlite.kernels.numba.simd import (
    fma,
    lanes,
    load,
    load_upto,
    maximum,
    reduce_add,
    reduce_max,
    splat,
    store_upto,
    widen,
)

__all__ = [
    "BANDWIDTH", "BLOCK", "TILE", "add_parts", "parts_of", "row_dot", "row_max", "row_scale",
    "row_sum", "rows_of_block", "rows_of_tile", "scale_row", "store_gradient", "wide_dot",
    "wide_sum",
]  # fmt: skip

# Elements of a tile of memory-bound work: 128 KB of float32, within a core's L2 cache with
# the arrays beside it, and some 10 us of work, against which taking a tile costs nothing.
TILE = 32768
# Elements that go through several loops one after the other: 8 KB of float32, within a core's
# L1 cache beside two other arrays.  Measured with the mean squared error of 2001 rows of 110:
# 4096 and 1024 take some 15 % longer (Zen 4, 32 KB).
BLOCK = 2048


BANDWIDTH = 2.0  # elements a nanosecond that one core reads or writes, about


def parts_of(rows):
    """Return the number of partial sums that a sum over so many rows is cut into."""
    return min(32, -(-rows // 256))  # enough for any team; the parts are few beside the rows


@tiled
def add_parts(out: F1, parts: F2, accumulate: B):
    """Add up partial sums, in order: ``out`` is, or grows by, the sum of the rows of ``parts``."""
    count, columns = parts.shape
    for tile in prange((columns + TILE - 1) // TILE):
        to = out[tile * TILE : min(columns, (tile + 1) * TILE)]
        if not accumulate:
            to[:] = 0
        for part in range(count):
            of = parts[part, tile * TILE : min(columns, (tile + 1) * TILE)]
            for k in range(to.size):
                to[k] += of[k]


@inlined
def rows_of_tile(width):
    """Return how many rows of ``width`` elements make a tile."""
    return max(1, TILE // max(1, width))


@inlined
def rows_of_block(width):
    """Return how many rows of ``width`` elements make a block."""
    return max(1, BLOCK // max(1, width))


@inlined
def row_sum(x):
    """Return the sum of a row."""
    none = x.dtype.type(0)
    sums = splat(none)
    body = x.size - x.size % lanes(x)
    for k in range(0, body, lanes(x)):
        sums = sums + load(x, k)
    if body < x.size:
        sums = sums + load_upto(x, body, x.size, none)
    return reduce_add(sums)


@inlined
def row_max(x):
    """Return the largest element of a row, -inf of none; NaNs may be passed over."""
    lowest = x.dtype.type(-np.inf)
    found = splat(lowest)
    body = x.size - x.size % lanes(x)
    for k in range(0, body, lanes(x)):
        found = maximum(found, load(x, k))
    if body < x.size:
        found = maximum(found, load_upto(x, body, x.size, lowest))
    return reduce_max(found)


@inlined
def row_dot(a, b):
    """Return the sum of the products of two rows."""
    none = a.dtype.type(0)
    sums = splat(none)
    body = a.size - a.size % lanes(a)
    for k in range(0, body, lanes(a)):
        sums = fma(load(a, k), load(b, k), sums)
    if body < a.size:
        sums = fma(load_upto(a, body, a.size, none), load_upto(b, body, a.size, none), sums)
    return reduce_add(sums)


@inlined
def scale_row(x, scale):
    """Multiply a row by a number."""
    factor = splat(scale)
    for k in range(0, x.size, lanes(x)):
        store_upto(x, k, x.size, load_upto(x, k, x.size, scale) * factor)


@inlined
def store_gradient(dx, k, gradient, accumulate):
    """Write a vector to element ``k`` of the row ``dx`` and those after it, or add it there."""
    if accumulate:
        gradient = load_upto(dx, k, dx.size, dx.dtype.type(0)) + gradient
    store_upto(dx, k, dx.size, gradient)


@inlined
def row_scale(weights, r, share):
    """Return the factor of row r's gradient in a batch's mean, ``share`` where all weigh 1."""
    return weights[r] * share if weights.size else share


@inlined
def wide_sum(x):
    """Return the sum of a row in float64."""
    total = 0.0
    body = x.size - x.size % lanes(x)
    if body:
        sums = widen(splat(x.dtype.type(0)))
        for k in range(0, body, lanes(x)):
            sums = sums + widen(load(x, k))
        total = reduce_add(sums)
    for k in range(body, x.size):
        total += x[k]
    return total


@inlined
def wide_dot(a, b):
    """Return the sum of the products of two rows in float64."""
    total = 0.0
    body = a.size - a.size % lanes(a)
    if body:
        sums = widen(splat(a.dtype.type(0)))
        for k in range(0, body, lanes(a)):
            sums = fma(widen(load(a, k)), widen(load(b, k)), sums)
        total = reduce_add(sums)
    for k in range(body, a.size):
        total = fma(np.float64(a[k]), np.float64(b[k]), total)
    return total
