"""Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011).

Every number is a pure function of where it is used; nothing is drawn in a
sequence, so neither threads nor back ends change it.

    key     = seed (low 32 bits, high 32 bits)
    counter = (block low, block high, stream, step)

``seed`` and ``step`` stand in ``clock : (2,) uint64``, so a recorded plan reads
their value of the day.  ``stream`` names the place in the model that draws.
Element e of an array takes word ``e % 4`` of block ``e // 4``; only the normal
distribution takes a whole block an element.
"""

from __future__ import annotations

import numpy as np

_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
ATTEMPTS = 64  # of the truncated normal; 4.6% of attempts fail


def philox(blocks, stream, step, seed):
    """Return the four words (blocks, 4) uint32 of each block number (uint64)."""
    c0, c1 = (blocks & _LOW).astype(np.uint32), (blocks >> _HALF).astype(np.uint32)
    c2 = np.full_like(c0, stream)
    c3 = np.full_like(c0, step & 0xFFFFFFFF)
    key = [np.uint32(seed & 0xFFFFFFFF), np.uint32(seed >> 32)]
    with np.errstate(over="ignore"):
        for _ in range(10):
            # 32 x 32 -> 64 bits; NumPy 1 would multiply a uint64 scalar in 32 bits.
            p0, p1 = (m * c.astype(np.uint64) for m, c in zip(_MULTIPLIERS, (c0, c2), strict=True))
            c0, c1, c2, c3 = (
                (p1 >> _HALF).astype(np.uint32) ^ c1 ^ key[0],
                p1.astype(np.uint32),
                (p0 >> _HALF).astype(np.uint32) ^ c3 ^ key[1],
                p0.astype(np.uint32),
            )
            key = [key[0] + _WEYL[0], key[1] + _WEYL[1]]
    return np.stack([c0, c1, c2, c3], axis=-1)


def _words(size, clock, stream):
    blocks = np.arange(-(-size // 4), dtype=np.uint64)
    return philox(blocks, stream, int(clock[1]), int(clock[0])).reshape(-1)[:size]


def dropout_forward(y, mask, x, clock, *, rate, stream):
    """Dropout: ``y = x / (1 - rate)`` where kept, else 0 (Srivastava et al. 2014).

    An element is kept where its random word is at least ``round(rate 2^32)``
    (at most 2^32 - 1).

    y : output, any shape; may alias x
    mask : output, same shape, uint8: 1 where kept
    x : same shape
    clock : (2,) uint64, seed and step
    rate : probability of dropping, 0 <= rate < 1
    stream : int, 0 <= stream < 2^32
    """
    words = _words(x.size, clock, stream).reshape(x.shape)
    mask[...] = words >= np.uint32(min(round(rate * 2**32), 2**32 - 1))
    np.copyto(y, np.where(mask, x * x.dtype.type(1 / (1 - rate)), 0))


def dropout_backward(dx, dy, mask, *, rate, accumulate=False):
    """Gradient of dropout: ``dx = dy / (1 - rate)`` where kept, else 0.

    dx : output; may alias dy (unless ``accumulate``)
    dy : same shape
    mask : same shape, uint8, from the forward pass
    """
    gradient = np.where(mask, dy * dy.dtype.type(1 / (1 - rate)), 0)
    if accumulate:
        dx += gradient
    else:
        dx[...] = gradient


def random_uniform(y, clock, *, low, high, stream):
    """Uniform numbers: ``low + (word >> 8) 2^-24 (high - low)``.

    Twenty-four bits, the precision of float32, in every dtype, so that a
    float64 model starts from the same weights as a float32 one.

    y : output, any shape
    clock : (2,) uint64, seed and step
    """
    unit = (_words(y.size, clock, stream) >> np.uint32(8)).astype(y.dtype) * y.dtype.type(2**-24)
    y[...] = (y.dtype.type(low) + unit * y.dtype.type(high - low)).reshape(y.shape)


def random_normal(y, clock, *, mean, stddev, truncated, stream):
    """Normal numbers by Box and Muller's formula, computed in float64.

    Element e takes block e; its step is ``clock[1] * 64 + attempt``.  With
    ``truncated``, attempts go on until ``|z| <= 2``.

    ``u1 = (bits of words 0, 1 >> 11) + 1) 2^-53``, ``u2 = (words 2, 3 >> 11) 2^-53``,
    ``z = sqrt(-2 log u1) cos(2 pi u2)``, ``y = mean + stddev z``.

    y : output, any shape
    clock : (2,) uint64, seed and step
    """
    z = np.empty(y.size)
    todo = np.arange(y.size, dtype=np.uint64)
    for attempt in range(ATTEMPTS if truncated else 1):
        w = philox(todo, stream, int(clock[1]) * ATTEMPTS + attempt, int(clock[0]))
        w = w.astype(np.uint64)
        u1 = (((w[:, 0] << _HALF | w[:, 1]) >> np.uint64(11)) + np.uint64(1)) * 2.0**-53
        u2 = ((w[:, 2] << _HALF | w[:, 3]) >> np.uint64(11)) * 2.0**-53
        z[todo] = np.sqrt(-2 * np.log(u1)) * np.cos(2 * np.pi * u2)
        if truncated:
            todo = todo[np.abs(z[todo]) > 2]
    y[...] = (mean + stddev * z).reshape(y.shape)
