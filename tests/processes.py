"""Python in a process of its own, for what a process decides once or may not survive."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SETTINGS = ("CNNLITE_", "OMP_", "GOMP_", "NUMBA_")
PATIENCE = float(os.environ.get("CNNLITE_TEST_PATIENCE", "1"))  # of all time limits: an emulator's
# A shell starts its background jobs with Ctrl-C ignored, and every child inherits it: a script
# that sends itself SIGINT begins with this, or it would wait for ever under such a shell.
HEED_CTRL_C = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"


def run_python(
    *arguments: str, timeout: float = 120, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Python from the repository's root, with no settings but those in ``environment``."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS)}
    return subprocess.run(
        [sys.executable, *arguments],
        env=kept | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout * PATIENCE,
    )


def output_of(script: str, **environment: str) -> str:
    """Run a script that must succeed; return what it printed, stripped."""
    done = run_python("-c", script, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def error_of(script: str, **environment: str) -> str:
    """Run a script that must end with an exception; return the exception's line."""
    done = run_python("-c", script, **environment)
    assert done.returncode == 1, done.stderr
    return done.stderr.strip().splitlines()[-1]
