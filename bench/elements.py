"""Cases that work element by element: activations, sums, joins, random numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.case import Arguments, Case, draw, mapped, roundoff, ulps, unwritten
from cnnlite.kernels import reference
from cnnlite.kernels.reference.elementwise import FROM_INPUT

Shape = tuple[int, ...]

CLOCK = (0x0123456789ABCDEF, 5)  # seed, step


def clock(seed: int = CLOCK[0], step: int = CLOCK[1]) -> np.ndarray:
    return np.array([seed, step], np.uint64)


@dataclass(frozen=True, kw_only=True)
class Elementwise(Case):
    """unary or unary_backward, with one of their functions."""

    shape: Shape
    function: str
    parameters: tuple[float, ...] = ()

    def arguments(self, rng, dtype, *, integers=False):
        a, b = (3 * draw(rng, self.shape, dtype, integers) for _ in range(2))
        params = {"function": self.function}
        params["parameters"] = self.parameters
        if self.operation == "unary":
            a = np.abs(a) if self.function == "log" else a
            return Arguments([unwritten(self.shape, dtype)], [a], params)
        if self.function not in FROM_INPUT:
            out = np.empty_like(b)
            reference.unary(out, b, **params)
            b = out
        return Arguments([unwritten(self.shape, dtype)], [a, b], params)

    def tolerance(self, arguments, expected, dtype, function_ulps):
        u = roundoff(dtype)
        if self.operation == "unary":
            bound = _unary_bound(self.function, arguments.inputs[0], expected[0], dtype)
            return [bound(function_ulps)]
        dy, y = arguments.inputs
        error = np.abs(dy) * _slope_error(self, y, u, function_ulps) + 3 * u * np.abs(expected[0])
        if self.function == "erf":  # e^(-x^2), its multiple and the result may be denormal
            error += float(np.finfo(dtype).smallest_subnormal) * (1 + 2 * np.abs(dy))
        return [error]


def _gelu_tanh_parts(x):
    """s = sigmoid(2 u), 2 u and 2 x du/dx of gelu's approximation."""
    root, square = np.sqrt(2 / np.pi), x * x
    twice = 2 * root * (x + 0.044715 * x * square)
    s = np.where(x >= 0, 1, np.exp(-np.abs(twice))) / (1 + np.exp(-np.abs(twice)))
    return s, twice, 2 * x * root * (1 + 3 * 0.044715 * square)


def _unary_bound(function, x, expected, dtype):
    """Error of an activation as a function of that of exp, log and the like."""
    u, tiny = roundoff(dtype), float(np.finfo(dtype).smallest_subnormal)

    def bound(count):
        if function == "relu":
            return np.zeros_like(x)
        if function in ("leaky_relu", "hard_sigmoid", "softsign"):
            return 4 * u * np.abs(expected) + tiny
        if function == "gelu_tanh":
            # The argument 2 u has a few roundings; the sigmoid's slope makes (1 - s) 2 u of
            # each relative error.
            s, twice, _ = _gelu_tanh_parts(x)
            relative = 2 * (count + 1) * u + 6 * u * (1 - s) * np.abs(twice)
            return np.abs(expected) * relative + tiny * (1 + np.abs(x))
        # x times a function's value; elu has two constants.
        count = count + {"silu": 1, "gelu": 1, "elu": 2}.get(function, 0)
        rounding = tiny * np.abs(x) if function in ("silu", "gelu") else 0
        return ulps(expected, count, dtype) + rounding

    return bound


def _slope_error(case, y, u, count):
    """Absolute error of a derivative, beyond three roundings of the result."""
    f = 2 * count * u  # of an elementary function, relative
    if case.function == "tanh":
        return u * y * y  # rounded before 1 - y^2, which may cancel
    if case.function == "elu":
        return 2 * u * case.parameters[0] * case.parameters[1]  # y + alpha may cancel
    if case.function == "softplus":
        return f * -np.expm1(-y)
    if case.function == "gelu":
        # Phi and x phi(x), in which x^2 is rounded before the exponential.
        density = np.abs(y) * np.exp(-y * y / 2)
        return (f + 4 * u) * (1 + density) + u * y * y * density
    if case.function == "gelu_tanh":
        s, twice, factor = _gelu_tanh_parts(y)
        # 1 - s may cancel; s has the error of its argument.
        inside = np.abs(factor) * (2 * u + f * np.minimum(s, 1 - s))
        return f + 4 * u + inside + 8 * u * np.abs(twice) * s * (1 - s) * (1 + np.abs(factor))
    if case.function == "silu":
        s = 1 / (1 + np.exp(-y))
        return f + u * np.abs(y) * 2 + (f + 4 * u) * np.abs(y) * s
    if case.function == "erf":
        # x^2 is rounded before the exponential; log's 1 / x is one of the three roundings.
        return (f + (2 + y * y) * u) * 2 / np.sqrt(np.pi) * np.exp(-y * y)
    if case.function == "softsign":
        return 3 * u / (1 + np.abs(y)) ** 2
    return 0.0


