"""Softmax and cross-entropy over classes, from logits and from probabilities.

A loss from probabilities divides them by their sum and clips them to
[EPSILON, 1 - EPSILON] first; beyond the clip its gradient is 0, as the derivative
of the clip says.  NaN in a probability or a target passes through the clip.

A label outside 0..K-1 gives NaN: loud, and free of out-of-bounds reads.  A row whose
label is ``ignore_class`` has loss and gradient 0, whatever else it holds.
"""

from __future__ import annotations

import numpy as np

from cnnlite.kernels.reference.losses import EPSILON, store_gradient


def _one_hot(labels, like):
    """Return (rows, K) targets; NaN in the rows whose label is not in 0..K-1."""
    classes = like.shape[1]
    target = np.zeros_like(like)
    valid = (labels >= 0) & (labels < classes)
    target[np.flatnonzero(valid), labels[valid]] = 1
    target[~valid] = np.nan
    return target


def _log_softmax(x):
    with np.errstate(invalid="ignore"):
        shifted = x - x.max(axis=1, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _weighted(target, values):
    """Return ``target * values`` with 0 * inf = 0 (NaN in target stays)."""
    return np.where(target == 0, 0, target * np.where(target == 0, 0, values))


def softmax_crossentropy_forward(loss, p, x, target):
    """Softmax and cross-entropy of logits in one pass.

    ``p = softmax(x)``, ``loss = -sum_k target_k (x_k - log sum_j exp x_j)``.

    loss : (rows,), output
    p : (rows, K), output, kept for the backward pass
    x : (rows, K) logits
    target : (rows, K) probabilities
    """
    logp = _log_softmax(x)
    np.exp(logp, out=p)
    loss[...] = np.where(np.isnan(logp).any(axis=1), np.nan, -_weighted(target, logp).sum(axis=1))


def softmax_crossentropy_backward(dx, p, target, weights, *, accumulate=False):
    """Gradient to the logits: ``(p sum_k target_k - target) weights / rows``.

    dx : (rows, K), output; may alias p (unless ``accumulate``)
    p, target : (rows, K)
    weights : (rows,) or None
    """
    total = target.sum(axis=1, keepdims=True)
    store_gradient(dx, p * total - target, weights, accumulate)


def sparse_softmax_crossentropy_forward(loss, p, x, labels, *, ignore_class=None):
    """Softmax and cross-entropy of logits against class numbers.

    ``p = softmax(x)``, ``loss = log sum_j exp x_j - x_label``.

    loss : (rows,), output
    p : (rows, K), output, kept for the backward pass
    x : (rows, K) logits
    labels : (rows,) int32
    ignore_class : int or None
    """
    softmax_crossentropy_forward(loss, p, x, _one_hot(labels, x))
    if ignore_class is not None:
        loss[labels == ignore_class] = 0


def sparse_softmax_crossentropy_backward(
    dx, p, labels, weights, *, ignore_class=None, accumulate=False
):
    """Gradient to the logits: ``(p - one_hot(label)) weights / rows``.

    dx : (rows, K), output; may alias p (unless ``accumulate``)
    p : (rows, K)
    labels : (rows,) int32
    weights : (rows,) or None
    ignore_class : int or None
    """
    gradient = p - _one_hot(labels, p)
    if ignore_class is not None:
        gradient[labels == ignore_class] = 0
    store_gradient(dx, gradient, weights, accumulate)


def _normalized(p):
    """Return ``q = p / sum p``, q clipped, and the sum, for every row."""
    with np.errstate(invalid="ignore", divide="ignore"):
        total = p.sum(axis=1, keepdims=True)
        q = p / total
    return q, np.clip(q, EPSILON, 1 - EPSILON), total


def categorical_crossentropy_forward(loss, p, target):
    """Cross-entropy of probabilities: ``loss = -sum_k target_k log clip(p_k / sum_j p_j)``.

    loss : (rows,), output
    p, target : (rows, K)
    """
    _, clipped, _ = _normalized(p)
    loss[...] = -(target * np.log(clipped)).sum(axis=1)


def categorical_crossentropy_backward(dp, p, target, weights, *, accumulate=False):
    """Gradient to the probabilities, times ``weights / rows``.

    With ``q = p / S``, ``S = sum_j p_j``, and ``t'`` the target inside the clip, 0
    outside: ``dq_j / dp_k = (delta_jk - q_j) / S``, so
    ``dp_k = (sum_j t'_j - t'_k / q_k) / S``.

    dp : (rows, K), output
    p, target : (rows, K)
    weights : (rows,) or None
    """
    store_gradient(dp, _slope(p, target), weights, accumulate)


def _slope(p, target):
    q, clipped, total = _normalized(p)
    inside = np.where(clipped != q, (clipped + target) * 0, target)
    return (inside.sum(axis=1, keepdims=True) - inside / clipped) / total


def sparse_categorical_crossentropy_forward(loss, p, labels, *, ignore_class=None):
    """Cross-entropy of probabilities against class numbers: ``-log clip(p_label / sum_j p_j)``.

    loss : (rows,), output
    p : (rows, K)
    labels : (rows,) int32
    ignore_class : int or None
    """
    categorical_crossentropy_forward(loss, p, _one_hot(labels, p))
    if ignore_class is not None:
        loss[labels == ignore_class] = 0


def sparse_categorical_crossentropy_backward(
    dp, p, labels, weights, *, ignore_class=None, accumulate=False
):
    """Gradient to the probabilities: that of the dense loss with one-hot targets.

    dp : (rows, K), output
    p : (rows, K)
    labels : (rows,) int32
    weights : (rows,) or None
    ignore_class : int or None
    """
    gradient = _slope(p, _one_hot(labels, p))
    if ignore_class is not None:
        gradient[labels == ignore_class] = 0
    store_gradient(dp, gradient, weights, accumulate)
