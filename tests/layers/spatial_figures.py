"""What Keras 3.15 (on PyTorch) gives for layers over sequences and images.

Inputs and weights are ``numbered``: small whole numbers that repeat, so that most figures are
whole too.  Not here is what Keras computes differently on PyTorch than on TensorFlow and JAX:
some transposed convolutions (it warns then), and averages in "same" padding, where on PyTorch
the edge counts again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Shape = tuple[int, ...]


def numbered(shape: Shape, period: int, first: int) -> np.ndarray:
    """Return first, first + 1, ... first + period - 1, and the same again, in this shape."""
    return (np.arange(np.prod(shape)) % period + first).reshape(shape).astype("float32")


def input_of(name: str, shape: Shape) -> np.ndarray:
    """Return the input for a layer of this name; weights are ``numbered(shape, 7, -3)``."""
    plain = any(part in name for part in ("Pool", "Sampling", "Padding", "Cropping"))
    return numbered(shape, 7, 1) if plain else numbered(shape, 5, -2)


# layer, its options, shape of the input, shape of the output, values of the output
# fmt: off
FIGURES: list[tuple[str, dict[str, Any], Shape, Shape, list[float]]] = [
    ("Conv1D", {"filters": 2, "kernel_size": 3}, (1, 5, 2), (1, 3, 2),
     [3, -5, -6, 9, -10, -7]),
    ("Conv1D", {"filters": 2, "kernel_size": 4, "strides": 2, "padding": "same"},
     (1, 7, 1), (1, 4, 2),
     [-2, -4, 7, -4, -13, -5, 4, 2]),
    ("Conv1D", {"filters": 1, "kernel_size": 3, "dilation_rate": 2, "padding": "causal"},
     (1, 6, 1), (1, 6, 1),
     [-1, -2, 1, -2, 1, 0]),
    ("Conv1D", {"filters": 1, "kernel_size": 2, "strides": 2, "padding": "causal"},
     (1, 6, 2), (1, 3, 1),
     [-1, -7, -1]),
    ("Conv1D", {"filters": 4, "kernel_size": 2, "groups": 2, "use_bias": False},
     (1, 3, 4), (1, 2, 4),
     [-3, -6, 3, -4, -6, -3, 4, 0]),
    ("Conv2D", {"filters": 1, "kernel_size": (2, 3), "strides": (2, 1), "padding": "same"},
     (1, 5, 4, 1), (1, 3, 4, 1),
     [0, 1, -2, -5, -5, -3, -6, 3, -1, -1, -7, -10]),
    ("Conv2D", {"filters": 1, "kernel_size": (4, 2), "strides": (3, 2), "padding": "same"},
     (1, 5, 5, 1), (1, 2, 3, 1),
     [-8, -4, 3, 3, -3, -9]),
    ("Conv2D", {"filters": 1, "kernel_size": 2, "dilation_rate": (1, 2), "padding": "same"},
     (1, 3, 4, 1), (1, 3, 4, 1),
     [-1, 1, 0, -2, 1, -8, 1, 2, -7, -2, -7, 3]),
    ("Conv2D", {"filters": 2, "kernel_size": 2, "groups": 2, "activation": "relu"},
     (1, 3, 3, 2), (1, 2, 2, 2),
     [5, 0, 0, 3, 5, 6, 0, 0]),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "strides": 2}, (1, 2, 2, 1), (1, 5, 5, 2),
     [3, 2, -1, -2, -2, -4, -2, -2, -4, -4, -9, 4, 1, 0, -6, -1, -1, -1, -3, -3, -7, -8, 3, 2,
      -6, -7, -1, 0, -1, 0, -3, -2, -3, -2, 0, -5, -5, -3, -3, -1, -3, -2, -3, -2, -1, 1, -6, -4,
      -4, -2]),
    ("Conv2DTranspose", {"filters": 1, "kernel_size": 2, "strides": 3}, (1, 2, 2, 2), (1, 6, 6, 1),
     [5, -1, -3, -5, -3, -3, -7, -6, -3, -1, -6, -3, -3, -3, -3, -3, -3, -3, -5, -5, -3, 0, -2,
      -3, -5, 9, -3, -4, -6, -3, -3, -3, -3, -3, -3, -3]),
    ("Conv2DTranspose",
     {"filters": 1, "kernel_size": (3, 2), "strides": 2, "output_padding": (1, 0)},
     (1, 2, 2, 1), (1, 6, 4, 1),
     [3, 1, 0, -1, -1, -3, -2, -3, -5, -7, -7, -7, -3, -3, -4, -3, -3, -3, -2, -1, -3, -3, -3,
      -3]),
    ("Conv2DTranspose", {"filters": 1, "kernel_size": 4, "strides": 2, "padding": "same"},
     (1, 2, 3, 1), (1, 4, 6, 1),
     [-7, -10, 1, -6, 0, -3, -3, -8, -8, 1, 0, -1, -7, 6, -1, 4, -11, -9, -4, -7, -4, 1, 1, -3]),
    ("Conv2DTranspose", {"filters": 1, "kernel_size": 3, "padding": "same"},
     (1, 3, 2, 1), (1, 3, 2, 1),
     [-8, -10, 2, 7, 2, -4]),
    ("Conv2DTranspose", {"filters": 1, "kernel_size": 3, "strides": 3, "padding": "same"},
     (1, 2, 2, 1), (1, 6, 6, 1),
     [3, 1, -1, 0, -1, -2, -3, -5, -7, -3, -4, -5, -9, 3, 1, -6, 0, -1, -3, -3, -3, -6, -5, -4,
      -3, -3, -3, -3, -2, -1, -3, -3, -3, 0, -6, -5]),
    ("Conv2DTranspose",
     {"filters": 1, "kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 0},
     (1, 3, 2, 1), (1, 5, 3, 1),
     [-5, -7, -4, 3, -5, -2, -3, -3, -2, -7, 4, -2, -1, 1, -5]),
    ("Conv2DTranspose", {"filters": 1, "kernel_size": 2, "dilation_rate": (2, 1)},
     (1, 2, 2, 1), (1, 4, 3, 1),
     [3, 4, -1, -3, -6, -5, -1, -2, -3, -3, -4, -3]),
    ("Conv1DTranspose", {"filters": 1, "kernel_size": 3, "strides": 2}, (1, 3, 2), (1, 7, 1),
     [5, -1, -9, -3, -3, -5, -5]),
    ("Conv1DTranspose", {"filters": 1, "kernel_size": 4, "strides": 2, "padding": "same"},
     (1, 3, 1), (1, 6, 1),
     [1, 2, -1, -2, -3, -3]),
    ("DepthwiseConv2D", {"kernel_size": 2, "depth_multiplier": 2}, (1, 3, 3, 2), (1, 2, 2, 4),
     [7, 6, -3, -7, -7, -5, -5, 10, 5, 8, 11, -1, -14, -13, -6, 1]),
    ("DepthwiseConv2D", {"kernel_size": 3, "strides": 2, "padding": "same"},
     (1, 4, 3, 2), (1, 2, 2, 2),
     [-1, 0, 9, -15, -3, -9, -14, 4]),
    ("DepthwiseConv1D", {"kernel_size": 2, "depth_multiplier": 2}, (1, 3, 2), (1, 2, 4),
     [3, 2, 3, -3, -1, 2, -8, 6]),
    ("SeparableConv2D", {"filters": 2, "kernel_size": 2, "depth_multiplier": 2},
     (1, 3, 3, 2), (1, 2, 2, 2),
     [-64, -5, 38, -32, -28, 9, 39, 7]),
    ("SeparableConv1D", {"filters": 2, "kernel_size": 2, "padding": "same"}, (1, 3, 2), (1, 3, 2),
     [-23, -14, 5, 2, 11, 10]),
    ("MaxPooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}, (1, 6, 1), (1, 3, 1),
     [3, 5, 6]),
    ("MaxPooling2D", {"pool_size": (2, 3), "strides": (2, 1), "padding": "same"},
     (1, 3, 4, 1), (1, 2, 4, 1),
     [6, 7, 7, 7, 3, 4, 5, 5]),
    ("AveragePooling2D", {"pool_size": 2, "strides": 1}, (1, 3, 2, 1), (1, 2, 1, 1),
     [2.5, 4.5]),
    ("AveragePooling1D", {"pool_size": 2, "strides": 1}, (1, 4, 2), (1, 3, 2),
     [2, 3, 4, 5, 6, 3.5]),
    ("UpSampling1D", {"size": 2}, (1, 2, 2), (1, 4, 2),
     [1, 2, 1, 2, 3, 4, 3, 4]),
    ("UpSampling2D", {"size": (1, 3)}, (1, 2, 2, 1), (1, 2, 6, 1),
     [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]),
    ("UpSampling2D", {"size": (2, 3), "interpolation": "bilinear"}, (1, 2, 3, 1), (1, 4, 9, 1),
     [1, 1, 1.333333, 1.666667, 2, 2.333333, 2.666667, 3, 3, 1.75, 1.75, 2.083333, 2.416667,
      2.75, 3.083333, 3.416667, 3.75, 3.75, 3.25, 3.25, 3.583333, 3.916667, 4.25, 4.583333,
      4.916667, 5.25, 5.25, 4, 4, 4.333333, 4.666667, 5, 5.333333, 5.666667, 6, 6]),
    ("UpSampling2D", {"size": (4, 1), "interpolation": "bilinear"}, (1, 2, 2, 1), (1, 8, 2, 1),
     [1, 2, 1, 2, 1.25, 2.25, 1.75, 2.75, 2.25, 3.25, 2.75, 3.75, 3, 4, 3, 4]),
    ("ZeroPadding2D", {"padding": ((1, 0), (0, 2))}, (1, 2, 2, 1), (1, 3, 4, 1),
     [0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 0, 0]),
    ("ZeroPadding2D", {"padding": (0, 1)}, (1, 2, 2, 1), (1, 2, 4, 1),
     [0, 1, 2, 0, 0, 3, 4, 0]),
    ("ZeroPadding1D", {"padding": (2, 1)}, (1, 2, 1), (1, 5, 1),
     [0, 0, 1, 2, 0]),
    ("Cropping2D", {"cropping": ((1, 0), (0, 2))}, (1, 3, 4, 1), (1, 2, 2, 1),
     [5, 6, 2, 3]),
    ("Cropping2D", {"cropping": (0, 1)}, (1, 2, 4, 1), (1, 2, 2, 1),
     [2, 3, 6, 7]),
    ("Cropping1D", {}, (1, 4, 2), (1, 2, 2),
     [3, 4, 5, 6]),
    ("GlobalMaxPooling1D", {"keepdims": True}, (2, 3, 2), (2, 1, 2),
     [5, 6, 7, 5]),
    ("GlobalMaxPooling2D", {}, (1, 3, 2, 2), (1, 2),
     [7, 6]),
    ("GlobalAveragePooling1D", {}, (1, 4, 2), (1, 2),
     [4, 3.25]),
    ("GlobalAveragePooling2D", {"keepdims": True}, (1, 2, 2, 3), (1, 1, 1, 3),
     [3.75, 3, 4]),
    ("Flatten", {}, (2, 2, 2), (2, 4),
     [-2, -1, 0, 1, 2, -2, -1, 0]),
    ("Rescaling", {"scale": 0.5, "offset": -1}, (1, 4), (1, 4),
     [-2, -1.5, -1, -0.5]),
    ("Rescaling", {"scale": [0.5, 2.0], "offset": [1.0, 0.0]}, (2, 2), (2, 2),
     [0, -2, 1, 2]),
]
# fmt: on
