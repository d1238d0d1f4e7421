"""A network with fork, join, a shared layer and dropout, and data for it."""

from __future__ import annotations

from typing import Any

import numpy as np

import cnnlite
from cnnlite import Input, Model, layers, optimizers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 8, 8, 2)).astype("float32")
LABELS = RNG.integers(0, 3, 12)


def network(seed: int = 1, loss: Any = "sparse_categorical_crossentropy") -> Model:
    """Return a compiled model with fork, join, a shared layer and dropout."""
    cnnlite.set_random_seed(seed)
    x = Input((8, 8, 2))
    shared = layers.Conv2D(4, 3, padding="same", activation="relu")
    h = layers.Conv2D(4, 3, padding="same", activation="tanh")(x)
    h = layers.Add()([h, shared(h), shared(shared(h))])
    h = layers.Concatenate()([layers.MaxPooling2D()(h), layers.AveragePooling2D(2)(h)])
    h = layers.Dropout(0.3)(layers.Flatten()(h))
    h = layers.Dropout(0.5, seed=9)(layers.Dense(6, "sigmoid")(h))
    model = Model(x, layers.Dense(3, "softmax")(h))
    model.compile(optimizers.Adam(0.01), loss)
    return model


def bits(arrays: Any) -> list[bytes]:
    return [a.tobytes() for a in arrays]


def plans(model: Model) -> list[Any]:
    return list(model._arena._plans.values())
