"""The state of a stateful layer is no weight: Keras 3.15 gives these counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cnnlite import Input, Sequential, layers


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (lambda **k: layers.SimpleRNN(3, **k), 24),
        (lambda **k: layers.LSTM(3, **k), 96),
        (lambda **k: layers.GRU(3, **k), 81),
        (lambda **k: layers.RNN(layers.LSTMCell(3), **k), 96),
        (lambda **k: layers.Bidirectional(layers.LSTM(3, **k)), 192),
    ],
)
def test_weights_fit_the_layer_without_state(make: Any, count: int):
    """Train without state, then run one step at a time with it."""
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    plain = Sequential([Input((3, 4), batch_size=2), make()])
    stateful = Sequential([Input((3, 4), batch_size=2), make(stateful=True)])
    assert plain.count_params() == stateful.count_params() == count
    stateful.set_weights(plain.get_weights())
    first = plain.predict(x, verbose=0)
    np.testing.assert_array_equal(stateful.predict(x, verbose=0), first)
    assert not np.array_equal(stateful.predict(x, verbose=0), first)
    stateful.set_weights(plain.get_weights())  # leaves the state alone
    assert not np.array_equal(stateful.predict(x, verbose=0), first)
