"""A valid call of an operation, and what builds one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cnnlite import ops


@dataclass
class Case:
    """An operation and arrays that it accepts.

    ``call(*arrays)`` calls it; ``floats`` names the arguments that must be
    floating-point arrays of one dtype, ``batched`` those whose first axis is the
    batch, ``has_out`` tells whether it takes ``out=``.
    """

    name: str
    call: Callable[..., Any]
    arrays: dict[str, np.ndarray]
    has_out: bool = True
    batched: tuple[str, ...] = ()
    optional: tuple[str, ...] = ("bias", "weights", "mask")  # what may be None
    where: str = ""  # how its errors name it, if not by its name
    any_rank: tuple[str, ...] = ()  # arguments to which more axes may be added
    floats: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.where = self.where or self.name
        self.floats = tuple(k for k, a in self.arrays.items() if a.dtype.kind == "f")


def array(*shape: int) -> np.ndarray:
    """Return other float32 values on every call, the same ones in every process."""
    array.calls += 1  # type: ignore[attr-defined]
    return np.random.default_rng(array.calls).normal(size=shape).astype("float32")  # type: ignore[attr-defined]


array.calls = 0  # type: ignore[attr-defined]


def batch(dy: Any) -> int:
    """Return the size of the batch of an array, or of the cases where it is no array."""
    return len(dy) if isinstance(dy, np.ndarray) else 3


def positive(*shape: int) -> np.ndarray:
    """Return positive values, 1 in sum along the last axis."""
    a = np.abs(array(*shape)) + np.float32(0.1)
    return a / a.sum(axis=-1, keepdims=True)


def gradient_case(name: str, shape: tuple[int, ...] = (3, 4), second: str = "y") -> Case:
    """Return the case of a gradient from ``dy`` and what the forward pass kept."""
    arrays = {"dy": array(*shape), second: positive(*shape)}
    return Case(name, getattr(ops, name), arrays, batched=("dy", second))


def results(value: Any) -> list[np.ndarray]:
    """Return an operation's results as a list."""
    return list(value) if isinstance(value, list | tuple) else [value]


def assert_same_bits(a: Any, b: Any) -> None:
    """Raise unless two operations gave equal shapes, dtypes and bytes."""
    for left, right in zip(results(a), results(b), strict=True):
        assert (left.shape, left.dtype) == (right.shape, right.dtype)
        assert left.tobytes() == right.tobytes()
