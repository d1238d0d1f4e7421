"""Convolution to few filters: vectors lie along the pixels of a row.

With so few filters most lanes of the product's vectors, which lie along the filters, would be
empty.  A tile's rows of x are turned to lines of one channel each, with zeros for the padding.
What a tap sees of neighbouring pixels then lies side by side, and each tap and channel is a
multiplication of two vectors with the weights of six filters.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from cnnlite.kernels.numba.axes import A
from cnnlite.kernels.numba.compiling import F1, F3, F4, N1, B, N, inlined, tiled
from cnnlite.kernels.numba.product import ROWS
from cnnlite.kernels.numba.simd import fma, lanes, load, load_upto, reduce_add, splat, spread, store

__all__ = ["STRIP", "few_filters", "few_filters_gradient", "few_filters_pay", "places_seen"]

# Filters, with more of which the usual product wastes less; and taps, with fewer of which turning
# a row of x takes longer than it saves: some 4 clocks for a number, against 2 clocks a tap.
FEW, SOME = 8, 4
STRIP = 8  # rows of a tile: those of x that it sees beside its own are few


def few_filters_pay(filters, height, across):
    """Return whether the functions here can do a convolution, and faster."""
    return filters <= FEW and across.stride == 1 and height.taps * across.taps >= SOME


def _line(across):
    """Return how many pixels of a row of x a row of y sees, those in the padding included."""
    return across.size + max(0, across.taps - 1) * across.dilation


_line_of = inlined(_line)


@inlined
def _rows_seen(count, height):
    """Return how many rows of x so many rows of y see, those in the padding included."""
    return (count - 1) * height.stride + max(0, height.taps - 1) * height.dilation + 1


def places_seen(height, across, channels):
    """Return where in a tile's lines (rows of x, channels, pixels) each tap and channel begins."""
    rows = np.arange(height.taps) * (height.dilation * channels * _line(across))
    pixels, lines = np.arange(across.taps) * across.dilation, np.arange(channels) * _line(across)
    return (rows[:, None, None] + pixels[:, None] + lines).reshape(-1).astype(np.intp)


@inlined
def _fill_lines(lines, x, n, top, rows, height, across, channel, channels):
    """Write rows of an image from ``top`` on, channel by channel, zeros where there is none."""
    _, image_height, image_width, depth = x.shape
    flat, size = x.reshape(x.size), _line_of(across)
    low, high = max(0, -across.start), min(size, image_width - across.start)
    for r in range(rows):
        for c in range(channels):
            line = (r * channels + c) * size
            for w in range(size):
                lines[line + w] = 0
            if 0 <= top + r < image_height:
                of = ((n * image_height + top + r) * image_width + across.start) * depth
                for w in range(low, high):
                    lines[line + w] = flat[of + w * depth + channel + c]


@inlined
def _lines_product(out, lines, first, second, seen, weights, f, last, stride):
    """Multiply up to 6 filters, f to f + last, with two vectors of pixels, tap after tap."""
    zero = splat(lines.dtype.type(0))
    s00 = s01 = s10 = s11 = s20 = s21 = s30 = s31 = s40 = s41 = s50 = s51 = zero
    f1, f2, f3 = min(1, last), min(2, last), min(3, last)
    f4, f5 = min(4, last), min(5, last)
    for k in range(seen.size):
        b0, b1 = load(lines, first + seen[k]), load(lines, second + seen[k])
        at = k * stride + f
        a = spread(weights, at)
        s00, s01 = fma(a, b0, s00), fma(a, b1, s01)
        a = spread(weights, at + f1)
        s10, s11 = fma(a, b0, s10), fma(a, b1, s11)
        a = spread(weights, at + f2)
        s20, s21 = fma(a, b0, s20), fma(a, b1, s21)
        a = spread(weights, at + f3)
        s30, s31 = fma(a, b0, s30), fma(a, b1, s31)
        a = spread(weights, at + f4)
        s40, s41 = fma(a, b0, s40), fma(a, b1, s41)
        a = spread(weights, at + f5)
        s50, s51 = fma(a, b0, s50), fma(a, b1, s51)
    half = lanes(lines)
    store(out, 0 * half, s00)
    store(out, 1 * half, s10)
    store(out, 2 * half, s20)
    store(out, 3 * half, s30)
    store(out, 4 * half, s40)
    store(out, 5 * half, s50)
    store(out, 6 * half, s01)
    store(out, 7 * half, s11)
    store(out, 8 * half, s21)
    store(out, 9 * half, s31)
    store(out, 10 * half, s41)
    store(out, 11 * half, s51)


