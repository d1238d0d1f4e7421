"""Arithmetic with indices in few instructions.

The device has no instruction that divides integers: it takes a hundred others.  Where the
divisor d is known before the launch, ``n // d`` is ``n m >> s`` with ``2^s / d`` rounded up for
m.  That is exact for all n from 0 to 2^31 - 1 if ``s = 31 + ceil(log2 d)``: the rounding adds
less than 1 to m, so less than ``n / 2^s < 2^-ceil(log2 d) <= 1 / d`` to the quotient, too
little to reach the next whole number.  And m, from 2^31 on, is less than 2^32, so the product
of ``2 n`` and m is one instruction; its upper half, shifted by ``s - 31``, is the quotient.

Source: Granlund and Montgomery 1994, "Division by invariant integers using multiplication".

Numba computes with 64 bits, where the device takes three or four instructions for a
multiplication: what fits 32 goes through :data:`short`.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from cnnlite.kernels.cuda.launching import SIMULATED, device_function

__all__ = ["Divisor", "divided", "divisor", "index", "short"]

short, word, index = (int, int, int) if SIMULATED else (np.int32, np.uint32, np.int64)


class Divisor(NamedTuple):
    """A number to divide by."""

    value: int
    multiplier: int
    shift: int


@functools.cache
def divisor(value: int) -> Divisor:
    """Return what the device needs to divide by ``value`` (0 counts as 1)."""
    value = max(1, value)
    shift = (value - 1).bit_length()
    return Divisor(value, -(-(1 << 31 + shift) // value), shift)


@device_function
def divided(n, by):
    """Return quotient and remainder of ``0 <= n < 2^31`` and a Divisor."""
    quotient = index(word(word(2 * n) * word(by.multiplier) >> 32) >> by.shift)
    return quotient, index(word(n - quotient * by.value))
