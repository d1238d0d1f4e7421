"""Recurrent layers: Keras's figures, and what must hold between layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import layers, ops
from cnnlite.errors import ShapeError
from cnnlite.layers.context import Clock, Context, StepState
from tests.layers.keras_rnn import FIGURES, X

MASK = np.array([[1, 1, 1, 0], [0, 1, 0, 1]], "uint8")
H = np.array([[0.5, -0.25], [0.125, 1]], "float32")
C = np.array([[-1, 0.5], [0.25, 0.75]], "float32")
KINDS = {"SimpleRNN": layers.SimpleRNN, "LSTM": layers.LSTM, "GRU": layers.GRU}
ALL = {"return_sequences": True}


def _cases() -> dict[str, tuple[Any, Any, Any]]:
    """Return name: (layer, mask, initial state)."""
    found: dict[str, tuple[Any, Any, Any]] = {}
    for kind, cls in KINDS.items():
        start = [H, C] if kind == "LSTM" else [H]
        state = {**ALL, "return_state": True}
        zero = {**ALL, "zero_output_for_mask": True}
        found |= {
            kind: (cls(2), None, None),
            f"{kind} sequences state": (cls(2, **state), None, None),
            f"{kind} backwards": (cls(2, go_backwards=True, **ALL), None, None),
            f"{kind} mask": (cls(2, **ALL), MASK, None),
            f"{kind} mask state": (cls(2, **state), MASK, start),
            f"{kind} mask zero": (cls(2, **zero), MASK, None),
            f"{kind} no bias relu": (cls(2, use_bias=False, activation="relu", **ALL), None, None),
        }
    stack = layers.RNN([layers.LSTMCell(2), layers.GRUCell(3)], **ALL)
    simple = layers.RNN([layers.SimpleRNNCell(2), layers.SimpleRNNCell(3)], **ALL)
    both = layers.Bidirectional
    found |= {
        "LSTM hard": (layers.LSTM(2, recurrent_activation="hard_sigmoid"), None, None),
        "GRU before": (layers.GRU(2, reset_after=False, **ALL), None, None),
        "RNN stacked": (stack, None, None),
        "RNN stacked mask": (simple, MASK, None),
        "Bidirectional last": (both(layers.GRU(2)), None, None),
        "Bidirectional mask": (both(layers.SimpleRNN(2, **ALL)), MASK, None),
        "Bidirectional state": (both(layers.LSTM(2, return_state=True)), None, None),
    }
    for mode in ("concat", "sum", "mul", "ave", None):
        found[f"Bidirectional {mode}"] = (both(layers.LSTM(2, **ALL), merge_mode=mode), None, None)
    return found


CASES = _cases()


def set_cosines(layer: layers.Layer) -> None:
    layer.set_weights(
        [
            0.5 * np.cos(np.arange(w.value.size) + k).reshape(w.shape)
            for k, w in enumerate(layer.weights)
        ]
    )


def test_every_figure_has_its_case():
    assert set(CASES) == set(FIGURES)


@pytest.mark.parametrize("backend", ["native", "reference", "cython", "numba"])
@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore::cnnlite.errors.CnnliteWarning")  # cython lacks GRU
def test_keras_figures(name: str, backend: str):
    layer, mask, start = CASES[name]
    x = np.array(X, "float32")
    layer.ensure_built(x.shape)
    set_cosines(layer)
    with cnnlite.using_backend(backend):
        y = layer(x, mask=mask, initial_state=start)
    outputs = y if isinstance(y, list) else [y]
    for got, right in zip(outputs, FIGURES[name], strict=True):
        np.testing.assert_allclose(got, np.array(right), atol=2e-6)


def run(layer: Any, x: Any, dy: Any, **call: Any) -> tuple[Any, Any, list[np.ndarray]]:
    """Return the output, the input's gradient and the weights' of one call."""
    layer.ensure_built([a.shape for a in x] if isinstance(x, list) else x.shape)
    ctx = Context(StepState(Clock(1)), layer=layer)
    y = ctx.call(x, **call)
    dx = ctx.backward(dy)
    return y, dx, ctx.step.gradients(layer.trainable_weights)


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_is_its_cell_shared_by_all_steps(
    kind: str, sequences: bool, backwards: bool, masked: bool
):
    """Outputs, states and all gradients are those of the loop over one shared cell."""
    x, mask = random(3, 4, 5), np.array([[1, 1, 1, 1], [0, 1, 0, 1], [1, 0, 1, 0]], "uint8")
    options = {
        "return_sequences": sequences, "return_state": True, "go_backwards": backwards,
        "dtype": "float64",
    }  # fmt: skip
    with cnnlite.using_backend("reference"):
        fast = KINDS[kind](2, **options)
        slow = layers.RNN(getattr(layers, f"{kind}Cell")(2, dtype="float64"), **options)
        for layer in (fast, slow):
            layer.ensure_built(x.shape)
            set_cosines(layer)
        dys = [random(3, 4, 2) if sequences else random(3, 2)]
        dys += [random(3, 2) + k for k in range(2 if kind == "LSTM" else 1)]
        found = [run(one, x, dys, mask=mask if masked else None) for one in (fast, slow)]
    for a, b in zip(found[0][0], found[1][0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-11)
    for a, b in zip(found[0][2], found[1][2], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_many_to_many_is_the_same_dense_layer_at_every_step(kind: str):
    """RNN, then Dense on the sequence: what TimeDistributed(Dense) does, and trains."""
    x = random(8, 4, 5).astype("float32")
    model = cnnlite.Sequential(
        [cnnlite.Input((4, 5)), KINDS[kind](6, return_sequences=True), layers.Dense(2)]
    )
    target = np.cumsum(x[:, :, :2], axis=1)
    model.compile(cnnlite.optimizers.Adam(0.01), "mean_squared_error")
    assert model.predict(x, verbose=0).shape == (8, 4, 2)
    before = model.evaluate(x, target, verbose=0)
    model.fit(x, target, epochs=60, verbose=0)
    after = model.evaluate(x, target, verbose=0)
    assert np.ravel(after)[0] < 0.8 * np.ravel(before)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_stateful_batches_are_one_long_sequence(kind: str):
    x = random(2, 6, 3).astype("float32")
    whole = KINDS[kind](4, return_sequences=True)
    parts = KINDS[kind](4, return_sequences=True, stateful=True)
    whole.ensure_built(x.shape)
    parts.ensure_built((2, 2, 3))
    states = parts.carried_states
    assert len(states) == (2 if kind == "LSTM" else 1)
    parts.set_weights(whole.get_weights())
    right = whole(x)
    for _ in range(2):
        got = [parts(x[:, k : k + 2]) for k in (0, 2, 4)]
        np.testing.assert_array_equal(np.concatenate(got, axis=1), right)
        assert any(s.numpy().any() for s in states)
        parts.reset_states()
        assert not any(s.numpy().any() for s in states)


def test_a_stateful_layer_keeps_its_state_in_a_plan():
    x = random(2, 6, 3).astype("float32")
    model = cnnlite.Sequential([cnnlite.Input((2, 3), batch_size=2), layers.LSTM(4, stateful=True)])
    first = [model.predict(x[:, k : k + 2], batch_size=2, verbose=0) for k in (0, 2, 4)]
    again = model.predict(x[:, :2], batch_size=2, verbose=0)
    assert not np.array_equal(again, first[0])
    model.layers[-1].reset_state()
    np.testing.assert_array_equal(model.predict(x[:, :2], batch_size=2, verbose=0), first[0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_mask_at_the_end_equals_shorter_sequences(kind: str):
    x = random(2, 5, 3).astype("float32")
    layer = KINDS[kind](4)
    y = layer(x, mask=np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool))
    np.testing.assert_array_equal(y[0], layer(x[:1, :3])[0])
    np.testing.assert_array_equal(y[1], layer(x[1:])[0])


@pytest.mark.parametrize("recurrent", [0.0, 0.5])
@pytest.mark.parametrize("kind", KINDS)
def test_dropout_is_one_draw_for_a_sequence(kind: str, recurrent: float):
    """With U = 0 a step depends on its own x alone: equal steps then give equal candidates."""
    x = np.repeat(random(64, 1, 8), 3, axis=1).astype("float32")
    layer = KINDS[kind](4, dropout=0.5, recurrent_dropout=recurrent, return_sequences=True)
    layer.ensure_built(x.shape)
    if kind == "SimpleRNN":
        layer.recurrent_kernel.assign(np.zeros((4, 4)))
        y = layer(x, training=True)
        np.testing.assert_array_equal(y[:, 0], y[:, 2])
    assert not np.array_equal(layer(x, training=True), layer(x))
    np.testing.assert_array_equal(layer(x), layer(x))


@pytest.mark.parametrize("kind", KINDS)
def test_multiply_adds_count_both_products_of_each_step(kind: str):
    gates = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}[kind]
    layer = KINDS[kind](128)
    assert layer.multiply_adds((None, 28, 28)) == 28 * gates * 128 * (28 + 128)
    both = layers.Bidirectional(KINDS[kind](128))
    assert both.multiply_adds((None, 28, 28)) == 2 * 28 * gates * 128 * (28 + 128)
    dense = layers.TimeDistributed(layers.Dense(3))
    assert dense.multiply_adds((None, 5, 7)) == 5 * 7 * 3


@pytest.mark.parametrize("kind", KINDS)
def test_configuration_makes_an_equal_layer(kind: str):
    layer = KINDS[kind](
        3, activation="relu", recurrent_initializer="glorot_uniform", dropout=0.25,
        return_sequences=True, stateful=True, name="mine",
    )  # fmt: skip
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert (again.units, again.activation, again.dropout) == (3, "relu", 0.25)
    both = layers.Bidirectional(KINDS[kind](3, return_sequences=True), merge_mode="sum")
    assert layers.Bidirectional.from_config(both.get_config()).get_config() == both.get_config()


def test_unit_forget_bias():
    layer = layers.LSTM(2)
    layer.ensure_built((None, 3, 4))
    assert layer.bias.numpy().tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
    layer = layers.LSTM(2, unit_forget_bias=False)
    layer.ensure_built((None, 3, 4))
    assert not layer.bias.numpy().any()


@pytest.mark.parametrize("batch", [0, 1])
@pytest.mark.parametrize("steps", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_no_steps_and_no_sequences(kind: str, steps: int, batch: int):
    x = random(2, 3, 5)[:batch, :steps].astype("float32")
    for make in (KINDS[kind], lambda u, **kw: layers.RNN(getattr(layers, f"{kind}Cell")(u), **kw)):
        y, dx, gradients = run(make(4), x, np.ones((batch, 4), "float32"))
        assert y.shape == (batch, 4) and dx.shape == x.shape
        assert steps or not y.any()
        assert all(np.isfinite(g).all() for g in gradients)
        assert gradients[0].any() == bool(steps * batch)
        assert make(4, return_sequences=True)(x).shape == (batch, steps, 4)


BAD = {
    "units": (lambda: layers.LSTM(0), ShapeError, "units.*0"),
    "activation": (lambda: layers.GRU(2, activation="softmax"), ValueError, "softmax"),
    "function": (lambda: layers.LSTM(2, activation=np.tanh), TypeError, "derivative"),
    "rate": (lambda: layers.LSTM(2, dropout=1.0), ValueError, "dropout.*1.0"),
    "rank": (lambda: layers.LSTM(2)(np.ones((2, 3), "f4")), ShapeError, r"steps.*\(2, 3\)"),
    "state": (
        lambda: layers.GRU(2)(np.ones((2, 3, 4), "f4"), initial_state=np.ones((2, 5), "f4")),
        ShapeError,
        "initial state",
    ),
    "batch": (
        lambda: layers.GRU(2, stateful=True)(cnnlite.Input((3, 4))),
        ValueError,
        "fixed batch size",
    ),
    "cell": (lambda: layers.RNN("lstm"), TypeError, "'lstm'"),
    "state_size": (lambda: layers.RNN(layers.Dense(2)), TypeError, "state_size"),
    "cells": (lambda: layers.StackedRNNCells([]), ValueError, "cells"),
    "merge_mode": (lambda: layers.Bidirectional(layers.GRU(2), "max"), ValueError, "'max'"),
    "wrapped": (lambda: layers.Bidirectional(layers.Dense(2)), TypeError, "recurrent"),
    "direction": (
        lambda: layers.Bidirectional(layers.GRU(2), backward_layer=layers.GRU(2)),
        ValueError,
        "same direction",
    ),
    "steps": (
        lambda: layers.TimeDistributed(layers.Dense(2))(np.ones((2, 3), "f4")),
        ShapeError,
        "steps",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str):
    make, error, message = BAD[name]
    with pytest.raises(error, match=message):
        make()


def test_a_stateful_layer_refuses_another_batch_size():
    layer = layers.GRU(2, stateful=True)
    layer(np.ones((2, 3, 4), "float32"))
    with pytest.raises(ShapeError, match="batch of 2"):
        layer(np.ones((1, 3, 4), "float32"))


class Average(layers.Layer):
    """A cell of the user's: the mean of its input and its state."""

    several_inputs = True

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape: Any) -> None:
        self.half = self.add_weight((1, self.units), "ones", name="half")

    def call(self, x: Any, *, ctx: Context, training: bool = False) -> Any:
        y = ops.multiply(ops.add(*x), self.half)
        ctx.save(ops.add(*x))
        return [y, y]

    def backward(self, dy: Any, *, ctx: Context) -> Any:
        parts = [d for d in dy if d is not None]
        total = ops.add(*parts) if len(parts) == 2 else parts[0]
        rows = ops.reduce_to(ops.multiply(total, ctx.saved[0]), (1, self.units))
        ops.add(rows, ops.full((1, self.units), 0.0, self.dtype), out=ctx.grad(self.half))
        dx = ops.multiply(total, self.half)
        return [dx, dx]


def test_a_cell_of_ones_own():
    """With weight 1 it is a running sum; its weight's gradient adds up over the steps."""
    x = np.array([[[1.0], [2.0], [3.0]]], "float32")
    y, dx, (dw,) = run(layers.RNN(Average(1)), x, np.ones((1, 1), "float32"))
    assert y.tolist() == [[6.0]] and dx.tolist() == [[[1.0], [1.0], [1.0]]]
    assert dw.tolist() == [[1.0 + 3.0 + 6.0]]  # d/dw of w(w(w 1 + 2) + 3) at w = 1
