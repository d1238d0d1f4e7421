"""What callbacks print: nothing unless asked, and no stop that did not happen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import callbacks


def printed(callback: callbacks.Callback, capsys: pytest.CaptureFixture) -> str:
    """Train three epochs in which the loss improves, never by as much as 1e9."""
    model = cnnlite.Sequential([cnnlite.Input((1,)), cnnlite.layers.Dense(1)])
    model.compile(cnnlite.optimizers.SGD(0.1), "mse")
    x = np.ones((1, 1))
    model.fit(x, 10 * x, epochs=3, verbose=0, callbacks=[callback])
    return capsys.readouterr().out


def test_a_reduced_rate_is_printed_where_asked(capsys: pytest.CaptureFixture):
    options = {"patience": 1, "min_delta": 1e9}
    assert printed(callbacks.ReduceLROnPlateau("loss", **options), capsys) == ""
    text = printed(callbacks.ReduceLROnPlateau("loss", verbose=1, **options), capsys)
    assert text.startswith("\nEpoch 2: ReduceLROnPlateau reducing learning rate to 0.01")


def test_a_stop_is_printed_where_asked_and_where_it_happened(capsys: pytest.CaptureFixture):
    options = {"patience": 1, "min_delta": 1e9}
    assert printed(callbacks.EarlyStopping("loss", **options), capsys) == ""
    stopped = printed(callbacks.EarlyStopping("loss", verbose=1, **options), capsys)
    assert "Epoch 2: early stopping" in stopped
    went_on = printed(callbacks.EarlyStopping("loss", verbose=1), capsys)
    assert "early stopping" not in went_on


@pytest.mark.parametrize("make", [callbacks.EarlyStopping, callbacks.ReduceLROnPlateau])
def test_a_figure_that_is_an_array_cannot_be_watched(make: Any):
    model = cnnlite.Sequential([cnnlite.Input((1,)), cnnlite.layers.Dense(2, "softmax")])
    model.compile("sgd", "mse", metrics=[cnnlite.metrics.F1Score()])
    with pytest.raises(ValueError, match=r"'f1_score' must be one number.*average="):
        model.fit(np.ones((1, 1)), [[0, 1]], verbose=0, callbacks=[make("f1_score")])


def test_an_array_of_one_number_can_be_watched():
    """As in Keras: F1Score of one class."""
    model = cnnlite.Sequential([cnnlite.Input((1,)), cnnlite.layers.Dense(1, "sigmoid")])
    model.compile("sgd", "mse", metrics=[cnnlite.metrics.F1Score(threshold=0.5)])
    stop = callbacks.EarlyStopping("f1_score")
    figures = model.fit(np.ones((1, 1)), [[1]], verbose=0, callbacks=[stop]).history["f1_score"]
    assert figures[0].shape == (1,) and stop.best == figures[0][0]
