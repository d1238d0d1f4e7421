"""Gradients against central differences, in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

STEP = 1e-5  # error of a central difference: about STEP^2 by truncation, 1e-16 / STEP by rounding
TOLERANCE = 1e-6  # of |a - n| / (|a| + |n|), by the norms of whole tensors


def central_difference(value: Callable[[], float], array: np.ndarray) -> np.ndarray:
    """Return the gradient of ``value()`` to ``array``, which it reads; the array is restored."""
    gradient = np.empty_like(array)
    flat, result = array.reshape(-1), gradient.reshape(-1)
    assert np.shares_memory(flat, array)
    for i, x in enumerate(flat.copy()):
        flat[i] = x + STEP
        above = value()
        flat[i] = x - STEP
        below = value()
        flat[i] = x
        result[i] = (above - below) / (2 * STEP)
    return gradient


def assert_gradient(analytic: np.ndarray, numeric: np.ndarray, what: str) -> None:
    """Raise unless two gradients agree by norm; both must be finite and not all zeros."""
    assert analytic.shape == numeric.shape and analytic.dtype == np.float64, what
    assert np.isfinite(analytic).all() and np.isfinite(numeric).all(), what
    size = np.linalg.norm(analytic) + np.linalg.norm(numeric)
    assert size > 1e-3, f"{what}: a gradient of zeros shows nothing"
    error = np.linalg.norm(analytic - numeric) / size
    assert error < TOLERANCE, f"{what}: {error:.2e}\n{analytic}\n{numeric}"
