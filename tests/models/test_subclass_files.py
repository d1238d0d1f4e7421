"""Subclasses of Model: how they are built, and what files and copies keep of own classes."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Model, constraints, initializers, layers, optimizers, regularizers
from cnnlite.errors import ShapeError
from tests.models.small_model import X


class Mine(Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.dense(x)


def test_a_plain_model_that_computes_the_same_comes_back(tmp_path: Any):
    """And the weights go into another of the class, as help(load_model) advises."""
    model, path = Mine(), tmp_path / "m.safetensors"
    expected = model.predict(X, verbose=0)
    model.save(path)
    loaded = cnnlite.load_model(path, custom_objects={"Mine": Mine})
    assert type(loaded) is Model
    assert np.array_equal(loaded.predict(X, verbose=0), expected)
    other = Mine()
    other.predict(X, verbose=0)
    other.load_weights(path)
    assert np.array_equal(other.predict(X, verbose=0), expected)


class Halving(optimizers.schedules.LearningRateSchedule):
    def __call__(self, step: Any) -> float:
        return 0.5 / (1 + step)

    def get_config(self) -> dict[str, Any]:
        return {}


class Penalty(regularizers.L2):
    pass


class Weak(regularizers.L1):
    pass


class Start(initializers.Ones):
    pass


class Bound(constraints.NonNeg):
    pass


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_have_the_own_classes_that_layers_hold(copied: Any):
    """Of an initializer, a regularizer, a constraint, a schedule; in a nested model too."""
    dense = layers.Dense(
        2, kernel_initializer=Start(), kernel_regularizer=Penalty(0.1), kernel_constraint=Bound()
    )
    inner = cnnlite.Sequential([cnnlite.Input((2,)), dense])
    model = cnnlite.Sequential([cnnlite.Input((2,)), inner])
    model.compile(optimizers.SGD(Halving()), "mse")
    model.regularize(Weak(0.1))
    found = copied(model)
    config = found.layers[0].layers[0].get_config()
    names = [config[f"kernel_{n}"]["class_name"] for n in ("initializer", "regularizer")]
    assert [*names, config["kernel_constraint"]["class_name"]] == ["Start", "Penalty", "Bound"]
    assert type(found.optimizer.get_config()["learning_rate"]) is dict
    assert found.losses == model.losses and len(found.losses) == 2


@pytest.mark.parametrize("shape", [None, 5, (), [], {}])
def test_build_needs_a_shape(shape: Any):
    model = Mine()
    with pytest.raises(ShapeError, match=r"mine.*build needs \(batch, sizes"):
        model.build(shape)
    model.build((None, 3))
    assert model.input_shape == (None, 3)
