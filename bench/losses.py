"""Cases of the losses that two families of kernels compute, and of their targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np

from bench.case import Arguments, Case, roundoff, ulps, unwritten
from bench.rows import factor_of
from cnnlite.kernels.reference.losses import ELEMENTWISE

Bound = Callable[[np.ndarray, np.ndarray, float, float, float], np.ndarray]
EPSILON = 1e-7


@dataclass(frozen=True, kw_only=True)
class RowwiseLoss(Case):
    """A member of either family over (rows, classes), forward or backward."""

    rows: int
    classes: int
    function: str
    weights: bool = True
    delta: float = 1.5
    scale: float = 1.0  # of predictions, their standard deviation
    offset: float = 0.0  # of predictions

    @property
    def terms(self):
        return self.classes

    @property
    def is_elementwise(self) -> bool:
        return self.operation.startswith("elementwise")

    def _prediction(self, rng: np.random.Generator) -> np.ndarray:
        shape = (self.rows, self.classes)
        # Well inside each clip, which has tests of its own.
        if self.function in ("binary_crossentropy", "kl_divergence"):
            return rng.uniform(0.02, 0.98, shape)
        if self.function == "poisson":
            return rng.uniform(0.05, 3, shape)
        return self.scale * rng.standard_normal(shape) + self.offset

    def arguments(self, rng, dtype, *, integers=False):
        shape = (self.rows, self.classes)
        x = self._prediction(rng)
        target = rng.uniform(0.01, 1, shape) * rng.integers(0, 2, shape)
        if self.function == "absolute_percentage_error":
            target = rng.uniform(0.05, 2, shape) * rng.choice([-1, 1], shape)
        inputs = [x, target]
        params = {"function": self.function}
        if self.is_elementwise:
            params |= {"delta": self.delta}
        if self.operation.endswith("forward"):
            return Arguments(
                [unwritten(shape[:1], dtype)], [a.astype(dtype) for a in inputs], params
            )
        weights = rng.uniform(0.5, 2, self.rows) if self.weights else None
        return Arguments(
            [unwritten(shape, dtype)],
            [None if a is None else a.astype(dtype) for a in (*inputs, weights)],
            params,
        )

    def tolerance(self, arguments, expected, dtype, function_ulps):
        x, t = arguments.inputs[:2]
        u, f = roundoff(dtype), 2 * function_ulps * roundoff(dtype)
        backward = self.operation.endswith("backward")
        if not self.is_elementwise:
            error = _ROW_BOUNDS[self.function][backward](x, t, u)
        else:
            error = _BOUNDS[self.function][backward](x, t, u, f, self.delta)
        if backward:  # the factor has three roundings more
            terms = 1 if self.function in ("kl_divergence", "categorical_hinge") else x.shape[1]
            terms = terms if self.is_elementwise else 1
            error = error / max(terms, 1) * factor_of(arguments.inputs[2], x)
            return [error + 6 * u * np.abs(expected[0]) + ulps(expected[0] * 0, 2, dtype)]
        if not self.is_elementwise:
            return [error]
        # No term is larger than the sizes that its bound speaks of, over u.
        total = error.sum(axis=1) + (x.shape[1] + 1) * u * np.abs(
            ELEMENTWISE[self.function][0](x, t, self.delta)
        ).sum(axis=1)
        return [total / (1 if self.function == "kl_divergence" else max(x.shape[1], 1))]


# First-order bounds on the error of an element's loss and of its derivative.  u is one
# rounding's relative error, f an elementary function's.


def _logarithm(x: np.ndarray) -> np.ndarray:
    return np.log1p(np.maximum(x, EPSILON))


def _of_logarithms(x, t, u, f):
    """Error of log(x' + 1) - log(t' + 1): rounding x' + 1 moves a logarithm by u."""
    one, other = _logarithm(x), _logarithm(t)
    return 2 * u + f * (one + other) + u * np.abs(one - other)


def _logarithmic(x, t, u, f, delta):
    difference, error = np.abs(_logarithm(x) - _logarithm(t)), _of_logarithms(x, t, u, f)
    return 2 * difference * error + error**2 + u * difference**2


