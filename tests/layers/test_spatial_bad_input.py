"""Bad arguments and inputs of layers over sequences and images: where, what, how to mend it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cnnlite import layers, ops
from cnnlite.errors import ShapeError

MINE = {"name": "mine"}
IMAGE, STEPS = np.zeros((1, 6, 6, 4), "float32"), np.zeros((1, 7, 4), "float32")


def on(x: np.ndarray, name: str, *args: Any, **kwargs: Any) -> Callable[[], Any]:
    return lambda: getattr(layers, name)(*args, **MINE, **kwargs)(x)


def new(name: str, *args: Any, **kwargs: Any) -> Callable[[], Any]:
    return lambda: getattr(layers, name)(*args, **MINE, **kwargs)


BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (new("Conv1D", 0, 3), ShapeError, "filters.*Got 0"),
    (new("Conv1D", 3, (3, 3)), ShapeError, r"kernel_size.*\(3, 3\)"),
    (new("Conv1D", 3, 3, strides=0), ShapeError, "strides.*Got 0"),
    (new("Conv1D", 3, 3, padding="full"), ValueError, '"causal".*full'),
    (new("Conv1D", 3, 3, groups=2), ShapeError, "groups must divide filters"),
    (new("Conv1D", 3, 3, kernel_initializer="nothing"), ValueError, "nothing"),
    (new("Conv1D", 3, 3, activation="nothing"), ValueError, "mine.*nothing"),
    (new("Conv1D", 3, 3, data_format="channels_first"), ValueError, "channels_last"),
    (new("Conv1D", 3, 3, no_such=1), TypeError, "no_such"),
    (on(STEPS, "Conv1D", 3, 8), ShapeError, "does not fit"),
    (on(STEPS, "Conv1D", 3, 3, groups=3), ShapeError, "groups must divide the channels"),
    (on(IMAGE, "Conv1D", 3, 3), ShapeError, r"3 dimensions, \(batch, steps, channels\)"),
    (new("Conv2D", 3, 3, padding="causal"), ValueError, "'causal'"),
    (new("Conv2D", 3, 3, dilation_rate=(1, 2, 3)), ShapeError, "dilation_rate"),
    (on(STEPS, "Conv2D", 3, 3), ShapeError, "4 dimensions"),
    (new("Conv2DTranspose", 3, 3, strides=2, output_padding=2), ShapeError, "less than strides"),
    (new("Conv2DTranspose", 3, 3, output_padding=-1), ShapeError, "output_padding.*-1"),
    (new("Conv2DTranspose", 3, 3, padding="causal"), ValueError, "'causal'"),
    (
        on(IMAGE[:, :1], "Conv2DTranspose", 3, 2, strides=2, padding="same", output_padding=0),
        ShapeError,
        "no elements",
    ),
    (on(STEPS, "Conv2DTranspose", 3, 3), ShapeError, "4 dimensions"),
    (new("DepthwiseConv2D", 3, depth_multiplier=0), ShapeError, "depth_multiplier.*Got 0"),
    (on(STEPS, "DepthwiseConv2D", 3), ShapeError, "4 dimensions"),
    (new("SeparableConv2D", -1, 3), ShapeError, "filters.*-1"),
    (on(IMAGE, "SeparableConv1D", 3, 3), ShapeError, "3 dimensions"),
    (new("MaxPooling1D", 0), ShapeError, "pool_size.*Got 0"),
    (new("MaxPooling1D", 2, padding="causal"), ValueError, "'causal'"),
    (new("AveragePooling2D"), TypeError, "pool_size"),
    (on(STEPS, "MaxPooling1D", 9), ShapeError, "does not fit"),
    (on(STEPS, "AveragePooling2D", 2), ShapeError, "4 dimensions"),
    (on(STEPS, "GlobalMaxPooling2D"), ShapeError, "4 dimensions"),
    (on(STEPS[:, :0], "GlobalAveragePooling1D"), ShapeError, "nothing to pool"),
    (new("ZeroPadding1D", -1), ShapeError, "padding.*-1"),
    (new("ZeroPadding2D", (1, 2, 3)), ShapeError, r"padding.*\(1, 2, 3\)"),
    (new("ZeroPadding2D", 1.5), ShapeError, "padding.*1.5"),
    (on(STEPS, "ZeroPadding2D"), ShapeError, "4 dimensions"),
    (new("Cropping2D", ((1, 2), -1)), ShapeError, "cropping.*-1"),
    (on(STEPS, "Cropping1D", (3, 4)), ShapeError, "leaves nothing"),
    (on(IMAGE, "Cropping2D", 3), ShapeError, "leaves nothing"),
    (new("UpSampling1D", 0), ShapeError, "size.*Got 0"),
    (new("UpSampling2D", interpolation="bicubic"), ValueError, "'bicubic'"),
    (on(STEPS, "UpSampling2D"), ShapeError, "4 dimensions"),
    (new("Flatten", "channels_first"), ValueError, "channels_last"),
]


@pytest.mark.parametrize(("call", "error", "match"), BAD, ids=[m for _, _, m in BAD])
def test_bad_input(call: Callable[[], Any], error: type[Exception], match: str):
    with pytest.raises(error, match=match) as caught:
        call()
    text = str(caught.value)
    assert text.startswith("mine: ") or error is TypeError or "initializer" in text


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("Conv1D", (3, 3)),
        ("Conv2D", (3, 3)),
        ("Conv2DTranspose", (3, 3)),
        ("DepthwiseConv2D", (3,)),
        ("SeparableConv2D", (3, 3)),
    ],
)
def test_another_number_of_channels_than_built_for(name: str, args: tuple):
    layer = getattr(layers, name)(*args, **MINE)
    x = STEPS if "1D" in name else IMAGE
    layer(x)
    with pytest.raises(ShapeError, match=r"mine: built for 4 channels. Got shape"):
        layer(x[..., :3])
    with pytest.raises(ShapeError, match="number of channels"):
        getattr(layers, name)(*args, **MINE).compute_output_shape((*x.shape[:-1], None))


def test_a_gradient_seen_under_another_shape_is_the_same_gradient():
    """The first write through any view overwrites, later ones add."""
    whole = ops.Gradient(np.full((2, 3), np.nan, "float32"))
    flat = whole.view((3, 2))
    ops.multiply(np.ones((3, 2), "float32"), 2, out=flat)
    assert whole.accumulate
    ops.multiply(np.ones((2, 3), "float32"), 3, out=whole)
    assert whole.array.tolist() == [[5, 5, 5], [5, 5, 5]]