@tiled
def few_filters(
    y: F4, x: F4, weights: F1, seen: N1, bias: F1, height: A, across: A, filter_: N, filters: N,
    channel: N, channels: N, relu: B, accumulate: B,
):  # fmt: skip
    """Convolve to those pixels of y that the axes name: a tile is some rows of an image."""
    strips, half = (height.size + STRIP - 1) // STRIP, lanes(x)
    size = _line_of(across)
    narrow = across.size <= half  # a vector holds a row, two of them two rows
    to, step = y.reshape(y.size), height.stride * channels * size
    for tile in prange(len(y) * strips):
        n, start = tile // strips, tile % strips * STRIP
        count = min(STRIP, height.size - start)
        rows = _rows_seen(count, height)
        lines = np.empty(rows * channels * size + 2 * half, x.dtype)
        out = np.empty(2 * ROWS * half, x.dtype)
        top = height.start + start * height.stride
        _fill_lines(lines, x, n, top, rows, height, across, channel, channels)
        for i in range(0, count, 2 if narrow else 1):
            for j in range(0, across.size, half if narrow else 2 * half):
                first = i * step + j
                second = first + (half if not narrow else step if i + 1 < count else 0)
                for f in range(0, filters, ROWS):
                    last = min(ROWS, filters - f) - 1
                    _lines_product(
                        out, lines, first, second, seen, weights, filter_ + f, last, y.shape[3]
                    )
                    for part in range(2):
                        row, column = (i + part, j) if narrow else (i, j + part * half)
                        if row < count:
                            at = n * y.shape[1] + height.offset + (start + row) * height.spacing
                            at = at * y.shape[2] + across.offset + column * across.spacing
                            _write_pixels(
                                to, at * y.shape[3] + filter_ + f, across.spacing * y.shape[3],
                                out, part * ROWS * half, min(half, across.size - column),
                                last + 1, bias, filter_ + f, relu, accumulate,
                            )  # fmt: skip


@inlined
def _write_pixels(y, at, step, out, start, pixels, filters, bias, filter_, relu, accumulate):
    """Write filters of neighbouring pixels, which lie filter after filter in ``out``."""
    zero = y.dtype.type(0)
    floor = zero if relu else y.dtype.type(-np.inf)
    for f in range(filters):
        shift, of = bias[filter_ + f] if bias.size else zero, start + f * lanes(y)
        for p in range(pixels):
            place = at + p * step + f
            value = out[of + p] + (y[place] if accumulate else zero) + shift
            y[place] = floor if value < floor else value  # NaN stays


