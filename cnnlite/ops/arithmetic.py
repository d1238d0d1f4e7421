"""Arithmetic of two arrays, by NumPy's rules of broadcasting, and the gradient of those."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnlite.errors import DtypeError, ShapeError
from cnnlite.ops.core import (
    Output,
    Tensor,
    check_dimensions,
    checked_shape,
    run,
    tensor,
    view,
)
from cnnlite.ops.parameter import Parameter
from cnnlite.shapes import broadcast_shape


def _operands(where: str, a: Any, b: Any) -> tuple[Tensor, Tensor]:
    """Return both as arrays of one dtype; a Python number takes the other's."""
    if isinstance(b, int | float) and not isinstance(b, bool):
        a = tensor(a, f"{where}: a")
        return a, np.array(b, a.dtype)
    if isinstance(a, int | float) and not isinstance(a, bool):
        b = tensor(b, f"{where}: b")
        return np.array(a, b.dtype), b
    a, b = tensor(a, f"{where}: a"), tensor(b, f"{where}: b")
    if a.dtype != b.dtype:
        raise DtypeError(f"{where}: a and b differ in dtype. Got {a.dtype} and {b.dtype}.")
    return a, b


def _binary(function: str, a: Any, b: Any, out: Any) -> Tensor:
    a, b = _operands(function, a, b)
    shape = a.shape if a.shape == b.shape else broadcast_shape(a.shape, b.shape, function)
    y = Output(out, shape, a.dtype, function, alias=(a, b))
    check_dimensions(y.array, f"{function}: the result")
    run("binary", a.dtype, (y.array,), (a, b), function=function)
    return y.deliver()


def add(a: Any, b: Any, *, out: Any = None) -> Tensor:
    """Sum of two arrays, or of an array and a number; shapes broadcast.

    Parameters
    ----------
    a, b : arrays of one dtype, or one array and one number
        Sizes are equal or 1, counted from the last axis; an axis that one of them lacks
        counts as 1.
    out : array, optional
        May be ``a`` or ``b`` itself.

    Returns
    -------
    array of the common shape

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.add([[1], [2]], [10, 20])
    array([[11., 21.],
           [12., 22.]], dtype=float32)
    """
    return _binary("add", a, b, out)


def subtract(a: Any, b: Any, *, out: Any = None) -> Tensor:
    """Difference of two arrays, or of an array and a number; shapes broadcast.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.subtract([1, 2], [3, 4])
    array([-2., -2.], dtype=float32)
    """
    return _binary("subtract", a, b, out)


def multiply(a: Any, b: Any, *, out: Any = None) -> Tensor:
    """Product of two arrays, element by element, or with a number; shapes broadcast.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.multiply([1, 2], 3)
    array([3., 6.], dtype=float32)
    """
    return _binary("multiply", a, b, out)


def divide(a: Any, b: Any, *, out: Any = None) -> Tensor:
    """Quotient of two arrays, or of an array and a number; shapes broadcast.

    A number by 0 is an infinity, 0 by 0 is NaN.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.divide([1, 2], [4, 4])
    array([0.25, 0.5 ], dtype=float32)
    """
    return _binary("divide", a, b, out)


def maximum(a: Any, b: Any, *, out: Any = None) -> Tensor:
    """The larger of two numbers, element by element; NaN wins.  Shapes broadcast.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.maximum([1, 5], 3)
    array([3., 5.], dtype=float32)
    """
    return _binary("maximum", a, b, out)


def minimum(a: Any, b: Any, *, out: Any = None) -> Tensor:
    """The smaller of two numbers, element by element; NaN wins.  Shapes broadcast.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.minimum([1, 5], 3)
    array([1., 3.], dtype=float32)
    """
    return _binary("minimum", a, b, out)


def greater_equal(a: Any, b: Any, *, out: Any = None) -> Tensor:
    """1 where ``a >= b``, else 0, as floating numbers; NaN where either is NaN.

    It is the derivative of :func:`maximum` to ``a``, where the first of equal numbers counts
    as the larger one.  Shapes broadcast.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.greater_equal([1, 5], 3)
    array([0., 1.], dtype=float32)
    """
    return _binary("greater_equal", a, b, out)


def divide_by_root(a: Any, b: Any, *, out: Any = None) -> Tensor:
    """``a / sqrt(b)``: what normalizes a vector by the sum of its squares.  Shapes broadcast.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.divide_by_root([3, 4], 25)
    array([0.6, 0.8], dtype=float32)
    """
    return _binary("divide_by_root", a, b, out)


def reduce_to(dy: Any, shape: Sequence[int], *, out: Any = None) -> Tensor:
    """Gradient of broadcasting: sum ``dy`` over the axes along which an array was repeated.

    Parameters
    ----------
    dy : array
        Gradient of a result of broadcasting.
    shape : sequence of int
        Shape of the array that was broadcast to ``dy.shape``.

    Returns
    -------
    array of that shape
        ``dy`` itself where nothing was repeated and there is no ``out``.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> ops.reduce_to(np.ones((2, 3), "float32"), (3,))
    array([2., 2., 2.], dtype=float32)
    """
    if type(dy) is Parameter:
        dy = dy.value
    dy = tensor(dy, "reduce_to: dy")
    shape = checked_shape(shape, None, "reduce_to: shape")
    if shape == dy.shape and out is None:
        return dy
    if broadcast_shape(dy.shape, shape, "reduce_to") != dy.shape:
        raise ShapeError(f"reduce_to: {shape} does not broadcast to dy's shape. Got dy {dy.shape}.")
    check_dimensions(dy, "reduce_to: dy")
    missing = len(dy.shape) - len(shape)
    axes = tuple(
        axis
        for axis, n in enumerate(dy.shape)
        if axis < missing or (shape[axis - missing] == 1 and n != 1)
    )
    dx = Output(out, shape, dy.dtype, "reduce_to", reads=(dy,), adds=True)
    kept = view(dx.array, [n for axis, n in enumerate(dy.shape) if axis not in axes])
    params = {"function": "sum", "axes": axes, "accumulate": dx.accumulate}
    run("reduce", dy.dtype, (kept,), (dy,), **params)
    return dx.deliver()
