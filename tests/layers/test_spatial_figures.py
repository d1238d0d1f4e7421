"""Layers over sequences and images against figures of Keras, worked-out ones, and themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import layers, ops
from cnnlite.layers.context import Clock, Context, StepState
from tests.layers.spatial_figures import FIGURES, Shape, input_of, numbered


def made(name: str, options: dict[str, Any], shape: Shape) -> Any:
    """Return a layer built for this shape, its weights -3, -2, ... 3, -3, ..."""
    layer = getattr(layers, name)(**options)
    layer.build(shape)
    layer.built = True
    layer.set_weights([numbered(w.shape, 7, -3) for w in layer.weights])
    return layer


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize(
    ("name", "options", "shape", "out", "values"),
    FIGURES,
    ids=[f"{name} {options} {shape}" for name, options, shape, *_ in FIGURES],
)
def test_figures(
    name: str, options: dict[str, Any], shape: Shape, out: Shape, values: list, backend: str
):
    """Value, output shape, and the output shape of an input of unknown sizes."""
    layer = made(name, options, shape)
    assert layer.compute_output_shape((None, *shape[1:])) == (None, *out[1:])
    with cnnlite.using_backend(backend):
        y = layer(input_of(name, shape))
    assert y.shape == out
    np.testing.assert_allclose(y.ravel(), values, rtol=1e-6, atol=1e-6)


def test_every_layer_of_windows_has_figures():
    named = {name for name, *_ in FIGURES}
    parts = ("Conv", "Pool", "Sampling", "Padding", "Cropping")
    own = {getattr(layers, n).__name__ for n in layers.__all__ if any(p in n for p in parts)}
    assert own <= named


@pytest.mark.parametrize("stride", [2, 3, 4])
@pytest.mark.parametrize("taps", [1, 2, 3, 4, 5])
def test_same_transposed_is_the_gradient_of_same(taps: int, stride: int):
    """What TensorFlow and JAX compute: the gradient of a "same" convolution of n * s pixels."""
    layer = made(
        "Conv2DTranspose",
        {"filters": 2, "kernel_size": taps, "strides": stride, "padding": "same"},
        (1, 3, 4, 3),
    )
    x = input_of("", (1, 3, 4, 3))
    layer.bias.assign(np.zeros(2))
    image = (1, 3 * stride, 4 * stride, 2)
    expected = ops.conv2d_backward_input(x, layer.kernel, image, strides=stride, padding="same")
    np.testing.assert_array_equal(layer(x), expected)


# By hand, from Keras's rule for JAX: k 3, stride 2, "same" has the convolution pad 0 before
# and 1 after: y[2q + i] += x[q] w[i], cut after 2n places.
def test_same_transposed_by_hand():
    layer = made(
        "Conv1DTranspose",
        {"filters": 1, "kernel_size": 3, "strides": 2, "padding": "same", "use_bias": False},
        (1, 3, 1),
    )
    layer.set_weights([np.array([1, 2, 3], "float32").reshape(3, 1, 1)])
    y = layer(np.array([1, 10, 100], "float32").reshape(1, 3, 1))
    assert y.ravel().tolist() == [1, 2, 3 + 10, 20, 30 + 100, 200]


# By Keras's rule for JAX, an output padding p gives "same" (n - 1) s + k % 2 + p places, and
# k - 1 - min(ceil((k + k % 2 - 2 + p) / 2), k - 1) are cut off before them.
@pytest.mark.parametrize(
    ("taps", "stride", "padding", "added", "places", "before"),
    [
        (4, 3, "same", 2, 5, 1),
        (3, 2, "same", 1, 4, 0),
        (5, 2, "same", 0, 3, 2),
        (3, 2, "valid", 1, 6, 0),
        (2, 4, "valid", None, 8, 0),
        (2, 4, "valid", 3, 9, 0),
        (1, 2, "same", None, 4, 0),
    ],
)
def test_output_padding(
    taps: int, stride: int, padding: str, added: int | None, places: int, before: int
):
    """Two steps of 1 and 10; what is cut off, and zeros where no tap reaches."""
    options = {"filters": 1, "kernel_size": taps, "strides": stride, "padding": padding}
    layer = made("Conv1DTranspose", options | {"output_padding": added}, (1, 2, 1))
    layer.set_weights([np.arange(1, taps + 1, dtype="f4").reshape(taps, 1, 1), np.zeros(1, "f4")])
    whole = np.zeros(stride + taps + 20)
    for q, x in enumerate((1, 10)):
        whole[q * stride : q * stride + taps] += x * np.arange(1, taps + 1)
    y = layer(np.array([1, 10], "float32").reshape(1, 2, 1))
    assert y.ravel().tolist() == whole[before : before + places].tolist()
    assert layer.compute_output_shape((None, 2, 1)) == (None, places, 1)


def test_padding_does_not_count_in_an_average():
    """By hand: the last window of rows 2, 3 holds four values, at the edge two."""
    x = np.array([[1, 2, 3], [4, 5, 6], [7, 1, 2], [3, 4, 5]], "float32").reshape(1, 4, 3, 1)
    y = layers.AveragePooling2D((3, 2), (2, 1), "same")(x)
    expected = [20 / 6, 19 / 6, 11 / 3, 15 / 4, 12 / 4, 7 / 2]
    np.testing.assert_allclose(y.ravel(), expected, rtol=1e-6)
    steps = layers.AveragePooling1D(2, padding="same")(np.arange(1.0, 6).reshape(1, 5, 1))
    assert steps.ravel().tolist() == [1.5, 3.5, 5]


def test_causal_convolution_sees_no_later_step():
    layer = made(
        "Conv1D",
        {"filters": 2, "kernel_size": 3, "padding": "causal", "dilation_rate": 2},
        (1, 9, 2),
    )
    x = input_of("", (1, 9, 2))
    changed = x.copy()
    changed[0, 5:] += 1
    same = (layer(x) == layer(changed)).all(axis=2)[0]
    assert same.tolist() == [True] * 5 + [False] * 4


MASKED = np.array([[[1, 5], [3, 2], [9, 9]], [[4, 4], [8, 8], [2, 1]]], "float32")


@pytest.mark.parametrize("keepdims", [False, True])
def test_average_over_unmasked_steps(keepdims: bool):
    """Keras 3.15 gives these, too; what a masked step holds does not matter, NaN included."""
    x = MASKED.copy()
    x[0, 2] = np.nan
    layer = layers.GlobalAveragePooling1D(keepdims=keepdims)
    y = layer(x, mask=np.array([[True, True, False], [False, False, True]]))
    assert y.reshape(2, 2).tolist() == [[2, 3.5], [2, 1]]
    assert y.shape == ((2, 1, 2) if keepdims else (2, 2))


def test_average_over_no_step_is_zero():
    """Keras gives NaN; here a sequence of length 0 has a defined result and no gradient."""
    y = layers.GlobalAveragePooling1D()(MASKED, mask=np.zeros((2, 3), bool))
    assert y.tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("name", ["Conv1D", "MaxPooling1D", "ZeroPadding1D", "UpSampling1D"])
def test_unknown_lengths_stay_unknown(name: str):
    """A model of sequences of any length is built for none."""
    options = {"filters": 3, "kernel_size": 4} if "Conv" in name else {}
    layer = getattr(layers, name)(**options)
    channels = 3 if "Conv" in name else 2
    assert layer.compute_output_shape((None, None, 2)) == (None, None, channels)


COUNTS = [
    # 4 * 4 places, 3 * 3 taps, 2 channels, 5 filters
    ("Conv2D", {"filters": 5, "kernel_size": 3}, (None, 6, 6, 2), 16 * 9 * 2 * 5),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2}, (None, 6, 6, 2), 16 * 9 * 1 * 4),
    ("Conv1D", {"filters": 5, "kernel_size": 3, "padding": "same"}, (None, 7, 2), 7 * 3 * 2 * 5),
    # every pixel of the input meets every weight
    ("Conv2DTranspose", {"filters": 5, "kernel_size": 3, "strides": 2}, (None, 6, 6, 2), 36 * 90),
    ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 2}, (None, 6, 6, 2), 16 * 9 * 4),
    (
        "SeparableConv2D",
        {"filters": 5, "kernel_size": 3, "depth_multiplier": 2},
        (None, 6, 6, 2),
        16 * 9 * 4 + 16 * 4 * 5,
    ),
    ("MaxPooling2D", {}, (None, 6, 6, 2), 0),
    ("Conv1D", {"filters": 5, "kernel_size": 3}, (None, None, 2), 0),  # unknown
]


@pytest.mark.parametrize(("name", "options", "shape", "count"), COUNTS)
def test_multiply_adds(name: str, options: dict[str, Any], shape: Any, count: int):
    layer = getattr(layers, name)(**options)
    layer.ensure_built(shape)
    assert layer.multiply_adds(shape) == count


def test_glorot_uniform_of_a_depthwise_kernel_has_keras_s_fans():
    """Keras counts (KH, KW, C, multiplier) as C in and multiplier out, whatever the groups."""
    layer = layers.DepthwiseConv2D(3, depth_multiplier=2)
    layer.ensure_built((None, 8, 8, 500))
    limit = np.sqrt(6 / (9 * 500 + 9 * 2))
    largest = np.abs(layer.get_weights()[0]).max()
    assert 0.99 * limit < largest <= limit


def gradients(layer: layers.Layer, x: np.ndarray, backend: str) -> list[np.ndarray]:
    """Return the gradients of the input and of all weights for a fixed dy."""
    ctx = Context(StepState(Clock(0)))
    with cnnlite.using_backend(backend):
        y = layer.call(x, ctx=ctx, training=True)
        dx = layer.backward(numbered(y.shape, 11, -5), ctx=ctx)
        return [np.array(g) for g in (dx, *ctx.step.gradients(layer.trainable_weights))]


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [row[:3] for row in FIGURES],
    ids=[f"{name} {options} {shape}" for name, options, shape, *_ in FIGURES],
)
def test_native_gradients_are_the_reference_s(name: str, options: dict[str, Any], shape: Shape):
    """Sums of few small numbers: a few roundings apart at most."""
    layer, x = made(name, options, shape), input_of(name, shape)
    native, reference = (gradients(layer, x, backend) for backend in ("native", "reference"))
    for got, expected in zip(native, reference, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def sequence_model() -> cnnlite.Sequential:
    """Every layer over sequences, one after the other."""
    return cnnlite.Sequential(
        [
            cnnlite.Input((12, 3)),
            layers.Normalization(mean=0.1, variance=2),
            layers.Conv1D(6, 3, padding="causal", dilation_rate=2, activation="relu"),
            layers.ZeroPadding1D(1),
            layers.DepthwiseConv1D(3, depth_multiplier=2),
            layers.MaxPooling1D(2),
            layers.UpSampling1D(2),
            layers.SeparableConv1D(5, 3, padding="same", activation="tanh"),
            layers.AveragePooling1D(2, padding="same"),
            layers.Conv1DTranspose(4, 3, strides=2, padding="same", activation="silu"),
            layers.Cropping1D(1),
            layers.GlobalAveragePooling1D(),
            layers.Dense(2),
        ]
    )


def image_model() -> cnnlite.Sequential:
    """Every layer over images, one after the other."""
    return cnnlite.Sequential(
        [
            cnnlite.Input((8, 8, 3)),
            layers.Rescaling([1, 2, 3], offset=-0.5),
            layers.RandomFlip(seed=1),
            layers.RandomTranslation(0.2, 0.2, seed=2),
            layers.ZeroPadding2D(((1, 0), (0, 1))),
            layers.Conv2D(6, 3, activation="relu", kernel_regularizer="l2"),
            layers.DepthwiseConv2D(3, padding="same", activation="tanh"),
            layers.MaxPooling2D(2, padding="same"),
            layers.SeparableConv2D(5, 2, activation="softmax"),
            layers.UpSampling2D(2, interpolation="bilinear"),
            layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="gelu"),
            layers.Cropping2D(1),
            layers.AveragePooling2D(2),
            layers.GlobalMaxPooling2D(),
            layers.Dense(2),
        ]
    )


@pytest.mark.parametrize("build", [sequence_model, image_model])
def test_training_is_the_same_in_native_and_reference(build: Any):
    """Three steps of a plan; the largest deviation is far under what a step moves a weight."""
    found, start = [], []
    for backend in ("native", "reference"):
        with cnnlite.using_backend(backend):
            cnnlite.set_random_seed(3)
            model = build()
            model.compile(optimizer=cnnlite.optimizers.SGD(0.1), loss="mean_squared_error")
            start.append(model.get_weights())
            rng = np.random.default_rng(0)
            x = rng.normal(size=(6, *model.input_shape[1:])).astype("float32")
            y = rng.normal(size=(6, 2)).astype("float32")
            model.fit(x, y, epochs=3, batch_size=6, verbose=0)
            found.append(model.get_weights())
    for native, reference in zip(*found, strict=True):
        np.testing.assert_allclose(native, reference, rtol=1e-4, atol=1e-5)
    moved = [np.abs(a - b).max() for a, b in zip(start[0], found[0], strict=True)]
    assert sum(m > 1e-3 for m in moved) > len(moved) / 2


def test_a_model_of_sequences_of_any_length():
    model = cnnlite.Sequential(
        [
            cnnlite.Input((None, 2)),
            layers.Conv1D(3, 3, padding="causal"),
            layers.MaxPooling1D(2),
            layers.GlobalAveragePooling1D(),
        ]
    )
    for steps in (4, 9):
        x = np.ones((2, steps, 2), "float32")
        assert model.predict(x, verbose=0).shape == (2, 3)


class _NotZero(layers.Layer):
    """Makes the mask of the steps that hold anything but 0."""

    def call(self, x, *, ctx, training=False, mask=None):
        return x

    def backward(self, dy, *, ctx):
        return dy

    def compute_mask(self, x, mask, *, ctx):
        return ops.any_not_equal(x, 0.0)


def test_a_model_s_mask_reaches_the_average_and_ends_there():
    """Through Rescaling, which hands it on; the plan of a training step computes the same."""
    model = cnnlite.Sequential(
        [cnnlite.Input((3, 2)), _NotZero(), layers.Rescaling(2.0), layers.GlobalAveragePooling1D()]
    )
    x = np.array([[[1, 5], [3, 2], [0, 0]], [[0, 0], [0, 0], [4, 1]]], "float32")
    assert model.predict(x, verbose=0).tolist() == [[4, 7], [8, 2]]
    model.compile(loss="mean_squared_error")
    assert model.evaluate(x, np.array([[4, 7], [8, 2]], "float32"), verbose=0) == 0
