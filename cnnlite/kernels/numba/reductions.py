"""Sums, means and maxima over some axes: groups of neighbouring axes, one after the other."""

from __future__ import annotations

import functools
import math

import numpy as np
from numba import prange

from cnnlite.kernels import threads
from cnnlite.kernels.numba.compiling import F1, F2, F3, B, D, N, inlined, tiled
from cnnlite.kernels.numba.rows import row_max, row_sum
from cnnlite.kernels.numba.simd import lanes, larger, load, load_upto, splat, store, store_upto
from cnnlite.kernels.numba.views import span

__all__ = ["reduce"]

STREAM = 0.2  # nanoseconds on one core for an element that is read

# Terms times columns in a tile, columns in a tile, and tiles of a large reduction.
REDUCED, COLUMNS, TILES = 8192, 512, 16


def reduce(y, x, *, function, axes, accumulate=False):
    if y.size == 0:
        return
    *before, last = _groups(x.shape, tuple(sorted(axes)))
    maximum, team = function == "max", 1
    for shape in before:
        partial = np.empty(shape[0] * shape[2], x.dtype)
        _combine(partial, x.reshape(shape), maximum, 1.0, False)
        team, x = max(team, threads.last_team_size()), partial
    scale = 1.0
    if function == "mean":
        terms = math.prod(shape[1] for shape in (*before, last))
        scale = 1 / terms if terms else math.nan
    _combine(y.reshape(-1), x.reshape(last), maximum, scale, accumulate)
    threads.note_team_size(max(team, threads.last_team_size()))


@functools.lru_cache(256)
def _groups(shape, axes):
    """Return (outer, count, inner) of each group of neighbouring axes, from the first on.

    The groups are reduced one after the other.  The first one's columns fill vectors best, and
    leave little for the others.
    """
    found: list[tuple[int, int, int]] = []
    for axis in axes:
        inner = math.prod(shape[axis + 1 :])
        if found and axis - 1 in axes:  # one more axis of a group
            outer, count, _ = found[-1]
            found[-1] = (outer, count * shape[axis], inner)
        else:
            outer = math.prod(shape[n] for n in range(axis) if n not in axes)
            found.append((outer, shape[axis], inner))
    return found or [(1, 1, math.prod(shape))]


def _combine(y, x, maximum, scale, accumulate):
    """Reduce the middle axis of x; many terms of few results in slices."""
    outer, count, inner = x.shape
    tiles = outer * -(-inner // COLUMNS)
    slices = max(1, min(TILES // tiles, count * inner // REDUCED)) if tiles < TILES else 1
    partial = np.empty((slices if slices > 1 else 0, outer * inner), x.dtype)
    nanoseconds = STREAM * x.size + 5 * outer * inner
    _reduce(nanoseconds, y, partial, x, slices, maximum, scale, accumulate)


@inlined
def _row(x, maximum):
    """Return the sum of a row, or its largest element, NaN if any is NaN."""
    if not maximum:
        return row_sum(x)
    missing = False
    for k in range(x.size):
        missing |= x[k] != x[k]
    return x.dtype.type(np.nan) if missing else row_max(x)


@inlined
def _combined(a, b, maximum):
    return larger(a, b) if maximum else a + b


@inlined
def columns(totals, x, start, rows, width, nothing, maximum):
    """Combine columns of ``rows`` rows of x, which begin at element ``start``, ``width`` apart."""
    wide, whole = 4 * lanes(x), totals.size - totals.size % lanes(x)
    many = whole - whole % wide
    for j in range(0, many, wide):
        a, b, c, d = splat(nothing), splat(nothing), splat(nothing), splat(nothing)
        for r in range(rows):
            at = start + r * width + j
            a = _combined(a, load(x, at), maximum)
            b = _combined(b, load(x, at + lanes(x)), maximum)
            c = _combined(c, load(x, at + 2 * lanes(x)), maximum)
            d = _combined(d, load(x, at + 3 * lanes(x)), maximum)
        store(totals, j, a)
        store(totals, j + lanes(x), b)
        store(totals, j + 2 * lanes(x), c)
        store(totals, j + 3 * lanes(x), d)
    for j in range(many, whole, lanes(x)):
        a = splat(nothing)
        for r in range(rows):
            a = _combined(a, load(x, start + r * width + j), maximum)
        store(totals, j, a)
    if whole < totals.size:
        a = splat(nothing)
        for r in range(rows):
            at = start + r * width
            value = load_upto(x, at + whole, at + totals.size, nothing)
            a = _combined(a, value, maximum)
        store_upto(totals, whole, totals.size, a)


@inlined
def _finish(y, totals, scale, accumulate):
    factor = y.dtype.type(scale)
    for k in range(y.size):
        result = totals[k] * factor
        y[k] = y[k] + result if accumulate else result


@tiled
def _reduce(y: F1, partial: F2, x: F3, slices: N, maximum: B, scale: D, accumulate: B):
    outer, count, inner = x.shape
    flat, nothing = x.reshape(-1), x.dtype.type(-np.inf if maximum else 0)
    across = (inner + COLUMNS - 1) // COLUMNS
    step = min(outer, max(1, REDUCED // max(1, count * min(inner, COLUMNS))))
    groups = (outer + step - 1) // step
    for tile in prange(slices * groups * across):
        s, group, first = (
            tile // (groups * across),
            tile // across % groups,
            tile % across * COLUMNS,
        )
        start, end = count * s // slices, count * (s + 1) // slices
        totals = np.empty(min(COLUMNS, inner - first), x.dtype)
        for o in range(group * step, min(outer, (group + 1) * step)):
            at, to = (o * count + start) * inner + first, o * inner + first
            if inner == 1:
                totals[0] = _row(span(flat, at, at + end - start), maximum)
            elif maximum:
                columns(totals, flat, at, end - start, inner, nothing, True)
            else:
                columns(totals, flat, at, end - start, inner, nothing, False)
            if slices == 1:
                _finish(y[to : to + totals.size], totals, scale, accumulate)
            else:
                for k in range(totals.size):
                    partial[s, to + k] = totals[k]
    if slices > 1:
        results = np.full(y.size, nothing)
        for part in partial:
            for k in range(y.size):
                results[k] = _combined(results[k], part[k], maximum)
        _finish(y, results, scale, accumulate)
