"""A job: what a rung runs again and again, how it is checked, and the clock that times it.

Needs the standard library and NumPy alone: children of every interpreter load it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat
from time import perf_counter
from typing import Any

import numpy as np

__all__ = ["Job", "Unavailable", "aligned", "check", "empty", "turn", "warm_up"]

SAMPLE_SECONDS = 2e-3  # a sample lasts so long that reading the clock costs nothing
CHECKED = 1 << 20  # numbers at a time


class Unavailable(Exception):
    """A rung cannot run here; the message says why."""


def _all(array: np.ndarray) -> np.ndarray:
    return array


def _nothing() -> None:
    return None


@dataclass
class Job:
    """One rung's way of doing the work.

    Attributes
    ----------
    run : callable
        Does the work once.
    result : callable
        Returns what the latest run computed.
    part : callable
        From the whole output, the part that ``result`` returns.
    fraction : float
        The share of the whole work that a run does; below 1, times are extrapolated.
    before : callable
        Called before each turn, uncounted (a SIMD level to be set).
    """

    run: Callable[[], Any]
    result: Callable[[], np.ndarray]
    part: Callable[[np.ndarray], np.ndarray] = _all
    fraction: float = 1.0
    before: Callable[[], Any] = _nothing


def aligned(a: np.ndarray) -> np.ndarray:
    """Copy an array to memory that starts at a multiple of 64 bytes.

    Examples
    --------
    >>> aligned(np.ones(3)).ctypes.data % 64
    0
    """
    raw = np.empty(a.nbytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    copy = raw[start : start + a.nbytes].view(a.dtype).reshape(a.shape)
    copy[...] = a
    return copy


def empty(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    """Return an aligned output, its pages touched; NaN, so that what is not written shows.

    Examples
    --------
    >>> empty(2)
    array([nan, nan], dtype=float32)
    """
    fill = np.nan if np.dtype(dtype).kind == "f" else 0
    return aligned(np.full(shape, fill, dtype))


def check(result: np.ndarray, expected: np.ndarray, tolerance: np.ndarray) -> dict[str, Any]:
    """Compare a result with the right one.

    Parameters
    ----------
    result : array
    expected : array, float64
        Of the same shape.
    tolerance : array
        Of the same shape, or one number.

    Returns
    -------
    dict
        ``right``: whether every number is within its tolerance; ``error``: the largest
        absolute error; ``of_tolerance``: the largest error as a share of its tolerance (None
        where the tolerance is 0).  An error that is no number counts as infinite.

    Examples
    --------
    >>> check(np.float32([1, 2]), np.float64([1, 2.5]), np.float64([1, 1]))
    {'right': True, 'error': 0.5, 'of_tolerance': 0.5}
    """
    if result.shape != expected.shape:
        raise ValueError(f"ladder: got a result {result.shape} where {expected.shape} is right")
    tolerance = np.broadcast_to(tolerance, expected.shape)
    right, error, share = True, 0.0, 0.0
    flat = [a.reshape(-1) if a.flags.c_contiguous else a.ravel() for a in (result, expected)]
    bounds = tolerance.ravel() if tolerance.ndim and any(tolerance.strides) else None
    for start in range(0, flat[0].size, CHECKED):
        some = slice(start, start + CHECKED)
        off = np.abs(flat[0][some].astype(np.float64) - flat[1][some])
        off = np.where(np.isnan(off), np.inf, off)
        allowed = tolerance.flat[0] if bounds is None else bounds[some]
        right = right and bool((off <= allowed).all())
        error = max(error, float(off.max()))
        if np.all(allowed > 0):
            share = max(share, float((off / allowed).max()))
    return {"right": right, "error": error, "of_tolerance": share if share or not error else None}


def sample(job: Job, runs: int) -> float:
    """Return the seconds that one run takes, from several, not extrapolated."""
    run = job.run
    start = perf_counter()
    for _ in repeat(None, runs):
        run()
    return (perf_counter() - start) / runs


def warm_up(job: Job, seconds: float) -> int:
    """Run for about so many seconds; return how many runs make a sample."""
    end = perf_counter() + seconds
    runs = 1
    while True:
        took = sample(job, runs) * runs
        if took >= SAMPLE_SECONDS and perf_counter() >= end:
            return runs
        if took < SAMPLE_SECONDS:
            runs *= 2


def turn(job: Job, runs: int, seconds: float) -> list[float]:
    """Return samples of the whole work's seconds, taken for about so long; at least one.

    Others ran since the last turn: the caches are cold, the threads asleep.  A first sample
    of at most a third of the time makes up for that, uncounted.
    """
    job.before()
    start = perf_counter()
    first = sample(job, 1)
    samples = [first] if first > seconds / 3 else []
    while not samples or perf_counter() - start < seconds:
        samples.append(sample(job, runs))
    return [s / job.fraction for s in samples]
