"""A small trained model to save, for the tests of files."""

from __future__ import annotations

from typing import Any

import numpy as np

import cnnlite
from cnnlite import Input, Sequential, layers
from tests.models.network import LABELS, X

SMALL_X = X[:, 0, 0]
Y = np.eye(3)[LABELS]


def small(**compiled: Any) -> Sequential:
    """Return a small compiled model that has made two steps."""
    cnnlite.set_random_seed(1)
    model = Sequential(
        [Input((2,)), layers.Dense(4, "relu"), layers.Dropout(0.2), layers.Dense(3, "softmax")]
    )
    model.compile(**{"optimizer": "adam", "loss": "sparse_categorical_crossentropy", **compiled})
    y = LABELS if model.loss.sparse else Y
    model.fit(SMALL_X, y, 6, verbose=0)
    return model
