"""The page on Keras's coverage is what the code says, and arguments are Keras's."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

PATH = Path(__file__).parent.parent / "docs" / "coverage.py"


def load() -> Any:
    spec = importlib.util.spec_from_file_location("coverage_page", PATH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


page = load()

# Where a default is another, and why.
ALLOWED = {
    ("layers", "AveragePooling2D", "pool_size"): "2 by default, as MaxPooling2D",
    ("Model methods", "summary", "print_fn"): "print itself",
    ("callbacks", "CallbackList", "callbacks"): "made by fit alone",
    ("callbacks", "CallbackList", "model"): "made by fit alone",
}


def test_the_committed_page_is_fresh():
    """Run `python docs/coverage.py` after a change of public names or arguments."""
    assert page.TARGET.read_text().splitlines() == list(page.coverage())


@pytest.mark.parametrize(
    ("namespace", "name", "theirs"),
    [
        (namespace, name, theirs)
        for namespace, names in page.keras().items()
        for name, theirs in names.items()
        if page.ours(namespace, name) is not None
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arguments_are_keras_s(namespace: str, name: str, theirs: Any):
    """In Keras's order, with Keras's defaults, but where ALLOWED says why not."""
    wrong = [
        phrase
        for phrase in page.differences(namespace, name, theirs)
        if not phrase.startswith(("lacks", "adds"))
        and (namespace, name, phrase.split()[0]) not in ALLOWED
    ]
    assert not wrong
