"""Losses: one value per row, and the gradient of their weighted batch mean.

A forward kernel gives the loss of each row.  The model's loss is their mean
``sum_r weights_r loss_r / rows`` (Keras's ``sum_over_batch_size``), so each
backward kernel carries the factor ``weights_r / rows``; weights of None are
ones.  A label outside 0..K-1 gives NaN: loud, and free of out-of-bounds reads.

A loss from probabilities clips them to [EPSILON, 1 - EPSILON] first; outside
that interval its gradient is 0, as the derivative of the clip says.  NaN in a
probability or a target passes through the clip.
"""

from __future__ import annotations

import numpy as np

EPSILON = 1e-7  # Keras's backend epsilon


def _store(dx, gradient, weights, accumulate):
    """Write or add ``gradient`` (rows, K), scaled to the batch mean."""
    scale = np.asarray(1 / max(len(gradient), 1), dtype=dx.dtype)
    gradient = gradient * (scale if weights is None else (weights * scale)[:, None])
    if accumulate:
        dx += gradient
    else:
        dx[...] = gradient


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
    _store(dx, p * total - target, weights, accumulate)


def sparse_softmax_crossentropy_forward(loss, p, x, labels):
    """Softmax and cross-entropy of logits against class numbers.

    ``p = softmax(x)``, ``loss = log sum_j exp x_j - x_label``.

    loss : (rows,), output
    p : (rows, K), output, kept for the backward pass
    x : (rows, K) logits
    labels : (rows,) int32
    """
    softmax_crossentropy_forward(loss, p, x, _one_hot(labels, x))


def sparse_softmax_crossentropy_backward(dx, p, labels, weights, *, accumulate=False):
    """Gradient to the logits: ``(p - one_hot(label)) weights / rows``.

    dx : (rows, K), output; may alias p (unless ``accumulate``)
    p : (rows, K)
    labels : (rows,) int32
    weights : (rows,) or None
    """
    _store(dx, p - _one_hot(labels, p), weights, accumulate)


def categorical_crossentropy_forward(loss, p, target):
    """Cross-entropy of probabilities: ``loss = -sum_k target_k log clip(p_k)``.

    loss : (rows,), output
    p, target : (rows, K)
    """
    clipped = np.clip(p, EPSILON, 1 - EPSILON)
    loss[...] = -(target * np.log(clipped)).sum(axis=1)


def categorical_crossentropy_backward(dp, p, target, weights, *, accumulate=False):
    """Gradient to the probabilities: ``-target / p weights / rows`` inside the clip.

    dp : (rows, K), output
    p, target : (rows, K)
    weights : (rows,) or None
    """
    clipped = np.clip(p, EPSILON, 1 - EPSILON)
    _store(dp, np.where(clipped != p, (p + target) * 0, -target / clipped), weights, accumulate)


def sparse_categorical_crossentropy_forward(loss, p, labels):
    """Cross-entropy of probabilities against class numbers: ``-log clip(p_label)``.

    loss : (rows,), output
    p : (rows, K)
    labels : (rows,) int32
    """
    categorical_crossentropy_forward(loss, p, _one_hot(labels, p))


def sparse_categorical_crossentropy_backward(dp, p, labels, weights, *, accumulate=False):
    """Gradient to the probabilities: ``-1 / p_label weights / rows`` at the label.

    dp : (rows, K), output
    p : (rows, K)
    labels : (rows,) int32
    weights : (rows,) or None
    """
    categorical_crossentropy_backward(dp, p, _one_hot(labels, p), weights, accumulate=accumulate)


def sigmoid_crossentropy_forward(loss, x, target):
    """Binary cross-entropy of logits, mean over the last axis.

    ``max(x, 0) - x t + log(1 + e^-|x|)`` averaged over the row.

    loss : (rows,), output
    x, target : (rows, K)
    """
    each = np.maximum(x, 0) - x * target + np.log1p(np.exp(-np.abs(x)))
    loss[...] = each.mean(axis=1)


def sigmoid_crossentropy_backward(dx, x, target, weights, *, accumulate=False):
    """Gradient to the logits: ``(sigmoid(x) - t) / K weights / rows``.

    dx : (rows, K), output; may alias x (unless ``accumulate``)
    x, target : (rows, K)
    weights : (rows,) or None
    """
    e = np.exp(-np.abs(x))
    sigmoid = np.where(x >= 0, 1, e) / (1 + e)
    _store(dx, (sigmoid - target) / x.shape[1], weights, accumulate)


def binary_crossentropy_forward(loss, p, target):
    """Binary cross-entropy of probabilities, mean over the last axis.

    ``-(t log p + (1 - t) log(1 - p))`` of the clipped p, averaged over the row.

    loss : (rows,), output
    p, target : (rows, K)
    """
    q = np.clip(p, EPSILON, 1 - EPSILON)
    loss[...] = -(target * np.log(q) + (1 - target) * np.log1p(-q)).mean(axis=1)


def binary_crossentropy_backward(dp, p, target, weights, *, accumulate=False):
    """Gradient to the probabilities: ``(p - t) / (p (1 - p)) / K weights / rows``.

    dp : (rows, K), output
    p, target : (rows, K)
    weights : (rows,) or None
    """
    q = np.clip(p, EPSILON, 1 - EPSILON)
    inside = (q - target) / (q * (1 - q)) / p.shape[1]
    _store(dp, np.where(q != p, (p + target) * 0, inside), weights, accumulate)


def mean_squared_error_forward(loss, x, target):
    """Mean over the last axis of ``(x - t)^2``.

    loss : (rows,), output
    x, target : (rows, K)
    """
    loss[...] = np.square(x - target).mean(axis=1)


def mean_squared_error_backward(dx, x, target, weights, *, accumulate=False):
    """Gradient: ``2 (x - t) / K weights / rows``.

    dx : (rows, K), output; may alias x (unless ``accumulate``)
    x, target : (rows, K)
    weights : (rows,) or None
    """
    _store(dx, 2 * (x - target) / x.shape[1], weights, accumulate)


def loss_weights(y, weights, mask, *, reduction, scale):
    """What each row counts in a loss, so that the loss is ``sum_r y_r values_r / rows``.

    With ``v_r = weights_r mask_r``::

        y_r = scale v_r rows / sum mask     "sum_over_batch_size": a mean over the rows in use
        y_r = scale v_r rows / sum v        "mean_with_sample_weight"
        y_r = scale v_r rows                "sum"

    and 0 where the divisor is 0.  These are Keras's reductions (``apply_mask`` and
    ``reduce_values`` in keras/src/losses/loss.py).

    y : (rows,), output
    weights : (rows / n,) or None; each stands for n successive rows
    mask : (rows / m,) uint8 or None; 0 leaves m successive rows out
    """
    rows = len(y)
    used = np.ones(rows) if mask is None else _spread(mask != 0, rows)
    weights = used if weights is None else used * _spread(weights, rows)
    if reduction == "sum":
        factor = rows
    else:
        total = used.sum() if reduction == "sum_over_batch_size" else weights.sum()
        factor = 0 if total == 0 else rows / total
    y[...] = weights * (factor * scale)


def _spread(each, rows):
    """Return ``each`` repeated to ``rows`` numbers, in float64."""
    return np.repeat(each.astype(np.float64), rows // max(len(each), 1))
