"""Batch, layer and local response normalization.  Sums are taken in float64."""

from __future__ import annotations

import numpy as np

# What Keras adds to the number of rows when a mask chooses them.
MASK_EPSILON = 1e-7


def _write(out, value, accumulate):
    if out is None:
        return
    if accumulate:
        out += value.astype(out.dtype)
    else:
        out[...] = value


def _count(rows, mask):
    return float(rows) if mask is None else np.count_nonzero(mask) + MASK_EPSILON


def batchnorm_forward(y, mean, variance, x, gamma, beta, mask, *, epsilon, activation=None):
    """Normalize every column: ``y = (x - mean) / sqrt(variance + epsilon) gamma + beta``.

    mean and (population) variance are those of the rows that the mask chooses; of no rows
    both are 0.  With a mask, sums are divided by the number of rows plus 1e-7, as in Keras.
    Source: Ioffe and Szegedy 2015, algorithm 1.

    y : (rows, C), output
    mean, variance : (C,), outputs, the batch's
    x : (rows, C)
    gamma, beta : (C,) or None: ones, zeros
    mask : (rows,) uint8 or None: all rows count
    activation : None or "relu", of what is normalized
    """
    chosen = x.astype(np.float64)
    if mask is not None:
        chosen = chosen[mask != 0]
    count = _count(len(x), mask)
    m = chosen.sum(axis=0) / max(count, MASK_EPSILON)
    mean[...] = m
    variance[...] = np.square(chosen - m).sum(axis=0) / max(count, MASK_EPSILON)
    batchnorm_inference(y, x, mean, variance, gamma, beta, epsilon=epsilon, activation=activation)


def batchnorm_inference(y, x, mean, variance, gamma, beta, *, epsilon, activation=None):
    """Normalize every column by statistics that are given.

    y : (rows, C), output; may alias x
    x : (rows, C)
    mean, variance : (C,)
    gamma, beta : (C,) or None: ones, zeros
    activation : None or "relu", of what is normalized
    """
    scale = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    if gamma is not None:
        scale = scale * gamma
    y[...] = (x - mean) * scale
    if beta is not None:
        y += beta
    if activation == "relu":
        np.maximum(y, 0, out=y)


def batchnorm_backward(
    dx,
    dgamma,
    dbeta,
    dy,
    x,
    mean,
    variance,
    gamma,
    beta,
    mask,
    *,
    epsilon,
    activation=None,
    fixed=False,
    accumulate=False,
):
    """Gradients of batch normalization.

    With ``r = 1 / sqrt(variance + epsilon)``, ``n = (x - mean) r`` and N the number of rows
    that count: ``dbeta = sum dy``, ``dgamma = sum dy n`` and, derived here,

        ``dx = gamma r (dy - dbeta / N - n dgamma / N)``,

    the last two terms in rows that count alone.  With ``fixed``, mean and variance are
    constants and those terms are left out: ``dx = gamma r dy``.

    dx : (rows, C), output, or None
    dgamma, dbeta : (C,), outputs, or None
    dy, x : (rows, C)
    mean, variance : (C,), of the forward pass
    gamma : (C,) or None: ones
    beta : (C,) or None: zeros; read where there is an activation
    mask : (rows,) uint8 or None
    activation : None or "relu": that of the forward pass, whose output is computed anew
    """
    if activation == "relu":
        y = np.empty_like(x)
        batchnorm_inference(y, x, mean, variance, gamma, beta, epsilon=epsilon)
        dy = np.where(y > 0, dy, y * 0)
    wide, off = dy.astype(np.float64), x.astype(np.float64) - mean
    inverse = 1 / np.sqrt(variance.astype(np.float64) + epsilon)
    sums, products = wide.sum(axis=0), (wide * off).sum(axis=0)
    if dx is not None:
        count = max(_count(len(x), mask), MASK_EPSILON)
        gradient = wide
        if not fixed:
            back = sums / count + off * (inverse * inverse * products / count)
            gradient = wide - (back if mask is None else np.where(mask[:, None], back, 0))
        scale = inverse if gamma is None else inverse * gamma
        _write(dx, gradient * scale, accumulate)
    _write(dgamma, products * inverse, accumulate)
    _write(dbeta, sums, accumulate)


