"""Every layer's backward against central differences of its call, in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import layers, ops
from cnnlite.layers.context import Clock, Context, StepState
from tests.gradient_check import assert_gradient, central_difference

ACTIVATIONS = ["linear", "relu", "sigmoid", "tanh", "softmax"]


@pytest.fixture(autouse=True)
def _reference() -> Iterator[None]:
    """float64 is the reference's alone; ask for it instead of falling to it."""
    with cnnlite.using_backend("reference"):
        cnnlite.set_random_seed(7)
        yield


def spread(*shape: int) -> np.ndarray:
    """Return distinct values, 0.02 or more apart and 0.01 or more from 0: no kink is near."""
    size = int(np.prod(shape))
    values = 0.02 * (np.arange(size) - size // 2) + 0.01
    return np.random.default_rng(size).permutation(values).reshape(shape)


def check(
    layer: layers.Layer,
    *inputs: np.ndarray,
    training: bool = False,
    mask: Any = None,
    may_vanish: bool = False,
    **arguments: Any,
) -> None:
    """Check the gradients of all weights and inputs of ``sum(r * layer(inputs))``.

    With ``may_vanish``, masks may leave an input no part in the result.
    """
    listed = layer.several_inputs or len(inputs) > 1
    xs: Any = list(inputs) if listed else inputs[0]
    shapes: Any = [x.shape for x in inputs] if listed else inputs[0].shape
    layer.ensure_built(shapes)
    arguments |= {} if mask is None else {"mask": mask}
    for weight in layer.weights:  # biases start at 0: move them, away from symmetry
        weight.assign(
            weight.numpy() + 0.1 * np.cos(np.arange(weight.value.size) + 1).reshape(weight.shape)
        )
    clock = Clock(5)
    clock.step = 3
    r = np.random.default_rng(1)

    def run() -> tuple[list[np.ndarray], Context]:
        ctx = Context(StepState(clock), node=2, layer=layer)
        y = layer.call(xs, ctx=ctx, training=training, **arguments)
        return y if isinstance(y, list) else [y], ctx

    ys, ctx = run()
    promised = layer.compute_output_shape(
        shapes, **{k: v for k, v in arguments.items() if k != "mask"}
    )
    for y, shape in zip(ys, promised if isinstance(promised, list) else [promised], strict=True):
        assert y.dtype == np.float64 and y.shape == shape
    weights_of_sum = [r.normal(size=y.shape) for y in ys]

    def value() -> float:
        return float(sum((y * w).sum() for y, w in zip(run()[0], weights_of_sum, strict=True)))

    dys = [w.copy() for w in weights_of_sum]
    dx = layer.backward(dys if isinstance(promised, list) else dys[0], ctx=ctx)
    for i, (x, d) in enumerate(zip(inputs, dx if listed else [dx], strict=True)):
        if x.dtype == np.float64:
            numeric = central_difference(value, x)
            if may_vanish and not numeric.any():
                assert not d.any()
                continue
            assert_gradient(d, numeric, f"input {i}")
    for weight in layer.trainable_weights:
        gradient = ctx.step.gradients([weight])[0]
        if weight.name.endswith("key/bias"):  # it adds the same to all of a query's scores
            assert np.abs(gradient).max() < 1e-12
            continue
        assert_gradient(gradient, central_difference(value, weight.value), weight.name)


def f64(cls: type, *args: Any, **kwargs: Any) -> Any:
    """Return a maker of float64 layers, named by its arguments in the test's id."""
    text = ", ".join([*map(repr, args), *(f"{k}={v!r}" for k, v in kwargs.items())])
    return Maker(lambda: cls(*args, dtype="float64", **kwargs), f"{cls.__name__}({text})")


class Maker:
    def __init__(self, make: Callable[[], Any], text: str) -> None:
        self.make, self.text = make, text


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


@pytest.mark.parametrize("recurrent", [0.0, 0.3])
@pytest.mark.parametrize(
    "make",
    [
        layers.SimpleRNN,
        layers.LSTM,
        layers.GRU,
        lambda units, **kw: layers.GRU(units, reset_after=False, **kw),
        lambda units, dtype, **kw: layers.RNN(
            [layers.LSTMCell(units, dtype=dtype, **kw), layers.GRUCell(2, dtype=dtype, **kw)],
            dtype=dtype,
        ),
    ],
    ids=["SimpleRNN", "LSTM", "GRU", "GRU before", "stacked"],
)
def test_recurrent_dropout_in_training(make: Any, recurrent: float):
    """With the draws fixed, the masks are constants of a whole sequence."""
    layer = make(3, dtype="float64", dropout=0.3, recurrent_dropout=recurrent)
    check(layer, spread(3, 4, 2), training=True)


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


STEPS = np.array([[1, 1, 0], [0, 1, 1]], "uint8")
OTHERS = np.array([[1, 0, 1], [0, 0, 1]], "uint8")
FIRST = np.array([[1, 1, 0], [1, 1, 1]], "uint8")  # so that a causal step sees one
ATTENTIONS = [f64(layers.Attention), f64(layers.AdditiveAttention)]


@pytest.mark.parametrize("cls", [layers.Multiply, layers.Maximum, layers.Minimum])
@pytest.mark.parametrize("masks", [[STEPS, OTHERS], [STEPS, None], [None, OTHERS]])
def test_merging_masked_steps(cls: type, masks: list):
    """What a mask leaves out gets no gradient."""
    layer = cls(dtype="float64")
    check(layer, spread(2, 3, 2), spread(2, 3, 2)[::-1].copy(), mask=masks, may_vanish=True)


@pytest.mark.parametrize("maker", ATTENTIONS, ids=lambda maker: maker.text)
@pytest.mark.parametrize(
    "options",
    [
        {"mask": [STEPS, OTHERS]},
        {"use_causal_mask": True},
        {"mask": [None, FIRST], "use_causal_mask": True},
        {"return_attention_scores": True},
    ],
    ids=lambda options: ", ".join(options),
)
def test_attention_with_masks(maker: Maker, options: dict):
    """Masks of query and value, causal, and a gradient that comes by the weights too."""
    inputs = (10 * spread(2, 3, 4), 9 * spread(2, 3, 4))
    check(maker.make(), *inputs, may_vanish=True, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"mask": [STEPS, FIRST, None, None]},
        {"mask": [None, FIRST, FIRST[::-1], None], "use_causal_mask": True},
        {"return_attention_scores": True},
    ],
    ids=lambda options: ", ".join(options),
)
@pytest.mark.parametrize("shape", [None, (3, 3), (2, 3, 3), (2, 2, 3, 3)])
def test_multi_head_attention_with_masks(options: dict, shape: tuple | None):
    layer = layers.MultiHeadAttention(2, 3, dtype="float64")
    inputs = [10 * spread(*sizes) for sizes in ((2, 3, 4), (2, 3, 2), (2, 3, 5))]
    if shape is not None:  # an attention mask, in which a query sees nothing
        inputs.append((np.arange(np.prod(shape)).reshape(shape) % 5 > 0).astype(np.uint8))
    check(layer, *inputs, may_vanish=True, **options)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Attention(dropout=0.4, dtype="float64"),
        layers.MultiHeadAttention(2, 3, dropout=0.4, seed=3, dtype="float64"),
    ],
    ids=lambda layer: layer.name,
)
def test_attention_with_dropout(layer: layers.Layer):
    """With clock and stream fixed, dropout is a fixed function of the weights."""
    check(layer, spread(2, 3, 4), spread(2, 3, 4) + 0.003, spread(2, 3, 4) - 0.003, training=True)


