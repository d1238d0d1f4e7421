"""Elementary functions of a number: exp, log, sigmoid, tanh and their kin.

In float64 they are the C library's.  In float32 each is a reduction of the argument to a
small interval, a polynomial there, and a reconstruction, without a branch or a call, so that
LLVM computes a register full of elements at once, and an element has the same bits wherever
it stands.  These are the functions of ``csrc/vmath.h``, with its polynomials (minimax fits
of the relative error) and its bounds: under two units in the last place; NaN gives NaN, and
denormals count in full.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from cnnlite.kernels.numba.compiling import inlined
from cnnlite.kernels.numba.simd import SCALES, bits, floats, fma, ldexp, polynomial

__all__ = [
    "erf", "exp", "expm1", "gelu", "gelu_slope", "log", "log1p", "log_normal", "sigmoid", "tanh",
]  # fmt: skip

f, i = np.float32, np.int32  # Numba computes with int32 in int64, hence every i( )
_INFINITY, _NAN = f(np.inf), f(np.nan)
_MAGIC = f(float.fromhex("0x1.8p23"))  # what is added to it loses its fraction
_SIGN, _SIZE = i(-(2**31)), i(2**31 - 1)


def _constant(hexadecimal: str) -> np.float32:
    return f(float.fromhex(hexadecimal))


def _polynomial(hexadecimals: str) -> Callable[..., Any]:
    return polynomial(*map(float.fromhex, hexadecimals.split()))


def _by_type(single: Callable[..., Any], double: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function for compiled code: ``single`` of float32, ``double`` of float64."""

    def function(x):
        raise NotImplementedError("for compiled code")

    @overload(function)
    def chosen(x):
        one, other = single, double
        if x == types.float32:
            return lambda x: one(x)
        return lambda x: other(x)

    function.__doc__ = single.__doc__
    return function


@inlined
def _abs(x):
    return floats(i(bits(x) & _SIZE))


@inlined
def _with_sign(size, x):
    """Return ``size``, which is not negative, with the sign of x."""
    return floats(i(bits(size) | (bits(x) & _SIGN)))


@inlined
def _scale(x, shifted):
    """Return x 2^n for whole n in [-160, 160], rounded once where the result is denormal.

    ``shifted`` is n + _MAGIC, whose last bits are those of n.
    """
    if SCALES:
        return ldexp(x, i(bits(shifted) - bits(_MAGIC)))
    # In two steps, for 2^n itself may be out of range; the first is exact.  The shifts by 23
    # drop what the magic number left in the higher bits.
    whole = bits(shifted)
    half = i(whole >> 1)
    first = floats(i((half + 127) << 23))
    second = floats(i((whole - half + 127) << 23))
    return x * first * second


# (e^r - 1 - r) / r^2 for |r| <= 0.35
_exp_rest = _polynomial(
    "0x1.000000p-1 0x1.555554p-3 0x1.555486p-5 0x1.11127ep-7 0x1.6d9446p-10 0x1.9f02dcp-13"
)
_LOG2_E = _constant("0x1.715476p0")
# ln 2 as 9 bits, whose products with whole numbers are exact, and what is left of it
_LN2_HIGH, _LN2_LOW = _constant("0x1.63p-1"), _constant("-0x1.bd0106p-13")


@inlined
def _exp_parts(x, tail):
    """Return (n + _MAGIC, high, rest): e^(x + tail) = 2^n (1 + high + rest), rest much the smaller.

    A tail is under 0.25, and x beside it a multiple of 2^-16: nothing of the sum is lost.
    """
    shifted = fma(x + tail, _LOG2_E, _MAGIC)
    n = shifted - _MAGIC
    high = fma(n, -_LN2_HIGH, x)
    low = fma(n, -_LN2_LOW, tail)
    r = high + low
    # The larger a term, the later it is added: the rounding of r matters in r^2 alone.
    return shifted, high, fma(r * r, _exp_rest(r), low)


@inlined
def _exp(x):
    """``e^x``; 0 below -104, infinite above 88.73."""
    x = f(-104) if x < f(-104) else x  # beyond these the result is the same
    x = f(100) if x > f(100) else x
    shifted, high, rest = _exp_parts(x, f(-0.0))
    return _scale(f(1) + (high + rest), shifted)


@inlined
def _expm1(x):
    """``e^x - 1`` for x <= 0."""
    x = f(-30) if x < f(-30) else x
    shifted, high, rest = _exp_parts(x, f(-0.0))
    power = _scale(f(1), shifted)  # 2^n p + (2^n - 1): the difference is exact down to 2^-24
    return fma(power, high + rest, power - f(1))


