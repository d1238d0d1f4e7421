"""What all the plain loops (see tests/naive.py) need: functions of one number, and a store."""

from __future__ import annotations

import math

import numpy as np


def exp(x: float) -> float:
    return math.inf if x > 709.0 else math.exp(x)


def log(x: float) -> float:
    return -math.inf if x == 0 else math.log(x)


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def store(out: np.ndarray, index: object, value: float, accumulate: bool) -> None:
    out[index] = out[index] + value if accumulate else value
