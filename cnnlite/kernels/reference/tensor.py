"""Arrays rearranged, reduced, selected and converted."""

from __future__ import annotations

import numpy as np


def transpose(y, x, *, axes):
    """Permute the axes: ``y[i[axes[0]], i[axes[1]], ...] = x[i[0], i[1], ...]``.

    y : output; its axis d is x's axis ``axes[d]``
    x : any shape; floating, int32 or uint8
    axes : a permutation of 0..x.ndim-1
    """
    y[...] = x.transpose(axes)


def reduce(y, x, *, function, axes, accumulate=False):
    """Combine the elements along some axes.

    y : output, x's shape without ``axes``
    x : any shape
    function : "sum" (over nothing: 0), "mean" (over nothing: NaN) or "max" (over nothing:
        -inf; NaN wins over everything)
    axes : tuple of different axes, 0 <= axis < x.ndim
    accumulate : add to what y holds; not for "max"
    """
    if function == "max":
        y[...] = x.max(axis=axes, initial=-np.inf)
        return
    total = x.sum(axis=axes)
    if function == "mean":
        count = np.prod([x.shape[axis] for axis in axes])
        with np.errstate(invalid="ignore", divide="ignore"):
            total = total / total.dtype.type(count)
    if accumulate:
        y += total
    else:
        y[...] = total


def batch_matmul(
    y, a, b, *, transpose_a=False, transpose_b=False, heads=(1, 1, 1), accumulate=False
):
    """Matrix products of batches of matrices: ``y = op(a) @ op(b)`` in each.

    A batch has two axes, of N and of H.  The N axis is the first; the axis of H is axis 1
    or, as the heads of an attention layer lie, axis 2, between the rows and the columns.

    y : (N, H, M, L), or (N, M, H, L) if ``heads[0]`` is 2; output
    a : (N, H, M, K), or (N, H, K, M) with ``transpose_a``; if ``heads[1]`` is 2, its axes 1
        and 2 exchanged
    b : (N, H, K, L), or (N, H, L, K) with ``transpose_b``; if ``heads[2]`` is 2, its axes 1
        and 2 exchanged
    heads : where y, a and b have the axis of H, 1 or 2 each

    ``K = 0`` gives zeros.
    """
    y, a, b = (np.moveaxis(array, at, 1) for array, at in zip((y, a, b), heads, strict=True))
    a = a.swapaxes(2, 3) if transpose_a else a
    b = b.swapaxes(2, 3) if transpose_b else b
    if accumulate:
        y += a @ b
    else:
        y[...] = a @ b


def where(y, mask, x, *, value):
    """Keep x where the mask is not 0, put ``value`` elsewhere.

    y : output, the shape that mask and x broadcast to; may alias x
    mask : uint8
    x : floating
    value : float
    """
    np.copyto(y, np.where(mask, x, np.asarray(value, x.dtype)))


def logical(y, a, b, *, function):
    """Combine two masks, element by element.

    y : output uint8, the shape that a and b broadcast to: 0 or 1
    a, b : uint8; what is not 0 counts as 1
    function : "and", "or"
    """
    y[...] = {"and": np.logical_and, "or": np.logical_or}[function](a, b)


def differs(y, x, *, value):
    """Mark the rows that hold anything else than ``value``.

    y : (rows,) output uint8: 1 where any of the row's elements differs from the value
        (NaN does), else 0; a row of none gives 0
    x : (rows, K) floating, int32 or uint8
    value : float, a whole number for int32 and uint8
    """
    y[...] = (x != np.asarray(value, x.dtype)).any(axis=1)


def gather(y, table, ids):
    """Look rows of a table up: ``y[r] = table[ids[r]]``.

    y : (rows, K) output; a row of NaN where the id is outside of 0..V-1
    table : (V, K)
    ids : (rows,) int32
    """
    inside = (ids >= 0) & (ids < len(table))
    y[...] = np.nan
    y[inside] = table[ids[inside]]


def scatter_add(dtable, dy, ids, *, accumulate=False):
    """Gradient of ``gather``: ``dtable[v] = sum over the r with ids[r] = v of dy[r]``, in order.

    dtable : (V, K) output
    dy : (rows, K)
    ids : (rows,) int32; an id outside of 0..V-1 counts for nothing
    """
    if not accumulate:
        dtable[...] = 0
    inside = (ids >= 0) & (ids < len(dtable))
    np.add.at(dtable, ids[inside], dy[inside])


def cast(y, x):
    """Convert every element to another type.

    y : output; float32, float64, int32 or uint8
    x : same shape; one of these types too

    Floating to whole numbers: towards 0; what is too large or too small becomes the
    nearest number that there is, NaN becomes 0.
    """
    if y.dtype.kind == "f":
        with np.errstate(over="ignore"):
            y[...] = x
        return
    limits = np.iinfo(y.dtype)
    clipped = np.clip(x.astype(np.float64), limits.min, limits.max)
    y[...] = np.where(np.isnan(clipped), 0, clipped).astype(y.dtype)


def fill(y, *, value):
    """Set every element to one value.

    y : output, any shape; floating, int32 or uint8
    value : a number that y's type can hold
    """
    y[...] = value
