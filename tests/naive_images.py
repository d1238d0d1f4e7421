"""Frames, enlargements, flips and shifts of images as plain loops: part of :mod:`tests.naive`.

Written from what Keras documents (ZeroPadding2D, UpSampling2D, RandomFlip, RandomTranslation)
and from the definition of linear interpolation with exact fractions.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from tests.naive_numbers import store


def pad2d(y, x, *, padding, accumulate=False):
    top, left = padding[0][0], padding[1][0]
    for n, i, j, c in np.ndindex(y.shape):
        h, w = i - top, j - left
        inside = 0 <= h < x.shape[1] and 0 <= w < x.shape[2]
        store(y, (n, i, j, c), x[n, h, w, c] if inside else 0.0, accumulate)


def between(place: Fraction) -> list[tuple[int, float]]:
    """Return the (whole number, weight) pairs whose mixture lies at ``place``."""
    low = math.floor(place)
    share = place - low
    return [(low, 1.0)] if share == 0 else [(low, float(1 - share)), (low + 1, float(share))]


def enlarged(i: int, factor: int, extent: int, interpolation: str) -> list[tuple[int, float]]:
    """Return the (source, weight) pairs of place i along an enlarged axis."""
    if interpolation == "nearest":
        return [(i // factor, 1.0)]
    centre = (Fraction(i) + Fraction(1, 2)) / factor - Fraction(1, 2)
    return between(min(max(centre, Fraction(0)), Fraction(extent - 1)))


def enlargement(big, small, size, interpolation):
    """Yield (index of the large image, index of the small one, weight)."""
    for n, i, j, c in np.ndindex(big):
        for h, wh in enlarged(i, size[0], small[1], interpolation):
            for w, ww in enlarged(j, size[1], small[2], interpolation):
                yield (n, i, j, c), (n, h, w, c), wh * ww


def upsample2d_forward(y, x, *, size, interpolation):
    y[...] = 0
    for o, p, weight in enlargement(y.shape, x.shape, size, interpolation):
        y[o] += weight * x[p]


def upsample2d_backward(dx, dy, *, size, interpolation, accumulate=False):
    total = np.zeros(dx.shape)
    for o, p, weight in enlargement(dy.shape, dx.shape, size, interpolation):
        total[p] += weight * dy[o]
    for p in np.ndindex(dx.shape):
        store(dx, p, total[p], accumulate)


def flip2d(y, x, draws, *, rows, columns, accumulate=False):
    for n, i, j, c in np.ndindex(y.shape):
        h, w = i, j
        if draws[n] <= 0.5:
            h = x.shape[1] - 1 - i if rows else i
            w = x.shape[2] - 1 - j if columns else j
        store(y, (n, i, j, c), x[n, h, w, c], accumulate)


def outside(place: int, extent: int, fill_mode: str) -> int | None:
    """Walk from a place outside of an axis to the one inside that it shows."""
    if fill_mode == "constant":
        return place if 0 <= place < extent else None
    if fill_mode == "nearest":
        return min(max(place, 0), extent - 1)
    while not 0 <= place < extent:
        if fill_mode == "wrap":
            place += extent if place < 0 else -extent
        else:  # reflect: the mirror stands at -1/2 or at extent - 1/2
            place = -1 - place if place < 0 else 2 * extent - 1 - place
    return place


def shifted(i: int, shift: float, interpolation: str) -> list[tuple[int, float]]:
    place = i - Fraction(float(shift))
    if interpolation == "nearest":
        return [(math.floor(place + Fraction(1, 2)), 1.0)]
    return between(place)


def translation(shape, down, right, interpolation, fill_mode):
    """Yield (index of the result, index of the image or None for the fill value, weight)."""
    for n, i, j, c in np.ndindex(shape):
        if not (abs(down[n]) < 2**31 and abs(right[n]) < 2**31):
            yield (n, i, j, c), (n, i, j, c), math.nan
            continue
        for h, wh in shifted(i, down[n], interpolation):
            for w, ww in shifted(j, right[n], interpolation):
                at = (outside(h, shape[1], fill_mode), outside(w, shape[2], fill_mode))
                yield (n, i, j, c), None if None in at else (n, *at, c), wh * ww


def translate2d_forward(y, x, down, right, *, interpolation, fill_mode, fill_value=0.0):
    y[...] = 0
    for o, p, weight in translation(y.shape, down, right, interpolation, fill_mode):
        y[o] += weight * (fill_value if p is None else x[p])


def translate2d_backward(dx, dy, down, right, *, interpolation, fill_mode, accumulate=False):
    total = np.zeros(dx.shape)
    for o, p, weight in translation(dy.shape, down, right, interpolation, fill_mode):
        if p is not None:
            total[p] += weight * dy[o]
    for p in np.ndindex(dx.shape):
        store(dx, p, total[p], accumulate)
