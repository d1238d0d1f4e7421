"""Losses of a whole row: the categorical hinge and the cosine similarity."""

from __future__ import annotations

import math

from numba import cuda, float64

from cnnlite.kernels.cuda.functions import is_nan, larger, smaller, sqrt
from cnnlite.kernels.cuda.launching import BLOCK, device_function, kernel, operation
from cnnlite.kernels.cuda.losses import EPSILON, batch_scale, weight_of
from cnnlite.kernels.cuda.memory import given
from cnnlite.kernels.cuda.rows import first_place, launch_rows, row_sum

__all__ = ["row_loss_backward", "row_loss_forward"]


@device_function
def _margin(shared, x, target, row, count):
    """Return ``max_k (1 - t_k) x_k - sum_k t_k x_k + 1`` and where the maximum is."""
    one, own = x.dtype.type(1), x.dtype.type(0)
    largest, place = x.dtype.type(-math.inf), cuda.threadIdx.x
    for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
        other = (one - target[row, k]) * x[row, k]
        if other > largest or is_nan(other):
            largest, place = other, k
        own += target[row, k] * x[row, k]
    best, place = first_place(shared, largest, place)
    return x.dtype.type(best) - x.dtype.type(row_sum(shared, own)) + one, place


@kernel
def _hinge_forward(loss, x, target):
    shared = cuda.shared.array(BLOCK, float64)
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, x.shape[0], cuda.gridDim.x * cuda.blockDim.y
    ):
        row = first + cuda.threadIdx.y
        count = x.shape[1] if row < x.shape[0] else 0
        margin, _ = _margin(shared, x, target, row, count)
        if row < x.shape[0] and cuda.threadIdx.x == 0:
            loss[row] = larger(margin, x.dtype.type(0))


@kernel
def _hinge_backward(dx, x, target, weights, scale, accumulate):
    shared = cuda.shared.array(BLOCK, float64)
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, x.shape[0], cuda.gridDim.x * cuda.blockDim.y
    ):
        row = first + cuda.threadIdx.y
        count = x.shape[1] if row < x.shape[0] else 0
        margin, place = _margin(shared, x, target, row, count)
        for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            gradient = x.dtype.type(0)
            if is_nan(margin):
                gradient = margin
            elif margin > 0:
                gradient -= target[row, k]
                if k == place:
                    gradient += x.dtype.type(1) - target[row, k]
            gradient *= weight_of(weights, row, scale)
            dx[row, k] = dx[row, k] + gradient if accumulate else gradient


@device_function
def _inverse_norm(shared, x, row, count):
    """Return 1 over the row's norm, which counts for 1e-7 at least."""
    own = x.dtype.type(0)
    for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
        own += x[row, k] * x[row, k]
    norm = sqrt(x.dtype.type(row_sum(shared, own)))
    return smaller(x.dtype.type(1) / norm, x.dtype.type(1 / EPSILON))


@device_function
def _cosine(shared, x, target, row, count):
    """Return the cosine of the angle between two rows, and what makes either a unit vector."""
    of_x, of_target = (
        _inverse_norm(shared, x, row, count),
        _inverse_norm(shared, target, row, count),
    )
    own = x.dtype.type(0)
    for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
        own += x[row, k] * of_x * target[row, k] * of_target
    return x.dtype.type(row_sum(shared, own)), of_x, of_target


@kernel
def _cosine_forward(loss, x, target):
    shared = cuda.shared.array(BLOCK, float64)
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, x.shape[0], cuda.gridDim.x * cuda.blockDim.y
    ):
        row = first + cuda.threadIdx.y
        count = x.shape[1] if row < x.shape[0] else 0
        cosine, _, _ = _cosine(shared, x, target, row, count)
        if row < x.shape[0] and cuda.threadIdx.x == 0:
            loss[row] = -cosine


@kernel
def _cosine_backward(dx, x, target, weights, scale, accumulate):
    shared = cuda.shared.array(BLOCK, float64)
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, x.shape[0], cuda.gridDim.x * cuda.blockDim.y
    ):
        row = first + cuda.threadIdx.y
        count = x.shape[1] if row < x.shape[0] else 0
        cosine, of_x, of_target = _cosine(shared, x, target, row, count)
        if of_x == x.dtype.type(1 / EPSILON):  # a constant there
            cosine = x.dtype.type(0)
        for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            gradient = (cosine * x[row, k] * of_x - target[row, k] * of_target) * of_x
            gradient *= weight_of(weights, row, scale)
            dx[row, k] = dx[row, k] + gradient if accumulate else gradient


@operation(outputs=1)
def row_loss_forward(loss, x, target, *, function):
    run = _hinge_forward if function == "categorical_hinge" else _cosine_forward
    launch_rows(run, *x.shape, loss, x, target)


@operation(outputs=1)
def row_loss_backward(dx, x, target, weights, *, function, accumulate=False):
    run = _hinge_backward if function == "categorical_hinge" else _cosine_backward
    weights = given(weights, x.dtype)
    launch_rows(run, *x.shape, dx, x, target, weights, batch_scale(x), accumulate)
