"""Losses: one value per row, and the gradient of their weighted batch mean.

A forward kernel gives the loss of each row.  The model's loss is their mean
``sum_r weights_r loss_r / rows`` (Keras's ``sum_over_batch_size``), so each
backward kernel carries the factor ``weights_r / rows``; weights of None are
ones.  Cross-entropies over classes stand in :mod:`.crossentropy`.
"""

from __future__ import annotations

import numpy as np

EPSILON = 1e-7  # Keras's backend epsilon


def store_gradient(dx, gradient, weights, accumulate):
    """Write or add ``gradient`` (rows, K), scaled to the batch mean."""
    scale = np.asarray(1 / max(len(gradient), 1), dtype=dx.dtype)
    gradient = gradient * (scale if weights is None else (weights * scale)[:, None])
    if accumulate:
        dx += gradient
    else:
        dx[...] = gradient


def _clip(x, high):
    return np.clip(x, EPSILON, high)


def _where_clipped(x, clipped, inside):
    """Return ``inside`` where the clip left x alone; elsewhere 0, or NaN where that is NaN."""
    return np.where(clipped != x, clipped * 0, inside)


def _softplus(x):
    """Return ``log(1 + e^x)`` for x <= 0."""
    return np.log1p(np.exp(x))


def _logarithm(x):
    return np.log(np.maximum(x, EPSILON) + 1)


def _huber(x, t, delta):
    error = np.abs(x - t)
    return np.where(error <= delta, error * error / 2, delta * error - delta * delta / 2)


def _huber_slope(x, t, delta):
    error = x - t
    return np.where(np.abs(error) <= delta, error, delta * np.sign(error))


def _binary(p, t, _):
    q = _clip(p, 1 - EPSILON)
    return -(t * np.log(q) + (1 - t) * np.log1p(-q))


def _binary_slope(p, t, _):
    q = _clip(p, 1 - EPSILON)
    return _where_clipped(p, q, (q - t) / (q * (1 - q))) + t * 0


def _divergence(x, t, _):
    t = _clip(t, 1)
    return t * np.log(t / _clip(x, 1))


def _divergence_slope(x, t, _):
    p = _clip(x, 1)
    return _where_clipped(x, p, -_clip(t, 1) / p) + t * 0


def _sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def _logcosh(x, t, _):
    size = np.abs(x - t)
    return size + _softplus(-2 * size) - np.log(2)


def _hinge_slope(x, t, _):
    margin = 1 - t * x
    return np.where(margin > 0, -t, np.where(np.isnan(margin), margin, 0))


def _percentage_slope(x, t, _):
    return 100 * np.sign(x - t) / np.maximum(np.abs(t), EPSILON)


def _logarithmic_slope(x, t, _):
    m = np.maximum(x, EPSILON)
    return _where_clipped(x, m, 2 * (_logarithm(x) - _logarithm(t)) / (m + 1))


# The loss of an element and its derivative by x, of x, the target t and delta.
ELEMENTWISE = {
    "squared_error": (lambda x, t, _: np.square(x - t), lambda x, t, _: 2 * (x - t)),
    "absolute_error": (lambda x, t, _: np.abs(x - t), lambda x, t, _: np.sign(x - t)),
    "absolute_percentage_error": (
        lambda x, t, _: 100 * np.abs((t - x) / np.maximum(np.abs(t), EPSILON)),
        _percentage_slope,
    ),
    "squared_logarithmic_error": (
        lambda x, t, _: np.square(_logarithm(x) - _logarithm(t)),
        _logarithmic_slope,
    ),
    "huber": (_huber, _huber_slope),
    "log_cosh": (_logcosh, lambda x, t, _: np.tanh(x - t)),
    "hinge": (lambda x, t, _: np.maximum(1 - t * x, 0), _hinge_slope),
    "squared_hinge": (
        lambda x, t, _: np.square(np.maximum(1 - t * x, 0)),
        lambda x, t, _: -2 * t * np.maximum(1 - t * x, 0),
    ),
    "poisson": (
        lambda x, t, _: x - t * np.log(x + EPSILON),
        lambda x, t, _: 1 - t / (x + EPSILON),
    ),
    "kl_divergence": (_divergence, _divergence_slope),
    "binary_crossentropy": (_binary, _binary_slope),
    "sigmoid_crossentropy": (
        lambda x, t, _: np.maximum(x, 0) - x * t + _softplus(-np.abs(x)),
        lambda x, t, _: _sigmoid(x) - t,
    ),
}


def _terms(function, x):
    """The divisor of a row's sum: kl_divergence is a sum, the others are means."""
    return 1 if function == "kl_divergence" else x.shape[1]


