"""Optimizer steps: all parameters of a model in one call.

``weights``, ``gradients`` and the slots are sequences of arrays, the n-th of each of one
shape.  What changes from step to step stands in arrays, so that a recorded plan reads the
value of the day: ``rate`` (1,) float64, and ``iterations`` (1,) int64, the number t of the
step, 1 for the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable

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
    """One step of an optimizer; ``rule`` names its formula, see :data:`RULES`.

    Each gradient is scaled and clipped first, ``g = clip(scale g, -clip_value, clip_value)``,
    and its weight decays, ``w -= rate decay w``.

    weights : sequence of arrays, updated in place
    first, second, third : sequences of arrays, or None: the rule's slots, updated in place
    gradients : sequence of arrays
    scales : (count,) float64, or None: ones
    decays : (count,) float64, or None: zeros
    rate : (1,) float64
    iterations : (1,) int64
    """
    lr, t = float(rate[0]), int(iterations[0])
    settings = {
        "rate": lr, "t": t, "momentum": momentum, "nesterov": nesterov, "rho": rho,
        "beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon,
    }  # fmt: skip
    for n, (w, g) in enumerate(zip(weights, gradients, strict=True)):
        if scales is not None:
            g = g * float(scales[n])
        if clip_value is not None:
            g = np.clip(g, -clip_value, clip_value)
        if decays is not None and decays[n]:
            w -= lr * float(decays[n]) * w
        slots = [None if slot is None else slot[n] for slot in (first, second, third)]
        RULES[rule](w, *slots, g, **settings)


# Each rule takes (w, first, second, third, g) and all settings.  Settings are numbers of
# Python, which count in the dtype of the arrays.


def _sgd(w, v, _b, _c, g, *, rate, momentum, nesterov, **_):
    """``v = momentum v - rate g``, ``w += v``; Nesterov's ``w += momentum v - rate g``.

    Without first: ``w -= rate g``.
    """
    if v is None:
        w -= rate * g
        return
    v[...] = momentum * v - rate * g
    w += momentum * v - rate * g if nesterov else v


def _rmsprop(w, v, m, a, g, *, rate, momentum, rho, epsilon, **_):
    """``v = rho v + (1 - rho) g^2``, ``d = rate g / sqrt(v + epsilon)`` (Tieleman, Hinton 2012).

    With second, ``m = momentum m + d`` and ``w -= m``, else ``w -= d``.  With third,
    ``a = rho a + (1 - rho) g`` and ``v - a^2``, the variance, stands for v in the root; it is
    cut off at 0, for rounding may make it negative.
    """
    v[...] = rho * v + (1 - rho) * (g * g)
    spread = v
    if a is not None:
        a[...] = rho * a + (1 - rho) * g
        spread = np.maximum(v - a * a, 0)
    step = rate * g / np.sqrt(spread + epsilon)
    if m is not None:
        m[...] = momentum * m + step
        step = m
    w -= step


def _adagrad(w, a, _b, _c, g, *, rate, epsilon, **_):
    """``a += g^2``, ``w -= rate g / sqrt(a + epsilon)`` (Duchi, Hazan, Singer 2011)."""
    a += g * g
    w -= rate * g / np.sqrt(a + epsilon)


def _adadelta(w, a, b, _c, g, *, rate, rho, epsilon, **_):
    """``a = rho a + (1 - rho) g^2``, ``d = sqrt(b + epsilon) / sqrt(a + epsilon) g``,
    ``b = rho b + (1 - rho) d^2``, ``w -= rate d`` (Zeiler 2012).
    """
    a[...] = rho * a + (1 - rho) * (g * g)
    d = np.sqrt(b + epsilon) * g / np.sqrt(a + epsilon)
    b[...] = rho * b + (1 - rho) * (d * d)
    w -= rate * d


def _adam(w, m, v, peak, g, *, rate, t, beta_1, beta_2, epsilon, **_):
    """``m += (1 - beta_1)(g - m)``, ``v += (1 - beta_2)(g^2 - v)``,
    ``w -= rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)``.

    Kingma and Ba 2015, in Keras's form with epsilon outside of the root.  With third
    (AMSGrad, Reddi et al. 2018), ``peak = max(peak, v)`` stands for v in the step.
    """
    step = rate * math.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    m += (1 - beta_1) * (g - m)
    v += (1 - beta_2) * (g * g - v)
    if peak is not None:
        np.maximum(peak, v, out=peak)
        v = peak
    w -= step * m / (np.sqrt(v) + epsilon)


def _adamax(w, m, u, _c, g, *, rate, t, beta_1, beta_2, epsilon, **_):
    """``m += (1 - beta_1)(g - m)``, ``u = max(beta_2 u, |g|)``,
    ``w -= rate / (1 - beta_1^t) m / (u + epsilon)`` (Kingma and Ba 2015, section 7.1).
    """
    m += (1 - beta_1) * (g - m)
    np.maximum(beta_2 * u, np.abs(g), out=u)
    w -= rate / (1 - beta_1**t) * m / (u + epsilon)


def _nadam(w, m, v, _c, g, *, rate, t, beta_1, beta_2, epsilon, **_):
    """Adam with Nesterov's momentum (Dozat 2016), whose momentum warms up.

    With ``mu_i = beta_1 (1 - 0.96^i / 2)`` and ``p = mu_1 ... mu_t``, m and v as in Adam,
    ``w -= rate (mu_(t+1) m / (1 - p mu_(t+1)) + (1 - mu_t) g / (1 - p))
    / (sqrt(v / (1 - beta_2^t)) + epsilon)``.
    """
    # 0.96^1000 is less than the roundoff of 1.
    p = beta_1**t * float(np.prod(1 - 0.96 ** np.arange(1, min(t, 1000) + 1) / 2))
    now, after = (beta_1 * (1 - 0.96**i / 2) for i in (t, t + 1))
    m += (1 - beta_1) * (g - m)
    v += (1 - beta_2) * (g * g - v)
    ahead = after / (1 - p * after) * m + (1 - now) / (1 - p) * g
    w -= rate * ahead / (np.sqrt(1 / (1 - beta_2**t) * v) + epsilon)


def _lion(w, m, _b, _c, g, *, rate, beta_1, beta_2, **_):
    """``w -= rate sign(beta_1 m + (1 - beta_1) g)``, ``m = beta_2 m + (1 - beta_2) g``.

    Chen et al. 2023; sign(0) is 0.
    """
    w -= rate * np.sign(beta_1 * m + (1 - beta_1) * g)
    m[...] = beta_2 * m + (1 - beta_2) * g


RULES: dict[str, Callable[..., None]] = {
    "sgd": _sgd,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "adam": _adam,
    "adamax": _adamax,
    "nadam": _nadam,
    "lion": _lion,
}


def clip_scales(scales, gradients, *, clip_norm, together=False):
    """Factors that bring gradients to norms of at most ``clip_norm``.

    ``clip_norm / max(norm, clip_norm)``, each gradient by its own norm or, ``together``, all
    by the norm of all, and then NaN where that is infinite.

    scales : (count,) float64, output
    gradients : sequence of arrays
    """
    squares = np.array([np.square(g.astype(np.float64)).sum() for g in gradients])
    norms = np.sqrt(squares.sum() if together else squares)
    scales[...] = clip_norm / np.maximum(norms, clip_norm)
    if together and not np.isfinite(norms):
        scales[...] = np.nan


def average_update(averages, weights, iterations, *, momentum, overwrite_frequency=None):
    """Moving averages of weights: ``average = momentum average + (1 - momentum) w``.

    In the first step ``average = w``.  Every ``overwrite_frequency`` steps the weights
    become their averages.

    averages : sequence of arrays, updated in place
    weights : sequence of arrays, updated in place in the steps that overwrite
    iterations : (1,) int64, t: 1 in the first step
    """
    t = int(iterations[0])
    for average, w in zip(averages, weights, strict=True):
        if t == 1:
            average[...] = w
        else:
            average[...] = momentum * average + (1 - momentum) * w
        if overwrite_frequency is not None and t % overwrite_frequency == 0:
            w[...] = average
