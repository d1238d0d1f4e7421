"""Batch normalization, down the columns of a matrix.

Where the columns are few, several rows are taken as one long row, so that they fill vectors:
what holds for a column is repeated side by side, and the sums of the repeats are added at the
end.  A matrix is then a flat array of long rows, the last of which may be shorter.  With a mask,
each row stands for itself.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import D2, F1, F2, U1, B, D, given, inlined, tiled
from cnnlite.kernels.numba.simd import (
    fma,
    lanes,
    like,
    load,
    load_upto,
    maximum,
    splat,
    store,
    store_upto,
    where,
)

__all__ = [
    "batchnorm_backward",
    "batchnorm_forward",
    "batchnorm_inference",
    "batchnorm_update",
    "tile_rows",
]

# Nanoseconds for an element on one core: a pass took 0.12 to 0.2 (a Zen 4 with AVX-512, November
# 2026).
STREAM_NS = 0.15
# What Keras adds to the number of rows that a mask chooses.
MASK_EPSILON = 1e-7
# Elements of a long row at most: some vectors, between which little else is done.
LONG = 128
# Elements of a tile: 64 KB of float32, so that a second pass finds it in the L2 cache; but at
# least 64 rows, so that partial sums are few beside the data.
TILE, ROWS = 16384, 64


def batchnorm_forward(y, mean, variance, x, gamma, beta, mask, *, epsilon, activation=None):
    _moments(STREAM_NS * x.size, mean, variance, x, given(mask, np.uint8), mask is not None)
    batchnorm_inference(y, x, mean, variance, gamma, beta, epsilon=epsilon, activation=activation)


def batchnorm_inference(y, x, mean, variance, gamma, beta, *, epsilon, activation=None):
    gamma, beta = given(gamma, x.dtype), given(beta, x.dtype)
    relu = activation == "relu"
    _normalize(STREAM_NS * x.size, y, x, mean, variance, gamma, beta, epsilon, relu)


def batchnorm_backward(
    dx, dgamma, dbeta, dy, x, mean, variance, gamma, beta, mask, *,
    epsilon, activation=None, fixed=False, accumulate=False,
):  # fmt: skip
    dtype, cost = x.dtype, STREAM_NS * x.size
    of_forward = mean, variance, given(gamma, dtype), given(beta, dtype), epsilon
    relu = activation == "relu"
    sums = np.zeros((2, x.shape[1]))
    if dgamma is not None or dbeta is not None or not fixed:
        _column_gradients(
            cost, sums, given(dgamma, dtype), given(dbeta, dtype), dy, x, *of_forward, relu,
            accumulate,
        )  # fmt: skip
    if dx is not None:
        masked = mask is not None and not fixed
        count = len(x) if mask is None else np.count_nonzero(mask) + MASK_EPSILON
        share = 0.0 if fixed or count == 0 else 1 / count
        _input_gradient(
            cost, dx, dy, x, *of_forward, relu, sums, share, given(mask, np.uint8), masked,
            accumulate,
        )  # fmt: skip


def batchnorm_update(moving_mean, moving_variance, mean, variance, *, momentum):
    cost = 2 * STREAM_NS * mean.size
    _move(cost, moving_mean, moving_variance, mean, variance, momentum)


@inlined
def _repeats(C, masked):
    """Return how many rows are taken as one: a power of 2, so that most fill whole vectors."""
    repeats = 1
    while not masked and 0 < 2 * repeats * C <= LONG:
        repeats *= 2
    return repeats


@inlined
def tile_rows(C, repeats):
    """Return how many rows of C elements make a tile: a multiple of those taken as one."""
    return max(ROWS, TILE // max(1, C)) // repeats * repeats


@inlined
def _zeros(x, repeats, C):
    """Return room for a long row, up to the end of its last vector."""
    return np.zeros(repeats * C + lanes(x), x.dtype)


@inlined
def _repeated(x, repeats):
    """Return a row, as often as this side by side."""
    out = _zeros(x, repeats, x.size)
    for r in range(repeats):
        for c in range(x.size):
            out[r * x.size + c] = x[c]
    return out


@inlined
def _fold(out, x, repeats):
    """Set ``out`` to the sum of the repeats in x, in double precision."""
    C = out.size
    for c in range(C):
        out[c] = x[c]
    for r in range(1, repeats):
        for c in range(C):
            out[c] += x[r * C + c]


@inlined
def _counted(mask, masked, first, last):
    """Return how many of these rows count."""
    count = last - first
    if masked:
        for r in range(first, last):
            count -= mask[r] == 0
    return count


@tiled
def _moments(mean: F1, variance: F1, x: F2, mask: U1, masked: B):
    rows, C = x.shape
    repeats = _repeats(C, masked)
    step = tile_rows(C, repeats)
    tiles = (rows + step - 1) // step
    counts, means, squares = np.empty(tiles), np.empty((tiles, C)), np.empty((tiles, C))
    for tile in prange(tiles):
        first, last = tile * step, min(rows, (tile + 1) * step)
        counts[tile] = _counted(mask, masked, first, last)
        _moments_of_rows(
            means[tile], squares[tile], x, first, last, counts[tile], repeats, mask, masked
        )
    count = float(rows)
    if masked:
        count = _counted(mask, masked, 0, rows) + MASK_EPSILON
    share = 1 / count if count > 0 else 0.0
    total, off = np.zeros(C), np.zeros(C)
    for tile in range(tiles):
        for c in range(C):
            total[c] += counts[tile] * means[tile, c]
    for c in range(C):
        total[c] *= share
    # sum (x - total)^2 = sum (x - mean)^2 + count (mean - total)^2, mean and count the tile's
    for tile in range(tiles):
        for c in range(C):
            d = means[tile, c] - total[c]
            off[c] += squares[tile, c] + counts[tile] * d * d
    for c in range(C):
        mean[c], variance[c] = total[c], off[c] * share


@inlined
def _moments_of_rows(mean, squares, x, first, last, count, repeats, mask, masked):
    """Compute the mean of some rows, and the sum of the squares about it."""
    # Sums about a first mean, which rounding leaves off by little (the corrected two-pass
    # algorithm of Chan, Golub and LeVeque 1983).
    C = x.shape[1]
    share = 1 / count if count > 0 else 0.0
    sums, left, more = _zeros(x, repeats, C), _zeros(x, repeats, C), _zeros(x, repeats, C)
    at, end = first * C, last * C
    while at < end:
        width = min(end - at, repeats * C)
        if not masked or mask[at // C]:
            _add_row(sums, x, at, width)
        at += width
    center = np.empty(C, x.dtype)
    _fold(mean, sums, repeats)
    for c in range(C):
        center[c] = mean[c] * share
    about = _repeated(center, repeats)
    at = first * C
    while at < end:
        width = min(end - at, repeats * C)
        if not masked or mask[at // C]:
            _add_squares(left, more, x, at, width, about)
        at += width
    _fold(mean, left, repeats)
    _fold(squares, more, repeats)
    for c in range(C):
        off = mean[c] * share
        square = squares[c] - mean[c] * off
        squares[c] = 0.0 if square < 0 else square  # NaN stays
        mean[c] = center[c] if math.isinf(center[c]) else center[c] + off


# What follows takes one long row, at ``at`` of the matrix.  Lanes past its end are not written
# to a matrix; to sums of other columns they add zeros.


@inlined
def _add_row(sums, x, at, width):
    nothing = x.dtype.type(0)
    for k in range(0, width, lanes(x)):
        store(sums, k, load(sums, k) + load_upto(x, at + k, at + width, nothing))


@inlined
def _add_squares(sums, squares, x, at, width, center):
    """Add x less its center to the sums, and the squares of this to those."""
    nothing = x.dtype.type(0)
    for k in range(0, width, lanes(x)):
        total, square = load(sums, k), load(squares, k)
        about = load_upto(center, k, width, nothing)
        off = load_upto(x, at + k, at + width, nothing) - about
        total, square = total + off, fma(off, off, square)
        store(sums, k, total)
        store(squares, k, square)


@inlined
def _scale_and_shift(variance, gamma, beta, epsilon):
    """Return what x less its mean is multiplied by, and what is added then."""
    scale, shift = np.empty_like(variance), np.zeros_like(variance)
    for c in range(variance.size):
        scale[c] = like(scale[c], 1) / np.sqrt(variance[c] + like(scale[c], epsilon))
        if gamma.size:
            scale[c] *= gamma[c]
        if beta.size:
            shift[c] = beta[c]
    return scale, shift


@tiled
def _normalize(y: F2, x: F2, mean: F1, variance: F1, gamma: F1, beta: F1, epsilon: D, relu: B):
    rows, C = x.shape
    repeats = _repeats(C, False)
    step = tile_rows(C, repeats)
    scale, shift = _scale_and_shift(variance, gamma, beta, epsilon)
    center, scale, shift = (
        _repeated(mean, repeats), _repeated(scale, repeats), _repeated(shift, repeats)
    )  # fmt: skip
    floor = splat(x.dtype.type(0 if relu else -np.inf))
    for tile in prange((rows + step - 1) // step):
        at, end = tile * step * C, min(rows, (tile + 1) * step) * C
        while at < end:
            width = min(end - at, repeats * C)
            _normalize_row(y, x, at, width, center, scale, shift, floor)
            at += width


@inlined
def _normalize_row(y, x, at, width, center, scale, shift, floor):
    nothing = x.dtype.type(0)
    for k in range(0, width, lanes(x)):
        about, factor, term = load(center, k), load(scale, k), load(shift, k)
        off = load_upto(x, at + k, at + width, nothing) - about
        store_upto(y, at + k, at + width, maximum(fma(off, factor, term), floor))


@tiled
def _move(moving_mean: F1, moving_variance: F1, mean: F1, variance: F1, momentum: D):
    C = mean.size
    for tile in prange((C + TILE - 1) // TILE):
        first, last = tile * TILE, min(C, (tile + 1) * TILE)
        for moving, batch in ((moving_mean, mean), (moving_variance, variance)):
            of, to = batch[first:last], moving[first:last]
            for c in range(of.size):
                to[c] = to[c] * like(of[c], momentum) + of[c] * like(of[c], 1 - momentum)


@tiled
def _column_gradients(
    totals: D2, dgamma: F1, dbeta: F1, dy: F2, x: F2, mean: F1, variance: F1, gamma: F1, beta: F1,
    epsilon: D, relu: B, accumulate: B,
):  # fmt: skip
    """Compute the sums over the rows, of dy and of dy (x - mean), and what follows from them."""
    rows, C = x.shape
    repeats = _repeats(C, False)
    step = tile_rows(C, repeats)
    tiles = (rows + step - 1) // step
    scale, shift = _scale_and_shift(variance, gamma, beta, epsilon)
    center, scale, shift = (
        _repeated(mean, repeats), _repeated(scale, repeats), _repeated(shift, repeats)
    )  # fmt: skip
    parts = np.empty((tiles, 2, C))
    for tile in prange(tiles):
        sums, products = _zeros(x, repeats, C), _zeros(x, repeats, C)
        at, end = tile * step * C, min(rows, (tile + 1) * step) * C
        while at < end:
            width = min(end - at, repeats * C)
            _add_products(sums, products, dy, x, at, width, center, scale, shift, relu)
            at += width
        _fold(parts[tile, 0], sums, repeats)
        _fold(parts[tile, 1], products, repeats)
    for tile in range(tiles):
        for c in range(C):
            totals[0, c] += parts[tile, 0, c]
            totals[1, c] += parts[tile, 1, c]
    for c in range(dbeta.size):
        dbeta[c] = (dbeta[c] if accumulate else like(dbeta[c], 0)) + like(dbeta[c], totals[0, c])
    for c in range(dgamma.size):
        gradient = totals[1, c] / math.sqrt(variance[c] + epsilon)
        dgamma[c] = (dgamma[c] if accumulate else like(dgamma[c], 0)) + like(dgamma[c], gradient)


@inlined
def _let_through(gradient, off, scale, shift, nothing):
    """Return the gradient where relu's argument, computed anew with the same bits, is positive."""
    y = fma(off, scale, shift)
    return where(y > nothing, gradient, y * nothing)  # NaN gives NaN


