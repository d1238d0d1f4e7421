"""Sums, means and maxima over some axes."""

from __future__ import annotations

from typing import Any

from cnnlite.ops.core import Output, Tensor, check_dimensions, run, tensor, view
from cnnlite.shapes import normalize_axes


def _reduce(function: str, x: Any, axis: Any, keepdims: bool, out: Any) -> Tensor:
    x = tensor(x, f"{function}: x")
    check_dimensions(x, f"{function}: x")
    axes = normalize_axes(axis, len(x.shape), function)
    kept = [n for i, n in enumerate(x.shape) if i not in axes]
    shape = [1 if i in axes else n for i, n in enumerate(x.shape)] if keepdims else kept
    y = Output(out, shape, x.dtype, function, reads=(x,), adds=function != "max")
    run(
        "reduce",
        x.dtype,
        (view(y.array, kept),),
        (x,),
        function=function,
        axes=axes,
        accumulate=y.accumulate,
    )
    return y.deliver()


def sum(x: Any, axis: Any = None, *, keepdims: bool = False, out: Any = None) -> Tensor:
    """Sum over some axes; over nothing 0.

    Parameters
    ----------
    x : array
    axis : int or tuple of int, optional
        Default: all.
    keepdims : bool
        Whether an axis that was summed over stays, of size 1.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.sum([[1, 2], [3, 4]], axis=0)
    array([4., 6.], dtype=float32)
    """
    return _reduce("sum", x, axis, keepdims, out)


def mean(x: Any, axis: Any = None, *, keepdims: bool = False, out: Any = None) -> Tensor:
    """Mean over some axes; over nothing NaN.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.mean([[1, 2], [3, 4]], axis=-1, keepdims=True)
    array([[1.5],
           [3.5]], dtype=float32)
    """
    return _reduce("mean", x, axis, keepdims, out)


def max(x: Any, axis: Any = None, *, keepdims: bool = False, out: Any = None) -> Tensor:
    """Largest element along some axes; NaN wins; of nothing -inf.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.max([[1, 2], [4, 3]], axis=1)
    array([2., 4.], dtype=float32)
    """
    return _reduce("max", x, axis, keepdims, out)
