"""Metrics that count predictions against targets, in a state of float64.

Where many elements add to few numbers of the state, each of those is the work of the threads
of a row (:mod:`.rows`), which look for what belongs to it among all elements: they read more
than they would if every element were added where it belongs, but in a fixed order.
"""

from __future__ import annotations

import numpy as np
from numba import cuda, float64

from cnnlite.kernels.cuda.functions import clip, larger
from cnnlite.kernels.cuda.launching import BLOCK, device_function, kernel, operation
from cnnlite.kernels.cuda.memory import flat, given, scratch
from cnnlite.kernels.cuda.rows import first_maximum, launch_rows, row_max, row_sum

__all__ = ["class_update", "confusion_update", "regression_update", "threshold_update"]


@device_function
def _weight_of(weights, row):
    return float64(weights[row]) if weights.size else 1.0


@kernel
def _add_places(state, places, weights, columns, labels):
    """Add the weight of every element to the number of the state that is its place.

    state : (n, labels), flat; places : (rows, columns) int32, flat, below n; -1: nowhere
    labels : columns, or 1 where the columns are not told apart
    """
    shared = cuda.shared.array(BLOCK, float64)
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, state.size, cuda.gridDim.x * cuda.blockDim.y
    ):
        at = first + cuda.threadIdx.y
        count = places.size // labels if at < state.size else 0
        place, label, own = at // labels, at % labels, 0.0
        for n in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            element = n * labels + label
            if places[element] == place:
                own += _weight_of(weights, element // columns)
        total = row_sum(shared, own)
        if at < state.size and cuda.threadIdx.x == 0:
            state[at] += total


def _add(state, places, weights, columns, labels):
    count = places.size // labels
    launch_rows(_add_places, state.size, count, flat(state), places, weights, columns, labels)


@device_function
def _is_in_top_k(p, row, k, top_k):
    """Whether an element is among its row's largest, where of equal ones the first count."""
    ahead = 0
    for j in range(p.shape[1]):
        if p[row, j] > p[row, k] or (p[row, j] == p[row, k] and j < k):
            ahead += 1
    return ahead < top_k


@kernel
def _threshold_places(places, p, target, thresholds, top_k, class_id, clips):
    """Find to which of the rows of (2 (T + 1), labels) each element adds."""
    for i in range(cuda.grid(1), places.size, cuda.gridsize(1)):
        row = i // p.shape[1]
        k = i - row * p.shape[1]
        value, exceeded = p[row, k], 0
        if clips:
            value = clip(value, p.dtype.type(0), p.dtype.type(1))
        if top_k < 0 or _is_in_top_k(p, row, k, top_k):
            for t in range(thresholds.size):
                exceeded += 1 if value > thresholds[t] else 0
        if target[row, k] == 0:
            exceeded += thresholds.size + 1
        places[i] = exceeded if class_id < 0 or class_id == k else -1


@operation(outputs=1)
def threshold_update(state, p, target, weights, thresholds, *, top_k, class_id, per_label, clip):
    top_k, class_id = -1 if top_k is None else top_k, -1 if class_id is None else class_id
    places = scratch(p.size, np.int32)
    _threshold_places.over(p.size, places, p, target, thresholds, top_k, class_id, clip)
    columns = p.shape[1]
    _add(state, places, given(weights, p.dtype), columns, columns if per_label else 1)


@kernel
def _row_maxima(largest, p):
    shared = cuda.shared.array(BLOCK, float64)
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, p.shape[0], cuda.gridDim.x * cuda.blockDim.y
    ):
        row = first + cuda.threadIdx.y
        count = p.shape[1] if row < p.shape[0] else 0
        own = p.dtype.type(-np.inf)
        for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            own = larger(own, p[row, k])
        of_row = row_max(shared, own)
        if row < p.shape[0] and cuda.threadIdx.x == 0:
            largest[row] = of_row


