"""Batch normalization backward: two sums over the rows, then the gradient of every element."""

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
from cnnlite.kernels.cuda.functions import sqrt
from cnnlite.kernels.cuda.launching import BLOCK, device_function, kernel, operation
from cnnlite.kernels.cuda.memory import given, scratch
from cnnlite.kernels.cuda.normalization import MASK_EPSILON, counted, make_constants, normalized
from cnnlite.kernels.cuda.rows import launch_rows, row_sum

__all__ = ["batchnorm_backward", "finish_gradients"]


@device_function
def _let_through(gradient, off, scale, shift):
    """Return the gradient of the argument of relu, which is computed anew."""
    y = normalized(off, scale, shift)
    return gradient if y > 0 else y * type(y)(0)  # NaN gives NaN


@functools.cache
def _make_gradient_sums(dtype, width):
    take, _ = carriers(width)
    add_up, constants = make_column_sums(width), make_constants(width)
    size = width * BLOCK

    @kernel
    def gradient_sums(parts, counts, dy, x, mean, variance, gamma, beta, mask, epsilon, relu, step):
        """Sum dy and ``dy (x - mean)``, parts : (2, C, slices), and count the rows of a mask."""
        shared = cuda.shared.array(size, float64)
        values = cuda.local.array(width, dtype)
        gradients = cuda.local.array(width, dtype)
        center = cuda.local.array(width, dtype)
        scale = cuda.local.array(width, dtype)
        shift = cuda.local.array(width, dtype)
        sums = cuda.local.array(width, float64)
        products = cuda.local.array(width, float64)
        rows, columns = x.shape
        column, begin = first_column(width), cuda.blockIdx.y * step
        end = min(rows, begin + step)
        count = counted(mask, begin, end)
        for k in range(width):
            sums[k], products[k] = 0, 0
        if column < columns:
            constants(center, scale, shift, column, mean, variance, gamma, beta, epsilon)
            for row in range(begin + cuda.threadIdx.y, end, cuda.blockDim.y):
                take(values, x, row * columns + column)
                take(gradients, dy, row * columns + column)
                for k in range(width):
                    off, gradient = values[k] - center[k], gradients[k]
                    if relu:
                        gradient = _let_through(gradient, off, scale[k], shift[k])
                    sums[k] += float64(gradient)
                    products[k] += float64(gradient) * float64(off)
        add_up(shared, sums)
        add_up(shared, products)
        if cuda.threadIdx.y == 0 and column < columns:
            for k in range(width):
                parts[0, column + k, cuda.blockIdx.y] = sums[k]
                parts[1, column + k, cuda.blockIdx.y] = products[k]
            if column == 0:
                counts[cuda.blockIdx.y] = count

    return gradient_sums


@kernel
def finish_gradients(dgamma, dbeta, means, parts, counts, variance, epsilon, masked, accumulate):
    """Add up two sums of every slice, parts : (2, C, slices), and write what follows from them.

    The second one is divided by the root of ``variance + epsilon``, if there are variances.

    dgamma, dbeta : (C,), or empty
    means : (2, C) float64: the sums divided by the number of rows, sum of counts; or empty
    """
    shared = cuda.shared.array(BLOCK, float64)
    columns, slices = parts.shape[1:]
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, columns, cuda.gridDim.x * cuda.blockDim.y
    ):
        column = first + cuda.threadIdx.y
        rows = total = product = 0.0
        for n in range(cuda.threadIdx.x, slices if column < columns else 0, cuda.blockDim.x):
            total += parts[0, column, n]
            product += parts[1, column, n]
            if counts.size:
                rows += counts[n]
        total, product = row_sum(shared, total), row_sum(shared, product)
        rows = row_sum(shared, rows)
        if cuda.threadIdx.x == 0 and column < columns:
            inverse = 1.0
            if variance.size:
                inverse /= sqrt(float64(variance[column]) + epsilon)
            if dbeta.size:
                dbeta[column] = dbeta.dtype.type(total) + (
                    dbeta[column] if accumulate else dbeta.dtype.type(0)
                )
            if dgamma.size:
                dgamma[column] = dgamma.dtype.type(product * inverse) + (
                    dgamma[column] if accumulate else dgamma.dtype.type(0)
                )
            if means.size:
                if masked:
                    rows += MASK_EPSILON
                share = 1.0 / rows if rows else 0.0
                means[0, column] = total * share
                means[1, column] = product * inverse * inverse * share


