"""Optimizer steps: all parameters of a model in one call.

``weights``, ``gradients`` and the slots are sequences of arrays, the n-th of
each of one shape.  The learning rate stands in an array, so a recorded plan
reads the value of the day: rate : (1,) float64.
"""

from __future__ import annotations

import numpy as np


def sgd_update(weights, velocities, gradients, rate, *, momentum=0.0, nesterov=False):
    """Gradient descent: ``v = momentum v - rate g``, ``w += v``.

    With ``nesterov``: ``w += momentum v - rate g`` of the new v.  Without
    momentum ``velocities`` is None: ``w -= rate g``.

    weights, velocities : sequences of arrays, updated in place
    gradients : sequence of arrays
    """
    for n, (w, g) in enumerate(zip(weights, gradients, strict=True)):
        lr, mu = w.dtype.type(rate[0]), w.dtype.type(momentum)
        if velocities is None:
            w -= lr * g
            continue
        v = velocities[n]
        v[...] = mu * v - lr * g
        w += mu * v - lr * g if nesterov else v


def adam_update(
    weights, moments, variances, gradients, rate, iterations, *, beta_1, beta_2, epsilon
):
    """Adam (Kingma and Ba 2015), in Keras's form with epsilon outside the root.

    ``m += (1 - beta_1)(g - m)``, ``v += (1 - beta_2)(g^2 - v)``,
    ``w -= rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)``.

    weights, moments, variances : sequences of arrays, updated in place
    gradients : sequence of arrays
    iterations : (1,) int64, t: 1 in the first step
    """
    t = float(iterations[0])
    step = rate[0] * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    for w, m, v, g in zip(weights, moments, variances, gradients, strict=True):
        dtype = w.dtype.type
        m += dtype(1 - beta_1) * (g - m)
        v += dtype(1 - beta_2) * (g * g - v)
        w -= dtype(step) * m / (np.sqrt(v) + dtype(epsilon))
