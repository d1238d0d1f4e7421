"""Cases that rearrange, reduce, combine, select and convert whole arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.case import Arguments, Case, draw, roundoff, unwritten

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Binary(Case):
    """binary of arrays that broadcast, with one of its functions."""

    operation: str = "binary"
    function: str
    a: Shape
    b: Shape

    @property
    def exact_on_integers(self):
        return not self.function.startswith("divide")

    def arguments(self, rng, dtype, *, integers=False):
        a, b = (np.asarray(3 * draw(rng, shape, dtype, integers)) for shape in (self.a, self.b))
        if self.function == "divide_by_root":
            b = np.asarray(np.abs(b) + 1)
        y = unwritten(np.broadcast_shapes(self.a, self.b), dtype)
        return Arguments([y], [a, b], {"function": self.function})

    def tolerance(self, arguments, expected, dtype, function_ulps):
        exact = self.function in ("maximum", "minimum", "greater_equal")
        roundings = 3 if self.function == "divide_by_root" else 1
        return [0.0 if exact else roundings * roundoff(dtype) * np.abs(expected[0])]


@dataclass(frozen=True, kw_only=True)
class Masked(Case):
    """where, or logical, with arrays that broadcast."""

    a: Shape  # where: of the mask
    b: Shape  # where: of x
    function: str = ""  # of logical
    value: float = -1e9

    def arguments(self, rng, dtype, *, integers=False):
        a = np.asarray(rng.integers(0, 2, self.a) * 3, np.uint8)
        shape = np.broadcast_shapes(self.a, self.b)
        if self.operation == "logical":
            b = np.asarray(rng.integers(0, 2, self.b), np.uint8)
            return Arguments([np.full(shape, 7, np.uint8)], [a, b], {"function": self.function})
        x = np.asarray(draw(rng, self.b, dtype, integers))
        return Arguments([unwritten(shape, dtype)], [a, x], {"value": self.value})

    def tolerance(self, arguments, expected, dtype, function_ulps):
        return [roundoff(dtype) * abs(self.value) * (expected[0] == self.value)]


@dataclass(frozen=True, kw_only=True)
class Transpose(Case):
    """transpose: copies."""

    operation: str = "transpose"
    shape: Shape
    axes: Shape
    kind: str = ""  # int32 or uint8 instead of floats

    def arguments(self, rng, dtype, *, integers=False):
        x = draw(rng, self.shape, dtype, integers)
        if self.kind:
            x = rng.integers(0, 200, self.shape).astype(self.kind)
        y = unwritten(tuple(self.shape[axis] for axis in self.axes), x.dtype)
        return Arguments([y], [x], {"axes": self.axes})

    def tolerance(self, arguments, expected, dtype, function_ulps):
        return [0.0]


@dataclass(frozen=True, kw_only=True)
class Reduce(Case):
    """reduce over some axes."""

    operation: str = "reduce"
    function: str = "sum"
    shape: Shape
    axes: Shape

    @property
    def terms(self):
        return math.prod(self.shape[axis] for axis in self.axes)

    @property
    def accumulates(self):
        return self.function == "sum" or (self.function == "mean" and self.terms > 0)

    @property
    def exact_on_integers(self):
        return self.function != "mean"

    def arguments(self, rng, dtype, *, integers=False):
        x = draw(rng, self.shape, dtype, integers)
        kept = tuple(n for axis, n in enumerate(self.shape) if axis not in self.axes)
        params = {"function": self.function, "axes": self.axes}
        return Arguments([unwritten(kept, dtype)], [x], params)

    def tolerance(self, arguments, expected, dtype, function_ulps):
        if self.function == "max" or not self.terms:
            return [0.0]
        return super().tolerance(arguments, expected, dtype, function_ulps)


@dataclass(frozen=True, kw_only=True)
class BatchMatmul(Case):
    """Products of batch * h matrices, (m, k) @ (k, n)."""

    operation: str = "batch_matmul"
    batch: int
    h: int = 1
    m: int
    k: int
    n: int
    transpose_a: bool = False
    transpose_b: bool = False
    heads: tuple[int, int, int] = (1, 1, 1)

    @property
    def exact_on_integers(self):
        return True

    @property
    def terms(self):
        return self.k

    def flops(self):
        return 2 * self.batch * self.h * self.m * self.k * self.n

    def _shape(self, rows: int, columns: int, heads: int) -> Shape:
        return (self.batch, *((self.h, rows) if heads == 1 else (rows, self.h)), columns)

    def arguments(self, rng, dtype, *, integers=False):
        of_y, of_a, of_b = self.heads
        a = (self.k, self.m) if self.transpose_a else (self.m, self.k)
        b = (self.n, self.k) if self.transpose_b else (self.k, self.n)
        inputs = [
            draw(rng, self._shape(*sizes, heads), dtype, integers)
            for sizes, heads in ((a, of_a), (b, of_b))
        ]
        params = {
            "transpose_a": self.transpose_a,
            "transpose_b": self.transpose_b,
            "heads": self.heads,
        }
        return Arguments([unwritten(self._shape(self.m, self.n, of_y), dtype)], inputs, params)


@dataclass(frozen=True, kw_only=True)
class Lookup(Case):
    """gather or scatter_add: rows of a table (v, k)."""

    rows: int
    v: int
    k: int

    @property
    def terms(self):
        return self.rows  # at most, where all ids are one

    @property
    def exact_on_integers(self):
        return True

    def arguments(self, rng, dtype, *, integers=False):
        ids = rng.integers(0, self.v, self.rows).astype(np.int32)
        table, rows = (self.v, self.k), (self.rows, self.k)
        read, written = (table, rows) if self.operation == "gather" else (rows, table)
        x = draw(rng, read, dtype, integers)
        return Arguments([unwritten(written, dtype)], [x, ids], {})

    def tolerance(self, arguments, expected, dtype, function_ulps):
        if self.operation == "gather":
            return [0.0]
        return super().tolerance(arguments, expected, dtype, function_ulps)


@dataclass(frozen=True, kw_only=True)
class Convert(Case):
    """cast, between two dtypes ("float": the one under test), differs or fill."""

    shape: Shape
    to: str = "float"
    source: str = "float"
    value: float = 0.0

    def arguments(self, rng, dtype, *, integers=False):
        to, source = (dtype if name == "float" else name for name in (self.to, self.source))
        scale = 1 if self.operation == "differs" else 300
        x = np.round(scale * rng.standard_normal(self.shape), self.operation == "cast")
        x = np.clip(x, 0, 255).astype(source) if source == "uint8" else x.astype(source)
        y = unwritten(self.shape, to)
        if self.operation == "fill":
            return Arguments([y], [], {"value": self.value})
        if self.operation == "cast":
            return Arguments([y], [x], {})
        return Arguments([np.full(self.shape[:1], 7, np.uint8)], [x], {"value": self.value})

    def tolerance(self, arguments, expected, dtype, function_ulps):
        # One rounding, to the narrower of the two types.
        narrow = np.float32 if "float32" in (self.to, self.source) else dtype
        return [2 * roundoff(narrow) * np.abs(expected[0]).astype(np.float64)]
