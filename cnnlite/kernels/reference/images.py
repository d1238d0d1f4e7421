"""Images framed, cropped, enlarged, flipped and shifted; all are (N, H, W, C).

What moves along one axis does not depend on the other, so an operation that mixes
pixels mixes rows first, then columns.
"""

from __future__ import annotations

import functools
import operator

import numpy as np


def _sum(terms):
    """Add in order, without a 0 to begin with: one term keeps the sign of its zeros."""
    return functools.reduce(operator.add, terms)


def pad2d(y, x, *, padding, accumulate=False):
    """Put a frame of zeros around images; where the padding is negative, cut edges off.

    ``y[n, i, j] = x[n, i - top, j - left]``, 0 where that lies outside of x.  The gradient
    is the same operation with the padding negated.

    y : (N, H + top + bottom, W + left + right, C), output
    x : (N, H, W, C)
    padding : ((top, bottom), (left, right)), of either sign
    """
    to, of = [slice(None)], [slice(None)]
    for (before, _), extent, room in zip(padding, x.shape[1:3], y.shape[1:3], strict=True):
        first = max(before, 0)
        end = max(first, min(room, extent + before))
        to.append(slice(first, end))
        of.append(slice(first - before, end - before))
    if accumulate:
        y[tuple(to)] += x[tuple(of)]
    else:
        y[...] = 0
        y[tuple(to)] = x[tuple(of)]


