"""A layer written as in Keras's guide: the error shows once what to write here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cnnlite import Input, Sequential, layers, ops


class Linear(layers.Layer):
    """As Keras's guide has it."""

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight((input_shape[-1], 2), "ones")

    def call(self, x: Any) -> Any:
        return ops.matmul(x, self.w)


class WithDerivative(Linear):
    """As the error tells to write it."""

    def call(self, x: Any, *, ctx: Any, training: bool = False, mask: Any = None) -> Any:
        ctx.save(x)
        return ops.matmul(x, self.w)

    def backward(self, dy: Any, *, ctx: Any) -> Any:
        (x,) = ctx.saved
        ops.matmul(x, dy, transpose_a=True, out=ctx.grad(self.w))
        return ops.matmul(dy, self.w, transpose_b=True)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], 2)


def test_the_remedy_is_said_once_with_a_skeleton():
    with pytest.raises(TypeError) as error:
        Sequential([Input((3,)), Linear(name="mine")])
    message = str(error.value)
    assert message.startswith("mine: Linear.call has no ctx") and "layers.Dense(units)" in message
    assert "    class Linear(cnnlite.layers.Layer):\n" in message
    for once in ("def call(self, x, *, ctx", "def backward(self, dy, *, ctx)", "write a Layer"):
        assert message.count(once) == (once != "write a Layer"), once


def test_the_skeleton_filled_in_trains():
    """One step by hand: w - 0.1 x^T (2 (x w - y) / 2), with x = (1, 1, 1), w = 1, y = 0."""
    model = Sequential([Input((3,)), WithDerivative()])
    model.compile("sgd", "mse")
    model.optimizer.learning_rate = 0.1
    model.train_on_batch(np.ones((1, 3)), np.zeros((1, 2)))
    np.testing.assert_allclose(model.get_weights()[0], np.full((3, 2), 0.7), rtol=1e-6)
