"""Metrics: Keras's figures, batches cut anywhere, names, what they refuse."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from cnnlite import losses, metrics, ops, using_backend
from cnnlite.errors import DtypeError, ShapeError
from tests.keras_figures import array
from tests.keras_metric_figures import METRICS


def described(case: tuple) -> str:
    options = ",".join(f"{k}={v}" for k, v in case[1].items())
    return f"{case[0]}-{options}-{case[2]}-{case[3]}-{case[4]}".replace(" ", "")


every_metric = pytest.mark.parametrize("case", METRICS, ids=described)


def made(case: tuple) -> metrics.Metric:
    return getattr(metrics, case[0])(**case[1])


def close(got: Any, expected: Any) -> None:
    # Keras counts in float32.
    np.testing.assert_allclose(got, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("backend", ["native", "reference"])
@every_metric
def test_figures_of_keras(case: tuple, backend: str):
    with using_backend(backend):
        metric = made(case)
        result = metric(array(case[2]), array(case[3]), array(case[4]))
        close(result, case[5])
        metric.reset_state()
        assert not metric.state.any()
        close(metric(array(case[2]), array(case[3]), array(case[4])), case[5])


# A batch of 0 and 1 has signs of its own for a hinge; one axis may be one row.
OF_BATCHES = [c for c in METRICS if "Hinge" not in c[0] and c[3] != "vp"]


@pytest.mark.parametrize("case", OF_BATCHES, ids=described)
def test_batches_may_be_cut_anywhere(case: tuple):
    """Uneven batches, an empty one among them, give the figure of the whole."""
    y_true, y_pred, weights = (array(name) for name in case[2:5])
    metric, n = made(case), len(y_pred)
    for part in (slice(0, 1), slice(1, 1), slice(1, n)):
        metric.update_state(y_true[part], y_pred[part], None if weights is None else weights[part])
    close(metric.result(), case[5])


@every_metric
def test_configurations_make_equal_metrics(case: tuple):
    metric = made(case)
    config = json.loads(json.dumps(metrics.serialize(metric)))
    again = metrics.deserialize(config)
    assert type(again) is type(metric) and again.get_config() == metric.get_config()
    close(again(array(case[2]), array(case[3]), array(case[4])), case[5])


# A wrapper needs its function.
CLASSES = [
    n for n in metrics.__all__ if n[0].isupper() and n not in ("Metric", "MeanMetricWrapper")
]


@pytest.mark.parametrize("name", CLASSES)
def test_names_are_keras_s(name: str):
    """snake_case names, class names and Keras's short names lead to the class."""
    cls = getattr(metrics, name)
    assert type(metrics.deserialize(name)) is cls
    assert metrics.get(name).name == name
    assert type(metrics.get(cls)) is cls
    special = {"LogCoshError": "logcosh", "FBetaScore": "fbeta_score"}
    snake = metrics.snake_name(cls)
    assert cls().name == special.get(name, snake)
    assert type(metrics.deserialize(snake)) is cls


def test_short_names():
    for short, cls in (("mse", "MeanSquaredError"), ("MAE", "MeanAbsoluteError")):
        metric = metrics.get(short)
        assert type(metric).__name__ == cls and metric.name == short


@pytest.mark.parametrize(
    ("name", "shape", "loss", "cls"),
    [
        ("accuracy", (None, 1), "mse", metrics.BinaryAccuracy),
        ("acc", (None, 3), "sparse_categorical_crossentropy", metrics.SparseCategoricalAccuracy),
        ("Accuracy", (None, 3), "mse", metrics.CategoricalAccuracy),
        ("accuracy", (None, 4, 3), "categorical_crossentropy", metrics.CategoricalAccuracy),
        ("ce", (None, 1), "mse", metrics.BinaryCrossentropy),
        (
            "crossentropy",
            (None, 3),
            "sparse_categorical_crossentropy",
            metrics.SparseCategoricalCrossentropy,
        ),
    ],
)
def test_accuracy_is_resolved_from_the_shapes(name: str, shape: tuple, loss: str, cls: type):
    metric = metrics.get(name, losses.get(loss), shape)
    assert type(metric) is cls and metric.name == name


