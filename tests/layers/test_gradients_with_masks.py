"""Gradients where a mask leaves steps out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cnnlite import layers
from cnnlite.layers.context import Clock, Context, StepState
from tests.gradient_check import assert_gradient, central_difference
from tests.layers.layer_gradients import Maker, check, f64, spread

pytestmark = pytest.mark.usefixtures("float64_reference")

MASK = np.array([[1, 1, 0], [0, 1, 1]], "uint8")
OTHERS = np.array([[1, 0, 1], [0, 0, 1]], "uint8")
FIRST = np.array([[1, 1, 0], [1, 1, 1]], "uint8")  # so that a causal step sees one
ATTENTIONS = [f64(layers.Attention), f64(layers.AdditiveAttention)]


@pytest.mark.parametrize("cls", [layers.Multiply, layers.Maximum, layers.Minimum])
@pytest.mark.parametrize("masks", [[MASK, OTHERS], [MASK, None], [None, OTHERS]])
def test_merging_masked_steps(cls: type, masks: list):
    """What a mask leaves out gets no gradient."""
    layer = cls(dtype="float64")
    check(layer, spread(2, 3, 2), spread(2, 3, 2)[::-1].copy(), mask=masks, may_vanish=True)


@pytest.mark.parametrize("maker", ATTENTIONS, ids=lambda maker: maker.text)
@pytest.mark.parametrize(
    "options",
    [
        {"mask": [MASK, OTHERS]},
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
        {"mask": [MASK, FIRST, None, None]},
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


@pytest.mark.parametrize("axis", [-1, 1, (1, 2)])
def test_softmax_with_a_mask(axis: Any):
    """Where all of a sum is left out, too, the gradient is 0 and finite."""
    mask = np.array([[[1, 1, 0], [0, 0, 0]], [[1, 1, 1], [0, 1, 1]]], "uint8")
    check(layers.Softmax(axis, dtype="float64"), spread(2, 2, 3), mask=mask)
