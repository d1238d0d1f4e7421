"""Softmax and its logarithm over the last axis."""

from __future__ import annotations

import numpy as np


def softmax_forward(y, x):
    """Softmax of every row: ``y_k = exp(x_k - max x) / sum_j exp(x_j - max x)``.

    y : (rows, K), output; may alias x
    x : (rows, K)

    A row with NaN or +inf, or of -inf alone, has no softmax and gives NaN.
    """
    with np.errstate(invalid="ignore"):
        e = np.exp(x - x.max(axis=1, keepdims=True, initial=-np.inf))
        np.divide(e, e.sum(axis=1, keepdims=True), out=y)


def softmax_backward(dx, dy, y, *, accumulate=False):
    """Gradient of softmax: ``dx_k = y_k (dy_k - sum_j dy_j y_j)``.

    dx : (rows, K), output; may alias dy (unless ``accumulate``)
    dy, y : (rows, K), y the output of the forward pass
    """
    gradient = y * (dy - (dy * y).sum(axis=1, keepdims=True))
    if accumulate:
        dx += gradient
    else:
        dx[...] = gradient


def log_softmax_forward(y, x):
    """Logarithm of the softmax of every row: ``y_k = x_k - max x - log sum_j exp(x_j - max x)``.

    y : (rows, K), output; may alias x
    x : (rows, K)

    A row with NaN or +inf, or of -inf alone, gives NaN.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        shifted = x - x.max(axis=1, keepdims=True, initial=-np.inf)
        np.subtract(shifted, np.log(np.exp(shifted).sum(axis=1, keepdims=True)), out=y)


def log_softmax_backward(dx, dy, y, *, accumulate=False):
    """Gradient of the logarithm of softmax: ``dx_k = dy_k - exp(y_k) sum_j dy_j``.

    dx : (rows, K), output; may alias dy (unless ``accumulate``)
    dy, y : (rows, K), y the output of the forward pass
    """
    gradient = dy - np.exp(y) * dy.sum(axis=1, keepdims=True)
    if accumulate:
        dx += gradient
    else:
        dx[...] = gradient
