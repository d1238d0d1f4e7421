"""What all initializers share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnlite import ops
from cnnlite.random_state import next_seed, splitmix64
from cnnlite.shapes import is_int


class Initializer:
    """Makes the initial array of a weight.

    A subclass defines ``__call__(shape, dtype)`` and, with arguments,
    ``get_config``.
    """

    def __call__(self, shape: Sequence[int], dtype: Any = "float32") -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} has no __call__(shape, dtype).")

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        return cls(**config)


class RandomInitializer(Initializer):
    """With a seed, every call gives the same values; without, each takes a new one."""

    def __init__(self, seed: int | None = None) -> None:
        if seed is not None and (not is_int(seed) or not 0 <= seed < 2**64):
            raise ValueError(
                f"{type(self).__name__}: seed must be an integer in [0, 2^64). Got {seed!r}."
            )
        self.seed = None if seed is None else int(seed)

    def _clock(self) -> np.ndarray:
        return ops.clock(next_seed() if self.seed is None else splitmix64(self.seed))

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


def eagerly(operation: Any, *args: Any, **kwargs: Any) -> np.ndarray:
    """Call now, even where a plan is being recorded: a weight is no step of it."""
    with ops.recording(None):
        return operation(*args, **kwargs)