@kernel
def _class_update(state, p, target, weights, largest, threshold):
    shared = cuda.shared.array(BLOCK, float64)
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, p.shape[1], cuda.gridDim.x * cuda.blockDim.y
    ):
        k = first + cuda.threadIdx.y
        rows = p.shape[0] if k < p.shape[1] else 0
        hits = positives = targets = 0.0
        for row in range(cuda.threadIdx.x, rows, cuda.blockDim.x):
            weight, value = _weight_of(weights, row), p[row, k]
            if largest.size:
                positive = value >= largest[row] and abs(value) > threshold
            else:
                positive = value > threshold
            wanted = weight * float64(target[row, k])
            targets += wanted
            hits += (1.0 if positive else 0.0) * wanted
            positives += (1.0 if positive else 0.0) * weight
        hits, positives = row_sum(shared, hits), row_sum(shared, positives)
        targets = row_sum(shared, targets)
        if k < p.shape[1] and cuda.threadIdx.x == 0:
            state[0, k] += hits
            state[1, k] += positives
            state[2, k] += targets


@operation(outputs=1)
def class_update(state, p, target, weights, *, threshold):
    rows, columns = p.shape
    largest = None
    if threshold is None:
        largest, threshold = scratch(rows, p.dtype), 1e-9
        launch_rows(_row_maxima, rows, columns, largest, p)
    largest, threshold = given(largest, p.dtype), p.dtype.type(threshold)
    weights = given(weights, p.dtype)
    launch_rows(_class_update, columns, rows, state, p, target, weights, largest, threshold)


@device_function
def _class_of(shared, p, row, count, threshold):
    """Return the class that a row is taken for; -1 for one with NaN."""
    place = first_maximum(shared, p, row, count)
    if count == 1 and place == 0 and p[row, 0] > threshold:
        return 1
    return place


@kernel
def _confusion_places(places, p, target, labels, classes, threshold):
    """Find to which number of the state each row adds."""
    shared = cuda.shared.array(BLOCK, float64)
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, p.shape[0], cuda.gridDim.x * cuda.blockDim.y
    ):
        row = first + cuda.threadIdx.y
        count = p.shape[1] if row < p.shape[0] else 0
        found = _class_of(shared, p, row, count, threshold)
        if labels.size:
            right = int(labels[row]) if count else 0
        else:
            right = _class_of(shared, target, row, count, threshold)
        if row < p.shape[0] and cuda.threadIdx.x == 0:
            valid = found >= 0 and 0 <= right < classes
            places[row] = right * classes + found if valid else -1


@operation(outputs=1)
def confusion_update(state, p, target, labels, weights, *, threshold):
    rows, columns = p.shape
    places = scratch(rows, np.int32)
    target, labels = given(target, p.dtype, 2), given(labels, np.int32)
    threshold = p.dtype.type(0 if threshold is None else threshold)
    launch_rows(
        _confusion_places, rows, columns, places, p, target, labels, state.shape[0], threshold
    )
    _add(state, places, given(weights, p.dtype), 1, 1)


@kernel
def _regression_update(state, p, target, weights):
    shared = cuda.shared.array(BLOCK, float64)
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, p.shape[1], cuda.gridDim.x * cuda.blockDim.y
    ):
        k = first + cuda.threadIdx.y
        rows = p.shape[0] if k < p.shape[1] else 0
        targets = squares = errors = count = 0.0
        for row in range(cuda.threadIdx.x, rows, cuda.blockDim.x):
            weight, t = _weight_of(weights, row), float64(target[row, k])
            error = t - float64(p[row, k])
            targets += weight * t
            squares += weight * t * t
            errors += weight * (error * error)
            count += weight
        targets, squares = row_sum(shared, targets), row_sum(shared, squares)
        errors, count = row_sum(shared, errors), row_sum(shared, count)
        if k < p.shape[1] and cuda.threadIdx.x == 0:
            state[0, k] += targets
            state[1, k] += squares
            state[2, k] += errors
            state[3, k] += count
            state[4, k] += rows


@operation(outputs=1)
def regression_update(state, p, target, weights):
    rows, columns = p.shape
    launch_rows(_regression_update, columns, rows, state, p, target, given(weights, p.dtype))
