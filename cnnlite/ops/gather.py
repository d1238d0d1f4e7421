"""Rows of a table, looked up by number; and the table's gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite.errors import ShapeError
from cnnlite.ops.core import Output, Tensor, is_recording, run, tensor, view
from cnnlite.shapes import is_int


def gather(table: Any, ids: Any, *, out: Any = None) -> Tensor:
    """Look rows up: ``y[...] = table[ids[...]]``.

    Parameters
    ----------
    table : (V, K) array
    ids : (...) int32 array
        0 <= id < V.

    Returns
    -------
    (..., K) array

    Raises
    ------
    ValueError
        If there is no such row.  In a plan, whose ids change from step to step, such a row
        is NaN instead.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.gather([[1, 2], [3, 4]], [1, 1, 0])
    array([[3., 4.],
           [3., 4.],
           [1., 2.]], dtype=float32)
    """
    table = tensor(table, "gather: table", 2)
    ids = _ids(ids, table.shape[0], "gather")
    y = Output(out, (*ids.shape, table.shape[1]), table.dtype, "gather", reads=(table, ids))
    rows = view(y.array, (ids.size, table.shape[1]))
    run("gather", table.dtype, (rows,), (table, view(ids, (ids.size,))))
    return y.deliver()


def _ids(ids: Any, rows: int, where: str) -> Tensor:
    ids = tensor(ids, f"{where}: ids", dtype=np.int32, integer=True)
    check_ids(ids, rows, where)
    return ids


def check_ids(ids: Any, rows: int, where: str) -> None:
    """Raise if an array of row numbers names a row that a table of so many has not."""
    if isinstance(ids, np.ndarray) and not is_recording() and ids.size:
        low, high = ids.min(), ids.max()
        if low < 0 or high >= rows:
            raise ValueError(
                f"{where}: ids name rows that the table does not have. Got {low}..{high} for "
                f"{rows} rows. Make them 0..{rows - 1}."
            )


def scatter_add(dy: Any, ids: Any, rows: int, *, out: Any = None) -> Tensor:
    """Gradient of :func:`gather`'s table: the sum of the rows of ``dy`` that went to each row.

    Parameters
    ----------
    dy : (..., K) array
    ids : (...) int32 array
    rows : int
        Number of rows of the table.

    Returns
    -------
    (rows, K) array

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.scatter_add([[1, 2], [3, 4], [5, 6]], [1, 1, 0], 3)
    array([[5., 6.],
           [4., 6.],
           [0., 0.]], dtype=float32)
    """
    where = "scatter_add"
    if not is_int(rows) or rows < 0:
        raise ShapeError(f"{where}: rows must be an integer, 0 or more. Got {rows!r}.")
    dy = tensor(dy, f"{where}: dy")
    ids = _ids(ids, rows, where)
    if dy.shape[:-1] != ids.shape or not dy.shape:
        raise ShapeError(
            f"{where}: dy must have the shape of ids and one axis more. "
            f"Got dy {dy.shape}, ids {ids.shape}."
        )
    width = dy.shape[-1]
    table = Output(out, (rows, width), dy.dtype, where, reads=(dy, ids), adds=True)
    inputs = (view(dy, (ids.size, width)), view(ids, (ids.size,)))
    run(where, dy.dtype, (table.array,), inputs, accumulate=table.accumulate)
    return table.deliver()
