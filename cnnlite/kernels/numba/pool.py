"""Maximum and average pooling: vectors run along the channels, a tile is one row of pixels.

Sums take the taps of a window in ascending order, as the reference does.  The place of a
maximum is found as a floating number, for vectors hold such (exact up to 2^24 places), and
written as a whole one.

Most networks pool windows of 2 x 2, none of which reaches over the image's edge.  For these
``small`` ones the functions that handle a row are compiled a second time, with constants for
the sides: with few channels there is little to do but run the loops, which constants remove.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import F4, I4, U4, B, N, given, inlined, tiled
from cnnlite.kernels.numba.simd import (
    clear,
    lanes,
    load_upto,
    load_whole,
    splat,
    store_upto,
    store_whole,
    where,
)

__all__ = [
    "averagepool2d_backward",
    "averagepool2d_forward",
    "maxpool2d_backward",
    "maxpool2d_forward",
]

# Nanoseconds for one tap of one output, on one core: windows of 2 x 2 over 48 channels, in the
# caches of a Zen 4 with AVX-512 (November 2026; the gradients took up to 0.15).
TAP_NS = 0.1


def maxpool2d_forward(y, argmax, x, *, pool_size, strides, padding):
    _maxima(_cost(y, pool_size), y, *_places(argmax), x, *_geometry(pool_size, strides, padding))


def maxpool2d_backward(dx, dy, argmax, *, pool_size, strides, padding, accumulate=False):
    geometry = _geometry(pool_size, strides, padding)
    _maximum_gradient(_cost(dy, pool_size), dx, dy, *_places(argmax), *geometry, accumulate)


def averagepool2d_forward(y, x, *, pool_size, strides, padding):
    _averages(_cost(y, pool_size), y, x, *_geometry(pool_size, strides, padding))


def averagepool2d_backward(dx, dy, *, pool_size, strides, padding, accumulate=False):
    geometry = _geometry(pool_size, strides, padding)
    _average_gradient(_cost(dy, pool_size), dx, dy, *geometry, accumulate)


def _cost(windows, pool_size):
    return TAP_NS * windows.size * pool_size[0] * pool_size[1]


def _geometry(pool_size, strides, padding):
    return *pool_size, *strides, padding[0][0], padding[1][0]


def _places(argmax):
    """Return argmax as uint8 and as int32; the one that it is not has no elements."""
    return [
        given(argmax if argmax.dtype == dtype else None, dtype, 4) for dtype in (np.uint8, np.int32)
    ]


@inlined
def _inside(start, side, extent, small):
    """Return the first tap of a window that lies inside the image, and the end of those."""
    if small:
        return 0, side
    return max(0, -start), min(side, extent - start)


@inlined
def _are_small(x, y, KH, KW, SH, SW, top, left):
    """Return whether windows are 2 x 2 and none reaches over the image's edge."""
    bottom, right = (y.shape[1] - 1) * SH + 2, (y.shape[2] - 1) * SW + 2
    inside = top == 0 and left == 0 and bottom <= x.shape[1] and right <= x.shape[2]
    return KH == 2 and KW == 2 and inside


@tiled
def _maxima(y: F4, argmax: U4, wide_argmax: I4, x: F4, KH: N, KW: N, SH: N, SW: N, top: N, left: N):
    small = argmax.size > 0 and _are_small(x, y, KH, KW, SH, SW, top, left)
    for tile in prange(y.shape[0] * y.shape[1]):
        if small:
            _row_of_maxima(y, argmax, wide_argmax, x, tile, 2, 2, SH, SW, 0, 0, True)
        else:
            _row_of_maxima(y, argmax, wide_argmax, x, tile, KH, KW, SH, SW, top, left, False)


@inlined
def _row_of_maxima(y, argmax, wide_argmax, x, tile, KH, KW, SH, SW, top, left, small):
    _, H, W, C = x.shape
    _, OH, OW, _ = y.shape
    nothing = x.dtype.type(0)
    image, h = tile // OH * H, tile % OH * SH - top
    i0, i1 = _inside(h, KH, H, small)
    for ow in range(OW):
        w = ow * SW - left
        j0, j1 = _inside(w, KW, W, small)
        for c in range(0, C, 2 * lanes(x)):
            second = c + lanes(x)  # two vectors, so that one need not wait for the other
            best = other = splat(x.dtype.type(-np.inf))
            place = other_place = splat(x.dtype.type(i0 * KW + j0))
            for i in range(i0, i1):
                row = ((image + h + i) * W + w) * C
                for j in range(j0, j1):
                    at, here = row + j * C, splat(x.dtype.type(i * KW + j))
                    value = load_upto(x, at + c, at + C, nothing)
                    best, place = _larger(best, place, value, here)
                    if second < C:
                        value = load_upto(x, at + second, at + C, nothing)
                        other, other_place = _larger(other, other_place, value, here)
            at = (tile * OW + ow) * C
            store_upto(y, at + c, at + C, best)
            _store_places(argmax, wide_argmax, at + c, at + C, place)
            if second < C:
                store_upto(y, at + second, at + C, other)
                _store_places(argmax, wide_argmax, at + second, at + C, other_place)


@inlined
def _larger(best, place, value, here):
    """Return a maximum and its place after one more tap."""
    # A greater value wins over a number, and so does a NaN.
    wins = ~(best >= value) & (best == best)
    return where(wins, value, best), where(wins, here, place)


