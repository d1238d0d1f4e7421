"""Fixtures for all tests."""

from __future__ import annotations

import gc
import zlib
from collections.abc import Iterator

import numpy as np
import pytest

from cnnlite.kernels import registry, threads
from cnnlite.kernels.native import dispatch, winograd


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the numba back end, which compile for minutes; see pyproject.toml.

    Those of one operation and dtype go to one process, so that nothing is compiled twice.  The
    longest comes first, so that no process is left alone with it.
    """
    items.sort(key=lambda item: item.path.name != "test_cuda.py")
    for item in items:
        values = [*getattr(getattr(item, "callspec", None), "params", {}).values()]
        names = [v if isinstance(v, str) else getattr(v, "backend", "") for v in values]
        if "numba" in names or item.path.name == "test_numba.py":
            group = [str(v) for v in values if isinstance(v, str) or hasattr(v, "backend")]
            item.add_marker(pytest.mark.numba)
            item.add_marker(pytest.mark.xdist_group(" ".join(group) or item.path.name))


def pytest_collection_finish() -> None:
    """Spare the garbage collector looking at the tests themselves again and again.

    It took a tenth of the time in which Numba compiles.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Random numbers that depend on the test's name alone."""
    return np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))


@pytest.fixture(autouse=True)
def _restored_settings() -> Iterator[None]:
    """Leave back end, SIMD level, Winograd's switch and number of threads as they were."""
    backend, level = registry.get_backend(), dispatch.level()
    enabled = winograd.get_winograd()
    with threads.threads(None):
        yield
    registry.set_backend(backend)
    dispatch.set_level(level)
    winograd.set_winograd(enabled)
