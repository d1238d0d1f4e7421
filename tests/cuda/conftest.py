"""Nothing here runs without a GPU or the simulator."""

from __future__ import annotations

import sys

import pytest

from cnnlite.errors import BackendError


def has_device() -> bool:
    try:
        from cnnlite.kernels import cuda

        cuda.check()
    except (ImportError, BackendError):
        return False
    return True


def is_simulated() -> bool:
    from cnnlite.kernels.cuda.launching import SIMULATED

    return SIMULATED


collect_ignore = ["ptx.py"]  # cannot be imported in the simulator
collect_ignore_glob = []
if not has_device():
    collect_ignore_glob = ["test_*.py"]
elif is_simulated():
    # At a barrier the simulator waits in a loop, which keeps the threads that it waits for from
    # the interpreter for 5 ms at a time.  With 0.1 ms the tests take a tenth of the time.
    sys.setswitchinterval(1e-4)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Nothing to set: launches are in order."""
