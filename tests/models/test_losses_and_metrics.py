"""Losses and metrics inside of models: in plans they give what they give eagerly."""

from __future__ import annotations

import numpy as np
import pytest

import cnnlite
from cnnlite import layers, losses, metrics

RNG = np.random.default_rng(5)
X = RNG.normal(size=(23, 4)).astype("float32")
LABELS = RNG.integers(0, 3, 23)
HOT = np.eye(3, dtype="float32")[LABELS]
WEIGHTS = RNG.uniform(0.5, 2, 23).astype("float32")


def model_of(units: int = 3, activation: str | None = "softmax") -> cnnlite.Sequential:
    cnnlite.utils.set_random_seed(7)
    return cnnlite.Sequential([layers.Input((4,)), layers.Dense(units, activation=activation)])


class WorstRow(metrics.Metric):
    """A metric of the user's, in NumPy."""

    worst = 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.worst = max(self.worst, float(np.abs(y_true - y_pred).sum(axis=1).max()))

    def result(self):
        return self.worst

    def reset_state(self):
        self.worst = 0.0


DENSE = [
    metrics.Precision(),
    metrics.Recall([0.2, 0.4], name="recalls"),
    metrics.Precision(top_k=2, name="top"),
    metrics.AUC(),
    metrics.AUC(curve="PR", multi_label=True, name="areas"),
    metrics.F1Score(average="macro"),
    metrics.FBetaScore(beta=2.0, threshold=0.3),
    metrics.R2Score(),
    metrics.ConfusionMatrix(),
    metrics.TopKCategoricalAccuracy(k=2),
    metrics.CosineSimilarity(),
    metrics.RootMeanSquaredError(),
    metrics.CategoricalCrossentropy(label_smoothing=0.1),
    metrics.TrueNegatives(0.3),
    WorstRow(),
]


@pytest.mark.parametrize("weighted", [False, True])
def test_evaluate_gives_what_the_metrics_give_alone(weighted: bool):
    """Over uneven batches, with the sample weights for weighted_metrics."""
    model = model_of()
    own = [metrics.deserialize(metrics.serialize(m), {"WorstRow": WorstRow}) for m in DENSE]
    given = {"weighted_metrics" if weighted else "metrics": own}
    model.compile("sgd", "categorical_crossentropy", **given)
    logs = model.evaluate(X, HOT, batch_size=8, sample_weight=WEIGHTS, verbose=0, return_dict=True)
    y = model.predict(X, verbose=0)
    for metric in DENSE:
        metric.reset_state()
        alone = metric(HOT, y, WEIGHTS if weighted else None)
        np.testing.assert_allclose(logs[metric.name], alone, rtol=1e-5, err_msg=metric.name)


CASES = [
    ("mse", HOT, {}),
    ("mae", HOT, {}),
    ("mape", HOT + 1, {}),
    ("msle", HOT, {}),
    ("huber", 2 * HOT, {}),
    ("log_cosh", HOT, {}),
    ("hinge", HOT, {}),
    ("squared_hinge", 2 * HOT - 1, {}),
    ("categorical_hinge", HOT, {}),
    ("poisson", HOT, {}),
    ("kl_divergence", HOT, {}),
    ("cosine_similarity", HOT, {}),
    ("binary_crossentropy", HOT, {"label_smoothing": 0.1}),
    ("categorical_crossentropy", HOT, {"label_smoothing": 0.2}),
    ("sparse_categorical_crossentropy", LABELS, {"ignore_class": 2}),
    ("sparse_categorical_crossentropy", LABELS - 1, {"ignore_class": -1}),
]


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize(("name", "y", "options"), CASES, ids=[f"{c[0]}{c[2]}" for c in CASES])
def test_every_loss_trains(name: str, y: np.ndarray, options: dict, reduction: str):
    """The first figure of fit is the loss of the untrained model; then it falls."""
    model = model_of()
    loss = losses.deserialize({"class_name": name, "config": {**options, "reduction": reduction}})
    before = loss(y, model.predict(X, verbose=0), WEIGHTS)
    model.compile(cnnlite.optimizers.Adam(0.02), loss)
    history = model.fit(X, y, batch_size=23, epochs=8, sample_weight=WEIGHTS, verbose=0)
    found = history.history["loss"]
    assert found[0] == pytest.approx(before, rel=1e-5)
    assert found[-1] < found[0]


def test_smoothed_targets_keep_the_fused_gradient():
    """Softmax and cross-entropy become one operation with label smoothing too, and train so."""
    kernels, weights = [], []
    for fused in (True, False):
        model = model_of(activation="softmax" if fused else None)
        loss = losses.CategoricalCrossentropy(from_logits=not fused, label_smoothing=0.3)
        model.compile("sgd", loss)
        model.fit(X, HOT, batch_size=23, epochs=3, shuffle=False, verbose=0)
        plan = next(iter(model._arena._plans.values()))
        kernels.append(set(plan.operations))
        weights.append(model.get_weights()[0])
    assert "softmax_crossentropy_backward" in kernels[0] and "softmax_backward" not in kernels[0]
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-5, atol=1e-6)


def test_an_ignored_class_in_the_fused_gradient():
    """Rows of the ignored class leave the weights alone, softmax's gradient fused or not."""
    y = np.where(np.arange(23) < 20, -1, LABELS)
    whole, part = model_of(), model_of()
    for model, samples in ((whole, slice(0, 23)), (part, slice(20, 23))):
        model.compile("sgd", losses.SparseCategoricalCrossentropy(ignore_class=-1))
        model.fit(X[samples], y[samples], batch_size=23, shuffle=False, verbose=0)
    np.testing.assert_allclose(whole.get_weights()[0], part.get_weights()[0], rtol=1e-5)