@functools.cache
def _make_input_gradient(dtype, width):
    take, put = carriers(width)
    constants = make_constants(width)

    @kernel
    def input_gradient(
        dx, dy, x, means, mean, variance, gamma, beta, mask, epsilon, relu, accumulate, step
    ):
        """``dx = scale (dy - means[0] - (x - mean) means[1])``."""
        values = cuda.local.array(width, dtype)
        gradients = cuda.local.array(width, dtype)
        center = cuda.local.array(width, dtype)
        scale = cuda.local.array(width, dtype)
        shift = cuda.local.array(width, dtype)
        first = cuda.local.array(width, dtype)
        second = cuda.local.array(width, dtype)
        rows, columns = x.shape
        column, begin = first_column(width), cuda.blockIdx.y * step
        if column < columns:
            constants(center, scale, shift, column, mean, variance, gamma, beta, epsilon)
            for k in range(width):
                first[k] = means[0, column + k] if means.size else 0.0
                second[k] = means[1, column + k] if means.size else 0.0
            for row in range(begin + cuda.threadIdx.y, min(rows, begin + step), cuda.blockDim.y):
                counts = means.size and (not mask.size or mask[row] != 0)
                take(values, x, row * columns + column)
                take(gradients, dy, row * columns + column)
                for k in range(width):
                    off, gradient = values[k] - center[k], gradients[k]
                    if relu:
                        gradient = _let_through(gradient, off, scale[k], shift[k])
                    if counts:
                        gradient -= first[k] + off * second[k]
                    gradients[k] = gradient * scale[k]
                if accumulate:
                    take(values, dx, row * columns + column)
                    for k in range(width):
                        gradients[k] += values[k]
                put(dx, row * columns + column, gradients)

    return input_gradient


@operation(outputs=3)
def batchnorm_backward(
    dx, dgamma, dbeta, dy, x, mean, variance, gamma, beta, mask, *,
    epsilon, activation=None, fixed=False, accumulate=False,
):  # fmt: skip
    (rows, columns), dtype = x.shape, x.dtype
    by = width_of(columns, x, dy, *(() if dx is None else (dx,)))
    at, relu, number = cut(rows, columns, by), activation == "relu", numba.from_dtype(dtype)
    mask_or_none, typed_epsilon = given(mask, np.uint8), dtype.type(epsilon)
    of_forward = mean, variance, given(gamma, dtype), given(beta, dtype), mask_or_none
    means = None
    if dx is not None and not fixed:
        means = scratch((2, columns), np.float64)
    means_or_none = given(means, np.float64, 2)
    if dgamma is not None or dbeta is not None or means is not None:
        parts = scratch((2, columns, at.slices), np.float64)
        counts = scratch(at.slices, np.float64)
        launch_columns(
            _make_gradient_sums(number, by), at, parts, counts, dy, x, *of_forward,
            typed_epsilon, relu, at.step,
        )  # fmt: skip
        launch_rows(
            finish_gradients, columns, at.slices, given(dgamma, dtype), given(dbeta, dtype),
            means_or_none, parts, counts, variance, float(epsilon), mask is not None, accumulate,
        )  # fmt: skip
    if dx is not None:
        launch_columns(
            _make_input_gradient(number, by), at, dx, dy, x, means_or_none, *of_forward,
            typed_epsilon, relu, accumulate, at.step,
        )  # fmt: skip
