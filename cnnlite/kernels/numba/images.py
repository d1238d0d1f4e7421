"""Images framed, cropped, enlarged, flipped and shifted: a tile is a row of pixels, mostly.

Runs of pixels are copied, or mixed with weights, along the channels.  A product and a sum are
rounded each, in the reference's order, so that the bits of the forward passes are the
reference's.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import F1, F4, B, D, N, inlined, tiled
from cnnlite.kernels.numba.simd import clear, lanes, like, load_upto, splat, store_upto

__all__ = [
    "flip2d",
    "pad2d",
    "translate2d_backward",
    "translate2d_forward",
    "upsample2d_backward",
    "upsample2d_forward",
]

# Nanoseconds for an element on one core, to copy it or to mix it of several: 32 and 65
# channels, in the caches of a Zen 4 with AVX-512 (November 2026).
COPY_NS, MIX_NS = 0.1, 0.4
# How places outside of an image are filled, by number.
CONSTANT, NEAREST, REFLECT, WRAP = range(4)
FILLS = {"constant": CONSTANT, "nearest": NEAREST, "reflect": REFLECT, "wrap": WRAP}


def pad2d(y, x, *, padding, accumulate=False):
    _pad(COPY_NS * y.size, y, x, padding[0][0], padding[1][0], accumulate)


def upsample2d_forward(y, x, *, size, interpolation):
    _enlarge(MIX_NS * y.size, y, x, *size, interpolation == "bilinear")


def upsample2d_backward(dx, dy, *, size, interpolation, accumulate=False):
    _enlarge_gradient(MIX_NS * dy.size, dx, dy, *size, interpolation == "bilinear", accumulate)


def flip2d(y, x, draws, *, rows, columns, accumulate=False):
    _flip(COPY_NS * y.size, y, x, draws, rows, columns, accumulate)


def translate2d_forward(y, x, down, right, *, interpolation, fill_mode, fill_value=0.0):
    bilinear, fill = interpolation == "bilinear", FILLS[fill_mode]
    _shift(MIX_NS * y.size, y, x, down, right, bilinear, fill, fill_value)


def translate2d_backward(dx, dy, down, right, *, interpolation, fill_mode, accumulate=False):
    bilinear, fill = interpolation == "bilinear", FILLS[fill_mode]
    _shift_gradient(MIX_NS * dy.size, dx, dy, down, right, bilinear, fill, accumulate)


# Runs of elements of flat arrays


@inlined
def _put(to, at, x, start, count, accumulate):
    """Copy, or add, elements of x from ``start`` on."""
    for k in range(0, count, lanes(x)):
        value = load_upto(x, start + k, start + count, x.dtype.type(0))
        if accumulate:
            value = load_upto(to, at + k, at + count, x.dtype.type(0)) + value
        store_upto(to, at + k, at + count, value)


@inlined
def _mix(to, at, x, start, other, weight, share, count):
    """Write ``weight`` times x from ``start`` on plus ``share`` times x from ``other`` on."""
    nothing, weights, shares = x.dtype.type(0), splat(weight), splat(share)
    for k in range(0, count, lanes(x)):
        value = load_upto(x, start + k, start + count, nothing) * weights
        if share > 0:
            value = value + load_upto(x, other + k, other + count, nothing) * shares
        store_upto(to, at + k, at + count, value)


@inlined
def _add_scaled(to, at, x, start, weight, count):
    nothing, weights = x.dtype.type(0), splat(weight)
    for k in range(0, count, lanes(x)):
        value = load_upto(x, start + k, start + count, nothing) * weights
        store_upto(to, at + k, at + count, load_upto(to, at + k, at + count, nothing) + value)


@inlined
def _set(to, at, value, count):
    values = splat(value)
    for k in range(0, count, lanes(to)):
        store_upto(to, at + k, at + count, values)


# Frames and crops


@tiled
def _pad(y: F4, x: F4, top: N, left: N, accumulate: B):
    _, H, W, C = x.shape
    images, OH, OW, _ = y.shape
    for tile in prange(images * OH):
        at = tile * OW * C
        h = tile % OH - top
        first = end = 0  # the columns of y that are x's
        if 0 <= h < H:
            first = min(max(left, 0), OW)
            end = max(first, min(OW, W + left))
        if not accumulate:
            clear(y, at, first * C)
            clear(y, at + end * C, (OW - end) * C)
        if first < end:
            start = ((tile // OH * H + h) * W + first - left) * C
            _put(y, at + first * C, x, start, (end - first) * C, accumulate)


# Enlarging


@inlined
def _source(i, factor, extent, bilinear):
    """Return the source of place i of an enlarged axis, and the share that the next one has."""
    if not bilinear:
        return i // factor, 0.0
    unit = 2 * factor
    place = min(max(2 * i + 1 - factor, 0), unit * (extent - 1))
    return place // unit, place % unit / unit


@tiled
def _enlarge(y: F4, x: F4, SH: N, SW: N, bilinear: B):
    images, H, W, C = x.shape
    count = W * C
    one = x.dtype.type(1)
    for tile in prange(images * H * SH):
        h, part = _source(tile % (H * SH), SH, H, bilinear)
        share = like(one, part)
        at, start = tile * count * SW, (tile // (H * SH) * H + h) * count
        if share > 0:
            row = np.empty(count, x.dtype)
            _mix(row, 0, x, start, start + count, one - share, share, count)
            _enlarge_row(y, at, row, 0, W, C, SW, bilinear)
        else:
            _enlarge_row(y, at, x, start, W, C, SW, bilinear)


@inlined
def _enlarge_row(y, at, row, start, W, C, SW, bilinear):
    one = y.dtype.type(1)
    for j in range(W * SW):
        w, part = _source(j, SW, W, bilinear)
        share = like(one, part)
        pixel = start + w * C
        _mix(y, at + j * C, row, pixel, pixel + C, one - share, share, C)


@inlined
def _places(source, factor, extent, bilinear):
    """Return the first place along an enlarged axis that may mix this source, and their end."""
    more = factor if bilinear else 0
    return max(0, source * factor - more), min(extent * factor, (source + 1) * factor + more)


@inlined
def _weight(place, source, factor, extent, bilinear):
    """Return by which weight a source counts at a place of the enlarged axis."""
    low, share = _source(place, factor, extent, bilinear)
    return 1 - share if source == low else share if source == low + 1 else 0.0


@tiled
def _enlarge_gradient(dx: F4, dy: F4, SH: N, SW: N, bilinear: B, accumulate: B):
    images, H, W, C = dx.shape
    count = W * SW * C
    for tile in prange(images * H):
        row = np.zeros(count, dx.dtype)
        first, end = _places(tile % H, SH, H, bilinear)
        for i in range(first, end):
            weight = like(dx.dtype.type(0), _weight(i, tile % H, SH, H, bilinear))
            if weight > 0:
                _add_scaled(row, 0, dy, (tile // H * H * SH + i) * count, weight, count)
        at = tile * W * C
        if not accumulate:
            clear(dx, at, W * C)
        for w in range(W):
            first, end = _places(w, SW, W, bilinear)
            for j in range(first, end):
                weight = like(dx.dtype.type(0), _weight(j, w, SW, W, bilinear))
                if weight > 0:
                    _add_scaled(dx, at + w * C, row, j * C, weight, C)


# Flips


@tiled
def _flip(y: F4, x: F4, draws: F1, rows: B, columns: B, accumulate: B):
    images, H, W, C = x.shape
    half = x.dtype.type(0.5)
    for tile in prange(images * H):
        image, h = tile // H, tile % H
        flipped = draws[image] <= half
        if flipped and rows:
            h = H - 1 - h
        at, start = tile * W * C, (image * H + h) * W * C
        if flipped and columns:
            for j in range(W):
                _put(y, at + j * C, x, start + (W - 1 - j) * C, C, accumulate)
        else:
            _put(y, at, x, start, W * C, accumulate)


# Shifts


@inlined
def _movable(down, right):
    """Return whether an image can be shifted so far; not by NaN."""
    return abs(down) < 2.0**31 and abs(right) < 2.0**31


@inlined
def _looks(pixels, bilinear):
    """Return where place 0 of a shifted axis looks, and by what share at the place after that."""
    nothing = like(pixels, 0)
    if not bilinear:
        return int(np.floor(like(pixels, 0.5) - pixels)), nothing
    low = np.floor(-pixels)
    return int(low), -pixels - low


@inlined
def _inside(place, extent, fill):
    """Return the place inside that one outside looks at; -1: at the fill value."""
    if 0 <= place < extent:
        return place
    if fill == NEAREST:
        return 0 if place < 0 else extent - 1
    if fill == WRAP:
        return place % extent
    if fill == REFLECT:
        place = place % (2 * extent)
        return place if place < extent else 2 * extent - 1 - place
    return -1


@inlined
def _mix_or_fill(to, at, x, start, place, other, value, weight, share, count):
    """Mix two runs of ``count`` elements of x, by their numbers; -1 stands for ``value``."""
    nothing, weights, shares = x.dtype.type(0), splat(weight), splat(share)
    for k in range(0, count, lanes(x)):
        total = splat(value)
        if place >= 0:
            of = start + place * count
            total = load_upto(x, of + k, of + count, nothing)
        total = total * weights
        if share > 0:
            more = splat(value)
            if other >= 0:
                of = start + other * count
                more = load_upto(x, of + k, of + count, nothing)
            total = total + more * shares
        store_upto(to, at + k, at + count, total)


@tiled
def _shift(y: F4, x: F4, down: F1, right: F1, bilinear: B, fill: N, fill_value: D):
    images, H, W, C = x.shape
    count = W * C
    one = x.dtype.type(1)
    value = like(one, fill_value)
    for tile in prange(images * H):
        image, at = tile // H, tile * count
        if not _movable(down[image], right[image]):
            _set(y, at, x.dtype.type(np.nan), count)
        else:
            row = np.empty(count, x.dtype)
            first, share = _looks(down[image], bilinear)
            h = tile % H + first
            place, other = _inside(h, H, fill), _inside(h + 1, H, fill)
            start = image * H * count
            _mix_or_fill(row, 0, x, start, place, other, value, one - share, share, count)
            first, share = _looks(right[image], bilinear)
            for j in range(W):
                w = j + first
                place, other = _inside(w, W, fill), _inside(w + 1, W, fill)
                _mix_or_fill(y, at + j * C, row, 0, place, other, value, one - share, share, C)


@tiled
def _shift_gradient(dx: F4, dy: F4, down: F1, right: F1, bilinear: B, fill: N, accumulate: B):
    # A tile is an image: several rows of dy may look at one of dx.
    images, H, W, C = dx.shape
    count = W * C
    for image in prange(images):
        at = image * H * count
        if not _movable(down[image], right[image]):
            _set(dx, at, dx.dtype.type(np.nan), H * count)
        else:
            if not accumulate:
                clear(dx, at, H * count)
            row = np.empty(count, dx.dtype)
            first, share = _looks(down[image], bilinear)
            for i in range(H):
                _spread_row(row, dy, at + i * count, W, C, right[image], bilinear, fill)
                _add_to(dx, at, row, 0, i + first, H, like(share, 1) - share, fill, count)
                if share > 0:
                    _add_to(dx, at, row, 0, i + first + 1, H, share, fill, count)


@inlined
def _spread_row(row, dy, start, W, C, right, bilinear, fill):
    """Send a row of dy back to the row of x's width that gave it."""
    clear(row, 0, W * C)
    first, share = _looks(right, bilinear)
    for j in range(W):
        _add_to(row, 0, dy, start + j * C, j + first, W, like(share, 1) - share, fill, C)
    if share > 0:
        for j in range(W):
            _add_to(row, 0, dy, start + j * C, j + first + 1, W, share, fill, C)


@inlined
def _add_to(to, at, x, start, place, extent, weight, fill, count):
    """Add ``count`` elements of x, times ``weight``, to the run that a place looks at."""
    place = _inside(place, extent, fill)
    if place >= 0:
        _add_scaled(to, at + place * count, x, start, weight, count)
