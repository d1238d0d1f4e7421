"""Arguments of losses and metrics that make no sense are refused, with their name and value."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from cnnlite import Input, Model, layers, losses, metrics
from cnnlite.errors import ShapeError

NAN, INF, ARRAY = float("nan"), float("inf"), np.ones(2)
NUMBERS = ["x", NAN, INF, ARRAY, True, [1]]
FLAGS = ["yes", None, NAN, ARRAY, [1], 2]
COUNTS = ["x", NAN, INF, ARRAY, [1], True, -1, 0, 1.5]
CHOICES = ["x", NAN, ARRAY, [1], True, 3]
# What each argument refuses, wherever it is.
REFUSED: dict[str, list[Any]] = {
    "name": [ARRAY, NAN, 3, ["x"]],
    "dtype": ["x", ARRAY, NAN, 3, "int32"],
    "reduction": CHOICES,
    "axis": ["x", None, NAN, ARRAY, True, 1.5],
    "delta": [*NUMBERS, None, -1],
    "label_smoothing": [*NUMBERS, None, -0.1, 1.1],
    "from_logits": FLAGS,
    "ignore_class": ["x", NAN, ARRAY, 1.5, 10**12],
    "threshold": NUMBERS,
    "thresholds": ["x", NAN, INF, True, ["x"], [NAN], -0.1, 1.1, [0.5, 2]],
    "k": COUNTS,
    "top_k": COUNTS,
    "class_id": ["x", NAN, ARRAY, True, -1, 1.5],
    "num_classes": [*COUNTS, 1, 10**6, 10**12, 10**30],
    "num_thresholds": [*COUNTS, 1, None, 10**12, 10**30],
    "num_labels": [*COUNTS, 10**12, 10**30],
    "label_weights": ["x", 3, NAN, ["x"], [NAN], [-1.0]],
    "multi_label": FLAGS,
    "curve": CHOICES,
    "summation_method": CHOICES,
    "from_sorted_ids": FLAGS,
    "average": CHOICES,
    "beta": [*NUMBERS, None, 0, -1],
    "class_aggregation": CHOICES,
    "num_regressors": ["x", None, NAN, ARRAY, -1, 1.5],
}
FREE = {"fn", "kwargs"}


def classes() -> list[type]:
    return [
        found
        for module, base in ((losses, losses.Loss), (metrics, metrics.Metric))
        for name in module.__all__
        if isinstance(found := getattr(module, name), type) and issubclass(found, base)
    ]


@pytest.mark.parametrize(
    "cls", classes(), ids=lambda c: f"{c.__module__.split('.')[1]}.{c.__name__}"
)
def test_each_argument_refuses_what_makes_no_sense(cls: Any):
    for name in list(inspect.signature(cls.__init__).parameters)[1:]:
        if name in FREE:
            continue
        for value in REFUSED[name]:
            extra = {"multi_label": True} if name == "num_labels" else {}
            extra |= {"fn": len} if cls is metrics.MeanMetricWrapper else {}
            with pytest.raises((TypeError, ValueError)) as caught:
                cls(**{name: value}, **extra)
            message = str(caught.value)
            assert name in message and "Got " in message, (name, value, message)


def test_what_makes_sense_is_taken():
    """NumPy's numbers and flags too; the bounds themselves."""
    assert losses.Huber(np.float32(2)).delta == 2.0
    assert losses.BinaryCrossentropy(np.True_, np.float64(1)).from_logits is True
    assert losses.BinaryCrossentropy(0).from_logits is False
    assert metrics.TopKCategoricalAccuracy(np.int64(3)).k == 3
    assert metrics.Precision(thresholds=np.array([0.0, 1.0])).result().shape == (2,)
    assert metrics.AUC(curve="pr", summation_method="MINORING").curve == "PR"
    assert metrics.BinaryAccuracy(threshold=0).threshold == 0.0


def test_more_than_there_are_classes_are_all_classes():
    p = np.array([[0.5, 0.3, 0.2]], "float32")
    for k in (3, 4, 10**12, 10**30):
        assert metrics.SparseTopKCategoricalAccuracy(k)([2], p) == 1.0
        assert metrics.TopKCategoricalAccuracy(k)([[0, 0, 1]], p) == 1.0
        assert metrics.Recall(top_k=k)([[0, 0, 1]], p) == 1.0


# ---- labels


@pytest.mark.parametrize("label", [3, -1, 7])
def test_a_class_that_the_matrix_lacks_is_refused(label: int):
    p = np.eye(3, dtype="float32")
    for metric in (metrics.ConfusionMatrix(), metrics.SparseCategoricalCrossentropy()):
        with pytest.raises(ValueError, match=r"must lie in 0..2.*3 classes. Got .*\."):
            metric([0, 1, label], p)
    # An accuracy has a defined answer: a miss, as Keras 3.15's.
    assert metrics.SparseCategoricalAccuracy()([0, 1, label], p) == pytest.approx(2 / 3)


