"""Matrix products of whole batches of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite.errors import ShapeError
from cnnlite.ops.core import Output, Tensor, run, tensor, view


def batch_matmul(
    a: Any,
    b: Any,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    heads: tuple[int, int, int] = (1, 1, 1),
    out: Any = None,
) -> Tensor:
    """Matrix products of batches of matrices: ``op(a) @ op(b)`` for each pair.

    Parameters
    ----------
    a : (..., M, K) array
        (..., K, M) with ``transpose_a``.
    b : (..., K, L) array
        (..., L, K) with ``transpose_b``.  The leading axes are a's.
    transpose_a, transpose_b : bool
    heads : (int, int, int)
        For arrays of 4 axes: where the result, ``a`` and ``b`` have the second axis of the
        batch, 1 or 2.  With 2 it lies between the rows and the columns, as the heads of an
        attention layer do: (N, T, heads, size).

    Returns
    -------
    (..., M, L) array

    Raises
    ------
    ShapeError, DtypeError
        If the batches, the inner sizes or the dtypes differ.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> q, k = np.ones((2, 5, 3, 4), "float32"), np.ones((2, 7, 3, 4), "float32")
    >>> ops.batch_matmul(q, k, transpose_b=True, heads=(1, 2, 2)).shape
    (2, 3, 5, 7)
    """
    where = "batch_matmul"
    a = tensor(a, f"{where}: a")
    b = tensor(b, f"{where}: b", None, a.dtype)
    of_y, of_a, of_b = _checked_heads(heads, a)
    if len(a.shape) < 2 or len(b.shape) != len(a.shape):
        raise ShapeError(
            f"{where}: a and b must have equally many dimensions, 2 or more. "
            f"Got a {a.shape}, b {b.shape}."
        )
    (*batch, m, k), (*batch_b, kb, n) = _logical_shape(a.shape, of_a), _logical_shape(b.shape, of_b)
    if transpose_a:
        m, k = k, m
    if transpose_b:
        kb, n = n, kb
    if batch != batch_b or k != kb:
        raise ShapeError(
            f"{where}: {'the inner sizes differ' if batch == batch_b else 'the batches differ'}. "
            f"Got a {a.shape}{' transposed' * transpose_a}, "
            f"b {b.shape}{' transposed' * transpose_b}, heads {tuple(heads)}. Make them equal."
        )
    shape = (batch[0], m, batch[1], n) if of_y == 2 else (*batch, m, n)
    y = Output(out, shape, a.dtype, where, reads=(a, b), adds=True)
    run(
        where,
        a.dtype,
        (_four_axes(y.array),),
        (_four_axes(a), _four_axes(b)),
        transpose_a=transpose_a,
        transpose_b=transpose_b,
        heads=(of_y, of_a, of_b),
        accumulate=y.accumulate,
    )
    return y.deliver()


def _checked_heads(heads: Any, a: Tensor) -> tuple[int, int, int]:
    found = tuple(heads) if isinstance(heads, tuple | list) else ()
    if len(found) != 3 or any(h not in (1, 2) for h in found):
        raise ShapeError(f"batch_matmul: heads must be three axes, 1 or 2 each. Got {heads!r}.")
    if 2 in found and len(a.shape) != 4:
        raise ShapeError(
            f"batch_matmul: heads between rows and columns need 4 dimensions. Got a {a.shape}."
        )
    return found


def _logical_shape(shape: tuple[int, ...], heads: int) -> list[int]:
    """The shape with the axes of the batch first."""
    return [shape[0], shape[2], shape[1], shape[3]] if heads == 2 else list(shape)


def _four_axes(x: Tensor) -> Tensor:
    if len(x.shape) == 4:
        return x
    return view(x, (int(np.prod(x.shape[:-2], dtype=object)), 1, *x.shape[-2:]))
