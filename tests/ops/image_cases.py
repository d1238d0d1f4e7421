"""Valid calls of convolution, pooling and the operations on images."""

from __future__ import annotations

import numpy as np

from cnnlite import ops
from tests.ops.case import Case, array, batch

IMAGE = {"strides": (2, 1), "padding": ((1, 0), (2, 1)), "dilation": (1, 2), "groups": 2}
X_SHAPE, W_SHAPE, Y_SHAPE = (3, 6, 5, 4), (3, 2, 2, 6), (3, 3, 6, 6)
POOL = {"pool_size": (3, 2), "strides": (2, 1), "padding": "same"}
POOLED = (3, 3, 5, 4)


def _image_cases() -> list[Case]:
    """Return the cases of frames, enlargements, flips and shifts of (3, 4, 3, 2) images."""
    small, large = (3, 4, 3, 2), (3, 8, 9, 2)
    shift = {"interpolation": "bilinear", "fill_mode": "reflect"}
    shifts = {"down": array(3), "right": array(3)}
    draws = np.array([0.2, 0.7, 0.5], "float32")
    batched = ("down", "right")
    return [
        Case(
            "pad2d",
            lambda x, **kw: ops.pad2d(x, ((1, -2), (0, 3)), **kw),
            {"x": array(*small)},
            batched=("x",),
        ),
        Case(
            "upsample2d_forward",
            lambda x, **kw: ops.upsample2d_forward(x, (2, 3), "bilinear", **kw),
            {"x": array(*small)},
            batched=("x",),
            where="upsample2d",
        ),
        Case(
            "upsample2d_backward",
            lambda dy, **kw: ops.upsample2d_backward(
                dy, (batch(dy), *small[1:]), (2, 3), "bilinear", **kw
            ),
            {"dy": array(*large)},
            batched=("dy",),
        ),
        Case(
            "flip2d",
            lambda x, draws, **kw: ops.flip2d(x, draws, rows=True, columns=True, **kw),
            {"x": array(*small), "draws": draws},
            batched=("x", "draws"),
        ),
        Case(
            "translate2d_forward",
            lambda x, down, right, **kw: ops.translate2d_forward(x, down, right, **shift, **kw),
            {"x": array(*small), **shifts},
            batched=("x", *batched),
            where="translate2d",
        ),
        Case(
            "translate2d_backward",
            lambda dy, down, right, **kw: ops.translate2d_backward(dy, down, right, **shift, **kw),
            {"dy": array(*small), **shifts},
            batched=("dy", *batched),
        ),
    ]


IMAGE_CASES = [
    Case(
        "conv2d_forward",
        lambda x, w, bias, **kw: ops.conv2d_forward(x, w, bias, **IMAGE, activation="relu", **kw),
        {"x": array(*X_SHAPE), "w": array(*W_SHAPE), "bias": array(6)},
        batched=("x",),
        where="conv2d",
    ),
    Case(
        "conv2d_backward_input",
        lambda dy, w, **kw: ops.conv2d_backward_input(
            dy, w, (batch(dy), *X_SHAPE[1:]), **IMAGE, **kw
        ),
        {"dy": array(*Y_SHAPE), "w": array(*W_SHAPE)},
        batched=("dy",),
    ),
    Case(
        "conv2d_backward_weight",
        lambda dy, x, **kw: ops.conv2d_backward_weight(dy, x, W_SHAPE, **IMAGE, **kw),
        {"dy": array(*Y_SHAPE), "x": array(*X_SHAPE)},
        batched=("dy", "x"),
    ),
    Case(
        "maxpool2d_forward",
        lambda x, **kw: ops.maxpool2d_forward(x, **POOL, **kw),
        {"x": array(*X_SHAPE)},
        batched=("x",),
        where="maxpool2d",
    ),
    Case(
        "maxpool2d_backward",
        lambda dy, argmax, **kw: ops.maxpool2d_backward(
            dy, argmax, (batch(dy), *X_SHAPE[1:]), **POOL, **kw
        ),
        {"dy": array(*POOLED), "argmax": ops.maxpool2d_forward(array(*X_SHAPE), **POOL)[1]},
        batched=("dy", "argmax"),
    ),
    Case(
        "averagepool2d_forward",
        lambda x, **kw: ops.averagepool2d_forward(x, **POOL, **kw),
        {"x": array(*X_SHAPE)},
        batched=("x",),
        where="averagepool2d",
    ),
    Case(
        "averagepool2d_backward",
        lambda dy, **kw: ops.averagepool2d_backward(dy, (batch(dy), *X_SHAPE[1:]), **POOL, **kw),
        {"dy": array(*POOLED)},
        batched=("dy",),
    ),
    *_image_cases(),
]
