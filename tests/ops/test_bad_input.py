"""Bad input to operations: the right exception, and a message that says where and what."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cnnlite import ops
from cnnlite.errors import DtypeError, ShapeError
from tests.ops.cases import CASES, Case

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
cases_with_out = pytest.mark.parametrize(
    "case", [c for c in CASES if c.has_out], ids=lambda case: case.name
)


def zeros(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.zeros(shape, dtype)


def message_of(error: pytest.ExceptionInfo) -> str:
    """Return an error's message, which must be sentences and hold no line of NumPy's."""
    text = str(error.value)
    assert text.endswith((".", "None.")), text
    assert "ufunc" not in text and "memoryview" not in text, text
    return text


# ---- what holds for every operation


@every_case
def test_integers_where_floats_are_needed(case: Case):
    """An integer array is refused, by the name of the operation and the argument."""
    for name in case.floats:
        given = {k: a.astype(np.int64) if k == name else a for k, a in case.arrays.items()}
        with pytest.raises(DtypeError) as error:
            case.call(*given.values())
        text = message_of(error)
        assert text.startswith(case.where) and "int64" in text and "astype" in text


@every_case
@pytest.mark.parametrize("kind", ["complex64", "float16", "object", "U1", "bool", "M8[s]"])
def test_dtypes_that_no_operation_takes(case: Case, kind: str):
    """Complex, half, objects, text, booleans and dates: a DtypeError that names the dtype."""
    for name in case.floats:
        bad = np.zeros(case.arrays[name].shape, kind)
        given = {k: bad if k == name else a for k, a in case.arrays.items()}
        with pytest.raises(DtypeError, match=re.escape(str(bad.dtype))) as error:
            case.call(*given.values())
        assert message_of(error).startswith(case.where)


@every_case
def test_float32_and_float64_are_never_mixed(case: Case):
    """One argument of another precision is refused, not converted."""
    if len(case.floats) < 2:
        # Nothing to mix: the only float argument decides the dtype.
        assert case.floats or case.name in (
            *("label_mask", "logical_and", "logical_or", "logical_not"),
        )
        return
    for name in case.floats:
        given = {k: a.astype(np.float64) if k == name else a for k, a in case.arrays.items()}
        with pytest.raises(DtypeError, match="float64") as error:
            case.call(*given.values())
        assert message_of(error).startswith(case.where)


@every_case
@pytest.mark.parametrize("bad", [None, "abc", [[1.0], [1.0, 2.0]], {"a": 1}, object()])
def test_what_is_no_array(case: Case, bad: Any):
    """None, text, ragged lists and other objects: a TypeError that names the argument."""
    for name in case.arrays:
        if bad is None and name in case.optional:
            continue
        given = {k: bad if k == name else a for k, a in case.arrays.items()}
        with pytest.raises(TypeError) as error:
            case.call(*given.values())
        assert message_of(error).startswith(case.where)


@every_case
def test_shapes_that_do_not_fit(case: Case):
    """One argument longer by one along each of its axes: a ShapeError, or another valid call."""
    refused = 0
    for name, array in case.arrays.items():
        for axis in range(array.ndim):
            longer = np.concatenate([array, array[(slice(None),) * axis + (slice(1),)]], axis)
            given = {k: longer if k == name else a for k, a in case.arrays.items()}
            try:
                case.call(*given.values())
            except ValueError as error:
                refused += 1
                assert isinstance(error, ShapeError)
                assert str(error).startswith(case.where)
                assert re.search(r"\d", str(error)), "it does not say what was received"
    assert refused or len(case.arrays) == 1 or case.name == "gather"  # it takes any table and ids


@every_case
def test_arrays_of_another_rank(case: Case):
    """An axis too many on one argument: a ShapeError, where the rank is fixed by others."""
    for name, array in case.arrays.items():
        given = {k: a[None, None] if k == name else a for k, a in case.arrays.items()}
        if len(case.arrays) == 1 and array.ndim < 4:
            continue  # any rank will do
        if name in case.any_rank:
            continue
        with pytest.raises(ShapeError) as error:
            case.call(*given.values())
        assert message_of(error).startswith(case.where)


@cases_with_out
def test_out_that_does_not_fit(case: Case):
    """A wrong shape, dtype or type of `out=`, or a read-only one, is refused."""
    result = case.call(*case.arrays.values())
    result = result[0] if isinstance(result, tuple) else result
    locked = result.copy()
    locked.flags.writeable = False
    for bad, expected in (
        (np.empty((*result.shape, 1), result.dtype), ShapeError),
        (np.empty(result.shape, np.float64), ShapeError),
        (np.empty(result.shape, np.int32), ShapeError),
        (result.astype(">f4"), ShapeError),
        (result.tolist(), TypeError),
        (locked, ValueError),
    ):
        with pytest.raises(expected, match="out") as error:
            case.call(*case.arrays.values(), out=bad)
        assert message_of(error).startswith(case.where)


@every_case
def test_a_plan_s_buffer_outside_of_a_plan(case: Case):
    """A buffer has no values when nothing records: a TypeError, not a crash."""
    for name, array in case.arrays.items():
        buffer = ops.Buffer(array.shape, array.dtype)
        given = {k: buffer if k == name else a for k, a in case.arrays.items()}
        with pytest.raises(TypeError, match="Buffer") as error:
            case.call(*given.values())
        assert message_of(error).startswith(case.where)


# ---- what each operation refuses on its own

X, W = zeros(2, 6, 6, 4), zeros(3, 3, 4, 8)

BAD_CALLS: list[tuple[str, Callable[[], Any], type[Exception], str]] = [
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
    # labels
    (
        "label type",
        lambda: ops.sparse_categorical_accuracy(zeros(2, 3), np.array([0.0, 1.0], "float32")),
        DtypeError,
        "labels is float32",
    ),
    (
        "label fractions in a list",
        lambda: ops.sparse_softmax_crossentropy_forward(zeros(2, 3), [0.5, 1.5]),
        DtypeError,
        "labels",
    ),
    (
        "labels that wrap",
        lambda: ops.sparse_softmax_crossentropy_forward(zeros(2, 3), [0, 2**32]),
        ValueError,
        "4294967296",
    ),
    (
        "labels one-hot",
        lambda: ops.sparse_categorical_crossentropy_forward(zeros(2, 3), [[0, 1, 0], [1, 0, 0]]),
        ShapeError,
        r"labels \(2, 3\)",
    ),
    (
        "loss of a vector",
        lambda: ops.elementwise_loss_forward([1.0], [1.0], "huber"),
        ShapeError,
        "rows",
    ),
    (
        "loss without a name",
        lambda: ops.elementwise_loss_forward(zeros(2, 3), zeros(2, 3), "cube"),
        ValueError,
        "'cube'.*huber",
    ),
    (
        "row loss",
        lambda: ops.row_loss_backward(zeros(2, 3), zeros(2, 3), "huber"),
        ValueError,
        "'huber'.*cosine",
    ),
    (
        "row loss of nothing",
        lambda: ops.row_loss_forward(zeros(2, 0), zeros(2, 0), "cosine_similarity"),
        ShapeError,
        "no classes",
    ),
    (
        "delta",
        lambda: ops.elementwise_loss_forward(zeros(2, 3), zeros(2, 3), "huber", delta=None),
        TypeError,
        "delta.*None",
    ),
    ("map", lambda: ops.map_targets(zeros(2), "2", 0), TypeError, "scale.*'2'"),
    (
        "label mask",
        lambda: ops.label_mask([0, 1], -1, [1, 1, 1]),
        ShapeError,
        r"\(2,\) and \(3,\)",
    ),
    (
        "ignored class",
        lambda: ops.sparse_softmax_crossentropy_forward(zeros(2, 3), [0, 1], ignore_class=0.5),
        ValueError,
        "ignore_class.*0.5",
    ),
    ("accuracy", lambda: ops.categorical_accuracy(zeros(2, 0), zeros(2, 0)), ShapeError, "classes"),
    (
        "weights",
        lambda: ops.categorical_crossentropy_backward(zeros(2, 3), zeros(2, 3), zeros(2, 3)),
        ShapeError,
        r"weights.*\(2,\)",
    ),
    (
        "weights' rows",
        lambda: ops.loss_weights(zeros(3), rows=(2, 3)),
        ShapeError,
        r"weights \(3,\), rows \(2, 3\)",
    ),
    (
        "mask's rows",
        lambda: ops.loss_weights(mask=np.ones((2, 3, 1), "uint8"), rows=(2, 3)),
        ShapeError,
        r"mask \(2, 3, 1\)",
    ),
    ("rows", lambda: ops.loss_weights(rows=-1), ShapeError, "-1"),
    (
        "reduction to nothing",
        lambda: ops.loss_weights(rows=2, reduction=None),
        ValueError,
        "reduction.*None",
    ),
    ("scale", lambda: ops.loss_weights(rows=2, scale="2"), TypeError, "scale.*'2'"),
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
    # running means
    ("state list", lambda: ops.mean_update([0.0, 0.0], [1.0]), TypeError, "state.*list"),
    ("state shape", lambda: ops.mean_update(np.zeros(3), [1.0]), ShapeError, r"state.*\(3,\)"),
    (
        "state dtype",
        lambda: ops.mean_update(zeros(2), [1.0]),
        DtypeError,
        "state.*float32",
    ),
    (
        "state strided",
        lambda: ops.mean_update(np.zeros(4)[::2], [1.0]),
        ValueError,
        "state.*contiguous",
    ),
    (
        "thresholds",
        lambda: ops.threshold_update(np.zeros((2, 2, 1)), zeros(2, 3), zeros(2, 3), [[0.5]]),
        ShapeError,
        "thresholds.*dimensions",
    ),
    (
        "threshold state",
        lambda: ops.threshold_update(np.zeros((2, 3, 1)), zeros(2, 3), zeros(2, 3), [0.5]),
        ShapeError,
        r"state.*\(2, 2, 1\).*\(2, 3, 1\)",
    ),
    (
        "class_id",
        lambda: ops.threshold_update(
            np.zeros((2, 2, 1)), zeros(2, 3), zeros(2, 3), [0.5], class_id=3
        ),
        ValueError,
        "class_id.*0..2.*3",
    ),
    (
        "top_k",
        lambda: ops.threshold_update(np.zeros((2, 2, 1)), zeros(2, 3), zeros(2, 3), [0.5], top_k=0),
        ValueError,
        "top_k.*0",
    ),
    (
        "k",
        lambda: ops.top_k_categorical_accuracy(zeros(2, 3), zeros(2, 3), 1.5),
        ValueError,
        "k.*1.5",
    ),
    (
        "class state",
        lambda: ops.class_update(np.zeros((3, 2)), zeros(2, 3), zeros(2, 3)),
        ShapeError,
        r"state.*\(3, 3\)",
    ),
    (
        "class threshold",
        lambda: ops.class_update(np.zeros((3, 3)), zeros(2, 3), zeros(2, 3), threshold="a"),
        TypeError,
        "threshold.*'a'",
    ),
    (
        "confusion labels",
        lambda: ops.confusion_update(np.zeros((3, 3)), zeros(2, 3), [0, 1, 2]),
        ShapeError,
        r"labels \(3,\)",
    ),
    (
        "regression weights",
        lambda: ops.regression_update(np.zeros((5, 3)), zeros(2, 3), zeros(2, 3), zeros(3)),
        ShapeError,
        r"weights.*\(2,\)",
    ),
]


def _written(shape: tuple) -> ops.Gradient:
    gradient = ops.Gradient(zeros(*shape))
    gradient.accumulate = True
    return gradient


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [case[1:] for case in BAD_CALLS],
    ids=[case[0] for case in BAD_CALLS],
)
def test_bad_calls(call: Callable[[], Any], error: type[Exception], match: str):
    """Each mistake has its exception, and its message says what was received."""
    with pytest.raises(error, match=match) as caught:
        call()
    assert re.match(r"[a-z0-9_]+: ", message_of(caught)) or "[0]" in message_of(caught)


def test_a_failed_call_leaves_a_gradient_unwritten():
    """An error before the kernel runs does not make the next write an addition."""
    gradient = ops.Gradient(np.full((2, 2), np.nan, "float32"))
    with pytest.raises(ShapeError):
        ops.matmul(zeros(2, 3), zeros(3, 4), out=gradient)
    ops.matmul(zeros(2, 3), zeros(3, 2), out=gradient)
    assert not gradient.array.any()


def test_numpy_integers_are_integers():
    """Sizes from array shapes and NumPy arithmetic are as good as Python's."""
    one, two = np.int64(1), np.int32(2)
    y = ops.conv2d_forward(X, W, strides=(one, two), dilation=one, groups=one, padding=two)
    assert y.shape == (2, 8, 4, 8)
    assert ops.maxpool2d_forward(X, two, np.int8(2))[0].shape == (2, 3, 3, 4)
    assert ops.concatenate([X, X], np.int64(-1)).shape == (2, 6, 6, 8)
