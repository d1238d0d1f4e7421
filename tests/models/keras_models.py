"""Models and data that Keras 3.15 was given too.

The figures in the tests that import them are those it reported (torch back end), to six digits,
for the same models with the weights of ``numbers``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Model, layers


def numbers(*shape: int) -> np.ndarray:
    """Return numbers that another library can make too."""
    flat = np.sin(np.arange(np.prod(shape)) * 1.7 + len(shape)) * 0.8
    return flat.reshape(shape).astype("float32")


X, Z = numbers(7, 3), numbers(7, 2)[::-1].copy()
A, B = np.array([0, 1, 2, 1, 0, 2, 2]), numbers(7, 2) * 2
W, V = np.arange(1, 8) / 4, np.array([1, 0, 2, 0, 1, 0, 3.0])
SPARSE = "sparse_categorical_crossentropy"


def with_numbers(model: Any) -> Any:
    model.set_weights([numbers(*w.shape) for w in model.get_weights()])
    return model


def two_outputs(as_dict: bool = False) -> Model:
    cnnlite.set_random_seed(1)  # of the orders in which fit takes samples
    x, z = Input((3,), name="x"), Input((2,), name="z")
    h = layers.Concatenate()([x, z])
    a, b = layers.Dense(3, "softmax", name="a")(h), layers.Dense(2, name="b")(h)
    return with_numbers(Model([x, z], {"a": a, "b": b} if as_dict else [a, b]))


def close(found: dict[str, float], expected: dict[str, float]) -> None:
    assert found == pytest.approx(expected, rel=2e-5)


def sequences(**layer: Any) -> Model:
    x = Input((4, 3))
    return with_numbers(Model(x, layers.Dense(2, **layer)(x)))


S, T = numbers(5, 4, 3), numbers(5, 4, 2)[::-1] * 2
STEPS = np.abs(numbers(5, 4))
