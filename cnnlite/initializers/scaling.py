"""Random initial values whose spread follows from the weight's shape.

Fans: a kernel of shape ``(..., in, out)`` has ``fan_in = in * (product of the
rest)`` and ``fan_out = out * (product of the rest)``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnlite import ops
from cnnlite.arguments import number
from cnnlite.initializers.base import RandomInitializer, eagerly
from cnnlite.shapes import is_int, normalize_axis

# Standard deviation of a standard normal truncated at two: dividing by it gives
# the wanted deviation after the truncation.
_TRUNCATED_STDDEV = 0.87962566103423978


class VarianceScaling(RandomInitializer):
    """Values whose variance is ``scale / fan``.

    Parameters
    ----------
    scale : float
    mode : {"fan_in", "fan_out", "fan_avg"}
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}
        Uniform is in ``[-sqrt(3 scale / fan), sqrt(3 scale / fan))``; "normal" is truncated.
    seed : int, optional
    input_axes, output_axes : sequences of int, optional
        The axes whose product is fan_in and fan_out, for a kernel of another layout.

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
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(seed)
        name = type(self).__name__
        self.scale = number(scale, f"{name}: scale", 0, math.inf, open_ends="()")
        modes = ("fan_in", "fan_out", "fan_avg")
        if mode not in modes:
            raise ValueError(f"{name}: no such mode. Got {mode!r}. Choose one of {modes}.")
        kinds = ("truncated_normal", "untruncated_normal", "uniform")
        distribution = "truncated_normal" if distribution == "normal" else distribution
        if distribution not in kinds:
            raise ValueError(
                f"{name}: no such distribution. Got {distribution!r}. Choose one of {kinds}."
            )
        self.mode, self.distribution = mode, distribution
        if (input_axes is None) != (output_axes is None):
            raise ValueError(
                f"{name}: input_axes and output_axes go together. "
                f"Got {input_axes!r} and {output_axes!r}."
            )
        self.input_axes = _axes(input_axes, f"{name}: input_axes")
        self.output_axes = _axes(output_axes, f"{name}: output_axes")

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        shape, dtype = self._sizes(shape), self._dtype(dtype)
        fan_in, fan_out = _fans(shape)
        if self.input_axes is not None and self.output_axes is not None:
            fan_in, fan_out = (
                math.prod(shape[normalize_axis(a, len(shape), f"{type(self).__name__}: {what}")]
                          for a in axes)
                for what, axes in (("input_axes", self.input_axes),
                                   ("output_axes", self.output_axes))
            )  # fmt: skip
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        clock = self._clock()
        if self.distribution == "uniform":
            limit = float(np.sqrt(3 * variance))
            return eagerly(ops.random_uniform, shape, -limit, limit, clock=clock, dtype=dtype)
        truncated = self.distribution == "truncated_normal"
        stddev = float(np.sqrt(variance)) / (_TRUNCATED_STDDEV if truncated else 1.0)
        return eagerly(
            ops.random_normal,
            shape,
            0.0,
            stddev,
            clock=clock,
            truncated=truncated,
            dtype=dtype,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
            **super().get_config(),
        }


class _Preset(VarianceScaling):
    """A VarianceScaling whose arguments are fixed."""

    preset: tuple[float, str, str]

    def __init__(
        self,
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(*self.preset, seed=seed, input_axes=input_axes, output_axes=output_axes)

    def get_config(self) -> dict[str, Any]:
        axes = {"input_axes": self.input_axes, "output_axes": self.output_axes}
        return {"seed": self.seed, **axes}


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


def _axes(axes: Any, where: str) -> list[int] | None:
    if axes is None:
        return None
    listed = list(axes) if isinstance(axes, Sequence) else [axes]
    if not listed or not all(map(is_int, listed)):
        raise ValueError(f"{where} must be axes of the weight: integers. Got {axes!r}.")
    return [int(a) for a in listed]


def _fans(shape: Sequence[int]) -> tuple[float, float]:
    """Return (fan_in, fan_out) of a kernel's shape."""
    if len(shape) < 2:
        n = float(np.prod(shape)) if shape else 1.0
        return n, n
    field = float(np.prod(shape[:-2]))
    return shape[-2] * field, shape[-1] * field
