"""Batch normalization forward: statistics of columns, in partial sums over slices of the rows.

Variances are sums of squares about one of the elements summed, which lies near the mean, in
float64: one reading of x is enough.
"""

from __future__ import annotations

import functools

import numba
import numpy as np
from numba import cuda, float64

from cnnlite.kernels.cuda.columns import (
    carriers,
    cut,
    first_column,
    launch_columns,
    make_column_sums,
    width_of,
)
from cnnlite.kernels.cuda.functions import is_finite, sqrt
from cnnlite.kernels.cuda.launching import BLOCK, device, device_function, kernel, operation
from cnnlite.kernels.cuda.memory import given, scratch
from cnnlite.kernels.cuda.rows import launch_rows, row_sum

__all__ = [
    "MASK_EPSILON", "REGISTERS", "batchnorm_forward", "batchnorm_inference", "batchnorm_update",
    "counted", "make_constants", "normalized",
]  # fmt: skip

# Of a thread, at most: so many let the four blocks of a processor that columns.BLOCKS counts on
# run at once.
REGISTERS = 64

MASK_EPSILON = 1e-7  # what Keras adds to the number of rows that a mask chooses


@device_function
def counted(mask, begin, end):
    """Return how many of these rows count; all threads of a block ask at once."""
    if not mask.size:
        return end - begin
    count = 0
    thread = device.threadIdx.y * device.blockDim.x + device.threadIdx.x
    for first in range(begin, end, device.blockDim.x * device.blockDim.y):
        row = first + thread
        count += device.syncthreads_count(1 if row < end and mask[row] != 0 else 0)
    return count


@functools.cache
def _make_moments(dtype, width):
    take, _ = carriers(width)
    add_up = make_column_sums(width)
    size = width * BLOCK

    def moments(parts, counts, x, mask, step):
        """Find the mean of every slice, and the sum of the squares about it.

        parts : (2, C, slices); counts : (slices,), rows that count
        """
        shared = cuda.shared.array(size, float64)
        values = cuda.local.array(width, dtype)
        means = cuda.local.array(width, float64)
        sums = cuda.local.array(width, float64)
        squares = cuda.local.array(width, float64)
        rows, columns = x.shape
        column, begin = first_column(width), cuda.blockIdx.y * step
        end = min(rows, begin + step)
        count = counted(mask, begin, end)
        row = begin + cuda.threadIdx.y if column < columns else end
        while mask.size and row < end and mask[row] == 0:
            row += cuda.blockDim.y
        if row < end:
            take(values, x, row * columns + column)
        for k in range(width):  # about a thread's first row, if that leaves infinity what it is
            sums[k], squares[k] = 0, 0
            means[k] = float64(values[k]) if row < end and is_finite(values[k]) else 0.0
        own = 0
        for r in range(row, end, cuda.blockDim.y):
            if not mask.size or mask[r] != 0:
                take(values, x, r * columns + column)
                own += 1
                for k in range(width):
                    off = float64(values[k]) - means[k]
                    sums[k] += off
                    squares[k] += off * off
        own_rows, share = float64(own), 1.0 / own if own else 0.0
        for k in range(width):
            off = sums[k] * share
            rest = squares[k] - sums[k] * off
            squares[k] = 0.0 if rest < 0 else rest  # NaN stays
            means[k] += off
            sums[k] = own_rows * means[k]
        add_up(shared, sums)
        share = 1.0 / count if count else 0.0
        for k in range(width):
            sums[k] *= share
            # sum (x - m)^2 = sum (x - own mean)^2 + own rows (own mean - m)^2
            squares[k] += own_rows * (means[k] - sums[k]) * (means[k] - sums[k])
        add_up(shared, squares)
        if cuda.threadIdx.y == 0 and column < columns:
            for k in range(width):
                parts[0, column + k, cuda.blockIdx.y] = sums[k]
                parts[1, column + k, cuda.blockIdx.y] = squares[k]
            if column == 0:
                counts[cuda.blockIdx.y] = count

    return kernel(moments, REGISTERS)


