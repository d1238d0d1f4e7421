"""Matrix product with its epilogue, and the gradient of a bias."""

from __future__ import annotations

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import F1, F2, F4, B, N, given, inlined, tiled
from cnnlite.kernels.numba.elementwise import unary
from cnnlite.kernels.numba.product import (
    BLOCK,
    FLOPS,
    ROWS,
    block_product,
    pack_panel,
    pack_panels,
    pack_rows,
    panel_count,
    room_for_panels,
    width,
)
from cnnlite.kernels.numba.reductions import columns
from cnnlite.kernels.numba.rows import BANDWIDTH, add_parts, parts_of
from cnnlite.kernels.numba.simd import lanes

__all__ = ["batch_matmul", "bias_gradient", "matmul"]


def matmul(
    y, a, b, bias, *, transpose_a=False, transpose_b=False, activation=None, accumulate=False
):
    columns = y.shape[1]
    depth = b.shape[1] if transpose_b else b.shape[0]
    time = 2 * y.size * depth / FLOPS
    panels = room_for_panels(depth, columns, y.dtype)
    step, stride = (depth, 1) if transpose_b else (1, columns)
    pack_panels(panels.size / BANDWIDTH, panels, b.reshape(-1), 0, step, stride, depth, columns)
    relu = activation == "relu"
    _product(time, y, a, panels, given(bias, y.dtype), depth, transpose_a, relu, accumulate)
    if activation is not None and not relu:
        unary(y, y, function=activation)


@tiled
def _product(y: F2, a: F2, panels: F1, bias: F1, depth: N, transposed: B, relu: B, accumulate: B):
    """Multiply with packed panels: a tile is a block of rows, by all panels or a part of them."""
    rows, columns = y.shape
    count, wide = panel_count(y, columns), width(y)
    blocks = (rows + BLOCK - 1) // BLOCK
    # Some 16 tiles, for a fair share to each of several threads.
    parts = min(count, max(1, 16 // max(1, blocks)))
    share = (count + parts - 1) // max(1, parts)
    to, of = y.reshape(y.size), a.reshape(a.size)
    for tile in prange(blocks * parts):
        first, p = tile // parts * BLOCK, tile % parts * share
        size = min(BLOCK, rows - first)
        out, places = np.empty(ROWS * wide, y.dtype), np.empty(BLOCK, np.intp)
        for r in range(size):
            places[r] = (first + r) * columns + p * wide
        if transposed:
            packed = np.empty((BLOCK + ROWS) * depth + lanes(y), y.dtype)
            pack_rows(packed, of, first, rows, size, depth)
        else:
            packed = of
        block_product(
            to, places, packed, 0 if transposed else first * depth, depth, transposed, size,
            panels, p * depth * wide, depth, max(0, min(share * wide, columns - p * wide)), bias,
            p * wide, relu, accumulate, out,
        )  # fmt: skip


def batch_matmul(
    y, a, b, *, transpose_a=False, transpose_b=False, heads=(1, 1, 1), accumulate=False
):
    pairs = y.shape[0] * y.shape[heads[0]]
    depth = a.shape[3 - heads[1] if transpose_a else 3]
    if pairs == 1:
        a, b = (x.reshape(x.shape[3 - at], x.shape[3]) for x, at in ((a, heads[1]), (b, heads[2])))
        y = y.reshape(y.shape[3 - heads[0]], y.shape[3])
        matmul(
            y, a, b, None, transpose_a=transpose_a, transpose_b=transpose_b, accumulate=accumulate
        )
        return
    _products(
        2 * y.size * depth / FLOPS, y, a, b, depth, *heads, transpose_a, transpose_b, accumulate
    )


@inlined
def _matrix(x, head_axis, n, h):
    """Return where matrix (n, h) of x begins, and how far its rows are apart."""
    if head_axis == 1:
        _, heads, rows, columns = x.shape
        return (n * heads + h) * rows * columns, columns
    _, rows, heads, columns = x.shape
    return (n * rows * heads + h) * columns, heads * columns


@tiled
def _products(
    y: F4, a: F4, b: F4, depth: N, heads_y: N, heads_a: N, heads_b: N, transpose_a: B,
    transpose_b: B, accumulate: B,
):  # fmt: skip
    """Multiply the matrices of a batch: a tile is one pair."""
    heads, rows, columns = y.shape[heads_y], y.shape[3 - heads_y], y.shape[3]
    none, wide = np.empty(0, y.dtype), width(y)
    count = panel_count(y, columns)
    to, left, right = y.reshape(y.size), a.reshape(a.size), b.reshape(b.size)
    for tile in prange(len(y) * heads):
        n, h = divmod(np.intp(tile), heads)  # Numba makes a prange index unsigned
        panels, out = np.empty(count * depth * wide, y.dtype), np.empty(ROWS * wide, y.dtype)
        of, apart_b = _matrix(b, heads_b, n, h)
        step = apart_b if transpose_b else 1
        stride = 1 if transpose_b else apart_b
        for p in range(count):
            pack_panel(
                panels, p * depth * wide, right, of + p * wide * step, step, stride, depth,
                min(wide, columns - p * wide),
            )  # fmt: skip
        first, apart_a = _matrix(a, heads_a, n, h)
        packed = left
        if transpose_a:
            packed = np.empty((rows + ROWS) * depth + lanes(y), y.dtype)
            pack_rows(packed, left, first, apart_a, rows, depth)
            first = 0
        at, apart = _matrix(y, heads_y, n, h)
        places = at + apart * np.arange(rows)
        block_product(
            to, places, packed, first, apart_a, transpose_a, rows, panels, 0, depth, columns, none,
            0, False, accumulate, out,
        )  # fmt: skip


def bias_gradient(db, dy, *, accumulate=False):
    parts = np.empty((parts_of(len(dy)), db.size), db.dtype)
    _column_sums(dy.size / BANDWIDTH, parts, dy)
    add_parts(parts.size / BANDWIDTH, db, parts, accumulate)


@tiled
def _column_sums(parts: F2, x: F2):
    rows, width = x.shape
    step, nothing = (rows + len(parts) - 1) // max(1, len(parts)), x.dtype.type(0)
    for part in prange(len(parts)):
        count = min(rows, (part + 1) * step) - part * step
        columns(parts[part], x.reshape(-1), part * step * width, count, width, nothing, False)
