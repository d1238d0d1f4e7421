"""What the generators share: checked arguments and random numbers that never change."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnlite.errors import ShapeError
from cnnlite.random_state import next_seed
from cnnlite.shapes import is_int

__all__ = ["Points", "count_of", "generator", "noise_of", "shuffled"]

Points = tuple[NDArray[np.float32], NDArray[np.int32]]


def generator(seed: Any, where: str) -> np.random.RandomState:
    """Return a generator of random numbers for a seed; None takes the library's next.

    ``RandomState`` and not ``default_rng``: NumPy has frozen its numbers (NEP 19),
    so that a data set is the same with every version.
    """
    if seed is None:
        return np.random.RandomState(next_seed() % 2**32)
    if not is_int(seed) or not 0 <= seed < 2**32:
        raise ValueError(f"{where}: seed must be None or an integer in [0, 2^32). Got {seed!r}.")
    return np.random.RandomState(int(seed))


def count_of(value: Any, where: str, least: int = 0) -> int:
    """Return a checked number of points, steps or classes."""
    if not is_int(value) or value < least:
        raise ShapeError(f"{where} must be an integer, {least} or more. Got {value!r}.")
    return int(value)


def noise_of(value: Any, where: str) -> float:
    """Return a checked standard deviation."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not 0 <= value < math.inf:
        raise ValueError(
            f"{where}: noise is a standard deviation: a finite number, 0 or more. Got {value!r}."
        )
    return float(value)


def shuffled(
    points: NDArray[np.float64], labels: NDArray[np.intp], noise: float, rng: np.random.RandomState
) -> Points:
    """Return the points, each moved by normal noise, and their labels in random order."""
    moved = points + noise * rng.standard_normal(points.shape)
    order = rng.permutation(len(points))
    return moved[order].astype(np.float32), labels[order].astype(np.int32)