@pytest.mark.parametrize("seed", [None, 11])
@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
def test_dropout_in_training(rate: float, seed: int | None):
    """With clock and stream fixed, dropout is a fixed linear function."""
    check(layers.Dropout(rate, seed=seed, dtype="float64"), spread(6, 7), training=True)


@pytest.mark.parametrize("fill_mode", ["reflect", "constant", "nearest", "wrap"])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_translation_in_training(fill_mode: str, interpolation: str):
    options = {"fill_mode": fill_mode, "interpolation": interpolation, "fill_value": 2.0}
    layer = layers.RandomTranslation(0.7, (-0.2, 0.9), dtype="float64", **options)
    check(layer, spread(3, 4, 5, 2), training=True)


@pytest.mark.parametrize("mode", ["horizontal", "vertical", "horizontal_and_vertical"])
def test_flips_in_training(mode: str):
    check(layers.RandomFlip(mode, seed=3, dtype="float64"), spread(5, 3, 4, 2), training=True)


def test_average_over_unmasked_steps():
    """A masked step has no gradient, nor has a sequence of none."""
    x, r = spread(3, 4, 2), np.random.default_rng(0).normal(size=(3, 2))
    mask = np.array([[1, 1, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]], "uint8")
    layer, ctx = layers.GlobalAveragePooling1D(dtype="float64"), Context(StepState(Clock(0)))
    layer.call(x, ctx=ctx, mask=mask)
    dx = layer.backward(r.copy(), ctx=ctx)

    def value() -> float:
        return float((layer.call(x, ctx=Context(StepState(Clock(0))), mask=mask) * r).sum())

    assert_gradient(dx, central_difference(value, x), "input")
    assert not dx[mask == 0].any()


@pytest.mark.parametrize("fields", [{}, {"axis": 1}, {"scale": False}, {"center": False}], ids=str)
def test_batch_normalization_in_training(fields: dict):
    check(
        layers.BatchNormalization(dtype="float64", epsilon=0.01, **fields),
        spread(3, 4, 2),
        training=True,
    )


def test_gaussian_dropout_in_training():
    check(layers.GaussianDropout(0.3, dtype="float64"), spread(4, 5), training=True)


