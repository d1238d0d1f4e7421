"""Activations, arithmetic of two arrays, and joining and cutting."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnlite.errors import DtypeError, ShapeError
from cnnlite.ops.core import Buffer, Output, Tensor, rows_of, run, same_shape, tensor, view
from cnnlite.shapes import normalize_axis


def _unary(function: str, x: Any, out: Any) -> Tensor:
    x = tensor(x, f"{function}: x")
    y = Output(out, x.shape, x.dtype, function, alias=(x,))
    run("unary", x.dtype, (y.array,), (x,), function=function)
    return y.deliver()


def _unary_backward(function: str, dy: Any, y: Any, out: Any) -> Tensor:
    where = f"{function}_backward"
    dy, y = tensor(dy, f"{where}: dy"), tensor(y, f"{where}: y")
    same_shape(where, dy, y, "dy and y")
    dx = Output(out, dy.shape, dy.dtype, where, reads=(y,), alias=(dy,), adds=True)
    run(
        "unary_backward",
        dy.dtype,
        (dx.array,),
        (dy, y),
        function=function,
        accumulate=dx.accumulate,
    )
    return dx.deliver()


def relu(x: Any, *, out: Any = None) -> Tensor:
    """Rectified linear unit, ``max(x, 0)``; NaN stays NaN.

    Parameters
    ----------
    x : array
    out : array, optional
        May be ``x`` itself.

    Returns
    -------
    array of x's shape

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.relu([-1, 2])
    array([0., 2.], dtype=float32)
    """
    return _unary("relu", x, out)


def relu_backward(dy: Any, y: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`relu` from its output: ``dy`` where ``y > 0``, else 0.

    Parameters
    ----------
    dy, y : arrays of one shape

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.relu_backward([5, 5], [0, 2])
    array([0., 5.], dtype=float32)
    """
    return _unary_backward("relu", dy, y, out)


def sigmoid(x: Any, *, out: Any = None) -> Tensor:
    """Logistic function, ``1 / (1 + e^-x)``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.sigmoid([0.0])
    array([0.5], dtype=float32)
    """
    return _unary("sigmoid", x, out)


def sigmoid_backward(dy: Any, y: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`sigmoid` from its output: ``dy y (1 - y)``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.sigmoid_backward([1.0], [0.5])
    array([0.25], dtype=float32)
    """
    return _unary_backward("sigmoid", dy, y, out)


def tanh(x: Any, *, out: Any = None) -> Tensor:
    """Hyperbolic tangent.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.tanh([0.0])
    array([0.], dtype=float32)
    """
    return _unary("tanh", x, out)


def tanh_backward(dy: Any, y: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`tanh` from its output: ``dy (1 - y^2)``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.tanh_backward([1.0], [0.5])
    array([0.75], dtype=float32)
    """
    return _unary_backward("tanh", dy, y, out)


def softmax(x: Any, *, out: Any = None) -> Tensor:
    """Softmax over the last axis: ``exp(x_k - max x) / sum_j exp(x_j - max x)``.

    Parameters
    ----------
    x : (..., K) array

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.softmax([[1.0, 1.0]])
    array([[0.5, 0.5]], dtype=float32)
    """
    x = _at_least_1d(tensor(x, "softmax: x"), "softmax: x")
    y = Output(out, x.shape, x.dtype, "softmax", alias=(x,))
    run("softmax_forward", x.dtype, (_as_rows(y.array),), (_as_rows(x),))
    return y.deliver()


def softmax_backward(dy: Any, y: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`softmax` from its output: ``y (dy - sum(dy y))``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.softmax_backward([[1.0, 0.0]], [[0.5, 0.5]])
    array([[ 0.25, -0.25]], dtype=float32)
    """
    where = "softmax_backward"
    dy = _at_least_1d(tensor(dy, f"{where}: dy"), f"{where}: dy")
    y = tensor(y, f"{where}: y")
    same_shape(where, dy, y, "dy and y")
    dx = Output(out, dy.shape, dy.dtype, where, reads=(y,), alias=(dy,), adds=True)
    outputs, inputs = (_as_rows(dx.array),), (_as_rows(dy), _as_rows(y))
    run(where, dy.dtype, outputs, inputs, accumulate=dx.accumulate)
    return dx.deliver()


def _at_least_1d(x: Tensor, where: str) -> Tensor:
    if x.ndim < 1:
        raise ShapeError(f"{where} must have a dimension. Got a scalar.")
    return x


def _as_rows(x: Tensor) -> Tensor:
    return view(x, (1, x.shape[0])) if x.ndim == 1 else rows_of(x)


ACTIVATIONS = {"relu": relu, "sigmoid": sigmoid, "tanh": tanh, "softmax": softmax}
ACTIVATION_GRADIENTS = {
    "relu": relu_backward,
    "sigmoid": sigmoid_backward,
    "tanh": tanh_backward,
    "softmax": softmax_backward,
}


def _binary(function: str, a: Any, b: Any, out: Any) -> Tensor:
    a, b = tensor(a, f"{function}: a"), tensor(b, f"{function}: b")
    same_shape(function, a, b, "a and b")
    y = Output(out, a.shape, a.dtype, function, alias=(a, b))
    run("binary", a.dtype, (y.array,), (a, b), function=function)
    return y.deliver()


def add(a: Any, b: Any, *, out: Any = None) -> Tensor:
    """Sum of two arrays of one shape.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.add([1, 2], [3, 4])
    array([4., 6.], dtype=float32)
    """
    return _binary("add", a, b, out)


def subtract(a: Any, b: Any, *, out: Any = None) -> Tensor:
    """Difference of two arrays of one shape.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.subtract([1, 2], [3, 4])
    array([-2., -2.], dtype=float32)
    """
    return _binary("subtract", a, b, out)


def multiply(a: Any, b: Any, *, out: Any = None) -> Tensor:
    """Product of two arrays of one shape, element by element.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.multiply([1, 2], [3, 4])
    array([3., 8.], dtype=float32)
    """
    return _binary("multiply", a, b, out)


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
        x = np.asarray(x, order="C")
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
