"""The page on back ends is what the registry says."""

from __future__ import annotations

from tests.test_keras_coverage import load

page = load("backend_table")


def test_the_committed_page_is_fresh():
    """Run `python docs/backend_table.py` after a change of a back end's operations."""
    assert page.TARGET.read_text().splitlines() == list(page.table())


def test_every_back_end_has_its_level():
    assert set(page.LEVELS) == set(page.registry.BACKENDS)
