"""A job: what a contestant runs again and again, and the clock that times it.

Workers of every interpreter load this file, so it needs the standard library and
NumPy alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from time import perf_counter
from typing import Any

import numpy as np

LONG_SECONDS = 0.2  # a run that a disturbance of some milliseconds cannot make a slow one
SAMPLE_SECONDS = 2e-3  # a sample lasts so long that reading the clock costs nothing


@dataclass
class Job:
    """One contestant's way of doing the work of one row.

    Attributes
    ----------
    run : callable
        Does all of the work once.
    units : float
        How many steps, operations or FLOP that are; times are per unit.
    outputs : callable, optional
        Returns the latest results as NumPy arrays by name, in cnnlite's layout.
    has_own_clock : bool
        ``run`` returns the seconds that count, which are not all that it takes.
    """

    run: Callable[[], Any]
    units: float = 1
    outputs: Callable[[], dict[str, np.ndarray]] | None = None
    has_own_clock: bool = False


def aligned(a: np.ndarray) -> np.ndarray:
    """Copy an array to memory that starts at a multiple of 64 bytes, as a plan's do."""
    raw = np.empty(a.nbytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    copy = raw[start : start + a.nbytes].view(a.dtype).reshape(a.shape)
    copy[...] = a
    return copy


def empty(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    """Return an aligned output array, its pages already touched."""
    return aligned(np.zeros(shape, dtype))


def sample(job: Job, runs: int) -> float:
    """Return the seconds per unit of some runs."""
    run = job.run
    if job.has_own_clock:
        return sum(run() for _ in range(runs)) / (runs * job.units)
    start = perf_counter()
    for _ in repeat(None, runs):
        run()
    return (perf_counter() - start) / (runs * job.units)


def warm_up(job: Job, seconds: float) -> int:
    """Run for a while; return how many runs make a sample.

    The first runs record plans, touch memory, start threads and fill caches.
    """
    end = perf_counter() + seconds
    job.run()
    runs = 1
    while True:
        took = sample(job, runs) * runs * job.units
        if took >= SAMPLE_SECONDS and perf_counter() >= end:
            return runs
        if took < SAMPLE_SECONDS:
            runs *= 2


def fastest(ways: Sequence[Job]) -> Job:
    """Return the fastest of several ways to do the same, of which a user would take the best.

    The first run compiles; the least of three more decides, or one that is long.
    """

    def seconds(way: Job) -> float:
        way.run()
        least = sample(way, 1)
        again = 2 if least * way.units < LONG_SECONDS else 0
        return min([least, *(sample(way, 1) for _ in range(again))])

    return ways[0] if len(ways) == 1 else min(ways, key=seconds)


def turn(job: Job, runs: int, seconds: float) -> list[float]:
    """Return samples taken during about so many seconds, at least one.

    Others ran since this contestant's last turn: its caches are cold and its
    threads asleep.  A tenth of the time first makes up for that, uncounted.
    """
    start = perf_counter()
    while perf_counter() - start < seconds / 10:
        sample(job, runs)
    samples = []
    while not samples or perf_counter() - start < seconds:
        samples.append(sample(job, runs))
    return samples
