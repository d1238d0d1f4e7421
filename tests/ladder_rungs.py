"""Rungs that must not pass: one computes nearly the right numbers, one dies, one is missing."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from cnnlite.ladder import handwritten
from cnnlite.ladder.job import Job, Unavailable


def about() -> dict[str, Any]:
    return {}


def prepare(name: str, shape: Any, arrays: Any, options: dict[str, Any]) -> Job:
    if options["how"] == "unavailable":
        raise Unavailable("there is none")
    job = handwritten.prepare(name, shape, arrays, {})
    if options["how"] == "dies":
        job.run = lambda: os._exit(3)
        return job
    right = job.result

    def nearly() -> np.ndarray:
        y = right().copy()
        y.reshape(-1)[-1] *= 1.001
        return y

    job.result = nearly
    return job
