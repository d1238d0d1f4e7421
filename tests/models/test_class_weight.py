"""Class weights weigh the training, and not the validation."""

from __future__ import annotations

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Sequential, layers

RNG = np.random.default_rng(3)
X = RNG.normal(size=(20, 3)).astype("float32")
Y = RNG.integers(0, 2, 20)
CLASSES = {0: 1.0, 1: 5.0}


def model() -> Sequential:
    cnnlite.set_random_seed(1)
    made = Sequential([Input((3,)), layers.Dense(2, "softmax")])
    made.compile(cnnlite.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    return made


def test_held_out_samples_count_alike():
    made = model()
    logs = made.fit(X, Y, 4, validation_split=0.3, class_weight=CLASSES, verbose=0).history
    assert logs["val_loss"][0] == pytest.approx(made.evaluate(X[14:], Y[14:], verbose=0), rel=1e-6)
    weights = np.where(Y[:14] == 1, 5.0, 1.0)
    right = made.evaluate(X[:14], Y[:14], sample_weight=weights, batch_size=4, verbose=0)
    assert logs["loss"][0] == pytest.approx(right, rel=1e-6)


def test_sample_weights_are_held_out_too():
    """As in Keras: they are part of the data that is split."""
    made, weights = model(), np.linspace(0.1, 3, 20)
    logs = made.fit(X, Y, 4, validation_split=0.3, sample_weight=weights, verbose=0).history
    right = made.evaluate(X[14:], Y[14:], sample_weight=weights[14:], verbose=0)
    assert logs["val_loss"][0] == pytest.approx(right, rel=1e-6)
