"""Fixtures of the tests of layers."""

from collections.abc import Iterator

import pytest

import cnnlite


@pytest.fixture
def float64_reference() -> Iterator[None]:
    """float64 is the reference's alone; ask for it instead of falling to it."""
    with cnnlite.using_backend("reference"):
        cnnlite.set_random_seed(7)
        yield
