"""Arrays walked through steps: transposed, or two of them broadcast to one result.

Python merges neighbouring axes as far as the steps through all arrays allow, so that few,
long ones are left; the loops see them as an array of extents and steps.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import F1, N2, U1, B, D, N, inlined, tiled
from cnnlite.kernels.numba.rows import TILE, rows_of_tile
from cnnlite.kernels.numba.simd import turn

__all__ = ["logical", "transpose", "where"]

STREAM = 0.2  # nanoseconds on one core for an element that is read and written

# The shorter side of a block of numbers that are turned around: 32 x 32 of them are read and
# written in the L1 cache.
SIDE = 32


# ---- other orders


def transpose(y, x, *, axes):
    if y.size == 0:
        return
    outer, rows, columns, row_steps, column_step = _turned(x.shape, tuple(axes))
    cost = STREAM if column_step == 1 else 2 * STREAM
    arrays = y.reshape(-1), x.reshape(-1)
    _transpose(cost * y.size, *arrays, outer, rows, columns, *row_steps, column_step)


@functools.lru_cache(256)
def _turned(shape, axes):
    """Return how y's axes are walked: the outer ones, then the rows and columns of a matrix.

    The elements of a row lie side by side in y.  In x they do too, or those of a column do.
    """
    x_steps = [math.prod(shape[axis + 1 :]) for axis in axes]
    y_shape = [shape[axis] for axis in axes]
    y_steps = [math.prod(y_shape[axis + 1 :]) for axis in range(len(axes))]
    walk = _merged(zip(y_shape, x_steps, y_steps, strict=True)) or [(1, 1, 1)]
    columns, column_step, _ = walk.pop()
    rows = 1, 0, 0
    if walk:
        side = -1 if column_step == 1 else [x_step for _, x_step, _ in walk].index(1)
        rows = walk.pop(side)
    return _table(walk, 3), rows[0], columns, rows[1:], column_step


def _merged(walk):
    """Merge neighbouring axes (extent, step, step, ...) that each array takes in one step."""
    merged: list[tuple[int, ...]] = []
    for extent, *steps in walk:
        if extent == 1:
            continue
        if merged and merged[-1][1:] == tuple(extent * step for step in steps):
            extent *= merged.pop()[0]
        merged.append((extent, *steps))
    return merged


def _table(walk, width):
    """Return the walk as an array: a row of extents, then a row of steps for each array."""
    return np.ascontiguousarray(np.array(walk, np.intp).reshape(len(walk), width).T)


@inlined
def _starts(walk, index):
    """Return where the index-th element of a walk stands in its two arrays."""
    first, second = 0, 0
    for axis in range(walk.shape[1] - 1, -1, -1):
        rest = index // walk[0, axis]
        place = index - rest * walk[0, axis]
        first += place * walk[1, axis]
        second += place * walk[2, axis]
        index = rest
    return first, second


@inlined
def _length(walk):
    length = 1
    for axis in range(walk.shape[1]):
        length *= walk[0, axis]
    return length


@tiled
def _transpose(y: F1, x: F1, outer: N2, rows: N, columns: N, x_row: N, y_row: N, x_column: N):
    is_moved = x_column == 1  # rows that are long in both arrays
    width = min(columns, TILE if is_moved else max(SIDE, SIDE * SIDE // rows))
    height = min(rows, TILE // width if is_moved else max(SIDE, SIDE * SIDE // columns))
    across, down = (columns + width - 1) // width, (rows + height - 1) // height
    blocks = _length(outer) * across * down
    step = max(1, TILE // (width * height))
    for tile in prange((blocks + step - 1) // step):
        for block in range(tile * step, min(blocks, (tile + 1) * step)):
            index, i, j = block // (across * down), block // across % down, block % across
            count, n = min(height, rows - i * height), min(width, columns - j * width)
            of, to = _starts(outer, index)
            of += i * height * x_row + j * width * x_column
            to += i * height * y_row + j * width
            if is_moved:
                _move(y, to, y_row, x, of, x_row, count, n)
            else:
                _turn_block(y, to, y_row, x, of, x_column, count, n)


@inlined
def _move(y, to, y_step, x, of, x_step, rows, columns):
    for r in range(rows):
        out = y[to + r * y_step : to + r * y_step + columns]
        row = x[of + r * x_step : of + r * x_step + columns]
        for k in range(columns):
            out[k] = row[k]


@inlined
def _turn_block(y, to, y_step, x, of, x_step, rows, columns):
    """``y[to + i y_step + j] = x[of + j x_step + i]`` for a block of rows i and columns j."""
    whole_rows, whole_columns = rows - rows % 8, columns - columns % 8
    for i in range(0, whole_rows, 8):
        for j in range(0, whole_columns, 8):
            turn(y, to + i * y_step + j, y_step, x, of + j * x_step + i, x_step)
    for i in range(rows):
        for j in range(whole_columns if i < whole_rows else 0, columns):
            # Places that are no negative index, so that nothing asks.
            y[np.uint64(to + i * y_step + j)] = x[np.uint64(of + j * x_step + i)]


# ---- two arrays


def where(y, mask, x, *, value):
    walk, run, x_step, mask_step = _broadcast(y.shape, x.shape, mask.shape)
    arrays = y.reshape(-1), mask.reshape(-1), x.reshape(-1)
    _where(STREAM * y.size, *arrays, walk, run, x_step, mask_step, value)


def logical(y, a, b, *, function):
    walk, run, a_step, b_step = _broadcast(y.shape, a.shape, b.shape)
    arrays = y.reshape(-1), a.reshape(-1), b.reshape(-1)
    _logical(STREAM * y.size, *arrays, walk, run, a_step, b_step, function == "and")


@functools.lru_cache(256)
def _broadcast(shape, *operands):
    """Return how two operands of this result are walked: rows, their length, the steps in them."""
    steps = []
    for operand in operands:
        full = (1,) * (len(shape) - len(operand)) + operand
        steps.append([math.prod(full[n + 1 :]) if full[n] > 1 else 0 for n in range(len(shape))])
    walk = _merged(zip(shape, *steps, strict=True)) or [(1, 1, 1)]
    run, *run_steps = walk.pop()
    return _table(walk, 3), run, *run_steps


@inlined
def _runs(size, run):
    """Return how work on runs is cut: pieces in a run, runs in a tile, tiles."""
    pieces, step = (run + TILE - 1) // TILE, rows_of_tile(run)
    return pieces, step, (size // max(1, run) + step - 1) // step * pieces


@inlined
def _operand(x, at, first, count, step):
    """Return a piece of an operand's run, or the one element that stands for the run."""
    return x[at + first : at + first + count] if step else x[at : at + 1]


