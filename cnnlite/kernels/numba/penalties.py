"""Penalties and projections of parameters: sums in float64, in an order of the shape alone."""

from __future__ import annotations

import functools
import math

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import D1, F1, F2, N1, B, D, N, inlined, tiled
from cnnlite.kernels.numba.rows import TILE, row_sum, wide_dot
from cnnlite.kernels.numba.simd import lanes, load, maximum, reduce_add, splat, widen

__all__ = [
    "orthogonal_penalty_backward",
    "orthogonal_penalty_forward",
    "penalty_backward",
    "penalty_forward",
    "project_norms",
]

EPSILON = 1e-7  # of norms, as in the reference

# Nanoseconds on one core for an element that is read, or read and written, from memory; for
# one of a matrix of products; and for one that is summed and scaled.
STREAM, ORTHOGONAL, PROJECT = 0.4, 5.0, 0.5

# Vectors side by side that a tile projects: their sums of 4 KB stay in the L1 cache.
BLOCK = 512


def penalty_forward(total, arrays, *, l1, l2, scale=1.0, accumulate=False):
    penalty = 0.0
    for w in arrays:
        sums = np.empty(-(-w.size // TILE))
        _penalties(STREAM * w.size, sums, w.reshape(-1), l1, l2)
        penalty += float(sums.sum())
    total[0] = (total[0] if accumulate else 0) + scale * penalty


def penalty_backward(dw, w, *, l1, l2, scale=1.0, accumulate=False):
    of_sign, of_w = scale * l1, 2 * scale * l2
    arrays = dw.reshape(-1), w.reshape(-1)
    _penalty_gradient(STREAM * w.size, *arrays, of_sign, of_w, l1 != 0, l2 != 0, accumulate)


def orthogonal_penalty_forward(total, gram, *, scale=1.0, accumulate=False):
    n = len(gram)
    sums = np.empty(n)
    _cosines(ORTHOGONAL * gram.size, sums, gram)
    penalty = float(sums.sum()) / max(n * (n - 1), 1)
    total[0] = (total[0] if accumulate else 0) + scale * penalty


def orthogonal_penalty_backward(factors, gram, *, scale=1.0):
    n = len(gram)
    _cosine_factors(ORTHOGONAL * gram.size, factors, gram, 2 * scale / max(n * (n - 1), 1))


def project_norms(w, *, axes, min_value, max_value, rate=1.0):
    if w.size == 0:
        return
    kept, reduced, run = _offsets(w.shape, tuple(axes))
    project = _project_runs if w.ndim - 1 in axes else _project_places
    project(PROJECT * w.size, w.reshape(-1), kept, reduced, run, min_value, max_value, rate)


@functools.lru_cache(256)
def _offsets(shape, axes):
    """Return where the innermost run of a vector may start, and its length.

    The innermost axes make a run, all of them kept or all reduced.  An element's place is the
    sum of an offset of the kept axes, one of the reduced axes, and its place in the run.
    """
    run_is_reduced = len(shape) - 1 in axes
    first = len(shape)  # the axis with which the run begins
    while first > 0 and (first - 1 in axes) == run_is_reduced:
        first -= 1
    offsets = {True: np.zeros(1, np.intp), False: np.zeros(1, np.intp)}
    for axis in range(first):
        own = np.arange(shape[axis], dtype=np.intp) * math.prod(shape[axis + 1 :])
        offsets[axis in axes] = np.add.outer(offsets[axis in axes], own).reshape(-1)
    return offsets[False], offsets[True], math.prod(shape[first:])


@inlined
def _wide_sizes(x):
    """Return the sum of the sizes of a row in float64."""
    total = 0.0
    body = x.size - x.size % lanes(x)
    if body:
        zero = splat(x.dtype.type(0))
        sums = widen(zero)
        for k in range(0, body, lanes(x)):
            sums = sums + widen(maximum(load(x, k), zero - load(x, k)))
        total = reduce_add(sums)
    for k in range(body, x.size):
        total += abs(np.float64(x[k]))
    return total


@tiled
def _penalties(sums: D1, w: F1, l1: D, l2: D):
    for tile in prange(sums.size):
        piece = w[tile * TILE : (tile + 1) * TILE]
        penalty = 0.0
        if l1 != 0:
            penalty += l1 * _wide_sizes(piece)
        if l2 != 0:
            penalty += l2 * wide_dot(piece, piece)
        sums[tile] = penalty


@tiled
def _penalty_gradient(dw: F1, w: F1, of_sign: D, of_w: D, has_sign: B, has_w: B, accumulate: B):
    one, zero = w.dtype.type(1), w.dtype.type(0)
    l1, l2 = w.dtype.type(of_sign), w.dtype.type(of_w)
    for tile in prange((w.size + TILE - 1) // TILE):
        out, of = dw[tile * TILE : (tile + 1) * TILE], w[tile * TILE : (tile + 1) * TILE]
        for k in range(of.size):
            x = of[k]
            sign = one if x > zero else -one if x < zero else x  # 0 or NaN stays
            gradient = (l1 * sign if has_sign else zero) + (l2 * x if has_w else zero)
            out[k] = out[k] + gradient if accumulate else gradient


@inlined
def _lengths(gram):
    """Return the lengths of the vectors whose products ``gram`` holds, at least EPSILON."""
    lengths = np.empty(len(gram))
    for i in range(len(gram)):
        square = np.float64(gram[i, i])
        lengths[i] = EPSILON if square < EPSILON * EPSILON else math.sqrt(square)
    return lengths


@tiled
def _cosines(sums: D1, gram: F2):
    lengths = _lengths(gram)
    for i in prange(len(gram)):
        cosines = np.empty(len(gram))
        row, own = gram[i], lengths[i]
        for j in range(row.size):
            cosines[j] = abs(np.float64(row[j])) / (own * lengths[j])
        cosines[i] = 0
        sums[i] = row_sum(cosines)


@tiled
def _cosine_factors(factors: F2, gram: F2, scale: D):
    lengths = _lengths(gram)
    for i in prange(len(gram)):
        cosines = np.empty(len(gram))
        row, out, own = gram[i], factors[i], lengths[i]
        for j in range(row.size):
            x = np.float64(row[j])
            sign = 1.0 if x > 0 else -1.0 if x < 0 else x
            cosines[j] = abs(x) / (own * lengths[j])
            out[j] = scale * sign / (own * lengths[j])
        cosines[i] = 0
        is_short = np.float64(row[i]) < EPSILON * EPSILON
        out[i] = 0 if is_short else -scale * row_sum(cosines) / (own * own)


@inlined
def _factor(squares, least, most, rate):
    """Return what a vector of this sum of squares is multiplied by."""
    norm = math.sqrt(squares)
    wanted = least if norm < least else most if norm > most else norm
    if rate != 1:
        wanted = rate * wanted + (1 - rate) * norm
    return wanted / (norm + EPSILON)


@tiled
def _project_runs(
    w: F1, kept: N1, reduced: N1, run: N, least: D, most: D, rate: D
):  # each vector takes whole runs
    for tile in prange(kept.size):
        squares = 0.0
        for offset in reduced:
            part = w[kept[tile] + offset : kept[tile] + offset + run]
            squares += wide_dot(part, part)
        factor = w.dtype.type(_factor(squares, least, most, rate))
        for offset in reduced:
            part = w[kept[tile] + offset : kept[tile] + offset + run]
            for k in range(part.size):
                part[k] *= factor


@tiled
def _project_places(
    w: F1, kept: N1, reduced: N1, run: N, least: D, most: D, rate: D
):  # each place in the run is a vector
    blocks = (run + BLOCK - 1) // BLOCK
    for tile in prange(kept.size * blocks):
        first = tile % blocks * BLOCK
        start, count = kept[tile // blocks] + first, min(BLOCK, run - first)
        squares = np.zeros(count)
        factors = np.empty(count, w.dtype)
        for offset in reduced:
            part = w[start + offset : start + offset + count]
            for k in range(count):
                squares[k] += np.float64(part[k]) * np.float64(part[k])
        for k in range(count):
            factors[k] = _factor(squares[k], least, most, rate)
        for offset in reduced:
            part = w[start + offset : start + offset + count]
            for k in range(count):
                part[k] *= factors[k]
