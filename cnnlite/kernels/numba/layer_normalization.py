"""Layer normalization, along the rows of a matrix."""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import F1, F2, B, D, given, inlined, tiled
from cnnlite.kernels.numba.normalization import tile_rows
from cnnlite.kernels.numba.simd import (
    fma,
    lanes,
    like,
    load,
    load_upto,
    reduce_add,
    splat,
    store,
    store_upto,
    upto,
)

__all__ = ["layernorm_backward", "layernorm_forward"]

ROW_NS = 0.3  # nanoseconds for an element on one core (a Zen 4 with AVX-512: 0.3 to 0.4)


def layernorm_forward(y, mean, inverse, x, gamma, beta, *, epsilon, rms_scaling=False):
    gamma, beta = given(gamma, x.dtype), given(beta, x.dtype)
    _normalize_rows(ROW_NS * x.size, y, mean, inverse, x, gamma, beta, epsilon, rms_scaling)


def layernorm_backward(
    dx, dgamma, dbeta, dy, x, mean, inverse, gamma, *, rms_scaling=False, accumulate=False
):
    dtype = x.dtype
    _row_gradients(
        ROW_NS * x.size, given(dx, dtype, 2), given(dgamma, dtype), given(dbeta, dtype),
        dy, x, mean, inverse, given(gamma, dtype), rms_scaling, dx is not None, accumulate,
    )  # fmt: skip


@inlined
def _full(x, count, other):
    """Return x, or if it has no elements so many times ``other``, and zeros for a vector."""
    out = np.zeros(count + lanes(x), x.dtype)
    for k in range(count):
        out[k] = x[k] if x.size else other
    return out


@inlined
def _row_moments(x, at, K):
    """Return the mean and the variance of the row at ``at``."""
    sums = left = squares = splat(x.dtype.type(0))
    for k in range(0, K, lanes(x)):
        sums = sums + load_upto(x, at + k, at + K, x.dtype.type(0))
    size = x.dtype.type(K)
    mean = reduce_add(sums) / size
    about = splat(mean)
    for k in range(0, K, lanes(x)):
        off = load_upto(x, at + k, at + K, mean) - about
        left, squares = left + off, fma(off, off, squares)
    # What rounding left over of the mean is made good.
    rest = reduce_add(left) / size
    variance = reduce_add(squares) / size - rest * rest
    if not math.isinf(mean):
        mean += rest
    return mean, like(variance, 0) if variance < 0 else variance  # NaN stays


@tiled
def _normalize_rows(
    y: F2, mean: F1, inverse: F1, x: F2, gamma: F1, beta: F1, epsilon: D, rms_scaling: B
):
    rows, K = x.shape
    step = tile_rows(K, 1)
    nothing, one = x.dtype.type(0), x.dtype.type(1)
    gamma, beta = _full(gamma, K, one), _full(beta, K, nothing)
    for tile in prange((rows + step - 1) // step):
        for r in range(tile * step, min(rows, (tile + 1) * step)):
            center, variance = _row_moments(x, r * K, K)
            scale = one / np.sqrt(variance + like(variance, epsilon))
            mean[r], inverse[r] = center, scale
            about, factor = splat(nothing if rms_scaling else center), splat(scale)
            at, end = r * K, (r + 1) * K
            for k in range(0, K, lanes(x)):
                normal = (load_upto(x, at + k, end, nothing) - about) * factor
                store_upto(y, at + k, end, normal * load(gamma, k) + load(beta, k))


@tiled
def _row_gradients(
    dx: F2, dgamma: F1, dbeta: F1, dy: F2, x: F2, mean: F1, inverse: F1, gamma: F1,
    rms_scaling: B, needs_dx: B, accumulate: B,
):  # fmt: skip
    rows, K = x.shape
    step = tile_rows(K, 1)
    tiles = (rows + step - 1) // step
    nothing, size = x.dtype.type(0), x.dtype.type(K)
    gamma = _full(gamma, K, x.dtype.type(1))
    sums = np.zeros((tiles, K + lanes(x)), x.dtype)
    products = np.zeros((tiles, K + lanes(x)), x.dtype)
    for tile in prange(tiles):
        for r in range(tile * step, min(rows, (tile + 1) * step)):
            center = nothing if rms_scaling else mean[r]
            first, second = _add_row_products(
                sums[tile], products[tile], dy, x, r * K, K, center, inverse[r], gamma
            )
            if needs_dx:
                first = nothing if rms_scaling else first / size
                second = second / size * inverse[r]
                _row_gradient(
                    dx, dy, x, r * K, K, mean[r], inverse[r], gamma, first, second, accumulate
                )
    _add_parts(dbeta, sums, accumulate)
    _add_parts(dgamma, products, accumulate)


@inlined
def _add_row_products(sums, products, dy, x, at, K, center, scale, gamma):
    """Add a row of dy, and dy times n = (x - center) scale, to the sums and the products.

    Return the row's sums of g = dy gamma and of g n.
    """
    nothing = x.dtype.type(0)
    about, factor = splat(center), splat(scale)
    first = second = splat(nothing)
    for k in range(0, K, lanes(x)):
        gradient = load_upto(dy, at + k, at + K, nothing)
        normal = upto((load_upto(x, at + k, at + K, nothing) - about) * factor, K - k)
        store(sums, k, load(sums, k) + gradient)
        store(products, k, fma(gradient, normal, load(products, k)))
        gradient = gradient * load(gamma, k)
        first, second = first + gradient, fma(gradient, normal, second)
    return reduce_add(first), reduce_add(second)


@inlined
def _row_gradient(dx, dy, x, at, K, mean, scale, gamma, first, second, accumulate):
    """Compute scale (g - first - (x - mean) second)."""
    nothing = x.dtype.type(0)
    about, factor, less, slope = splat(mean), splat(scale), splat(first), splat(second)
    for k in range(0, K, lanes(x)):
        gradient = load_upto(dy, at + k, at + K, nothing) * load(gamma, k)
        off = load_upto(x, at + k, at + K, nothing) - about
        gradient = (gradient - less - off * slope) * factor
        if accumulate:
            gradient = gradient + load_upto(dx, at + k, at + K, nothing)
        store_upto(dx, at + k, at + K, gradient)


@inlined
def _add_parts(out, parts, accumulate):
    """Set ``out`` to, or let it grow by, the sum of the rows of ``parts``, in double precision."""
    total = np.zeros(out.size)
    for part in range(len(parts)):
        for k in range(out.size):
            total[k] += parts[part, k]
    for k in range(out.size):
        out[k] = like(out[k], total[k]) + (out[k] if accumulate else like(out[k], 0))
