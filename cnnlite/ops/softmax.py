"""Softmax and its logarithm along any axis, and their gradients."""

from __future__ import annotations

import math
from typing import Any

from cnnlite.errors import ShapeError
from cnnlite.ops.arrays import transpose
from cnnlite.ops.core import Output, Tensor, run, same_shape, tensor, view
from cnnlite.shapes import normalize_axis


def softmax(x: Any, axis: int = -1, *, out: Any = None) -> Tensor:
    """Softmax along an axis: ``exp(x_k - max x) / sum_j exp(x_j - max x)``.

    Parameters
    ----------
    x : array of at least one dimension
    axis : int
        Others than the last cost a transposition of x and one of the result.
    out : array, optional
        May be ``x`` itself.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.softmax([[1.0, 1.0]])
    array([[0.5, 0.5]], dtype=float32)
    """
    return _forward("softmax", x, axis, out)


def softmax_backward(dy: Any, y: Any, axis: int = -1, *, out: Any = None) -> Tensor:
    """Gradient of :func:`softmax` from its output: ``y (dy - sum(dy y))``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.softmax_backward([[1.0, 0.0]], [[0.5, 0.5]])
    array([[ 0.25, -0.25]], dtype=float32)
    """
    return _backward("softmax", dy, y, axis, out)


def log_softmax(x: Any, axis: int = -1, *, out: Any = None) -> Tensor:
    """Logarithm of the softmax along an axis: ``x_k - max x - log sum_j exp(x_j - max x)``.

    Exact where the softmax itself would vanish.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.log_softmax([1000.0, 0.0])
    array([    0., -1000.], dtype=float32)
    """
    return _forward("log_softmax", x, axis, out)


def log_softmax_backward(dy: Any, y: Any, axis: int = -1, *, out: Any = None) -> Tensor:
    """Gradient of :func:`log_softmax` from its output: ``dy - e^y sum(dy)``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.log_softmax_backward([1.0, 0.0], [-0.6931472, -0.6931472])
    array([ 0.5, -0.5], dtype=float32)
    """
    return _backward("log_softmax", dy, y, axis, out)


def _forward(function: str, x: Any, axis: int, out: Any) -> Tensor:
    x = _at_least_1d(tensor(x, f"{function}: x"), f"{function}: x")
    axes = _to_last(axis, x.ndim, f"{function}: axis")
    if axes is not None:
        moved = _forward(function, transpose(x, axes), -1, None)
        return transpose(moved, axes, out=out)
    y = Output(out, x.shape, x.dtype, function, alias=(x,))
    run(f"{function}_forward", x.dtype, (_as_rows(y.array),), (_as_rows(x),))
    return y.deliver()


def _backward(function: str, dy: Any, y: Any, axis: int, out: Any) -> Tensor:
    where = f"{function}_backward"
    dy = _at_least_1d(tensor(dy, f"{where}: dy"), f"{where}: dy")
    y = tensor(y, f"{where}: y")
    same_shape(where, dy, y, "dy and y")
    axes = _to_last(axis, dy.ndim, f"{where}: axis")
    if axes is not None:
        moved = _backward(function, transpose(dy, axes), transpose(y, axes), -1, None)
        return transpose(moved, axes, out=out)
    dx = Output(out, dy.shape, dy.dtype, where, reads=(y,), alias=(dy,), adds=True)
    outputs, inputs = (_as_rows(dx.array),), (_as_rows(dy), _as_rows(y))
    run(where, dy.dtype, outputs, inputs, accumulate=dx.accumulate)
    return dx.deliver()


def _to_last(axis: int, ndim: int, where: str) -> tuple[int, ...] | None:
    """Return the axes with ``axis`` and the last exchanged, or None if it is the last."""
    axis = normalize_axis(axis, ndim, where)
    if axis == ndim - 1:
        return None
    axes = list(range(ndim))
    axes[axis], axes[-1] = axes[-1], axes[axis]
    return tuple(axes)


def _at_least_1d(x: Tensor, where: str) -> Tensor:
    if x.ndim < 1:
        raise ShapeError(f"{where} must have a dimension. Got a scalar.")
    return x


def _as_rows(x: Tensor) -> Tensor:
    return view(x, (math.prod(x.shape[:-1]), x.shape[-1]))
