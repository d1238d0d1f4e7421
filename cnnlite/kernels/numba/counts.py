"""Metrics that count predictions against targets, row after row on one thread."""

from __future__ import annotations

import numpy as np

from cnnlite.kernels.numba.compiling import D1, D2, F1, F2, I1, B, D, N, given, inlined, tiled

__all__ = ["class_update", "confusion_update", "regression_update", "threshold_update"]

# All rows add to one state: nothing to share.
ALONE = 0.0


def threshold_update(state, p, target, weights, thresholds, *, top_k, class_id, per_label, clip):
    every = class_id is None
    first, last = (0, p.shape[1]) if every else (class_id, class_id + 1)
    top = 0 if top_k is None else top_k
    flat, weights = state.reshape(-1), _given(weights, p)
    _count(ALONE, flat, p, target, weights, thresholds, top, first, last, per_label, clip)


def class_update(state, p, target, weights, *, threshold):
    limit = 0.0 if threshold is None else threshold
    _count_classes(ALONE, state, p, target, _given(weights, p), limit, threshold is None)


def confusion_update(state, p, target, labels, weights, *, threshold):
    targets, labels = given(target, p.dtype, 2), given(labels, np.dtype(np.int32))
    _confuse(ALONE, state, p, targets, labels, _given(weights, p), threshold, target is not None)


def regression_update(state, p, target, weights):
    _regress(ALONE, state, p, target, _given(weights, p))


def _given(weights, p):
    return np.ones(len(p), p.dtype) if weights is None else weights


@inlined
def _comes_after(value, index, other, other_index):
    """Return whether an element of a row is behind another: smaller, or equal and later."""
    return value < other or (value == other and index > other_index)


@inlined
def _kth(x, count):
    """Return the count-th element of a row by that order, or the last that is no NaN."""
    infinity = x.dtype.type(np.inf)
    value, index = infinity, -1
    for _ in range(count):
        next_value, next_index = -infinity, x.size
        for k in range(x.size):
            if _comes_after(x[k], k, value, index) and _comes_after(
                next_value, next_index, x[k], k
            ):
                next_value, next_index = x[k], k
        if next_index == x.size:
            break
        value, index = next_value, next_index
    return value, index


@inlined
def _exceeded(thresholds, x):
    """Return how many of the ascending thresholds x exceeds; none if it is NaN."""
    low, high = 0, thresholds.size
    while low < high:
        middle = (low + high) // 2
        if thresholds[middle] < x:
            low = middle + 1
        else:
            high = middle
    return low


@tiled
def _count(
    state: D1, p: F2, target: F2, weights: F1, thresholds: F1,
    top: N, first: N, last: N, per_label: B, clip: B,
):  # fmt: skip
    zero, one = p.dtype.type(0), p.dtype.type(1)
    labels = p.shape[1] if per_label else 1
    for r in range(len(p)):
        row, limit, limit_index = p[r], p.dtype.type(-np.inf), p.shape[1]
        if top > 0:
            limit, limit_index = _kth(row, top)
        for k in range(first, last):
            value, bucket = row[k], 0
            if clip:
                value = zero if value < zero else one if value > one else value
            if not _comes_after(row[k], k, limit, limit_index):
                bucket = _exceeded(thresholds, value)
            if target[r, k] == 0:
                bucket += thresholds.size + 1
            state[bucket * labels + (k if per_label else 0)] += weights[r]


@tiled
def _count_classes(state: D2, p: F2, target: F2, weights: F1, threshold: D, by_maximum: B):
    limit, least = p.dtype.type(threshold), p.dtype.type(1e-9)
    for r in range(len(p)):
        row, weight, most = p[r], np.float64(weights[r]), p.dtype.type(-np.inf)
        for k in range(row.size):
            most = row[k] if row[k] > most or row[k] != row[k] else most  # a NaN stays
        for k in range(row.size):
            positive = row[k] > limit
            if by_maximum:
                positive = row[k] >= most and abs(row[k]) > least
            wanted = weight * target[r, k]
            state[0, k] += wanted if positive else wanted * 0
            state[1, k] += weight if positive else weight * 0
            state[2, k] += wanted


@inlined
def _class_of(x, threshold):
    """Return the class of a row: its first maximum, or whether one column exceeds the threshold.

    -1 if any element is NaN.
    """
    best = 0
    for k in range(x.size):
        if x[k] != x[k]:
            return -1
        best = k if x[k] > x[best] else best
    return best if x.size > 1 else int(x[0] > x.dtype.type(threshold))


@tiled
def _confuse(state: D2, p: F2, target: F2, labels: I1, weights: F1, threshold: D, has_target: B):
    for r in range(len(p)):
        found = _class_of(p[r], threshold)
        right = _class_of(target[r], threshold) if has_target else labels[r]
        if found >= 0 and 0 <= right < len(state):
            state[right, found] += weights[r]


@tiled
def _regress(state: D2, p: F2, target: F2, weights: F1):
    for r in range(len(p)):
        weight = np.float64(weights[r])
        for k in range(p.shape[1]):
            t = np.float64(target[r, k])
            error = t - p[r, k]
            state[0, k] += weight * t
            state[1, k] += weight * t * t
            state[2, k] += weight * error * error
            state[3, k] += weight
            state[4, k] += 1.0
