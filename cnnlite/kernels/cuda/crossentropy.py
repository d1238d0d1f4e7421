"""Softmax and cross-entropy over classes, from logits and from probabilities.

One kernel serves dense targets and class numbers.
"""

from __future__ import annotations

import math

import numpy as np
from numba import cuda, float64

from cnnlite.kernels.cuda.functions import clip, exp, log
from cnnlite.kernels.cuda.launching import BLOCK, device_function, kernel, operation
from cnnlite.kernels.cuda.losses import EPSILON, batch_scale, weight_of
from cnnlite.kernels.cuda.memory import given
from cnnlite.kernels.cuda.rows import launch_rows, powers, row_sum

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

_NO_CLASS = 1 << 40  # that no label of 32 bits equals


def _answer(dtype, target=None, labels=None, ignore_class=None):
    """Return the arguments that say what is right: targets, or labels and the one to ignore."""
    ignored = _NO_CLASS if ignore_class is None else ignore_class
    return given(target, dtype, 2), given(labels, np.int32), ignored


@device_function
def _is_ignored(answer, row):
    _, labels, ignored = answer
    return labels.size > 0 and labels[row] == ignored


@device_function
def _wanted(like, answer, row, k):
    """Return the target of an element: for a label 0 or 1, or NaN in the row of one too large."""
    target, labels, _ = answer
    if not labels.size:
        return target[row, k]
    if labels[row] < 0 or labels[row] >= like.shape[1]:
        return like.dtype.type(math.nan)
    return like.dtype.type(1) if labels[row] == k else like.dtype.type(0)


@kernel
def _softmax_forward(loss, p, x, answer):
    shared = cuda.shared.array(BLOCK, float64)
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, x.shape[0], cuda.gridDim.x * cuda.blockDim.y
    ):
        row = first + cuda.threadIdx.y
        count = x.shape[1] if row < x.shape[0] else 0
        largest, total = powers(shared, x, row, count)
        log_total, own = log(total), x.dtype.type(0)
        for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            log_p = x[row, k] - largest - log_total
            wanted = _wanted(x, answer, row, k)
            if wanted != 0:  # 0 times -inf is 0 here
                own -= wanted * log_p
            p[row, k] = exp(log_p)
        # NaN where total is: the row of x has no softmax.
        value = x.dtype.type(row_sum(shared, own)) + (total - total)
        if row < x.shape[0] and cuda.threadIdx.x == 0:
            loss[row] = x.dtype.type(0) if _is_ignored(answer, row) else value


@operation(outputs=2)
def softmax_crossentropy_forward(loss, p, x, target):
    launch_rows(_softmax_forward, *x.shape, loss, p, x, _answer(x.dtype, target))


@operation(outputs=2)
def sparse_softmax_crossentropy_forward(loss, p, x, labels, *, ignore_class=None):
    answer = _answer(x.dtype, None, labels, ignore_class)
    launch_rows(_softmax_forward, *x.shape, loss, p, x, answer)


@kernel
def _softmax_backward(dx, p, answer, weights, scale, accumulate):
    shared = cuda.shared.array(BLOCK, float64)
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, p.shape[0], cuda.gridDim.x * cuda.blockDim.y
    ):
        row = first + cuda.threadIdx.y
        count = p.shape[1] if row < p.shape[0] else 0
        own = p.dtype.type(0)
        for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            own += _wanted(p, answer, row, k)
        total = p.dtype.type(row_sum(shared, own))
        for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            gradient = p[row, k] * total - _wanted(p, answer, row, k)
            if _is_ignored(answer, row):
                gradient = p.dtype.type(0)
            gradient *= weight_of(weights, row, scale)
            dx[row, k] = dx[row, k] + gradient if accumulate else gradient


