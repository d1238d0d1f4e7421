"""Metrics that count predictions against targets, in a state of float64.

An update adds a batch to its state, row by row, each with its weight (None: 1).
"""

from __future__ import annotations

import numpy as np


def _weights(weights, rows):
    return np.ones(rows) if weights is None else weights.astype(np.float64)


def _is_in_top_k(p, k):
    """Return which k elements of each row are the largest; of equal ones the earlier come first."""
    order = np.argsort(-p, axis=1, kind="stable")  # NaN last
    chosen = np.zeros(p.shape, bool)
    np.put_along_axis(chosen, order[:, :k], True, axis=1)
    return chosen & ~np.isnan(p)


def threshold_update(state, p, target, weights, thresholds, *, top_k, class_id, per_label, clip):
    """Count positive and negative elements by how many thresholds they exceed.

    ``state[0, b, l] += w`` for each element with target other than 0 that exceeds b of
    the thresholds, ``state[1, b, l]`` for those of target 0: from these all counts of
    true and false positives and negatives follow.  NaN exceeds none.

    state : (2, T + 1, labels) float64, updated; labels is K with ``per_label``, else 1
    p, target : (rows, K)
    weights : (rows,) or None
    thresholds : (T,) ascending, of p's dtype
    top_k : int or None; an element outside the k largest of its row exceeds none
    class_id : int or None; the one column that counts
    per_label : count each column apart
    clip : bring p to [0, 1] first
    """
    values = np.clip(p, 0, 1) if clip else p
    buckets = np.searchsorted(thresholds, values, side="left")
    buckets[np.isnan(p) | (False if top_k is None else ~_is_in_top_k(p, top_k))] = 0
    kinds = np.where(target != 0, 0, 1)
    rows, columns = np.indices(p.shape)
    labels = columns if per_label else np.zeros_like(columns)
    chosen = np.ones(p.shape, bool) if class_id is None else columns == class_id
    each = _weights(weights, len(p))[rows[chosen]]
    np.add.at(state, (kinds[chosen], buckets[chosen], labels[chosen]), each)


def class_update(state, p, target, weights, *, threshold):
    """Sum, for each class, the weights of hits, of positive predictions and of targets.

    A prediction is positive if it exceeds the threshold; with None, if it is its row's
    maximum and ``|p| > 1e-9``.  A target t counts t.

    state : (3, K) float64, updated: ``sum w positive t``, ``sum w positive``, ``sum w t``
    p, target : (rows, K)
    weights : (rows,) or None
    """
    if threshold is None:
        positive = (p >= p.max(axis=1, keepdims=True, initial=-np.inf)) & (np.abs(p) > 1e-9)
    else:
        positive = p > threshold
    weights = _weights(weights, len(p))[:, None]
    wanted = weights * target
    state[0] += (positive * wanted).sum(axis=0)
    state[1] += (positive * weights).sum(axis=0)
    state[2] += wanted.sum(axis=0)


def confusion_update(state, p, target, labels, weights, *, threshold):
    """Count the rows of each class by what they were taken for.

    A row is taken for the class of its first maximum; one of a single column for class 1
    if it exceeds the threshold, else 0.  So is a dense target read.  A row with NaN, or
    with a label outside of the state, counts nowhere.

    state : (classes, classes) float64, updated: rows are what is right, columns predictions
    p : (rows, K), K >= 1
    target : (rows, K), or None where there are labels
    labels : (rows,) int32, or None
    weights : (rows,) or None
    """
    found = _classes(p, threshold)
    right = labels if target is None else _classes(target, threshold)
    valid = (found >= 0) & (right >= 0) & (right < len(state))
    np.add.at(state, (right[valid], found[valid]), _weights(weights, len(p))[valid])


def _classes(p, threshold):
    """Return the class of each row; -1 for one with NaN."""
    found = p.argmax(axis=1) if p.shape[1] > 1 else (p[:, 0] > threshold).astype(int)
    return np.where(np.isnan(p).any(axis=1), -1, found)


def regression_update(state, p, target, weights):
    """Sum what the coefficient of determination needs, for each column.

    state : (5, K) float64, updated: sums of w t, w t^2, w (t - p)^2, w, and 1
    p, target : (rows, K)
    weights : (rows,) or None
    """
    weights = _weights(weights, len(p))[:, None]
    p, target = p.astype(np.float64), target.astype(np.float64)
    state[0] += (weights * target).sum(axis=0)
    state[1] += (weights * target * target).sum(axis=0)
    state[2] += (weights * np.square(target - p)).sum(axis=0)
    state[3] += weights.sum(axis=0)
    state[4] += len(p)
