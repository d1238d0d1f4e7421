"""Random initial values of a given spread, and orthogonal matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnlite import ops
from cnnlite.arguments import number
from cnnlite.errors import ShapeError
from cnnlite.initializers.base import RandomInitializer, eagerly


class RandomUniform(RandomInitializer):
    """Uniform in [minval, maxval).

    Examples
    --------
    >>> bool(abs(RandomUniform(-1, 1, seed=0)((100,))).max() <= 1)
    True
    """

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        super().__init__(seed)
        name = type(self).__name__
        self.minval = number(minval, f"{name}: minval", open_ends="()")
        self.maxval = number(maxval, f"{name}: maxval", open_ends="()")
        if not self.minval <= self.maxval:
            raise ValueError(f"{name}: minval must not exceed maxval. Got {minval!r}, {maxval!r}.")

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        shape, dtype = self._sizes(shape), self._dtype(dtype)
        return eagerly(
            ops.random_uniform,
            shape,
            self.minval,
            self.maxval,
            clock=self._clock(),
            dtype=dtype,
        )

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, **super().get_config()}


class RandomNormal(RandomInitializer):
    """Normal with a mean and a standard deviation.

    Examples
    --------
    >>> RandomNormal(seed=0)((2, 3)).shape
    (2, 3)
    """

    truncated = False

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean = number(mean, f"{type(self).__name__}: mean", open_ends="()")
        where = f"{type(self).__name__}: stddev"
        self.stddev = number(stddev, where, 0, math.inf, open_ends="[)")

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        shape, dtype = self._sizes(shape), self._dtype(dtype)
        return eagerly(
            ops.random_normal,
            shape,
            self.mean,
            self.stddev,
            clock=self._clock(),
            truncated=self.truncated,
            dtype=dtype,
        )

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}


class TruncatedNormal(RandomNormal):
    """Normal, nothing beyond two standard deviations.

    Examples
    --------
    >>> bool(abs(TruncatedNormal(stddev=1, seed=0)((1000,))).max() <= 2)
    True
    """

    truncated = True


class Orthogonal(RandomInitializer):
    """Orthonormal columns, or rows if there are fewer, times ``gain`` (Saxe et al. 2014).

    The weight (..., F) is seen as a matrix (product of the rest, F): Q of the QR
    decomposition of normal numbers, each column with the sign of R's diagonal, which makes
    Q uniformly distributed.

    Examples
    --------
    >>> w = Orthogonal(seed=0)((4, 4), "float64")
    >>> bool(abs(w.T @ w - np.eye(4)).max() < 1e-12)
    True
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = number(gain, f"{type(self).__name__}: gain")

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        shape, dtype = self._sizes(shape), self._dtype(dtype)
        if len(shape) < 2:
            raise ShapeError(
                f"Orthogonal: the weight must have 2 dimensions or more. Got shape {tuple(shape)}."
            )
        rows, columns = int(np.prod(shape[:-1])), int(shape[-1])
        tall = (max(rows, columns), min(rows, columns))
        # Decomposed in float64, so that the columns are orthogonal to the dtype's roundoff.
        normal = eagerly(ops.random_normal, tall, clock=self._clock())
        q, r = np.linalg.qr(normal.astype(np.float64))
        q *= np.where(np.diag(r) < 0, -1, 1)
        return np.asarray(self.gain * (q if rows >= columns else q.T), dtype=dtype).reshape(shape)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, **super().get_config()}