def _log_cosh(x, t, u, f, delta):
    size = np.abs(x - t)
    power = np.exp(-2 * size)
    # size and the power's argument are rounded, then log(1 + power) <= power errs by f.
    return u * size + (f + 2 * u * size) * power + f * power + 3 * u * (size + power + 1)


def _hinge(x, t, u, f, delta):
    return u * np.abs(t * x) + u * (1 + np.abs(t * x))


def _squared_hinge(x, t, u, f, delta):
    margin, error = np.maximum(1 - t * x, 0), _hinge(x, t, u, f, delta)
    return 2 * margin * error + error**2 + u * margin**2


def _poisson(x, t, u, f, delta):
    log = np.abs(np.log(x + EPSILON))
    return np.abs(t) * (2 * u + (f + u) * log) + u * (np.abs(x) + np.abs(t) * log)


def _divergence(x, t, u, f, delta):
    t = np.clip(t, EPSILON, 1)
    return t * (2 * u + (f + 2 * u) * np.abs(np.log(t / x)))


def _binary(x, t, u, f, delta):
    terms = np.abs(t * np.log(x)) + np.abs((1 - t) * np.log1p(-x))
    # 1 - p may be rounded before its logarithm, which shifts that by u.
    return (f + 3 * u) * terms + u * np.abs(1 - t)


def _sigmoid_forward(x, t, u, f, delta):
    softplus = np.log1p(np.exp(-np.abs(x)))  # d log1p(e) <= de, and de <= f e
    each = u * (3 * np.abs(x) + 3 * np.abs(x * t) + softplus)
    each += f * (np.exp(-np.abs(x)) + softplus)
    return each + u * (np.abs(x) + np.abs(x * t) + softplus) * x.shape[1]


def _sigmoid_backward(x, t, u, f, delta):
    e = np.exp(-np.abs(x))
    return f * np.where(x >= 0, 1, e) / (1 + e) + 3 * u


_BOUNDS: dict[str, tuple[Bound, Bound]] = {
    "squared_error": (
        lambda x, t, u, f, d: 3 * u * np.square(x - t),
        lambda x, t, u, f, d: 3 * u * np.abs(x - t),
    ),
    "absolute_error": (lambda x, t, u, f, d: u * np.abs(x - t), lambda x, t, u, f, d: x * 0),
    "absolute_percentage_error": (
        lambda x, t, u, f, d: 400 * u * np.abs((x - t) / t),
        lambda x, t, u, f, d: 200 * u / np.abs(t),
    ),
    "squared_logarithmic_error": (
        _logarithmic,
        lambda x, t, u, f, d: 2 * _of_logarithms(x, t, u, f),
    ),
    "huber": (
        lambda x, t, u, f, d: 3 * u * (d * np.abs(x - t) + d * d),
        lambda x, t, u, f, d: u * np.abs(x - t),
    ),
    "log_cosh": (
        _log_cosh,
        lambda x, t, u, f, d: f * np.abs(np.tanh(x - t)) + u * np.abs(x - t),
    ),
    "hinge": (_hinge, lambda x, t, u, f, d: x * 0),
    "squared_hinge": (
        _squared_hinge,
        lambda x, t, u, f, d: (
            2 * np.abs(t) * (_hinge(x, t, u, f, d) + 2 * u * np.maximum(1 - t * x, 0))
        ),
    ),
    "poisson": (_poisson, lambda x, t, u, f, d: u + 4 * u * np.abs(t / x)),
    "kl_divergence": (_divergence, lambda x, t, u, f, d: 3 * u * np.maximum(t, EPSILON) / x),
    "binary_crossentropy": (
        _binary,
        lambda x, t, u, f, d: 8 * u * np.abs((x - t) / (x * (1 - x))),
    ),
    "sigmoid_crossentropy": (_sigmoid_forward, _sigmoid_backward),
}


def _category_margin(x, t, u):
    terms = np.abs(t * x).sum(axis=1) + np.abs((1 - t) * x).max(axis=1, initial=0) + 1
    return (x.shape[1] + 3) * u * terms