@pytest.mark.parametrize("metric", [metrics.ConfusionMatrix, metrics.SparseCategoricalAccuracy])
def test_class_numbers_are_whole_and_fit(metric: Any):
    p = np.eye(2, dtype="float32")
    for bad, match in (([0, 0.5], "whole"), ([0, NAN], "whole"), ([0, 2**32], "32 bits")):
        with pytest.raises(ValueError, match=match):
            metric()(bad, p)


def test_one_column_has_two_classes():
    with pytest.raises(ValueError, match=r"0..1.*Got 0..2"):
        metrics.ConfusionMatrix()(np.array([0, 2]), np.array([[[0.1]], [[0.7]]]).reshape(2, 1, 1))


def test_an_output_that_has_metrics_alone_checks_its_labels():
    """No loss looks at them there."""
    x = Input((3,))
    model = Model(x, [layers.Dense(2, name="a")(x), layers.Dense(3, "softmax", name="b")(x)])
    matrix = metrics.ConfusionMatrix()
    model.compile("sgd", ["mse", None], metrics=[[], [matrix, "sparse_categorical_accuracy"]])
    data, y = np.ones((4, 3)), np.ones((4, 2))
    found = model.evaluate(data, [y, np.array([0, 1, 2, 2])], verbose=0, return_dict=True)
    assert found["b_confusion_matrix"].sum() == 4
    with pytest.raises(ValueError, match=r"confusion_matrix: class numbers must lie in 0..2"):
        model.evaluate(data, [y, np.array([0, 1, 2, 3])], verbose=0)
    with pytest.raises(ShapeError, match=r"Got \(4, 5\) and \(4, 3\)"):
        model.evaluate(data, [y, np.ones((4, 5))], verbose=0)


def test_a_matrix_of_too_many_classes():
    wide = np.zeros((1, 20_000), "float32")
    with pytest.raises(ShapeError, match=r"20000 classes are too many.*3.2 GB"):
        metrics.ConfusionMatrix()([0], wide)


# ---- predictions


def test_scores_outside_of_0_to_1_are_counted_as_the_nearest():
    """AUC clips, and NaN exceeds no threshold; Keras 3.15 gives 1, 1, 0, 0."""
    for p, area in (([0.5, 1.5], 1.0), ([-0.5, 0.5], 1.0), ([NAN, 0.5], 0.0), ([INF, 0.5], 0.0)):
        assert metrics.AUC()([0, 1], np.float32(p)) == area


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [  # Keras 3.15 gives these, for targets 0 and 1 and predictions -2, 0, 0.3, 0.7, 1, 1.5, 3
        (0.5, "1110000 0001111"),
        (0.0, "1100000 0011111"),
        (1.0, "1111100 0000011"),
        (2.0, "1111110 0000001"),
        (-1.0, "1000000 0111111"),
    ],
)
def test_binary_accuracy_of_logits(threshold: float, expected: str):
    """The threshold decides about predictions alone: targets are 0 and 1, whatever it is."""
    p = np.float32([[-2], [0], [0.3], [0.7], [1], [1.5], [3]])
    rows = [
        "".join(
            str(int(metrics.BinaryAccuracy(threshold=threshold)([[t]], row[None]))) for row in p
        )
        for t in (0, 1)
    ]
    assert " ".join(rows) == expected
    assert metrics.BinaryAccuracy()([[0.3], [2]], np.float32([[0.3], [2]])) == 0.0


@pytest.mark.parametrize("bad", [NAN, INF])
@pytest.mark.parametrize(
    "cls", [c for c in classes() if issubclass(c, losses.Loss) and c is not losses.Loss]
)
def test_a_loss_of_nan_is_nan_and_of_infinity_not_hidden(cls: Any, bad: float):
    """Where a clip bounds infinity, the loss is that of the bound, as Keras's."""
    p = np.array([[bad, 0.5], [0.3, 0.7]], "float32")
    y = np.array([0, 1]) if cls.sparse else np.eye(2)
    value, plain = cls()(y, p), cls()(y, np.nan_to_num(p, nan=0.5, posinf=0.5))
    assert np.isnan(value) if np.isnan(bad) else value != plain
    with pytest.raises(TypeError, match="predictions must be numbers"):
        cls()(y, np.array([["a", "b"]] * 2))


def test_metrics_of_nan():
    p, y = np.array([[NAN, 1.0]], "float32"), [[0.0, 1.0]]
    for name in ("mse", "mae", "mape", "rmse", "logcosh", "bce", "hinge", "cosine_similarity"):
        assert np.isnan(metrics.get(name)(y, p)), name
    assert np.isnan(metrics.MeanSquaredError()([[0.0]], [[1.0]], [NAN]))
    with pytest.raises(TypeError, match="auc: predictions must be numbers"):
        metrics.AUC()([0, 1], ["a", "b"])
