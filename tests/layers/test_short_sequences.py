"""Sequences of 0 and 1 steps, and batches of none, through every layer that takes sequences.

Each gives a result of the promised shape, forward and backward, or an error that names the
layer, the axis and the mend.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import layers
from cnnlite.errors import ShapeError
from cnnlite.layers.context import Context, StepState

F, UNITS = 3, 4
SIZES = [(2, 0), (2, 1), (0, 3), (0, 1), (0, 0)]  # (batch, steps)


def steps(n: int, t: int) -> np.ndarray:
    return np.random.default_rng(n + t).normal(size=(n, t, F)).astype("float32")


def pairs(n: int, t: int) -> list[np.ndarray]:
    return [steps(n, t), steps(n, t) + 1]


def two_queries(n: int, t: int) -> list[np.ndarray]:
    """Two steps that look at t."""
    return [steps(n, 2), steps(n, t)]


def two_keys(n: int, t: int) -> list[np.ndarray]:
    """t steps that look at two."""
    return [steps(n, t), steps(n, 2)]


Inputs = Callable[[int, int], Any]
Row = tuple[Callable[[], layers.Layer], Inputs, bool]  # the layer, its inputs, whether masked


def row(name: str, *args: Any, inputs: Inputs = steps, mask: bool = False, **kwargs: Any) -> Row:
    return lambda: getattr(layers, name)(*args, **kwargs), inputs, mask


def recurrent() -> dict[str, Row]:
    found = {}
    for name in ("SimpleRNN", "LSTM", "GRU"):
        for sequences in (False, True):
            both = {"return_sequences": sequences}
            label = f"{name} {'all steps' if sequences else 'last step'}"
            found[label] = row(name, UNITS, return_state=True, **both)
            found[f"{label}, masked"] = row(name, UNITS, mask=True, **both)
            cell, layer = getattr(layers, f"{name}Cell"), getattr(layers, name)
            found[f"RNN of {label}"] = (
                lambda cell=cell, both=both: layers.RNN(cell(UNITS), **both), steps, True
            )  # fmt: skip
            for mode in ("concat", "sum", "mul", "ave", None):
                found[f"Bidirectional {label} {mode}"] = (
                    lambda layer=layer, both=both, mode=mode: layers.Bidirectional(
                        layer(UNITS, **both), merge_mode=mode
                    ),
                    steps,
                    False,
                )
    return found


def attention() -> dict[str, Row]:
    found = {}
    for inputs in (pairs, two_queries, two_keys):
        for name, args in (("Attention", (True,)), ("Attention", (True, "concat")),
                           ("AdditiveAttention", ())):  # fmt: skip
            found[f"{name}{args} {inputs.__name__}"] = row(name, *args, inputs=inputs)
        found[f"MultiHeadAttention {inputs.__name__}"] = row(
            "MultiHeadAttention", 2, UNITS, inputs=lambda n, t, i=inputs: [*i(n, t), i(n, t)[1]]
        )
    return found


ALWAYS: dict[str, Row] = {
    **{f"Conv1D {p} {s}": row("Conv1D", UNITS, 2, padding=p, strides=s, activation="relu")
       for p in ("same", "causal") for s in (1, 2)},
    "Conv1D groups": row("Conv1D", 6, 3, padding="same", groups=3, dilation_rate=2),
    "SeparableConv1D": row("SeparableConv1D", UNITS, 2, padding="same"),
    "DepthwiseConv1D": row("DepthwiseConv1D", 2, padding="same"),
    **{f"Conv1DTranspose {p}": row("Conv1DTranspose", UNITS, 2, strides=2, padding=p)
       for p in ("valid", "same")},
    "Conv1DTranspose wide": row("Conv1DTranspose", UNITS, 5),
    "MaxPooling1D": row("MaxPooling1D", 2, padding="same"),
    "AveragePooling1D": row("AveragePooling1D", 2, padding="same"),
    **{name: row(name) for name in (
        "Flatten", "Masking", "LayerNormalization", "BatchNormalization", "UpSampling1D",
        "ZeroPadding1D", "ReLU", "LeakyReLU", "ELU", "Softmax", "ActivityRegularization",
        "Normalization", "LocalResponseNormalization",
    )},
    "BatchNormalization masked": row("BatchNormalization", mask=True),
    "PReLU": row("PReLU", shared_axes=[1]),
    "Softmax over steps": row("Softmax", axis=1),
    "Activation": row("Activation", "softmax"),
    "Rescaling": row("Rescaling", 2.0),
    **{name: row(name, 0.5) for name in (
        "Dropout", "SpatialDropout1D", "GaussianNoise", "GaussianDropout",
    )},
    "Permute": row("Permute", (2, 1)),
    "Reshape": row("Reshape", (F, -1)),
    "RepeatVector": row("RepeatVector", 2, inputs=lambda n, t: np.ones((n, t + 1), "float32")),
    "Dense": row("Dense", UNITS),
    "TimeDistributed": (lambda: layers.TimeDistributed(layers.Dense(UNITS)), steps, False),
    "Embedding": row(
        "Embedding", 5, UNITS, mask_zero=True, inputs=lambda n, t: np.ones((n, t), "int32")
    ),
    **{name: row(name, inputs=pairs) for name in (
        "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate",
    )},
    "Concatenate steps": row("Concatenate", axis=1, inputs=pairs),
    **{f"Dot {axis}": row("Dot", axis, inputs=pairs) for axis in (1, 2)},
    "StackedRNNCells": (
        lambda: layers.RNN([layers.LSTMCell(UNITS), layers.GRUCell(2)], return_sequences=True),
        steps, True,
    ),
    **recurrent(),
    **attention(),
}  # fmt: skip


def listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


@pytest.mark.parametrize(("n", "t"), SIZES)
@pytest.mark.parametrize("name", ALWAYS)
def test_a_short_sequence_has_a_result_and_gradients(name: str, n: int, t: int):
    """Of the promised shapes, without NaN; a batch of none moves no weight."""
    make, inputs, masked = ALWAYS[name]
    layer, x = make(), inputs(n, t)
    arguments = {"mask": np.ones((n, t), "uint8")} if masked else {}
    shapes = [a.shape for a in x] if isinstance(x, list) else x.shape
    layer.ensure_built(shapes)
    before = [p.numpy() for p in layer.non_trainable_weights]
    ctx = Context(StepState(), layer=layer)
    y = ctx.call(x, training=True, **arguments)
    assert [a.shape for a in listed(y)] == [
        tuple(s) for s in listed_shapes(layer.compute_output_shape(shapes))
    ]
    dy = [np.ones_like(a) for a in listed(y)]
    dx = ctx.backward(dy if isinstance(y, list) else dy[0])
    for d, a in zip(listed(dx), listed(x), strict=True):
        assert d is None or d.shape == a.shape
    gradients = ctx.step.gradients(layer.trainable_weights)
    for array in (*listed(y), *gradients, *(d for d in listed(dx) if d is not None)):
        assert np.isfinite(array).all()
    if n == 0:
        assert not any(g.any() for g in gradients)
    if n * t == 0:  # nothing was seen: no running statistic moves
        for old, weight in zip(before, layer.non_trainable_weights, strict=True):
            np.testing.assert_array_equal(old, weight.numpy())


def listed_shapes(shapes: Any) -> list[Any]:
    return shapes if isinstance(shapes, list) else [shapes]


NEVER: list[tuple[Row, int, str]] = [
    *((row(name, *args), t, rf"window of \(2,\).*size of {t} .*padding=.same")
      for name, args in (("Conv1D", (UNITS, 2)), ("SeparableConv1D", (UNITS, 2)),
                         ("DepthwiseConv1D", (2,)), ("MaxPooling1D", (2,)),
                         ("AveragePooling1D", (2,))) for t in (0, 1)),
    (row("Conv1D", UNITS, 1), 0, r"window of \(1,\).*padding=.same"),
    (row("MaxPooling1D", 1), 0, r"window of \(1,\).*padding=.same"),
    *((row(name), 0, "nothing to pool.*Pass one or more")
      for name in ("GlobalMaxPooling1D", "GlobalAveragePooling1D")),
    (row("GlobalAveragePooling1D", mask=True), 0, "nothing to pool.*Pass one or more"),
    *((row("Cropping1D", (1, 0)), t, "leaves nothing.*Crop less") for t in (0, 1)),
    (row("LayerNormalization", axis=1), 0, "not 0.*another axis"),
    (row("LayerNormalization", axis=[1, 2]), 0, "not 0.*another axis"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "t", "pattern"), NEVER)
def test_what_has_no_result_says_so(case: Row, t: int, pattern: str):
    """The error names the layer, the axis of the steps, what came and what to do."""
    make, inputs, masked = case
    for n in (2, 0):
        layer = make()
        arguments = {"mask": np.ones((n, t), "uint8")} if masked else {}
        with pytest.raises(ShapeError, match=f"^{layer.name}: .*{pattern}") as raised:
            layer(inputs(n, t), **arguments)
        assert "axis 1" in str(raised.value)


def test_no_steps_leave_the_state_as_it_was():
    """A recurrent layer returns its initial state, or 0, and hands the gradient back to it."""
    x, h, c = np.zeros((1, 0, F), "float32"), np.full((1, 2), 3.0), np.full((1, 2), 5.0)
    layer = layers.LSTM(2, return_state=True)
    _, h_end, c_end = layer(x, initial_state=[h, c])
    np.testing.assert_array_equal([h_end, c_end], [h, c])
    assert not layers.GRU(2)(x).any()


def test_one_step_is_its_own_maximum_mean_and_only_key():
    """Worked out by hand: with one step there is nothing to choose from."""
    x = steps(2, 1)
    for name in ("GlobalMaxPooling1D", "GlobalAveragePooling1D"):
        np.testing.assert_array_equal(getattr(layers, name)()(x), x[:, 0])
    np.testing.assert_array_equal(layers.Attention()([steps(2, 3), x]), x.repeat(3, axis=1))
    ones = layers.Conv1D(1, 5, padding="same", kernel_initializer="ones")
    np.testing.assert_allclose(ones(x)[:, 0, 0], x.sum(axis=(1, 2)), rtol=1e-6, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*the slow reference computes it")
@pytest.mark.parametrize("backend", ["native", "cython", "numba", "reference"])
def test_a_model_takes_sequences_of_any_length(backend: str):
    """It predicts and trains on 0 steps as on 3; nothing becomes NaN."""
    with cnnlite.using_backend(backend):
        words = cnnlite.Input((None,), dtype="int32")
        h = layers.Embedding(5, 4)(words)
        h = layers.MaxPooling1D(2, padding="same")(layers.Conv1D(4, 3, padding="causal")(h))
        h = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(h)
        model = cnnlite.Model(words, layers.Dense(1)(layers.GRU(3)(h)))
        model.compile("adam", "mse")
        for n, t in ((2, 3), *SIZES[:3]):
            x = np.ones((n, t), "int32")
            assert model.predict(x, verbose=0).shape == (n, 1)
            if n:
                model.fit(x, np.ones((n, 1)), verbose=0)
        assert all(np.isfinite(w).all() for w in model.get_weights())
