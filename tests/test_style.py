"""The code's own rules: ruff's lint and format, and mypy."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"])


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_code_keeps_the_rules(command: list[str]) -> None:
    """Each tool, with the settings of pyproject.toml, finds nothing."""
    result = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
