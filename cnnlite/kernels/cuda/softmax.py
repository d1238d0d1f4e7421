"""Softmax and its logarithm over the last axis."""

from __future__ import annotations

from numba import cuda, float64

from cnnlite.kernels.cuda.functions import exp, log
from cnnlite.kernels.cuda.launching import BLOCK, kernel, operation
from cnnlite.kernels.cuda.rows import launch_rows, powers, row_sum

__all__ = [
    "log_softmax_backward",
    "log_softmax_forward",
    "softmax_backward",
    "softmax_forward",
]


@kernel
def _softmax(y, x, logarithm):
    shared = cuda.shared.array(BLOCK, float64)
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, x.shape[0], cuda.gridDim.x * cuda.blockDim.y
    ):
        row = first + cuda.threadIdx.y
        count = x.shape[1] if row < x.shape[0] else 0
        largest, total = powers(shared, x, row, count)
        log_total, scale = log(total), x.dtype.type(1) / total
        for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            shifted = x[row, k] - largest
            y[row, k] = shifted - log_total if logarithm else exp(shifted) * scale


@operation(outputs=1)
def softmax_forward(y, x):
    launch_rows(_softmax, *x.shape, y, x, False)


@operation(outputs=1)
def log_softmax_forward(y, x):
    launch_rows(_softmax, *x.shape, y, x, True)


@kernel
def _softmax_backward(dx, dy, y, logarithm, accumulate):
    shared = cuda.shared.array(BLOCK, float64)
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, y.shape[0], cuda.gridDim.x * cuda.blockDim.y
    ):
        row = first + cuda.threadIdx.y
        count = y.shape[1] if row < y.shape[0] else 0
        own = y.dtype.type(0)
        for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            own += dy[row, k] if logarithm else dy[row, k] * y[row, k]
        total = y.dtype.type(row_sum(shared, own))
        for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            if logarithm:
                gradient = dy[row, k] - exp(y[row, k]) * total
            else:
                gradient = y[row, k] * (dy[row, k] - total)
            dx[row, k] = dx[row, k] + gradient if accumulate else gradient


@operation(outputs=1)
def softmax_backward(dx, dy, y, *, accumulate=False):
    launch_rows(_softmax_backward, *y.shape, dx, dy, y, False, accumulate)


@operation(outputs=1)
def log_softmax_backward(dx, dy, y, *, accumulate=False):
    launch_rows(_softmax_backward, *y.shape, dx, dy, y, True, accumulate)
