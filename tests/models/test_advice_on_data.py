"""The mends that fit, evaluate and predict advise for data that do not fit."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from cnnlite import Input, Sequential, layers
from cnnlite.errors import ShapeError
from tests.models.small_model import LABELS, X, Y, make

IMAGE, FLAT = np.zeros((28, 28, 1), "float32"), np.zeros((4, 784), "float32")


def images() -> Sequential:
    return Sequential([Input((28, 28, 1)), layers.Flatten(), layers.Dense(2)])


def steps() -> Sequential:
    return Sequential([Input((10, 1)), layers.LSTM(2)])


@pytest.mark.parametrize(
    ("model", "x", "mend"),
    [
        (images, IMAGE, "x[None]"),
        (images, IMAGE[..., 0], "x[None, ..., None]"),
        (images, IMAGE[None, ..., 0], "x[..., None]"),
        (images, FLAT, "x.reshape(-1, 28, 28, 1)"),
        (steps, np.zeros((10, 1)), "x[None]"),
        (steps, np.zeros((3, 10)), "x[..., None]"),
    ],
)
def test_shapes_of_inputs(model: Any, x: np.ndarray, mend: str):
    """The advice is there, and what it advises works."""
    with pytest.raises(ShapeError, match=re.escape(mend)):
        model().predict(x, verbose=0)
    mended = eval(mend, {"x": x})
    assert len(model().predict(mended, verbose=0)) == len(mended)


TEXT = np.array([["a", "b", "c"]] * 10)
MIXED = np.array([[1, 2.0, "c"]] * 10, object)
RAGGED = [[1, 2, 3]] * 9 + [[4]]


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda m: m.fit(TEXT, LABELS), TypeError, r"fit: x must be.*<U1.*astype\("),
        (lambda m: m.predict(MIXED), TypeError, r"predict: x must.*object.*astype\("),
        (lambda m: m.fit(X, list("ab") * 5), TypeError, "targets must.*<U1.*return_inverse"),
        (lambda m: m.fit(RAGGED, LABELS), ShapeError, r"fit: x must.*3, 1\].*pad_sequences"),
        (lambda m: m.fit(X, RAGGED), ShapeError, r"fit: targets must.*3, 1\].*pad_sequences"),
        (
            lambda m: m.predict(np.array(RAGGED, object)),
            ShapeError,
            "predict: x must be of one shape.*pad_sequences",
        ),
        (lambda m: m.fit(X, LABELS, validation_data=X), ValueError, r"Got ndarray.*=\(x, y\)"),
        (lambda m: m.fit(X, LABELS, validation_data=(X,)), ValueError, "Got tuple of 1"),
    ],
)
def test_what_is_no_array_of_numbers(call: Any, error: type[Exception], match: str):
    with pytest.raises(error, match=match):
        call(make(loss="sparse_categorical_crossentropy"))


def test_text_does_not_build_a_model():
    model = Sequential([layers.Dense(2)])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match="must be numbers"):
        model.fit(TEXT, Y)
    assert not model.built


LOSSES = ("sparse_categorical_crossentropy", "categorical_crossentropy", "mse")


@pytest.mark.parametrize("loss", LOSSES)
def test_a_forgotten_flatten(loss: str):
    model = Sequential([Input((6, 6, 1)), layers.Dense(3, "softmax")])
    model.compile("sgd", loss)
    y = np.zeros((4, 3)) if loss == "categorical_crossentropy" else np.zeros(4)
    with pytest.raises(ShapeError, match=r"Put Flatten or GlobalAveragePooling2D before the last"):
        model.fit(np.zeros((4, 6, 6, 1)), y, verbose=0)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_step_of_a_sequence_predicted(loss: str):
    model = Sequential([Input((6, 2)), layers.LSTM(3, return_sequences=True)])
    model.compile("sgd", loss)
    y = np.zeros((4, 3)) if loss == "categorical_crossentropy" else np.zeros(4)
    with pytest.raises(ShapeError, match="return_sequences=False"):
        model.fit(np.zeros((4, 6, 2)), y, verbose=0)


@pytest.mark.parametrize(
    ("loss", "mend"),
    [
        ("binary_crossentropy", r'Dense\(1\).*"sparse_categorical_crossentropy"'),
        ("mse", r"Make the last layer Dense\(1\)"),
    ],
)
def test_more_outputs_than_targets(loss: str, mend: str):
    with pytest.raises(ShapeError, match=mend):
        make(loss=loss).fit(X, LABELS, verbose=0)


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({"a": 1}, TypeError, "fit: class_weight must have class numbers as keys. Got 'a'"),
        ({"0": 1}, TypeError, "Got '0'"),
        ({0.5: 1}, TypeError, r"Got 0\.5"),
        ({0: "x"}, TypeError, "fit: class_weight of class 0 must be a number.*'x'"),
        ({0: float("nan")}, ValueError, "class_weight of class 0 must be a number.*nan"),
        ({1: float("inf")}, ValueError, "class_weight of class 1.*inf"),
    ],
)
def test_class_weights(given: Any, error: type[Exception], match: str):
    with pytest.raises(error, match=match):
        make(loss="sparse_categorical_crossentropy").fit(X, LABELS, class_weight=given)


def test_class_weights_by_numbers_of_other_types():
    """Keys as np.unique gives them, and a negative weight, which Keras 3.15 takes too."""
    for given in ({0.0: 2, 1.0: 1}, {np.int64(0): np.float32(2)}, {np.False_: -1.0}):
        model = make(loss="sparse_categorical_crossentropy")
        model.fit(X, LABELS, class_weight=given, verbose=0)
