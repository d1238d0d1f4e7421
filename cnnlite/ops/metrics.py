"""Accuracies per row, and means of such values."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite.errors import DtypeError, ShapeError
from cnnlite.ops.core import Output, Tensor, rows_of, run, same_shape, tensor, view
from cnnlite.ops.losses import checked_labels, checked_prediction, checked_target


def _accuracy(name: str, p: Any, target: Any, sparse: bool, out: Any, **params: Any) -> Tensor:
    p = checked_prediction(p, name)
    if p.shape[-1] < 1:
        raise ShapeError(f"{name}: prediction has no classes. Got {p.shape}.")
    target = (checked_labels if sparse else checked_target)(target, p, name)
    matches = Output(out, p.shape[:-1], p.dtype, name, reads=(p, target))
    flat = view(matches.array, (matches.array.size,))
    run(name, p.dtype, (flat,), (rows_of(p), target), **params)
    return matches.deliver()


def sparse_categorical_accuracy(p: Any, labels: Any, *, out: Any = None) -> Tensor:
    """1 in every row whose largest value stands at the label, else 0.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.sparse_categorical_accuracy([[0.9, 0.1], [0.8, 0.2]], [0, 1])
    array([1., 0.], dtype=float32)
    """
    return _accuracy("sparse_categorical_accuracy", p, labels, True, out)


def categorical_accuracy(p: Any, target: Any, *, out: Any = None) -> Tensor:
    """1 in every row whose largest value stands where the target's does, else 0.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.categorical_accuracy([[0.9, 0.1]], [[1, 0]])
    array([1.], dtype=float32)
    """
    return _accuracy("categorical_accuracy", p, target, False, out)


def binary_accuracy(p: Any, target: Any, threshold: float = 0.5, *, out: Any = None) -> Tensor:
    """Share of each row's values on the target's side of the threshold.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.binary_accuracy([[0.9, 0.1]], [[1, 1]])
    array([0.5], dtype=float32)
    """
    return _accuracy("binary_accuracy", p, target, False, out, threshold=float(threshold))


def weighted_mean(values: Any, weights: Any = None, *, out: Any = None) -> Tensor:
    """Batch mean ``sum(weights values) / rows``, as a (1,) array.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.weighted_mean([1.0, 3.0])
    array([2.], dtype=float32)
    """
    values, weights = _values(values, weights, "weighted_mean")
    y = Output(out, (1,), values.dtype, "weighted_mean", reads=(values, weights))
    run("weighted_mean", values.dtype, (y.array,), (values, weights))
    return y.deliver()


def mean_update(state: Any, values: Any, weights: Any = None, *, count_rows: bool = False) -> None:
    """Add a batch to the running mean ``state[0] / state[1]``, in place.

    Parameters
    ----------
    state : (2,) float64 array
    values : (...) array
    weights : (...) array, optional
    count_rows : bool
        Count each row as one instead of by its weight, as a loss does.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> state = np.zeros(2)
    >>> ops.mean_update(state, [1.0, 3.0])
    >>> state
    array([4., 2.])
    """
    values, weights = _values(values, weights, "mean_update")
    _check_state(state)
    run("mean_update", values.dtype, (state,), (values, weights), count_rows=count_rows)


def _check_state(state: Any) -> None:
    where = "mean_update: state"
    if not isinstance(state, np.ndarray):
        raise TypeError(f"{where} is updated in place, so an array. Got {type(state).__name__}.")
    if state.shape != (2,):
        raise ShapeError(f"{where} must have shape (2,). Got {state.shape}.")
    if state.dtype != np.float64:
        raise DtypeError(f"{where} must be float64. Got {state.dtype}.")
    if not state.flags.c_contiguous or not state.flags.writeable:
        raise ValueError(f"{where} must be contiguous and writable, as it is updated in place.")


def _values(values: Any, weights: Any, where: str) -> tuple[Tensor, Tensor | None]:
    values = tensor(values, f"{where}: values")
    if weights is not None:
        weights = tensor(weights, f"{where}: weights", dtype=values.dtype)
        same_shape(where, values, weights, "values and weights")
        weights = view(weights, (weights.size,))
    return view(values, (values.size,)), weights
