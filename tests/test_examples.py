"""Each file in examples/ runs small, and asserts the finding that it prints."""

from __future__ import annotations

import importlib.util
import math
import os
from pathlib import Path

import pytest

from tests.processes import ROOT, run_python

EXAMPLES = ROOT / "examples"
FILES = sorted(EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_example_shows_its_finding(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An example raises where its finding does not show; its figures are those it prints."""
    spec = importlib.util.spec_from_file_location(f"examples_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    figures = module.main(quick=True)
    assert len(figures) >= 2 and all(math.isfinite(value) for value in figures.values()), figures
    assert capsys.readouterr().out.count("\n") >= 3


def test_example_runs_as_a_script() -> None:
    # Where the package is used in place, a script finds it by this path alone.
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    result = run_python("examples/early_stopping.py", "--quick", PYTHONPATH=path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("Stopped after epoch")


def test_readme_names_every_example() -> None:
    readme = (EXAMPLES.parent / "README.md").read_text()
    assert FILES and [path.name for path in FILES if f"examples/{path.name}" not in readme] == []
