"""Sums, means and maxima over some axes: groups of neighbouring axes, one after the other.

A group is the middle axis of (outer, count, inner).  Few terms are combined by one thread;
many along the last axis by the threads of a row (:mod:`.rows`); many along another one by those
below each other in a block (:mod:`.columns`).  Where results are few, their terms are cut into
slices, whose results are combined by a second launch.
"""

from __future__ import annotations

import functools
import math

import numba
from numba import cuda

from cnnlite.kernels.cuda.columns import (
    carriers,
    cut,
    launch_columns,
    make_column_sums,
    width_of,
)
from cnnlite.kernels.cuda.functions import larger
from cnnlite.kernels.cuda.indices import divided, divisor
from cnnlite.kernels.cuda.launching import (
    BLOCK,
    MOST_BLOCKS,
    SIMULATED,
    device_function,
    kernel,
    operation,
)
from cnnlite.kernels.cuda.memory import flat, scratch
from cnnlite.kernels.cuda.rows import launch_rows, row_max, row_sum
from cnnlite.kernels.cuda.vectors import load

__all__ = ["reduce"]

# Terms that one thread combines: of 16 neighbouring float32, half a line of the cache each.
FEW = 3 if SIMULATED else 16
# Terms of a slice of a row at least: 16 for each thread of a block.
SLICE = 16 * BLOCK

_plus = device_function(lambda a, b: a + b)
# Of two terms, of the threads of a row, and over nothing.
FUNCTIONS = {"sum": (_plus, row_sum, 0.0), "max": (larger, row_max, -math.inf)}


@device_function
def _finish(y, at, total, factor, accumulate):
    value = total * factor
    y[at] = y[at] + value if accumulate else value


@functools.cache
def _make_few(function):
    combine, _, nothing = FUNCTIONS[function]

    @kernel
    def combine_few(y, x, count, inner, factor, accumulate):
        for at in range(cuda.grid(1), y.size, cuda.gridsize(1)):
            outer, place = divided(at, inner)
            total = x.dtype.type(nothing)
            for n in range(count):
                total = combine(total, load(x, (outer * count + n) * inner.value + place))
            _finish(y, at, total, factor, accumulate)

    return combine_few


@functools.cache
def _make_row(function, dtype):
    combine, over_row, nothing = FUNCTIONS[function]

    @kernel
    def combine_rows(y, x, count, slices, step, factor, accumulate):
        """Combine slices of rows; y : (rows * slices,)."""
        shared = cuda.shared.array(BLOCK, dtype)
        for first in range(
            cuda.blockIdx.x * cuda.blockDim.y, y.size, cuda.gridDim.x * cuda.blockDim.y
        ):
            at = first + cuda.threadIdx.y
            row, part = divided(at, slices)
            end = min(count, (part + 1) * step) if at < y.size else 0
            total = x.dtype.type(nothing)
            for k in range(part * step + cuda.threadIdx.x, end, cuda.blockDim.x):
                total = combine(total, load(x, row * count + k))
            total = over_row(shared, total)
            if cuda.threadIdx.x == 0 and at < y.size:
                _finish(y, at, total, factor, accumulate)

    return combine_rows


@functools.cache
def _make_columns(function, dtype, width):
    combine, _, nothing = FUNCTIONS[function]
    take, _ = carriers(width)
    combine_all = make_column_sums(width, combine)
    size = width * BLOCK

    @kernel
    def combine_columns(y, x, tiles, count, inner, factor, accumulate, step):
        """Combine slices of columns; y : (outer * inner * slices,)."""
        shared = cuda.shared.array(size, dtype)
        totals = cuda.local.array(width, dtype)
        values = cuda.local.array(width, dtype)
        outer, tile = divided(cuda.blockIdx.x, tiles)
        column = (tile * cuda.blockDim.x + cuda.threadIdx.x) * width
        begin = cuda.blockIdx.y * step
        end = min(count, begin + step) if column < inner else begin
        for k in range(width):
            totals[k] = x.dtype.type(nothing)
        for n in range(begin + cuda.threadIdx.y, end, cuda.blockDim.y):
            take(values, x, (outer * count + n) * inner + column)
            for k in range(width):
                totals[k] = combine(totals[k], values[k])
        combine_all(shared, totals)
        if cuda.threadIdx.y == 0 and column < inner:
            for k in range(width):
                at = (outer * inner + column + k) * cuda.gridDim.y + cuda.blockIdx.y
                _finish(y, at, totals[k], factor, accumulate)

    return combine_columns


@functools.lru_cache(4096)
def _groups(shape, axes):
    """Return (outer, count, inner) of each group of neighbouring axes, from the last on."""
    found: list[tuple[int, int, int]] = []
    rest = list(shape)
    for axis in sorted(axes, reverse=True):
        count = shape[axis]
        if axis + 1 in axes:
            count *= found.pop()[1]
        found.append((math.prod(rest[:axis]), count, math.prod(rest[axis + 1 :])))
        del rest[axis]
    return found or [(1, 1, math.prod(shape))]


def _combine(y, x, shape, function, factor, accumulate):
    """Combine the middle axis; arrays are flat."""
    outer, count, inner = shape
    if not y.size:
        return
    one, dtype = x.dtype.type(1), numba.from_dtype(x.dtype)
    if count <= FEW:
        _make_few(function).over(y.size, y, x, count, divisor(inner), factor, accumulate)
        return
    by, at = 1, None
    if inner == 1:
        slices = max(1, min(-(-count // SLICE), MOST_BLOCKS // outer))
        step = -(-count // slices)
        slices = -(-count // step)
    else:
        by = width_of(inner, x)
        at = cut(count, inner, by, outer)
        slices = at.slices
    to = y if slices == 1 else scratch(y.size * slices, x.dtype)
    finish = (factor, accumulate) if slices == 1 else (one, False)
    if at is None:
        rows = _make_row(function, dtype)
        launch_rows(rows, y.size * slices, step, to, x, count, divisor(slices), step, *finish)
    else:
        columns = _make_columns(function, dtype, by)
        launch_columns(
            columns, at, to, x, divisor(at.tiles), count, inner, *finish, at.step, matrices=outer
        )
    if slices > 1:
        _combine_slices(y, to, slices, function, factor, accumulate)


def _combine_slices(y, parts, slices, function, factor, accumulate):
    rows = _make_row(function, numba.from_dtype(y.dtype))
    launch_rows(rows, y.size, slices, y, parts, slices, divisor(1), slices, factor, accumulate)


@operation(outputs=1)
def reduce(y, x, *, function, axes, accumulate=False):
    if not y.size:
        return
    *before, last = _groups(tuple(x.shape), tuple(axes))
    y, x, one = flat(y), flat(x), x.dtype.type(1)
    factor = one
    if function == "mean":
        function, count = "sum", math.prod(shape[1] for shape in (*before, last))
        factor = x.dtype.type(1 / count if count else math.nan)
    for shape in before:
        parts = scratch(shape[0] * shape[2], x.dtype)
        _combine(parts, x, shape, function, one, False)
        x = parts
    _combine(y, x, last, function, factor, accumulate)
