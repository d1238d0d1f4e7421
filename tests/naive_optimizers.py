"""Optimizer steps as plain loops, from the formulas of their papers; see tests/naive.py."""

from __future__ import annotations

import math

import numpy as np


def update(
    weights,
    first,
    second,
    third,
    gradients,
    scales,
    decays,
    rate,
    iterations,
    *,
    rule,
    clip_value=None,
    momentum=0.0,
    nesterov=False,
    rho=0.0,
    beta_1=0.0,
    beta_2=0.0,
    epsilon=0.0,
):
    lr, t = float(rate[0]), int(iterations[0])
    for n, (w, g) in enumerate(zip(weights, gradients, strict=True)):
        slots = [slot[n] for slot in (first, second, third) if slot is not None]
        for i in np.ndindex(w.shape):
            x = float(w[i])
            if decays is not None:
                x = x - lr * float(decays[n]) * x
            d = float(g[i]) * (1.0 if scales is None else float(scales[n]))
            if clip_value is not None:
                d = max(-clip_value, min(clip_value, d))
            s = [float(slot[i]) for slot in slots]
            if rule == "sgd":
                step = -lr * d
                if s:
                    s[0] = momentum * s[0] - lr * d
                    step = momentum * s[0] - lr * d if nesterov else s[0]
            elif rule == "rmsprop":
                s[0] = rho * s[0] + (1 - rho) * d**2
                mean = 0.0
                if third is not None:
                    s[-1] = rho * s[-1] + (1 - rho) * d
                    mean = s[-1]
                step = -lr * d / math.sqrt(max(s[0] - mean**2, 0) + epsilon)
                if second is not None:
                    s[1] = momentum * s[1] - step
                    step = -s[1]
            elif rule == "adagrad":
                s[0] = s[0] + d**2
                step = -lr * d / math.sqrt(s[0] + epsilon)
            elif rule == "adadelta":
                s[0] = rho * s[0] + (1 - rho) * d**2
                delta = -math.sqrt(s[1] + epsilon) / math.sqrt(s[0] + epsilon) * d
                s[1] = rho * s[1] + (1 - rho) * delta**2
                step = lr * delta
            elif rule == "lion":
                c = beta_1 * s[0] + (1 - beta_1) * d
                step = -lr * ((c > 0) - (c < 0))
                s[0] = beta_2 * s[0] + (1 - beta_2) * d
            else:
                s[0] = beta_1 * s[0] + (1 - beta_1) * d
                if rule == "adamax":
                    s[1] = max(beta_2 * s[1], abs(d))
                    step = -lr / (1 - beta_1**t) * s[0] / (s[1] + epsilon)
                else:
                    s[1] = beta_2 * s[1] + (1 - beta_2) * d**2
                    if third is not None:
                        s[2] = max(s[2], s[1])
                    step = -_adam_step(rule, d, s[0], s[-1], lr, t, beta_1, beta_2, epsilon)
            w[i] = x + step
            for slot, value in zip(slots, s, strict=True):
                slot[i] = value


def _adam_step(rule, g, m, v, lr, t, beta_1, beta_2, epsilon):
    if rule == "adam":
        return lr * math.sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (math.sqrt(v) + epsilon)
    mu = [beta_1 * (1 - 0.5 * 0.96**i) for i in range(1, t + 2)]  # mu_1 ... mu_(t+1)
    product = math.prod(mu[:t])
    m_hat = mu[t] * m / (1 - product * mu[t]) + (1 - mu[t - 1]) * g / (1 - product)
    return lr * m_hat / (math.sqrt(v / (1 - beta_2**t)) + epsilon)


def clip_scales(scales, gradients, *, clip_norm, together=False):
    squares = [sum(float(x) ** 2 for x in g.flat) for g in gradients]
    for n, square in enumerate(squares):
        norm = math.sqrt(sum(squares) if together else square)
        scales[n] = clip_norm / norm if norm > clip_norm else 1.0


def average_update(averages, weights, iterations, *, momentum, overwrite_frequency=None):
    t = int(iterations[0])
    for average, w in zip(averages, weights, strict=True):
        for i in np.ndindex(w.shape):
            keep = 0.0 if t == 1 else momentum
            average[i] = keep * float(average[i]) + (1 - keep) * float(w[i])
            if overwrite_frequency is not None and t % overwrite_frequency == 0:
                w[i] = average[i]
