"""The machine's limits: what its multiply-add units and its memory can do, whoever uses them."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite.kernels import threads
from cnnlite.kernels.native import dispatch, probe  # type: ignore[attr-defined]
from cnnlite.ladder.job import Job

FMA_ROUNDS = 5000  # with 4 tiles a thread, under a millisecond
TRIAD_FLOATS = 1 << 24  # three arrays of 64 MiB: more than the caches of a few cores hold
TRIAD_BYTES = 12 * TRIAD_FLOATS


def about() -> dict[str, Any]:
    """Return versions and settings."""
    return {"levels": dispatch.levels()}


def prepare(name: str, shape: dict[str, int], arrays: Any, options: dict[str, Any]) -> Job:
    """Return the job of a probe, whose work is one FLOP or one byte: a rate is 1 / seconds.

    Parameters
    ----------
    name, shape, arrays :
        Not used: the machine's limits are the same for all operations.
    options : dict
        ``threads``; ``level``: the SIMD level whose multiply-adds are counted, or None for
        the bandwidth.
    """

    def settings() -> None:
        threads.set_num_threads(options["threads"])
        dispatch.set_level(options["level"] or dispatch.levels()[-1])

    settings()
    if options["level"] is None:
        a, b, c = (np.ones(TRIAD_FLOATS, np.float32) for _ in range(3))
        work, run = float(TRIAD_BYTES), lambda: probe.triad(a, b, c, 0.5)
    else:
        tiles = 4 * options["threads"]
        work, run = probe.fma(tiles, FMA_ROUNDS), lambda: probe.fma(tiles, FMA_ROUNDS)
    return Job(run, result=lambda: np.zeros(0), fraction=work, before=settings)
