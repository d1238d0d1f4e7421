"""Penalties that are added to a loss, and projections of weights onto norms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnlite.arguments import number
from cnnlite.errors import ShapeError
from cnnlite.ops.core import Buffer, Gradient, Output, Tensor, run, tensor
from cnnlite.ops.parameter import Parameter
from cnnlite.shapes import normalize_axis


def _factors(where: str, **values: Any) -> dict[str, float]:
    return {name: number(value, f"{where}: {name}") for name, value in values.items()}


def _total(out: Any, where: str, reads: Sequence[Tensor]) -> tuple[Output, bool]:
    """Return where a penalty goes, and whether it is added to what stands there.

    An array is a sum that goes on; a Gradient's first write overwrites.
    """
    total = Output(out, (1,), np.float64, where, reads=reads, adds=True)
    return total, total.accumulate if out is None or type(out) is Gradient else True


def penalty_forward(
    x: Any, *, l1: float = 0.0, l2: float = 0.0, scale: float = 1.0, out: Any = None
) -> Tensor:
    """Penalty on the size of elements, ``scale sum (l1 |x| + l2 x^2)``, summed in float64.

    Parameters
    ----------
    x : array, or sequence of arrays
        All are read in one pass.
    l1, l2, scale : float
    out : (1,) float64 array, optional
        The penalty is added to what it holds.

    Returns
    -------
    (1,) float64 array

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.penalty_forward([1.0, -2.0], l1=0.5, l2=0.25)
    array([2.75])
    """
    where = "penalty_forward"
    several = isinstance(x, list | tuple) and any(
        isinstance(a, np.ndarray | Buffer | Parameter) for a in x
    )
    arrays = [tensor(x, f"{where}: x")] if not several else []
    for i, a in enumerate(x if several else ()):
        arrays.append(tensor(a, f"{where}: x[{i}]", dtype=arrays[0].dtype if arrays else None))
    factors = _factors(where, l1=l1, l2=l2, scale=scale)
    total, accumulate = _total(out, where, arrays)
    run(where, arrays[0].dtype, (total.array,), (arrays,), **factors, accumulate=accumulate)
    return total.deliver()


def penalty_backward(
    x: Any, *, l1: float = 0.0, l2: float = 0.0, scale: float = 1.0, out: Any = None
) -> Tensor:
    """Gradient of the penalty: ``scale (l1 sign(x) + 2 l2 x)``, with sign(0) = 0.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.penalty_backward([1.0, -2.0], l1=0.5, l2=0.25)
    array([ 1. , -1.5], dtype=float32)
    """
    where = "penalty_backward"
    x = tensor(x, f"{where}: x")
    factors = _factors(where, l1=l1, l2=l2, scale=scale)
    dx = Output(out, x.shape, x.dtype, where, reads=(x,), adds=True)
    run(where, x.dtype, (dx.array,), (x,), **factors, accumulate=dx.accumulate)
    return dx.deliver()


def _gram(gram: Any, where: str) -> Tensor:
    gram = tensor(gram, f"{where}: gram", ndim=2)
    if gram.shape[0] != gram.shape[1]:
        raise ShapeError(f"{where}: gram must be square. Got {gram.shape}. Make it x @ x.T.")
    return gram


def orthogonal_penalty_forward(gram: Any, *, scale: float = 1.0, out: Any = None) -> Tensor:
    """Mean over all pairs of n vectors of ``|cos|`` of their angle, times ``scale``.

    Parameters
    ----------
    gram : (n, n) array
        The products of each vector with each, ``x @ x.T``.
    scale : float
    out : (1,) float64 array, optional
        The penalty is added to what it holds.

    Returns
    -------
    (1,) float64 array

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.orthogonal_penalty_forward([[4.0, 1.0], [1.0, 1.0]])
    array([0.5])
    """
    where = "orthogonal_penalty_forward"
    gram, factors = _gram(gram, where), _factors(where, scale=scale)
    total, accumulate = _total(out, where, (gram,))
    run(where, gram.dtype, (total.array,), (gram,), **factors, accumulate=accumulate)
    return total.deliver()


def orthogonal_penalty_backward(gram: Any, *, scale: float = 1.0, out: Any = None) -> Tensor:
    """Factors of the gradient: ``dx = factors @ x`` for the vectors in the rows of x.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.orthogonal_penalty_backward([[4.0, 1.0], [1.0, 1.0]])
    array([[-0.125,  0.5  ], [ 0.5  , -0.5  ]], dtype=float32)
    """
    where = "orthogonal_penalty_backward"
    gram, factors = _gram(gram, where), _factors(where, scale=scale)
    y = Output(out, gram.shape, gram.dtype, where, reads=(gram,))
    run(where, gram.dtype, (y.array,), (gram,), **factors)
    return y.deliver()


def project_norms(
    w: Any,
    axes: int | Sequence[int],
    *,
    min_value: float = 0.0,
    max_value: float = math.inf,
    rate: float = 1.0,
) -> None:
    """Scale vectors in place so that their norms lie in [min_value, max_value].

    With ``r`` the norm over ``axes`` and ``c`` its value clipped,
    ``w *= (rate c + (1 - rate) r) / (r + 1e-7)``.

    Parameters
    ----------
    w : array or Parameter
        Updated in place.
    axes : int or sequence of int
        Over which the norm is taken.
    min_value, max_value, rate : float

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> w = np.array([[3.0, 0.3], [4.0, 0.4]], "float32")
    >>> ops.project_norms(w, 0, max_value=1)
    >>> w.round(3)
    array([[0.6, 0.3], [0.8, 0.4]], dtype=float32)
    """
    where = "project_norms"
    array = w.value if type(w) is Parameter else w
    if not isinstance(array, np.ndarray | Buffer):
        raise TypeError(f"{where}: w is updated in place, so an array. Got {type(w).__name__}.")
    checked = tensor(array, f"{where}: w")
    if checked is not array or (isinstance(array, np.ndarray) and not array.flags.writeable):
        raise ValueError(f"{where}: w must be contiguous and writable, as it is updated in place.")
    listed: Any = axes if isinstance(axes, list | tuple) else [axes]
    places = sorted({normalize_axis(a, array.ndim, f"{where}: axes") for a in listed})
    run(
        where,
        array.dtype,
        (array,),
        (),
        axes=tuple(places),
        min_value=number(min_value, f"{where}: min_value"),
        max_value=number(max_value, f"{where}: max_value"),
        rate=number(rate, f"{where}: rate"),
    )
