"""Activation, normalization, dropout and noise layers: Keras's figures, back ends, masks, draws."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import initializers, layers, ops
from cnnlite.errors import ShapeError
from cnnlite.layers.context import Context
from tests.figures import assert_figures, waves
from tests.layers.activation_figures import FIGURES

X = waves(2, 2, 3)
EACH = np.array([[[1, 0, 1], [0, 0, 0]], [[1, 1, 1], [0, 1, 1]]], "uint8")
ONE_SAMPLE = np.array([[1, 0, 1], [1, 1, 1]], "uint8")
MOVING = {
    "moving_mean_initializer": initializers.Constant(0.25),
    "moving_variance_initializer": initializers.Constant(2.0),
}
MAKERS: dict[str, tuple[Callable[[], layers.Layer], dict[str, Any]]] = {
    "PReLU": (layers.PReLU, {}),
    "PReLU shared": (lambda: layers.PReLU(shared_axes=1), {}),
    "Softmax masked": (layers.Softmax, {"mask": EACH}),
    "Softmax of two axes": (lambda: layers.Softmax(axis=(1, 2)), {}),
    "Softmax of two axes masked": (lambda: layers.Softmax((-1, 1)), {"mask": ONE_SAMPLE}),
    "BatchNormalization in training": (layers.BatchNormalization, {"training": True}),
    "BatchNormalization of axis 1 in training": (
        lambda: layers.BatchNormalization(axis=1),
        {"training": True},
    ),
    "BatchNormalization": (lambda: layers.BatchNormalization(**MOVING), {}),
    "BatchNormalization of axis 1": (
        lambda: layers.BatchNormalization(1, center=False, **MOVING),
        {},
    ),
    "LayerNormalization": (layers.LayerNormalization, {}),
    "LayerNormalization of two axes": (lambda: layers.LayerNormalization((1, 2)), {}),
    "LayerNormalization rms": (lambda: layers.LayerNormalization(rms_scaling=True), {}),
}


def both_passes(layer: layers.Layer, x: np.ndarray, **arguments: Any) -> list[np.ndarray]:
    """Return the output, then the gradients of the input and of the weights."""
    layer.ensure_built(x.shape)
    for weight in layer.trainable_weights:
        weight.assign(waves(*weight.shape) + np.float32(0.5))
    ctx = Context(layer=layer)
    y = ctx.call(x, **arguments)
    dx = ctx.backward(2 * waves(*y.shape) - np.float32(0.3))
    return [y, dx, *ctx.step.gradients(layer.trainable_weights)]


def test_every_figure_is_asked_for():
    assert set(FIGURES) == set(MAKERS)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("backend", ["native", "reference"])
def test_keras_figures(name: str, backend: str):
    """Keras 3.15 gives these outputs and gradients."""
    make, arguments = MAKERS[name]
    with cnnlite.using_backend(backend):
        found = both_passes(make(), X, **arguments)
    for got, expected in zip(found, FIGURES[name], strict=True):
        assert_figures(got, expected)


def test_moving_statistics_after_three_steps():
    """Keras 3.15 gives these, at momentum 0.9 on x, 2x and 3x."""
    layer = layers.BatchNormalization(momentum=0.9)
    for step in (1, 2, 3):
        layer(X * step, training=True)
    assert_figures(layer.moving_mean.numpy(), [0.059621, -0.171905, -0.015323])
    assert_figures(layer.moving_variance.numpy(), [1.523832, 1.109251, 1.576775])


LAYERS: dict[str, Callable[[], layers.Layer]] = {
    **{f"Activation {name}": lambda n=name: layers.Activation(n) for name in ops.ACTIVATIONS},
    "ReLU": lambda: layers.ReLU(0.5, 0.1, 0.2),
    "LeakyReLU": layers.LeakyReLU,
    "ELU": layers.ELU,
    "Softmax": layers.Softmax,
    "Softmax of axis 1": lambda: layers.Softmax(1),
    "PReLU": layers.PReLU,
    "BatchNormalization": layers.BatchNormalization,
    "BatchNormalization of axis 1": lambda: layers.BatchNormalization(1),
    "LayerNormalization": layers.LayerNormalization,
    "LayerNormalization of axis 1": lambda: layers.LayerNormalization(1),
    "LocalResponseNormalization": lambda: layers.LocalResponseNormalization(alpha=0.1),
    "Dropout": lambda: layers.Dropout(0.4, seed=1),
    "Dropout with a shape": lambda: layers.Dropout(0.4, (None, 1, None), seed=1),
    "SpatialDropout1D": lambda: layers.SpatialDropout1D(0.4, seed=1),
    "GaussianNoise": lambda: layers.GaussianNoise(0.4, seed=1),
    "GaussianDropout": lambda: layers.GaussianDropout(0.4, seed=1),
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_native_results_are_the_reference_s(name: str, training: bool):
    """Outputs and gradients on several samples, on one and on none."""
    x = waves(5, 7, 19)
    for part in (x, x[:1], x[:0]):
        results = []
        for backend in ("native", "reference"):
            with cnnlite.using_backend(backend):
                cnnlite.set_random_seed(3)
                results.append(both_passes(LAYERS[name](), part, training=training))
        for native, reference in zip(*results, strict=True):
            # Sums of at most 133 numbers of size 1, each rounded once: 133 * 6e-8.
            np.testing.assert_allclose(native, reference, rtol=1e-5, atol=1e-5)


# -- dropout and noise

ONES = np.ones((40, 6, 5), "float32")


def test_spatial_dropout_drops_whole_channels():
    y = layers.SpatialDropout1D(0.25, seed=4)(ONES, training=True)
    assert (y == y[:, :1]).all()
    kept = y[:, 0] != 0
    np.testing.assert_allclose(y[:, 0][kept], 1 / 0.75, rtol=1e-6)
    assert 0.6 < kept.mean() < 0.9  # 200 draws of 0.75: within five standard deviations
    assert kept.any(axis=0).all() and not kept.all(axis=0).any()
    images = layers.SpatialDropout2D(0.25, None, 4)(np.ones((40, 3, 2, 5), "f4"), training=True)
    np.testing.assert_array_equal(images[:, 1, 1], y[:, 0])  # the same draws, over (40, 5)


@pytest.mark.parametrize(
    ("shape", "same_along"),
    [((None, 1, None), 1), ((1, None, 5), 0), ((40, 6, 1), 2), ((None, None, None), None)],
)
def test_noise_shape(shape: tuple, same_along: int | None):
    y = layers.Dropout(0.5, shape, 7)(ONES, training=True)
    assert set(np.unique(y)) == {0, 2}
    for axis in range(3):
        assert (y == y.take([0], axis)).all() == (axis == same_along)
    assert layers.Dropout(0.5, shape)(ONES).tolist() == ONES.tolist()


def test_noise_has_keras_s_mean_and_deviation():
    """GaussianNoise adds N(0, stddev); GaussianDropout multiplies by N(1, rate / (1 - rate))."""
    x = np.full((80_000,), 2, "float32")
    count = len(x) ** -0.5
    for layer, deviation in (
        (layers.GaussianNoise(0.5, seed=1), 0.5),
        (layers.GaussianDropout(0.2, seed=1), 2 * 0.25**0.5),
    ):
        y = layer(x[:, None], training=True)
        assert abs(y.mean() - 2) < 5 * deviation * count
        assert abs(y.std() - deviation) < 5 * deviation * count  # a normal one's: / sqrt(2)


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: layers.Dropout(0.5, seed=seed),
        lambda seed: layers.Dropout(0.5, (None, 1, None), seed),
        lambda seed: layers.SpatialDropout1D(0.5, seed),
        lambda seed: layers.GaussianNoise(0.5, seed),
        lambda seed: layers.GaussianDropout(0.5, seed),
    ],
)
def test_a_seed_fixes_the_draws(make: Callable[[int], layers.Layer]):
    def first(seed: int) -> np.ndarray:
        return make(seed)(ONES, training=True)

    np.testing.assert_array_equal(first(3), first(3))
    assert (first(3) != first(4)).any()


# -- a layer as the activation of another


def test_a_layer_may_be_the_activation():
    dense = layers.Dense(2, activation=layers.LeakyReLU(0.5), kernel_initializer="identity")
    assert dense([[-2, 4]]).tolist() == [[-1, 4]]
    again = layers.deserialize(layers.serialize(dense))
    assert again.activation.negative_slope == 0.5
    assert again.get_config() == dense.get_config()
    assert layers.Dense(2, activation=layers.Activation("relu")).activation == "relu"


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Dense(3, activation=layers.PReLU()),
        lambda: layers.Activation(layers.Dropout(0.5)),
    ],
)
def test_a_layer_that_is_more_than_a_function_is_no_activation(make: Callable[[], Any]):
    with pytest.raises(TypeError, match="the next layer"):
        make()


def test_a_model_with_all_of_them_trains_and_saves(tmp_path):
    cnnlite.set_random_seed(1)
    model = cnnlite.Sequential(
        [
            cnnlite.Input((6, 5, 2)),
            layers.Conv2D(4, 2, activation=layers.ELU(0.5)),
            layers.PReLU(shared_axes=[1, 2]),
            layers.SpatialDropout2D(0.3),
            layers.Flatten(),
            layers.Dropout(0.2, (None, 1)),
            layers.Dense(3, activation=layers.Softmax()),
        ]
    )
    x, y = waves(8, 6, 5, 2), np.arange(8) % 3
    model.compile("adam", "sparse_categorical_crossentropy")
    before = model.get_weights()
    model.fit(x, y, epochs=2, batch_size=4, verbose=0)
    assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
    model.save(tmp_path / "model.safetensors")
    loaded = cnnlite.load_model(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


# -- masks

# Keras 3.15 gives: these let a mask through (or use it), and no others of cnnlite's layers.
MASKING = {
    "Activation", "ActivityRegularization", "Add", "AdditiveAttention", "Attention", "Average",
    "BatchNormalization", "Bidirectional", "Concatenate", "Dense", "Dot", "Dropout", "ELU", "GRU",
    "GaussianDropout", "GaussianNoise", "GlobalAveragePooling1D", "LSTM", "LayerNormalization",
    "LeakyReLU", "Masking", "Maximum", "Minimum", "MultiHeadAttention", "Multiply",
    "Normalization", "PReLU", "RNN", "ReLU", "Rescaling", "SimpleRNN", "Softmax",
    "SpatialDropout1D", "SpatialDropout2D", "Subtract", "TimeDistributed",
}  # fmt: skip


def test_layers_that_support_masking():
    classes = {
        getattr(layers, name)
        for name in layers.__all__
        if isinstance(getattr(layers, name), type) and name != "Layer"
    }
    # Not in Keras: it works on each step alone.
    found = {cls.__name__ for cls in classes if cls.supports_masking}
    assert found == MASKING | {"LocalResponseNormalization"}
    assert not layers.Embedding(3, 2).supports_masking
    assert layers.Embedding(3, 2, mask_zero=True).supports_masking


class Scores(layers.Layer):
    """Return (N, T) of (N, T, 1), with the mask of the steps."""

    supports_masking = True

    def call(self, x, *, ctx, training=False, mask=None):
        return ops.reshape(x, x.shape[:2])

    def compute_output_shape(self, input_shape):
        return input_shape[:2]


def test_the_graph_s_mask_reaches_softmax():
    """What Masking leaves out has no part in a softmax over the steps."""
    x = cnnlite.Input((3, 1))
    model = cnnlite.Model(x, layers.Softmax()(Scores()(layers.Masking(9)(x))))
    scores = np.array([[[1], [9], [1]], [[9], [9], [9]]], "float32")
    assert model.predict(scores, verbose=0).tolist() == [[0.5, 0, 0.5], [0, 0, 0]]


def test_a_mask_of_steps_does_not_fit_a_softmax_of_features():
    """Keras 3.15 refuses it too."""
    x = cnnlite.Input((3, 2))
    model = cnnlite.Model(x, layers.Softmax()(layers.Masking()(x)))
    with pytest.raises(ShapeError, match="mask must broadcast"):
        model.predict(np.ones((4, 3, 2), "float32"), verbose=0)


# -- bad input

BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: layers.PReLU(shared_axes=["a"]), ShapeError, "shared_axes.*'a'"),
    (lambda: layers.PReLU(shared_axes=3)(X), ShapeError, "shared_axes"),
    (lambda: layers.PReLU(shared_axes=0)(X), ShapeError, "axis 0 is the batch"),
    (lambda: layers.PReLU()(cnnlite.Input((None, 3))), ShapeError, "must be known.*shared_axes"),
    (lambda: layers.PReLU("no_such"), ValueError, "no_such"),
    (lambda: layers.Softmax("1"), ShapeError, "axis.*'1'"),
    (lambda: layers.Softmax((1, 1))(X), ShapeError, "twice"),
    (lambda: layers.Softmax(3)(X), ShapeError, "axis"),
    (lambda: layers.Softmax()(X, mask=np.ones((2, 2), bool)), ShapeError, r"\(2, 2\)"),
    (lambda: layers.Softmax()(X, mask=np.ones((1, 2, 2, 3), bool)), ShapeError, "broadcast"),
    (lambda: layers.Dropout(0.5, 3), ShapeError, "noise_shape.*Got 3"),
    (lambda: layers.Dropout(0.5, (None, 0)), ShapeError, "noise_shape"),
    (lambda: layers.Dropout(0.5, (2, 1))(X, training=True), ShapeError, "3 sizes"),
    (lambda: layers.Dropout(0.5, (2, 1, 4))(X, training=True), ShapeError, "3 against 4|4 against"),
    (lambda: layers.SpatialDropout1D(1.0), ValueError, "rate.*1.0"),
    (lambda: layers.SpatialDropout1D(0.5)(X[0]), ShapeError, "3 dimensions"),
    (lambda: layers.SpatialDropout2D(0.5)(X), ShapeError, "4 dimensions"),
    (lambda: layers.SpatialDropout2D(0.5, "channels_first"), ValueError, "channels_first"),
]


@pytest.mark.parametrize("cls", [layers.SpatialDropout1D, layers.SpatialDropout2D])
def test_spatial_dropout_has_no_noise_shape(cls: Any):
    """It has a shape of its own, so another would change nothing."""
    with pytest.raises(TypeError, match=f"{cls.__name__}: there is no argument 'noise_shape'"):
        cls(0.5, noise_shape=(None, 1, 1))


def test_activity_regularization_takes_no_other():
    with pytest.raises(TypeError, match="activity_regularizer"):
        layers.ActivityRegularization(l2=0.1, activity_regularizer="l1")


@pytest.mark.parametrize(("call", "error", "match"), BAD)
def test_bad_input(call: Callable[[], Any], error: type[Exception], match: str):
    with pytest.raises(error, match=match) as caught:
        call()
    assert re.match(r"[a-z_0-9]+: ", str(caught.value))


def test_prelu_keeps_to_its_shape():
    layer = layers.PReLU()
    layer(X)
    with pytest.raises(ShapeError, match=r"built for alpha of shape \(2, 3\)"):
        layer(waves(2, 3, 3))


def test_masked_batch_normalization():
    """Keras 3.15 gives these: steps that the mask leaves out are normalized, and not counted."""
    x = np.array([[[1, 5], [3, 2], [100, 7]], [[4, 0], [50, 1], [60, 9]]], "float32")
    layer = layers.BatchNormalization(momentum=0.0)
    y = layer(x, training=True, mask=np.array([[1, 1, 0], [1, 0, 0]]))
    assert_figures(layer.moving_mean.numpy(), [2.66667, 2.33333])
    assert_figures(layer.moving_variance.numpy(), [1.55556, 4.22222])
    assert_figures(y[:, 0], [[-1.33588, 1.29762], [1.06870, -1.13542]])
    assert_figures(y[0, 2] / 100, [0.7801522, 0.0227083])
