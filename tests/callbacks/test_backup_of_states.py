"""BackupAndRestore: what a batch leaves to the next, and weights in the file's order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Model, Sequential, layers
from cnnlite.callbacks import BackupAndRestore
from tests.callbacks.test_backup import Stop, crash_at
from tests.weights import bits

RNG = np.random.default_rng(6)


def stateful() -> Model:
    return Sequential([Input((2, 3), batch_size=2), layers.LSTM(3, stateful=True), layers.Dense(3)])


def branches() -> Model:
    """Keras lists a layer by its distance from the output, a file in the order of the calls."""
    x = Input((2, 3))
    early = layers.Dense(3, name="early")(x)
    late = layers.Dense(3, name="late")(layers.Dense(3, name="middle")(x))
    model = Model(x, layers.Flatten()(layers.Add()([early, late])))
    assert [w.name for w in model.weights] != [w.name for w in model._stored_weights]
    return model


@pytest.mark.parametrize("build", [stateful, branches])
def test_a_crash_in_mid_epoch(build: Callable[[], Model], tmp_path: Path):
    x = RNG.normal(size=(8, 2, 3)).astype("float32")

    def make() -> Model:
        cnnlite.set_random_seed(2)
        model = build()
        model.compile("adam", "mse")
        return model

    y = RNG.normal(size=(8, *make().output_shape[1:])).astype("float32")
    options = {"batch_size": 2, "epochs": 2, "shuffle": False, "verbose": 0}
    whole = make()
    expected = whole.fit(x, y, **options).history
    with pytest.raises(Stop):
        make().fit(x, y, callbacks=[BackupAndRestore(tmp_path, 1), crash_at(3)], **options)
    model = make()
    history = model.fit(x, y, callbacks=[BackupAndRestore(tmp_path, 1)], **options)
    assert history.history == expected and bits(model) == bits(whole)
