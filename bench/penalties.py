"""Cases of penalties on arrays, and of projections of weights onto norms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.case import Arguments, Case, draw, roundoff, unwritten

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Penalty(Case):
    """penalty_forward of arrays of these shapes."""

    operation: str = "penalty_forward"
    shapes: tuple[Shape, ...]
    l1: float = 0.0
    l2: float = 0.0
    scale: float = 1.0

    def arguments(self, rng, dtype, *, integers=False):
        arrays = [draw(rng, shape, dtype, integers) for shape in self.shapes]
        params = {"l1": self.l1, "l2": self.l2, "scale": self.scale}
        return Arguments([unwritten((1,), np.float64)], [arrays], params)

    @property
    def terms(self):
        return 2 * sum(int(np.prod(shape)) for shape in self.shapes)

    def tolerance(self, arguments, expected, dtype, function_ulps):
        # Squares of float32 are exact in float64, where everything is added up.
        return [(self.terms + 5) * roundoff(np.float64) * np.abs(expected[0])]


@dataclass(frozen=True, kw_only=True)
class PenaltyGradient(Case):
    """penalty_backward of one array."""

    operation: str = "penalty_backward"
    shape: Shape
    l1: float = 0.0
    l2: float = 0.0
    scale: float = 1.0

    def arguments(self, rng, dtype, *, integers=False):
        params = {"l1": self.l1, "l2": self.l2, "scale": self.scale}
        w = draw(rng, self.shape, dtype, integers)
        w.flat[::7] = 0  # a kink of |w|, where the gradient counts as 0
        return Arguments([unwritten(self.shape, dtype)], [w], params)

    @property
    def terms(self):
        return 2

    def tolerance(self, arguments, expected, dtype, function_ulps):
        # Each factor is rounded once more, to the dtype, before its product.
        sizes = abs(self.scale) * (self.l1 + 2 * self.l2 * np.abs(arguments.inputs[0]))
        return [4 * roundoff(dtype) * sizes]


@dataclass(frozen=True, kw_only=True)
class Orthogonal(Case):
    """orthogonal_penalty_forward or _backward of n vectors."""

    n: int
    scale: float = 0.7
    short: bool = False  # the first vector is shorter than the least length

    def arguments(self, rng, dtype, *, integers=False):
        x = draw(rng, (self.n, self.n + 3), np.float64)
        if self.short and self.n:
            x[0] *= 1e-9
        gram = (x @ x.T).astype(dtype)
        forward = self.operation.endswith("forward")
        out = unwritten((1,), np.float64) if forward else unwritten(gram.shape, dtype)
        return Arguments([out], [gram], {"scale": self.scale})

    @property
    def terms(self):
        return self.n**2

    def tolerance(self, arguments, expected, dtype, function_ulps):
        # All in float64 but the result of the backward pass, which is rounded to the dtype.
        u = roundoff(np.float64)
        if self.operation.endswith("forward"):
            return [(self.terms + 10) * u * np.abs(expected[0])]
        return [((self.n + 10) * u + roundoff(dtype)) * np.abs(expected[0])]


@dataclass(frozen=True, kw_only=True)
class Projection(Case):
    """project_norms over some axes."""

    operation: str = "project_norms"
    shape: Shape
    axes: tuple[int, ...]
    min_value: float = 0.0
    max_value: float = 1.0
    rate: float = 1.0

    def arguments(self, rng, dtype, *, integers=False):
        names = ("axes", "min_value", "max_value", "rate")
        w = draw(rng, self.shape, dtype, integers)
        return Arguments([w], [], {name: getattr(self, name) for name in names})

    def tolerance(self, arguments, expected, dtype, function_ulps):
        # The norm and the factor in float64, whose sum has a term per element; the factor
        # is rounded to the dtype, and so is the product.
        count = int(np.prod(self.shape))
        return [(2 * roundoff(dtype) + (count + 10) * roundoff(np.float64)) * np.abs(expected[0])]
