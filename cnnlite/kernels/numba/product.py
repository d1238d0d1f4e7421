"""The matrix product that matmul, convolution and the recurrent cells share.

A block of rows of the first matrix meets panels of the second: the panel of so many columns
lies packed, row after row, so that the inner loop reads it straight through.  There the tile
of 6 rows by two vectors of columns stays in twelve registers while the loop runs over the
common dimension: each step loads two vectors and six single elements, and multiplies and adds
twelve times.  Twelve sums hide the delay of an addition (8 would do), and with the rest fit the
16 registers of AVX2.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import F1, N, inlined, tiled
from cnnlite.kernels.numba.simd import (
    VECTOR_BYTES,
    copy,
    fma,
    lanes,
    load,
    load_upto,
    maximum,
    splat,
    spread,
    store,
    store_upto,
)

__all__ = [
    "BLOCK", "FLOPS", "ROWS", "block_product", "copy_panel_row", "copy_run", "pack_panel",
    "pack_panels", "pack_rows", "panel_count", "room_for_panels", "width",
]  # fmt: skip

FLOPS = 60.0  # a nanosecond: what the tiles reach on one core where little is large

ROWS = 6
# Rows of a block: eight tiles.  With 1,000 float32 in a row 200 KB, within the L2 cache.
BLOCK = 8 * ROWS


@inlined
def width(x):
    """Return the columns of a panel."""
    return 2 * lanes(x)


@inlined
def panel_count(x, columns):
    """Return how many panels so many columns make; the last one is filled up with zeros."""
    return (columns + width(x) - 1) // width(x)


def room_for_panels(depth, columns, dtype):
    """Return memory for the packed columns of a matrix."""
    wide = 2 * VECTOR_BYTES // dtype.itemsize
    return np.empty(-(-columns // wide) * depth * wide, dtype)


@inlined
def _tile_product(out, a, r0, r1, r2, r3, r4, r5, stride, panels, start, depth):
    """Write the products of 6 rows with one panel to ``out`` (6 x width).

    Row n is made of the elements ``rn + k stride`` of a, k < depth.
    """
    zero, half = splat(a.dtype.type(0)), lanes(a)
    s00 = s01 = s10 = s11 = s20 = s21 = s30 = s31 = s40 = s41 = s50 = s51 = zero
    for k in range(depth):
        b0 = load(panels, start + k * 2 * half)
        b1 = load(panels, start + k * 2 * half + half)
        at = k * stride
        x = spread(a, r0 + at)
        s00, s01 = fma(x, b0, s00), fma(x, b1, s01)
        x = spread(a, r1 + at)
        s10, s11 = fma(x, b0, s10), fma(x, b1, s11)
        x = spread(a, r2 + at)
        s20, s21 = fma(x, b0, s20), fma(x, b1, s21)
        x = spread(a, r3 + at)
        s30, s31 = fma(x, b0, s30), fma(x, b1, s31)
        x = spread(a, r4 + at)
        s40, s41 = fma(x, b0, s40), fma(x, b1, s41)
        x = spread(a, r5 + at)
        s50, s51 = fma(x, b0, s50), fma(x, b1, s51)
    store(out, 0 * half, s00)
    store(out, 1 * half, s01)
    store(out, 2 * half, s10)
    store(out, 3 * half, s11)
    store(out, 4 * half, s20)
    store(out, 5 * half, s21)
    store(out, 6 * half, s30)
    store(out, 7 * half, s31)
    store(out, 8 * half, s40)
    store(out, 9 * half, s41)
    store(out, 10 * half, s50)
    store(out, 11 * half, s51)


@inlined
def _row_product(out, a, first, stride, panels, start, depth):
    """Write the product of one row with one panel to ``out``, as ``_tile_product`` would."""
    s0 = s1 = splat(a.dtype.type(0))
    for k in range(depth):
        x, at = spread(a, first + k * stride), start + k * 2 * lanes(a)
        s0, s1 = fma(x, load(panels, at), s0), fma(x, load(panels, at + lanes(a)), s1)
    store(out, 0, s0)
    store(out, lanes(a), s1)


@inlined
def _write(y, place, out, row, columns, bias, column, relu, accumulate):
    """Write a row of ``out`` to y from ``place`` on, with the bias from ``column`` on."""
    half, at = lanes(y), row * width(y)
    if columns == width(y):
        for k in range(0, columns, half):
            value = load(out, at + k)
            if accumulate:
                value = value + load(y, place + k)
            if bias.size:
                value = value + load(bias, column + k)
            if relu:
                value = maximum(value, splat(y.dtype.type(0)))  # NaN stays
            store(y, place + k, value)
        return
    none = y.dtype.type(0)
    for k in range(0, columns, half):
        value = load(out, at + k)
        if accumulate:
            value = value + load_upto(y, place + k, place + columns, none)
        if bias.size:
            value = value + load_upto(bias, column + k, column + columns, none)
        if relu:
            value = maximum(value, splat(none))
        store_upto(y, place + k, place + columns, value)


@inlined
def block_product(
    y, places, a, first, step, packed, rows, panels, start, depth, columns, bias, column, relu,
    accumulate, out,
):  # fmt: skip
    """Multiply a block of rows with panels that lie one after the other.

    y : flat array; row r of the result goes to ``places[r]`` on
    a : flat array; row r has the elements ``first + r step + k``, or, ``packed``, six rows lie
        together as ``pack_rows`` leaves them
    panels : flat array; the first one begins at ``start``
    columns : of the result, from ``column`` of the bias on
    bias : flat array, or one without elements
    out : flat array of 6 x width, for what is between registers and y
    """
    wide = width(y)
    for p in range(panel_count(y, columns)):
        panel = start + p * depth * wide
        for r in range(0, rows, ROWS):
            last = min(ROWS, rows - r) - 1
            # Numbers that are known here make better loops there, which is in line.
            if last == 0:
                f = first + r * (depth if packed else step)
                _row_product(out, a, f, ROWS if packed else 1, panels, panel, depth)
            elif packed:
                f = first + r * depth
                _tile_product(
                    out, a, f, f + 1, f + 2, f + 3, f + 4, f + 5, ROWS, panels, panel, depth
                )
            else:  # those after the last row are computed as copies of it
                f = first + r * step
                _tile_product(
                    out, a, f, f + min(1, last) * step, f + min(2, last) * step,
                    f + min(3, last) * step, f + min(4, last) * step, f + min(5, last) * step,
                    1, panels, panel, depth,
                )  # fmt: skip
            for row in range(last + 1):
                _write(
                    y, places[r + row] + p * wide, out, row, min(wide, columns - p * wide),
                    bias, column + p * wide, relu, accumulate,
                )  # fmt: skip


@inlined
def copy_run(to, at, x, start, count):
    """Copy a few elements in whole vectors: what is too much, the next run overwrites.

    ``to`` has room for a vector after its last run.
    """
    if start + count + lanes(x) <= x.size:
        for k in range(0, count, lanes(x)):
            store(to, at + k, load(x, start + k))
    else:
        copy(to, at, x, start, count)


@inlined
def pack_rows(packed, a, first, stride, rows, depth):
    """Pack the rows whose elements are ``first + r + k stride``: six by six, k after k.

    packed : flat array with room for the rows, filled up to sixes, and for a vector
    """
    for r in range(0, rows, ROWS):
        for k in range(depth):
            copy_run(packed, r * depth + k * ROWS, a, first + r + k * stride, min(ROWS, rows - r))


@inlined
def pack_panel(panels, start, b, first, step, stride, depth, columns):
    """Pack up to ``width`` columns of b; column j is ``first + j step + k stride``, k < depth."""
    wide = width(b)
    for k in range(depth):
        at, of = start + k * wide, first + k * stride
        for j in range(columns):
            panels[at + j] = b[of + j * step]
        for j in range(columns, wide):
            panels[at + j] = 0


@inlined
def copy_panel_row(panels, at, x, start):
    """Copy ``width`` elements, the row of a panel."""
    store(panels, at, load(x, start))
    store(panels, at + lanes(x), load(x, start + lanes(x)))


@tiled
def pack_panels(panels: F1, b: F1, first: N, step: N, stride: N, depth: N, columns: N):
    """Pack the columns of a matrix, a tile each panel.

    panels : (panel_count(columns) * depth * width,)
    b : flat array; column j of it is ``first + j step + k stride``, k < depth
    """
    wide = width(b)
    for p in prange(panel_count(b, columns)):
        pack_panel(
            panels, p * depth * wide, b, first + p * wide * step, step, stride, depth,
            min(wide, columns - p * wide),
        )  # fmt: skip
