"""Rows along another axis than the last: there and back."""

from __future__ import annotations

from typing import Any

from cnnlite import ops
from cnnlite.errors import ShapeError
from cnnlite.ops.core import Tensor
from cnnlite.shapes import is_int


def checked_axis(axis: Any, where: str) -> int:
    """Return an axis given as an argument, or raise."""
    if not is_int(axis):
        raise TypeError(f"{where}: axis must be an integer. Got {axis!r}.")
    return int(axis)


def row_last(x: Tensor, axis: int, where: str) -> Tensor:
    """Return ``x`` with the axis moved to the end, the others in their order."""
    axis, last = _places(x, axis, where)
    if axis == last:
        return x
    return ops.transpose(x, [*(d for d in range(last + 1) if d != axis), axis])


def rows_back(dx: Tensor, axis: int) -> Tensor:
    """Return a gradient with its last axis moved back to its place."""
    axis, last = _places(dx, axis)
    if axis == last:
        return dx
    return ops.transpose(dx, [*range(axis), last, *range(axis, last)])


def _places(x: Tensor, axis: int, where: str = "axis") -> tuple[int, int]:
    ndim = len(x.shape)
    if not -ndim <= axis < ndim or axis % ndim == 0:
        raise ShapeError(
            f"{where}: axis must be one of the axes 1..{ndim - 1} of the predictions. "
            f"Got {axis} for shape {tuple(x.shape)}."
        )
    return axis % ndim, ndim - 1
