"""The machine itself: what FMA units and memory can do, whoever uses them."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.job import Job
from cnnlite.kernels import threads
from cnnlite.kernels.native import dispatch, probe

FMA_ROUNDS = 5000  # with 4 tiles a thread, under a millisecond
TRIAD_FLOATS = 1 << 24  # three arrays of 64 MiB: more than any cache of a few cores


def about() -> dict[str, Any]:
    return {"levels": dispatch.levels()}


def prepare(work: dict[str, Any], arrays: dict[str, np.ndarray]) -> Job:
    """Return a job whose unit is one FLOP or one byte: a rate is 1 / seconds."""
    if work["kind"] == "fma":
        return _fma(work["level"] or dispatch.levels()[-1])
    a, b, c = (np.ones(TRIAD_FLOATS, np.float32) for _ in range(3))
    return Job(lambda: probe.triad(a, b, c, 0.5), units=12 * TRIAD_FLOATS)


def _fma(level: str) -> Job:
    dispatch.set_level(level)
    tiles = 4 * threads.get_num_threads()
    flops = probe.fma(tiles, FMA_ROUNDS)
    return Job(lambda: probe.fma(tiles, FMA_ROUNDS), units=flops)
