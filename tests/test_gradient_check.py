"""check_gradients: right gradients pass, wrong ones are named, the model is left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Model, Sequential, check_gradients, layers, ops

RNG = np.random.default_rng(4)
X = RNG.normal(size=(3, 5))


class Square(layers.Layer):
    """y = scale x^2, with a derivative that may be off by a factor."""

    def __init__(self, factor: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(input_shape[1:], "ones", name="scale")

    def call(self, x: Any, *, ctx: Any) -> Any:
        ctx.save(x)
        wide = np.broadcast_to(self.scale.value, x.shape)
        return ops.multiply(ops.multiply(x, x), wide)

    def backward(self, dy: Any, *, ctx: Any) -> Any:
        (x,) = ctx.saved
        ops.bias_gradient(ops.multiply(dy, ops.multiply(x, x)), out=ctx.grad(self.scale))
        return ops.multiply(dy, 2 * self.factor * x * self.scale.value)


def test_a_right_layer_passes_and_every_tensor_has_a_row():
    """Parameters first, then inputs; the text is a table."""
    report = check_gradients(Square(name="square"), X)
    assert report.passed
    assert [row.name for row in report.rows] == ["square/scale", "input 0"]
    assert [row.checked for row in report.rows] == [5, 15]
    assert all(row.error < 1e-8 and row.numeric > 0 for row in report.rows)
    lines = str(report).splitlines()
    assert lines[0].split()[:2] == ["tensor", "shape"] and lines[-1].startswith("passed")


def test_a_wrong_derivative_is_named():
    """Off by one part in 100,000 is wrong, and only where it is wrong."""
    report = check_gradients(Square(1 + 1e-5), X)
    assert not report.passed
    assert [row.error > report.tolerance for row in report.rows] == [False, True]
    assert "input 0" in next(line for line in str(report).splitlines() if "wrong" in line)
    assert str(report).splitlines()[-1].startswith("FAILED")


def two_headed() -> Model:
    a, b = Input((5,), name="a"), Input((4, 4, 1), name="b")
    h = layers.Dense(4, activation="tanh", activity_regularizer="l2")(a)
    g = layers.Flatten()(layers.Conv2D(2, 3, activation="sigmoid", name="conv")(b))
    h = layers.Dropout(0.5)(layers.Concatenate()([h, g]))
    return Model([a, b], [layers.Dense(2)(h), layers.Dense(3, activation="softmax")(h)])


def test_a_model_is_checked_with_its_loss_and_left_alone():
    """Losses, loss weights, penalties, dropout; weights keep their bits and their dtype."""
    model = two_headed()
    model.compile("sgd", ["mse", "sparse_categorical_crossentropy"], loss_weights=[1.0, 0.3])
    model.regularize("l2", biases=True)
    before = [w.tobytes() for w in model.get_weights()]
    x = [X, RNG.normal(size=(3, 4, 4, 1))]
    report = check_gradients(model, x, [RNG.normal(size=(3, 2)), [0, 2, 1]])
    assert report.passed, report
    assert len(report.rows) == len(model.weights) + 2
    assert [w.tobytes() for w in model.get_weights()] == before
    assert model.weights[0].dtype == np.float32 and cnnlite.config.floatx() == "float32"


def test_without_targets_or_inputs_random_ones_are_taken():
    """A built model needs nothing else; large tensors are sampled."""
    model = two_headed()
    report = check_gradients(model, max_elements=7)
    assert report.passed and max(row.checked for row in report.rows) == 7
    again = check_gradients(model, max_elements=7)
    assert again == report
    assert check_gradients(model, training=False, max_elements=5).passed


def test_frozen_weights_have_no_row():
    """Only what trains has a gradient."""
    model = two_headed()
    model.get_layer("conv").trainable = False
    names = [row.name for row in check_gradients(model, max_elements=3).rows]
    assert not any(name.startswith("conv/") for name in names) and "input 1" in names


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: check_gradients("dense", X), TypeError, "Model or Layer.*'dense'"),
        (lambda: check_gradients(layers.Dense(2)), ValueError, "needs inputs.*Pass x"),
        (lambda: check_gradients(layers.Dense(2), 1.0), ValueError, "batch axis"),
        (lambda: check_gradients(two_headed(), y=[X, X]), ValueError, "compile"),
        (
            lambda: check_gradients(Sequential([Input((3,), dtype="int32"), layers.Flatten()])),
            ValueError,
            "integers.*Pass x",
        ),
    ],
)
def test_bad_calls(call: Any, error: type, match: str):
    """What is missing is named."""
    with pytest.raises(error, match=match):
        call()


def test_a_layer_without_backward_says_so():
    """The error is that of training."""

    class Forward(layers.Layer):
        def call(self, x: Any, *, ctx: Any) -> Any:
            return ops.multiply(x, x)

    with pytest.raises(NotImplementedError, match=r"cannot be trained.*backward\(dy"):
        check_gradients(Forward(), X)
