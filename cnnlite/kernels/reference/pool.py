"""Maximum and average pooling over two dimensions, each channel by itself.

A window of ``KH x KW`` moves over the image in steps of ``strides``; padding is
never a value: it neither wins a maximum nor counts in an average.
"""

from __future__ import annotations

import numpy as np


def _windows(size, pool_size, strides, padding, image):
    """Yield (offset in window, output slices, image slices) for every tap.

    The slices pick the outputs whose window has this tap inside the image, and
    the image pixels that lie under it.
    """
    for offset, taps in enumerate(np.ndindex(*pool_size)):
        outputs, pixels = [], []
        for out, tap, stride, (before, _), extent in zip(
            size, taps, strides, padding, image, strict=True
        ):
            first = max(0, -((tap - before) // stride))  # ceil((before - tap) / stride)
            last = min(out - 1, (extent - 1 - tap + before) // stride)
            start = first * stride + tap - before
            outputs.append(slice(first, max(first, last + 1)))
            pixels.append(slice(start, start + max(0, (last - first) * stride + 1), stride))
        yield offset, (slice(None), *outputs), (slice(None), *pixels)


def maxpool2d_forward(y, argmax, x, *, pool_size, strides, padding):
    """Maximum of every window; the first maximum wins, NaN wins over everything.

    y : (N, OH, OW, C), output
    argmax : (N, OH, OW, C), output, uint8 (int32 where the window has over 256
        places): the winner's place ``i * KW + j`` inside its window
    x : (N, H, W, C)
    pool_size, strides : (int, int)
    padding : ((top, bottom), (left, right)), each less than the window's side
    """
    seen = np.zeros(y.shape, dtype=bool)
    for offset, out, pixels in _windows(y.shape[1:3], pool_size, strides, padding, x.shape[1:3]):
        value, best = x[pixels], y[out]
        wins = ~seen[out] | (value > best) | (np.isnan(value) & ~np.isnan(best))
        y[out] = np.where(wins, value, best)
        argmax[out] = np.where(wins, offset, argmax[out])
        seen[out] = True


def maxpool2d_backward(dx, dy, argmax, *, pool_size, strides, padding, accumulate=False):
    """Gradient of maximum pooling: each ``dy`` goes to its window's winner.

    dx : (N, H, W, C), output
    dy : (N, OH, OW, C)
    argmax : (N, OH, OW, C), uint8 or int32, from the forward pass
    """
    if not accumulate:
        dx[...] = 0
    for offset, out, pixels in _windows(dy.shape[1:3], pool_size, strides, padding, dx.shape[1:3]):
        dx[pixels] += np.where(argmax[out] == offset, dy[out], 0)


def _counts(size, pool_size, strides, padding, image, dtype):
    """Return (1, OH, OW, 1): how many pixels of each window lie inside the image."""
    counts = np.zeros((1, *size, 1), dtype=dtype)
    for _, out, _ in _windows(size, pool_size, strides, padding, image):
        counts[out] += 1
    return counts


def averagepool2d_forward(y, x, *, pool_size, strides, padding):
    """Mean of every window's pixels, counting only those inside the image.

    y : (N, OH, OW, C), output
    x : (N, H, W, C)
    """
    y[...] = 0
    for _, out, pixels in _windows(y.shape[1:3], pool_size, strides, padding, x.shape[1:3]):
        y[out] += x[pixels]
    y /= _counts(y.shape[1:3], pool_size, strides, padding, x.shape[1:3], y.dtype)


def averagepool2d_backward(dx, dy, *, pool_size, strides, padding, accumulate=False):
    """Gradient of average pooling: ``dy / count`` to every pixel of its window.

    dx : (N, H, W, C), output
    dy : (N, OH, OW, C)
    """
    size, image = dy.shape[1:3], dx.shape[1:3]
    share = dy / _counts(size, pool_size, strides, padding, image, dy.dtype)
    if not accumulate:
        dx[...] = 0
    for _, out, pixels in _windows(size, pool_size, strides, padding, image):
        dx[pixels] += share[out]