# (log(1 + x) - x + x^2 / 2) / x^3 for 1 + x in [sqrt(1/2), sqrt(2))
_log_rest = _polynomial(
    "0x1.555548p-2 -0x1.000006p-2 0x1.99a4d6p-3 -0x1.555c8cp-3 0x1.2334ccp-3"
    " -0x1.fc14f2p-4 0x1.e70c74p-4 -0x1.de9deap-4 0x1.1490e2p-4"
)
_HALF_ROOT = i(0x3F3504F3)  # the bits of sqrt(1/2)
_MANTISSA = i(0x7FFFFF)
_NORMAL = f(2.0**-126)
_LN2_23 = _constant("0x1.62e43p-1") * f(23)


@inlined
def _log_normal(x):
    """The logarithm of a normal positive number or NaN."""
    # x = 2^k m where m passes sqrt(2), not 2: so log x has no cancellation at 1.
    shifted = i(bits(x) - _HALF_ROOT)
    k = f(i(shifted >> 23))
    m = floats(i((shifted & _MANTISSA) + _HALF_ROOT))
    r = (m - f(1)) + (x - x)  # NaN for NaN, whose m is a number
    square = r * r
    y = fma(square * r, _log_rest(r), k * _LN2_LOW)
    y = fma(square, f(-0.5), y)
    return fma(k, _LN2_HIGH, r + y)


@inlined
def _log(x):
    """The natural logarithm; -inf at 0, NaN below."""
    denormal = x < _NORMAL
    y = _log_normal(x * f(2.0**23) if denormal else x)
    y = y - _LN2_23 if denormal else y
    y = -_INFINITY if x == f(0) else y
    y = y if x < _INFINITY else x  # +inf and NaN stand for themselves
    return _NAN if x < f(0) else y


@inlined
def _log1p(x):
    """``log(1 + x)`` for -1 < x <= 1."""
    # log(u) for u = 1 + x rounded, and to first order for what was rounded off.
    u = f(1) + x
    return _log_normal(u) + (x - (u - f(1))) / u


@inlined
def _sigmoid(x):
    """``1 / (1 + e^-x)``."""
    # e = e^-|x| never overflows.  e / (1 + e) for x < 0, else 1 / (1 + e); written as
    # e - e s and 1 - s, with s = e / (1 + e), it keeps the small results exact.
    e = _exp(-_abs(x))
    s = e / (f(1) + e)
    factor = e if x < f(0) else f(1)
    return fma(-factor, s, factor)


_tanh_rest = _polynomial("-0x1.55554ap-2 0x1.110d18p-3 -0x1.b92616p-5 0x1.5927f6p-6 -0x1.9ab1c0p-8")


@inlined
def _tanh(x):
    """``tanh x``."""
    size = _abs(x)
    square = x * x
    small = fma(square * size, _tanh_rest(square), size)
    large = f(1) - f(2) / (_exp(f(2) * size) + f(1))
    return _with_sign(small if size < f(0.55) else large, x)


_erf_rest = _polynomial(
    "0x1.06eba8p-3 -0x1.812726p-2 0x1.ce256ap-4 -0x1.b735eap-6 0x1.4b7630p-8 -0x1.4cd860p-11"
)
_log_erfc = _polynomial(
    "-0x1.b66712p-14 -0x1.20c89cp0 -0x1.45e5cap-1 -0x1.ac2394p-4"
    " 0x1.70f42ap-6 -0x1.98aa80p-9 0x1.ab24a4p-13"
)


@inlined
def _erf(x):
    """The error function, ``2 / sqrt(pi)`` times the integral of ``e^(-t^2)`` from 0 to x."""
    size = _abs(x)
    small = fma(size, _erf_rest(x * x), size)
    s = f(4) if size > f(4) else size  # erf is 1 from there on
    large = f(1) - _exp(_log_erfc(s))
    return _with_sign(small if size < f(0.85) else large, x)


# (x + 3) Q(x) e^(x^2/2) of t = (x - 3) / (x + 3), flat up to x = 14.3, with Q the normal
# distribution's tail (after Shepherd and Laframboise 1981)
_tail_ratio = _polynomial(
    "0x1.754a76p-1 -0x1.04c730p-1 0x1.d7138ap-3 -0x1.8323c6p-5 -0x1.56d87ep-7"
    " 0x1.c6ac2ap-8 0x1.0b0720p-10 -0x1.f04c8ep-11 -0x1.afa186p-13 0x1.a9ade4p-15"
)
_exp_series = _polynomial("1 -0x1p-1 0x1.555556p-3 -0x1.555556p-5")  # (1 - e^-r) / r
_HEAD = i(-(2**12))  # the sign, the exponent and the first 11 bits of a fraction
_ROOT_2_PI = f(1 / math.sqrt(2 * math.pi))


