"""Backward where no gradient of the input is wanted, and on batches of none and of one."""

from __future__ import annotations

import numpy as np
import pytest

from cnnlite import layers
from cnnlite.layers.context import Clock, Context, StepState
from tests.layers.layer_gradients import Maker, f64, spread

pytestmark = pytest.mark.usefixtures("float64_reference")


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