def _sources(extent, factor, interpolation, dtype):
    """Return, for every place along an enlarged axis, the [(source, weight), ...] it mixes."""
    if interpolation == "nearest":
        return [[(i // factor, dtype.type(1))] for i in range(extent * factor)]
    found = []
    for i in range(extent * factor):
        # (i + 1/2) / factor - 1/2, in units of 1 / (2 factor), held inside the image
        place = min(max(2 * i + 1 - factor, 0), 2 * factor * (extent - 1))
        low, share = place // (2 * factor), dtype.type(place % (2 * factor) / (2 * factor))
        found.append([(low, 1 - share), (low + 1, share)] if share else [(low, dtype.type(1))])
    return found


def upsample2d_forward(y, x, *, size, interpolation):
    """Enlarge images by whole factors.

    "nearest": ``y[n, i, j] = x[n, i // SH, j // SW]``.  "bilinear": the centre of pixel i
    lies at ``(i + 1/2) / SH - 1/2`` of x, held inside 0..H-1; y is the linear mixture of the
    two rows next to it, and of the two columns.

    y : (N, H * SH, W * SW, C), output
    x : (N, H, W, C)
    size : (SH, SW)
    """
    columns = _sources(x.shape[2], size[1], interpolation, x.dtype)
    for i, mixed in enumerate(_sources(x.shape[1], size[0], interpolation, x.dtype)):
        row = _sum(weight * x[:, h] for h, weight in mixed)  # (N, W, C)
        for j, parts in enumerate(columns):
            y[:, i, j] = _sum(weight * row[:, w] for w, weight in parts)


def upsample2d_backward(dx, dy, *, size, interpolation, accumulate=False):
    """Gradient of ``upsample2d_forward``: each pixel gets back what it gave, by its weights.

    dx : (N, H, W, C), output
    dy : (N, H * SH, W * SW, C)
    """
    if not accumulate:
        dx[...] = 0
    columns = _sources(dx.shape[2], size[1], interpolation, dx.dtype)
    row = np.empty((len(dx), *dx.shape[2:]), dx.dtype)
    for i, mixed in enumerate(_sources(dx.shape[1], size[0], interpolation, dx.dtype)):
        row[...] = 0
        for j, parts in enumerate(columns):
            for w, weight in parts:
                row[:, w] += weight * dy[:, i, j]
        for h, weight in mixed:
            dx[:, h] += weight * row


def flip2d(y, x, draws, *, rows, columns, accumulate=False):
    """Mirror some images of a batch: those whose number is at most 1/2.

    It is its own gradient.

    y : (N, H, W, C), output
    x : same shape
    draws : (N,), x's dtype
    rows, columns : bool, which axes are reversed
    """
    mirrored = x[:, :: -1 if rows else 1, :: -1 if columns else 1]
    chosen = np.where((draws <= 0.5)[:, None, None, None], mirrored, x)
    if accumulate:
        y += chosen
    else:
        y[...] = chosen


def _inside(places, extent, fill_mode):
    """Return where along an axis the places outside of 0..extent-1 look; -1: the fill value."""
    if fill_mode == "constant":
        return np.where((places >= 0) & (places < extent), places, -1)
    if fill_mode == "nearest":
        return np.clip(places, 0, extent - 1)
    if fill_mode == "wrap":
        return places % extent
    places = places % (2 * extent)  # reflect: ... 1 0 | 0 1 2 | 2 1 ...
    return np.where(places < extent, places, 2 * extent - 1 - places)


def _seen(extent, shift, interpolation, fill_mode):
    """Return the [(places (extent,), weight), ...] that each place along an axis mixes."""
    places, one = np.arange(extent), shift.dtype.type(1)
    if interpolation == "nearest":
        first = int(np.floor(shift.dtype.type(0.5) - shift))
        return [(_inside(places + first, extent, fill_mode), one)]
    low = np.floor(-shift)
    share = -shift - low
    first = int(low)
    seen = [(_inside(places + first, extent, fill_mode), one - share)]
    if share:
        seen.append((_inside(places + first + 1, extent, fill_mode), share))
    return seen


def _movable(down, right):
    """Return whether an image can be shifted so far; else all of it is NaN."""
    return abs(down) < 2**31 and abs(right) < 2**31


def translate2d_forward(y, x, down, right, *, interpolation, fill_mode, fill_value=0.0):
    """Shift each image of a batch by its own, possibly fractional, number of pixels.

    ``y[n, i, j]`` is x at row ``i - down[n]`` and column ``j - right[n]``: the linear
    mixture of the two pixels next to that ("bilinear"), or the nearest, halves up
    ("nearest").  Pixels outside of x are

    - "constant": ``fill_value``
    - "nearest": the pixel at the edge, ``a a | a b c | c c``
    - "reflect": mirrored, ``b a | a b c | c b``
    - "wrap": from the other end, ``b c | a b c | a b``

    A shift that is not finite, or of 2^31 pixels or more, makes the image NaN.

    y : (N, H, W, C), output
    x : (N, H, W, C)
    down, right : (N,), pixels, x's dtype
    """
    fill = x.dtype.type(fill_value)
    for n in range(len(x)):
        if not _movable(down[n], right[n]):
            y[n] = np.nan
            continue
        _, h, w, _ = x.shape
        rows = _sum(
            weight * np.where((places < 0)[:, None, None], fill, x[n, places])
            for places, weight in _seen(h, down[n], interpolation, fill_mode)
        )
        y[n] = _sum(
            weight * np.where((places < 0)[:, None], fill, rows[:, places])
            for places, weight in _seen(w, right[n], interpolation, fill_mode)
        )


def translate2d_backward(dx, dy, down, right, *, interpolation, fill_mode, accumulate=False):
    """Gradient of ``translate2d_forward``'s images: each pixel gets back what it gave.

    dx : (N, H, W, C), output
    dy : (N, H, W, C)
    down, right : (N,), pixels, dy's dtype
    """
    if not accumulate:
        dx[...] = 0
    for n in range(len(dy)):
        if not _movable(down[n], right[n]):
            dx[n] = np.nan
            continue
        _, h, w, _ = dx.shape
        row = np.zeros_like(dy[n])
        for places, weight in _seen(w, right[n], interpolation, fill_mode):
            seen = places >= 0
            np.add.at(row.swapaxes(0, 1), places[seen], weight * dy[n][:, seen].swapaxes(0, 1))
        for places, weight in _seen(h, down[n], interpolation, fill_mode):
            seen = places >= 0
            np.add.at(dx[n], places[seen], weight * row[seen])
