"""What matrix products, recurrent networks, operations on shapes and random numbers refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cnnlite import ops
from cnnlite.errors import DtypeError, ShapeError
from tests.ops.refusals import BadCall, assert_refused, bad_calls, zeros

X = zeros(2, 6, 6, 4)

BAD_CALLS: list[BadCall] = [
    # recurrent networks
    (
        "rnn units",
        lambda: ops.lstm_forward(zeros(2, 3, 4), zeros(4, 20), zeros(5, 15)),
        ShapeError,
        r"4 units.*\(5, 15\)",
    ),
    (
        "rnn features",
        lambda: ops.gru_forward(zeros(2, 3, 4), zeros(6, 15), zeros(5, 15)),
        ShapeError,
        r"4 features.*\(6, 15\).*\(4, 15\)",
    ),
    (
        "rnn mask",
        lambda: ops.simple_rnn_forward(
            zeros(2, 3, 4), zeros(4, 5), zeros(5, 5), mask=zeros(2, 4, dtype="uint8")
        ),
        ShapeError,
        r"mask.*\(2, 3\).*\(2, 4\)",
    ),
    (
        "rnn mask values",
        lambda: ops.simple_rnn_forward(zeros(2, 1, 4), zeros(4, 5), zeros(5, 5), mask=[[0], [256]]),
        ValueError,
        "256",
    ),
    (
        "rnn state",
        lambda: ops.gru_forward(zeros(2, 3, 4), zeros(4, 15), zeros(5, 15), None, zeros(2, 4)),
        ShapeError,
        r"h0.*\(2, 5\).*\(2, 4\)",
    ),
    (
        "rnn bias",
        lambda: ops.gru_forward(zeros(2, 3, 4), zeros(4, 15), zeros(5, 15), zeros(1, 15)),
        ShapeError,
        r"bias.*\(2, 15\).*\(1, 15\)",
    ),
    (
        "rnn input_dropout",
        lambda: ops.lstm_forward(
            zeros(2, 3, 4), zeros(4, 20), zeros(5, 20), input_dropout=zeros(2, 2, 4)
        ),
        ShapeError,
        r"input_dropout.*\(2, 1, 4\).*\(2, 2, 4\)",
    ),
    (
        "rnn activation",
        lambda: ops.lstm_forward(
            zeros(2, 3, 4), zeros(4, 20), zeros(5, 20), recurrent_activation="softmax"
        ),
        ValueError,
        "recurrent_activation.*'softmax'",
    ),
    (
        "rnn dy of the last step",
        lambda: ops.simple_rnn_backward(
            *(zeros(2, 3, 5), zeros(2, 3, 4), zeros(4, 5), zeros(5, 5)),
            *(zeros(2, 3, 5), zeros(2, 3, 5)),
            return_sequences=False,
        ),
        ShapeError,
        "dy has 3 dimensions",
    ),
    # matrices and shapes
    ("matmul", lambda: ops.matmul(zeros(2, 3), zeros(2, 3)), ShapeError, "inner sizes.*3.*2"),
    (
        "matmul transposed",
        lambda: ops.matmul(zeros(2, 3), zeros(3, 4), transpose_a=True),
        ShapeError,
        r"a \(2, 3\) transposed",
    ),
    ("matmul vector", lambda: ops.matmul(zeros(3), zeros(3, 2)), ShapeError, r"\(3,\)"),
    (
        "matmul rank",
        lambda: ops.matmul(zeros(2, 2, 3), zeros(3, 2), transpose_a=True),
        ShapeError,
        "transpose_a",
    ),
    (
        "matmul bias",
        lambda: ops.matmul(zeros(2, 3), zeros(3, 2), bias=zeros(3)),
        ShapeError,
        r"bias.*\(2,\)",
    ),
    (
        "matmul activation",
        lambda: ops.matmul(zeros(2, 3), zeros(3, 2), activation="gelu"),
        ValueError,
        "'gelu'",
    ),
    ("softmax scalar", lambda: ops.softmax(np.float32(1)), ShapeError, "scalar"),
    ("bias_gradient scalar", lambda: ops.bias_gradient(np.float32(1)), ShapeError, "scalar"),
    ("concatenate none", lambda: ops.concatenate([]), ShapeError, "empty"),
    ("concatenate axis", lambda: ops.concatenate([zeros(2)], 1), ShapeError, "axis.*Got 1"),
    ("concatenate axis", lambda: ops.concatenate([zeros(2)], -2), ShapeError, "axis.*Got -2"),
    ("concatenate axis", lambda: ops.concatenate([zeros(2)], 0.0), ShapeError, "axis.*Got 0.0"),
    ("concatenate axis", lambda: ops.concatenate([zeros(2)], True), ShapeError, "axis.*Got True"),
    ("split sum", lambda: ops.split(zeros(2, 4), [1, 2]), ShapeError, r"\[1, 2\] for 4"),
    ("split sign", lambda: ops.split(zeros(2, 4), [5, -1]), ShapeError, r"\[5, -1\]"),
    ("split axis", lambda: ops.split(zeros(2, 4), [2, 2], 2), ShapeError, "axis.*Got 2"),
    ("reshape", lambda: ops.reshape(zeros(2, 4), (3, 3)), ShapeError, r"\(2, 4\).*\(3, 3\)"),
    ("reshape two", lambda: ops.reshape(zeros(2, 4), (-1, -1)), ShapeError, r"\(-1, -1\)"),
    ("reshape rest", lambda: ops.reshape(zeros(2, 4), (3, -1)), ShapeError, r"\(3, -1\)"),
    ("reshape sign", lambda: ops.reshape(zeros(2, 4), (-2, -4)), ShapeError, r"\(-2, -4\)"),
    ("reshape empty", lambda: ops.reshape(zeros(0, 4), (0, -1)), ShapeError, r"\(0, -1\)"),
    ("reshape int", lambda: ops.reshape(zeros(2, 4), 8), ShapeError, "Got 8"),
    # random numbers
    ("rate 1", lambda: ops.dropout_forward(X, 1.0, ops.clock(0)), ValueError, "rate.*1.0"),
    ("rate -1", lambda: ops.dropout_forward(X, -0.1, ops.clock(0)), ValueError, "rate.*-0.1"),
    ("rate NaN", lambda: ops.dropout_forward(X, np.nan, ops.clock(0)), ValueError, "rate.*nan"),
    ("rate text", lambda: ops.dropout_forward(X, "0.5", ops.clock(0)), ValueError, "rate.*'0.5'"),
    (
        "rate back",
        lambda: ops.dropout_backward(zeros(2), np.ones(2, "uint8"), 1.0),
        ValueError,
        "rate.*1.0",
    ),
    (
        "mask that wraps",
        lambda: ops.dropout_backward(zeros(2), np.array([1, 256]), 0.5),
        ValueError,
        "mask.*256",
    ),
    ("clock", lambda: ops.dropout_forward(X, 0.5, 3), TypeError, "clock.*Got 3"),
    ("clock dtype", lambda: ops.dropout_forward(X, 0.5, np.zeros(2)), TypeError, "uint64"),
    ("stream", lambda: ops.dropout_forward(X, 0.5, ops.clock(0), stream=-1), ValueError, "-1"),
    (
        "stream",
        lambda: ops.dropout_forward(X, 0.5, ops.clock(0), stream=2**32),
        ValueError,
        "stream",
    ),
    (
        "uniform shape",
        lambda: ops.random_uniform((2, -1), clock=ops.clock(0)),
        ShapeError,
        r"random_uniform.*\(2, -1\)",
    ),
    (
        "normal shape",
        lambda: ops.random_normal("ab", clock=ops.clock(0)),
        ShapeError,
        "random_normal.*'ab'",
    ),
    (
        "uniform dtype",
        lambda: ops.random_uniform((2,), clock=ops.clock(0), dtype="int32"),
        DtypeError,
        "random_uniform.*int32",
    ),
    ("clock of no number", lambda: ops.clock("a"), TypeError, "clock.*'a'"),
    ("clock of a negative number", lambda: ops.clock(-1), ValueError, "clock.*-1"),
]


@bad_calls(BAD_CALLS)
def test_bad_calls(call: Callable[[], Any], error: type[Exception], match: str):
    """Each mistake has its exception, and its message says what was received."""
    assert_refused(call, error, match)


def test_a_failed_call_leaves_a_gradient_unwritten():
    """An error before the kernel runs does not make the next write an addition."""
    gradient = ops.Gradient(np.full((2, 2), np.nan, "float32"))
    with pytest.raises(ShapeError):
        ops.matmul(zeros(2, 3), zeros(3, 4), out=gradient)
    ops.matmul(zeros(2, 3), zeros(3, 2), out=gradient)
    assert not gradient.array.any()
