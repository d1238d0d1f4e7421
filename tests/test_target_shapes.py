"""Targets and predictions that differ by an axis of length 1, and those that do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Sequential, layers, losses, metrics
from cnnlite.errors import ShapeError

T, P = np.float32([1, 0, 1, 1]), np.float32([0.2, 0.7, 0.6, 0.9])
COLUMN = (slice(None), None)

# Keras 3.15 gives these: of (4,) against (4,), one row; and, all the same, of (4, 1) against
# (4,), (4,) against (4, 1) and (4, 1) against (4, 1), four rows.
FIGURES = {
    "BinaryCrossentropy": (0.8574, 0.8574),
    "CategoricalCrossentropy": (4.8520, 0.0),
    "CategoricalHinge": (0.0, 0.75),
    "CosineSimilarity": (-0.7528, -0.75),
    "Hinge": (0.75, 0.75),
    "Huber": (0.1625, 0.1625),
    "KLDivergence": (2.2256, 0.5564),
    "LogCosh": (0.1502, 0.1502),
    "MeanAbsoluteError": (0.5, 0.5),
    "MeanAbsolutePercentageError": (175000032.0, 175000032.0),
    "MeanSquaredError": (0.325, 0.325),
    "MeanSquaredLogarithmicError": (0.1487, 0.1487),
    "Poisson": (1.1564, 1.1564),
    "SquaredHinge": (0.925, 0.925),
}


def test_every_loss_of_arrays_is_here():
    found = [getattr(losses, name) for name in losses.__all__]
    dense = {
        c.__name__ for c in found if isinstance(c, type) and not c.sparse and c is not losses.Loss
    }
    assert dense == FIGURES.keys()


@pytest.mark.parametrize(("name", "figures"), FIGURES.items())
def test_losses(name: str, figures: tuple[float, float]):
    loss = getattr(losses, name)()
    assert loss(T, P) == pytest.approx(figures[0], abs=1e-4)
    for y, p in ((T[COLUMN], P), (T, P[COLUMN]), (T[COLUMN], P[COLUMN])):
        assert loss(y, p) == pytest.approx(figures[1], abs=1e-4)


@pytest.mark.parametrize("shapes", [((2, 3, 1), (2, 3)), ((2, 3), (2, 3, 1))])
def test_deeper_targets(shapes: Any):
    """Keras 3.15 gives 1.0 for both."""
    assert losses.MeanSquaredError()(np.ones(shapes[0]), np.zeros(shapes[1], "float32")) == 1.0


def test_labels():
    """Keras 3.15 gives 0.9588 for each."""
    p = np.float32([[0.2, 0.8], [0.7, 0.3], [0.6, 0.4], [0.9, 0.1]])
    y = np.array([0, 1, 1, 0])
    for labels in (y, y[:, None], y[:, None, None]):
        loss = losses.SparseCategoricalCrossentropy()(labels, p)
        assert loss == pytest.approx(0.9588, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "figure"),
    [  # Keras 3.15 gives these for all four pairs of shapes
        ("AUC", 0.3333),
        ("Accuracy", 0.0),
        ("BinaryAccuracy", 0.5),
        ("FalseNegatives", 1.0),
        ("FalsePositives", 1.0),
        ("LogCoshError", 0.1502),
        ("MeanAbsoluteError", 0.5),
        ("MeanSquaredError", 0.325),
        ("MeanSquaredLogarithmicError", 0.1487),
        ("Precision", 0.6667),
        ("Recall", 0.6667),
        ("RootMeanSquaredError", 0.5701),
        ("TrueNegatives", 0.0),
        ("TruePositives", 2.0),
    ],
)
def test_metrics(name: str, figure: float):
    for y, p in ((T, P), (T[COLUMN], P), (T, P[COLUMN]), (T[COLUMN], P[COLUMN])):
        assert getattr(metrics, name)()(y, p) == pytest.approx(figure, abs=1e-4)


def test_metrics_of_columns():
    """R2 and the F-scores take columns, not a vector, as Keras's."""
    for y, p in ((T[COLUMN], P), (T, P[COLUMN]), (T[COLUMN], P[COLUMN])):
        assert metrics.R2Score()(y, p) == pytest.approx(-0.7333, abs=1e-4)
    for metric in (metrics.R2Score(), metrics.F1Score(), metrics.FBetaScore()):
        with pytest.raises(ShapeError, match=r"must be \(rows, .*Got \(4,\)"):
            metric(T, P)
    assert metrics.F1Score()(T[COLUMN], P[COLUMN]) == pytest.approx(0.8571, abs=1e-4)


