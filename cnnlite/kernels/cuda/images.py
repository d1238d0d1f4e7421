"""Images framed, cropped, enlarged, flipped and shifted: a thread computes one element.

The gradients ask which elements looked at a pixel, and add up what each of them sends: no two
threads add to the same place.
"""

from __future__ import annotations

import math

from numba import cuda

from cnnlite.kernels.cuda.indices import divided, divisor, index
from cnnlite.kernels.cuda.launching import device_function, kernel, operation
from cnnlite.kernels.cuda.vectors import load, store

__all__ = [
    "flip2d", "pad2d", "translate2d_backward", "translate2d_forward", "upsample2d_backward",
    "upsample2d_forward",
]  # fmt: skip

FILL_MODES = ("constant", "nearest", "reflect", "wrap")
CONSTANT, NEAREST, REFLECT, WRAP = range(4)


def _sizes(array):
    """Return what the place of an element follows from: its row, its image, its channel."""
    _, rows, columns, channels = array.shape
    return divisor(columns * channels), divisor(rows), divisor(channels)


@device_function
def _place(at, sizes):
    """Return the image, row, column and channel of an element."""
    row, column = divided(at, sizes[0])
    n, i = divided(row, sizes[1])
    j, channel = divided(column, sizes[2])
    return n, i, j, channel


@device_function
def _at(x, n, h, w, channel):
    return ((n * x.shape[1] + h) * x.shape[2] + w) * x.shape[3] + channel


@kernel
def _pad(y, x, sizes, top, left, accumulate):
    for at in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        n, i, j, channel = _place(at, sizes)
        h, w = i - top, j - left
        value = y.dtype.type(0)
        if 0 <= h < x.shape[1] and 0 <= w < x.shape[2]:
            value = load(x, _at(x, n, h, w, channel))
            if accumulate:
                value += load(y, at)
        elif accumulate:
            value = load(y, at)
        store(y, at, value)


@operation(outputs=1)
def pad2d(y, x, *, padding, accumulate=False):
    (top, _), (left, _) = padding
    _pad.over(y.size, y, x, _sizes(y), top, left, accumulate)


@device_function
def _mixed(i, extent, factor, bilinear, x):
    """Return the first of the two neighbours that place i mixes, and the second one's weight."""
    if not bilinear:
        return divided(i, factor)[0], x.dtype.type(0)
    # (i + 1/2) / factor - 1/2, in units of 1 / (2 factor), held inside the image
    unit = 2 * factor.value
    place = min(max(2 * i + 1 - factor.value, 0), unit * (extent - 1))
    low = divided(place >> 1, factor)[0]
    return low, x.dtype.type(place - unit * low) / x.dtype.type(unit)


@kernel
def _enlarge(y, x, sizes, down, right, bilinear):
    one = x.dtype.type(1)
    for at in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        n, i, j, channel = _place(at, sizes)
        h, lower = _mixed(i, x.shape[1], down, bilinear, x)
        w, later = _mixed(j, x.shape[2], right, bilinear, x)
        value = load(x, _at(x, n, h, w, channel))
        if lower:
            value = (one - lower) * value + lower * load(x, _at(x, n, h + 1, w, channel))
        if later:
            second = load(x, _at(x, n, h, w + 1, channel))
            if lower:
                below = load(x, _at(x, n, h + 1, w + 1, channel))
                second = (one - lower) * second + lower * below
            value = (one - later) * value + later * second
        store(y, at, value)


@device_function
def _enlarged(h, extent, factor, bilinear):
    """Return the first place that may mix pixel h, and the end of them."""
    if bilinear:
        return max(0, (h - 1) * factor.value), min(extent, h + 2) * factor.value
    return h * factor.value, (h + 1) * factor.value


@device_function
def _weight(h, i, extent, factor, bilinear, x):
    """Return the weight of pixel h at place i."""
    low, share = _mixed(i, extent, factor, bilinear, x)
    if low == h:
        return x.dtype.type(1) - share
    return share if low + 1 == h else x.dtype.type(0)


@kernel
def _shrink(dx, dy, sizes, down, right, bilinear, accumulate):
    zero = dx.dtype.type(0)
    _, height, width, _ = dx.shape
    for at in range(cuda.grid(1), dx.size, cuda.gridsize(1)):
        n, h, w, channel = _place(at, sizes)
        top, bottom = _enlarged(h, height, down, bilinear)
        left, end = _enlarged(w, width, right, bilinear)
        total = load(dx, at) if accumulate else zero
        for i in range(top, bottom):
            share = _weight(h, i, height, down, bilinear, dx)
            if share:
                row = zero
                for j in range(left, end):
                    weight = _weight(w, j, width, right, bilinear, dx)
                    if weight:
                        row += weight * load(dy, _at(dy, n, i, j, channel))
                total += share * row
        store(dx, at, total)


@operation(outputs=1)
def upsample2d_forward(y, x, *, size, interpolation):
    factors = divisor(size[0]), divisor(size[1])
    _enlarge.over(y.size, y, x, _sizes(y), *factors, interpolation == "bilinear")


@operation(outputs=1)
def upsample2d_backward(dx, dy, *, size, interpolation, accumulate=False):
    factors = divisor(size[0]), divisor(size[1])
    _shrink.over(dx.size, dx, dy, _sizes(dx), *factors, interpolation == "bilinear", accumulate)


