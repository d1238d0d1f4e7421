"""A model of one layer and its data, for tests of training."""

from __future__ import annotations

from typing import Any

import numpy as np

import cnnlite
from cnnlite import Input, Sequential, layers, optimizers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3)).astype("float32")
Y = RNG.normal(size=(10, 2)).astype("float32")
LABELS = RNG.integers(0, 2, 10)


def make(rate: float = 0.1, loss: str = "mse", metrics: Any = None, seed: int = 1) -> Sequential:
    cnnlite.set_random_seed(seed)
    last = "softmax" if "crossentropy" in loss else None
    model = Sequential([Input((3,)), layers.Dense(2, last)])
    model.compile(optimizers.SGD(rate), loss, metrics=metrics)
    return model


def mse(model: Sequential, x: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean((model.predict(x, verbose=0).astype("float64") - y) ** 2))