@inlined
def _add_products(sums, at, step, lines, one, other, row_step, a, f, last, rows, pixels, wide):
    """Add to 6 x 2 vectors of sums the products of two taps' pixels with those of 6 filters.

    sums : of two taps from ``at`` on, ``step`` vectors for the filters of each
    a : (filters, rows, wide), flat; filters beyond f + last count as that one
    """
    half, none, plane = lanes(a), a.dtype.type(0), rows * wide
    s00 = s01 = s10 = s11 = s20 = s21 = s30 = s31 = s40 = s41 = s50 = s51 = splat(none)
    a0, a1, a2 = f * plane, (f + min(1, last)) * plane, (f + min(2, last)) * plane
    a3, a4, a5 = (
        (f + min(3, last)) * plane, (f + min(4, last)) * plane, (f + min(5, last)) * plane
    )  # fmt: skip
    for r in range(rows):
        for w in range(0, pixels, half):
            of, end = r * row_step + w, r * row_step + pixels
            b0 = load_upto(lines, one + of, one + end, none)
            b1 = load_upto(lines, other + of, other + end, none)
            k = r * wide + w
            v = load(a, a0 + k)
            s00, s01 = fma(v, b0, s00), fma(v, b1, s01)
            v = load(a, a1 + k)
            s10, s11 = fma(v, b0, s10), fma(v, b1, s11)
            v = load(a, a2 + k)
            s20, s21 = fma(v, b0, s20), fma(v, b1, s21)
            v = load(a, a3 + k)
            s30, s31 = fma(v, b0, s30), fma(v, b1, s31)
            v = load(a, a4 + k)
            s40, s41 = fma(v, b0, s40), fma(v, b1, s41)
            v = load(a, a5 + k)
            s50, s51 = fma(v, b0, s50), fma(v, b1, s51)
    _add_vectors(sums, at + f * half, s00, s10, s20, s30, s40, s50)
    _add_vectors(sums, at + (step + f) * half, s01, s11, s21, s31, s41, s51)


@inlined
def _add_vectors(sums, at, s0, s1, s2, s3, s4, s5):
    half = lanes(sums)
    store(sums, at, load(sums, at) + s0)
    store(sums, at + half, load(sums, at + half) + s1)
    store(sums, at + 2 * half, load(sums, at + 2 * half) + s2)
    store(sums, at + 3 * half, load(sums, at + 3 * half) + s3)
    store(sums, at + 4 * half, load(sums, at + 4 * half) + s4)
    store(sums, at + 5 * half, load(sums, at + 5 * half) + s5)


@tiled
def few_filters_gradient(
    parts: F3, dy: F4, x: F4, seen: N1, height: A, across: A, filter_: N, filters: N,
    channel: N, channels: N,
):  # fmt: skip
    """Partial sums of dw: a tile is a slice of the strips that are tiles in ``few_filters``.

    parts : (slices, F, taps C / groups)
    """
    strips, half = (height.size + STRIP - 1) // STRIP, lanes(x)
    size = _line_of(across)
    wide, slices = (across.size + half - 1) // half * half, len(parts)
    room = (filters + ROWS - 1) // ROWS * ROWS  # a product's filters beyond the last one included
    share = (len(dy) * strips + slices - 1) // max(1, slices)
    of_dy, row_step = dy.reshape(dy.size), height.stride * channels * size
    for part in prange(slices):
        lines = np.empty(_rows_seen(STRIP, height) * channels * size + 2 * half, x.dtype)
        turned = np.empty(filters * STRIP * wide, x.dtype)
        sums = np.zeros((seen.size + 1) * room * half, x.dtype)  # for a pair's second tap too
        for strip in range(part * share, min(len(dy) * strips, (part + 1) * share)):
            n, start = strip // strips, strip % strips * STRIP
            count = min(STRIP, height.size - start)
            rows = _rows_seen(count, height)
            top = height.start + start * height.stride
            _fill_lines(lines, x, n, top, rows, height, across, channel, channels)
            for f in range(filters):
                for r in range(count):
                    to = (f * count + r) * wide
                    at = (n * height.size + start + r) * across.size * dy.shape[3] + filter_ + f
                    for w in range(across.size):
                        turned[to + w] = of_dy[at + w * dy.shape[3]]
                    for w in range(across.size, wide):
                        turned[to + w] = 0
            for k in range(0, seen.size, 2):
                other = seen[min(k + 1, seen.size - 1)]
                for f in range(0, filters, ROWS):
                    _add_products(
                        sums, k * room * half, room, lines, seen[k], other, row_step,
                        turned, f, min(ROWS, filters - f) - 1, count, across.size, wide,
                    )  # fmt: skip
        for k in range(seen.size):
            for f in range(filters):
                parts[part, filter_ + f, k] = reduce_add(load(sums, (k * room + f) * half))
