"""The page on Keras's coverage is what the code says, and arguments are Keras's."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent.parent / "docs"


def load(name: str) -> Any:
    """Return the module of docs/ that writes a page."""
    spec = importlib.util.spec_from_file_location(f"{name}_page", FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


page = load("keras_coverage")

# Where a default is another, and why.
ALLOWED = {
    ("layers", "AveragePooling2D", "pool_size"): "2 by default, as MaxPooling2D",
    ("Model members", "summary", "print_fn"): "print itself",
    ("callbacks", "CallbackList", "callbacks"): "made by fit alone",
    ("callbacks", "CallbackList", "model"): "made by fit alone",
}


def test_the_committed_page_is_fresh():
    """Run `python docs/keras_coverage.py` after a change of public names or arguments."""
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


def test_what_is_refused_has_a_reason():
    """Found by trying: those that are known are found, and each says why."""
    found = list(page.refused(page.keras()))
    assert all(reason.endswith(".") for *_, reason in found)
    arguments = {(name, given.split("=")[0]) for _, name, given, _ in found}
    assert arguments >= {
        ("Conv2D", "data_format"),
        ("BatchNormalization", "renorm"),
        ("BatchNormalization", "synchronized"),
        ("MultiHeadAttention", "flash_attention"),
        ("Adam", "gradient_accumulation_steps"),
        ("Adam", "loss_scale_factor"),
    }


def test_what_is_said_of_an_argument_is_said_of_one_that_is_there():
    """What has no effect, and what means something else, exists under that name."""
    for name, argument, _ in page._ignored():
        found = page.ours(*name.rsplit(".", 1))
        function = found.__init__ if isinstance(found, type) else found
        assert argument in inspect.signature(function).parameters, (name, argument)
    names = page.keras().keys()
    for name in page.MEANINGS:
        other = name.removeprefix("keras.")
        if other in page.OTHER:
            assert importlib.import_module(f"cnnlite.{other}").__doc__, name
            assert page.ours("keras", other) is None, name
        else:
            assert name in names or page.ours(*name.rsplit(".", 1)) is not None, name


def test_attributes_that_constructors_set_are_found():
    assert page.ours("Model members", "stop_training") == "stop_training"
    assert page.ours("Callback members", "params") == "params"
    assert page.ours("Layer members", "no_such_attribute") is None
