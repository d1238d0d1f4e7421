"""Local response normalization, over windows of channels."""

from __future__ import annotations

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import F2, B, D, N, inlined, tiled
from cnnlite.kernels.numba.functions import exp, log
from cnnlite.kernels.numba.normalization import tile_rows
from cnnlite.kernels.numba.simd import (
    fma,
    lanes,
    like,
    load,
    load_upto,
    splat,
    store,
    store_upto,
    upto,
)

__all__ = ["lrn_backward", "lrn_forward"]

POWER_NS = 1.5  # nanoseconds for a power on one core


def lrn_forward(y, x, *, radius, k, alpha, beta):
    _divide(POWER_NS * x.size, y, x, radius, k, alpha, beta)


def lrn_backward(dx, dy, x, *, radius, k, alpha, beta, accumulate=False):
    _division_gradient(POWER_NS * x.size, dx, dy, x, radius, k, alpha, beta, accumulate)


# What the windows move over lies between zeros: ``radius`` of them before, and after it as many
# and a vector.


@inlined
def _framed(x, C, radius):
    return np.zeros(C + 2 * radius + lanes(x), x.dtype)


@inlined
def _window_sum(framed, c, radius):
    """Return the sums of the windows around columns c, c + 1, ..."""
    total = load(framed, c)
    for i in range(1, 2 * radius + 1):
        total = total + load(framed, c + i)
    return total


@inlined
def _powers(base, power, framed, x, at, C, radius, k, alpha, beta):
    """Set ``base`` to d = k + alpha (sum of squares), and ``power`` to d^-beta, in all columns."""
    nothing = x.dtype.type(0)
    for c in range(0, C, lanes(x)):
        value = load_upto(x, at + c, at + C, nothing)
        store(framed, radius + c, value * value)
    factor, term = splat(like(nothing, alpha)), splat(like(nothing, k))
    for c in range(0, C, lanes(x)):
        store(base, c, fma(_window_sum(framed, c, radius), factor, term))
    exponent = like(nothing, -beta)
    for c in range(power.size):
        power[c] = exp(exponent * log(base[c]))


@tiled
def _divide(y: F2, x: F2, radius: N, k: D, alpha: D, beta: D):
    rows, C = x.shape
    step = tile_rows(C, 1)
    nothing = x.dtype.type(0)
    for tile in prange((rows + step - 1) // step):
        framed = _framed(x, C, radius)
        base, power = _whole_vectors(x, C), _whole_vectors(x, C)
        for r in range(tile * step, min(rows, (tile + 1) * step)):
            at, end = r * C, (r + 1) * C
            _powers(base, power, framed, x, at, C, radius, k, alpha, beta)
            for c in range(0, C, lanes(x)):
                value = load_upto(x, at + c, end, nothing)
                store_upto(y, at + c, end, value * load(power, c))


@inlined
def _whole_vectors(x, C):
    return np.ones((C + lanes(x) - 1) // lanes(x) * lanes(x), x.dtype)


@tiled
def _division_gradient(dx: F2, dy: F2, x: F2, radius: N, k: D, alpha: D, beta: D, accumulate: B):
    rows, C = x.shape
    step = tile_rows(C, 1)
    nothing = x.dtype.type(0)
    for tile in prange((rows + step - 1) // step):
        squares, terms = _framed(x, C, radius), _framed(x, C, radius)
        base, power = _whole_vectors(x, C), _whole_vectors(x, C)
        for r in range(tile * step, min(rows, (tile + 1) * step)):
            at, end = r * C, (r + 1) * C
            _powers(base, power, squares, x, at, C, radius, k, alpha, beta)
            for c in range(0, C, lanes(x)):
                product = load_upto(dy, at + c, end, nothing) * load_upto(x, at + c, end, nothing)
                product = product * (load(power, c) / load(base, c))
                store(terms, radius + c, upto(product, C - c))
            factor = splat(like(nothing, -2 * alpha * beta))
            for c in range(0, C, lanes(x)):
                gradient = load_upto(dy, at + c, end, nothing) * load(power, c)
                value = load_upto(x, at + c, end, nothing) * factor
                gradient = fma(value, _window_sum(terms, c, radius), gradient)
                if accumulate:
                    gradient = gradient + load_upto(dx, at + c, end, nothing)
                store_upto(dx, at + c, end, gradient)
