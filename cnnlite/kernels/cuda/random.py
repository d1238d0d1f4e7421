"""Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011).

Words of 32 bits stand in 64-bit integers: Numba computes with those, and a product is whole.
The masks and the words are the reference's, bit by bit.
"""

from __future__ import annotations

import math

import numpy as np
from numba import cuda, float64

from cnnlite.kernels.cuda.functions import cos, log, sqrt
from cnnlite.kernels.cuda.launching import device_function, kernel, operation
from cnnlite.kernels.cuda.memory import flat

__all__ = ["dropout_backward", "dropout_forward", "random_normal", "random_uniform"]

_u = np.uint64  # an integer of Python is signed, and with it Numba makes float64 of these
_LOW, _HALF, _ONE = _u(0xFFFFFFFF), _u(32), _u(1)
_MULTIPLIER_0, _MULTIPLIER_1 = _u(0xD2511F53), _u(0xCD9E8D57)
_WEYL_0, _WEYL_1 = _u(0x9E3779B9), _u(0xBB67AE85)
_EIGHT, _ELEVEN = _u(8), _u(11)
ATTEMPTS = _u(64)  # of the truncated normal; 4.6% of attempts fail


@device_function
def _philox(block, stream, step, seed):
    """Return the four words of a block."""
    c0, c1, c2, c3 = block & _LOW, block >> _HALF, stream, step & _LOW
    key0, key1 = seed & _LOW, seed >> _HALF
    for _ in range(10):
        p0, p1 = _MULTIPLIER_0 * c0, _MULTIPLIER_1 * c2
        c0, c1, c2, c3 = (p1 >> _HALF) ^ c1 ^ key0, p1 & _LOW, (p0 >> _HALF) ^ c3 ^ key1, p0 & _LOW
        key0, key1 = (key0 + _WEYL_0) & _LOW, (key1 + _WEYL_1) & _LOW
    return c0, c1, c2, c3


@kernel
def _dropout_forward(y, mask, x, clock, threshold, scale, stream):
    # A thread for each block of four elements.
    for block in range(cuda.grid(1), (x.size + 3) // 4, cuda.gridsize(1)):
        words = _philox(_u(block), stream, clock[1], clock[0])
        for n in range(min(4, x.size - 4 * block)):
            i, kept = 4 * block + n, words[n] >= threshold
            y[i] = x[i] * scale if kept else x.dtype.type(0)
            mask[i] = kept


@operation(outputs=2)
def dropout_forward(y, mask, x, clock, *, rate, stream):
    threshold, scale = _u(min(round(rate * 2**32), 2**32 - 1)), x.dtype.type(1 / (1 - rate))
    _dropout_forward.over(
        -(-x.size // 4), flat(y), flat(mask), flat(x), clock, threshold, scale, _u(stream)
    )


@kernel
def _dropout_backward(dx, dy, mask, scale, accumulate):
    for i in range(cuda.grid(1), dy.size, cuda.gridsize(1)):
        gradient = dy[i] * scale if mask[i] else dy.dtype.type(0)
        dx[i] = dx[i] + gradient if accumulate else gradient


@operation(outputs=1)
def dropout_backward(dx, dy, mask, *, rate, accumulate=False):
    scale = dy.dtype.type(1 / (1 - rate))
    _dropout_backward.over(dy.size, flat(dx), flat(dy), flat(mask), scale, accumulate)


@kernel
def _random_uniform(y, clock, low, width, stream):
    for block in range(cuda.grid(1), (y.size + 3) // 4, cuda.gridsize(1)):
        words = _philox(_u(block), stream, clock[1], clock[0])
        for n in range(min(4, y.size - 4 * block)):
            unit = y.dtype.type(words[n] >> _EIGHT) * y.dtype.type(2.0**-24)
            y[4 * block + n] = low + unit * width


@operation(outputs=1)
def random_uniform(y, clock, *, low, high, stream):
    low, width = y.dtype.type(low), y.dtype.type(high - low)
    _random_uniform.over(-(-y.size // 4), flat(y), clock, low, width, _u(stream))


@device_function
def _normal(block, stream, step, seed):
    """Return a normal number by Box and Muller's formula."""
    w0, w1, w2, w3 = _philox(block, stream, step, seed)
    u1 = float64(((w0 << _HALF | w1) >> _ELEVEN) + _ONE) * 2.0**-53
    u2 = float64((w2 << _HALF | w3) >> _ELEVEN) * 2.0**-53
    return sqrt(-2 * log(u1)) * cos(2 * math.pi * u2)


@kernel
def _random_normal(y, clock, mean, stddev, truncated, stream):
    for i in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        step = clock[1] * ATTEMPTS
        last = step + ATTEMPTS - _ONE
        z = _normal(_u(i), stream, step, clock[0])
        while truncated and abs(z) > 2 and step < last:
            step += _ONE
            z = _normal(_u(i), stream, step, clock[0])
        y[i] = mean + stddev * z


@operation(outputs=1)
def random_normal(y, clock, *, mean, stddev, truncated, stream):
    _random_normal.over(y.size, flat(y), clock, float(mean), float(stddev), truncated, _u(stream))
