"""Fixtures of the tests of models."""

from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a model may be saved."""
    return tmp_path / "model.safetensors"