@pytest.mark.parametrize("loss", ["mse", "binary_crossentropy", "hinge", "kl_divergence"])
def test_fit_takes_either(loss: str):
    """(N,) and (N, 1) against an output (N, 1): the same bits."""
    x = np.random.default_rng(0).normal(size=(8, 3))
    y = (x[:, 0] > 0).astype("float32")
    histories = []
    for targets in (y, y[:, None]):
        cnnlite.set_random_seed(1)
        model = Sequential([Input((3,)), layers.Dense(1, "sigmoid")])
        model.compile("sgd", loss, metrics=["accuracy", "mae", "auc"])
        histories.append(model.fit(x, targets, 4, epochs=2, verbose=0).history)
    assert histories[0] == histories[1]


def test_fit_drops_and_adds_an_axis_of_sequences():
    """(N, T, 1) against an output (N, T); labels (N, T, 1) and (N, T) of (N, T, K)."""
    x = np.random.default_rng(0).normal(size=(8, 3))
    model = Sequential([Input((3,)), layers.Dense(4)])
    model.compile("sgd", "mse")
    assert model.evaluate(x, np.ones((8, 4)), verbose=0) == model.evaluate(
        x, np.ones((8, 4, 1)), verbose=0
    )
    model = Sequential([Input((3,)), layers.Dense(4), layers.Reshape((2, 2)), layers.Softmax()])
    model.compile("sgd", "sparse_categorical_crossentropy")
    y = np.array([[0, 1]] * 8)
    assert model.evaluate(x, y, verbose=0) == model.evaluate(x, y[..., None], verbose=0)


@pytest.mark.parametrize(
    ("y", "p", "got"),
    [
        ((4, 3), (4, 2), r"Got \(4, 3\) and \(4, 2\)"),
        ((5, 3), (4, 3), r"Got \(5, 3\) and \(4, 3\)"),
        ((1, 3), (4, 3), r"Got \(1, 3\) and \(4, 3\)"),
        ((4, 1), (4, 3), r"Got \(4, 1\) and \(4, 3\)"),
        ((), (4, 3), r"Got \(\) and \(4, 3\)"),
        ((3, 2), (3,), r"Got .*3, 2\) and .*3,?\)"),
        ((4, 3, 2), (4, 3), r"Got \(4, 3, 2\) and \(4, 3\)"),
    ],
)
def test_shapes_that_do_not_fit(y: Any, p: Any, got: str):
    for name in FIGURES:
        loss = getattr(losses, name)()
        with pytest.raises(ShapeError, match=rf"{loss.name}: targets .*{got}"):
            loss(np.ones(y), np.ones(p, "float32"))
        metric = metrics.MeanMetricWrapper if name == "LogCosh" else getattr(metrics, name, None)
        if metric is not None and metric is not metrics.MeanMetricWrapper:
            with pytest.raises(ShapeError, match=got):
                metric()(np.ones(y), np.ones(p, "float32"))
    sparse = losses.SparseCategoricalCrossentropy()
    with pytest.raises(ShapeError, match=r"Got \(5,\) and \(4, 3\)"):
        sparse(np.zeros(5, int), np.ones((4, 3)))
    with pytest.raises(ShapeError, match=r"axis must be one of the axes 1..1"):
        losses.CosineSimilarity(axis=4)(np.ones((4, 3)), np.ones((4, 3)))
