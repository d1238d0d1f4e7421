"""Initial values of weights.

Fans: a kernel of shape ``(..., in, out)`` has ``fan_in = in * (product of the
rest)`` and ``fan_out = out * (product of the rest)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnlite import ops
from cnnlite.random_state import next_seed, splitmix64
from cnnlite.shapes import is_int

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "get",
    "serialize",
]

# Standard deviation of a standard normal truncated at two: dividing by it gives
# the wanted deviation after the truncation.
_TRUNCATED_STDDEV = 0.87962566103423978


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


class Zeros(Initializer):
    """All zeros.

    Examples
    --------
    >>> Zeros()((2,))
    array([0., 0.], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: Any = "float32") -> np.ndarray:
        return np.zeros(shape, dtype)


class Ones(Initializer):
    """All ones.

    Examples
    --------
    >>> Ones()((2,))
    array([1., 1.], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: Any = "float32") -> np.ndarray:
        return np.ones(shape, dtype)


class Constant(Initializer):
    """One value everywhere.

    Examples
    --------
    >>> Constant(3)((2,))
    array([3., 3.], dtype=float32)
    """

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = "float32") -> np.ndarray:
        return np.full(shape, self.value, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


class _Random(Initializer):
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


class RandomUniform(_Random):
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
        if not minval <= maxval:
            raise ValueError(
                f"RandomUniform: minval must not exceed maxval. Got {minval!r} and {maxval!r}."
            )
        self.minval, self.maxval = minval, maxval

    def __call__(self, shape: Sequence[int], dtype: Any = "float32") -> np.ndarray:
        return _eager(
            ops.random_uniform, shape, self.minval, self.maxval, clock=self._clock(), dtype=dtype
        )

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, **super().get_config()}


class RandomNormal(_Random):
    """Normal with a mean and a standard deviation.

    Examples
    --------
    >>> RandomNormal(seed=0)((2, 3)).shape
    (2, 3)
    """

    truncated = False

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        if not stddev >= 0:
            raise ValueError(f"{type(self).__name__}: stddev must be >= 0. Got {stddev!r}.")
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape: Sequence[int], dtype: Any = "float32") -> np.ndarray:
        return _eager(
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


class VarianceScaling(_Random):
    """Values whose variance is ``scale / fan``.

    Parameters
    ----------
    scale : float
    mode : {"fan_in", "fan_out", "fan_avg"}
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}
        Uniform is in ``[-sqrt(3 scale / fan), sqrt(3 scale / fan))``.
    seed : int, optional

    Examples
    --------
    >>> w = VarianceScaling(2.0, "fan_in", "uniform", seed=0)((100, 50))
    >>> bool(abs(w).max() <= (6 / 100) ** 0.5)
    True
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        super().__init__(seed)
        name = type(self).__name__
        if not scale > 0:
            raise ValueError(f"{name}: scale must be positive. Got {scale!r}.")
        modes = ("fan_in", "fan_out", "fan_avg")
        if mode not in modes:
            raise ValueError(f"{name}: no such mode. Got {mode!r}. Choose one of {modes}.")
        kinds = ("truncated_normal", "untruncated_normal", "uniform")
        if distribution not in kinds:
            raise ValueError(
                f"{name}: no such distribution. Got {distribution!r}. Choose one of {kinds}."
            )
        self.scale, self.mode, self.distribution = scale, mode, distribution

    def __call__(self, shape: Sequence[int], dtype: Any = "float32") -> np.ndarray:
        fan_in, fan_out = _fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        clock = self._clock()
        if self.distribution == "uniform":
            limit = float(np.sqrt(3 * variance))
            return _eager(ops.random_uniform, shape, -limit, limit, clock=clock, dtype=dtype)
        truncated = self.distribution == "truncated_normal"
        stddev = float(np.sqrt(variance)) / (_TRUNCATED_STDDEV if truncated else 1.0)
        return _eager(
            ops.random_normal, shape, 0.0, stddev, clock=clock, truncated=truncated, dtype=dtype
        )

    def get_config(self) -> dict[str, Any]:
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            **super().get_config(),
        }