def test_confusion_matrix():
    """Rows are what is right, columns what was predicted: counted by hand."""
    p = array("p")  # taken for 0, 1, 2, 2
    metric = metrics.ConfusionMatrix()
    assert metric(array("label"), p).tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 1]]
    metric.reset_state()
    assert metric(array("hot"), p, [1, 2, 3, 4]).tolist() == [[1, 0, 0], [0, 0, 3], [0, 2, 4]]
    binary = metrics.ConfusionMatrix(threshold=0.55)
    assert binary(array("t1"), array("p1")).tolist() == [[1, 1], [1, 1]]
    assert metrics.ConfusionMatrix()([1, 0], [0.9, 0.8]).tolist() == [[0, 1], [0, 1]]
    bad = np.array([[np.nan, 1], [1, 0]], "float32")
    assert metrics.ConfusionMatrix()([0, 1], bad).tolist() == [[0, 0], [1, 0]]


def test_mean_and_sum():
    """By hand; a sample's weight counts for all of its values."""
    assert metrics.Mean()([1, 3, 5, 7]) == 4.0
    assert metrics.Mean()([1, 3, 5, 7], [1, 1, 0, 0]) == 2.0
    assert metrics.Mean()([[1, 3], [5, 9]], [1, 3]) == (2 + 3 * 7) / 4
    assert metrics.Mean()(5) == 5.0
    assert metrics.Sum()([[1, 3], [5, 9]], [1, 3]) == 4 + 3 * 14
    assert metrics.Sum()([]) == 0.0 and metrics.Mean()([]) == 0.0


def test_sorted_class_numbers():
    """SparseTopK from predictions that are class numbers, the best first."""
    metric = metrics.SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True)
    assert metric([1, 0, 2], [[1, 0, 2], [1, 2, 0], [0, 2, 1]]) == pytest.approx(2 / 3)
    assert metric.dynamic and not metrics.SparseTopKCategoricalAccuracy().dynamic


def test_samples_count_equally_however_many_steps_they_have():
    """As in Keras, whose mean over the steps comes first."""
    metric = metrics.SparseCategoricalAccuracy()
    metric.update_state([[0, 0, 0]], [[[1.0, 0.0]] * 3])
    metric.update_state([[1]], [[[1.0, 0.0]]])
    assert metric.result() == pytest.approx(0.5)


def test_nan_predictions_are_negative_and_wrong():
    p, y = [[np.nan], [0.9]], [[1], [1]]
    assert metrics.Recall()(y, p) == 0.5 and metrics.Precision()(y, p) == 1.0
    assert metrics.BinaryAccuracy()(y, p) == 0.5
    assert np.isnan(metrics.MeanSquaredError()(y, p))


def test_before_the_first_batch():
    for name in CLASSES:
        cls = getattr(metrics, name)
        if cls is not metrics.R2Score:
            assert np.all(np.asarray(cls().result()) == 0)
    assert metrics.F1Score().result().shape == (0,)  # how many classes, no batch has said
    for average in ("micro", "macro", "weighted"):
        assert metrics.F1Score(average).result() == 0.0


class Hits(metrics.Metric):
    """A metric of the user's, of operations."""

    def values(self, y_true, y_pred):
        return ops.accuracy(y_pred, y_true)


class Largest(metrics.Metric):
    """A metric of the user's, in NumPy."""

    found = 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.found = max(self.found, float(np.max(y_pred)))

    def result(self):
        return self.found

    def reset_state(self):
        self.found = 0.0


