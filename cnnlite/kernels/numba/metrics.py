"""Accuracies, a value per row, and means of such values: a tile is some rows."""

from __future__ import annotations

from numba import prange

from cnnlite.kernels.numba.compiling import D1, F1, F2, I1, B, D, N, given, inlined, tiled
from cnnlite.kernels.numba.rows import row_max, rows_of_tile, wide_dot, wide_sum

__all__ = [
    "accuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "mean_update",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
    "weighted_mean",
]

# Nanoseconds on one core for an element that is read and compared, and for a row's number.
COMPARE, ROW = 0.2, 5.0

# A number for each row is too little to share.
ALONE = 0.0


def weighted_mean(y, values, weights):
    _weighted_mean(ALONE, y, values, given(weights, values.dtype), weights is not None)


def mean_update(state, values, weights, *, count_rows=False, scale=1.0):
    has_weights = weights is not None
    weights = given(weights, values.dtype)
    _mean_update(ALONE, state, values, weights, has_weights, count_rows, scale)


def sparse_categorical_accuracy(matches, p, labels):
    _matches(_cost(p), matches, p, labels)


def categorical_accuracy(matches, p, target):
    _dense_matches(2 * _cost(p), matches, p, target)


def sparse_top_k_categorical_accuracy(matches, p, labels, *, k):
    _top_k_matches(_cost(p), matches, p, labels, k)


def top_k_categorical_accuracy(matches, p, target, *, k):
    _dense_top_k_matches(2 * _cost(p), matches, p, target, k)


def accuracy(matches, p, target):
    _equal(_cost(p), matches, p, target)


def binary_accuracy(matches, p, target, *, threshold):
    _agreeing(_cost(p), matches, p, target, threshold)


def _cost(p):
    return COMPARE * p.size + ROW * len(p)


# In float64 the product of two float32 is exact.


@inlined
def _weighted_sum(values, weights, has_weights):
    return wide_dot(values, weights) if has_weights else wide_sum(values)


@tiled
def _weighted_mean(y: F1, values: F1, weights: F1, has_weights: B):
    y[0] = _weighted_sum(values, weights, has_weights) / max(1, values.size)


@tiled
def _mean_update(state: D1, values: F1, weights: F1, has_weights: B, count_rows: B, scale: D):
    by_weight = has_weights and not count_rows
    count = wide_sum(weights) if by_weight else float(values.size)
    state[0] += _weighted_sum(values, weights, has_weights) * scale
    state[1] += count * scale


@inlined
def _is_first_maximum(p, label):
    """Return whether the first maximum of a row is at ``label``; not if any element is NaN."""
    if label < 0 or label >= p.size:
        return False
    best, before, after = p[label], p[:label], p[label:]
    rival = False  # NaN, a larger value, and, in an earlier column, an equal one
    for k in range(before.size):
        rival |= not before[k] < best
    for k in range(after.size):
        rival |= not after[k] <= best
    return not rival


@inlined
def _first_maximum(x):
    """Return the column of the first maximum, NaN apart; 0 if all are NaN."""
    best = row_max(x)
    for k in range(x.size):
        if x[k] == best:
            return k
    return 0


@inlined
def _is_in_top(p, label, top):
    """Return whether fewer than ``top`` values of a row exceed that at ``label``; no NaN may be."""
    if label < 0 or label >= p.size:
        return False
    limit, larger, missing = p[label], 0, 0
    for k in range(p.size):
        larger += p[k] > limit
        missing += p[k] != p[k]
    return larger < top and missing == 0


@tiled
def _matches(matches: F1, p: F2, labels: I1):
    step = rows_of_tile(p.shape[1])
    for tile in prange((len(p) + step - 1) // step):
        for r in range(tile * step, min(len(p), (tile + 1) * step)):
            matches[r] = _is_first_maximum(p[r], labels[r])


@tiled
def _dense_matches(matches: F1, p: F2, target: F2):
    step = rows_of_tile(p.shape[1])
    for tile in prange((len(p) + step - 1) // step):
        for r in range(tile * step, min(len(p), (tile + 1) * step)):
            label = _first_maximum(target[r])
            # Asking the target too finds its NaN.
            found = _is_first_maximum(p[r], label) and _is_first_maximum(target[r], label)
            matches[r] = found


@tiled
def _top_k_matches(matches: F1, p: F2, labels: I1, top: N):
    step = rows_of_tile(p.shape[1])
    for tile in prange((len(p) + step - 1) // step):
        for r in range(tile * step, min(len(p), (tile + 1) * step)):
            matches[r] = _is_in_top(p[r], labels[r], top)


@tiled
def _dense_top_k_matches(matches: F1, p: F2, target: F2, top: N):
    step = rows_of_tile(p.shape[1])
    for tile in prange((len(p) + step - 1) // step):
        for r in range(tile * step, min(len(p), (tile + 1) * step)):
            label = _first_maximum(target[r])
            found = _is_in_top(p[r], label, top) and _is_first_maximum(target[r], label)
            matches[r] = found


@tiled
def _equal(matches: F1, p: F2, target: F2):
    step = rows_of_tile(p.shape[1])
    for tile in prange((len(p) + step - 1) // step):
        for r in range(tile * step, min(len(p), (tile + 1) * step)):
            row, wanted, hits = p[r], target[r], 0
            for k in range(row.size):
                hits += row[k] == wanted[k]
            matches[r] = hits / row.size


@tiled
def _agreeing(matches: F1, p: F2, target: F2, threshold: D):
    step = rows_of_tile(p.shape[1])
    limit, one, zero = p.dtype.type(threshold), p.dtype.type(1), p.dtype.type(0)
    for tile in prange((len(p) + step - 1) // step):
        for r in range(tile * step, min(len(p), (tile + 1) * step)):
            row, wanted, hits = p[r], target[r], 0
            for k in range(row.size):
                decided = one if row[k] > limit else zero
                hits += (wanted[k] == decided) & (row[k] == row[k])
            matches[r] = hits / row.size
