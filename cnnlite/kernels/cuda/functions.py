"""Functions of numbers, in the type of their argument: what the device computes of an element.

A literal such as 0.5 is a float64 to Numba, and makes float64 of what it meets, many times
slower than float32 on most GPUs; so constants are brought to the type of the argument here,
as in ``type(x)(0.5)``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnnlite.kernels.cuda.launching import SIMULATED, device_function

__all__ = [
    "clip", "cos", "erf", "erfc", "exp", "expm1", "is_finite", "is_nan", "larger", "log", "log1p",
    "normal", "sigmoid", "sign", "smaller", "sqrt", "tanh",
]  # fmt: skip

# In the simulator NumPy's: Python's own raise an error where the device gives infinity or NaN.
_library: Any = np if SIMULATED else math
cos, exp, expm1, log = _library.cos, _library.exp, _library.expm1, _library.log
log1p, sqrt, tanh = _library.log1p, _library.sqrt, _library.tanh
erf, erfc = math.erf, math.erfc
_ROOT_TWO = math.sqrt(2)


@device_function
def is_nan(x):
    return x != x


@device_function
def is_finite(x):
    return x - x == 0


@device_function
def larger(a, b):
    """Return the larger of two numbers; NaN if either is NaN."""
    return a if a > b or a != a else b


@device_function
def smaller(a, b):
    """Return the smaller of two numbers; NaN if either is NaN."""
    return a if a < b or a != a else b


@device_function
def clip(x, low, high):
    """Return x brought between the bounds; NaN for NaN."""
    return low if x < low else high if x > high else x


@device_function
def sign(x):
    """Return -1, 0 or 1; NaN for NaN."""
    one = type(x)(1)
    return one if x > 0 else -one if x < 0 else x


@device_function
def sigmoid(x):
    """``1 / (1 + e^-x)``."""
    # exp(-|x|) never overflows; for x < 0, 1 / (1 + e^-x) = e^x / (1 + e^x).
    one, e = type(x)(1), exp(-abs(x))
    return (one if x >= 0 else e) / (one + e)


@device_function
def normal(x):
    """The normal distribution function."""
    # In float64: the tail multiplies the rounding of its argument by x^2.
    return type(x)(erfc(float(x) / -_ROOT_TWO) * 0.5)
