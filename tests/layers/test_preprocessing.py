"""Rescaling, Normalization and the random layers: figures, statistics, randomness."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import layers
from cnnlite.errors import ShapeError
from cnnlite.layers.context import Clock, Context, StepState

DATA = (np.arange(24.0).reshape(3, 2, 4) ** 2 % 11).astype("float32")


def in_step(layer: layers.Layer, x: np.ndarray, step: int = 0, seed: int = 5) -> np.ndarray:
    """Call a layer as a step of training does."""
    clock = Clock(seed)
    clock.step = step
    return layer.call(x, ctx=Context(StepState(clock), node=1), training=True)


# Normalization; Keras 3.15 gives the figures.


def test_adapted_statistics_of_the_last_axis():
    layer = layers.Normalization()
    layer.adapt(np.array([[0, 7, 4], [2, 9, 6], [0, 7, 4], [2, 9, 9]]))
    assert layer.mean.tolist() == [[1, 8, 5.75]]
    assert layer.variance.tolist() == [[1, 1, 4.1875]]
    np.testing.assert_allclose(layer([[1, 2, 3]]), [[0, -6, -1.3438638]], rtol=1e-6)


def test_adapted_statistics_of_two_axes():
    layer = layers.Normalization((1, 2))
    layer.adapt(DATA)
    expected = [-1.0690449, -1.3363063, 0.3922323, 0.7071068]
    expected += [0.9805807, 0.2672612, -0.2672612, 0.7071067]
    np.testing.assert_allclose(layer(DATA[:1]).ravel(), expected, rtol=2e-6)


def test_adapted_statistics_of_everything():
    layer = layers.Normalization(axis=None)
    layer.adapt(DATA)
    np.testing.assert_allclose(layer.mean, [[[3.7083333]]], rtol=1e-6)
    np.testing.assert_allclose(layer.variance, [[[8.289931]]], rtol=1e-6)


def test_given_statistics():
    plain = layers.Normalization(mean=3, variance=2)
    np.testing.assert_allclose(plain([[1, 2, 3]]), [[-1.4142135, -0.70710677, 0]], rtol=1e-6)
    back = layers.Normalization(mean=[1, 2, 3], variance=[4, 0, 0.25], invert=True)
    np.testing.assert_allclose(back([[1, 2, 3]]), [[3, 2.0000002, 4.5]], rtol=1e-7)
    assert plain.weights == []


def test_a_constant_feature_becomes_zero():
    layer = layers.Normalization()
    layer.adapt(np.full((5, 1), 7.0))
    assert layer([[7.0]]).tolist() == [[0]]


@pytest.mark.parametrize("cuts", [[1], [1, 2], [5, 5, 7]])
def test_batches_give_the_statistics_of_the_whole(cuts: list[int]):
    """To the last bit of float32, far from 0 and with batches of different sizes and none."""
    data = 1e4 + np.random.default_rng(0).normal(size=(9, 3))
    whole, parts = layers.Normalization(), layers.Normalization()
    whole.adapt(data)
    parts.adapt(part for part in np.split(data, cuts))
    assert [w.tolist() for w in whole.get_weights()] == [w.tolist() for w in parts.get_weights()]
    np.testing.assert_allclose(whole.variance[0], data.var(axis=0), rtol=1e-6)


def test_adapt_takes_pairs_and_forgets_what_was_before():
    layer = layers.Normalization()
    layer.adapt([np.full((2, 1), 50.0)])
    layer.adapt([(np.array([[0.0], [2.0]]), "labels")])
    assert [w.tolist() for w in layer.get_weights()] == [[1], [1]]


def test_a_model_follows_adapt_and_set_weights():
    """The plan of a model that has already run reads the new statistics."""
    layer = layers.Normalization()
    model = cnnlite.Sequential([cnnlite.Input((2,)), layer])
    x = np.array([[1, 2], [3, 6]], "float32")
    assert model.predict(x, verbose=0).tolist() == x.tolist()
    layer.adapt(x)
    assert model.predict(x, verbose=0).tolist() == [[-1, -1], [1, 1]]
    model.set_weights([np.array([0, 0]), np.array([4, 16])])
    assert model.predict(x, verbose=0).tolist() == [[0.5, 0.5], [1.5, 1.5]]


def test_a_saved_model_keeps_the_statistics(tmp_path: Any):
    layer = layers.Normalization()
    model = cnnlite.Sequential([cnnlite.Input((2,)), layer, layers.Dense(1)])
    x = np.array([[1, 2], [3, 6]], "float32")
    layer.adapt(x)
    model.save(tmp_path / "m.safetensors")
    again = cnnlite.models.load_model(tmp_path / "m.safetensors")
    assert again.predict(x, verbose=0).tolist() == model.predict(x, verbose=0).tolist()


# Random layers


X = np.arange(2 * 3 * 4 * 2, dtype="float32").reshape(2, 3, 4, 2)
RANDOM = [layers.RandomFlip, lambda **kw: layers.RandomTranslation(0.4, (-0.1, 0.5), **kw)]


@pytest.mark.parametrize("make", RANDOM)
def test_nothing_happens_outside_of_training(make: Any):
    assert make()(X).tolist() == X.tolist()


@pytest.mark.parametrize("make", RANDOM)
def test_the_same_bits_in_every_back_end(make: Any):
    found = []
    for backend in ("native", "reference"):
        with cnnlite.using_backend(backend):
            found.append([in_step(make(), X, step).tobytes() for step in range(8)])
    assert found[0] == found[1]
    assert len(set(found[0])) > 2  # another draw in every step


@pytest.mark.parametrize("make", RANDOM)
def test_a_seed_of_its_own_replaces_the_model_s(make: Any):
    bits = [in_step(make(seed=3), X, 4, seed).tobytes() for seed in (1, 2)]
    assert bits[0] == bits[1]
    others = {in_step(make(seed=seed), X, 4).tobytes() for seed in range(12)}
    assert len(others) > 1


@pytest.mark.parametrize(
    ("mode", "flipped"),
    [
        ("horizontal", np.s_[:, ::-1]),
        ("vertical", np.s_[::-1]),
        ("horizontal_and_vertical", np.s_[::-1, ::-1]),
    ],
)
def test_about_half_of_the_images_are_flipped(mode: str, flipped: Any):
    """In "horizontal_and_vertical" an image is flipped both ways or not at all, as in Keras."""
    x = np.random.default_rng(0).normal(size=(1000, 2, 3, 1)).astype("float32")
    y = in_step(layers.RandomFlip(mode), x)
    kept = (y == x).all(axis=(1, 2, 3))
    turned = np.array([(a == b[flipped]).all() for a, b in zip(y, x, strict=True)])
    assert (kept ^ turned).all()
    assert 440 <= kept.sum() <= 560  # 3.8 standard deviations of 15.8


PICTURE = (np.arange(15) ** 2 % 17).reshape(1, 3, 5, 1).astype("float32")


@pytest.mark.parametrize(
    ("fill_mode", "expected"),
    [
        # Keras 3.15 gives these two
        ("constant", [2, 2, 2, 2, 2, 2.5, 6.5, 12.5, 9, 2, 8.5, 14, 13, 7.5, 2]),
        ("nearest", [2.5, 6.5, 12.5, 16, 16, 2.5, 6.5, 12.5, 16, 16, 8.5, 14, 13, 13, 13]),
        # by hand: beyond the last column 16 come 16, 9 (reflected), 0, 1 (wrapped)
        ("reflect", [2.5, 6.5, 12.5, 16, 12.5, 2.5, 6.5, 12.5, 16, 12.5, 8.5, 14, 13, 13, 13]),
        ("wrap", [5, 12, 12.5, 12, 8.5, 2.5, 6.5, 12.5, 8, 0.5, 8.5, 14, 13, 10.5, 5]),
    ],
)
def test_translation_by_one_row_and_a_column_and_a_half(fill_mode: str, expected: list):
    """Down by a third of 3 rows, left by 0.3 of 5 columns."""
    options = {"fill_mode": fill_mode, "fill_value": 2.0}
    y = in_step(layers.RandomTranslation((1 / 3, 1 / 3), (-0.3, -0.3), **options), PICTURE)
    np.testing.assert_allclose(y.ravel(), expected, atol=1e-5)


def test_shifts_fill_their_range():
    """Of 2000 images, none goes further than it may, and the shifts spread over the range."""
    x = np.zeros((2000, 1, 21, 1), "float32")
    x[:, :, 10] = 1
    layer = layers.RandomTranslation(0, (-0.1, 0.3), "constant", "nearest")
    place = in_step(layer, x)[:, 0, :, 0].argmax(axis=1) - 10
    assert place.min() == -2 and place.max() == 6
    assert abs(place.mean() - 0.1 * 21) < 0.25  # 4 standard deviations of 0.06


def test_one_image_without_a_batch():
    x = X[0]
    y = in_step(layers.RandomFlip("vertical"), x, 1)
    assert y.shape == x.shape and any((y == z).all() for z in (x, x[::-1]))


# Bad input


@pytest.fixture
def names() -> Iterator[dict[str, Any]]:
    yield {"name": "mine"}


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda n: layers.Rescaling("a", **n), TypeError, "mine: scale.*'a'"),
        (lambda n: layers.Rescaling(1, offset=None, **n), TypeError, "mine: offset.*None"),
        (lambda n: layers.Rescaling([1, 2, 3], **n)(np.ones((1, 2))), ShapeError, "mine: scale"),
        (lambda n: layers.Normalization(mean=1, **n), ValueError, "mine: give both"),
        (lambda n: layers.Normalization(1.5, **n), TypeError, "mine: axis.*1.5"),
        (lambda n: layers.Normalization(3, **n)(np.ones((2, 2))), ShapeError, "mine: axis.*3"),
        (
            lambda n: layers.Normalization(mean=[1, 2], variance=[1], **n),
            ShapeError,
            "mine: mean and variance",
        ),
        (
            lambda n: layers.Normalization(mean=[1, 2], variance=[1, 2], **n)(np.ones((2, 3))),
            ShapeError,
            r"mine: mean and variance do not fit.*\(2,\).*\(3,\)",
        ),
        (lambda n: layers.Normalization(**n).adapt([]), ValueError, "mine: adapt: no data"),
        (lambda n: layers.Normalization(**n).adapt(3), TypeError, "mine: adapt.*int"),
        (lambda n: layers.Normalization(**n).adapt([[1.0]]), TypeError, "mine: adapt.*list"),
        (
            lambda n: layers.Normalization(mean=1, variance=1, **n).adapt(np.ones((2, 2))),
            ValueError,
            "mine: mean and variance were given",
        ),
        (
            lambda n: layers.Normalization(**n).adapt([np.ones((2, 2)), np.ones((2, 3))]),
            ShapeError,
            r"mine: adapt: built for \(2,\)",
        ),
        (lambda n: layers.RandomFlip("sideways", **n), ValueError, "mine: mode.*'sideways'"),
        (lambda n: layers.RandomFlip(seed=-1, **n), ValueError, "mine: seed.*-1"),
        (lambda n: layers.RandomFlip(**n)(np.ones((2, 2))), ShapeError, r"mine.*\(2, 2\)"),
        (lambda n: layers.RandomTranslation(1.5, 0, **n), ValueError, "height_factor.*1.5"),
        (lambda n: layers.RandomTranslation(0, (1, 2, 3), **n), ValueError, "width_factor"),
        (lambda n: layers.RandomTranslation(0, "a", **n), TypeError, "width_factor.*'a'"),
        (lambda n: layers.RandomTranslation(0, 0, "mirror", **n), ValueError, "fill_mode"),
        (
            lambda n: layers.RandomTranslation(0, 0, interpolation="cubic", **n),
            ValueError,
            "interpolation.*'cubic'",
        ),
        (lambda n: layers.RandomTranslation(0, 0, fill_value=None, **n), TypeError, "fill_value"),
        (
            lambda n: layers.RandomFlip(data_format="channels_first", **n),
            ValueError,
            "channels_last",
        ),
    ],
)
def test_bad_input(make: Any, error: type[Exception], match: str, names: dict[str, Any]):
    with pytest.raises(error, match=match):
        make(names)


def test_what_normalization_measured_is_not_trained():
    layer = layers.Normalization()
    layer.adapt(np.array([[0, 10], [2, 30]], "float32"))
    assert layer.trainable_weights == [] and len(layer.non_trainable_weights) >= 2
