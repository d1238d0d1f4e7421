"""Losses of the user's own: with a derivative they train; else the error says what to write."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Model, Sequential, layers, losses, ops

RNG = np.random.default_rng(2)
X, Y = RNG.normal(size=(8, 3)), RNG.normal(size=(8, 2)).astype("float32")


def squared(y_true, y_pred):
    return np.mean(np.square(y_true - y_pred), axis=-1)


class KerasStyle(losses.Loss):
    def call(self, y_true, y_pred):
        return squared(y_true, y_pred)


class OnlyCall(losses.Loss):
    def call(self, y_true, y_pred, *, ctx):
        return ops.elementwise_loss_forward(y_pred, y_true, "squared_error")


class OnlyBackward(KerasStyle):
    def backward(self, weights, *, ctx):
        return None


class NoBase(OnlyCall):
    def __init__(self) -> None:
        pass


class WithNumPy(losses.Loss):
    """What a Keras-style loss becomes: its derivative beside it, both in NumPy."""

    dynamic = True

    def call(self, y_true, y_pred, *, ctx):
        ctx.save(y_true, y_pred)
        return squared(y_true, y_pred)

    def backward(self, weights, *, ctx):
        y_true, y_pred = ctx.saved
        weights = np.ones(len(y_true), "float32") if weights is None else weights
        return 2 * (y_pred - y_true) * weights[:, None] / np.float32(y_pred.size)


class Recorded(WithNumPy):
    dynamic = False


def network() -> Sequential:
    cnnlite.set_random_seed(6)
    return Sequential([Input((3,)), layers.Dense(2)])


@pytest.mark.parametrize(
    ("loss", "match"),
    [
        (squared, r"bare function.*class Squared\("),
        (lambda t, p: squared(t, p), r"bare function.*class MyLoss\("),
        (functools.partial(losses.huber, delta=2.0), r"bare function.*class MyLoss\("),
        (KerasStyle, r"its call takes no ctx and it has no backward.*class KerasStyle\("),
        (KerasStyle(), r"its call takes no ctx and it has no backward.*class KerasStyle\("),
        (OnlyCall(), r"OnlyCall has no derivative: it has no backward.*class OnlyCall\("),
        (OnlyBackward(), r"OnlyBackward has no derivative: its call takes no ctx\. Got"),
    ],
)
def test_compile_refuses_a_loss_without_a_derivative(loss: Any, match: str):
    """With the class to write, both its methods in full; for one output and for several."""
    x = Input((3,))
    two = Model(x, [layers.Dense(2, name="a")(x), layers.Dense(2, name="b")(x)])
    for model, given in (
        (network(), loss),
        (two, loss),
        (two, ["mse", loss]),
        (two, {"a": "mse", "b": loss}),
    ):
        with pytest.raises(TypeError, match=f"(?s)^loss: .*{match}") as caught:
            model.compile("sgd", given)
        text = str(caught.value)
        assert "def call(self, y_true, y_pred, *, ctx):" in text
        assert "def backward(self, weights, *, ctx):" in text
        assert "metrics=[...]" in text
        assert model.optimizer is None  # not half compiled


def test_a_loss_whose_base_was_not_made():
    with pytest.raises(RuntimeError, match="NoBase: the base's __init__ has not run"):
        network().compile("sgd", NoBase())


def test_without_a_derivative_it_measures():
    """Called, and as a metric: the figures of MeanSquaredError."""
    p = RNG.normal(size=(8, 2)).astype("float32")
    expected = losses.MeanSquaredError()(Y, p)
    assert KerasStyle()(Y, p) == pytest.approx(expected, rel=1e-6)
    assert KerasStyle(reduction="sum")(Y, p) == pytest.approx(8 * expected, rel=1e-6)
    model = network()
    model.compile("sgd", "mse", metrics=[squared, KerasStyle(), OnlyCall(), WithNumPy()])
    logs = model.evaluate(X, Y, 3, verbose=0, return_dict=True)
    assert list(logs) == ["loss", "squared", "keras_style", "only_call", "with_num_py"]
    assert list(logs.values()) == pytest.approx([logs["loss"]] * 5, rel=1e-6)


@pytest.mark.parametrize("weights", [None, RNG.uniform(0.5, 2, size=8)])
def test_a_loss_in_numpy_trains_without_a_plan(weights: Any):
    """As MeanSquaredError does; in the same bits on any number of threads."""

    def trained(loss: Any, threads: int = 1) -> tuple[list[float], list[np.ndarray]]:
        model = network()
        model.compile("sgd", loss)
        with cnnlite.threads(threads):
            history = model.fit(X, Y, 3, epochs=3, sample_weight=weights, verbose=0).history
        return history["loss"], model.get_weights()

    (found, ends), (again, same), (expected, goal) = (
        trained(WithNumPy()),
        trained(WithNumPy(), 2),
        trained("mse"),
    )
    assert found == again and all(np.array_equal(a, b) for a, b in zip(ends, same, strict=True))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    for a, b in zip(ends, goal, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_numpy_in_a_loss_that_is_recorded():
    """The error says so, whether the first thing is an operator or a function."""
    model = network()
    model.compile("sgd", Recorded())
    with pytest.raises(TypeError, match=r"recorded plan.*cnnlite\.ops.*dynamic = True.*loss"):
        model.fit(X, Y, verbose=0)
    model.compile("sgd", Recorded(), run_eagerly=True)
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])


@pytest.mark.parametrize(
    "use",
    [
        lambda b: b - b,
        lambda b: 1 - b,
        lambda b: np.ones(2) * b,
        lambda b: b**2,
        lambda b: -b,
        lambda b: b > 0,
        lambda b: b[0],
        lambda b: np.sqrt(b),
        lambda b: np.mean(b),
    ],
)
def test_arithmetic_with_an_array_of_a_plan(use: Any):
    with pytest.raises(TypeError, match="recorded plan"):
        use(ops.core.Buffer((2,), "float32"))
