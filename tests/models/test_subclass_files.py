"""A file of a subclass of Model holds its layers, not the class."""

from __future__ import annotations

from typing import Any

import numpy as np

import cnnlite
from cnnlite import Model, layers
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
