"""Every layer's backward against central differences of its call, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cnnlite import layers, ops
from tests.layers.layer_gradients import ACTIVATIONS, Maker, check, f64, spread

pytestmark = pytest.mark.usefixtures("float64_reference")


def _recurrent() -> list[tuple[Any, ...]]:
    """Return recurrent layers of every option that changes the arithmetic."""
    x, h = (3, 4, 2), (3, 3)
    found: list[tuple[Any, ...]] = []
    for cls, cell, states in (
        (layers.SimpleRNN, layers.SimpleRNNCell, 1),
        (layers.LSTM, layers.LSTMCell, 2),
        (layers.GRU, layers.GRUCell, 1),
    ):
        found += [
            (f64(cls, 3), x),
            (f64(cls, 3, return_sequences=True, return_state=True), x, *[h] * states),
            (f64(cls, 3, use_bias=False, go_backwards=True), x),
            (f64(cls, 3, activation="sigmoid", return_sequences=True), x),
            (f64(cell, 3), (3, 2), *[h] * states),
            (f64(layers.RNN, cell(3, dtype="float64"), return_state=True), x, *[h] * states),
            (f64(layers.Bidirectional, cls(3, dtype="float64", return_sequences=True)), x),
        ]
        if cls is not layers.SimpleRNN:
            found.append((f64(cls, 3, recurrent_activation="hard_sigmoid"), x))
    stack = [layers.LSTMCell(3, dtype="float64"), layers.GRUCell(2, dtype="float64")]
    both = layers.LSTM(3, dtype="float64", return_state=True)
    found += [
        (f64(layers.GRU, 3, reset_after=False, return_sequences=True), x),
        (f64(layers.GRU, 3, recurrent_activation="tanh"), x),
        (f64(layers.GRU, 3, reset_after=False, use_bias=False), x),
        (f64(layers.StackedRNNCells, stack), (3, 2), h, h, (3, 2)),
        (f64(layers.RNN, stack, return_sequences=True, go_backwards=True), x),
        *(
            (f64(layers.Bidirectional, layers.GRU(3, dtype="float64"), merge_mode=mode), x)
            for mode in ("sum", "mul", "ave", None)
        ),
        (f64(layers.Bidirectional, both), x, *[h] * 4),
        (f64(layers.TimeDistributed, layers.Dense(3, dtype="float64")), x),
    ]
    return found


IMAGE, STEPS = (2, 5, 6, 4), (2, 7, 4)


CASES = [
    *((f64(layers.Dense, 3, activation=a), (4, 5)) for a in ACTIVATIONS),
    (f64(layers.Dense, 3, use_bias=False), (4, 5)),
    (f64(layers.Dense, 3, activation="tanh"), (2, 3, 5)),
    (f64(layers.Dense, 2, activation="softmax"), (2, 2, 2, 3)),
    *((f64(layers.Conv2D, 3, 2, activation=a), (2, 4, 3, 2)) for a in ACTIVATIONS),
    (f64(layers.Conv2D, 4, 3, use_bias=False), IMAGE),
    (f64(layers.Conv2D, 4, 3, padding="same"), IMAGE),
    (f64(layers.Conv2D, 4, (3, 2), strides=(2, 3)), IMAGE),
    (f64(layers.Conv2D, 4, (2, 3), strides=(3, 2), padding="same"), IMAGE),
    (f64(layers.Conv2D, 4, (2, 3), dilation_rate=(3, 2)), IMAGE),
    (f64(layers.Conv2D, 4, 3, dilation_rate=2, padding="same"), IMAGE),
    (f64(layers.Conv2D, 6, 3, groups=2, padding="same"), IMAGE),
    (f64(layers.Conv2D, 8, 2, groups=4, strides=2, activation="sigmoid"), IMAGE),
    (f64(layers.Conv2D, 4, 1), IMAGE),
    *((f64(layers.Activation, a), (3, 4)) for a in ACTIVATIONS),
    (f64(layers.Activation, "softmax"), (2, 3, 4)),
    (f64(layers.ReLU), (2, 3, 4)),
    (f64(layers.ReLU, max_value=0.1, negative_slope=0.5, threshold=0.02), (2, 3, 4)),
    (f64(layers.LeakyReLU), (2, 3, 4)),
    (f64(layers.ELU, 0.7), (2, 3, 4)),
    (f64(layers.Softmax), (2, 3, 4)),
    (f64(layers.Softmax, axis=1), (2, 3, 4)),
    (f64(layers.Softmax, axis=(-1, 1)), (2, 3, 4)),
    (f64(layers.PReLU), (2, 3, 4)),
    (f64(layers.PReLU, shared_axes=(1, 2)), (2, 3, 2, 4)),
    (f64(layers.Dense, 3, activation=layers.LeakyReLU(0.2)), (4, 5)),
    (f64(layers.Dense, 3, use_bias=False, activation=layers.Softmax(1)), (2, 4, 5)),
    (f64(layers.Conv2D, 3, 2, activation=layers.ELU(0.5)), (2, 4, 3, 2)),
    (f64(layers.SpatialDropout1D, 0.5), (3, 4, 2)),
    (f64(layers.SpatialDropout2D, 0.5), (3, 4, 2, 2)),
    *(
        (f64(pool, *args, **kwargs), IMAGE)
        for pool in (layers.MaxPooling2D, layers.AveragePooling2D)
        for args, kwargs in [
            ((2,), {}),
            ((3,), {}),
            (((2, 3),), {"strides": (1, 2)}),
            (((3, 2),), {"strides": 1, "padding": "same"}),
            ((2,), {"strides": 3, "padding": "same"}),
            ((1,), {"strides": 2}),
        ]
    ),
    *(
        (f64(pool, *args, **kwargs), STEPS)
        for pool in (layers.MaxPooling1D, layers.AveragePooling1D)
        for args, kwargs in [((2,), {}), ((3, 2), {"padding": "same"}), ((2, 3), {})]
    ),
    *(
        (f64(pool, keepdims=keepdims), shape)
        for keepdims in (False, True)
        for pool, shape in [
            (layers.GlobalMaxPooling1D, STEPS),
            (layers.GlobalMaxPooling2D, IMAGE),
            (layers.GlobalAveragePooling1D, STEPS),
            (layers.GlobalAveragePooling2D, IMAGE),
        ]
    ),
    *(
        (f64(layers.Conv1D, 3, 2, **kwargs), STEPS)
        for kwargs in [
            {"activation": "tanh"},
            {"strides": 2, "use_bias": False},
            {"padding": "same", "dilation_rate": 2},
            {"padding": "causal", "dilation_rate": 3},
            {"padding": "causal", "strides": 2, "activation": "softmax"},
        ]
    ),
    (f64(layers.Conv1D, 6, 3, groups=2), STEPS),
    *(
        (f64(layers.Conv2DTranspose, 3, (3, 2), **kwargs), (2, 3, 2, 4))
        for kwargs in [
            {"activation": "sigmoid"},
            {"strides": 2, "use_bias": False},
            {"strides": (2, 3), "padding": "same"},
            {"strides": (1, 4), "activation": "softmax"},
            {"strides": (2, 3), "output_padding": (1, 2)},
            {"strides": 2, "output_padding": (0, 1), "padding": "same"},
            {"dilation_rate": (2, 3), "padding": "same"},
        ]
    ),
    (f64(layers.Conv1DTranspose, 3, 3, strides=2, padding="same"), STEPS),
    (f64(layers.Conv1DTranspose, 3, 4, activation="gelu"), STEPS),
    *(
        (f64(layer, *args, (3, 2), **kwargs), IMAGE)
        for layer, args in [(layers.DepthwiseConv2D, ()), (layers.SeparableConv2D, (3,))]
        for kwargs in [
            {"activation": "tanh"},
            {"strides": 2, "padding": "same", "depth_multiplier": 3},
            {"dilation_rate": 2, "use_bias": False},
        ]
    ),
    (f64(layers.DepthwiseConv1D, 3, depth_multiplier=2, padding="same"), STEPS),
    (f64(layers.SeparableConv1D, 3, 3, strides=2, activation="relu"), STEPS),
    (f64(layers.ZeroPadding1D, (2, 1)), STEPS),
    (f64(layers.ZeroPadding2D, ((1, 0), (2, 3))), IMAGE),
    (f64(layers.Cropping1D, (2, 1)), STEPS),
    (f64(layers.Cropping2D, ((1, 0), (2, 1))), IMAGE),
    (f64(layers.UpSampling1D, 3), STEPS),
    (f64(layers.UpSampling2D, (2, 3)), IMAGE),
    (f64(layers.UpSampling2D, (3, 2), interpolation="bilinear"), IMAGE),
    (f64(layers.Rescaling, [0.5, -2, 3, 1], offset=1.5), (2, 3, 4)),
    (f64(layers.Normalization, mean=[1, 2, 3, 4], variance=[1, 4, 0.25, 0]), (2, 3, 4)),
    (f64(layers.Normalization, None, 3, 2.25, invert=True), (2, 3, 4)),
    (f64(layers.RandomFlip), IMAGE),
    (f64(layers.RandomTranslation, 0.5, 0.5), IMAGE),
    (f64(layers.Flatten), (2, 3, 2, 2)),
    (f64(layers.Dropout, 0.0), (3, 4)),
    (f64(layers.Dropout, 0.5), (3, 4)),
    (f64(layers.GaussianNoise, 0.5), (3, 4)),
    (f64(layers.GaussianDropout, 0.5), (3, 4)),
    (f64(layers.BatchNormalization), (4, 3)),
    (f64(layers.BatchNormalization, axis=1), (2, 3, 2, 2)),
    (f64(layers.LayerNormalization), (2, 3, 4)),
    (f64(layers.LayerNormalization, axis=[1, 2]), (2, 3, 4)),
    (f64(layers.LayerNormalization, axis=1, epsilon=0.1), (2, 3, 4)),
    (f64(layers.LayerNormalization, scale=False), (2, 5)),
    (f64(layers.LayerNormalization, center=False), (2, 5)),
    (f64(layers.LayerNormalization, rms_scaling=True), (3, 5)),
    (f64(layers.LocalResponseNormalization, alpha=0.1), (2, 3, 7)),
    *(
        (f64(cls), *shapes)
        for cls in (layers.Add, layers.Average, layers.Multiply, layers.Maximum, layers.Minimum)
        for shapes in [((2, 3),), ((2, 3), (2, 1)), ((2, 3, 2), (2, 2), (2, 1, 1))]
        if cls is not layers.Multiply or len(shapes) < 3  # its products would be too small
    ),
    (f64(layers.Multiply), (2, 3, 6), (2, 6)),
    (f64(layers.Subtract), (2, 3), (2, 3)),
    (f64(layers.Subtract), (2, 3), (2, 2, 1)),
    *(
        (f64(layers.Dot, axes, normalize=normalize), *shapes)
        for normalize in (False, True)
        for axes, shapes in [
            (1, ((2, 3), (2, 3))),
            (-1, ((2, 4, 3), (2, 3))),
            ((1, 2), ((2, 3, 5), (2, 4, 3))),
            ((2, 1), ((2, 2, 3, 2), (2, 3, 2, 2))),
        ]
    ),
    (f64(layers.Reshape, (3, -1)), (2, 2, 6)),
    (f64(layers.Permute, (2, 3, 1)), (2, 3, 4, 2)),
    (f64(layers.RepeatVector, 3), (2, 4)),
    (f64(layers.Embedding, 5, 3), (2, 4)),
    (f64(layers.Embedding, 5, 3, mask_zero=True), (6,)),
    (f64(layers.Masking), (2, 3, 4)),
    (f64(layers.ActivityRegularization, l2=0.1), (2, 3)),
    *(
        (f64(cls, **options), *shapes)
        for cls, options in [
            (layers.Attention, {}),
            (layers.Attention, {"use_scale": True}),
            (layers.Attention, {"score_mode": "concat"}),
            (layers.Attention, {"score_mode": "concat", "use_scale": True}),
            (layers.AdditiveAttention, {}),
            (layers.AdditiveAttention, {"use_scale": False}),
        ]
        for shapes in [((2, 3, 4), (2, 5, 4)), ((2, 3, 4), (2, 6, 3), (2, 6, 4))]
    ),
    *(
        (f64(layers.MultiHeadAttention, 2, 3, **options), (2, 3, 4), (2, 5, 3), (2, 5, 2))
        for options in [
            {},
            {"value_dim": 2, "use_bias": False},
            {"output_shape": 5},
            {"output_shape": (2, 3), "sliding_window": 2},
        ]
    ),
    (f64(layers.Add), (2, 3), (2, 3)),
    (f64(layers.Add), (2, 3, 2), (2, 3, 2), (2, 3, 2)),
    (f64(layers.Concatenate), (2, 3), (2, 1)),
    (f64(layers.Concatenate, axis=1), (2, 3, 2, 1), (2, 1, 2, 1), (2, 2, 2, 1)),
    (f64(layers.Concatenate, axis=2), (2, 3, 2, 1), (2, 3, 1, 1)),
    (f64(layers.Concatenate, axis=-1), (2, 3, 2, 1), (2, 3, 2, 4)),
    *_recurrent(),
]


@pytest.mark.parametrize(
    ("maker", "shapes"),
    [(maker, shapes) for maker, *shapes in CASES],
    ids=[f"{maker.text} on {shapes}" for maker, *shapes in CASES],
)
def test_gradients(maker: Maker, shapes: list[tuple[int, ...]]):
    """Each input and each weight, by the norm of its gradient."""
    layer = maker.make()
    inputs = [spread(*shape) + 0.003 * i for i, shape in enumerate(shapes)]
    if layer.input_dtype == "int32":
        inputs = [(np.arange(x.size, dtype=np.int32) % 4).reshape(x.shape) for x in inputs]
    check(layer, *inputs)


def test_the_table_covers_every_layer():
    """A layer without a gradient check is a layer without a test; other names are no layers."""
    checked = {type(maker.make()).__name__ for maker, *_ in CASES}
    # Functions (of lower-case names) call the layers; test_lambda checks a Lambda's gradients.
    wanted = {n for n in layers.__all__ if n[0].isupper()} - {
        "Input",
        "InputLayer",
        "Lambda",
        "Layer",
    }
    assert checked == {getattr(layers, name).__name__ for name in wanted}


def test_the_check_itself_finds_an_error():
    """A gradient that is off by one part in 100,000 fails."""

    class Wrong(layers.Layer):
        def call(self, x, *, ctx, training=False, mask=None):
            ctx.save(x)
            return ops.multiply(x, x)

        def backward(self, dy, *, ctx):
            (x,) = ctx.saved
            return ops.multiply(dy, x * (2 + 2e-5))

    with pytest.raises(AssertionError, match="input 0"):
        check(Wrong(dtype="float64"), spread(2, 3))
