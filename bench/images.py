"""Cases of images that are framed, enlarged, flipped and shifted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.case import Arguments, Case, draw, unwritten
from bench.windows import Padding, Pair
from cnnlite.kernels import reference


@dataclass(frozen=True, kw_only=True)
class Pad2d(Case):
    """Frames, and crops with negative padding: copies."""

    operation: str = "pad2d"
    n: int
    size: Pair
    c: int
    padding: Padding

    @property
    def exact_on_integers(self):
        return True

    def arguments(self, rng, dtype, *, integers=False):
        x = draw(rng, (self.n, *self.size, self.c), dtype, integers)
        out = [n + sum(p) for n, p in zip(self.size, self.padding, strict=True)]
        y = unwritten((self.n, out[0], out[1], self.c), dtype)
        return Arguments([y], [x], {"padding": self.padding})

    def tolerance(self, arguments, expected, dtype, function_ulps):
        return [0.0]


@dataclass(frozen=True, kw_only=True)
class Upsample2d(Case):
    """upsample2d_forward or upsample2d_backward."""

    n: int
    size: Pair  # of the small image
    c: int
    factor: Pair
    interpolation: str

    @property
    def terms(self):
        # Two rows and two columns forward; backward, twice the factor of each (a share of
        # 1 / (2 factor) that is no sum of powers of two is rounded once too).
        if self.operation.endswith("forward"):
            return 6
        return 2 * (self.factor[0] + self.factor[1]) + 4

    @property
    def exact_on_integers(self):
        return self.interpolation == "nearest"

    def arguments(self, rng, dtype, *, integers=False):
        small = (self.n, *self.size, self.c)
        large = (self.n, self.size[0] * self.factor[0], self.size[1] * self.factor[1], self.c)
        params = {"size": self.factor, "interpolation": self.interpolation}
        if self.operation.endswith("backward"):
            small, large = large, small
        x = draw(rng, small, dtype, integers)
        return Arguments([unwritten(large, dtype)], [x], params)


@dataclass(frozen=True, kw_only=True)
class Flip2d(Case):
    """Some images of a batch mirrored: copies."""

    operation: str = "flip2d"
    shape: tuple[int, ...]
    rows: bool
    columns: bool

    @property
    def exact_on_integers(self):
        return True

    def arguments(self, rng, dtype, *, integers=False):
        x = draw(rng, self.shape, dtype, integers)
        draws = rng.permutation(np.linspace(0, 1, self.shape[0])).astype(dtype)
        params = {"rows": self.rows, "columns": self.columns}
        return Arguments([unwritten(self.shape, dtype)], [x, draws], params)

    def tolerance(self, arguments, expected, dtype, function_ulps):
        return [0.0]


@dataclass(frozen=True, kw_only=True)
class Translate2d(Case):
    """translate2d_forward or translate2d_backward, by eighths of a pixel."""

    shape: tuple[int, ...]
    interpolation: str
    fill_mode: str
    farthest: float = 1.5  # shift, in heights and widths
    fill_value: float = 0.0

    @property
    def terms(self):
        # Backward, each of many places outside may show the same pixel inside.
        return 6 if self.operation.endswith("forward") else 2 * sum(self.shape[1:3]) + 4

    def arguments(self, rng, dtype, *, integers=False):
        x = draw(rng, self.shape, dtype, integers)
        # Eighths, so that every share is exact; the first two images go by whole pixels.
        down, right = (
            np.round(8 * rng.uniform(-self.farthest, self.farthest, self.shape[0]) * extent) / 8
            for extent in self.shape[1:3]
        )
        down[:2], right[:1] = np.round(down[:2]), np.round(right[:1])
        params = {"interpolation": self.interpolation, "fill_mode": self.fill_mode}
        if self.operation.endswith("forward"):
            params["fill_value"] = self.fill_value
        inputs = [x, down.astype(dtype), right.astype(dtype)]
        return Arguments([unwritten(self.shape, dtype)], inputs, params)

    def magnitudes(self, arguments):
        out = [np.zeros_like(a) for a in arguments.outputs]
        x, down, right = arguments.inputs
        params = dict(arguments.params)
        if "fill_value" in params:
            params["fill_value"] = abs(params["fill_value"])
        reference.KERNELS[self.operation](*out, np.abs(x), down, right, **params)
        return out
