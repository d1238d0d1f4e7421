"""What losses, accuracies and the running sums of metrics refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnnlite import ops
from cnnlite.errors import DtypeError, ShapeError
from tests.ops.refusals import BadCall, assert_refused, bad_calls, zeros

BAD_CALLS: list[BadCall] = [
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


@bad_calls(BAD_CALLS)
def test_bad_calls(call: Callable[[], Any], error: type[Exception], match: str):
    """Each mistake has its exception, and its message says what was received."""
    assert_refused(call, error, match)
