"""The plain loops (see tests/naive.py) of batch, layer and local response normalization."""

from __future__ import annotations

import math

import numpy as np

from tests.naive_numbers import exp, store


def entry(vector, i: int, default: float) -> float:
    return default if vector is None else float(vector[i])


def chosen(mask, rows: int) -> list[int]:
    return [r for r in range(rows) if mask is None or mask[r]]


def weight(mask, rows: int) -> float:
    """How many rows count; Keras adds its epsilon of 1e-7 where a mask chooses them."""
    return rows if mask is None else len(chosen(mask, rows)) + 1e-7


def batchnorm_forward(y, mean, variance, x, gamma, beta, mask, *, epsilon, activation=None):
    rows, columns = x.shape
    for c in range(columns):
        values = [float(x[r, c]) for r in chosen(mask, rows)]
        n = weight(mask, rows)
        mean[c] = math.fsum(values) / n if values else 0.0
        variance[c] = math.fsum((v - mean[c]) ** 2 for v in values) / n if values else 0.0
    batchnorm_inference(y, x, mean, variance, gamma, beta, epsilon=epsilon, activation=activation)


def batchnorm_inference(y, x, mean, variance, gamma, beta, *, epsilon, activation=None):
    for r, c in np.ndindex(x.shape):
        normalized = (float(x[r, c]) - mean[c]) / np.sqrt(variance[c] + epsilon)
        value = normalized * entry(gamma, c, 1.0) + entry(beta, c, 0.0)
        y[r, c] = 0.0 if activation == "relu" and value <= 0 else value


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
    rows, columns = x.shape
    n = weight(mask, rows)
    if activation == "relu":
        y = np.empty(x.shape)
        batchnorm_inference(y, x, mean, variance, gamma, beta, epsilon=epsilon)
        dy = np.where(y <= 0, 0.0, dy)
    for c in range(columns):
        root = np.sqrt(variance[c] + epsilon)
        normalized = [(float(x[r, c]) - mean[c]) / root for r in range(rows)]
        of_gamma = sum((dy[r, c] * normalized[r] for r in range(rows)), 0.0)
        of_beta = sum((float(dy[r, c]) for r in range(rows)), 0.0)
        if dgamma is not None:
            store(dgamma, c, of_gamma, accumulate)
        if dbeta is not None:
            store(dbeta, c, of_beta, accumulate)
        if dx is None:
            continue
        rows_that_count = () if fixed else chosen(mask, rows)
        for r in range(rows):
            gradient = float(dy[r, c])
            if r in rows_that_count:
                # d mean / dx = 1/n, d variance / dx = 2 (x - mean) / n
                gradient -= of_beta / n + normalized[r] * of_gamma / n
            store(dx, (r, c), entry(gamma, c, 1.0) / root * gradient, accumulate)


def batchnorm_update(moving_mean, moving_variance, mean, variance, *, momentum):
    for c in range(len(mean)):
        moving_mean[c] = momentum * moving_mean[c] + (1 - momentum) * mean[c]
        moving_variance[c] = momentum * moving_variance[c] + (1 - momentum) * variance[c]


def layernorm_forward(y, mean, inverse, x, gamma, beta, *, epsilon, rms_scaling=False):
    for r in range(len(x)):
        row = [float(v) for v in x[r]]
        mean[r] = sum(row) / len(row)
        inverse[r] = 1 / np.sqrt(sum((v - mean[r]) ** 2 for v in row) / len(row) + epsilon)
        for k, v in enumerate(row):
            normalized = (v if rms_scaling else v - mean[r]) * inverse[r]
            y[r, k] = normalized * entry(gamma, k, 1.0) + entry(beta, k, 0.0)


def layernorm_backward(
    dx, dgamma, dbeta, dy, x, mean, inverse, gamma, *, rms_scaling=False, accumulate=False
):
    rows, columns = x.shape
    centers = [0.0 if rms_scaling else float(mean[r]) for r in range(rows)]
    for k in range(columns):
        if dgamma is not None:
            each = (dy[r, k] * (float(x[r, k]) - centers[r]) * inverse[r] for r in range(rows))
            store(dgamma, k, sum(each, 0.0), accumulate)
        if dbeta is not None:
            store(dbeta, k, sum((float(dy[r, k]) for r in range(rows)), 0.0), accumulate)
    if dx is None:
        return
    for r in range(rows):
        g = [float(dy[r, k]) * entry(gamma, k, 1.0) for k in range(columns)]
        # y_j = (x_j - center) s; ds/dx_k = -s^3 (x_k - mean) / K; dcenter/dx_k = 1/K or 0
        s = float(inverse[r])
        of_s = sum(g[j] * (float(x[r, j]) - centers[r]) for j in range(columns))
        of_center = 0.0 if rms_scaling else -s * sum(g)
        for k in range(columns):
            slope = -(s**3) * (float(x[r, k]) - float(mean[r])) / columns
            store(dx, (r, k), g[k] * s + of_s * slope + of_center / columns, accumulate)


def window(i: int, radius: int, columns: int) -> range:
    return range(max(0, i - radius), min(columns - 1, i + radius) + 1)


def power(d: float, exponent: float) -> float:
    return math.nan if math.isnan(d) else exp(exponent * math.log(d)) if d != math.inf else 0.0


def base(x, r, i, radius, k, alpha) -> float:
    return k + alpha * sum(float(x[r, j]) ** 2 for j in window(i, radius, x.shape[1]))


def lrn_forward(y, x, *, radius, k, alpha, beta):
    for r, i in np.ndindex(x.shape):
        y[r, i] = x[r, i] * power(base(x, r, i, radius, k, alpha), -beta)


def lrn_backward(dx, dy, x, *, radius, k, alpha, beta, accumulate=False):
    for r, i in np.ndindex(x.shape):
        gradient = dy[r, i] * power(base(x, r, i, radius, k, alpha), -beta)
        for j in window(i, radius, x.shape[1]):
            # d y_j / d x_i = -beta x_j d_j^(-beta - 1) 2 alpha x_i
            d = base(x, r, j, radius, k, alpha)
            gradient -= dy[r, j] * beta * x[r, j] * power(d, -beta - 1) * 2 * alpha * x[r, i]
        store(dx, (r, i), gradient, accumulate)