def elementwise_loss_forward(loss, x, target, *, function, delta):
    """The mean over the row (for kl_divergence the sum) of a function of x and target.

    With ``e = x - t``, ``m = 1 - t x``, ``eps = 1e-7``::

        squared_error              e^2
        absolute_error             |e|
        absolute_percentage_error  100 |e| / max(|t|, eps)
        squared_logarithmic_error  (log(max(x, eps) + 1) - log(max(t, eps) + 1))^2
        huber                      e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2
        log_cosh                   log cosh e = |e| + log(1 + exp(-2 |e|)) - log 2
        hinge, squared_hinge       max(m, 0), max(m, 0)^2
        poisson                    x - t log(x + eps)
        kl_divergence              t' log(t' / x'), both clipped to [eps, 1]
        binary_crossentropy        -(t log p + (1 - t) log(1 - p)), p = x clipped to [eps, 1 - eps]
        sigmoid_crossentropy       max(x, 0) - x t + log(1 + exp(-|x|)): the same from logits

    loss : (rows,), output
    x, target : (rows, K)
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        each = ELEMENTWISE[function][0](x, target, delta)
        loss[...] = each.sum(axis=1) / _terms(function, x)


def elementwise_loss_backward(dx, x, target, weights, *, function, delta, accumulate=False):
    """Gradient to x: the function's derivative, over K, times ``weights / rows``.

    At a kink the derivative is 0 (hinge) or that of the inner side; where a clip cut x off
    it is 0.

    dx : (rows, K), output; may alias x (unless ``accumulate``)
    x, target : (rows, K)
    weights : (rows,) or None
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = ELEMENTWISE[function][1](x, target, delta)
    store_gradient(dx, slope / _terms(function, x), weights, accumulate)


def row_loss_forward(loss, x, target, *, function):
    """A loss of the whole row.

    ``categorical_hinge``: ``max(max_k (1 - t_k) x_k - sum_k t_k x_k + 1, 0)``;
    ``cosine_similarity``: ``-sum_k x_k t_k / (|x| |t|)``, where no norm counts less than 1e-7.

    loss : (rows,), output
    x, target : (rows, K), K >= 1
    """
    if function == "categorical_hinge":
        loss[...] = np.maximum(_category_margin(x, target)[0], 0)
    else:
        loss[...] = -(x * _inverse_norm(x) * target * _inverse_norm(target)).sum(axis=1)


def row_loss_backward(dx, x, target, weights, *, function, accumulate=False):
    """Gradient to x, times ``weights / rows``.

    ``categorical_hinge``: where the margin is positive, ``-t_k``, and ``1 - t_k`` more at the
    (first) maximum.  ``cosine_similarity``: with ``c = x^ . t^`` for the unit vectors,
    ``-(t^ - c x^) / |x|``; without c where the norm was raised to 1e-7.

    dx : (rows, K), output
    x, target : (rows, K), K >= 1
    weights : (rows,) or None
    """
    if function == "categorical_hinge":
        margin, best = _category_margin(x, target)
        at_best = np.arange(x.shape[1]) == best[:, None]
        slope = np.where(margin[:, None] > 0, at_best * (1 - target) - target, 0)
        slope = np.where(np.isnan(margin[:, None]), np.nan, slope)
    else:
        inverse = _inverse_norm(x)
        unit, wanted = x * inverse, target * _inverse_norm(target)
        cosine = (unit * wanted).sum(axis=1, keepdims=True)
        cosine = np.where(inverse == 1 / EPSILON, 0, cosine)
        slope = -(wanted - cosine * unit) * inverse
    store_gradient(dx, slope, weights, accumulate)


def _category_margin(x, target):
    """Return ``max_k (1 - t_k) x_k - sum_k t_k x_k + 1`` and where the maximum is."""
    with np.errstate(invalid="ignore"):
        others = (1 - target) * x
        return others.max(axis=1) - (target * x).sum(axis=1) + 1, others.argmax(axis=1)


def _inverse_norm(x):
    with np.errstate(divide="ignore"):
        return np.minimum(1 / np.sqrt(np.square(x).sum(axis=1, keepdims=True)), 1 / EPSILON)


def map_targets(y, target, *, scale, shift, only_binary):
    """``y = scale target + shift``: smoothed labels, and the signs that a hinge takes.

    y : (n,), output; may alias target
    target : (n,)
    only_binary : y is target unchanged, unless all its elements are 0 or 1
    """
    if only_binary and not np.isin(target, (0, 1)).all():
        y[...] = target
    else:
        y[...] = scale * target + shift


def label_mask(y, labels, mask, *, ignore_class):
    """1 where the label counts: it is not ``ignore_class``, and the mask is not 0.

    y : (rows,) uint8, output
    labels : (rows,) int32
    mask : (rows,) uint8 or None
    """
    y[...] = (labels != ignore_class) & (True if mask is None else mask != 0)


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