@inlined
def _store_places(argmax, wide_argmax, at, end, places):
    if argmax.size:
        store_whole(argmax, at, end, places)
    else:
        store_whole(wide_argmax, at, end, places)


@tiled
def _averages(y: F4, x: F4, KH: N, KW: N, SH: N, SW: N, top: N, left: N):
    small = _are_small(x, y, KH, KW, SH, SW, top, left)
    for tile in prange(y.shape[0] * y.shape[1]):
        if small:
            _row_of_averages(y, x, tile, 2, 2, SH, SW, 0, 0, True)
        else:
            _row_of_averages(y, x, tile, KH, KW, SH, SW, top, left, False)


@inlined
def _row_of_averages(y, x, tile, KH, KW, SH, SW, top, left, small):
    _, H, W, C = x.shape
    _, OH, OW, _ = y.shape
    nothing = x.dtype.type(0)
    image, h = tile // OH * H, tile % OH * SH - top
    i0, i1 = _inside(h, KH, H, small)
    for ow in range(OW):
        w = ow * SW - left
        j0, j1 = _inside(w, KW, W, small)
        count = splat(x.dtype.type((i1 - i0) * (j1 - j0)))
        for c in range(0, C, 2 * lanes(x)):
            second = c + lanes(x)
            total = other = splat(nothing)
            for i in range(i0, i1):
                row = ((image + h + i) * W + w) * C
                for j in range(j0, j1):
                    at = row + j * C
                    total = total + load_upto(x, at + c, at + C, nothing)
                    if second < C:
                        other = other + load_upto(x, at + second, at + C, nothing)
            at = (tile * OW + ow) * C
            store_upto(y, at + c, at + C, total / count)
            if second < C:
                store_upto(y, at + second, at + C, other / count)


@tiled
def _maximum_gradient(
    dx: F4, dy: F4, argmax: U4, wide_argmax: I4,
    KH: N, KW: N, SH: N, SW: N, top: N, left: N, accumulate: B,
):  # fmt: skip
    once = SH > 1 and SW > 1 and not accumulate
    small = once and argmax.size > 0 and _are_small(dx, dy, KH, KW, SH, SW, top, left)
    for tile in prange(dx.shape[0] * dx.shape[1]):
        if small:
            _spread(dx, dy, argmax, wide_argmax, tile, 2, 2, SH, SW, 0, 0, True, False, False)
        else:
            _spread(
                dx, dy, argmax, wide_argmax, tile,
                KH, KW, SH, SW, top, left, False, False, accumulate,
            )  # fmt: skip


@tiled
def _average_gradient(dx: F4, dy: F4, KH: N, KW: N, SH: N, SW: N, top: N, left: N, accumulate: B):
    once = SH > 1 and SW > 1 and not accumulate
    small = once and _are_small(dx, dy, KH, KW, SH, SW, top, left)
    none, neither = np.empty((0, 0, 0, 0), np.uint8), np.empty((0, 0, 0, 0), np.int32)
    for tile in prange(dx.shape[0] * dx.shape[1]):
        if small:
            _spread(dx, dy, none, neither, tile, 2, 2, SH, SW, 0, 0, True, True, False)
        else:
            _spread(dx, dy, none, neither, tile, KH, KW, SH, SW, top, left, False, True, accumulate)


@inlined
def _spread(
    dx, dy, argmax, wide_argmax, tile, KH, KW, SH, SW, top, left, small, average, accumulate
):
    """Write a row of dx: what the windows over it give.

    From below, and from the right, so that a pixel takes its taps in ascending order.  Of small
    windows, no two lie over one pixel: from the left, in which order memory is read ahead.
    """
    _, H, W, C = dx.shape
    _, OH, OW, _ = dy.shape
    nothing = dx.dtype.type(0)
    image, h = tile // H * OH, tile % H + top
    oh = min(h // SH, OH - 1)
    filled = small and SW == KW and OW * SW == W and oh >= 0 and h - oh * SH < KH
    if not accumulate and not filled:
        clear(dx, tile * W * C, W * C)
    while oh >= 0 and h - oh * SH < KH:
        i0, i1 = _inside(oh * SH - top, KH, H, small)
        place = (h - oh * SH) * KW
        for back in range(OW):
            ow = back if small else OW - 1 - back
            w = ow * SW - left
            j0, j1 = _inside(w, KW, W, small)
            count = splat(dx.dtype.type((i1 - i0) * (j1 - j0)))
            of = ((image + oh) * OW + ow) * C
            for c in range(0, C, lanes(dx)):
                gradient = load_upto(dy, of + c, of + C, nothing)
                winner = splat(nothing)
                if average:
                    gradient = gradient / count
                elif small or argmax.size:
                    winner = load_whole(dx, argmax, of + c, of + C)
                else:
                    winner = load_whole(dx, wide_argmax, of + c, of + C)
                for j in range(j0, j1):
                    here = splat(dx.dtype.type(place + j))
                    share = gradient
                    if not average:
                        share = where(winner == here, gradient, splat(nothing))
                    at = (tile * W + w + j) * C
                    if not small:
                        share = load_upto(dx, at + c, at + C, nothing) + share
                    store_upto(dx, at + c, at + C, share)
        oh -= 1
