"""Losses of a whole row: the categorical hinge, the cosine similarity."""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import F1, F2, B, given, inlined, tiled
from cnnlite.kernels.numba.losses import STREAM
from cnnlite.kernels.numba.rows import row_dot, row_scale, rows_of_block, store_gradient
from cnnlite.kernels.numba.simd import (
    constant,
    fma,
    lanes,
    like,
    load_upto,
    maximum,
    reduce_add,
    reduce_max,
    splat,
)
from cnnlite.kernels.numba.views import row
from cnnlite.kernels.reference.losses import EPSILON

__all__ = ["row_loss_backward", "row_loss_forward"]


def row_loss_forward(loss, x, target, *, function):
    _FORWARD[function](STREAM * x.size, loss, x, target)


def row_loss_backward(dx, x, target, weights, *, function, accumulate=False):
    arrays = dx, x, target, given(weights, x.dtype)
    _BACKWARD[function](STREAM * x.size, *arrays, accumulate)


@inlined
def category_margin(x, t):
    """Return ``max_k (1 - t_k) x_k - sum_k t_k x_k + 1`` and that maximum."""
    none, lowest = x.dtype.type(0), x.dtype.type(-np.inf)
    most = splat(lowest)
    for k in range(0, x.size, lanes(x)):
        x_k, t_k = load_upto(x, k, x.size, lowest), load_upto(t, k, x.size, none)
        most = maximum(most, (constant(t_k, 1) - t_k) * x_k)
    largest = reduce_max(most)
    return largest - row_dot(t, x) + like(largest, 1), largest  # the sum hands on NaN


@inlined
def inverse_norm(x):
    """Return ``1 / |x|``, where no norm counts less than the epsilon."""
    inverse = x.dtype.type(1) / x.dtype.type(math.sqrt(row_dot(x, x)))
    return like(inverse, 1 / EPSILON) if inverse > like(inverse, 1 / EPSILON) else inverse


@inlined
def cosine_of(x, t, of_x, of_t):
    """Return the product of the unit vectors; x . t alone may overflow."""
    none = x.dtype.type(0)
    total = splat(none)
    for k in range(0, x.size, lanes(x)):
        x_k, t_k = load_upto(x, k, x.size, none), load_upto(t, k, x.size, none)
        total = fma(x_k * splat(of_x), t_k * splat(of_t), total)
    return reduce_add(total)


@tiled
def _categorical_hinge(loss: F1, x: F2, target: F2):
    rows, count = x.shape
    step = rows_of_block(count)
    for tile in prange((rows + step - 1) // step):
        for r in range(tile * step, min(rows, (tile + 1) * step)):
            margin = category_margin(row(x, r, count), row(target, r, count))[0]
            loss[r] = 0 if margin < 0 else margin


@tiled
def _categorical_hinge_gradient(dx: F2, x: F2, target: F2, weights: F1, accumulate: B):
    rows, count = x.shape
    step, share = rows_of_block(count), x.dtype.type(1 / rows)
    none, one = x.dtype.type(0), x.dtype.type(1)
    for tile in prange((rows + step - 1) // step):
        for r in range(tile * step, min(rows, (tile + 1) * step)):
            out, of, t = row(dx, r, count), row(x, r, count), row(target, r, count)
            margin, largest = category_margin(of, t)
            scale, best, at_best = row_scale(weights, r, share), 0, none
            if margin > 0:
                while best + 1 < count and (one - t[best]) * of[best] != largest:
                    best += 1
                at_best = (one - t[best] - t[best]) * scale + (out[best] if accumulate else none)
            none_or_nan = splat((none if margin == margin else margin) * scale)
            for k in range(0, count, lanes(x)):
                slope = splat(-scale) * load_upto(t, k, count, none)
                store_gradient(out, k, slope if margin > 0 else none_or_nan, accumulate)
            if margin > 0:
                out[best] = at_best


@tiled
def _cosine_similarity(loss: F1, x: F2, target: F2):
    rows, count = x.shape
    step = rows_of_block(count)
    for tile in prange((rows + step - 1) // step):
        for r in range(tile * step, min(rows, (tile + 1) * step)):
            of, t = row(x, r, count), row(target, r, count)
            loss[r] = -cosine_of(of, t, inverse_norm(of), inverse_norm(t))


@tiled
def _cosine_similarity_gradient(dx: F2, x: F2, target: F2, weights: F1, accumulate: B):
    rows, count = x.shape
    step, share, none = rows_of_block(count), x.dtype.type(1 / rows), x.dtype.type(0)
    for tile in prange((rows + step - 1) // step):
        for r in range(tile * step, min(rows, (tile + 1) * step)):
            out, of, t = row(dx, r, count), row(x, r, count), row(target, r, count)
            of_x, of_t, scale = inverse_norm(of), inverse_norm(t), row_scale(weights, r, share)
            raised = of_x == like(of_x, 1 / EPSILON)
            cosine = none if raised else cosine_of(of, t, of_x, of_t)
            for k in range(0, count, lanes(x)):
                unit = load_upto(of, k, count, none) * splat(of_x)
                wanted = load_upto(t, k, count, none) * splat(of_t)
                slope = (splat(cosine) * unit - wanted) * splat(of_x)
                store_gradient(out, k, slope * splat(scale), accumulate)


_FORWARD = {"categorical_hinge": _categorical_hinge, "cosine_similarity": _cosine_similarity}
_BACKWARD = {
    "categorical_hinge": _categorical_hinge_gradient,
    "cosine_similarity": _cosine_similarity_gradient,
}
