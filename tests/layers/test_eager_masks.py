"""compute_mask(x, mask) on arrays, without a context; Keras 3.15 gives the figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cnnlite import layers

IDS = np.array([[1, 0, 2]])
X = np.zeros((1, 2, 3), "float32")
MASK = np.array([[True, False]])


@pytest.mark.parametrize(
    ("layer", "args", "expected"),
    [
        (layers.Embedding(5, 3, mask_zero=True), (IDS,), [[True, False, True]]),
        (layers.Embedding(5, 3, mask_zero=True), (IDS.tolist(),), [[True, False, True]]),
        (layers.Embedding(5, 3), (IDS,), None),
        (layers.Masking(), (X,), [[False, False]]),
        (layers.Masking(1.0), (X, MASK), [[True, True]]),
        (layers.LSTM(2, return_sequences=True), (X, MASK), [[True, False]]),
        (layers.LSTM(2), (X, MASK), None),
        (layers.Dense(2), (X, MASK), [[True, False]]),
        (layers.Dense(2), (X,), None),
        (layers.Flatten(), (X, MASK), [[True, False]]),
        (layers.Add(), ([X, X], [MASK, ~MASK]), [[True, True]]),
        (
            layers.Concatenate(1),
            ([X, np.zeros((1, 1, 3))], [MASK, None]),
            [[True, False, True]],
        ),
    ],
)
def test_on_arrays(layer: Any, args: Any, expected: Any):
    found = layer.compute_mask(*args)
    assert found is None if expected is None else found.dtype == bool
    assert expected is None or found.tolist() == expected


def test_several_masks():
    layer = layers.LSTM(2, return_sequences=True, return_state=True)
    mask, *states = layer.compute_mask(X, mask=MASK)
    assert mask.tolist() == MASK.tolist() and states == [None, None]


def test_it_is_the_mask_that_a_model_uses():
    """The mask of a call is what compute_mask returns; an int mask counts as bool."""
    x = np.array([[[0, 0], [1, 0], [0, 0]]], "float32")
    lstm = layers.LSTM(3)
    mask = layers.Masking().compute_mask(x)
    np.testing.assert_array_equal(lstm(x, mask=mask), lstm(x[:, 1:2]))
    given = np.array([[0, 2, 1]])
    assert layers.Dense(1).compute_mask(x, given).tolist() == [[False, True, True]]
