"""Batch, layer and local response normalization.

Batch normalization works down the columns of a matrix.  Where those are few, several rows are
taken as one long row, so that they fill vectors: what holds for a column is repeated side by
side, and the sums of the repeats are added at the end.  A matrix is then a flat array of long
rows, the last of which may be shorter.  With a mask, each row stands for itself.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import D2, F1, F2, U1, B, D, N, given, inlined, tiled
from cnnlite.kernels.numba.functions import exp, log
from cnnlite.kernels.numba.simd import (
    fma,
    lanes,
    like,
    load,
    load_upto,
    maximum,
    reduce_add,
    splat,
    store,
    store_upto,
    upto,
    where,
)

__all__ = [
    "batchnorm_backward",
    "batchnorm_forward",
    "batchnorm_inference",
    "batchnorm_update",
    "layernorm_backward",
    "layernorm_forward",
    "lrn_backward",
    "lrn_forward",
]

# Nanoseconds for an element on one core: of what streams, and of a power (a Zen 4 with
# AVX-512, November 2026: batch normalization's passes 0.12 to 0.2, layer normalization 0.3 to 0.4).
STREAM_NS, POWER_NS = 0.15, 1.5
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


def layernorm_forward(y, mean, inverse, x, gamma, beta, *, epsilon, rms_scaling=False):
    gamma, beta = given(gamma, x.dtype), given(beta, x.dtype)
    _normalize_rows(2 * STREAM_NS * x.size, y, mean, inverse, x, gamma, beta, epsilon, rms_scaling)


def layernorm_backward(
    dx, dgamma, dbeta, dy, x, mean, inverse, gamma, *, rms_scaling=False, accumulate=False
):
    dtype = x.dtype
    _row_gradients(
        2 * STREAM_NS * x.size, given(dx, dtype, 2), given(dgamma, dtype), given(dbeta, dtype),
        dy, x, mean, inverse, given(gamma, dtype), rms_scaling, dx is not None, accumulate,
    )  # fmt: skip


def lrn_forward(y, x, *, radius, k, alpha, beta):
    _divide(POWER_NS * x.size, y, x, radius, k, alpha, beta)


def lrn_backward(dx, dy, x, *, radius, k, alpha, beta, accumulate=False):
    _division_gradient(POWER_NS * x.size, dx, dy, x, radius, k, alpha, beta, accumulate)


# Batch normalization


@inlined
def _repeats(C, masked):
    """Return how many rows are taken as one: a power of 2, so that most fill whole vectors."""
    repeats = 1
    while not masked and 0 < 2 * repeats * C <= LONG:
        repeats *= 2
    return repeats


@inlined
def _rows_of_tile(C, repeats):
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
    step = _rows_of_tile(C, repeats)
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
    step = _rows_of_tile(C, repeats)
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
    step = _rows_of_tile(C, repeats)
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
    step = _rows_of_tile(C, repeats)
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


# Layer normalization


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
    step = _rows_of_tile(K, 1)
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
    step = _rows_of_tile(K, 1)
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


# Local response normalization
#
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
    step = _rows_of_tile(C, 1)
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
    step = _rows_of_tile(C, 1)
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
