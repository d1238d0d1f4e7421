"""Local response normalization: a thread computes one element.

The gradient needs a power of every element in its window.  A block computes these once, for
neighbouring elements of the matrix as it lies in memory, and keeps them in shared memory; the
first and the last ones are only read, and computed again by the blocks beside it.
"""

from __future__ import annotations

import functools

import numba
from numba import cuda

from cnnlite.kernels.cuda.functions import exp, log
from cnnlite.kernels.cuda.indices import divided, divisor
from cnnlite.kernels.cuda.launching import (
    BLOCK,
    MOST_BLOCKS,
    device_function,
    kernel,
    operation,
)
from cnnlite.kernels.cuda.vectors import load, store

__all__ = ["lrn_backward", "lrn_forward"]

# Elements that a block computes the powers of: with AlexNet's radius of 2 all but four are its
# own, and 4 KB of shared memory leave room for eight blocks of a processor.
TILE = 4 * BLOCK


@device_function
def _window(at, columns, radius):
    """Return the first element of a window, and the end of it."""
    _, column = divided(at, columns)
    return at - min(column, radius), at + min(columns.value - 1 - column, radius) + 1


@device_function
def _divisor(x, at, columns, radius, k, alpha):
    """``k + alpha sum x^2``."""
    first, end = _window(at, columns, radius)
    total = x.dtype.type(0)
    for j in range(first, end):
        value = load(x, j)
        total += value * value
    return k + alpha * total


@device_function
def _power(d, beta):
    """``d^-beta``."""
    return type(d)(1) if beta == 0 else exp(-beta * log(d))


@kernel
def _divide(y, x, columns, radius, k, alpha, beta):
    for at in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        power = _power(_divisor(x, at, columns, radius, k, alpha), beta)
        store(y, at, load(x, at) * power)


def _numbers(x, radius, k, alpha, beta):
    """Return what the kernels need to know: a window is not wider than the row."""
    columns = x.shape[1]
    radius = max(0, min(radius, columns - 1))
    return divisor(columns), radius, *map(x.dtype.type, (k, alpha, beta))


@operation(outputs=1)
def lrn_forward(y, x, *, radius, k, alpha, beta):
    _divide.over(x.size, y, x, *_numbers(x, radius, k, alpha, beta))


@device_function
def _term(dy, x, at, columns, radius, k, alpha, beta):
    """``dy x d^(-beta - 1)``."""
    d = _divisor(x, at, columns, radius, k, alpha)
    return load(dy, at) * load(x, at) * (_power(d, beta) / d)


@functools.cache
def _make_gradient(dtype):
    @kernel
    def gradient(dx, dy, x, columns, radius, k, alpha, beta, accumulate):
        terms = cuda.shared.array(TILE, dtype)
        # With a radius that leaves no element to a tile, every thread computes all it needs.
        tiled = 4 * radius <= TILE
        margin = radius if tiled else 0
        own = TILE - 2 * margin
        twice = alpha * beta + alpha * beta
        for begin in range(cuda.blockIdx.x * own, x.size, cuda.gridDim.x * own):
            start = begin - margin  # of what terms holds
            if tiled:
                for n in range(cuda.threadIdx.x, TILE, cuda.blockDim.x):
                    if 0 <= start + n < x.size:
                        terms[n] = _term(dy, x, start + n, columns, radius, k, alpha, beta)
            cuda.syncthreads()
            for at in range(begin + cuda.threadIdx.x, min(x.size, begin + own), cuda.blockDim.x):
                first, end = _window(at, columns, radius)
                back = x.dtype.type(0)
                for j in range(first, end):
                    if tiled:
                        back += terms[j - start]
                    else:
                        back += _term(dy, x, j, columns, radius, k, alpha, beta)
                power = _power(_divisor(x, at, columns, radius, k, alpha), beta)
                value = load(dy, at) * power - twice * load(x, at) * back
                store(dx, at, value + load(dx, at) if accumulate else value)
            cuda.syncthreads()

    return gradient


@operation(outputs=1)
def lrn_backward(dx, dy, x, *, radius, k, alpha, beta, accumulate=False):
    blocks = min(-(-2 * x.size // TILE), MOST_BLOCKS)  # a block's own are half a tile or more
    if x.size:
        _make_gradient(numba.from_dtype(x.dtype)).launch(
            blocks, BLOCK, dx, dy, x, *_numbers(x, radius, k, alpha, beta), accumulate
        )