@kernel
def _flip(y, x, draws, sizes, rows, columns, accumulate):
    half = x.dtype.type(0.5)
    for at in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        n, i, j, channel = _place(at, sizes)
        if draws[n] <= half:
            i = x.shape[1] - 1 - i if rows else i
            j = x.shape[2] - 1 - j if columns else j
        value = load(x, _at(x, n, i, j, channel))
        store(y, at, load(y, at) + value if accumulate else value)


@operation(outputs=1)
def flip2d(y, x, draws, *, rows, columns, accumulate=False):
    _flip.over(y.size, y, x, draws, _sizes(y), rows, columns, accumulate)


@device_function
def _shift(shift, bilinear, x):
    """Return how far the first place looks, and the weight of the one after it."""
    if not bilinear:
        return index(math.floor(x.dtype.type(0.5) - shift)), x.dtype.type(0)
    first = index(math.floor(-shift))  # the floor alone is floating on the device
    return first, -shift - x.dtype.type(first)


@device_function
def _movable(shift, x):
    return abs(shift) < x.dtype.type(2147483648)


@device_function
def _inside(place, extent, fill_mode):
    """Return where along an axis a place looks; -1: the fill value."""
    if 0 <= place < extent:
        return place
    if fill_mode == CONSTANT:
        return -1
    if fill_mode == NEAREST:
        return min(max(place, 0), extent - 1)
    if fill_mode == WRAP:
        return place % extent
    place %= 2 * extent  # reflect: ... 1 0 | 0 1 2 | 2 1 ...
    return min(place, 2 * extent - 1 - place)


@device_function
def _column(x, n, row, share, w, channel, fill_mode, fill):
    """Return the mixture of two rows in one column."""
    h = _inside(row, x.shape[1], fill_mode)
    value = load(x, _at(x, n, h, w, channel)) if h >= 0 else fill
    value *= x.dtype.type(1) - share
    if share:
        h = _inside(row + 1, x.shape[1], fill_mode)
        value += share * (load(x, _at(x, n, h, w, channel)) if h >= 0 else fill)
    return value


@kernel
def _translate(y, x, down, right, sizes, bilinear, fill_mode, fill_value):
    dtype = x.dtype.type
    fill = dtype(fill_value)
    for at in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        n, i, j, channel = _place(at, sizes)
        if not (_movable(down[n], x) and _movable(right[n], x)):
            store(y, at, dtype(math.nan))
            continue
        first, lower = _shift(down[n], bilinear, x)
        row = i + first
        first, later = _shift(right[n], bilinear, x)
        w = _inside(j + first, x.shape[2], fill_mode)
        value = _column(x, n, row, lower, w, channel, fill_mode, fill) if w >= 0 else fill
        value *= dtype(1) - later
        if later:
            w = _inside(j + first + 1, x.shape[2], fill_mode)
            value += later * (
                _column(x, n, row, lower, w, channel, fill_mode, fill) if w >= 0 else fill
            )
        store(y, at, value)


@operation(outputs=1)
def translate2d_forward(y, x, down, right, *, interpolation, fill_mode, fill_value=0.0):
    _translate.over(
        y.size, y, x, down, right, _sizes(y), interpolation == "bilinear",
        FILL_MODES.index(fill_mode), float(fill_value),
    )  # fmt: skip


@device_function
def _lookers(h, first, extent, fill_mode, mirrored):
    """Return the first place that looks at h if place i looks at i + first, and the end of them.

    mirrored : bool, those that look at it in a mirror
    """
    place = 2 * extent - 1 - h - first if mirrored else h - first
    if fill_mode == WRAP:
        place %= extent
    if fill_mode == REFLECT:
        place %= 2 * extent
    start, end = place, place + 1
    if fill_mode == NEAREST:
        start = 0 if h == 0 else start
        end = extent if h == extent - 1 else end
    if mirrored and fill_mode != REFLECT:
        end = 0
    return max(0, start), min(extent, end)


@kernel
def _translate_back(dx, dy, down, right, sizes, bilinear, fill_mode, accumulate):
    dtype = dx.dtype.type
    _, height, width, _ = dx.shape
    for at in range(cuda.grid(1), dx.size, cuda.gridsize(1)):
        n, h, w, channel = _place(at, sizes)
        if not (_movable(down[n], dx) and _movable(right[n], dx)):
            store(dx, at, dtype(math.nan))
            continue
        first_row, lower = _shift(down[n], bilinear, dx)
        first_column, later = _shift(right[n], bilinear, dx)
        total = load(dx, at) if accumulate else dtype(0)
        # Four ways in which a row looks at this one: as the first or the second of two that it
        # mixes, directly or in a mirror.  So do columns.
        for way in range(4):
            second = way % 2
            share = lower if second else dtype(1) - lower
            top, bottom = _lookers(h, first_row + second, height, fill_mode, way >= 2)
            for i in range(top, bottom if share else top):
                row = dtype(0)
                for across in range(4):
                    second = across % 2
                    weight = later if second else dtype(1) - later
                    left, end = _lookers(w, first_column + second, width, fill_mode, across >= 2)
                    for j in range(left, end if weight else left):
                        row += weight * load(dy, _at(dy, n, i, j, channel))
                total += share * row
        store(dx, at, total)


@operation(outputs=1)
def translate2d_backward(dx, dy, down, right, *, interpolation, fill_mode, accumulate=False):
    _translate_back.over(
        dx.size, dx, dy, down, right, _sizes(dx), interpolation == "bilinear",
        FILL_MODES.index(fill_mode), accumulate,
    )  # fmt: skip