class _Preset(VarianceScaling):
    """A VarianceScaling whose arguments are fixed."""

    preset: tuple[float, str, str]

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(*self.preset, seed=seed)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


class GlorotUniform(_Preset):
    """Uniform, variance ``2 / (fan_in + fan_out)`` (Glorot and Bengio 2010).

    Examples
    --------
    >>> bool(abs(GlorotUniform(seed=0)((3, 3))).max() <= 1)
    True
    """

    preset = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Preset):
    """Truncated normal, variance ``2 / (fan_in + fan_out)`` (Glorot and Bengio 2010)."""

    preset = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Preset):
    """Uniform, variance ``2 / fan_in`` (He et al. 2015)."""

    preset = (2.0, "fan_in", "uniform")


class HeNormal(_Preset):
    """Truncated normal, variance ``2 / fan_in`` (He et al. 2015)."""

    preset = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Preset):
    """Uniform, variance ``1 / fan_in`` (LeCun et al. 1998)."""

    preset = (1.0, "fan_in", "uniform")


class LecunNormal(_Preset):
    """Truncated normal, variance ``1 / fan_in`` (LeCun et al. 1998)."""

    preset = (1.0, "fan_in", "truncated_normal")


def _fans(shape: Sequence[int]) -> tuple[float, float]:
    """Return (fan_in, fan_out) of a kernel's shape."""
    if len(shape) < 2:
        n = float(np.prod(shape)) if shape else 1.0
        return n, n
    field = float(np.prod(shape[:-2]))
    return shape[-2] * field, shape[-1] * field


def _eager(operation: Any, *args: Any, **kwargs: Any) -> np.ndarray:
    """Call now, even where a plan is being recorded: a weight is no step of it."""
    with ops.recording(None):
        return operation(*args, **kwargs)


_CLASSES = {
    c.__name__: c
    for c in (
        Zeros, Ones, Constant, RandomUniform, RandomNormal, TruncatedNormal, VarianceScaling,
        GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal,
    )
}  # fmt: skip
_NAMES = {
    "zeros": Zeros,
    "ones": Ones,
    "constant": Constant,
    "random_uniform": RandomUniform,
    "random_normal": RandomNormal,
    "truncated_normal": TruncatedNormal,
    "variance_scaling": VarianceScaling,
    "glorot_uniform": GlorotUniform,
    "glorot_normal": GlorotNormal,
    "he_uniform": HeUniform,
    "he_normal": HeNormal,
    "lecun_uniform": LecunUniform,
    "lecun_normal": LecunNormal,
}


def get(identifier: Any) -> Any:
    """Return an initializer from its name, class, configuration, or as it is.

    Examples
    --------
    >>> type(get("he_normal")).__name__
    'HeNormal'
    """
    if isinstance(identifier, dict) and identifier.get("class_name") in _CLASSES:
        return _CLASSES[identifier["class_name"]].from_config(identifier.get("config", {}))
    if isinstance(identifier, str):
        found = _NAMES.get(identifier) or _CLASSES.get(identifier)
        if found is not None:
            return found()
    elif isinstance(identifier, type) and issubclass(identifier, Initializer):
        return identifier()
    elif callable(identifier):
        return identifier
    raise ValueError(
        f"initializer: no such initializer. Got {identifier!r}. "
        f"Choose one of {', '.join(_NAMES)}, or pass an Initializer."
    )


def serialize(initializer: Any) -> Any:
    """Return a configuration from which :func:`get` makes an equal initializer."""
    if type(initializer).__name__ not in _CLASSES:
        raise ValueError(
            f"initializer {initializer!r} cannot be saved: it is not one of cnnlite's own."
        )
    return {"class_name": type(initializer).__name__, "config": initializer.get_config()}
