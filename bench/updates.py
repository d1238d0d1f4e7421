"""Cases of optimizer steps, their tolerance by running error analysis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.case import Arguments, Case, draw, roundoff, unwritten

Shape = tuple[int, ...]


class Rounded:
    """A value with a bound of its error, through arithmetic in a dtype of unit roundoff u.

    Running error analysis (Higham 2002, section 3.3): each operation hands on the errors of
    its operands and adds one rounding of its result.
    """

    def __init__(self, value: Any, error: Any, u: float) -> None:
        self.value, self.error, self.u = np.asarray(value, np.float64), error, u

    def _new(self, value: Any, error: Any) -> Rounded:
        return Rounded(value, error + self.u * np.abs(value), self.u)

    def _of(self, other: Any) -> Rounded:
        if isinstance(other, Rounded):
            return other
        # A setting: computed in float64 and rounded to the dtype, so a little over one rounding.
        return Rounded(other, 1.01 * self.u * abs(other), self.u)

    def __add__(self, other: Any) -> Rounded:
        other = self._of(other)
        return self._new(self.value + other.value, self.error + other.error)

    def __sub__(self, other: Any) -> Rounded:
        other = self._of(other)
        return self._new(self.value - other.value, self.error + other.error)

    def __mul__(self, other: Any) -> Rounded:
        o = self._of(other)
        error = np.abs(self.value) * o.error + np.abs(o.value) * self.error + self.error * o.error
        return self._new(self.value * o.value, error)

    __rmul__ = __mul__

    def __truediv__(self, other: Rounded) -> Rounded:
        value = self.value / other.value
        least = np.abs(other.value) - other.error
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.where(least > 0, (self.error + np.abs(value) * other.error) / least, np.inf)
        return self._new(value, error)

    def sqrt(self) -> Rounded:
        value = np.sqrt(self.value)
        low = np.sqrt(np.maximum(self.value - self.error, 0))
        high = np.sqrt(self.value + self.error)
        return self._new(value, np.maximum(high - value, value - low))

    def maximum(self, other: Any) -> Rounded:
        other = self._of(other)
        error = np.maximum(self.error, other.error)
        return Rounded(np.maximum(self.value, other.value), error, self.u)

    def sign(self) -> Rounded:
        return Rounded(np.sign(self.value), 2.0 * (np.abs(self.value) <= self.error), self.u)

    def abs(self) -> Rounded:
        return Rounded(np.abs(self.value), self.error, self.u)


# The rules once more, on Rounded numbers: (w, first, second, third), g, settings.


def _sgd(w, v, b, c, g, *, rate, momentum=0.0, nesterov=False, **_):
    if v is None:
        return w - rate * g, None, None, None
    v = momentum * v - rate * g
    return w + (momentum * v - rate * g if nesterov else v), v, None, None


def _rmsprop(w, v, m, a, g, *, rate, rho, epsilon, momentum=0.0, **_):
    v = rho * v + (1 - rho) * (g * g)
    spread = v
    if a is not None:
        a = rho * a + (1 - rho) * g
        spread = (v - a * a).maximum(0.0)
    step = rate * g / (spread + epsilon).sqrt()
    if m is not None:
        step = m = momentum * m + step
    return w - step, v, m, a


def _adagrad(w, a, b, c, g, *, rate, epsilon, **_):
    a = a + g * g
    return w - rate * g / (a + epsilon).sqrt(), a, None, None


def _adadelta(w, a, b, c, g, *, rate, rho, epsilon, **_):
    a = rho * a + (1 - rho) * (g * g)
    d = (b + epsilon).sqrt() * g / (a + epsilon).sqrt()
    return w - rate * d, a, rho * b + (1 - rho) * (d * d), None


def _adam(w, m, v, peak, g, *, rate, t, beta_1, beta_2, epsilon, **_):
    m = m + (1 - beta_1) * (g - m)
    v = v + (1 - beta_2) * (g * g - v)
    top = v
    if peak is not None:
        top = peak = peak.maximum(v)
    step = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    return w - step * m / (top.sqrt() + epsilon), m, v, peak


def _adamax(w, m, u, c, g, *, rate, t, beta_1, beta_2, epsilon, **_):
    m = m + (1 - beta_1) * (g - m)
    u = (beta_2 * u).maximum(g.abs())
    return w - rate / (1 - beta_1**t) * m / (u + epsilon), m, u, None


def _nadam(w, m, v, c, g, *, rate, t, beta_1, beta_2, epsilon, **_):
    mu = [beta_1 * (1 - 0.96**i / 2) for i in range(1, t + 2)]
    p = float(np.prod(mu[:t]))
    m = m + (1 - beta_1) * (g - m)
    v = v + (1 - beta_2) * (g * g - v)
    ahead = mu[t] / (1 - p * mu[t]) * m + (1 - mu[t - 1]) / (1 - p) * g
    return w - rate * ahead / ((1 / (1 - beta_2**t) * v).sqrt() + epsilon), m, v, None


def _lion(w, m, b, c, g, *, rate, beta_1, beta_2, **_):
    x = beta_1 * m + (1 - beta_1) * g
    return w - rate * x.sign(), beta_2 * m + (1 - beta_2) * g, None, None


FORMULAS = {
    "sgd": _sgd,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "adam": _adam,
    "adamax": _adamax,
    "nadam": _nadam,
    "lion": _lion,
}
# The rules' settings, and what their slots hold: squares or any numbers.
BETAS = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
SETTINGS: dict[str, dict[str, Any]] = {
    "sgd": {},
    "rmsprop": {"rho": 0.9, "epsilon": 1e-7},
    "adagrad": {"epsilon": 1e-7},
    "adadelta": {"rho": 0.95, "epsilon": 1e-7},
    "adam": BETAS,
    "adamax": BETAS,
    "nadam": BETAS,
    "lion": {"beta_1": 0.9, "beta_2": 0.99},
}
SLOTS = {
    "sgd": "", "rmsprop": "s", "adagrad": "s", "adadelta": "ss", "adam": "ns", "adamax": "ns",
    "nadam": "ns", "lion": "n",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Update(Case):
    """update of arrays of these shapes, in step t.

    ``slots`` has a character for each slot: "s" holds squares, "n" any numbers, "-" is None.
    """

    operation: str = "update"
    rule: str
    shapes: tuple[Shape, ...]
    slots: str | None = None
    settings: tuple[tuple[str, Any], ...] = ()
    t: int = 1
    rate: float = 0.0123
    clip_value: float | None = None
    scaled: bool = False
    decayed: bool = False

    def _settings(self) -> dict[str, Any]:
        return {**SETTINGS[self.rule], **dict(self.settings)}

    def arguments(self, rng, dtype, *, integers=False):
        weights, gradients = (
            [draw(rng, shape, dtype, integers) for shape in self.shapes] for _ in range(2)
        )
        slots: list[Any] = []
        for kind in (SLOTS[self.rule] if self.slots is None else self.slots).ljust(3, "-")[:3]:
            drawn = [draw(rng, shape, dtype, integers) for shape in self.shapes]
            slots.append(
                None if kind == "-" else [np.square(a) for a in drawn] if kind == "s" else drawn
            )
        count = len(self.shapes)
        scales = rng.uniform(0.1, 1, count) if self.scaled else None
        decays = rng.uniform(0, 0.5, count) if self.decayed else None
        if decays is not None:
            decays[::3] = 0  # a weight that does not decay
        steps = np.array([self.t], np.int64)
        inputs = [gradients, scales, decays, np.array([self.rate]), steps]
        params = {"rule": self.rule, "clip_value": self.clip_value, **self._settings()}
        return Arguments([weights, *slots], inputs, params)

    def tolerance(self, arguments, expected, dtype, function_ulps):
        u = roundoff(dtype)
        gradients, scales, decays, *_ = arguments.inputs
        bounds: list[Any] = [[], *([] if slot is not None else None for slot in expected[1:])]
        for n, gradient in enumerate(gradients):
            w, *slots = (None if a is None else Rounded(a[n], 0.0, u) for a in arguments.outputs)
            g = Rounded(gradient, 0.0, u)
            if scales is not None:
                g = float(scales[n]) * g
            if self.clip_value is not None:
                limit = self.clip_value
                g = Rounded(np.clip(g.value, -limit, limit), g.error + u * limit, u)
            if decays is not None:
                w = w - self.rate * float(decays[n]) * w
            formula = FORMULAS[self.rule]
            results = formula(w, *slots, g, rate=self.rate, t=self.t, **self._settings())
            for of_slot, result in zip(bounds, results, strict=True):
                if of_slot is not None:
                    of_slot.append(result.error)
        return bounds


@dataclass(frozen=True, kw_only=True)
class ClipScales(Case):
    """clip_scales of gradients of these shapes."""

    operation: str = "clip_scales"
    shapes: tuple[Shape, ...]
    clip_norm: float = 2.0
    together: bool = False

    def arguments(self, rng, dtype, *, integers=False):
        gradients = [draw(rng, shape, dtype, integers) for shape in self.shapes]
        params = {"clip_norm": self.clip_norm, "together": self.together}
        return Arguments([unwritten((len(self.shapes),), np.float64)], [gradients], params)

    def tolerance(self, arguments, expected, dtype, function_ulps):
        # All in float64, where the squares of float32 are exact.
        terms = sum(int(np.prod(shape)) for shape in self.shapes)
        return [(terms + 5) * roundoff(np.float64) * expected[0]]


@dataclass(frozen=True, kw_only=True)
class Average(Case):
    """average_update of arrays of these shapes, in step t."""

    operation: str = "average_update"
    shapes: tuple[Shape, ...]
    t: int = 2
    momentum: float = 0.9
    overwrite_frequency: int | None = None

    def arguments(self, rng, dtype, *, integers=False):
        averages, weights = (
            [draw(rng, shape, dtype, integers) for shape in self.shapes] for _ in range(2)
        )
        params = {"momentum": self.momentum, "overwrite_frequency": self.overwrite_frequency}
        return Arguments([averages, weights], [np.array([self.t], np.int64)], params)

    def tolerance(self, arguments, expected, dtype, function_ulps):
        u, bounds = roundoff(dtype), []
        for a, w in zip(*arguments.outputs, strict=True):
            sum_of_sizes = self.momentum * np.abs(a) + (1 - self.momentum) * np.abs(w)
            bounds.append(4 * u * sum_of_sizes if self.t > 1 else np.zeros(a.shape))
        overwritten = self.overwrite_frequency and self.t % self.overwrite_frequency == 0
        return [bounds, bounds if overwritten else [np.zeros(b.shape) for b in bounds]]
