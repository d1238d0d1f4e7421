"""Rows looked up in tables, and arrays converted and filled."""

from __future__ import annotations

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import D1, F1, F2, I1, S1, U1, B, D, N, inlined, tiled
from cnnlite.kernels.numba.rows import TILE, rows_of_tile

__all__ = ["cast", "differs", "fill", "gather", "scatter_add"]

# Nanoseconds on one core for an element that is read and written; and that is converted.
STREAM, CONVERT = 0.2, 0.4

TILES = 16  # of the table's rows, at most: each tile reads all ids


# ---- rows


def differs(y, x, *, value):
    _differs(STREAM * x.size + 5 * len(x), y, x, value)


def gather(y, table, ids):
    _gather(STREAM * y.size, y, table, ids)


def scatter_add(dtable, dy, ids, *, accumulate=False):
    _scatter_add(2 * STREAM * (dy.size + dtable.size), dtable, dy, ids, accumulate)


@tiled
def _differs(y: U1, x: F2, value: D):
    wanted = x.dtype.type(value)
    step = rows_of_tile(x.shape[1])
    for tile in prange((len(x) + step - 1) // step):
        for r in range(tile * step, min(len(x), (tile + 1) * step)):
            row, found = x[r], False
            for k in range(row.size):
                found |= row[k] != wanted
            y[r] = found


@tiled
def _gather(y: F2, table: F2, ids: I1):
    step = rows_of_tile(table.shape[1])
    for tile in prange((len(ids) + step - 1) // step):
        for r in range(tile * step, min(len(ids), (tile + 1) * step)):
            out = y[r]
            if 0 <= ids[r] < len(table):
                row = table[ids[r]]
                for k in range(out.size):
                    out[k] = row[k]
            else:
                for k in range(out.size):
                    out[k] = np.nan


@tiled
def _scatter_add(dtable: F2, dy: F2, ids: I1, accumulate: B):
    # A tile's rows of the table belong to it alone, and it adds to them in the ids' order.
    tiles = min(len(dtable), TILES, max(1, dy.size // TILE))
    for tile in prange(tiles):
        first, last = len(dtable) * tile // tiles, len(dtable) * (tile + 1) // tiles
        if not accumulate:
            dtable[first:last] = 0
        for r in range(len(ids)):
            if first <= ids[r] < last:
                out, row = dtable[ids[r]], dy[r]
                for k in range(row.size):
                    out[k] += row[k]


# ---- types


def cast(y, x):
    from_type = _CASTS[x.dtype.char]
    # What holds every number of x needs no limits.
    whole = y.dtype.kind != "f" and not np.can_cast(x.dtype, y.dtype)
    limits = np.iinfo(y.dtype) if whole else None
    least, most = (limits.min, limits.max) if limits else (0, 0)
    from_type(CONVERT * y.size, y.reshape(-1), x.reshape(-1), whole, least, most)


def fill(y, *, value):
    _fill(STREAM * y.size, y.reshape(-1), value)


@inlined
def _convert(y, x, whole, least, most):
    """Convert elements: to a whole number by way of float64, which holds every other type's."""
    if whole:
        low, high = np.float64(least), np.float64(most)
        for k in range(y.size):
            value = np.float64(x[k])
            value = low if value < low else high if value > high else value
            y[k] = value if value == value else 0.0
    else:
        for k in range(y.size):
            y[k] = x[k]


@tiled
def _from_float32(y: F1, x: S1, whole: B, least: N, most: N):
    for tile in prange((y.size + TILE - 1) // TILE):
        first, last = tile * TILE, (tile + 1) * TILE
        _convert(y[first:last], x[first:last], whole, least, most)


@tiled
def _from_float64(y: F1, x: D1, whole: B, least: N, most: N):
    for tile in prange((y.size + TILE - 1) // TILE):
        first, last = tile * TILE, (tile + 1) * TILE
        _convert(y[first:last], x[first:last], whole, least, most)


@tiled
def _from_int32(y: F1, x: I1, whole: B, least: N, most: N):
    for tile in prange((y.size + TILE - 1) // TILE):
        first, last = tile * TILE, (tile + 1) * TILE
        _convert(y[first:last], x[first:last], whole, least, most)


@tiled
def _from_uint8(y: F1, x: U1, whole: B, least: N, most: N):
    for tile in prange((y.size + TILE - 1) // TILE):
        first, last = tile * TILE, (tile + 1) * TILE
        _convert(y[first:last], x[first:last], whole, least, most)


_CASTS = {"f": _from_float32, "d": _from_float64, "i": _from_int32, "B": _from_uint8}


@tiled
def _fill(y: F1, value: D):
    element = y.dtype.type(value)
    for tile in prange((y.size + TILE - 1) // TILE):
        part = y[tile * TILE : (tile + 1) * TILE]
        for k in range(part.size):
            part[k] = element