@kernel
def _finish_moments(mean, variance, parts, counts, masked):
    shared = cuda.shared.array(BLOCK, float64)
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, mean.size, cuda.gridDim.x * cuda.blockDim.y
    ):
        column = first + cuda.threadIdx.y
        slices = counts.size if column < mean.size else 0
        rows = total = squares = 0.0
        for n in range(cuda.threadIdx.x, slices, cuda.blockDim.x):
            rows += counts[n]
            total += counts[n] * parts[0, column, n]
        rows, total = row_sum(shared, rows), row_sum(shared, total)
        if masked:
            rows += MASK_EPSILON
        share = 1.0 / rows if rows else 0.0
        center = total * share
        for n in range(cuda.threadIdx.x, slices, cuda.blockDim.x):
            off = parts[0, column, n] - center
            squares += parts[1, column, n] + counts[n] * off * off
        squares = row_sum(shared, squares)
        if cuda.threadIdx.x == 0 and column < mean.size:
            mean[column], variance[column] = center, squares * share


@operation(outputs=3)
def batchnorm_forward(y, mean, variance, x, gamma, beta, mask, *, epsilon, activation=None):
    rows, columns = x.shape
    by = width_of(columns, x)
    at = cut(rows, columns, by)
    parts = scratch((2, columns, at.slices), np.float64)
    counts = scratch(at.slices, np.float64)
    moments = _make_moments(numba.from_dtype(x.dtype), by)
    launch_columns(moments, at, parts, counts, x, given(mask, np.uint8), at.step)
    launch_rows(
        _finish_moments, columns, at.slices, mean, variance, parts, counts, mask is not None
    )
    batchnorm_inference(y, x, mean, variance, gamma, beta, epsilon=epsilon, activation=activation)


@device_function
def normalized(off, scale, shift):
    """Return ``off scale + shift`` with one rounding, so that all kernels find the same."""
    return device.fma(off, scale, shift)


@functools.cache
def make_constants(width):
    """Return a function that finds what a column's elements are less, times and plus."""

    @device_function
    def constants(center, scale, shift, column, mean, variance, gamma, beta, epsilon):
        one = mean.dtype.type(1)
        for k in range(width):
            center[k] = mean[column + k]
            scale[k] = one / sqrt(variance[column + k] + epsilon)
            if gamma.size:
                scale[k] *= gamma[column + k]
            shift[k] = beta[column + k] if beta.size else mean.dtype.type(0)

    return constants


@functools.cache
def _make_normalize(dtype, width):
    take, put = carriers(width)
    constants = make_constants(width)

    @kernel
    def normalize(y, x, mean, variance, gamma, beta, epsilon, relu, step):
        values = cuda.local.array(width, dtype)
        center = cuda.local.array(width, dtype)
        scale = cuda.local.array(width, dtype)
        shift = cuda.local.array(width, dtype)
        rows, columns = x.shape
        column, begin = first_column(width), cuda.blockIdx.y * step
        if column < columns:
            constants(center, scale, shift, column, mean, variance, gamma, beta, epsilon)
            for row in range(begin + cuda.threadIdx.y, min(rows, begin + step), cuda.blockDim.y):
                take(values, x, row * columns + column)
                for k in range(width):
                    value = normalized(values[k] - center[k], scale[k], shift[k])
                    values[k] = x.dtype.type(0) if relu and value < 0 else value
                put(y, row * columns + column, values)

    return normalize


@operation(outputs=1)
def batchnorm_inference(y, x, mean, variance, gamma, beta, *, epsilon, activation=None):
    dtype, by = x.dtype, width_of(x.shape[1], x, y)
    at = cut(*x.shape, by)
    launch_columns(
        _make_normalize(numba.from_dtype(dtype), by), at, y, x, mean, variance,
        given(gamma, dtype), given(beta, dtype), dtype.type(epsilon), activation == "relu",
        at.step,
    )  # fmt: skip


@kernel
def _move(moving_mean, moving_variance, mean, variance, momentum, rest):
    for i in range(cuda.grid(1), mean.size, cuda.gridsize(1)):
        moving_mean[i] = moving_mean[i] * momentum + mean[i] * rest
        moving_variance[i] = moving_variance[i] * momentum + variance[i] * rest


@operation(outputs=2)
def batchnorm_update(moving_mean, moving_variance, mean, variance, *, momentum):
    number = mean.dtype.type
    _move.over(
        mean.size, moving_mean, moving_variance, mean, variance,
        number(momentum), number(1 - momentum),
    )  # fmt: skip
