"""Cases of batch, layer and local response normalization.

The bounds are first-order rounding analyses: u is one rounding's relative error, sums of
n terms cost n u of the sum of their absolute values, and an error of the mean or of the
variance moves a normalized value by its slope.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.case import Arguments, Case, draw, roundoff, unwritten


@dataclass(frozen=True, kw_only=True)
class BatchNorm(Case):
    """batchnorm_forward, _inference, _backward or _update over (rows, C)."""

    rows: int
    c: int
    gamma: bool = True
    beta: bool = True
    mask: bool = False
    fixed: bool = False
    needs_dx: bool = True
    activation: str | None = None
    offset: float = 0.0  # mean of x in standard deviations
    epsilon: float = 1e-3

    @property
    def terms(self):
        return self.rows

    def arguments(self, rng, dtype, *, integers=False):
        shape, c = (self.rows, self.c), self.c
        x = (draw(rng, shape, np.float64) + self.offset).astype(dtype)
        dy = draw(rng, shape, dtype)
        gamma = rng.uniform(0.5, 2, c).astype(dtype) if self.gamma else None
        beta = draw(rng, (c,), dtype) if self.beta else None
        mask = rng.integers(0, 2, self.rows).astype(np.uint8) if self.mask else None
        mean = (self.offset + 0.1 * rng.standard_normal(c)).astype(dtype)
        variance = rng.uniform(0.5, 2, c).astype(dtype)
        params = {"epsilon": self.epsilon, "activation": self.activation}
        if self.operation == "batchnorm_update":
            moving = [draw(rng, (c,), dtype), rng.uniform(0.5, 2, c).astype(dtype)]
            return Arguments(moving, [mean, variance], {"momentum": 0.9})
        if self.operation == "batchnorm_inference":
            return Arguments([unwritten(shape, dtype)], [x, mean, variance, gamma, beta], params)
        outputs = [unwritten(s, dtype) for s in (shape, (c,), (c,))]
        if self.operation == "batchnorm_forward":
            return Arguments(outputs, [x, gamma, beta, mask], params)
        wanted = (self.needs_dx, self.gamma, self.beta)
        outputs = [o if w else None for o, w in zip(outputs, wanted, strict=True)]
        inputs = [dy, x, mean, variance, gamma, beta, mask]
        return Arguments(outputs, inputs, params | {"fixed": self.fixed})

    def tolerance(self, arguments, expected, dtype, function_ulps):
        u = roundoff(dtype)
        if self.operation == "batchnorm_update":
            return [4 * u * (np.abs(m) + np.abs(b)) for m, b in zip(*arguments[:2], strict=True)]
        if self.operation == "batchnorm_inference":
            x, _, variance, gamma, beta = arguments.inputs
            return [self._of_y(x, gamma, beta, expected[0], variance, 0, 0, u)]
        if self.operation == "batchnorm_forward":
            x, gamma, beta, mask = arguments.inputs
            chosen = x if mask is None else x[mask != 0]
            size = np.abs(chosen).sum(axis=0) / max(len(chosen), 1)
            # In blocks, or in float64, and the mean's own rounding made good: a few roundings
            # of the mean, whatever the number of rows; the variance is a sum of squares.
            of_mean = 4 * u * size
            of_variance = (min(self.rows, 300) + 8) * u * expected[2] + of_mean * of_mean
            of_y = self._of_y(x, gamma, beta, expected[0], expected[2], of_mean, of_variance, u)
            return [of_y, of_mean, of_variance]
        return self._of_gradients(arguments.inputs, expected, u)

    def _of_y(self, x, gamma, beta, y, variance, of_mean, of_variance, u):
        scale = (1.0 if gamma is None else np.abs(gamma)) / np.sqrt(variance + self.epsilon)
        normalized = np.abs(y if beta is None else y - beta)
        relative = of_variance / (variance + self.epsilon) / 2 + 6 * u
        return normalized * relative + scale * (of_mean + u * np.abs(x)) + u * np.abs(y)

    def _of_gradients(self, inputs, expected, u):
        dy, x, mean, variance, gamma, _, mask = inputs
        inverse = 1 / np.sqrt(variance + self.epsilon)
        off = np.abs(x - mean)
        # x - mean has one rounding, of itself; blocks of a few hundred rows are added up.
        count = min(self.rows, 300) + 10
        of_sum = count * u * np.abs(dy).sum(axis=0)
        of_products = count * u * (np.abs(dy) * off).sum(axis=0)
        bounds = [None, of_products * inverse, of_sum]
        if expected[0] is not None:
            n = max(self.rows if mask is None else np.count_nonzero(mask), 1)
            back = 0 if self.fixed else of_sum / n + off * inverse**2 * of_products / n
            size = np.abs(dy)
            if not self.fixed:
                sums = np.abs(dy.sum(axis=0)), np.abs((dy * (x - mean)).sum(axis=0))
                size = size + sums[0] / n + off * inverse**2 * sums[1] / n
            scale = inverse * (1.0 if gamma is None else np.abs(gamma))
            bounds[0] = scale * (back + 8 * u * size)
        return [b if e is not None else None for b, e in zip(bounds, expected, strict=True)]


@dataclass(frozen=True, kw_only=True)
class LayerNorm(Case):
    """layernorm_forward or layernorm_backward over (rows, K)."""

    rows: int
    k: int
    gamma: bool = True
    beta: bool = True
    rms_scaling: bool = False
    needs_dx: bool = True
    offset: float = 0.0
    epsilon: float = 1e-3

    @property
    def terms(self):
        return max(self.rows, self.k)

    def arguments(self, rng, dtype, *, integers=False):
        shape = (self.rows, self.k)
        x = (draw(rng, shape, np.float64) + self.offset).astype(dtype)
        gamma = rng.uniform(0.5, 2, self.k).astype(dtype) if self.gamma else None
        beta = draw(rng, (self.k,), dtype) if self.beta else None
        rms = {"rms_scaling": self.rms_scaling}
        if self.operation == "layernorm_forward":
            outputs = [unwritten(s, dtype) for s in (shape, (self.rows,), (self.rows,))]
            return Arguments(outputs, [x, gamma, beta], {"epsilon": self.epsilon, **rms})
        outputs = [unwritten(s, dtype) for s in (shape, (self.k,), (self.k,))]
        wanted = (self.needs_dx, self.gamma, self.beta)
        outputs = [o if w else None for o, w in zip(outputs, wanted, strict=True)]
        mean = (self.offset + 0.1 * rng.standard_normal(self.rows)).astype(dtype)
        inverse = rng.uniform(0.5, 2, self.rows).astype(dtype)
        return Arguments(outputs, [draw(rng, shape, dtype), x, mean, inverse, gamma], rms)

    def tolerance(self, arguments, expected, dtype, function_ulps):
        u = roundoff(dtype)
        if self.operation == "layernorm_forward":
            x, gamma, beta = arguments.inputs
            y, mean, inverse = expected
            of_mean = 4 * u * np.abs(x).mean(axis=1)
            # variance + epsilon = 1 / inverse^2
            relative = ((self.k + 8) * u / 2 + of_mean**2 * inverse**2 + 6 * u)[:, None]
            scale = inverse[:, None] * (1.0 if gamma is None else np.abs(gamma))
            normalized = np.abs(y if beta is None else y - beta)
            of_x = (0 if self.rms_scaling else of_mean[:, None]) + u * np.abs(x)
            of_y = normalized * relative + scale * of_x + u * np.abs(y)
            return [of_y, of_mean, relative[:, 0] * inverse]
        dy, x, mean, inverse, gamma = arguments.inputs
        m, r = mean[:, None], inverse[:, None]
        centered = np.abs(x if self.rms_scaling else x - m)
        count = min(self.rows, 300) + 10
        bounds = [
            None,
            count * u * (np.abs(dy) * centered * r).sum(axis=0),
            count * u * np.abs(dy).sum(axis=0),
        ]
        if expected[0] is not None:
            g = np.abs(dy * (1.0 if gamma is None else np.abs(gamma)))
            total = g + g.mean(axis=1, keepdims=True)
            total = total + np.abs(x - m) * r * r * (g * centered).mean(axis=1, keepdims=True)
            bounds[0] = (self.k + 10) * u * r * total
        return [b if e is not None else None for b, e in zip(bounds, expected, strict=True)]


@dataclass(frozen=True, kw_only=True)
class Lrn(Case):
    """lrn_forward or lrn_backward over (rows, C)."""

    rows: int
    c: int
    radius: int = 2
    k: float = 2.0
    alpha: float = 1e-2
    beta: float = 0.75

    def arguments(self, rng, dtype, *, integers=False):
        shape = (self.rows, self.c)
        params = {"radius": self.radius, "k": self.k, "alpha": self.alpha, "beta": self.beta}
        count = 1 if self.operation == "lrn_forward" else 2
        inputs = [3 * draw(rng, shape, dtype) for _ in range(count)]
        return Arguments([unwritten(shape, dtype)], inputs, params)

    def tolerance(self, arguments, expected, dtype, function_ulps):
        u, x = roundoff(dtype), arguments.inputs[-1]
        padded = np.pad(x * x, ((0, 0), (self.radius, self.radius)))
        windows = [padded[:, i : i + self.c] for i in range(2 * self.radius + 1)]
        d = self.k + self.alpha * sum(windows, np.zeros(x.shape))
        # d has a rounding for each term; log, times beta, exp: their errors, the second
        # times the size of the exponent.
        power = (2 * self.radius + 5) * u * self.beta + 2 * function_ulps * u
        power = power + (2 * function_ulps + 2) * u * self.beta * np.abs(np.log(d))
        if self.operation == "lrn_forward":
            return [np.abs(expected[0]) * (power + 2 * u)]
        dy = np.abs(arguments.inputs[0])
        terms = np.pad(dy * np.abs(x) * d ** (-self.beta - 1), ((0, 0), (self.radius, self.radius)))
        back = sum(
            (terms[:, i : i + self.c] for i in range(2 * self.radius + 1)), np.zeros(x.shape)
        )
        size = dy * d**-self.beta + 2 * self.alpha * self.beta * np.abs(x) * back
        worst = power.max(initial=0.0) + (4 * self.radius + 16) * u
        return [size * worst]


def edges() -> list[Case]:
    """Small cases, around the edges of vectors and of what is optional."""
    cases: list[Case] = []
    passes = ("batchnorm_forward", "batchnorm_inference", "batchnorm_backward")
    for operation in passes:
        for rows, c in ((1, 1), (5, 3), (7, 16), (3, 17), (9, 33), (33, 64), (4, 71), (0, 5)):
            cases.append(BatchNorm(operation=operation, rows=rows, c=c))
        small = {"operation": operation, "rows": 6, "c": 5}
        cases += [BatchNorm(**small, gamma=False), BatchNorm(**small, beta=False)]
        cases += [BatchNorm(**small, gamma=False, beta=False), BatchNorm(**small, offset=100.0)]
    for operation in ("batchnorm_forward", "batchnorm_backward"):
        cases += [BatchNorm(operation=operation, rows=r, c=9, mask=True) for r in (1, 8, 20)]
    fixed = {"operation": "batchnorm_backward", "fixed": True}
    cases += [BatchNorm(**fixed, rows=6, c=18), BatchNorm(**fixed, rows=6, c=5, gamma=False)]
    cases.append(BatchNorm(operation="batchnorm_backward", rows=6, c=5, needs_dx=False))
    for operation in passes:
        relu = {"operation": operation, "activation": "relu"}
        cases += [BatchNorm(**relu, rows=rows, c=c) for rows, c in ((5, 3), (9, 33), (33, 71))]
        cases.append(BatchNorm(**relu, rows=6, c=5, gamma=False, beta=False))
    # Several tiles of rows, of few and of many columns.
    cases += [BatchNorm(operation=op, rows=70, c=300, offset=3.0) for op in passes]
    cases += [BatchNorm(operation="batchnorm_update", rows=1, c=c) for c in (0, 1, 17)]
    for operation in ("layernorm_forward", "layernorm_backward"):
        for rows, k in ((0, 4), (1, 1), (3, 5), (5, 16), (2, 17), (4, 33), (7, 70)):
            cases.append(LayerNorm(operation=operation, rows=rows, k=k))
        small = {"operation": operation, "rows": 4, "k": 19}
        cases += [LayerNorm(**small, gamma=False), LayerNorm(**small, beta=False)]
        cases += [LayerNorm(**small, rms_scaling=True, beta=False)]
        cases += [LayerNorm(**small, rms_scaling=True, beta=False, gamma=False)]
        cases += [LayerNorm(**small, offset=50.0)]
    cases.append(LayerNorm(operation="layernorm_backward", rows=4, k=6, needs_dx=False))
    for operation in ("lrn_forward", "lrn_backward"):
        for rows, c in ((0, 3), (1, 1), (2, 3), (3, 16), (2, 17), (2, 40)):
            cases.append(Lrn(operation=operation, rows=rows, c=c))
        cases.append(Lrn(operation=operation, rows=3, c=20, radius=0, k=1.0, alpha=0.5, beta=0.5))
        cases.append(Lrn(operation=operation, rows=3, c=4, radius=7, beta=1.5))
    return cases


def shared() -> list[Case]:
    """Work large enough for several threads."""
    cases: list[Case] = [
        BatchNorm(operation=operation, rows=5003, c=70)
        for operation in ("batchnorm_forward", "batchnorm_inference", "batchnorm_backward")
    ]
    cases.append(BatchNorm(operation="batchnorm_update", rows=1, c=2000))
    cases += [
        LayerNorm(operation=operation, rows=3001, k=130)
        for operation in ("layernorm_forward", "layernorm_backward")
    ]
    cases += [Lrn(operation=op, rows=3001, c=96) for op in ("lrn_forward", "lrn_backward")]
    return cases