def test_metrics_of_the_user_s():
    assert not Hits.dynamic and Largest.dynamic and Largest.sparse is None
    assert Hits(name="h")([[1.0, 2.0]], [[1.0, 3.0]]) == 0.5
    assert Largest()([0, 1], [0.5, 0.25]) == 0.5
    for cls in (Hits, Largest):
        again = metrics.deserialize(metrics.serialize(cls(name="m")), {cls.__name__: cls})
        assert type(again) is cls and again.name == "m"


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: metrics.Precision([0.5, 1.5]), ValueError, "thresholds.*1.5"),
        (lambda: metrics.Precision("a"), TypeError, "thresholds.*'a'|'a'"),
        (lambda: metrics.Recall([]), TypeError, r"thresholds.*\[\]"),
        (lambda: metrics.Recall(top_k=0), ValueError, "top_k.*0"),
        (lambda: metrics.Recall(class_id=-1), ValueError, "class_id.*-1"),
        (lambda: metrics.Recall(class_id=5)([[1, 0]], [[0.5, 0.5]]), ValueError, "class_id.*5"),
        (lambda: metrics.AUC(1), ValueError, "num_thresholds.*1"),
        (lambda: metrics.AUC(curve="ROCK"), ValueError, "curve.*'ROCK'"),
        (lambda: metrics.AUC(summation_method=3), TypeError, "summation_method.*3"),
        (lambda: metrics.AUC(num_labels=2), ValueError, "multi_label"),
        (
            lambda: metrics.AUC(multi_label=True, num_labels=2)([[1, 0, 1]], [[0.5, 0.5, 0.1]]),
            ShapeError,
            "3 labels.*2",
        ),
        (lambda: metrics.AUC(multi_label=True).build((None, 2, 2)), ShapeError, "labels"),
        (lambda: metrics.FBetaScore("all"), ValueError, "average.*'all'"),
        (lambda: metrics.FBetaScore(beta=0), ValueError, "beta.*0"),
        (lambda: metrics.F1Score(threshold=0.0), ValueError, "threshold.*0"),
        (lambda: metrics.F1Score().build((None, 2, 2)), ShapeError, r"\(None, 2, 2\)"),
        (lambda: metrics.R2Score("mean"), ValueError, "class_aggregation.*'mean'"),
        (lambda: metrics.R2Score(num_regressors=-1), ValueError, "num_regressors.*-1"),
        (lambda: metrics.R2Score().build((None, 2, 2)), ShapeError, "outputs"),
        (lambda: metrics.ConfusionMatrix(1), ValueError, "num_classes.*1"),
        (lambda: metrics.ConfusionMatrix(3).build((None, 4)), ShapeError, "4 classes.*3"),
        (lambda: metrics.TopKCategoricalAccuracy(k=0), ValueError, "k.*0"),
        (lambda: metrics.BinaryAccuracy(threshold="a"), TypeError, "threshold.*'a'"),
        (lambda: metrics.BinaryAccuracy(dtype="int8"), DtypeError, "int8"),
        (lambda: metrics.MeanSquaredError()([[1.0]], [[1.0, 2.0]]), ShapeError, r"\(1, 1\)"),
        (lambda: metrics.MeanSquaredError()([["a"]], [[1.0]]), TypeError, "numbers"),
        (lambda: metrics.MeanSquaredError()([[1.0]], [[1.0]], [1, 2]), ShapeError, "weight"),
        (lambda: metrics.get("roc"), ValueError, "'roc'"),
        (lambda: metrics.get(None), ValueError, "None"),
        (
            lambda: metrics.get("auc", losses.get("sparse_categorical_crossentropy")),
            ValueError,
            "auc",
        ),
        (lambda: metrics.Metric()([[1.0]], [[1.0]]), NotImplementedError, "values"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], match: str):
    with pytest.raises(error, match=match):
        call()


def test_too_few_values_to_adjust_r2():
    metric = metrics.R2Score(num_regressors=5)
    metric.update_state(array("t1"), array("p1"))
    plain = metrics.R2Score()
    plain.update_state(array("t1"), array("p1"))
    with pytest.warns(UserWarning, match="4 values.*5 regressors"):
        assert metric.result() == plain.result()