def test_the_table_covers_every_layer():
    """A layer without a gradient check is a layer without a test; other names are no layers."""
    checked = {type(maker.make()).__name__ for maker, *_ in CASES}
    # Functions (of lower-case names) call the layers.
    wanted = {n for n in layers.__all__ if n[0].isupper()} - {"Input", "Layer"}
    assert checked == {getattr(layers, name).__name__ for name in wanted}


@pytest.mark.parametrize(
    ("maker", "shape"),
    [
        (f64(layers.Dense, 3), (2, 4)),
        (f64(layers.Conv2D, 3, 2), (2, 4, 4, 2)),
        (f64(layers.MaxPooling2D), (2, 4, 4, 2)),
        (f64(layers.AveragePooling2D, 2), (2, 4, 4, 2)),
        (f64(layers.Conv1D, 3, 2), (2, 4, 2)),
        (f64(layers.Conv2DTranspose, 3, 2), (2, 4, 4, 2)),
        (f64(layers.DepthwiseConv2D, 2), (2, 4, 4, 2)),
        (f64(layers.SeparableConv2D, 3, 2), (2, 4, 4, 2)),
        (f64(layers.GlobalMaxPooling2D), (2, 4, 4, 2)),
        (f64(layers.GlobalAveragePooling2D), (2, 4, 4, 2)),
        (f64(layers.ZeroPadding2D), (2, 4, 4, 2)),
        (f64(layers.UpSampling2D), (2, 4, 4, 2)),
        (f64(layers.Rescaling, 2), (2, 4)),
    ],
    ids=lambda value: value.text if isinstance(value, Maker) else str(value),
)
def test_an_unwanted_gradient_of_the_input_is_not_computed(
    maker: Maker, shape: tuple, monkeypatch: pytest.MonkeyPatch
):
    """With needs_dx false, the weights' gradients keep their bits and dx is None."""
    layer, x = maker.make(), spread(*shape)
    found = []
    for needs_dx in (True, False):
        ctx = Context(StepState(Clock(0)), needs_dx=needs_dx)
        layer.ensure_built(x.shape)
        y = layer.call(x, ctx=ctx)
        dx = layer.backward(np.ones_like(y), ctx=ctx)
        assert (dx is not None) == needs_dx
        found.append([g.tobytes() for g in ctx.step.gradients(layer.weights)])
    assert found[0] == found[1]


@pytest.mark.parametrize("batch", [0, 1])
@pytest.mark.parametrize(
    "maker",
    [
        f64(layers.Dense, 3, activation="softmax"),
        f64(layers.Conv2D, 3, 3, activation="relu"),
        f64(layers.Conv2DTranspose, 3, 3, strides=2),
        f64(layers.DepthwiseConv2D, 3, depth_multiplier=2),
        f64(layers.SeparableConv2D, 3, 3, activation="softmax"),
        f64(layers.MaxPooling2D),
        f64(layers.AveragePooling2D, 3, padding="same"),
        f64(layers.GlobalMaxPooling2D),
        f64(layers.GlobalAveragePooling2D, keepdims=True),
        f64(layers.ZeroPadding2D),
        f64(layers.Cropping2D, 1),
        f64(layers.UpSampling2D, interpolation="bilinear"),
        f64(layers.Rescaling, 2),
        f64(layers.RandomFlip),
    ],
    ids=lambda maker: maker.text,
)
def test_empty_and_single_batches(maker: Maker, batch: int):
    """A batch of none has zero gradients of its weights; a batch of one is nothing special."""
    layer = maker.make()
    x = spread(batch, 4, 4, 2)
    ctx = Context(StepState(Clock(0)))
    layer.ensure_built(x.shape)
    y = layer.call(x, ctx=ctx)
    dx = layer.backward(np.random.default_rng(0).normal(size=y.shape), ctx=ctx)
    assert dx.shape == x.shape and y.shape == (batch, *layer.compute_output_shape(x.shape)[1:])
    for gradient in ctx.step.gradients(layer.weights):
        assert np.isfinite(gradient).all() and gradient.any() == bool(batch)


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


@pytest.mark.parametrize(
    "make",
    [
        f64(layers.Dropout, 0.4, (None, 1, None)),
        f64(layers.SpatialDropout1D, 0.4),
        f64(layers.GaussianNoise, 0.4),
    ],
    ids=lambda maker: maker.text,
)
def test_shared_and_added_noise_in_training(make: Maker):
    check(make.make(), spread(4, 5, 3), training=True)


@pytest.mark.parametrize("axis", [-1, 1, (1, 2)])
def test_softmax_with_a_mask(axis: Any):
    """Where all of a sum is left out, too, the gradient is 0 and finite."""
    mask = np.array([[[1, 1, 0], [0, 0, 0]], [[1, 1, 1], [0, 1, 1]]], "uint8")
    check(layers.Softmax(axis, dtype="float64"), spread(2, 2, 3), mask=mask)
