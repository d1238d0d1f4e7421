"""Several arrays joined along an axis, and one array cut along it."""

from __future__ import annotations

import numpy as np


def concatenate(y, xs, *, axis):
    """Join arrays along an axis.

    y : output, the arrays of ``xs`` one after the other along ``axis``
    xs : sequence of arrays, equal in all dimensions but ``axis``
    axis : int, 0 <= axis < y.ndim
    """
    np.concatenate(xs, axis=axis, out=y)


def split(dxs, dy, *, axis, accumulate=False):
    """Gradient of ``concatenate``: cut ``dy`` into the arrays of ``dxs``.

    dxs : sequence of outputs
    dy : what ``concatenate`` of such arrays would give
    """
    start = 0
    for dx in dxs:
        part = dy[(slice(None),) * axis + (slice(start, start + dx.shape[axis]),)]
        start += dx.shape[axis]
        if accumulate:
            dx += part
        else:
            dx[...] = part
