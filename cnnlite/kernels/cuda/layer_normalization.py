"""Layer normalization: a few threads normalize a row, those of a warp one of at most 1024.

The variance is a sum of squares about the row's first element, in float64, so one reading of
the row from far away is enough; the second finds it in the cache.
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
from cnnlite.kernels.cuda.launching import BLOCK, kernel, operation
from cnnlite.kernels.cuda.memory import given, scratch
from cnnlite.kernels.cuda.normalization_backward import finish_gradients
from cnnlite.kernels.cuda.rows import launch_rows, row_sum
from cnnlite.kernels.cuda.vectors import load

__all__ = ["layernorm_backward", "layernorm_forward"]


@functools.cache
def _make_normalize(dtype, width):
    take, put = carriers(width)

    @kernel
    def normalize_rows(y, mean, inverse, x, gamma, beta, epsilon, rms_scaling):
        shared = cuda.shared.array(BLOCK, float64)
        values = cuda.local.array(width, dtype)
        factors = cuda.local.array(width, dtype)
        terms = cuda.local.array(width, dtype)
        rows, columns = x.shape
        zero, one = x.dtype.type(0), x.dtype.type(1)
        for k in range(width):
            factors[k], terms[k] = one, zero
        for first in range(
            cuda.blockIdx.x * cuda.blockDim.y, rows, cuda.gridDim.x * cuda.blockDim.y
        ):
            row = first + cuda.threadIdx.y
            count, start = columns if row < rows else 0, row * columns
            center = load(x, start) if count else zero
            center = center if is_finite(center) else zero  # so that infinity stays that
            total = squares = 0.0
            for c in range(cuda.threadIdx.x * width, count, cuda.blockDim.x * width):
                take(values, x, start + c)
                for k in range(width):
                    off = float64(values[k]) - float64(center)
                    total += off
                    squares += off * off
            total, squares = row_sum(shared, total), row_sum(shared, squares)
            off = total / float64(columns)
            rest = squares - total * off
            variance = (0.0 if rest < 0 else rest) / float64(columns)  # NaN stays
            m, r = float64(center) + off, 1.0 / sqrt(variance + epsilon)
            about, scale = zero if rms_scaling else x.dtype.type(m), x.dtype.type(r)
            for c in range(cuda.threadIdx.x * width, count, cuda.blockDim.x * width):
                take(values, x, start + c)
                if gamma.size:
                    take(factors, gamma, c)
                if beta.size:
                    take(terms, beta, c)
                for k in range(width):
                    values[k] = (values[k] - about) * scale * factors[k] + terms[k]
                put(y, start + c, values)
            if cuda.threadIdx.x == 0 and row < rows:
                mean[row], inverse[row] = m, r

    return normalize_rows


@operation(outputs=3)
def layernorm_forward(y, mean, inverse, x, gamma, beta, *, epsilon, rms_scaling=False):
    rows, columns = x.shape
    gamma, beta = given(gamma, x.dtype), given(beta, x.dtype)
    by = width_of(columns, x, y, gamma, beta)
    launch_rows(
        _make_normalize(numba.from_dtype(x.dtype), by), rows, columns // by,
        y, mean, inverse, x, gamma, beta, float(epsilon), rms_scaling,
    )  # fmt: skip


@functools.cache
def _make_input_gradient(dtype, width):
    take, put = carriers(width)

    @kernel
    def input_gradient(dx, dy, x, mean, inverse, gamma, rms_scaling, accumulate):
        shared = cuda.shared.array(BLOCK, float64)
        values = cuda.local.array(width, dtype)
        gradients = cuda.local.array(width, dtype)
        factors = cuda.local.array(width, dtype)
        rows, columns = x.shape
        zero, one = x.dtype.type(0), x.dtype.type(1)
        for k in range(width):
            factors[k] = one
        for first in range(
            cuda.blockIdx.x * cuda.blockDim.y, rows, cuda.gridDim.x * cuda.blockDim.y
        ):
            row = first + cuda.threadIdx.y
            count, start = columns if row < rows else 0, row * columns
            m, r = (mean[row], inverse[row]) if count else (zero, zero)
            # Here g = dy gamma, and n = (x - mean) inverse.
            sums = products = 0.0
            for c in range(cuda.threadIdx.x * width, count, cuda.blockDim.x * width):
                take(values, x, start + c)
                take(gradients, dy, start + c)
                if gamma.size:
                    take(factors, gamma, c)
                for k in range(width):
                    g = float64(gradients[k]) * float64(factors[k])
                    off = values[k] if rms_scaling else values[k] - m
                    sums += g
                    products += g * float64(off * r)
            sums, products = row_sum(shared, sums), row_sum(shared, products)
            by_n = x.dtype.type(products / float64(columns))
            same = zero if rms_scaling else x.dtype.type(sums / float64(columns))
            for c in range(cuda.threadIdx.x * width, count, cuda.blockDim.x * width):
                take(values, x, start + c)
                take(gradients, dy, start + c)
                if gamma.size:
                    take(factors, gamma, c)
                for k in range(width):
                    g, n = gradients[k] * factors[k], (values[k] - m) * r
                    gradients[k] = r * (g - n * by_n - same)
                if accumulate:
                    take(values, dx, start + c)
                    for k in range(width):
                        gradients[k] += values[k]
                put(dx, start + c, gradients)

    return input_gradient


@functools.cache
def _make_column_gradients(dtype, width):
    take, _ = carriers(width)
    add_up = make_column_sums(width)
    size = width * BLOCK

    @kernel
    def column_gradients(parts, dy, x, mean, inverse, rms_scaling, step):
        """Sum dy, and dy times what gamma multiplies, over the rows; parts : (2, K, slices)."""
        shared = cuda.shared.array(size, float64)
        values = cuda.local.array(width, dtype)
        gradients = cuda.local.array(width, dtype)
        sums = cuda.local.array(width, float64)
        products = cuda.local.array(width, float64)
        rows, columns = x.shape
        column, begin = first_column(width), cuda.blockIdx.y * step
        end = min(rows, begin + step) if column < columns else begin
        for k in range(width):
            sums[k], products[k] = 0, 0
        for row in range(begin + cuda.threadIdx.y, end, cuda.blockDim.y):
            take(values, x, row * columns + column)
            take(gradients, dy, row * columns + column)
            about = x.dtype.type(0) if rms_scaling else mean[row]
            for k in range(width):
                sums[k] += float64(gradients[k])
                products[k] += float64(gradients[k]) * float64((values[k] - about) * inverse[row])
        add_up(shared, sums)
        add_up(shared, products)
        if cuda.threadIdx.y == 0 and column < columns:
            for k in range(width):
                parts[0, column + k, cuda.blockIdx.y] = sums[k]
                parts[1, column + k, cuda.blockIdx.y] = products[k]

    return column_gradients


@operation(outputs=3)
def layernorm_backward(
    dx, dgamma, dbeta, dy, x, mean, inverse, gamma, *, rms_scaling=False, accumulate=False
):
    (rows, columns), dtype = x.shape, x.dtype
    number, gamma = numba.from_dtype(dtype), given(gamma, dtype)
    if dx is not None:
        by = width_of(columns, dx, x, dy, gamma)
        launch_rows(
            _make_input_gradient(number, by), rows, columns // by,
            dx, dy, x, mean, inverse, gamma, rms_scaling, accumulate,
        )  # fmt: skip
    if dgamma is not None or dbeta is not None:
        by = width_of(columns, x, dy)
        at = cut(rows, columns, by)
        parts = scratch((2, columns, at.slices), np.float64)
        launch_columns(
            _make_column_gradients(number, by), at, parts, dy, x, mean, inverse, rms_scaling,
            at.step,
        )  # fmt: skip
        nothing = given(None, np.float64)
        launch_rows(
            finish_gradients, columns, at.slices, given(dgamma, dtype), given(dbeta, dtype),
            given(None, np.float64, 2), parts, nothing, given(None, dtype), 0.0, False,
            accumulate,
        )  # fmt: skip
