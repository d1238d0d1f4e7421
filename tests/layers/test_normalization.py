"""What normalization layers mean; figures by hand."""

from __future__ import annotations

import numpy as np
import pytest

import cnnlite
from cnnlite import layers
from cnnlite.errors import CnnliteWarning, ShapeError

X = np.array([[1.0, 2.0], [3.0, 6.0]], "float32")  # means 2, 4; variances 1, 4


def test_moving_statistics_after_two_steps():
    """Momentum 0.5 from (0, 1): 0.5 * 0 + 0.5 * 2 = 1, then 1.5; variance 1 stays, 1 to 3.25."""
    layer = layers.BatchNormalization(momentum=0.5, epsilon=0)
    y = layer(X, training=True)
    assert y.tolist() == [[-1, -1], [1, 1]]
    layer(X, training=True)
    assert layer.moving_mean.numpy().tolist() == [1.5, 3]
    assert layer.moving_variance.numpy().tolist() == [1, 3.25]
    np.testing.assert_allclose(layer(X)[:, 0], [-0.5, 1.5])  # (x - 1.5) / 1


def test_frozen_runs_in_inference_mode():
    layer = layers.BatchNormalization(epsilon=0, trainable=False)
    assert layer(X, training=True).tolist() == X.tolist()  # moving mean 0, variance 1
    assert layer.moving_mean.numpy().tolist() == [0, 0]


def test_a_single_value_gives_beta_and_warns_once():
    layer = layers.BatchNormalization()
    with pytest.warns(CnnliteWarning, match="one value"):
        y = layer([[5.0, -3.0]], training=True)
    assert y.tolist() == [[0, 0]]
    assert np.isfinite(layer.moving_mean.numpy()).all()
    layer([[5.0, -3.0]], training=True)  # warnings are errors here: the second one would fail


def test_an_empty_batch_leaves_the_statistics():
    layer = layers.BatchNormalization()
    assert layer(np.zeros((0, 3), "float32"), training=True).shape == (0, 3)
    assert layer.moving_mean.numpy().tolist() == [0, 0, 0]


def test_masked_rows_do_not_count_for_the_statistics():
    x = np.array([[[1.0], [3.0], [100.0]]], "float32")
    layer = layers.BatchNormalization(momentum=0.0, epsilon=0)
    layer(x, training=True, mask=np.array([[True, True, False]]))
    np.testing.assert_allclose(layer.moving_mean.numpy(), [2], rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance.numpy(), [1], rtol=1e-6)


def test_local_response_normalization_by_hand():
    """Window of three: 1 + (1 + 4) and 1 + (1 + 4 + 9), beta 1."""
    layer = layers.LocalResponseNormalization(size=3, k=1, alpha=1, beta=1)
    np.testing.assert_allclose(layer([[1.0, 2.0, 3.0]]), [[1 / 6, 2 / 15, 3 / 14]], rtol=1e-6)


def test_in_a_model_statistics_move_while_training_alone():
    model = cnnlite.Sequential([cnnlite.Input((2,)), layers.BatchNormalization(momentum=0.5)])
    model.compile("sgd", "mse")
    model.fit(X, X, epochs=1, batch_size=2, verbose=0, shuffle=False)
    layer = model.layers[-1]
    np.testing.assert_allclose(layer.moving_mean.numpy(), [1, 2])
    model.predict(X, verbose=0)
    np.testing.assert_allclose(layer.moving_mean.numpy(), [1, 2])


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: layers.BatchNormalization(axis="x"), "axis"),
        (lambda: layers.BatchNormalization(momentum=2), "momentum"),
        (lambda: layers.BatchNormalization(epsilon=-1), "epsilon"),
        (lambda: layers.BatchNormalization(synchronized=True), "synchronized"),
        (lambda: layers.BatchNormalization(renorm=True), "renorm"),
        (lambda: layers.LayerNormalization(axis="x"), "axis"),
        (lambda: layers.LocalResponseNormalization(size=4), "size"),
        (lambda: layers.GaussianNoise(2), "stddev"),
        (lambda: layers.GaussianDropout(1), "rate"),
    ],
)
def test_bad_constructors(make, match: str):
    with pytest.raises(ValueError, match=match):
        make()


def test_bad_axis():
    with pytest.raises(ShapeError, match="axis"):
        layers.BatchNormalization(axis=5)(X)


@pytest.mark.parametrize(
    ("axis", "mask", "match"),
    [(1, np.ones((2, 2), bool), "last axis.*axis 1"), (-1, np.ones(2, bool), "one dimension less")],
)
def test_a_mask_that_does_not_say_which_rows_count(axis: int, mask: np.ndarray, match: str):
    """(2, 2, 2): as many steps as channels, so that only the axis tells the mistake."""
    layer = layers.BatchNormalization(axis)
    with pytest.raises(ShapeError, match=match):
        layer(np.ones((2, 2, 2), "float32"), training=True, mask=mask)
    assert layer(np.ones((2, 2, 2), "float32"), mask=mask).shape == (2, 2, 2)
