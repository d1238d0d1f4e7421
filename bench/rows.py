"""Cases of the operations on rows: softmax, losses, accuracies."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

import numpy as np

from bench.case import Arguments, Case, roundoff, ulps, unwritten
from cnnlite.kernels import reference

WITH_LABELS = tuple(
    name for name, f in reference.KERNELS.items() if "labels" in inspect.signature(f).parameters
)
TWO_OUTPUTS = ("softmax_crossentropy_forward", "sparse_softmax_crossentropy_forward")


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@dataclass(frozen=True, kw_only=True)
class Rows(Case):
    """Softmax, a loss or an accuracy over (rows, classes)."""

    rows: int
    classes: int
    weights: bool = True
    ignore_class: int | None = None
    top_k: int = 2
    scale: float = 3.0  # of logits, their standard deviation
    offset: float = 0.0  # of logits

    @property
    def terms(self):
        return self.classes

    @property
    def exact_on_integers(self):
        return self.operation.endswith("accuracy")

    def _draw(self, name: str, rng: np.random.Generator) -> np.ndarray | None:
        """Draw the input called ``name`` in the reference's signature."""
        shape = (self.rows, self.classes)
        if name == "labels":
            labels = rng.integers(0, self.classes, self.rows, dtype=np.int32)
            if self.ignore_class is not None:
                labels[::2] = self.ignore_class
            return labels
        if name == "weights":
            return rng.uniform(0.5, 2, self.rows) if self.weights else None
        if name == "target" and self.operation == "binary_accuracy":
            return rng.integers(0, 2, shape)
        if name == "target":  # not normalized: the formulas hold all the same
            return rng.uniform(0, 1, shape) * rng.integers(0, 2, shape)
        # Probabilities stay well inside the clip, which has tests of its own.
        if name == "p":
            return np.clip(softmax(rng.standard_normal(shape)), 1e-3, 0.999)
        if name == "y" and self.operation.endswith("softmax_backward"):
            y = softmax(rng.standard_normal(shape))
            return np.log(y) if self.operation.startswith("log") else y
        return self.scale * rng.standard_normal(shape) + self.offset

    def arguments(self, rng, dtype, *, integers=False):
        names = [
            p.name
            for p in inspect.signature(reference.KERNELS[self.operation]).parameters.values()
            if p.kind is p.POSITIONAL_OR_KEYWORD
        ]
        split = 2 if self.operation in TWO_OUTPUTS else 1
        outputs = [
            unwritten(
                (self.rows,) if name in ("loss", "matches") else (self.rows, self.classes), dtype
            )
            for name in names[:split]
        ]
        inputs = [self._draw(name, rng) for name in names[split:]]
        if integers:  # three different values: nearly every row has a tie
            inputs = [a if a.dtype == np.int32 else rng.integers(0, 3, a.shape) for a in inputs]
        inputs = [a if a is None or a.dtype == np.int32 else a.astype(dtype) for a in inputs]
        params: dict = {"threshold": 0.5} if self.operation == "binary_accuracy" else {}
        if "top_k" in self.operation:
            params["k"] = self.top_k
        if self.ignore_class is not None:
            params["ignore_class"] = self.ignore_class
        return Arguments(outputs, inputs, params)

    def tolerance(self, arguments, expected, dtype, function_ulps):
        bound = _BOUNDS[self.operation](arguments.inputs, expected, dtype, function_ulps)
        return bound if isinstance(bound, list) else [bound]


# The bounds below are first-order rounding analyses.  u is one rounding's relative
# error, f an elementary function's; K the length of a row.


def _target_of(target_or_labels: np.ndarray, classes: int) -> np.ndarray:
    if target_or_labels.dtype.kind == "f":
        return target_or_labels
    return np.eye(classes)[np.clip(target_or_labels, 0, classes - 1)]


def _softmax_parts(x, dtype, count):
    """Errors of softmax: (shifted, log of the sum, relative error of a power and of the sum).

    Rounding the shift x - max moves the argument of exp by u |shift|, and exp
    itself errs by f, so each power is wrong by u |shift| + f in relation; the sum
    by the mean of that, weighted with the powers, and by K roundings.
    """
    u, f = roundoff(dtype), 2 * count * roundoff(dtype)
    shift = x - x.max(axis=1, keepdims=True)
    powers = np.exp(shift)
    total = powers.sum(axis=1, keepdims=True)
    of_power = u * np.abs(shift) + f
    of_sum = (powers * of_power).sum(axis=1, keepdims=True) / total + (x.shape[1] + 1) * u
    return shift, np.log(total), of_power, of_sum


def _softmax_forward(inputs, expected, dtype, count):
    _, _, of_power, of_sum = _softmax_parts(inputs[0], dtype, count)
    relative = of_power + of_sum + 2 * roundoff(dtype)
    # Below the normal range a result is only as exact as the spacing there.
    return np.abs(expected[0]) * relative + ulps(expected[0] * 0, 2, dtype)


