"""How long an import takes beyond NumPy's, each in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

from bench.job import Job

SCRIPT = """
import numpy, time
start = time.perf_counter()
{}
print(time.perf_counter() - start)
"""


def job(statement: str) -> Job:
    """Return the job of running an import statement."""
    command = [sys.executable, "-c", SCRIPT.format(statement)]

    def run() -> float:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return float(done.stdout)

    return Job(run, has_own_clock=True)
