"""Layers of one's own: of operations, of NumPy, with weights, and their mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import layers, ops
from cnnlite.errors import ShapeError
from cnnlite.layers.context import Context


class NoBackward(layers.Layer):
    def call(self, x, *, ctx, training=False, mask=None):
        return ops.relu(x)


class Square(layers.Layer):
    """y = x^2 with operations."""

    def call(self, x, *, ctx, training=False, mask=None):
        ctx.save(x)
        return ops.multiply(x, x)

    def backward(self, dy, *, ctx):
        (x,) = ctx.saved
        d = ops.multiply(dy, x)
        return ops.add(d, d)


class NumpySquare(layers.Layer):
    """The same in NumPy."""

    dynamic = True

    def call(self, x, *, ctx, training=False, mask=None):
        ctx.save(x)
        return x**2

    def backward(self, dy, *, ctx):
        (x,) = ctx.saved
        return 2 * x * dy


def model_with(middle: layers.Layer) -> cnnlite.Sequential:
    cnnlite.set_random_seed(3)
    model = cnnlite.Sequential(
        [cnnlite.Input((4,)), layers.Dense(5, "tanh"), middle, layers.Dense(2)]
    )
    model.compile("sgd", "mse")
    return model


X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(8, 2)).astype("float32")


def test_a_layer_without_call_or_backward_says_so():
    """Predicting without backward works; training names the layer's class and the method."""
    model = model_with(NoBackward())
    assert model.predict(X, verbose=0).shape == (8, 2)
    with pytest.raises(NotImplementedError, match=r"NoBackward.*backward\(dy, \*, ctx\)"):
        model.train_on_batch(X, Y)
    with pytest.raises(NotImplementedError, match=r"Layer has no call"):
        layers.Layer()(X)


def test_operations_and_numpy_give_the_same_training():
    """A layer of operations is planned, a dynamic one runs anew each step: equal results."""
    histories = []
    for middle in (Square(), NumpySquare()):
        model = model_with(middle)
        losses = [model.train_on_batch(X, Y) for _ in range(5)]
        assert losses[-1] < losses[0]
        histories.append((losses, model.get_weights(), model.predict(X, verbose=0)))
    (a, weights_a, y_a), (b, weights_b, y_b) = histories
    np.testing.assert_allclose(a, b, rtol=1e-5)
    for left, right in zip(weights_a, weights_b, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(y_a, y_b, rtol=1e-5, atol=1e-6)


def test_numpy_in_a_planned_layer_says_what_to_do():
    """NumPy on a plan's buffer fails while recording, and the message names `dynamic`."""

    class Forgotten(NumpySquare):
        dynamic = False

        def call(self, x, *, ctx, training=False, mask=None):
            ctx.save(x)
            return np.square(x)

    with pytest.raises(TypeError, match="dynamic = True"):
        model_with(Forgotten()).train_on_batch(X, Y)


class NumpyBias(layers.Layer):
    """A dynamic layer with a weight: its gradient is written by an operation."""

    dynamic = True

    def build(self, input_shape):
        self.bias = self.add_weight((input_shape[-1],), "zeros", name="bias")

    def call(self, x, *, ctx, training=False, mask=None):
        return x + self.bias.value

    def backward(self, dy, *, ctx):
        ops.bias_gradient(dy, out=ctx.grad(self.bias))
        return dy


def test_a_dynamic_layer_with_a_weight_learns():
    model = model_with(NumpyBias())
    before = model.layers[1].bias.numpy()
    losses = [model.train_on_batch(X, Y) for _ in range(5)]
    assert losses[-1] < losses[0]
    assert (model.layers[1].bias.numpy() != before).any()


@pytest.mark.parametrize(
    ("returned", "match"),
    [
        (lambda dy: None, "no gradient of its input"),
        (lambda dy: ops.concatenate([dy, dy]), r"\(8, 10\).*\(8, 5\)"),
    ],
)
def test_a_backward_that_returns_no_gradient_of_the_input(returned: Any, match: str):
    """A forgotten return is an error, not garbage in the weights before it."""

    class Forgetful(layers.Layer):
        def call(self, x, *, ctx, training=False, mask=None):
            return ops.relu(x)

        def backward(self, dy, *, ctx):
            return returned(dy)

    model = model_with(Forgetful(name="forgetful"))
    with pytest.raises(ValueError, match=f"forgetful.*{match}"):
        model.train_on_batch(X, Y)


@pytest.mark.parametrize("dynamic", [False, True])
def test_a_backward_that_writes_no_gradient_of_a_weight(dynamic: bool):
    """A forgotten gradient is an error that names the weight, not whatever lay in memory."""

    class Silent(Square):
        def build(self, input_shape):
            self.unused = self.add_weight((3,), "ones", name="unused")

    Silent.dynamic = dynamic
    model = model_with(Silent(name="silent"))
    with pytest.raises(ValueError, match=r"silent/unused.*gradient"):
        model.train_on_batch(X, Y)


def test_an_output_shape_other_than_promised():
    """A call whose result differs from compute_output_shape names the method to write."""

    class Twice(layers.Layer):
        def call(self, x, *, ctx, training=False, mask=None):
            return ops.concatenate([x, x])

    x = cnnlite.Input((4,))
    model = cnnlite.Model(x, Twice(name="twice")(x))
    with pytest.raises(ShapeError, match=r"twice.*compute_output_shape"):
        model.predict(X, verbose=0)


def test_a_layer_used_twice_adds_its_gradients():
    """One weight in two places gets the sum of both gradients, by any operation."""

    class Shift(layers.Layer):
        """y = x + shift; the gradient goes through operations that cannot add by themselves."""

        def build(self, input_shape):
            self.shift = self.add_weight((8, input_shape[-1]), "zeros", name="shift")

        def call(self, x, *, ctx, training=False, mask=None):
            return ops.add(x, self.shift)

        def backward(self, dy, *, ctx):
            ops.multiply(dy, np.ones(dy.shape, "float32"), out=ctx.grad(self.shift))
            return dy

    x = cnnlite.Input((4,))
    shift = Shift()
    model = cnnlite.Model(x, shift(shift(x)))
    model.compile(cnnlite.optimizers.SGD(1.0), "mse")
    model.train_on_batch(X, np.zeros((8, 4)))
    # d mean(x^2) = 2 x / 32 per use, twice
    np.testing.assert_allclose(shift.shift.numpy(), -2 * (2 * X / 32), rtol=1e-6)


def test_random_draws_of_a_node_differ_and_are_bounded():
    """Each draw of a node has a stream of its own; too many are refused."""
    ctx = Context()
    draws = [ctx.draw() for _ in range(256)]
    assert len({d["stream"] for d in draws}) == 256
    child = Context(node=1).child(layers.ReLU())
    assert child.draw()["stream"] == 256
    with pytest.raises(ValueError, match="256"):
        ctx.draw()
