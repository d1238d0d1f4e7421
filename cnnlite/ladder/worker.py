"""A child of the ladder: ``python worker.py MODULE`` runs the rungs of one module.

It reads requests from stdin, one JSON object a line, and answers each with one:

- ``{"do": "about"}``: versions and settings
- ``{"do": "load", "operation": NAME, "shape": {...}, "folder": DIR}``: the arrays to work on
- ``{"do": "prepare", "rung": KEY, "options": {...}, "seconds": S}``: make the rung's job, check
  what it computes, warm it up
- ``{"do": "time", "rung": KEY, "seconds": S}``: ``{"times": [seconds of the whole work, ...]}``

A request that fails is answered with ``{"failed": ...}``, a rung that cannot run here with
``{"unavailable": ...}``.  When stdin ends, so does the child, whatever it computes at the time:
its parent has gone.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any


class Worker:
    """Answers requests."""

    def __init__(self, module: str) -> None:
        self.module = importlib.import_module(module)
        self.jobs: dict[str, tuple[Any, int]] = {}
        self.arrays: dict[str, Any] = {}

    def about(self) -> dict[str, Any]:
        """Versions and settings."""
        return self.module.about()

    def load(self, operation: str, shape: dict[str, int], folder: str) -> dict[str, Any]:
        """The arrays are copied to aligned memory; the right result stays in its file."""
        import numpy as np

        from cnnlite.ladder.job import aligned

        self.operation, self.shape, self.folder = operation, shape, Path(folder)
        files = sorted(self.folder.glob("in-*.npy"))
        self.arrays = {f.stem[3:]: aligned(np.load(f, mmap_mode="r")) for f in files}
        return {}

    def prepare(self, rung: str, options: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Answer with what the check found; a wrong rung is not warmed up."""
        from cnnlite.ladder.job import warm_up

        job = self.module.prepare(self.operation, self.shape, self.arrays, options)
        job.before()
        job.run()
        found = self.check(job)
        if found["right"]:
            self.jobs[rung] = (job, warm_up(job, seconds))
        return {**found, "fraction": job.fraction}

    def check(self, job: Any) -> dict[str, Any]:
        """Compare the result with the right one; a probe has none."""
        import numpy as np

        from cnnlite.ladder.job import check

        result = job.result()
        if result.size == 0:
            return {"right": True, "error": 0.0, "of_tolerance": None}
        expected = np.load(self.folder / "expected.npy", mmap_mode="r")
        tolerance = np.load(self.folder / "tolerance.npy", mmap_mode="r")
        allowed = tolerance[()] if tolerance.ndim == 0 else job.part(tolerance)
        return check(result, job.part(expected), np.asarray(allowed))

    def time(self, rung: str, seconds: float) -> dict[str, Any]:
        """One turn."""
        from cnnlite.ladder.job import turn

        job, runs = self.jobs[rung]
        return {"times": turn(job, runs, seconds)}


def _listen() -> queue.Queue[str]:
    """Return the lines of stdin; at its end this process ends, even in the middle of a kernel."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return lines


def main(module: str) -> None:
    """Answer requests until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    # What libraries print must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    lines = _listen()
    worker: Worker | None = None
    while True:
        request = json.loads(lines.get())
        try:
            worker = worker or Worker(module)
            answer = getattr(worker, request.pop("do"))(**request)
        except Exception as error:
            told = str(error) or type(error).__name__
            unavailable = type(error).__name__ == "Unavailable"
            answer = (
                {"unavailable": told}
                if unavailable
                else {"failed": f"{type(error).__name__}: {told}"}
            )
        answers.write(json.dumps(answer) + "\n")


def _use_this_package() -> None:
    """Import cnnlite from where this file lies, and nothing else from the folders around it.

    Another interpreter (one that has PyTorch) must not find this one's packages.
    """
    here = Path(__file__).resolve().parent
    folder = here.parent
    sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != here]
    spec = importlib.util.spec_from_file_location(
        "cnnlite", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None
    sys.modules["cnnlite"] = package = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)


if __name__ == "__main__":
    _use_this_package()
    main(sys.argv[1])
