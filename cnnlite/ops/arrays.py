"""Axes permuted, elements selected by masks, types converted, constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnlite.errors import DtypeError, ShapeError
from cnnlite.ops.core import (
    FLOAT32,
    FLOATS,
    INTEGERS,
    Output,
    Tensor,
    check_dimensions,
    checked_shape,
    kernel_dtype,
    run,
    tensor,
    typed_tensor,
    view,
)
from cnnlite.shapes import broadcast_shape, is_int


def transpose(x: Any, axes: Sequence[int] | None = None, *, out: Any = None) -> Tensor:
    """Permute the axes: axis ``d`` of the result is axis ``axes[d]`` of ``x``.

    Parameters
    ----------
    x : array
        float32, float64, int32 or uint8.
    axes : sequence of int, optional
        A permutation of 0..ndim-1, negative ones counted from the end.  Default: reversed.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> ops.transpose(np.zeros((2, 3, 4), "float32"), (0, 2, 1)).shape
    (2, 4, 3)
    """
    x = typed_tensor(x, "transpose: x")
    check_dimensions(x, "transpose: x")
    ndim = len(x.shape)
    order = tuple(range(ndim))[::-1] if axes is None else _permutation(axes, ndim)
    y = Output(out, [x.shape[a] for a in order], x.dtype, "transpose", reads=(x,))
    run("transpose", kernel_dtype(x), (y.array,), (x,), axes=order)
    return y.deliver()


def _permutation(axes: Any, ndim: int) -> tuple[int, ...]:
    if isinstance(axes, Sequence) and all(is_int(a) and -ndim <= a < ndim for a in axes):
        order = tuple(int(a) % ndim for a in axes)
        if sorted(order) == list(range(ndim)):
            return order
    raise ShapeError(
        f"transpose: axes must be a permutation of 0..{ndim - 1}. "
        f"Got {axes!r} for {ndim} dimensions."
    )


def cast(x: Any, dtype: Any, *, out: Any = None) -> Tensor:
    """Convert to another dtype.

    Parameters
    ----------
    x : array
        float32, float64, int32 or uint8.
    dtype : {"float32", "float64", "int32", "uint8"}
        Fractions are cut off; what is out of range becomes the nearest number that there
        is; NaN becomes 0.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.cast([1.5, -2.7, 1e20], "int32")
    array([         1,         -2, 2147483647], dtype=int32)
    """
    x = typed_tensor(x, "cast: x")
    y = Output(out, x.shape, _checked_dtype(dtype, "cast"), "cast", reads=(x,))
    run("cast", FLOAT32, (y.array,), (x,))
    return y.deliver()


def _checked_dtype(dtype: Any, where: str) -> np.dtype:
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = np.dtype(object)
    if found not in (*FLOATS, *INTEGERS):
        raise DtypeError(f"{where}: dtype must be float32, float64, int32 or uint8. Got {dtype!r}.")
    return found


def full(shape: Sequence[int], value: float, dtype: Any = np.float32, *, out: Any = None) -> Tensor:
    """Return an array that holds one value.

    Parameters
    ----------
    shape : sequence of int
    value : float
        A number that the dtype can hold.
    dtype : {"float32", "float64", "int32", "uint8"}

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.full((2,), 1.5)
    array([1.5, 1.5], dtype=float32)
    """
    shape = checked_shape(shape, None, "full: shape")
    dtype = _checked_dtype(dtype, "full")
    value = _number(value, "full: value")
    if dtype in INTEGERS and not (
        np.iinfo(dtype).min <= value <= np.iinfo(dtype).max and value == int(value)
    ):
        raise ValueError(f"full: value is no {dtype}. Got {value!r}.")
    y = Output(out, shape, dtype, "full")
    run("fill", kernel_dtype(y.array), (y.array,), (), value=value)
    return y.deliver()


def _number(value: Any, where: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{where} must be a number. Got {value!r}.")
    return value


def _mask(value: Any, where: str) -> Tensor:
    return tensor(value, where, dtype=np.uint8, integer=True)


def where(mask: Any, x: Any, value: float, *, out: Any = None) -> Tensor:
    """Keep ``x`` where the mask is 1, put ``value`` where it is 0.

    Parameters
    ----------
    mask : uint8 array
    x : array
        Their shapes broadcast.
    value : float

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.where([1, 0], [3, 4], -1e9)
    array([ 3.e+00, -1.e+09], dtype=float32)
    """
    mask, x = _mask(mask, "where: mask"), tensor(x, "where: x")
    shape = x.shape if mask.shape == x.shape else broadcast_shape(mask.shape, x.shape, "where")
    y = Output(out, shape, x.dtype, "where", reads=(mask,), alias=(x,))
    check_dimensions(y.array, "where: the result")
    params = {"value": float(_number(value, "where: value"))}
    run("where", x.dtype, (y.array,), (mask, x), **params)
    return y.deliver()


def _logical(function: str, a: Any, b: Any, out: Any) -> Tensor:
    name = f"logical_{function}"
    a, b = _mask(a, f"{name}: a"), _mask(b, f"{name}: b")
    shape = a.shape if a.shape == b.shape else broadcast_shape(a.shape, b.shape, name)
    y = Output(out, shape, np.uint8, name, reads=(a, b))
    check_dimensions(y.array, f"{name}: the result")
    run("logical", FLOAT32, (y.array,), (a, b), function=function)
    return y.deliver()


def logical_and(a: Any, b: Any, *, out: Any = None) -> Tensor:
    """1 where both masks are 1, else 0; shapes broadcast.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.logical_and([1, 1, 0], [1, 0, 0])
    array([1, 0, 0], dtype=uint8)
    """
    return _logical("and", a, b, out)


def logical_or(a: Any, b: Any, *, out: Any = None) -> Tensor:
    """1 where one mask or both are 1, else 0; shapes broadcast.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.logical_or([1, 1, 0], [1, 0, 0])
    array([1, 1, 0], dtype=uint8)
    """
    return _logical("or", a, b, out)


def logical_not(mask: Any, *, out: Any = None) -> Tensor:
    """1 where the mask is 0, else 0.

    Parameters
    ----------
    mask : uint8 array
        Of zeros and ones.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.logical_not([1, 0])
    array([0, 1], dtype=uint8)
    """
    mask = _mask(mask, "logical_not: mask")
    return _differs("logical_not", mask, view(mask, (mask.size, 1)), mask.shape, 1, out)


def not_equal(x: Any, value: float, *, out: Any = None) -> Tensor:
    """Make a mask: 1 where ``x`` differs from ``value``, else 0.

    Parameters
    ----------
    x : array
        float32, float64, int32 or uint8.
    value : float

    Returns
    -------
    uint8 array of x's shape

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.not_equal([3, 0, 5], 0)
    array([1, 0, 1], dtype=uint8)
    """
    x = typed_tensor(x, "not_equal: x")
    return _differs("not_equal", x, view(x, (x.size, 1)), x.shape, value, out)


def any_not_equal(x: Any, value: float, *, out: Any = None) -> Tensor:
    """Make a mask of rows: 1 where any element along the last axis differs from ``value``.

    Parameters
    ----------
    x : (..., K) array
        float32, float64, int32 or uint8.
    value : float

    Returns
    -------
    (...) uint8 array

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.any_not_equal([[0, 0], [0, 1]], 0)
    array([0, 1], dtype=uint8)
    """
    x = typed_tensor(x, "any_not_equal: x")
    if not x.shape:
        raise ShapeError("any_not_equal: x must have a dimension. Got a scalar.")
    rows = int(np.prod(x.shape[:-1], dtype=object))
    return _differs("any_not_equal", x, view(x, (rows, x.shape[-1])), x.shape[:-1], value, out)


def _differs(name: str, x: Tensor, rows: Tensor, shape: Any, value: float, out: Any) -> Tensor:
    y = Output(out, shape, np.uint8, name, reads=(x,))
    value = float(_number(value, f"{name}: value"))
    if x.dtype in INTEGERS:
        limits = np.iinfo(x.dtype)
        if not limits.min <= value <= limits.max or value != int(value):
            raise ValueError(f"{name}: value is no {x.dtype}. Got {value!r}.")
    run("differs", kernel_dtype(x), (view(y.array, rows.shape[:1]),), (rows,), value=value)
    return y.deliver()