@inlined
def _add_products(sums, products, dy, x, at, width, center, scale, shift, relu):
    nothing = x.dtype.type(0)
    for k in range(0, width, lanes(x)):
        total, product = load(sums, k), load(products, k)
        about = load_upto(center, k, width, nothing)
        factor = load_upto(scale, k, width, nothing)
        term = load_upto(shift, k, width, nothing)
        off = load_upto(x, at + k, at + width, nothing) - about
        gradient = load_upto(dy, at + k, at + width, nothing)
        if relu:
            gradient = _let_through(gradient, off, factor, term, splat(nothing))
        total, product = total + gradient, fma(gradient, off, product)
        store(sums, k, total)
        store(products, k, product)


@tiled
def _input_gradient(
    dx: F2, dy: F2, x: F2, mean: F1, variance: F1, gamma: F1, beta: F1, epsilon: D, relu: B,
    totals: D2, share: D, mask: U1, masked: B, accumulate: B,
):  # fmt: skip
    # dx = scale (dy - first - (x - mean) second); first is the mean of dy, second that of
    # dy (x - mean) divided by the variance.
    rows, C = x.shape
    repeats = _repeats(C, masked)
    step = tile_rows(C, repeats)
    scale, shift = _scale_and_shift(variance, gamma, beta, epsilon)
    first, second = np.empty_like(mean), np.empty_like(mean)
    for c in range(C):
        first[c] = totals[0, c] * share
        second[c] = totals[1, c] * share / (variance[c] + epsilon)
    center, scale, shift, first, second = (
        _repeated(mean, repeats), _repeated(scale, repeats), _repeated(shift, repeats),
        _repeated(first, repeats), _repeated(second, repeats),
    )  # fmt: skip
    for tile in prange((rows + step - 1) // step):
        at, end = tile * step * C, min(rows, (tile + 1) * step) * C
        while at < end:
            width = min(end - at, repeats * C)
            counts = share > 0 and not (masked and mask[at // C] == 0)
            _gradient_row(
                dx, dy, x, at, width,
                center, scale, shift, first, second, relu, counts, accumulate,
            )  # fmt: skip
            at += width


@inlined
def _gradient_row(
    dx, dy, x, at, width,
    center, scale, shift, first, second, relu, counts, accumulate,
):  # fmt: skip
    nothing = x.dtype.type(0)
    for k in range(0, width, lanes(x)):
        about, factor, term = load(center, k), load(scale, k), load(shift, k)
        less, slope = load(first, k), load(second, k)
        off = load_upto(x, at + k, at + width, nothing) - about
        gradient = load_upto(dy, at + k, at + width, nothing)
        if relu:
            gradient = _let_through(gradient, off, factor, term, splat(nothing))
        if counts:
            gradient = gradient - less - off * slope
        gradient = gradient * factor
        if accumulate:
            gradient = gradient + load_upto(dx, at + k, at + width, nothing)
        store_upto(dx, at + k, at + width, gradient)
