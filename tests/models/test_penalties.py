"""Penalties, constraints and frozen layers in training: figures from Keras 3.15."""

from __future__ import annotations

import numpy as np
import pytest

from cnnlite import Input, Model, constraints, layers, optimizers, regularizers
from cnnlite.errors import CnnliteWarning
from tests.models.keras_models import B, S, T, X, close, sequences, with_numbers


def regularized() -> Model:
    x = Input((3,))
    first = layers.Dense(4, "relu", activity_regularizer=regularizers.L2(0.05))
    last = layers.Dense(2)
    y = last(first(x))
    first.kernel.regularizer = regularizers.L1(0.01)
    first.bias.regularizer = regularizers.L2(0.1)
    last.kernel.regularizer = regularizers.L1L2(0.01, 0.02)
    return with_numbers(Model(x, y))


@pytest.mark.parametrize(
    ("size", "losses", "errors", "sums"),
    [
        (7, [2.36505, 2.1118], [2.02741, 1.79423], [6.26634, 1.73605, 4.44424, 0.770599]),
        (3, [2.22916, 1.78974], [1.90329, 1.50376], [6.13459, 1.50567, 4.27013, 0.287122]),
    ],
)
def test_penalties_on_weights_and_activity(size: int, losses: list, errors: list, sums: list):
    """In the reported loss and not in the metrics; two epochs of gradient descent."""
    model = regularized()
    model.compile(optimizers.SGD(0.1), "mse", metrics=["mse"])
    found = model.evaluate(X, B, 3, verbose=0, return_dict=True)
    close(found, {"loss": 2.36505, "mse": 2.02741})
    history = model.fit(X, B, size, epochs=2, shuffle=False, verbose=0).history
    assert history["loss"] == pytest.approx(losses, rel=2e-5)
    assert history["mse"] == pytest.approx(errors, rel=2e-5)
    assert [float(np.abs(w).sum()) for w in model.get_weights()] == pytest.approx(sums, rel=2e-5)
    assert sum(model.losses) > 0


def test_a_penalty_on_all_weights():
    """model.regularize adds to the layers' own: alpha sum |w|, with or without biases."""
    model = regularized()
    model.compile(optimizers.SGD(0.0), "mse")
    before = model.evaluate(X, B, verbose=0)
    w1, b1, w2, b2 = (float(np.abs(w).sum()) for w in model.get_weights())
    model.regularize(regularizers.L1(0.005), biases=True)
    assert model.evaluate(X, B, verbose=0) == pytest.approx(
        before + 0.005 * (w1 + b1 + w2 + b2), rel=1e-6
    )
    model.regularize(None)
    model.regularize(regularizers.L1(0.005))
    assert model.fit(X, B, verbose=0).history["loss"][0] == pytest.approx(
        before + 0.005 * (w1 + w2), rel=1e-6
    )
    model.regularize(None)
    assert model.evaluate(X, B, verbose=0) == pytest.approx(before, rel=1e-6)


def test_the_gradient_of_a_penalty_on_all_weights():
    """One step of rate r moves each weight by -r alpha sign(w) more than without."""
    plain, model = (with_numbers(sequences()) for _ in range(2))
    model.regularize(regularizers.L1(0.5), biases=True)
    starts = model.get_weights()
    for one in (plain, model):
        one.compile(optimizers.SGD(0.1), "mse")
        one.train_on_batch(S, T)
    for start, a, b in zip(starts, plain.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(b - a, -0.1 * 0.5 * np.sign(start), atol=1e-6)


def test_constraints_after_each_step():
    """Projected once the optimizer has moved the weights."""
    x = Input((3,))
    layer = layers.Dense(2)
    model = with_numbers(Model(x, layer(x)))
    layer.kernel.constraint, layer.bias.constraint = constraints.MaxNorm(0.5), constraints.NonNeg()
    model.compile(optimizers.SGD(0.1), "mse")
    model.train_on_batch(X, B)
    kernel = [[0.335243, -0.224153], [-0.289304, 0.28473], [0.232196, -0.344506]]
    np.testing.assert_allclose(model.get_weights()[0], kernel, atol=2e-6)
    np.testing.assert_allclose(model.get_weights()[1], [0.604582, 0.291016], atol=2e-6)
    model.fit(X, B, 2, epochs=3, verbose=0)
    assert np.linalg.norm(model.get_weights()[0], axis=0).max() <= 0.5 + 1e-6


def test_frozen_layers_do_not_move():
    x = Input((3,))
    first, last = layers.Dense(4, "relu"), layers.Dense(2)
    model = with_numbers(Model(x, last(first(x))))
    model.compile("adam", "mse")
    model.fit(X, B, verbose=0)
    first.trainable = False
    model.compile("adam", "mse")
    before = [w.tobytes() for w in model.get_weights()]
    model.fit(X, B, verbose=0)
    after = [w.tobytes() for w in model.get_weights()]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, False, False]
    model.trainable = False
    model.compile("adam", "mse")
    before = [w.tobytes() for w in model.get_weights()]
    with pytest.warns(CnnliteWarning, match="no weight is trainable"):
        history = model.fit(X, B, verbose=0).history
    assert [w.tobytes() for w in model.get_weights()] == before
    assert history["loss"][0] == pytest.approx(model.evaluate(X, B, verbose=0), rel=1e-6)
