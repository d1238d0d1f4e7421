"""Counter-based random numbers (Philox4x32-10) and dropout: a tile is some blocks of four words.

Masks and uniform numbers are the reference's to the bit; normal numbers come from the C
library's log and cos, and may differ in the last place.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import F1, Q1, U1, B, D, N, inlined, tiled
from cnnlite.kernels.numba.rows import TILE

__all__ = ["dropout_backward", "dropout_forward", "random_normal", "random_uniform"]

# Nanoseconds for an element on one core: drawing a word, reading and writing a number,
# and one normal number.
DRAW, STREAM, NORMAL = 0.8, 0.2, 20.0

# Blocks that are drawn at a time: their 4 KB of words stay in the L1 cache, and it is some
# 0.7 us of work.
BLOCKS = 256
WORDS = 4 * BLOCKS

ATTEMPTS = 64  # at a truncated normal number, as in the reference

# 64 bits wide, for a product needs them; Numba would make uint64 and int64 a float64.
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_MULTIPLIER_0, _MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL_0, _WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)


def dropout_forward(y, mask, x, clock, *, rate, stream):
    limit = min(round(rate * 2**32), 2**32 - 1)
    arrays = (array.reshape(-1) for array in (y, mask, x))
    _dropout(DRAW * x.size, *arrays, clock, stream, limit, 1 / (1 - rate))


def dropout_backward(dx, dy, mask, *, rate, accumulate=False):
    arrays = (array.reshape(-1) for array in (dx, dy, mask))
    _dropout_gradient(STREAM * dy.size, *arrays, 1 / (1 - rate), accumulate)


def random_uniform(y, clock, *, low, high, stream):
    _uniform(DRAW * y.size, y.reshape(-1), clock, stream, low, high - low)


def random_normal(y, clock, *, mean, stddev, truncated, stream):
    _normal(NORMAL * y.size, y.reshape(-1), clock, stream, mean, stddev, truncated)


@inlined
def _draw(pairs, first, clock, stream, step):
    """Fill ``pairs`` with the words of the blocks from ``first`` on, two words in a number.

    Only the lower half of each c counts.  So written, LLVM draws a block in each vector lane.
    """
    low, high = clock[0] & _LOW, clock[0] >> _HALF
    third, fourth = np.uint64(stream), step
    for b in range(pairs.size // 2):
        block = np.uint64(first + b)
        c0, c1, c2, c3 = block, block >> _HALF, third, fourth
        k0, k1 = low, high
        for _ in range(10):
            p0, p1 = _MULTIPLIER_0 * (c0 & _LOW), _MULTIPLIER_1 * (c2 & _LOW)
            c0, c1 = (p1 >> _HALF) ^ c1 ^ k0, p1
            c2, c3 = (p0 >> _HALF) ^ c3 ^ k1, p0
            k0, k1 = (k0 + _WEYL_0) & _LOW, (k1 + _WEYL_1) & _LOW
        at = np.uint64(2 * b)  # that is no negative index, so nothing asks
        pairs[at] = (c0 & _LOW) | (c1 << _HALF)
        pairs[at + np.uint64(1)] = (c2 & _LOW) | (c3 << _HALF)


@inlined
def _words(first, count, clock, stream, step):
    """Return the words of ``count`` blocks from ``first`` on."""
    pairs = np.empty(2 * count, np.uint64)
    _draw(pairs, first, clock, stream, step)
    return pairs.view(np.uint32)


@inlined
def _keep(y, x, kept, scale):
    """Write x times ``scale`` where it is kept, else 0; y may be x."""
    factor, zero = x.dtype.type(scale), x.dtype.type(0)
    if y.ctypes.data == x.ctypes.data:  # LLVM makes vectors of two arrays only if they are two
        for k in range(y.size):
            y[k] = y[k] * factor if kept[k] else zero
    else:
        for k in range(y.size):
            y[k] = x[k] * factor if kept[k] else zero


@tiled
def _dropout(y: F1, mask: U1, x: F1, clock: Q1, stream: N, limit: N, scale: D):
    least = np.uint32(limit)
    for tile in prange((x.size + WORDS - 1) // WORDS):
        start, end = tile * WORDS, min(x.size, (tile + 1) * WORDS)
        words = _words(start // 4, (end - start + 3) // 4, clock, stream, clock[1])
        kept = mask[start:end]
        for k in range(kept.size):
            kept[k] = words[k] >= least
        _keep(y[start:end], x[start:end], kept, scale)


@tiled
def _dropout_gradient(dx: F1, dy: F1, mask: U1, scale: D, accumulate: B):
    factor, zero = dy.dtype.type(scale), dy.dtype.type(0)
    for tile in prange((dy.size + TILE - 1) // TILE):
        start, end = tile * TILE, min(dy.size, (tile + 1) * TILE)
        out, of, kept = dx[start:end], dy[start:end], mask[start:end]
        if accumulate:
            for k in range(kept.size):
                out[k] += of[k] * factor if kept[k] else zero
        else:
            _keep(out, of, kept, scale)


@tiled
def _uniform(y: F1, clock: Q1, stream: N, low: D, width: D):
    least, unit, span = y.dtype.type(low), y.dtype.type(2.0**-24), y.dtype.type(width)
    for tile in prange((y.size + WORDS - 1) // WORDS):
        start, end = tile * WORDS, min(y.size, (tile + 1) * WORDS)
        words = _words(start // 4, (end - start + 3) // 4, clock, stream, clock[1])
        out = y[start:end]
        for k in range(out.size):  # by way of int32, which every CPU converts
            out[k] = least + y.dtype.type(np.int32(words[k] >> np.uint32(8))) * unit * span


@inlined
def _box_muller(w0, w1, w2, w3):
    """Return the normal number of a block's four words, in float64."""
    eleven = np.uint64(11)
    first = (np.uint64(w0) << _HALF | np.uint64(w1)) >> eleven
    second = (np.uint64(w2) << _HALF | np.uint64(w3)) >> eleven
    u1, u2 = float(first + np.uint64(1)) * 2.0**-53, float(second) * 2.0**-53
    return math.sqrt(-2 * math.log(u1)) * math.cos(2 * math.pi * u2)


@tiled
def _normal(y: F1, clock: Q1, stream: N, mean: D, stddev: D, truncated: B):
    for tile in prange((y.size + BLOCKS - 1) // BLOCKS):
        start, end = tile * BLOCKS, min(y.size, (tile + 1) * BLOCKS)
        step = clock[1] * np.uint64(ATTEMPTS)
        words = _words(start, end - start, clock, stream, step)
        for e in range(end - start):
            z = _box_muller(words[4 * e], words[4 * e + 1], words[4 * e + 2], words[4 * e + 3])
            attempt = 1
            while truncated and abs(z) > 2 and attempt < ATTEMPTS:
                w = _words(start + e, 1, clock, stream, step + np.uint64(attempt))
                z = _box_muller(w[0], w[1], w[2], w[3])
                attempt += 1
            y[start + e] = mean + stddev * z
