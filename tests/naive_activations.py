"""Functions and their derivatives for single numbers, from their formulas."""

from __future__ import annotations

import math

from tests.naive_numbers import exp, log, sigmoid

NAN = math.nan


def relu(x: float) -> float:
    if math.isnan(x):
        return x
    return x if x > 0 else 0.0


def leaky_relu(x: float, slope: float, maximum: float, threshold: float) -> float:
    if math.isnan(x):
        return x
    if x > threshold:
        return min(x, maximum)
    return slope * (x - threshold) if slope else 0.0


def elu(x: float, alpha: float, scale: float) -> float:
    return scale * x if x > 0 else scale * alpha * math.expm1(x)


def normal(x: float) -> float:
    return math.erfc(-x / math.sqrt(2)) / 2


def gelu_tanh(x: float) -> float:
    try:
        u = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    except OverflowError:
        u = math.copysign(math.inf, x)
    # (1 + tanh u) / 2, without its cancellation
    return x / (1 + exp(-2 * u))


def clip(x: float, low: float, high: float) -> float:
    return x if math.isnan(x) else max(low, min(high, x))


def softplus(x: float) -> float:
    return x if x > 30 else math.log1p(exp(x))


FUNCTIONS = {
    "relu": relu,
    "sigmoid": sigmoid,
    "tanh": math.tanh,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "gelu": lambda x: x * normal(x),
    "gelu_tanh": gelu_tanh,
    "hard_sigmoid": lambda x: clip((x + 3) / 6, 0, 1),
    "silu": lambda x: x * sigmoid(x),
    "softplus": softplus,
    "softsign": lambda x: NAN if math.isinf(x) else x / (1 + abs(x)),
    "exponential": exp,
    "log": log,
    "erf": math.erf,
}


def _leaky_slope(y: float, slope: float, maximum: float, threshold: float) -> float:
    if y >= maximum:
        return 0.0
    return 1.0 if y > 0 else slope


def _gelu_slope(x: float) -> float:
    return normal(x) + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _gelu_tanh_slope(x: float) -> float:
    root = math.sqrt(2 / math.pi)
    t = math.tanh(root * (x + 0.044715 * x**3))
    return (1 + t) / 2 + x / 2 * (1 - t * t) * root * (1 + 3 * 0.044715 * x * x)


# dy/dx from y; the last six from x.
SLOPES = {
    "relu": lambda y: 1.0 if y > 0 else 0.0,
    "sigmoid": lambda y: y * (1 - y),
    "tanh": lambda y: (1 - y) * (1 + y),
    "leaky_relu": _leaky_slope,
    "elu": lambda y, alpha, scale: scale if y > 0 else y + scale * alpha,
    "hard_sigmoid": lambda y: 1 / 6 if 0 < y < 1 else 0.0,
    "softplus": lambda y: -math.expm1(-y),  # 1 - e^-y
    "exponential": lambda y: y,
    "gelu": _gelu_slope,
    "gelu_tanh": _gelu_tanh_slope,
    "silu": lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x))),
    "softsign": lambda x: 1 / (1 + abs(x)) ** 2,
    "log": lambda x: 1 / x,
    "erf": lambda x: 2 / math.sqrt(math.pi) * math.exp(-x * x),
}


def backward(function: str, dy: float, y: float, parameters: tuple[float, ...]) -> float:
    """Return dy times the derivative; where that is 0, nothing passes."""
    if math.isnan(y):
        return y
    slope = SLOPES[function](y, *parameters)
    return 0.0 if slope == 0 else dy * slope
