"""InputLayer: alone, in Sequential, among a functional model's layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cnnlite import Input, Model, Sequential, layers
from cnnlite.errors import ShapeError


def test_attributes_and_configuration():
    made = layers.InputLayer((3, None), 2, "int64", name="ids")
    assert made.batch_shape == (2, 3, None) and made.dtype == "int32" and made.name == "ids"
    assert made.output.shape == (2, 3, None) and made.output.name == "ids"
    assert made.input is made.output and made.built and made.weights == []
    again = layers.InputLayer.from_config(made.get_config())
    assert again.get_config() == made.get_config() and again.output is not made.output
    by_serialize = layers.deserialize(layers.serialize(made))
    assert by_serialize.batch_shape == (2, 3, None)


@pytest.mark.parametrize(
    "given",
    [
        {"shape": (3,)},
        {"batch_shape": (None, 3)},
        {"input_shape": (3,)},
        {"batch_input_shape": (None, 3)},
    ],
)
def test_ways_to_give_the_shape(given: Any):
    assert layers.InputLayer(**given).batch_shape == (None, 3)


def test_input_makes_one():
    """Named by hand or numbered, with the arguments in Keras's order."""
    x = Input((3,), 4, "float64", name="x")
    assert isinstance(x.source, layers.InputLayer) and x.source.name == x.name == "x"
    assert Input((3,)).name.startswith("input_layer")
    assert Input((3,)).name != Input((3,)).name


@pytest.mark.parametrize("way", ["list", "add"])
def test_sequential_hides_it(way: str):
    """It does what an Input does; ``layers`` does not list it."""
    parts = [layers.InputLayer((3,), name="in"), layers.Dense(2)]
    model = Sequential(parts if way == "list" else None)
    for part in parts if way == "add" else []:
        model.add(part)
    assert model.built and model.layers == parts[1:] and model.input_shape == (None, 3)
    assert model.inputs[0].name == "in"
    assert model.predict(np.ones((2, 3)), verbose=0).shape == (2, 2)
    assert Sequential.from_config(model.get_config()).inputs[0].name == "in"


def test_a_functional_model_can_start_from_its_output():
    start = layers.InputLayer((3,), name="in")
    model = Model(start.output, layers.Dense(2)(start.output))
    assert model.layers[0] is start
    assert model.predict({"in": np.ones((2, 3))}, verbose=0).shape == (2, 2)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: layers.InputLayer(), ShapeError, "Input: shape must be a tuple"),
        (lambda: layers.InputLayer((0,)), ShapeError, "positive"),
        (lambda: layers.InputLayer((3,), batch_shape=(None, 3)), ShapeError, "batch_shape stands"),
        (lambda: layers.InputLayer((3,), dtype="text"), ValueError, "text"),
        (lambda: layers.InputLayer((3,), name="q")(np.ones((1, 3))), TypeError, r"q\.output"),
        (lambda: Model(layers.InputLayer((3,)), Input((3,))), TypeError, "Pass its output"),
        (
            lambda: Sequential([layers.InputLayer((3,)), layers.InputLayer((3,))]),
            ValueError,
            "Input can only come first",
        ),
    ],
)
def test_refused(make: Any, error: type[Exception], match: str):
    with pytest.raises(error, match=match):
        make()
