"""Flags, texts, seeds and numbers: checked in one place, for all that the user makes."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import arguments, initializers, layers, optimizers

NOT_FLAGS = ["yes", "", None, 2, -1, 0.0, 1.0, float("nan"), [], [True], np.ones(1), object()]


@pytest.mark.parametrize("value", NOT_FLAGS)
def test_only_true_and_false_are_flags(value: Any):
    """Whatever Python takes for true is not what the user meant."""
    with pytest.raises(TypeError, match=r"^here: on must be True or False\. Got "):
        arguments.flag(value, "here: on")


def test_numpys_flags_and_0_and_1_are_flags():
    """Comparisons of arrays give them, and old scripts write 1."""
    for value in (True, np.True_, 1, np.int64(1)):
        assert arguments.flag(value, "here") is True
    for value in (False, np.False_, 0):
        assert arguments.flag(value, "here") is False


def test_numbers_of_numpy_are_numbers_and_nan_is_none():
    """Bounds are part of the interval unless it is open there."""
    assert arguments.number(np.float32(0.5), "here", 0, 1) == 0.5
    assert arguments.number(np.int64(3), "here") == 3.0
    assert arguments.number(float("inf"), "here") == float("inf")
    for value in ("0.5", None, True, [0.5], np.zeros(1), 1j):
        with pytest.raises(TypeError, match=r"here must be a number in \[0, 1\]\. Got "):
            arguments.number(value, "here", 0, 1)
    for value, ends in ((float("nan"), "[]"), (-0.1, "[]"), (1, "[)"), (0, "(]"), (1.5, "[]")):
        with pytest.raises(ValueError, match=r"here must be a number in .0, 1.\. Got "):
            arguments.number(value, "here", 0, 1, open_ends=ends)
    with pytest.raises(ValueError, match=r"must be a number, and finite\. Got inf"):
        arguments.number(float("inf"), "here", open_ends="()")


@pytest.mark.parametrize("value", ["x", -1, 2**64, 1.0, True, [1]])
def test_seeds_are_whole_numbers(value: Any):
    """Of a layer, an initializer and a cell alike; the error names the argument."""
    for make in (layers.Dropout, layers.LSTM, layers.GRUCell):
        first = 0.5 if make is layers.Dropout else 3
        with pytest.raises(
            ValueError, match=r"^mine: seed must be None or an integer in \[0, 2\^64\)"
        ):
            make(first, seed=value, name="mine")
    with pytest.raises(ValueError, match=r"^HeNormal: seed must be None or an integer"):
        initializers.HeNormal(seed=value)
    assert layers.Dropout(0.5, seed=np.int64(3)).seed == 3


class Wider(layers.Dense):
    """A layer of the user's, with a flag of its own meaning."""

    def __init__(self, units: int, use_bias: str = "no", **kwargs: Any) -> None:
        super().__init__(units, use_bias=use_bias == "yes", **kwargs)


def test_a_class_of_the_users_says_what_its_own_arguments_are():
    """Its arguments are its own; those that it hands on by keyword are checked."""
    assert Wider(3, use_bias="no").use_bias is False
    assert Wider(3, "yes").use_bias is True
    with pytest.raises(TypeError, match=r"^wider: trainable must be True or False"):
        Wider(3, trainable="no")
    with pytest.raises(TypeError, match=r"^dense: use_bias must be True or False"):
        layers.Dense(3, None, "no")  # by place as by name


def test_an_unknown_keyword_of_a_layer_is_an_error():
    """The check before the constructor leaves it to the base of all layers."""
    with pytest.raises(TypeError, match="Dense: there is no argument 'use_bais'"):
        layers.Dense(3, use_bais=True)


def test_checked_objects_can_be_copied_and_pickled():
    """Both make an object without its constructor's arguments."""
    for made in (initializers.Constant(3), optimizers.schedules.PolynomialDecay(0.1, 10)):
        assert copy.deepcopy(made).get_config() == made.get_config()
        assert pickle.loads(pickle.dumps(made)).get_config() == made.get_config()


def trained() -> cnnlite.Sequential:
    model = cnnlite.Sequential([cnnlite.Input((3,)), layers.Dense(2)])
    model.compile("sgd", "mse")
    return model


X, Y = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("compile", ()),
        ("fit", (X, Y)),
        ("evaluate", (X, Y)),
        ("predict", (X,)),
        ("train_on_batch", (X, Y)),
        ("test_on_batch", (X, Y)),
        ("predict_on_batch", (X,)),
    ],
)
def test_an_unknown_keyword_names_the_models_method(method: str, args: tuple):
    """Not the class inside that has it."""
    with pytest.raises(TypeError, match=rf"^Model\.{method}: there is no argument 'epoch'\. help"):
        getattr(trained(), method)(*args, epoch=1)


def test_flags_of_methods_and_functions_are_flags():
    """As those of constructors."""
    model = trained()
    for call, where in (
        (lambda: model.fit(X, Y, shuffle="no"), "Model.fit: shuffle"),
        (lambda: model.compile(run_eagerly="no"), "Model.compile: run_eagerly"),
        (lambda: model.evaluate(X, Y, return_dict="no"), "Model.evaluate: return_dict"),
        (lambda: cnnlite.utils.split_dataset(X, 0.5, shuffle="no"), "split_dataset: shuffle"),
        (lambda: cnnlite.applications.vgg16(include_top="no"), "vgg16: include_top"),
        (lambda: setattr(model, "trainable", "no"), f"{model.name}: trainable"),
        (lambda: setattr(model.layers[0], "trainable", None), "dense.*: trainable"),
        (lambda: cnnlite.Sequential([], trainable="no"), "Sequential: trainable"),
    ):
        with pytest.raises(TypeError, match=f"^{where} must be True or False"):
            call()


@pytest.mark.parametrize(
    ("call", "pattern"),
    [
        (lambda a: a.vgg16(classes=0), "vgg16: classes must be a positive integer. Got 0"),
        (lambda a: a.vgg19(classes="x"), "vgg19: classes must be a positive integer. Got 'x'"),
        (lambda a: a.vgg16((8, 8, 3)), r"vgg16: input_shape does not fit .* \(8, 8, 3\).*larger"),
        (lambda a: a.lenet5((4, 4, 1)), r"lenet5: input_shape does not fit"),
        (lambda a: a.resnet50((0, 1, 3)), r"resnet50: input_shape: sizes must be positive"),
        (lambda a: a.googlenet("x"), r"googlenet: input_shape must be a tuple of sizes"),
        (lambda a: a.alexnet((227, 227)), r"alexnet: input_shape must be \(height, width, chan"),
        (lambda a: a.inception_v4(weights="imagenet"), "inception_v4: no trained weights"),
        (lambda a: a.resnet18(foo=1), "resnet18: there is no argument 'foo'"),
    ],
)
def test_a_networks_arguments_are_checked_in_its_name(call: Any, pattern: str):
    """Not in that of the layer inside that fails first."""
    with pytest.raises((TypeError, ValueError), match=f"^{pattern}"):
        call(cnnlite.applications)