@tiled
def _where(y: F1, mask: U1, x: F1, walk: N2, run: N, x_step: N, mask_step: N, value: D):
    other = x.dtype.type(value)
    pieces, step, tiles = _runs(y.size, run)
    for tile in prange(tiles):
        group, first = tile // pieces, tile % pieces * TILE
        count = min(TILE, run - first)
        for r in range(group * step, min(y.size // run, (group + 1) * step)):
            x_start, mask_start = _starts(walk, r)
            out = y[r * run + first : r * run + first + count]
            of = _operand(x, x_start, first, count, x_step)
            kept = _operand(mask, mask_start, first, count, mask_step)
            if mask_step == 0 and kept[0] == 0:
                for k in range(count):
                    out[k] = other
            elif mask_step == 0:
                for k in range(count):
                    out[k] = of[k]
            elif x_step == 0:
                one = of[0]
                for k in range(count):
                    out[k] = one if kept[k] else other
            elif out.ctypes.data == of.ctypes.data:  # or LLVM would not make vectors of it
                for k in range(count):
                    out[k] = out[k] if kept[k] else other
            else:
                for k in range(count):
                    out[k] = of[k] if kept[k] else other


@tiled
def _logical(
    y: F1, a: F1, b: F1, walk: N2, run: N, a_step: N, b_step: N, both: B
):  # bytes, in spite of the annotation
    pieces, step, tiles = _runs(y.size, run)
    for tile in prange(tiles):
        group, first = tile // pieces, tile % pieces * TILE
        count = min(TILE, run - first)
        for r in range(group * step, min(y.size // run, (group + 1) * step)):
            a_start, b_start = _starts(walk, r)
            out = y[r * run + first : r * run + first + count]
            left = _operand(a, a_start, first, count, a_step)
            right = _operand(b, b_start, first, count, b_step)
            if a_step and b_step:
                for k in range(count):
                    p, q = left[k] != 0, right[k] != 0
                    out[k] = p & q if both else p | q
            else:  # one stands for a run
                one = left if b_step == 0 else right
                fixed = (right if b_step == 0 else left)[0] != 0
                for k in range(count):
                    p = one[k] != 0
                    out[k] = p & fixed if both else p | fixed
