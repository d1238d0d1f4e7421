"""Constructors called with a keyword that they have not, or without an argument they need."""

from __future__ import annotations

import copy
import inspect
import pickle
import pydoc
from collections.abc import Callable
from typing import Any

import pytest

from cnnlite import layers, optimizers, schedules


class Scale(layers.Layer):
    """A layer of the user's own that needs an argument and takes no others."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: optimizers.Adam(lr=0.1),  # type: ignore[call-arg]
            "Adam: there is no argument 'lr'. Write learning_rate.",
        ),
        (
            lambda: optimizers.SGD(decay=0.1),  # type: ignore[call-arg]
            "SGD: there is no argument 'decay'. "
            "Pass learning_rate=schedules.InverseTimeDecay(...).",
        ),
        (
            lambda: schedules.CosineDecay(0.1, 9, warm=1),  # type: ignore[call-arg]
            "CosineDecay: there is no argument 'warm'. help(CosineDecay) lists them.",
        ),
        (
            lambda: layers.Dense(),  # type: ignore[call-arg]
            "dense: the argument 'units' is missing. Pass it.",
        ),
        (
            lambda: layers.Conv2D(32, name="first"),  # type: ignore[call-arg]
            "first: the argument 'kernel_size' is missing. Pass it.",
        ),
        (
            lambda: Scale(),  # type: ignore[call-arg]
            "scale: the argument 'factor' is missing. Pass it.",
        ),
        (
            lambda: Scale(2.0, units=3),  # type: ignore[call-arg]
            "Scale: there is no argument 'units'. help(Scale) lists them.",
        ),
    ],
)
def test_the_error_names_the_argument_and_what_to_write(make: Callable[[], Any], message: str):
    with pytest.raises(TypeError) as error:
        make()
    assert str(error.value) == message


def test_estimators_of_scikit_learn_are_checked_too():
    """The error names the class that was called, not the base that has its constructor."""
    pytest.importorskip("sklearn", reason='needs "cnnlite-engine[sklearn]"')
    from cnnlite.sklearn import CnnliteClassifier

    with pytest.raises(
        TypeError, match=r"^CnnliteClassifier: there is no argument 'class_weight'\. Pass sample_"
    ):
        CnnliteClassifier(class_weight="balanced")


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_copies_are_made_without_arguments(protocol: int):
    """Copy and pickle make an object first, and fill it then."""
    scale = Scale(2.0)
    for made in (
        copy.copy(scale),
        copy.deepcopy(scale),
        pickle.loads(pickle.dumps(scale, protocol)),
    ):
        assert type(made) is Scale and made.factor == 2.0 and made.name == scale.name


@pytest.mark.parametrize("cls", [layers.Dense, layers.LSTM, optimizers.Adam])
def test_help_shows_what_the_constructor_takes(cls: Any):
    shown = list(inspect.signature(cls).parameters)
    assert shown == list(inspect.signature(cls.__init__).parameters)[1:]
    assert f"{cls.__name__}({shown[0]}:" in pydoc.render_doc(cls, renderer=pydoc.plaintext)


def test_an_object_shows_what_its_call_takes():
    assert next(iter(inspect.signature(layers.Dense(1)).parameters)) == "x"
