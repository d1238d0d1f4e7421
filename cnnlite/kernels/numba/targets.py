"""Targets as a loss takes them, and what each row counts."""

from __future__ import annotations

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import F1, U1, B, D, N, given, tiled
from cnnlite.kernels.numba.losses import STREAM
from cnnlite.kernels.numba.rows import TILE, row_sum
from cnnlite.kernels.numba.simd import lanes, load_upto, splat, store_upto
from cnnlite.kernels.numba.views import span

__all__ = ["label_mask", "loss_weights", "map_targets"]


def map_targets(y, target, *, scale, shift, only_binary):
    _map_targets(STREAM * y.size, y, target, scale, shift, only_binary)


def label_mask(y, labels, mask, *, ignore_class):
    # A byte for each row: NumPy's loops are as fast as any.
    truth = y.view(np.bool_)
    np.not_equal(labels, ignore_class, out=truth)
    if mask is not None:
        np.logical_and(truth, mask, out=truth)


def loss_weights(y, weights, mask, *, reduction, scale):
    # A number for each row is too little to share: no nanoseconds.
    arrays = y, given(weights, y.dtype), given(mask, np.dtype(np.uint8))
    _loss_weights(
        0, *arrays, weights is not None, mask is not None, _REDUCTIONS.index(reduction), scale
    )


_REDUCTIONS = ("sum_over_batch_size", "mean_with_sample_weight", "sum")


@tiled
def _map_targets(y: F1, target: F1, scale: D, shift: D, only_binary: B):
    tiles, none = (y.size + TILE - 1) // TILE, y.dtype.type(0)
    others = np.zeros(tiles, np.uint8)  # whether a tile has other targets than 0 and 1
    if only_binary:
        for tile in prange(tiles):
            of = span(target, tile * TILE, min(y.size, (tile + 1) * TILE))
            other = False
            for k in range(of.size):
                other |= (of[k] != 0) & (of[k] != 1)
            others[tile] = other
    factor, offset = y.dtype.type(scale), y.dtype.type(shift)
    if others.any():
        factor, offset = y.dtype.type(1), y.dtype.type(0)
    for tile in prange(tiles):
        last = min(y.size, (tile + 1) * TILE)
        for k in range(tile * TILE, last, lanes(y)):
            t = load_upto(target, k, last, none)
            store_upto(y, k, last, splat(factor) * t + splat(offset))


@tiled
def _loss_weights(y: F1, weights: F1, mask: U1, weighted: B, masked: B, reduction: N, scale: D):
    rows = y.size
    value, used = np.ones(rows), rows
    if weighted:
        each = rows // max(1, weights.size)
        for g in range(weights.size):
            for j in range(each):
                value[g * each + j] = weights[g]
    if masked:
        each = rows // max(1, mask.size)
        for g in range(mask.size):
            if mask[g] == 0:
                used -= each
                for j in range(each):
                    value[g * each + j] *= 0  # NaN stays
    total = float(used) if reduction == 0 else row_sum(value) if reduction == 1 else 1.0
    factor = scale * (rows / total if total != 0 else 0.0)
    for k in prange(rows):
        y[k] = value[k] * factor
