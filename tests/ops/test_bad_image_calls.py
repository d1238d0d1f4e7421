"""What convolution, pooling and the operations on images refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnnlite import ops
from cnnlite.errors import DtypeError, ShapeError
from tests.ops.refusals import BadCall, assert_refused, bad_calls, zeros

X, W = zeros(2, 6, 6, 4), zeros(3, 3, 4, 8)

BAD_CALLS: list[BadCall] = [
    # convolution
    ("channels", lambda: ops.conv2d_forward(X, zeros(3, 3, 3, 8)), ShapeError, "4 channels.*3"),
    ("groups 3", lambda: ops.conv2d_forward(X, W, groups=3), ShapeError, "in 3 groups"),
    ("groups 0", lambda: ops.conv2d_forward(X, W, groups=0), ShapeError, "groups.*Got 0"),
    ("groups 1.0", lambda: ops.conv2d_forward(X, W, groups=1.0), ShapeError, "groups.*Got 1.0"),
    (
        "filters in groups",
        lambda: ops.conv2d_forward(X, zeros(3, 3, 2, 7), groups=2),
        ShapeError,
        "groups divide F",
    ),
    ("stride 0", lambda: ops.conv2d_forward(X, W, strides=0), ShapeError, "strides.*Got 0"),
    ("stride pair", lambda: ops.conv2d_forward(X, W, strides=(1, -1)), ShapeError, r"\(1, -1\)"),
    ("stride 1.5", lambda: ops.conv2d_forward(X, W, strides=1.5), ShapeError, "Got 1.5"),
    ("stride True", lambda: ops.conv2d_forward(X, W, strides=True), ShapeError, "Got True"),
    ("strides", lambda: ops.conv2d_forward(X, W, strides=(1, 1, 1)), ShapeError, "strides"),
    ("dilation", lambda: ops.conv2d_forward(X, W, dilation=0), ShapeError, "dilation.*Got 0"),
    ("padding", lambda: ops.conv2d_forward(X, W, padding="full"), ShapeError, "padding.*'full'"),
    ("padding -1", lambda: ops.conv2d_forward(X, W, padding=-1), ShapeError, "padding.*Got -1"),
    (
        "padding triple",
        lambda: ops.conv2d_forward(X, W, padding=((1, 1), (1, 1), (1, 1))),
        ShapeError,
        "padding",
    ),
    ("padding None", lambda: ops.conv2d_forward(X, W, padding=None), ShapeError, "Got None"),
    (
        "window",
        lambda: ops.conv2d_forward(X, zeros(7, 7, 4, 8)),
        ShapeError,
        r"window of \(7, 7\).*\(6, 6\)",
    ),
    ("dilated window", lambda: ops.conv2d_forward(X, W, dilation=3), ShapeError, "dilation"),
    ("no taps", lambda: ops.conv2d_forward(X, zeros(0, 3, 4, 8)), ShapeError, "no weights"),
    ("bias", lambda: ops.conv2d_forward(X, W, zeros(4)), ShapeError, r"\(8,\).*\(4,\)"),
    ("softmax", lambda: ops.conv2d_forward(X, W, activation="softmax"), ValueError, "'softmax'"),
    (
        "dy",
        lambda: ops.conv2d_backward_input(zeros(2, 4, 4, 7), W, X.shape),
        ShapeError,
        r"\(2, 4, 4, 7\).*\(2, 4, 4, 8\)",
    ),
    (
        "x_shape",
        lambda: ops.conv2d_backward_input(zeros(2, 4, 4, 8), W, (2, 6, 6)),
        ShapeError,
        r"x_shape.*\(2, 6, 6\)",
    ),
    (
        "x_shape negative",
        lambda: ops.conv2d_backward_input(zeros(2, 4, 4, 8), W, (2, 6, 6, -4)),
        ShapeError,
        "x_shape",
    ),
    (
        "w_shape",
        lambda: ops.conv2d_backward_weight(zeros(2, 4, 4, 8), X, 3),
        ShapeError,
        "w_shape.*Got 3",
    ),
    (
        "bias_out",
        lambda: ops.conv2d_backward_weight(zeros(2, 4, 4, 8), X, W.shape, bias_out=zeros(4)),
        ShapeError,
        "bias_out.*out does not fit",
    ),
    (
        "fresh and added",
        lambda: ops.conv2d_backward_weight(
            zeros(2, 4, 4, 8), X, W.shape, out=_written(W.shape), bias_out=zeros(8)
        ),
        ValueError,
        "both",
    ),
    # pooling
    ("pool 0", lambda: ops.maxpool2d_forward(X, 0), ShapeError, "pool_size.*Got 0"),
    ("pool None", lambda: ops.maxpool2d_forward(X, None), ShapeError, "pool_size.*Got None"),
    ("pool stride", lambda: ops.averagepool2d_forward(X, 2, 0), ShapeError, "strides.*Got 0"),
    ("pool large", lambda: ops.averagepool2d_forward(X, 7), ShapeError, "does not fit"),
    (
        "pool padding",
        lambda: ops.maxpool2d_forward(X, 2, padding=2),
        ShapeError,
        "less than the window",
    ),
    (
        "pool argmax",
        lambda: ops.maxpool2d_backward(zeros(2, 3, 3, 4), zeros(2, 3, 3, 4), X.shape, 2),
        DtypeError,
        "argmax is float32",
    ),
    # images
    ("pad", lambda: ops.pad2d(X, 1), ShapeError, "padding.*Got 1"),
    ("pad pair", lambda: ops.pad2d(X, (1, 1)), ShapeError, r"padding.*\(1, 1\)"),
    ("pad 0.5", lambda: ops.pad2d(X, ((0.5, 0), (0, 0))), ShapeError, "padding.*0.5"),
    ("crop", lambda: ops.pad2d(X, ((-4, -3), (0, 0))), ShapeError, "cuts off more"),
    ("size 0", lambda: ops.upsample2d_forward(X, 0), ShapeError, "size.*Got 0"),
    ("size 1.5", lambda: ops.upsample2d_forward(X, 1.5), ShapeError, "size.*Got 1.5"),
    ("bicubic", lambda: ops.upsample2d_forward(X, 2, "bicubic"), ValueError, "'bicubic'"),
    ("enlarged", lambda: ops.upsample2d_backward(X, X.shape, 2), ShapeError, r"\(2, 12, 12, 4\)"),
    ("draws", lambda: ops.flip2d(X, zeros(3)), ShapeError, r"draws.*\(3,\).*\(2,\)"),
    ("down", lambda: ops.translate2d_forward(X, zeros(1), zeros(2)), ShapeError, "down.*each"),
    (
        "fill_mode",
        lambda: ops.translate2d_forward(X, zeros(2), zeros(2), fill_mode="mirror"),
        ValueError,
        "fill_mode.*'mirror'",
    ),
    (
        "fill_value",
        lambda: ops.translate2d_forward(X, zeros(2), zeros(2), fill_value="0"),
        TypeError,
        "fill_value.*'0'",
    ),
    (
        "interpolation",
        lambda: ops.translate2d_backward(X, zeros(2), zeros(2), interpolation=None),
        ValueError,
        "interpolation.*None",
    ),
]


@bad_calls(BAD_CALLS)
def test_bad_calls(call: Callable[[], Any], error: type[Exception], match: str):
    """Each mistake has its exception, and its message says what was received."""
    assert_refused(call, error, match)


def _written(shape: tuple) -> ops.Gradient:
    gradient = ops.Gradient(zeros(*shape))
    gradient.accumulate = True
    return gradient


def test_numpy_integers_are_integers():
    """Sizes from array shapes and NumPy arithmetic are as good as Python's."""
    one, two = np.int64(1), np.int32(2)
    y = ops.conv2d_forward(X, W, strides=(one, two), dilation=one, groups=one, padding=two)
    assert y.shape == (2, 8, 4, 8)
    assert ops.maxpool2d_forward(X, two, np.int8(2))[0].shape == (2, 3, 3, 4)
    assert ops.concatenate([X, X], np.int64(-1)).shape == (2, 6, 6, 8)
