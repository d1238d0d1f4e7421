"""Gradients of what layers do in training alone: dropout, noise, batch statistics, flips."""

from __future__ import annotations

from typing import Any

import pytest

from cnnlite import layers
from tests.layers.layer_gradients import Maker, check, f64, spread

pytestmark = pytest.mark.usefixtures("float64_reference")


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


@pytest.mark.parametrize("fields", [{}, {"axis": 1}, {"scale": False}, {"center": False}], ids=str)
def test_batch_normalization_in_training(fields: dict):
    check(
        layers.BatchNormalization(dtype="float64", epsilon=0.01, **fields),
        spread(3, 4, 2),
        training=True,
    )


def test_gaussian_dropout_in_training():
    check(layers.GaussianDropout(0.3, dtype="float64"), spread(4, 5), training=True)


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