def batchnorm_update(moving_mean, moving_variance, mean, variance, *, momentum):
    """Move running statistics: ``moving = momentum moving + (1 - momentum) batch``.

    moving_mean, moving_variance : (C,), updated
    mean, variance : (C,), the batch's
    """
    for moving, batch in ((moving_mean, mean), (moving_variance, variance)):
        moving[...] = moving * moving.dtype.type(momentum) + batch * batch.dtype.type(1 - momentum)


def _row_moments(x):
    wide = x.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return wide.mean(axis=1, keepdims=True), wide.var(axis=1, keepdims=True)


def layernorm_forward(y, mean, inverse, x, gamma, beta, *, epsilon, rms_scaling=False):
    """Normalize every row: ``y = (x - mean) / sqrt(variance + epsilon) gamma + beta``.

    Source: Ba, Kiros and Hinton 2016.  With ``rms_scaling`` the mean is not subtracted from
    x, only from what the variance is taken of, as Keras has it: ``y = x inverse gamma``.

    y : (rows, K), output
    mean, inverse : (rows,), outputs: the row's mean and ``1 / sqrt(variance + epsilon)``
    x : (rows, K), K > 0
    gamma, beta : (K,) or None: ones, zeros
    """
    m, variance = _row_moments(x)
    r = 1 / np.sqrt(variance + epsilon)
    mean[...], inverse[...] = m[:, 0], r[:, 0]
    normalized = (x if rms_scaling else x - m) * r
    if gamma is not None:
        normalized = normalized * gamma
    y[...] = normalized if beta is None else normalized + beta


def layernorm_backward(
    dx, dgamma, dbeta, dy, x, mean, inverse, gamma, *, rms_scaling=False, accumulate=False
):
    """Gradients of layer normalization.

    With ``n = (x - mean) inverse``, ``g = dy gamma`` and means over the row, derived here:
    ``dbeta = sum dy``, ``dgamma = sum dy n`` over the rows and

        ``dx = inverse (g - mean(g) - n mean(g n))``.

    With ``rms_scaling``, where ``y = x inverse gamma``: ``dgamma = sum dy x inverse`` and
    ``dx = inverse (g - n inverse mean(g x))``.

    dx : (rows, K), output, or None
    dgamma, dbeta : (K,), outputs, or None
    dy, x : (rows, K)
    mean, inverse : (rows,), from the forward pass
    gamma : (K,) or None: ones
    """
    wide = dy.astype(np.float64)
    m, r = (a.astype(np.float64)[:, None] for a in (mean, inverse))
    n = (x - m) * r
    scaled = x * r if rms_scaling else n
    if dx is not None:
        g = wide if gamma is None else wide * gamma
        with np.errstate(invalid="ignore"):
            gradient = g - n * (g * scaled).mean(axis=1, keepdims=True)
            if not rms_scaling:
                gradient = gradient - g.mean(axis=1, keepdims=True)
        _write(dx, r * gradient, accumulate)
    _write(dgamma, (wide * scaled).sum(axis=0), accumulate)
    _write(dbeta, wide.sum(axis=0), accumulate)


def _window_sums(a, radius):
    """Return, for every column, the sum of the columns up to ``radius`` away."""
    padded = np.pad(a, ((0, 0), (radius, radius)))
    return sum(padded[:, i : i + a.shape[1]] for i in range(2 * radius + 1))


def lrn_forward(y, x, *, radius, k, alpha, beta):
    """Local response normalization: ``y_i = x_i / (k + alpha sum_j x_j^2)^beta``.

    The sum goes over the columns j with ``|i - j| <= radius``.
    Source: Krizhevsky, Sutskever and Hinton 2012, section 3.3; alpha not divided by n.

    y : (rows, C), output
    x : (rows, C)
    """
    y[...] = x * (k + alpha * _window_sums(x * x, radius)) ** -beta


def lrn_backward(dx, dy, x, *, radius, k, alpha, beta, accumulate=False):
    """Gradient of local response normalization, derived here.

    With ``d = k + alpha sum x^2``:
    ``dx_i = dy_i d_i^-beta - 2 alpha beta x_i sum_j dy_j x_j d_j^(-beta - 1)``.

    dx : (rows, C), output
    dy, x : (rows, C)
    """
    d = k + alpha * _window_sums(x * x, radius)
    back = _window_sums(dy * x * d ** (-beta - 1), radius)
    _write(dx, dy * d**-beta - 2 * alpha * beta * x * back, accumulate)