@operation(outputs=1)
def softmax_crossentropy_backward(dx, p, target, weights, *, accumulate=False):
    answer, scale = _answer(p.dtype, target), batch_scale(p)
    weights = given(weights, p.dtype)
    launch_rows(_softmax_backward, *p.shape, dx, p, answer, weights, scale, accumulate)


@operation(outputs=1)
def sparse_softmax_crossentropy_backward(
    dx, p, labels, weights, *, ignore_class=None, accumulate=False
):
    answer, scale = _answer(p.dtype, None, labels, ignore_class), batch_scale(p)
    weights = given(weights, p.dtype)
    launch_rows(_softmax_backward, *p.shape, dx, p, answer, weights, scale, accumulate)


@device_function
def _clipped(q):
    return clip(q, type(q)(EPSILON), type(q)(1 - EPSILON))


@device_function
def _sum_of(shared, p, row, count):
    own = p.dtype.type(0)
    for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
        own += p[row, k]
    return p.dtype.type(row_sum(shared, own))


@kernel
def _categorical_forward(loss, p, answer):
    shared = cuda.shared.array(BLOCK, float64)
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, p.shape[0], cuda.gridDim.x * cuda.blockDim.y
    ):
        row = first + cuda.threadIdx.y
        count = p.shape[1] if row < p.shape[0] else 0
        total, own = _sum_of(shared, p, row, count), p.dtype.type(0)
        for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            own -= _wanted(p, answer, row, k) * log(_clipped(p[row, k] / total))
        value = p.dtype.type(row_sum(shared, own))
        if row < p.shape[0] and cuda.threadIdx.x == 0:
            loss[row] = p.dtype.type(0) if _is_ignored(answer, row) else value


@operation(outputs=1)
def categorical_crossentropy_forward(loss, p, target):
    launch_rows(_categorical_forward, *p.shape, loss, p, _answer(p.dtype, target))


@operation(outputs=1)
def sparse_categorical_crossentropy_forward(loss, p, labels, *, ignore_class=None):
    answer = _answer(p.dtype, None, labels, ignore_class)
    launch_rows(_categorical_forward, *p.shape, loss, p, answer)


@device_function
def _inside(q, wanted):
    """Return the target where the clip leaves q alone; elsewhere 0, or NaN where one is NaN."""
    clipped = _clipped(q)
    return wanted if clipped == q else (clipped + wanted) * type(q)(0)


@kernel
def _categorical_backward(dp, p, answer, weights, scale, accumulate):
    shared = cuda.shared.array(BLOCK, float64)
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, p.shape[0], cuda.gridDim.x * cuda.blockDim.y
    ):
        row = first + cuda.threadIdx.y
        count = p.shape[1] if row < p.shape[0] else 0
        total, own = _sum_of(shared, p, row, count), p.dtype.type(0)
        for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            own += _inside(p[row, k] / total, _wanted(p, answer, row, k))
        inside = p.dtype.type(row_sum(shared, own))
        for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            q = p[row, k] / total
            of_element = _inside(q, _wanted(p, answer, row, k)) / _clipped(q)
            gradient = (inside - of_element) / total
            if _is_ignored(answer, row):
                gradient = p.dtype.type(0)
            gradient *= weight_of(weights, row, scale)
            dp[row, k] = dp[row, k] + gradient if accumulate else gradient


@operation(outputs=1)
def categorical_crossentropy_backward(dp, p, target, weights, *, accumulate=False):
    answer, scale = _answer(p.dtype, target), batch_scale(p)
    weights = given(weights, p.dtype)
    launch_rows(_categorical_backward, *p.shape, dp, p, answer, weights, scale, accumulate)


@operation(outputs=1)
def sparse_categorical_crossentropy_backward(
    dp, p, labels, weights, *, ignore_class=None, accumulate=False
):
    answer, scale = _answer(p.dtype, None, labels, ignore_class), batch_scale(p)
    weights = given(weights, p.dtype)
    launch_rows(_categorical_backward, *p.shape, dp, p, answer, weights, scale, accumulate)
