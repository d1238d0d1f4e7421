"""What all initializers share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnlite import arguments, config, ops
from cnnlite.arguments import CheckedArguments
from cnnlite.errors import DtypeError, ShapeError
from cnnlite.random_state import next_seed, splitmix64
from cnnlite.shapes import is_int


class Initializer(CheckedArguments):
    """Makes the initial array of a weight.

    A subclass defines ``__call__(shape, dtype)`` and, with arguments,
    ``get_config``.
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} has no __call__(shape, dtype).")

    def _sizes(self, shape: Any) -> tuple[int, ...]:
        """Return the shape that a call was given, or raise."""
        sizes: Any = shape if isinstance(shape, Sequence) else ("",)
        if not all(is_int(n) and n >= 0 for n in sizes):
            raise ShapeError(
                f"{type(self).__name__}: shape must be sizes, 0 or more. Got {shape!r}. "
                "Write (3, 4)."
            )
        return tuple(int(n) for n in sizes)

    kinds = "fiub"  # of the dtypes that it makes

    def _dtype(self, dtype: Any) -> np.dtype:
        """Return the dtype that a call was given (None: ``config.floatx()``), or raise."""
        try:
            found = np.dtype(config.floatx() if dtype is None else dtype)
        except TypeError:
            found = np.dtype(object)
        if found.kind not in self.kinds or found == np.float16:
            raise DtypeError(
                f"{type(self).__name__}: no dtype of a weight. Got {dtype!r}. "
                'Use "float32" or "float64".'
            )
        return found

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        return cls(**config)


class RandomInitializer(Initializer):
    """With a seed, every call gives the same values; without, each takes a new one."""

    kinds = "f"

    def __init__(self, seed: int | None = None) -> None:
        self.seed = arguments.seed(seed, f"{type(self).__name__}: seed")

    def _clock(self) -> np.ndarray:
        return ops.clock(next_seed() if self.seed is None else splitmix64(self.seed))

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


def eagerly(operation: Any, *args: Any, **kwargs: Any) -> np.ndarray:
    """Call now, even where a plan is being recorded: a weight is no step of it."""
    with ops.recording(None):
        return operation(*args, **kwargs)
