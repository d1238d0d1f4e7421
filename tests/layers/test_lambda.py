"""Lambda: functions of layers and arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Model, Sequential, layers
from cnnlite.layers.no_values import SymbolicError
from tests.gradient_check import assert_gradient, central_difference

X = np.random.default_rng(0).normal(size=(4, 3))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x / 4 - 1, lambda x: x / 4 - 1),
        (lambda x: x * x + 2 / x, lambda x: x * x + 2 / x),
        (lambda x: layers.Activation("tanh")(x) * x, lambda x: np.tanh(x) * x),
        (lambda x: x, lambda x: x),
    ],
)
def test_values_and_gradients(function: Any, expected: Any):
    """Against NumPy; the gradient of a weight before it against differences."""
    with cnnlite.using_backend("reference"):
        _check(function, expected)


def _check(function: Any, expected: Any) -> None:
    layer = layers.Lambda(function, dtype="float64")
    np.testing.assert_allclose(layer(X), expected(X), rtol=1e-12)
    dense = layers.Dense(3, dtype="float64")
    model = Sequential([Input((3,), dtype="float64"), dense, layer])
    model.compile("sgd", "mse")
    before = dense.kernel.numpy()
    numeric = central_difference(lambda: model.evaluate(X, X, verbose=0), dense.kernel.value)
    model.train_on_batch(X, X)
    assert_gradient((before - dense.kernel.numpy()) / 0.01, numeric, "kernel")


def test_several_inputs_and_arguments():
    a, b = Input((3,)), Input((3,))
    merged = layers.Lambda(lambda xs, times: xs[0] - xs[1] * times, arguments={"times": 3})([a, b])
    found = Model([a, b], merged).predict([X, X + 1], verbose=0)
    np.testing.assert_allclose(found, X - 3 * (X + 1), rtol=1e-5)


@pytest.mark.parametrize(
    ("function", "match"),
    [
        (lambda x: x[:, 0], r"x\[\.\.\.\].*Cropping1D"),
        (lambda x: np.exp(x), r"numpy\.exp.*Activation\(\"exponential\"\)"),
        (lambda x: x**2, r"x \*\* y.*Multiply"),
    ],
)
def test_functions_that_need_values(function: Any, match: str):
    with pytest.raises(SymbolicError, match=f"Lambda.call.*{match}"):
        layers.Lambda(function)(Input((3,)))


def test_it_is_not_saved(tmp_path: Any):
    model = Sequential([Input((3,)), layers.Lambda(lambda x: x * 2, name="l"), layers.Dense(1)])
    with pytest.raises(NotImplementedError, match=r"l: the function of a Lambda.*save_weights"):
        model.save(tmp_path / "m.safetensors")
    model.save_weights(tmp_path / "w.safetensors")
    model.load_weights(tmp_path / "w.safetensors")


def test_it_needs_a_function():
    with pytest.raises(TypeError, match=r"must be a function\. Got 3"):
        layers.Lambda(3)
