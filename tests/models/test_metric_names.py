"""What the logs call losses and metrics: Keras's names, each once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Model, layers, losses, metrics

X, Y = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")


def two_headed(**settings: Any) -> Model:
    x = Input((3,))
    model = Model(x, [layers.Dense(2, name="a")(x), layers.Dense(2, name="b")(x)])
    model.compile("sgd", **settings)
    return model


@pytest.mark.parametrize(
    ("unweighted", "weighted", "names"),
    [
        (["mse", "mae"], None, ["mse", "mae"]),
        (["mse"], ["mse", "mae"], ["mse", "weighted_mse", "mae"]),
        ([metrics.Precision(), metrics.Precision()], None, ["precision", "precision_1"]),
        (["mse", "mse", "mse"], ["mse"], ["mse", "mse_1", "mse_2", "weighted_mse"]),
    ],
)
def test_one_output(unweighted: Any, weighted: Any, names: list[str]):
    """Two of one name are numbered; a weighted one says so where the name is taken."""
    model = cnnlite.Sequential([Input((3,)), layers.Dense(2, activation="sigmoid")])
    model.compile("sgd", "mse", metrics=unweighted, weighted_metrics=weighted)
    assert list(model.test_on_batch(X, Y, return_dict=True)) == ["loss", *names]


def test_two_outputs():
    """Each output's loss and metrics carry its name; a loss of one output is the loss alone."""
    model = two_headed(loss="mse", metrics={"b": ["mae"]}, weighted_metrics={"b": ["mae"]})
    logs = model.test_on_batch(X, [Y, Y], return_dict=True)
    assert list(logs) == ["loss", "a_loss", "b_loss", "b_mae", "b_weighted_mae"]
    model = two_headed(loss=["mse", None], metrics=[["mae"], ["mae"]])
    logs = model.test_on_batch(X, [Y, Y], return_dict=True)
    assert list(logs) == ["loss", "a_mae", "b_mae"]


def test_functions_and_losses_are_metrics():
    """A function of NumPy's, a function of cnnlite.losses, a Loss: their means over samples."""

    def largest(y_true, y_pred):
        return np.abs(y_true - y_pred).max(-1)

    model = cnnlite.Sequential([Input((3,)), layers.Dense(2, kernel_initializer="zeros")])
    given = [largest, losses.mean_absolute_error, losses.MeanSquaredError()]
    model.compile("sgd", "mse", metrics=given, weighted_metrics=[largest])
    y = np.array([[1, 2], [3, -5], [0, 1]], "float32")
    weights = np.array([1.0, 0.0, 3.0])
    logs = model.evaluate(X[:3], y, 2, sample_weight=weights, verbose=0, return_dict=True)
    assert list(logs)[1:] == [
        "largest", "mean_absolute_error", "mean_squared_error", "weighted_largest",
    ]  # fmt: skip
    assert list(logs.values())[1:] == pytest.approx([8 / 3, 2.0, 40 / 6, 5 / 4])
    with pytest.raises(TypeError, match=r"fn must be a function.*3"):
        metrics.MeanMetricWrapper(3)