@inlined
def _normal_tail(x):
    """Return (power, ratio), ``e^(-x^2/2)`` and what makes it ``erfc(x / sqrt 2) / 2``, x >= 0."""
    x = f(16) if x > f(16) else x  # the power is 0 from there on
    t = (x - f(3)) / (x + f(3))
    h = floats(i(bits(x) & _HEAD))  # its square is exact, and x^2 = h^2 + (x - h)(x + h)
    r = f(0.5) * ((x - h) * (x + h))  # < 0.06
    e = _exp(f(-0.5) * (h * h))
    return fma(-e, r * _exp_series(r), e), _tail_ratio(t) / (x + f(3))


@inlined
def _gelu_slope(x):
    """``Phi(x) + x phi(x)``, the normal distribution and its density: the slope of gelu."""
    power, ratio = _normal_tail(_abs(x))
    tail = ratio * power
    return fma(x * _ROOT_2_PI, power, tail if x < f(0) else f(1) - tail)


# 2 Q(s) e^(s (7/16 s + 11/16)) = e^near(s - 2) up to 4, s Q(s) e^(s^2 / 2 + 15/16) =
# e^far(1 / s^2) from there on: small corrections, under 0.1
_near = _polynomial(
    "0x1.1e6a68p-5 0x1.074f30p-4 -0x1.5f4d82p-8 -0x1.442b10p-7 0x1.ae97eap-10 -0x1.fbf82ep-13"
    " 0x1.dfd312p-16 -0x1.031a4cp-19 -0x1.3f988ep-22 0x1.8c9e82p-23 -0x1.1abe2ap-25"
)
_far = _polynomial(
    "0x1.301afcp-6 -0x1.ffef70p-1 0x1.3dee30p1 -0x1.6b2f26p3 0x1.bce63cp5 -0x1.47da68p7"
)
_MAGIC_64 = _constant("0x1.8p17")  # leaves multiples of 1/64


@inlined
def _gelu(x):
    """``x Phi(x)``, Phi the normal distribution; NaN at -inf, as -inf times 0 is."""
    # max(x, 0) - s Q(s) for s = |x|, the product as one exponential of a sum of two numbers:
    # s (a s + b) + c in full, and the correction.
    size = _abs(x)
    s = f(14.5) if size > f(14.5) else size  # s Q(s) is 0 from there on
    far = s > f(4)
    a, b, c = f(-8 / 16) if far else f(-7 / 16), f(0) if far else f(-11 / 16), f(0)
    c = f(-15 / 16) if far else c
    # s = h + d with h of few bits: s (a s + b) = h (a h + b) + d (a (s + h) + b), where the
    # first term, with c, is an exact multiple of 2^-16, and the second is under 0.12.
    h = (s + _MAGIC_64) - _MAGIC_64
    correction = _far(f(1) / (s * s)) if far else _near(s - f(2))
    tail = fma(s - h, fma(a, s + h, b), correction)
    shifted, high, rest = _exp_parts(fma(fma(a, h, b), h, c), tail)
    factor = f(1) if far else f(0.5) * s
    return (x * f(0) if x < f(0) else x) - _scale(fma(factor, high + rest, factor), shifted)


@inlined
def _sigmoid_double(x):
    e = math.exp(-abs(x))
    return (1.0 if x >= 0 else e) / (1.0 + e)


@inlined
def _normal(x):
    """The normal distribution function, in float64."""
    return math.erfc(x / -math.sqrt(2)) / 2


@inlined
def _gelu_slope_double(x):
    return _normal(x) + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


exp = _by_type(_exp, inlined(lambda x: math.exp(x)))
expm1 = _by_type(_expm1, inlined(lambda x: math.expm1(x)))
log = _by_type(_log, inlined(lambda x: math.log(x)))  # which raises nothing here
log_normal = _by_type(_log_normal, inlined(lambda x: math.log(x)))
log1p = _by_type(_log1p, inlined(lambda x: math.log1p(x)))
sigmoid = _by_type(_sigmoid, _sigmoid_double)
tanh = _by_type(_tanh, inlined(lambda x: math.tanh(x)))
erf = _by_type(_erf, inlined(lambda x: math.erf(x)))
gelu = _by_type(_gelu, inlined(lambda x: x * _normal(x)))
gelu_slope = _by_type(_gelu_slope, _gelu_slope_double)
