"""Joining, cutting and reshaping."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnlite.errors import DtypeError, ShapeError
from cnnlite.ops.core import Buffer, Output, Tensor, run, tensor, view
from cnnlite.shapes import normalize_axis


def concatenate(xs: Sequence[Any], axis: int = -1, *, out: Any = None) -> Tensor:
    """Join arrays along an axis.

    Parameters
    ----------
    xs : sequence of arrays
        Equal in all dimensions but ``axis``.
    axis : int

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.concatenate([[1, 2], [3]])
    array([1., 2., 3.], dtype=float32)
    """
    arrays = [tensor(x, f"concatenate: xs[{i}]") for i, x in enumerate(xs)]
    if not arrays:
        raise ShapeError("concatenate: no arrays. Got an empty sequence. Pass at least one.")
    first = arrays[0]
    axis = normalize_axis(axis, first.ndim, "concatenate: axis")
    for i, x in enumerate(arrays):
        if x.dtype != first.dtype:
            raise DtypeError(f"concatenate: xs[0] is {first.dtype}, xs[{i}] is {x.dtype}.")
        if x.ndim != first.ndim or any(
            a != b for d, (a, b) in enumerate(zip(x.shape, first.shape, strict=True)) if d != axis
        ):
            raise ShapeError(
                f"concatenate: shapes may differ along axis {axis} alone. "
                f"Got {', '.join(str(x.shape) for x in arrays)}."
            )
    shape = list(first.shape)
    shape[axis] = sum(x.shape[axis] for x in arrays)
    y = Output(out, shape, first.dtype, "concatenate", reads=arrays)
    run("concatenate", first.dtype, (y.array,), (arrays,), axis=axis)
    return y.deliver()


def split(y: Any, sizes: Sequence[int], axis: int = -1) -> list[Tensor]:
    """Cut an array into parts along an axis; the gradient of :func:`concatenate`.

    Parameters
    ----------
    y : array
    sizes : sequence of int
        Extents of the parts along ``axis``; their sum is y's extent.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.split([1, 2, 3], [2, 1])
    [array([1., 2.], dtype=float32), array([3.], dtype=float32)]
    """
    y = tensor(y, "split: y")
    axis = normalize_axis(axis, y.ndim, "split: axis")
    if sum(sizes) != y.shape[axis] or min(sizes, default=-1) < 0:
        raise ShapeError(
            f"split: sizes must sum to the extent of axis {axis}. "
            f"Got {list(sizes)} for {y.shape[axis]}."
        )
    parts = [
        Output(None, (*y.shape[:axis], n, *y.shape[axis + 1 :]), y.dtype, "split").array
        for n in sizes
    ]
    run("split", y.dtype, (parts,), (y,), axis=axis)
    return parts


def reshape(x: Any, shape: Sequence[int]) -> Tensor:
    """Return ``x`` under another shape of the same size, sharing its memory where it can.

    Parameters
    ----------
    x : array
    shape : sequence of int
        One size may be -1: what is left.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.reshape([1, 2, 3, 4], (2, -1)).shape
    (2, 2)
    """
    if type(x) is not Buffer:
        x = tensor(x, "reshape: x") if hasattr(x, "refuse") else np.asarray(x, order="C")
    try:
        sizes = [operator.index(n) for n in shape]
    except TypeError:
        raise ShapeError(f"reshape: shape must be a sequence of sizes. Got {shape!r}.") from None
    known = int(np.prod([n for n in sizes if n != -1], dtype=object))
    if sizes.count(-1) == 1 and known and x.size % known == 0:
        sizes[sizes.index(-1)] = x.size // known
    if min(sizes, default=0) < 0 or int(np.prod(sizes, dtype=object)) != x.size:
        raise ShapeError(
            f"reshape: {x.size} elements do not fill the shape. "
            f"Got x {x.shape}, shape {tuple(shape)}."
        )
    return view(x, tuple(sizes))
