"""Two arrays combined element by element, each repeated along the axes that it lacks.

The result is a row of rows: along a row both inputs go on by one element, or one of them
stands still, and where a row starts in each follows from its number.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import F1, N2, inlined, versions
from cnnlite.kernels.numba.elementwise import STREAM, TILE
from cnnlite.kernels.numba.simd import (
    constant,
    lanes,
    load,
    load_upto,
    maximum,
    minimum,
    root,
    splat,
    store,
    store_upto,
    where,
)

__all__ = ["binary", "row_places", "walk"]


def binary(y, a, b, *, function):
    arrays = y.reshape(-1), a.reshape(-1), b.reshape(-1)
    _BINARY[function](STREAM * y.size, *arrays, walk(y.shape, a.shape, b.shape))


@lru_cache(maxsize=1024)
def walk(shape, a_shape, b_shape):
    """Return (3, axes): extents, and by how many elements a step along an axis moves in a and b.

    That is 0 where the array is repeated.  Axes are merged where both arrays allow it; one is
    left at least.
    """
    axes: list[tuple[int, int, int]] = []
    a_step = b_step = 1
    for back in range(1, len(shape) + 1):
        a_extent = a_shape[-back] if back <= len(a_shape) else 1
        b_extent = b_shape[-back] if back <= len(b_shape) else 1
        extent, steps = shape[-back], (a_step * (a_extent > 1), b_step * (b_extent > 1))
        if axes and steps == tuple(axes[-1][0] * step for step in axes[-1][1:]):
            axes[-1] = (axes[-1][0] * extent, *axes[-1][1:])  # goes on as the axis behind it does
        elif extent != 1:
            axes.append((extent, *steps))
        a_step, b_step = a_step * a_extent, b_step * b_extent
    return np.array(axes[::-1] or [(1, 1, 1)], np.intp).T.copy()


@inlined
def row_places(steps, row):
    """Return where row number ``row`` of the walk starts in a and in b."""
    i, j = 0, 0
    for axis in range(steps.shape[1] - 2, 0, -1):
        index = row % steps[0, axis]
        row //= steps[0, axis]
        i += index * steps[1, axis]
        j += index * steps[2, axis]
    return i + row * steps[1, 0], j + row * steps[2, 0]


def function(a, b):
    """Stand, in the loop below, for each function of the table: of two vectors."""


def _binary(y: F1, a: F1, b: F1, steps: N2):
    length, a_step, b_step = steps[0, -1], steps[1, -1], steps[2, -1]
    one = y.dtype.type(1)
    for tile in prange((y.size + TILE - 1) // TILE):
        at, last = tile * TILE, min(y.size, (tile + 1) * TILE)
        row, column = at // length, at % length
        while at < last:
            i, j = row_places(steps, row) if steps.shape[1] > 1 else (0, 0)
            i, j = i + column * a_step, j + column * b_step
            count = min(length - column, last - at)
            p, q = splat(a[i]), splat(b[j])  # of an array that stands still
            body = count - count % lanes(y)
            for k in range(0, body, lanes(y)):
                p = load(a, i + k) if a_step else p
                q = load(b, j + k) if b_step else q
                store(y, at + k, function(p, q))
            if body < count:
                p = load_upto(a, i + body, i + count, one) if a_step else p
                q = load_upto(b, j + body, j + count, one) if b_step else q
                store_upto(y, at + body, at + count, function(p, q))
            at, row, column = at + count, row + 1, 0


def _greater_equal(a, b):
    truth = where(a >= b, constant(a, 1), constant(a, 0))
    return where(a != a, a, where(b != b, b, truth))


_BINARY = versions(
    _binary,
    {
        "add": lambda a, b: a + b,
        "subtract": lambda a, b: a - b,
        "multiply": lambda a, b: a * b,
        "divide": lambda a, b: a / b,
        "maximum": lambda a, b: where(b != b, b, maximum(a, b)),
        "minimum": lambda a, b: where(b != b, b, minimum(a, b)),
        "greater_equal": _greater_equal,
        "divide_by_root": lambda a, b: a / root(b),
    },
)