@dataclass(frozen=True, kw_only=True)
class Join(Case):
    """concatenate or split: copies."""

    shapes: tuple[Shape, ...]
    axis: int

    def arguments(self, rng, dtype, *, integers=False):
        whole = list(self.shapes[0])
        whole[self.axis] = sum(shape[self.axis] for shape in self.shapes)
        params = {"axis": self.axis}
        if self.operation == "concatenate":
            xs = [draw(rng, shape, dtype, integers) for shape in self.shapes]
            return Arguments([unwritten(tuple(whole), dtype)], [xs], params)
        dxs = [unwritten(shape, dtype) for shape in self.shapes]
        return Arguments([dxs], [draw(rng, tuple(whole), dtype, integers)], params)

    def tolerance(self, arguments, expected, dtype, function_ulps):
        return [mapped(np.zeros_like, out) for out in expected]


@dataclass(frozen=True, kw_only=True)
class Mean(Case):
    """weighted_mean or mean_update over rows."""

    rows: int
    weights: bool = True
    count_rows: bool = False  # of mean_update
    scale: float = 1.0

    @property
    def terms(self):
        return self.rows + 1

    def arguments(self, rng, dtype, *, integers=False):
        values = draw(rng, (self.rows,), dtype, integers)
        weights = rng.uniform(0.5, 2, self.rows).astype(dtype) if self.weights else None
        if self.operation == "weighted_mean":
            return Arguments([unwritten((1,), dtype)], [values, weights], {})
        state = np.array([3.25, 4.5])  # float64 whatever the dtype of the values
        params = {"count_rows": self.count_rows, "scale": self.scale}
        return Arguments([state], [values, weights], params)

    def tolerance(self, arguments, expected, dtype, function_ulps):
        if self.operation == "weighted_mean":
            return super().tolerance(arguments, expected, dtype, function_ulps)
        values, weights = arguments.inputs
        weights = np.ones_like(values) if weights is None else weights
        sums = arguments.outputs[0] + [
            self.scale * np.abs(values * weights).sum(),
            self.scale * weights.sum(),
        ]
        return [(self.terms + 2) * roundoff(np.float64) * sums]


@dataclass(frozen=True, kw_only=True)
class LossWeights(Case):
    """loss_weights: one weight and one element of the mask for so many rows each."""

    operation: str = "loss_weights"
    rows: int
    reduction: str = "sum_over_batch_size"
    weight_rows: int = 1  # 0: no weights
    mask_rows: int = 1  # 0: no mask
    used: bool = True  # whether the mask leaves a row

    @property
    def terms(self):
        return self.rows

    def arguments(self, rng, dtype, *, integers=False):
        weights = mask = None
        if self.weight_rows:
            weights = rng.uniform(0.5, 2, self.rows // self.weight_rows).astype(dtype)
        if self.mask_rows:
            size = self.rows // self.mask_rows
            mask = rng.integers(0, 1 + self.used, size, dtype=np.uint8)
            mask[: self.used] = 3  # any number but 0 counts
        params = {"reduction": self.reduction, "scale": 0.7}
        return Arguments([unwritten((self.rows,), dtype)], [weights, mask], params)

    def tolerance(self, arguments, expected, dtype, function_ulps):
        # A sum in float64, three products, the rounding to the dtype.
        error = (self.terms + 4) * roundoff(np.float64) + roundoff(dtype)
        return [error * np.abs(expected[0])]


@dataclass(frozen=True, kw_only=True)
class Dropout(Case):
    """dropout_forward or dropout_backward."""

    shape: Shape
    rate: float
    stream: int = 3
    step: int = CLOCK[1]

    def arguments(self, rng, dtype, *, integers=False):
        a = draw(rng, self.shape, dtype, integers)
        params = {"rate": self.rate}
        if self.operation == "dropout_backward":
            mask = rng.integers(0, 2, self.shape).astype(np.uint8)
            return Arguments([unwritten(self.shape, dtype)], [a, mask], params)
        outputs = [unwritten(self.shape, dtype), unwritten(self.shape, np.uint8)]
        inputs = [a, clock(step=self.step)]
        return Arguments(outputs, inputs, params | {"stream": self.stream})

    def tolerance(self, arguments, expected, dtype, function_ulps):
        # 1 / (1 - rate) is rounded, then the product.
        return [2 * roundoff(dtype) * np.abs(expected[0]), 0.0][: len(expected)]


@dataclass(frozen=True, kw_only=True)
class Draw(Case):
    """random_uniform, with low and high in a and b, or random_normal, with mean and stddev."""

    shape: Shape
    a: float
    b: float
    truncated: bool = False
    stream: int = 7
    step: int = CLOCK[1]

    def arguments(self, rng, dtype, *, integers=False):
        if self.operation == "random_uniform":
            params = {"low": self.a, "high": self.b}
        else:
            params = {"mean": self.a, "stddev": self.b, "truncated": self.truncated}
        inputs = [clock(step=self.step)]
        return Arguments([unwritten(self.shape, dtype)], inputs, params | {"stream": self.stream})

    def tolerance(self, arguments, expected, dtype, function_ulps):
        u = roundoff(dtype)
        if self.operation == "random_uniform":
            # low, high - low, their product with the exact word, the sum: a rounding each.
            return [3 * u * (abs(self.a) + np.abs(expected[0] - self.a)) + u * np.abs(expected[0])]
        # Computed in float64 (|z| < 8.6, the angle of the cosine is rounded too: under
        # 2^-46), then rounded to the dtype once.
        return [u * np.abs(expected[0]) + 2.0**-46 * (abs(self.a) + abs(self.b))]