def _softmax_backward(inputs, expected, dtype, count):
    dy, y = inputs
    u = roundoff(dtype)
    inner = (dy * y).sum(axis=1, keepdims=True)
    of_inner = (dy.shape[1] + 1) * u * np.abs(dy * y).sum(axis=1, keepdims=True)
    return np.abs(y) * (of_inner + 3 * u * np.abs(dy - inner))


def _log_softmax_forward(inputs, expected, dtype, count):
    u, f = roundoff(dtype), 2 * count * roundoff(dtype)
    shift, log_total, _, of_sum = _softmax_parts(inputs[0], dtype, count)
    return u * np.abs(shift) + f * np.abs(log_total) + of_sum + u * np.abs(expected[0])


def _log_softmax_backward(inputs, expected, dtype, count):
    dy, y = inputs
    u, p = roundoff(dtype), np.exp(y)
    total = np.abs(dy).sum(axis=1, keepdims=True)
    of_total = (dy.shape[1] + 2) * u * total
    return p * (of_total + 2 * count * u * total) + 2 * u * np.abs(expected[0]) + u * np.abs(dy)


def _softmax_crossentropy_forward(inputs, expected, dtype, count):
    x, target = inputs[0], _target_of(inputs[1], inputs[0].shape[1])
    u, f = roundoff(dtype), 2 * count * roundoff(dtype)
    shift, log_total, _, of_sum = _softmax_parts(x, dtype, count)
    logp = shift - log_total
    # The shift's rounding, the logarithm's own error and that of the sum in it, the
    # subtraction's rounding.
    of_logp = u * np.abs(shift) + f * np.abs(log_total) + of_sum + u * np.abs(logp)
    terms = np.abs(target * logp).sum(axis=1)
    loss = (np.abs(target) * of_logp).sum(axis=1) + (x.shape[1] + 1) * u * terms
    # p may come from exp(logp), which turns the error of logp into a relative one.
    p = np.abs(expected[1]) * (of_logp + _softmax_parts(x, dtype, count)[2] + of_sum + f)
    return [loss, p + ulps(p * 0, 2, dtype)]


def _softmax_crossentropy_backward(inputs, expected, dtype, count):
    p, target, weights = inputs
    target = _target_of(target, p.shape[1])
    total = target.sum(axis=1, keepdims=True)
    error = roundoff(dtype) * ((p.shape[1] + 2) * p * total + np.abs(target))
    return error * factor_of(weights, p) + 4 * roundoff(dtype) * np.abs(expected[0])


def factor_of(weights, like):
    """weights / rows, as a column."""
    ones = np.ones(len(like)) if weights is None else np.abs(weights)
    return (ones / max(len(like), 1))[:, None]


def _categorical_forward(inputs, expected, dtype, count):
    p, target = inputs[0], _target_of(inputs[1], inputs[0].shape[1])
    u, classes = roundoff(dtype), p.shape[1]
    log_q = np.log(p / p.sum(axis=1, keepdims=True))
    terms = np.abs(target * log_q).sum(axis=1)
    # The sum of p and the division move log q by K u; then the logarithm, and the sum.
    return (classes + 1) * u * (terms + np.abs(target).sum(axis=1)) + 2 * count * u * terms


def _categorical_backward(inputs, expected, dtype, count):
    p, target, weights = inputs
    target, total = np.abs(_target_of(target, p.shape[1])), p.sum(axis=1, keepdims=True)
    # Sums over the row twice (of p, of t), and a few roundings of either term.
    size = (target.sum(axis=1, keepdims=True) + target / (p / total)) / total
    return (3 * p.shape[1] + 8) * roundoff(dtype) * size * factor_of(weights, p)


def _exact(inputs, expected, dtype, count):
    return 0.0


def _one_division(inputs, expected, dtype, count):
    return roundoff(dtype) * np.abs(expected[0])


_BOUNDS = {
    "softmax_forward": _softmax_forward,
    "softmax_backward": _softmax_backward,
    "log_softmax_forward": _log_softmax_forward,
    "log_softmax_backward": _log_softmax_backward,
    "softmax_crossentropy_forward": _softmax_crossentropy_forward,
    "softmax_crossentropy_backward": _softmax_crossentropy_backward,
    "sparse_softmax_crossentropy_forward": _softmax_crossentropy_forward,
    "sparse_softmax_crossentropy_backward": _softmax_crossentropy_backward,
    "categorical_crossentropy_forward": _categorical_forward,
    "categorical_crossentropy_backward": _categorical_backward,
    "sparse_categorical_crossentropy_forward": _categorical_forward,
    "sparse_categorical_crossentropy_backward": _categorical_backward,
    "sparse_categorical_accuracy": _exact,
    "categorical_accuracy": _exact,
    "binary_accuracy": _one_division,
    "accuracy": _one_division,
    "top_k_categorical_accuracy": _exact,
    "sparse_top_k_categorical_accuracy": _exact,
}
