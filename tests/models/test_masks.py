"""Masks in losses and metrics: figures from Keras 3.15."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Model, layers, optimizers
from tests.models.keras_models import STEPS, S, T, close, with_numbers


class Mark(layers.Layer):
    """Hands the model's second input, 1 for each step that counts, on as the mask."""

    several_inputs = True
    supports_masking = True

    def call(self, x, *, ctx, training=False, mask=None):
        return x[0]

    def backward(self, dy, *, ctx):
        return [dy, None]

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def compute_mask(self, x, mask, *, ctx):
        return x[1]


class PerStep(layers.Dense):
    """A Dense layer that hands the mask on."""

    supports_masking = True


MASK = np.ones((5, 4), "uint8")
MASK[0, 2:] = MASK[1, 1:] = MASK[3] = 0
PADDED = S * MASK[..., None]


def masked(**settings: Any) -> Model:
    cnnlite.set_random_seed(1)
    x, steps = Input((4, 3)), Input((4,), dtype="uint8")
    model = with_numbers(Model([x, steps], PerStep(2)(Mark()([x, steps]))))
    model.compile(optimizers.SGD(0.1), "mse", metrics=["mae"], weighted_metrics=["mse"], **settings)
    return model


@pytest.mark.parametrize("eagerly", [False, True])
def test_masks_in_loss_and_metrics(eagerly: bool):
    """Steps of mask 0 count nowhere; the loss is a mean over a batch's other steps."""
    model = masked(run_eagerly=eagerly)
    found = model.evaluate([PADDED, MASK], T, 2, verbose=0, return_dict=True)
    close(found, {"loss": 1.78994, "mae": 1.172, "mse": 1.74047})
    found = model.evaluate([PADDED, MASK], T, 2, verbose=0, return_dict=True, sample_weight=STEPS)
    rows = np.mean((model.predict([PADDED, MASK], verbose=0) - T) ** 2, axis=-1)
    # By the definition, sum(w m v) / sum(w m): Keras on torch scales its weights twice here.
    mse = np.sum(STEPS * MASK * rows) / np.sum(STEPS * MASK)
    close(found, {"loss": 0.810441, "mae": 1.172, "mse": mse})
    model = masked(run_eagerly=eagerly)
    logs = model.train_on_batch([PADDED, MASK], T, sample_weight=STEPS, return_dict=True)
    close(logs, {"loss": 0.830876, "mae": 1.172003, "mse": 1.701143})
    kernel = [[0.708818, -0.432933], [-0.606175, 0.577587], [0.483452, -0.693253]]
    np.testing.assert_allclose(model.get_weights()[0], kernel, atol=2e-6)
    np.testing.assert_allclose(model.get_weights()[1], [0.645376, 0.314924], atol=2e-6)


def test_what_is_under_the_mask_does_not_matter():
    """Targets and weights at steps of mask 0 may be anything: the same bits."""
    one, other = masked(), masked()
    spoiled = np.where(MASK[..., None] == 1, T, 1e6)
    a = one.fit([PADDED, MASK], T, 2, epochs=2, verbose=0).history
    b = other.fit([PADDED, MASK], spoiled, 2, epochs=2, verbose=0).history
    assert a == b
    for x, y in zip(one.get_weights(), other.get_weights(), strict=True):
        assert x.tobytes() == y.tobytes()


def test_a_batch_of_nothing_but_masked_steps():
    """A loss of 0 and no gradient, not NaN."""
    model = masked()
    before = [w.tobytes() for w in model.get_weights()]
    logs = model.train_on_batch([PADDED, np.zeros_like(MASK)], T, return_dict=True)
    assert logs == {"loss": 0.0, "mae": 0.0, "mse": 0.0}
    assert [w.tobytes() for w in model.get_weights()] == before
