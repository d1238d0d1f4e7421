"""The plain loops (see tests/naive.py) of metrics that count."""

from __future__ import annotations

import math

import numpy as np


def weight_of(weights, r):
    return 1.0 if weights is None else float(weights[r])


def has_nan(row):
    return any(math.isnan(float(v)) for v in row)


def accuracy(matches, p, target):
    for r in range(len(p)):
        hits = [float(a) == float(b) for a, b in zip(p[r], target[r], strict=True)]
        matches[r] = sum(hits) / len(hits)


def top_place(row):
    return max(range(len(row)), key=lambda k: (float(row[k]), -k))


def sparse_top_k_categorical_accuracy(matches, p, labels, *, k):
    for r, row in enumerate(p):
        known = 0 <= labels[r] < len(row) and not has_nan(row)
        # Keras's in_top_k: the label's value is no less than the k-th largest.
        ranked = sorted((float(v) for v in row), reverse=True)
        matches[r] = float(known and float(row[labels[r]]) >= ranked[min(k, len(row)) - 1])


def top_k_categorical_accuracy(matches, p, target, *, k):
    labels = [-1 if has_nan(row) else top_place(row) for row in target]
    sparse_top_k_categorical_accuracy(matches, p, labels, k=k)


def threshold_update(state, p, target, weights, thresholds, *, top_k, class_id, per_label, clip):
    for r, k in np.ndindex(p.shape):
        if class_id not in (None, k):
            continue
        value, row = float(p[r, k]), [float(v) for v in p[r]]
        ranked = sorted(range(len(row)), key=lambda i: (math.isnan(row[i]), -row[i], i))
        chosen = top_k is None or k in ranked[:top_k]
        if clip and not math.isnan(value):
            value = min(max(value, 0.0), 1.0)
        over = sum(value > float(t) for t in thresholds) if chosen else 0
        kind = 0 if float(target[r, k]) != 0 else 1
        state[kind, over, k if per_label else 0] += weight_of(weights, r)


def class_update(state, p, target, weights, *, threshold):
    for r, k in np.ndindex(p.shape):
        value, t, w = float(p[r, k]), float(target[r, k]), weight_of(weights, r)
        if threshold is None:
            best = not has_nan(p[r]) and value == max(float(v) for v in p[r])
            positive = float(best and abs(value) > 1e-9)
        else:
            positive = float(value > threshold)
        for i, v in enumerate((positive * t, positive, t)):
            state[i, k] += w * v


def confusion_update(state, p, target, labels, weights, *, threshold):
    def taken_for(row):
        return int(float(row[0]) > threshold) if len(row) == 1 else top_place(row)

    for r in range(len(p)):
        if has_nan(p[r]) or (target is not None and has_nan(target[r])):
            continue
        right = labels[r] if target is None else taken_for(target[r])
        if 0 <= right < len(state):
            state[right, taken_for(p[r])] += weight_of(weights, r)


def regression_update(state, p, target, weights):
    for r, k in np.ndindex(p.shape):
        t, w = float(target[r, k]), weight_of(weights, r)
        for i, v in enumerate((w * t, w * t * t, w * (t - float(p[r, k])) ** 2, w, 1.0)):
            state[i, k] += v
