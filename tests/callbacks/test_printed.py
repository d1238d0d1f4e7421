"""What callbacks print: nothing unless asked, and no stop that did not happen."""

from __future__ import annotations

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
