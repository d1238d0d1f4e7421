"""Matrix products with their epilogue, and the gradient of a bias."""

from __future__ import annotations

import functools

import numba
from numba import cuda

from cnnlite.kernels.cuda.elementwise import unary
from cnnlite.kernels.cuda.indices import divided, divisor
from cnnlite.kernels.cuda.launching import BLOCK, SIMULATED, device_function, kernel, operation
from cnnlite.kernels.cuda.memory import given, scratch
from cnnlite.kernels.cuda.product import make_parts_product, matrix, matrix_operand
from cnnlite.kernels.cuda.vectors import load, store

__all__ = ["batch_matmul", "bias_gradient", "matmul"]

# A block adds up 32 neighbouring columns, 128 bytes of a row, in 8 threads each.
COLUMNS = 2 if SIMULATED else 32
LANES = BLOCK // COLUMNS
# Rows worth a block of their own, and blocks at most: 132 processors hold 8 each.
ROWS_OF_A_BLOCK, MOST_BLOCKS = (4, 3) if SIMULATED else (256, 132 * 8)
MOST_PARTS = 65535  # blocks along the third axis of a launch


@device_function
def _write(target, part, row, column, value):
    y, bias, row_step, parts, outer_step, inner_step, accumulate, relu = target
    outer, inner = divided(part, parts)
    at = outer * outer_step + inner * inner_step + row * row_step + column
    if accumulate:
        value += load(y, at)
    if bias.size:
        value += load(bias, column)
    if relu and value < 0:
        value = y.dtype.type(0)
    store(y, at, value)


@functools.cache
def _product(dtype, left, right):
    return make_parts_product(numba.from_dtype(dtype), left, right, _write)


def _multiply(rows, columns, depth, parts, target, a, b):
    run = _product(
        target[0].dtype, matrix_operand(a, rows, depth), matrix_operand(b, columns, depth)
    )
    run(rows, columns, depth, parts, target, a, b)


@operation(outputs=1)
def matmul(
    y, a, b, bias, *, transpose_a=False, transpose_b=False, activation=None, accumulate=False
):
    relu = activation == "relu"
    rows, columns = y.shape
    depth = a.shape[0] if transpose_a else a.shape[1]
    target = (y, given(bias, y.dtype), columns, divisor(1), 0, 0, accumulate, relu)
    left = matrix(a, 1, rows) if transpose_a else matrix(a, depth, 1)
    right = matrix(b, depth, 1) if transpose_b else matrix(b, 1, columns)
    _multiply(rows, columns, depth, 1, target, left, right)
    if activation is not None and not relu:
        unary(y, y, function=activation)


def _steps(x, heads_at):
    """Return the heads, and the elements between rows, samples and heads."""
    heads, columns = x.shape[heads_at], x.shape[3]
    sample = heads * x.shape[3 - heads_at] * columns
    if heads_at == 1:
        return heads, columns, sample, x.shape[2] * columns
    return heads, heads * columns, sample, columns


def _batch(x, heads_at, lines_are_rows):
    heads, step, sample, head = _steps(x, heads_at)
    line_step, depth_step = (step, 1) if lines_are_rows else (1, step)
    return matrix(x, line_step, depth_step, heads, sample, head)


@operation(outputs=1)
def batch_matmul(
    y, a, b, *, transpose_a=False, transpose_b=False, heads=(1, 1, 1), accumulate=False
):
    count, step, sample, head = _steps(y, heads[0])
    depth = a.shape[3 - heads[1] if transpose_a else 3]
    together = max(1, MOST_PARTS // max(1, count))
    for n in range(0, len(y), together):
        some_y, some_a, some_b = (
            x if len(y) <= together else x[n : n + together] for x in (y, a, b)
        )
        target = (
            some_y, given(None, y.dtype), step, divisor(count), sample, head, accumulate, False
        )  # fmt: skip
        _multiply(
            y.shape[3 - heads[0]], y.shape[3], depth, len(some_y) * count, target,
            _batch(some_a, heads[1], not transpose_a), _batch(some_b, heads[2], transpose_b),
        )  # fmt: skip


@functools.cache
def _column_sums(dtype):
    @kernel
    def add_columns(out, x, accumulate):
        some = cuda.shared.array((LANES, COLUMNS), dtype)
        lane, at = cuda.threadIdx.x // COLUMNS, cuda.threadIdx.x % COLUMNS
        rows, columns = x.shape
        column, part = cuda.blockIdx.x * COLUMNS + at, cuda.blockIdx.y
        total = out.dtype.type(0)
        if column < columns:
            for row in range(part * LANES + lane, rows, cuda.gridDim.y * LANES):
                total += x[row, column]
        some[lane, at] = total
        cuda.syncthreads()
        if lane == 0 and column < columns:
            for n in range(1, LANES):
                total += some[n, at]
            if accumulate:
                total += out[part, column]
            out[part, column] = total

    return add_columns


@operation(outputs=1)
def bias_gradient(db, dy, *, accumulate=False):
    if not db.size:
        return
    add_columns = _column_sums(numba.from_dtype(db.dtype))
    across = -(-db.size // COLUMNS)
    slices = max(1, min(len(dy) // ROWS_OF_A_BLOCK, MOST_BLOCKS // across))
    if slices > 1:
        sums = scratch((slices, db.size), db.dtype)
        add_columns.launch((across, slices), BLOCK, sums, dy, False)
        dy = sums
    add_columns.launch((across, 1), BLOCK, db.reshape(1, db.size), dy, accumulate)
