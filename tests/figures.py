"""Inputs, weights and comparison for layers whose figures come from Keras.

"Keras 3.15 gives": the figures come from Keras 3.15 (with the torch back end, on these
inputs and weights), rounded to five places.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite import layers, ops


def waves(*shape: int) -> np.ndarray:
    """Values between -1 and 1 that differ with the number of axes."""
    size = int(np.prod(shape))
    return np.cos(np.arange(size) * 1.7 + len(shape)).reshape(shape).astype("float32")


def set_waves(layer: layers.Layer) -> layers.Layer:
    """Give every weight values of sin(1), sin(2), ... / 2."""
    for weight in layer.weights:
        values = np.sin(np.arange(weight.value.size) + 1) * 0.5
        weight.assign(values.reshape(weight.shape).astype("float32"))
    return layer


def assert_figures(got: Any, figures: Any) -> None:
    np.testing.assert_allclose(got, figures, rtol=0, atol=1.2e-5)


class MaskOf(layers.Layer):
    """Return the mask of the input as numbers."""

    supports_masking = True

    def call(self, x, *, ctx, training=False, mask=None):
        return ops.cast(mask, "float32")

    def compute_output_shape(self, input_shape):
        return input_shape[:-1]
