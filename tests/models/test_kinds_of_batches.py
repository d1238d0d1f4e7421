"""Batches of other lengths, of none, of dicts; the first one; steps run eagerly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Sequential, layers
from tests.models.streams import X, Y, batches, make
from tests.weights import bits


def test_a_model_is_built_by_the_first_batch():
    model = Sequential([layers.Dense(2)])
    model.compile("sgd", "mse", metrics=["mae"])
    history = model.fit(batches(), verbose=0, validation_data=(X, Y)).history
    assert list(history) == ["loss", "mae", "val_loss", "val_mae"]
    assert model.built and model.input_shape == (None, 3)


def test_dicts_in_batches():
    a, b = Input((3,), name="a"), Input((2,), name="b")
    model = cnnlite.Model([a, b], layers.Dense(2, name="c")(layers.Concatenate()([a, b])))
    model.compile("sgd", {"c": "mse"})

    def stream() -> Iterator[Any]:
        for x, y in batches():
            yield {"b": y, "a": x}, {"c": y}

    found = model.evaluate(stream(), verbose=0)
    assert found == pytest.approx(model.evaluate([X, Y], Y, 6, verbose=0), rel=1e-6)
    assert np.isfinite(model.fit(stream(), verbose=0).history["loss"][0])


@pytest.mark.parametrize("eagerly", [False, True])
def test_sequences_of_varying_length(eagerly: bool):
    """Batches of other lengths in one training, one step and none included."""
    rng = np.random.default_rng(0)
    model = Sequential([Input((None, 3)), layers.Dense(4, "tanh"), layers.Dense(2)])
    model.compile("sgd", "mse", metrics=["mae"], run_eagerly=eagerly)
    lengths = [5, 1, 7, 3, 1, 0, 5, 2, 9, 11, 12, 13, 14]
    data = [(rng.normal(size=(3, t, 3)), rng.normal(size=(3, t, 2))) for t in lengths]
    history = model.fit(iter(data), verbose=0).history
    assert np.isfinite([v[0] for v in history.values()]).all()
    for x, y in data:
        assert model.predict(x, verbose=0).shape == y.shape
        assert np.isfinite(model.evaluate(x, y, verbose=0)).all()
    weights = np.abs(rng.normal(size=(3, 5)))
    assert np.isfinite(model.train_on_batch(*data[0], sample_weight=weights)).all()


def test_batches_of_no_samples():
    """They train nothing and count nothing."""
    model = make(metrics=["mae"])
    before = bits(model)
    assert model.train_on_batch(X[:0], Y[:0]) == [0.0, 0.0]
    assert bits(model) == before
    model.reset_metrics()
    assert model.test_on_batch(X[:0], Y[:0]) == [0.0, 0.0]
    assert model.predict(X[:0], verbose=0).shape == (0, 2)
    full = make(metrics=["mae"])

    def stream() -> Iterator[Any]:
        for i, (x, y) in enumerate(batches()):
            yield x, y
            if i == 1:
                yield X[:0], Y[:0]

    a = model.evaluate(stream(), verbose=0)
    assert a == full.evaluate(X, Y, 6, verbose=0)


def test_eager_steps_have_the_bits_of_plans():
    """run_eagerly computes each operation anew: weights, figures and predictions are equal."""

    def trained(eagerly: bool) -> tuple[Any, Any, Any]:
        cnnlite.set_random_seed(2)
        model = Sequential(
            [
                Input((8, 8, 2)),
                layers.Conv2D(4, 3, activation="relu"),
                layers.MaxPooling2D(2),
                layers.Flatten(),
                layers.Dropout(0.3),
                layers.Dense(5),
            ]
        )
        model.regularize("l2")
        loss = cnnlite.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, metrics=["accuracy"], run_eagerly=eagerly)
        rng = np.random.default_rng(3)
        x, y = rng.normal(size=(30, 8, 8, 2)), rng.integers(0, 5, 30)
        history = model.fit(x, y, 7, epochs=3, verbose=0, validation_split=0.2).history
        return bits(model), history, model.predict(x, verbose=0).tobytes()

    assert trained(False) == trained(True)
