"""Slips of a beginner: what each error or warning says to write instead."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cnnlite import Input, Model, Sequential, layers, metrics, models
from cnnlite.errors import CnnliteWarning, ShapeError


@pytest.mark.parametrize(
    "make",
    [
        lambda **k: layers.Dense(4, **k),
        lambda **k: layers.Dropout(0.5, **k),
        lambda **k: layers.Activation("relu", **k),
    ],
)
def test_input_dim_is_short_for_a_shape_of_one_size(make: Callable[..., Any]):
    """A Sequential model is built by it; a layer's configuration leaves it out."""
    layer = make(input_dim=8)
    assert layer.sample_shape == (8,) and "input_dim" not in layer.get_config()
    assert Sequential([layer]).input_shape == (None, 8)
    assert type(layer).from_config(layer.get_config()).sample_shape is None
    with pytest.raises(ShapeError, match="input_dim must be a positive integer"):
        make(input_dim=0)
    with pytest.raises(TypeError, match=r"both input_dim and input_shape\. Pass one"):
        make(input_dim=8, input_shape=(8,))


def test_an_embedding_needs_no_input_length():
    """Scripts for Keras 2 have it: a warning, and the same layer."""
    with pytest.warns(CnnliteWarning, match=r"^mine: input_length is not needed.* Got 3\. Leave"):
        layer = layers.Embedding(5, 2, input_length=3, name="mine")
    assert layer.get_config() == layers.Embedding(5, 2, name="mine").get_config()
    assert layer.get_config()["input_dim"] == 5


@pytest.mark.parametrize("make", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_a_recurrent_layer_without_steps_names_both_ways_out(make: Any):
    stack = [Input((5, 2)), make(3), make(3)]
    with pytest.raises(ShapeError, match=r"return_sequences=True; .*pass x\[\.\.\., None\]\.$"):
        Sequential(stack)


@pytest.mark.parametrize(
    "make",
    [
        lambda a: [layers.Dense(1, activation=a)],
        lambda a: [layers.Dense(1), layers.Activation(a)],
    ],
)
def test_softmax_of_one_value_warns_once(make: Callable[[str], list[Any]]):
    """It is always 1, so nothing is learned; sigmoid, and softmax of two, are right."""
    with pytest.warns(CnnliteWarning, match=r"softmax over an axis of size 1.*Did you mean sigm"):
        model = Sequential([Input((3,)), *make("softmax")])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(np.ones((2, 3)), verbose=0)
        Sequential([Input((3,)), *make("sigmoid")])
        Sequential([Input((3,)), layers.Dense(2, "softmax")])


class NoInitLayer(layers.Layer):
    def __init__(self) -> None:
        self.units = 3


class NoInitRNN(layers.LSTM):
    def __init__(self) -> None:
        self.size = 3


class NoInitModel(Model):
    def __init__(self) -> None:
        self.first = layers.Dense(1)

    def call(self, x: Any) -> Any:
        return self.first(x)


@pytest.mark.parametrize("cls", [NoInitLayer, NoInitRNN, NoInitModel])
def test_a_class_without_its_bases_init_says_so(cls: Any):
    """When called, built or trained; other attributes are missing as ever."""
    made, message = cls(), rf"^{cls.__name__}: the base's __init__ has not run\. Begin"
    uses = [lambda: made(np.ones((2, 3), "float32")), lambda: Sequential([Input((3,)), made])]
    if cls is NoInitModel:
        uses.append(lambda: made.compile("sgd", "mse"))
        uses.append(lambda: made.summary())
    for use in uses:
        with pytest.raises(RuntimeError, match=message):
            use()
    assert not hasattr(made, "no_such_name")
    with pytest.raises(RuntimeError, match=message):
        _ = made.trainable


def test_an_error_in_a_property_names_what_is_missing():
    """Not the property, which is there."""

    class Mine(layers.Layer):
        @property
        def width(self) -> int:
            return self.unit

    class Wide(layers.SimpleRNN):
        width = Mine.width

    for made in (Mine(), Wide(2)):
        with pytest.raises(AttributeError, match="'unit'"):
            _ = made.width
        with pytest.raises(AttributeError, match="'no_such_name'"):
            _ = made.no_such_name


def test_layers_by_themselves_are_no_list():
    message = r"^Sequential: layers must be one list of layers\. Got .* in a list: \[a, b\]\.$"
    with pytest.raises(TypeError, match=message):
        Sequential(layers.Dense(2), layers.Dense(1))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=message):
        Sequential(Input((3,)), layers.Dense(1))  # type: ignore[arg-type]


class NoReturn(models.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first = layers.Dense(1)

    def call(self, x: Any) -> None:
        self.first(x)


def test_a_call_that_returns_nothing():
    with pytest.raises(TypeError, match=r"Got None\. Does a call end without return\? Return"):
        NoReturn()(np.ones((2, 3), "float32"))


class Empty(metrics.Metric):
    pass


def test_a_metric_that_measures_nothing_names_what_to_write():
    model = Sequential([Input((3,)), layers.Dense(2, "softmax")])
    message = re.escape("empty: Empty measures nothing. Write update_state(self, y_true, y_pred, ")
    with pytest.raises(TypeError, match=f"^{message}"):
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=[Empty()])
        model.fit(np.ones((2, 3)), [0, 1], verbose=0)


def test_metrics_in_the_place_of_loss_weights():
    """As in Keras 2's order of arguments."""
    model = Sequential([Input((3,)), layers.Dense(1)])
    with pytest.raises(TypeError, match=r"loss_weights: output 0.*'mae'.*metrics=\[\.\.\.\]"):
        model.compile("sgd", "mse", ["mae"])
