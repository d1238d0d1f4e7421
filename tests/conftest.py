"""Fixtures for all tests."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np
import pytest

from cnnlite.kernels import registry, threads
from cnnlite.kernels.native import dispatch, winograd


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
