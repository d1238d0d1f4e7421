"""Metrics: a value per row, and running means of such values.

The means are the work of one block: a batch has but thousands of rows.
"""

from __future__ import annotations

import math

import numpy as np
from numba import cuda, float64

from cnnlite.kernels.cuda.functions import is_nan
from cnnlite.kernels.cuda.launching import BLOCK, device_function, kernel, operation
from cnnlite.kernels.cuda.memory import given
from cnnlite.kernels.cuda.rows import first_maximum, launch_rows, row_sum

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


@kernel
def _weighted_mean(y, values, weights):
    shared = cuda.shared.array(BLOCK, float64)
    own = 0.0
    for row in range(cuda.threadIdx.x, values.size, cuda.blockDim.x):
        own += float64(values[row] * weights[row] if weights.size else values[row])
    total = row_sum(shared, own)
    if cuda.threadIdx.x == 0:
        y[0] = total / max(values.size, 1)


@operation(outputs=1)
def weighted_mean(y, values, weights):
    _weighted_mean.launch(1, BLOCK, y, values, given(weights, values.dtype))


@kernel
def _mean_update(state, values, weights, count_rows, scale):
    shared = cuda.shared.array(BLOCK, float64)
    own = own_count = 0.0
    for row in range(cuda.threadIdx.x, values.size, cuda.blockDim.x):
        weight = float64(weights[row]) if weights.size else 1.0
        own += float64(values[row]) * weight
        own_count += 1.0 if count_rows else weight
    total = row_sum(shared, own)
    count = row_sum(shared, own_count)
    if cuda.threadIdx.x == 0:
        state[0] += total * scale
        state[1] += count * scale


@operation(outputs=1)
def mean_update(state, values, weights, *, count_rows=False, scale=1.0):
    weights = given(weights, values.dtype)
    _mean_update.launch(1, BLOCK, state, values, weights, count_rows, float(scale))


@device_function
def _right(shared, target, labels, row, count):
    """Return the class of a row: its label, or its target's first maximum; -1 for NaN."""
    if labels.size:  # so for all threads
        return int(labels[row]) if count else 0
    return first_maximum(shared, target, row, count)


@kernel
def _matches(matches, p, target, labels):
    shared = cuda.shared.array(BLOCK, float64)
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, p.shape[0], cuda.gridDim.x * cuda.blockDim.y
    ):
        row = first + cuda.threadIdx.y
        count = p.shape[1] if row < p.shape[0] else 0
        found = first_maximum(shared, p, row, count)
        right = _right(shared, target, labels, row, count)
        if row < p.shape[0] and cuda.threadIdx.x == 0:
            matches[row] = found == right and found >= 0


@operation(outputs=1)
def sparse_categorical_accuracy(matches, p, labels):
    launch_rows(_matches, *p.shape, matches, p, given(None, p.dtype, 2), labels)


@operation(outputs=1)
def categorical_accuracy(matches, p, target):
    launch_rows(_matches, *p.shape, matches, p, target, given(None, np.int32))


@kernel
def _top_k_matches(matches, p, target, labels, k):
    shared = cuda.shared.array(BLOCK, float64)
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, p.shape[0], cuda.gridDim.x * cuda.blockDim.y
    ):
        row = first + cuda.threadIdx.y
        count = p.shape[1] if row < p.shape[0] else 0
        right = _right(shared, target, labels, row, count)
        inside = 0 <= right < count
        own = 0.0
        for j in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            if is_nan(p[row, j]):
                own = math.nan  # no number is less than k then
            elif inside and p[row, j] > p[row, right]:
                own += 1.0
        above = row_sum(shared, own)
        if row < p.shape[0] and cuda.threadIdx.x == 0:
            matches[row] = inside and above < k


@operation(outputs=1)
def sparse_top_k_categorical_accuracy(matches, p, labels, *, k):
    launch_rows(_top_k_matches, *p.shape, matches, p, given(None, p.dtype, 2), labels, k)


@operation(outputs=1)
def top_k_categorical_accuracy(matches, p, target, *, k):
    launch_rows(_top_k_matches, *p.shape, matches, p, target, given(None, np.int32), k)


@device_function
def _is_equal(p, target, _):
    return p == target


@device_function
def _is_right_side(p, target, threshold):
    return not is_nan(p) and target == (1 if p > threshold else 0)


def _make_share(is_hit):
    @kernel
    def share(matches, p, target, threshold):
        shared = cuda.shared.array(BLOCK, float64)
        for first in range(
            cuda.blockIdx.x * cuda.blockDim.y, p.shape[0], cuda.gridDim.x * cuda.blockDim.y
        ):
            row = first + cuda.threadIdx.y
            count, hits = p.shape[1] if row < p.shape[0] else 0, 0
            for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
                if is_hit(p[row, k], target[row, k], threshold):
                    hits += 1
            total = row_sum(shared, hits)
            if row < p.shape[0] and cuda.threadIdx.x == 0:
                matches[row] = total / count

    return share


_equal_share, _right_share = _make_share(_is_equal), _make_share(_is_right_side)


@operation(outputs=1)
def accuracy(matches, p, target):
    launch_rows(_equal_share, *p.shape, matches, p, target, p.dtype.type(0))


@operation(outputs=1)
def binary_accuracy(matches, p, target, *, threshold):
    launch_rows(_right_share, *p.shape, matches, p, target, p.dtype.type(threshold))
