"""A contestant's process: ``python -m bench.worker CONTESTANT``.

It reads requests from stdin, one JSON object a line, and answers each with one:

- ``{"do": "about"}``: versions and settings
- ``{"do": "prepare", "work": {...}, "data": FILE, "seconds": S}``: load the arrays, make
  the job, warm it up for S seconds
- ``{"do": "time", "seconds": S}``: ``{"times": [seconds per unit, ...]}``
- ``{"do": "outputs", "file": FILE}``: write the results of one run as .npz
- ``{"do": "memory"}``: ``{"bytes": resident peak less what was resident after the import}``
- ``{"do": "drop"}``: free the job's memory

A failed request is answered with ``{"error": ...}``.  The number of threads comes from
the environment (:func:`bench.driver.environment`): OpenBLAS fixes it at its start.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bench.contestants import CONTESTANTS
from bench.job import Job, aligned, turn, warm_up


def resident(field: str) -> int:
    """Return this process's resident bytes, now (VmRSS) or at their most (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith(f"{field}:"))
    return int(kilobytes) * 1024


class Worker:
    """Answers the requests of one contestant."""

    def __init__(self, name: str) -> None:
        self.contestant = CONTESTANTS[name]
        self.module: Any = importlib.import_module(f"bench.contestants.{self.contestant.module}")
        self.imported = resident("VmRSS") if sys.platform == "linux" else None
        self.job: Job | None = None
        self.runs = 1

    def about(self) -> dict[str, Any]:
        return {"python": platform.python_version(), **self.module.about()}

    def prepare(self, work: dict[str, Any], data: str, seconds: float) -> dict[str, Any]:
        with np.load(data) as arrays:
            loaded = {name: aligned(arrays[name]) for name in arrays}
        self.job = self.module.prepare(work, loaded, **self.contestant.options)
        self.runs = warm_up(self.job, seconds)
        return {"units": self.job.units, "runs": self.runs}

    def time(self, seconds: float) -> dict[str, Any]:
        assert self.job is not None
        return {"times": turn(self.job, self.runs, seconds)}

    def outputs(self, file: str) -> dict[str, Any]:
        assert self.job is not None and self.job.outputs is not None
        self.job.run()
        np.savez(file, **self.job.outputs())
        return {}

    def memory(self) -> dict[str, Any]:
        if self.imported is None:
            raise OSError(f"memory: needs Linux's /proc/self/status. This is {sys.platform}.")
        return {"bytes": resident("VmHWM") - self.imported}

    def drop(self) -> dict[str, Any]:
        self.job = None
        return {}


def main(name: str) -> None:
    # What libraries print must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    worker = Worker(name)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(worker, request.pop("do"))(**request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
