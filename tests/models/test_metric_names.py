"""What the logs call losses and metrics: Keras's names, each once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Model, layers, metrics

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
