"""Cells of one's own in RNN: of layers, with operations, and their mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Model, Sequential, layers, ops

X = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")


class OfLayers(layers.Layer):
    """What SimpleRNNCell computes, written as in Keras."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = self.state_size = units
        self.of_x = layers.Dense(units)
        self.of_h = layers.Dense(units, use_bias=False)
        self.tanh = layers.Activation("tanh")

    def call(self, inputs, states):
        h = self.tanh(self.of_x(inputs) + self.of_h(states[0]))
        return h, [h]


class TwoStates(OfLayers):
    """Returns one state and passes on a sum in the other; its output has another size."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.state_size = [units, units]
        self.output_size = 4
        self.out = layers.Dense(4)

    def call(self, inputs, states):
        h, seen = states
        given = self.of_x(inputs)
        h = self.tanh(given + self.of_h(h))
        return self.out(h), [h, seen + given]


class WithOperations(layers.Layer):
    """h' = h / 2 + x w."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight((input_shape[-1], self.units), name="w")

    def call(self, x, *, ctx, training=False):
        inputs, h = x
        ctx.save(inputs)
        new = ops.add(ops.multiply(h, 0.5), ops.matmul(inputs, self.w))
        return [new, new]

    def backward(self, dy, *, ctx):
        (inputs,) = ctx.saved
        given = [d for d in dy if d is not None]
        d = given[0] if len(given) == 1 else ops.add(*given)
        ops.matmul(inputs, d, transpose_a=True, out=ctx.grad(self.w))
        return [ops.matmul(d, self.w, transpose_b=True), ops.multiply(d, 0.5)]


class WithoutBackward(WithOperations):
    backward = layers.Layer.backward


CELLS = pytest.mark.parametrize("cell", [OfLayers, TwoStates, WithOperations])


def test_the_cell_of_layers_is_a_simple_rnn():
    layer = layers.RNN(OfLayers(4), return_sequences=True)
    known = layers.SimpleRNN(4, return_sequences=True)
    found = layer(X)
    known(X)
    kernel, bias, recurrent = layer.get_weights()
    known.set_weights([kernel, recurrent, bias])
    np.testing.assert_allclose(found, known(X), rtol=1e-6, atol=1e-7)


def test_the_cell_with_operations_against_loops():
    layer = layers.RNN(WithOperations(2), return_sequences=True)
    found = layer(X)
    h = np.zeros((2, 2))
    for t in range(5):
        h = h / 2 + X[:, t] @ layer.get_weights()[0]
        np.testing.assert_allclose(found[:, t], h, rtol=1e-5, atol=1e-6)


@CELLS
def test_gradients(cell: Any):
    """Backwards, all outputs and states, stacked, both directions, with a mask before it."""
    made = [
        layers.RNN(cell(2), go_backwards=True),
        layers.RNN(cell(2), return_sequences=True, return_state=True),
        layers.RNN([cell(2), layers.LSTMCell(2), cell(3)]),
        layers.Bidirectional(layers.RNN(cell(2), return_sequences=True)),
    ]
    for layer in made:
        report = cnnlite.check_gradients(layer, X)
        assert report.passed, report
    masked = X.copy()
    masked[0, 2:] = 0
    model = Sequential([Input((5, 3)), layers.Masking(), layers.Dense(3), layers.RNN(cell(2))])
    report = cnnlite.check_gradients(model, masked)
    weights = [row for row in report.rows if "/" in row.name]  # a moved 0 is not masked
    assert len(weights) > 2 and all(row.error < 1e-6 for row in weights), report


@CELLS
def test_training_and_files(cell: Any, tmp_path: Any):
    model = Sequential([Input((None, 3)), layers.RNN(cell(2)), layers.Dense(1)])
    model.compile("adam", "mse")
    history = model.fit(X, np.ones((2, 1)), epochs=20, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert model.predict(X[:, :2], verbose=0).shape == (2, 1)
    model.save(tmp_path / "m.safetensors")
    loaded = cnnlite.load_model(tmp_path / "m.safetensors", {cell.__name__: cell})
    assert loaded.predict(X, verbose=0).tobytes() == model.predict(X, verbose=0).tobytes()


def test_a_cell_without_backward_says_so_when_trained():
    model = Sequential([Input((5, 3)), layers.RNN(WithoutBackward(2)), layers.Dense(1)])
    model.compile("sgd", "mse")
    assert model.predict(X, verbose=0).shape == (2, 1)
    with pytest.raises(NotImplementedError, match=r"WithoutBackward cannot be trained.*backward"):
        model.fit(X, np.ones((2, 1)), verbose=0)


def test_a_cell_is_called_as_in_keras():
    """``cell(inputs, states)`` returns the output and the states."""
    cell = OfLayers(2)
    output, states = cell(X[:, 0], [np.zeros((2, 2), "float32")])
    assert len(states) == 1 and (states[0] == output).all()
    again, _ = cell(X[:, 1], states)
    assert (layers.RNN(cell)(X[:, :2]) == again).all()


@pytest.mark.parametrize(
    ("cell", "error", "match"),
    [
        (layers.Dense(2), TypeError, "state_size"),
        (lambda x, s: (x, s), TypeError, "must be a layer"),
    ],
)
def test_refused(cell: Any, error: type[Exception], match: str):
    with pytest.raises(error, match=match):
        layers.RNN(cell)


def shapes(y: Any) -> Any:
    return [shapes(v) for v in y] if isinstance(y, list) else y.shape


def test_states_of_stacked_cells_are_nested():
    """As those of Keras 3.15: a list for a cell of several, the state itself for one of one."""
    layer = layers.RNN([layers.LSTMCell(2), layers.GRUCell(3)], return_state=True)
    assert shapes(layer(X)) == [(2, 3), [(2, 2), (2, 2)], (2, 3)]
    x = Input((5, 3))
    y, (h, c), s = layer(x)
    assert shapes([y, h, c, s]) == [(None, 3), (None, 2), (None, 2), (None, 3)]
    model = Model(x, [y, h, c, s])
    outputs = model.predict(X, verbose=0)
    assert (outputs[0] == outputs[3]).all()
    copy = Model.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    for a, b in zip(copy.predict(X, verbose=0), outputs, strict=True):
        assert a.tobytes() == b.tobytes()
    one = layers.RNN([layers.LSTMCell(2)], return_state=True)(X)
    assert shapes(one) == [(2, 2), [(2, 2), (2, 2)]]
    plain = layers.RNN(layers.LSTMCell(2), return_state=True)(X)
    assert shapes(plain) == [(2, 2), (2, 2), (2, 2)]
    both = layers.Bidirectional(
        layers.RNN([layers.LSTMCell(2), layers.GRUCell(3)], return_state=True)
    )
    assert shapes(both(X)) == [(2, 6), *2 * [[(2, 2), (2, 2)], (2, 3)]]
    again = layer(X, initial_state=[outputs[1:3], outputs[3]])
    assert shapes(again) == [(2, 3), [(2, 2), (2, 2)], (2, 3)]
    with pytest.raises(TypeError, match=r"no lists in it.*\[y, \*states\]"):
        Model(x, layer(x))


def test_parameter_path():
    dense = layers.Dense(2, name="dense_of_mine")
    dense.build((None, 3))
    assert [w.path for w in dense.weights] == ["dense_of_mine/kernel", "dense_of_mine/bias"]
