"""Softmax and cross-entropy over classes, from logits and from probabilities.

A tile is a block of rows.  Its exponentials and its logarithms are taken in one loop each, so
that rows of ten cost no more than rows of a thousand.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import F1, F2, I1, B, N, given, inlined, tiled
from cnnlite.kernels.numba.functions import log, log_normal
from cnnlite.kernels.numba.rows import (
    row_dot,
    row_scale,
    row_sum,
    rows_of_block,
    scale_row,
    store_gradient,
)
from cnnlite.kernels.numba.simd import (
    constant,
    lanes,
    like,
    load_upto,
    maximum,
    minimum,
    reduce_add,
    splat,
    store_upto,
    where,
)
from cnnlite.kernels.numba.softmax import exp_rows
from cnnlite.kernels.numba.views import row, span
from cnnlite.kernels.reference.losses import EPSILON

__all__ = [
    "categorical_crossentropy_backward",
    "categorical_crossentropy_forward",
    "softmax_crossentropy_backward",
    "softmax_crossentropy_forward",
    "sparse_categorical_crossentropy_backward",
    "sparse_categorical_crossentropy_forward",
    "sparse_softmax_crossentropy_backward",
    "sparse_softmax_crossentropy_forward",
]

# Nanoseconds for an element on one core: an exponential or a logarithm; reading and writing.
FUNCTION, STREAM = 1.0, 0.3


def softmax_crossentropy_forward(loss, p, x, target):
    _softmax_crossentropy(FUNCTION * x.size, loss, p, x, target)


def softmax_crossentropy_backward(dx, p, target, weights, *, accumulate=False):
    _softmax_crossentropy_gradient(
        STREAM * p.size, dx, p, target, given(weights, p.dtype), accumulate
    )


def sparse_softmax_crossentropy_forward(loss, p, x, labels, *, ignore_class=None):
    _sparse_softmax_crossentropy(FUNCTION * x.size, loss, p, x, labels, *_ignored(ignore_class))


def sparse_softmax_crossentropy_backward(
    dx, p, labels, weights, *, ignore_class=None, accumulate=False
):
    arrays = dx, p, labels, given(weights, p.dtype)
    _sparse_softmax_crossentropy_gradient(
        STREAM * p.size, *arrays, *_ignored(ignore_class), accumulate
    )


def categorical_crossentropy_forward(loss, p, target):
    _categorical(FUNCTION * p.size, loss, p, target)


def categorical_crossentropy_backward(dp, p, target, weights, *, accumulate=False):
    _categorical_gradient(STREAM * p.size, dp, p, target, given(weights, p.dtype), accumulate)


def sparse_categorical_crossentropy_forward(loss, p, labels, *, ignore_class=None):
    _sparse_categorical(STREAM * p.size, loss, p, labels, *_ignored(ignore_class))


def sparse_categorical_crossentropy_backward(
    dp, p, labels, weights, *, ignore_class=None, accumulate=False
):
    arrays = dp, p, labels, given(weights, p.dtype)
    _sparse_categorical_gradient(STREAM * p.size, *arrays, *_ignored(ignore_class), accumulate)


def _ignored(ignore_class):
    """Return whether a class is ignored, and which."""
    return ignore_class is not None, ignore_class or 0


# From logits.


@tiled
def _softmax_crossentropy(loss: F1, p: F2, x: F2, target: F2):
    rows, count = x.shape
    step, none = rows_of_block(count), x.dtype.type(0)
    for tile in prange((rows + step - 1) // step):
        first, last = tile * step, min(rows, (tile + 1) * step)
        largest, log_sums = np.empty(last - first, x.dtype), np.empty(last - first, x.dtype)
        softmax_rows(p, x, first, last, largest, log_sums)
        for r in range(first, last):
            logits, wanted = row(x, r, count), row(target, r, count)
            most, log_sum, total = largest[r - first], log_sums[r - first], splat(none)
            for k in range(0, count, lanes(x)):
                t = load_upto(wanted, k, count, none)
                log_p = load_upto(logits, k, count, none) - splat(most) - splat(log_sum)
                total = total + where(t == splat(none), splat(none), t * log_p)  # 0 inf = 0
            # NaN in x gives NaN, whatever the target.
            loss[r] = -reduce_add(total) if log_sum == log_sum else log_sum


@tiled
def _sparse_softmax_crossentropy(loss: F1, p: F2, x: F2, labels: I1, ignores: B, ignored: N):
    rows, count = x.shape
    step = rows_of_block(count)
    for tile in prange((rows + step - 1) // step):
        first, last = tile * step, min(rows, (tile + 1) * step)
        largest, log_sums = np.empty(last - first, x.dtype), np.empty(last - first, x.dtype)
        softmax_rows(p, x, first, last, largest, log_sums)
        for r in range(first, last):
            label, loss[r] = labels[r], np.nan
            if 0 <= label < count:
                loss[r] = log_sums[r - first] - (x[r, label] - largest[r - first])
            if ignores and label == ignored:
                loss[r] = 0


@inlined
def softmax_rows(p, x, first, last, largest, log_sums):
    """Write the softmax of some rows, their maxima and the logarithms of their sums."""
    count = x.shape[1]
    powers, of = span(p, first * count, last * count), span(x, first * count, last * count)
    sums = np.empty(last - first, x.dtype)
    exp_rows(powers, of, largest, sums, count)
    for r in range(last - first):
        log_sums[r] = log(sums[r])
    for r in range(last - first):
        scale_row(row(powers, r, count), like(sums[r], 1) / sums[r])


@tiled
def _softmax_crossentropy_gradient(dx: F2, p: F2, target: F2, weights: F1, accumulate: B):
    rows, count = p.shape
    step, none, share = rows_of_block(count), p.dtype.type(0), p.dtype.type(1 / rows)
    for tile in prange((rows + step - 1) // step):
        for r in range(tile * step, min(rows, (tile + 1) * step)):
            out, probability, wanted = row(dx, r, count), row(p, r, count), row(target, r, count)
            total, scale = splat(row_sum(wanted)), splat(row_scale(weights, r, share))
            for k in range(0, count, lanes(p)):
                expected = load_upto(probability, k, count, none) * total
                gradient = (expected - load_upto(wanted, k, count, none)) * scale
                store_gradient(out, k, gradient, accumulate)


@tiled
def _sparse_softmax_crossentropy_gradient(
    dx: F2, p: F2, labels: I1, weights: F1, ignores: B, ignored: N, accumulate: B
):
    rows, count = p.shape
    step, none, share = rows_of_block(count), p.dtype.type(0), p.dtype.type(1 / rows)
    one, nan = p.dtype.type(1), p.dtype.type(np.nan)
    for tile in prange((rows + step - 1) // step):
        for r in range(tile * step, min(rows, (tile + 1) * step)):
            out, probability, label = row(dx, r, count), row(p, r, count), labels[r]
            scale, known = row_scale(weights, r, share), 0 <= label < count
            if ignores and label == ignored:
                store_nothing(out, scale, accumulate)
                continue
            scale = scale if known else nan
            # One element differs from p scaled; p may be what dx overwrites.
            at_label = (probability[label] - one) * scale if known else nan
            at_label = out[label] + at_label if known and accumulate else at_label
            for k in range(0, count, lanes(p)):
                p_k = load_upto(probability, k, count, none)
                store_gradient(out, k, p_k * splat(scale), accumulate)
            if known:
                out[label] = at_label


@inlined
def store_nothing(dx, scale, accumulate):
    """Write the gradient of a row that is ignored: 0, but NaN where its weight is."""
    nothing = splat(scale * like(scale, 0))
    for k in range(0, dx.size, lanes(dx)):
        store_gradient(dx, k, nothing, accumulate)


# From probabilities.


@tiled
def _categorical(loss: F1, p: F2, target: F2):
    rows, count = p.shape
    step, none = rows_of_block(count), p.dtype.type(0)
    for tile in prange((rows + step - 1) // step):
        first, last = tile * step, min(rows, (tile + 1) * step)
        logarithms = np.empty((last - first) * count, p.dtype)
        for r in range(first, last):
            probability, q = row(p, r, count), row(logarithms, r - first, count)
            total = splat(row_sum(probability))
            for k in range(0, count, lanes(p)):
                store_upto(q, k, count, load_upto(probability, k, count, none) / total)
        for k in range(logarithms.size):
            logarithms[k] = log_normal(clip(logarithms[k]))
        for r in range(first, last):
            loss[r] = -row_dot(row(target, r, count), row(logarithms, r - first, count))


@tiled
def _sparse_categorical(loss: F1, p: F2, labels: I1, ignores: B, ignored: N):
    rows, count = p.shape
    step = rows_of_block(count)
    for tile in prange((rows + step - 1) // step):
        first, last = tile * step, min(rows, (tile + 1) * step)
        of = span(loss, first, last)
        for r in range(first, last):
            label, loss[r] = labels[r], np.nan
            if 0 <= label < count:
                loss[r] = p[r, label] / row_sum(row(p, r, count))
        for k in range(of.size):
            of[k] = -log_normal(clip(of[k]))
        for r in range(first, last):
            if ignores and labels[r] == ignored:
                loss[r] = 0


@tiled
def _categorical_gradient(dp: F2, p: F2, target: F2, weights: F1, accumulate: B):
    rows, count = p.shape
    step, share = rows_of_block(count), p.dtype.type(1 / rows)
    for tile in prange((rows + step - 1) // step):
        for r in range(tile * step, min(rows, (tile + 1) * step)):
            out, of, wanted = row(dp, r, count), row(p, r, count), row(target, r, count)
            gradient_row(out, of, wanted, row_scale(weights, r, share), accumulate)


@tiled
def _sparse_categorical_gradient(
    dp: F2, p: F2, labels: I1, weights: F1, ignores: B, ignored: N, accumulate: B
):
    rows, count = p.shape
    step, share, nan = rows_of_block(count), p.dtype.type(1 / rows), p.dtype.type(np.nan)
    for tile in prange((rows + step - 1) // step):
        target = np.zeros(count, p.dtype)
        for r in range(tile * step, min(rows, (tile + 1) * step)):
            out, label, scale = row(dp, r, count), labels[r], row_scale(weights, r, share)
            if ignores and label == ignored:
                store_nothing(out, scale, accumulate)
            elif 0 <= label < count:
                target[label] = 1
                gradient_row(out, row(p, r, count), target, scale, accumulate)
                target[label] = 0
            else:
                gradient_row(out, row(p, r, count), target, nan, accumulate)


@inlined
def clip(q):
    q = like(q, EPSILON) if q < like(q, EPSILON) else q
    return like(q, 1 - EPSILON) if q > like(q, 1 - EPSILON) else q


@inlined
def clipped_and_inside(p, target, k, total):
    """Return vectors of q = p / total, clipped, and of the target, 0 where the clip cut q off."""
    none = p.dtype.type(0)
    q, t = load_upto(p, k, p.size, none) / total, load_upto(target, k, p.size, none)
    clipped = minimum(maximum(q, constant(q, EPSILON)), constant(q, 1 - EPSILON))
    return clipped, where(clipped != q, (clipped + t) * splat(none), t)


@inlined
def gradient_row(dp, p, target, scale, accumulate):
    """Write ``(sum_j t'_j - t'_k / q_k) / sum p``, scaled, t' the target inside the clip."""
    total, inside = splat(row_sum(p)), splat(p.dtype.type(0))
    for k in range(0, p.size, lanes(p)):
        inside = inside + clipped_and_inside(p, target, k, total)[1]
    sum_inside = splat(reduce_add(inside))
    for k in range(0, p.size, lanes(p)):
        clipped, t = clipped_and_inside(p, target, k, total)
        gradient = (sum_inside - t / clipped) / total * splat(scale)
        store_gradient(dp, k, gradient, accumulate)
