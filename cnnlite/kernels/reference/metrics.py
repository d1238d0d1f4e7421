"""Metrics: a value per row, and running means of such values."""

from __future__ import annotations

import numpy as np


def weighted_mean(y, values, weights):
    """Batch mean of a loss: ``y = sum_r weights_r values_r / rows``.

    y : (1,), output; 0 for no rows
    values : (rows,)
    weights : (rows,) or None
    """
    total = values.sum() if weights is None else (values * weights).sum()
    y[0] = total / max(len(values), 1)


def mean_update(state, values, weights, *, count_rows=False, scale=1.0):
    """Add a batch to a running mean ``state[0] / state[1]``.

    state : (2,) float64, updated: sum of weighted values, sum of weights
    values : (rows,)
    weights : (rows,) or None
    count_rows : count each row as one instead of by its weight, as a loss does
    scale : what a row counts; 1 / T where T rows make a sample
    """
    values = values.astype(np.float64)
    total = values.sum() if weights is None else (values * weights).sum()
    count = len(values) if weights is None or count_rows else weights.sum(dtype=np.float64)
    state[0] += total * scale
    state[1] += count * scale


def sparse_categorical_accuracy(matches, p, labels):
    """1 where the largest value of the row stands at the label, else 0.

    The first maximum counts; a row with NaN gives 0.

    matches : (rows,), output
    p : (rows, K), K >= 1
    labels : (rows,) int32
    """
    matches[...] = (p.argmax(axis=1) == labels) & ~np.isnan(p).any(axis=1)


def categorical_accuracy(matches, p, target):
    """1 where the largest value of the row stands where the target's does, else 0.

    The first maximum counts; a row with NaN gives 0.

    matches : (rows,), output
    p, target : (rows, K), K >= 1
    """
    invalid = np.isnan(p).any(axis=1) | np.isnan(target).any(axis=1)
    matches[...] = (p.argmax(axis=1) == target.argmax(axis=1)) & ~invalid


def sparse_top_k_categorical_accuracy(matches, p, labels, *, k):
    """1 where fewer than k values of the row exceed the one at the label, else 0.

    So equal values count for it.  A row with NaN, or a label outside 0..K-1, gives 0.

    matches : (rows,), output
    p : (rows, K), K >= 1
    labels : (rows,) int32
    """
    inside = (labels >= 0) & (labels < p.shape[1])
    at_label = np.take_along_axis(p, np.where(inside, labels, 0)[:, None], axis=1)
    matches[...] = ((p > at_label).sum(axis=1) < k) & inside & ~np.isnan(p).any(axis=1)


def top_k_categorical_accuracy(matches, p, target, *, k):
    """The same, with the target's first maximum as the label.

    matches : (rows,), output
    p, target : (rows, K), K >= 1
    """
    sparse_top_k_categorical_accuracy(matches, p, target.argmax(axis=1), k=k)
    matches[np.isnan(target).any(axis=1)] = 0


def accuracy(matches, p, target):
    """Share of the row's values that equal the target's.

    matches : (rows,), output
    p, target : (rows, K), K >= 1
    """
    matches[...] = (p == target).mean(axis=1)


def binary_accuracy(matches, p, target, *, threshold):
    """Share of the row's values that exceed the threshold where the target is 1, or do not at 0.

    ``mean_k [target_k = (1 if p_k > threshold else 0)]``, so another target is a miss; a NaN
    in p is too.

    matches : (rows,), output
    p, target : (rows, K), K >= 1
    """
    same = target == (p > threshold)
    matches[...] = (same & ~np.isnan(p)).mean(axis=1)