def _cosine(x, t, u):
    """A norm errs by K u, and so does the product of the unit vectors."""
    unit, wanted = (a / np.maximum(np.linalg.norm(a, axis=1)[:, None], EPSILON) for a in (x, t))
    return (3 * x.shape[1] + 12) * u * np.abs(unit * wanted).sum(axis=1)


def _cosine_backward(x, t, u):
    length = np.maximum(np.linalg.norm(x, axis=1)[:, None], EPSILON)
    wanted = t / np.maximum(np.linalg.norm(t, axis=1)[:, None], EPSILON)
    size = (np.abs(wanted) + np.abs(x / length)) / length
    return (4 * x.shape[1] + 20) * u * size


_ROW_BOUNDS = {
    "categorical_hinge": (_category_margin, lambda x, t, u: u * (1 + np.abs(t))),
    "cosine_similarity": (_cosine, _cosine_backward),
}


@dataclass(frozen=True, kw_only=True)
class MapTargets(Case):
    """map_targets of so many elements; ``binary`` ones or fractions too."""

    operation: str = "map_targets"
    size: int
    scale: float = 0.9
    shift: float = 0.05
    only_binary: bool = False
    binary: bool = True

    def arguments(self, rng, dtype, *, integers=False):
        target = rng.integers(0, 2, self.size).astype(dtype)
        if not self.binary and self.size:
            target[-1] = 0.25
        params = {"scale": self.scale, "shift": self.shift, "only_binary": self.only_binary}
        return Arguments([unwritten((self.size,), dtype)], [target], params)

    def tolerance(self, arguments, expected, dtype, function_ulps):
        t = np.abs(arguments.inputs[0])
        return [3 * roundoff(dtype) * (abs(self.scale) * t + abs(self.shift))]


@dataclass(frozen=True, kw_only=True)
class LabelMask(Case):
    """label_mask of so many rows."""

    operation: str = "label_mask"
    rows: int
    mask: bool = True

    def arguments(self, rng, dtype, *, integers=False):
        labels = rng.integers(-1, 3, self.rows, dtype=np.int32)
        mask = rng.integers(0, 2, self.rows, dtype=np.uint8) if self.mask else None
        return Arguments([unwritten((self.rows,), np.uint8)], [labels, mask], {"ignore_class": -1})

    def tolerance(self, arguments, expected, dtype, function_ulps):
        return [0.0]


_WAYS = [
    *((f"elementwise_loss_{way}", f) for way in ("forward", "backward") for f in _BOUNDS),
    *((f"row_loss_{way}", f) for way in ("forward", "backward") for f in _ROW_BOUNDS),
]
_SIZES = [(0, 3), (1, 1), (17, 1), (3, 2), (4, 4), (7, 9), (5, 10), (2, 15), (3, 16), (2, 17)]

LOSS_EDGES: list[Case] = [
    *(
        RowwiseLoss(operation=operation, function=function, rows=rows, classes=classes)
        for (operation, function), (rows, classes) in product(_WAYS, [*_SIZES, (3, 33), (2, 257)])
    ),
    *(
        RowwiseLoss(operation=operation, function=function, rows=5, classes=10, weights=False)
        for operation, function in _WAYS
        if operation.endswith("backward")
    ),
    # Logits that overflow or vanish in an exponential.
    *(
        RowwiseLoss(operation=operation, function=function, rows=5, classes=10, **fields)
        for operation, function in _WAYS
        if function in ("sigmoid_crossentropy", "log_cosh")
        for fields in ({"scale": 60.0}, {"offset": 1e4}, {"offset": -1e4})
    ),
    *(MapTargets(size=size) for size in (0, 1, 7, 16, 33)),
    *(
        MapTargets(size=33, scale=2, shift=-1, only_binary=True, binary=binary)
        for binary in (True, False)
    ),
    *(LabelMask(rows=rows, mask=mask) for rows, mask in product((0, 1, 33), (True, False))),
]

LOSS_SHARED: list[Case] = [
    *(
        RowwiseLoss(operation=operation, function=function, rows=2001, classes=110)
        for operation, function in _WAYS
    ),
    MapTargets(size=300_001),
    LabelMask(rows=100_003),
]
