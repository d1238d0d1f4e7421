"""Accuracies per row, and means of such values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnnlite.errors import DtypeError, ShapeError
from cnnlite.ops.core import Output, Tensor, rows_of, run, same_shape, tensor, view
from cnnlite.ops.losses import (
    checked_labels,
    checked_number,
    checked_prediction,
    checked_target,
)
from cnnlite.shapes import is_int


def _accuracy(name: str, p: Any, target: Any, sparse: bool, out: Any, **params: Any) -> Tensor:
    p = checked_prediction(p, name)
    if p.shape[-1] < 1:
        raise ShapeError(f"{name}: prediction has no classes. Got {p.shape}.")
    target = (checked_labels if sparse else checked_target)(target, p, name)
    if "k" in params:  # more than there are classes are all of them
        params["k"] = min(params["k"], p.shape[-1])
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
    """Share of each row's values over the threshold where the target is 1, not over it at 0.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.binary_accuracy([[0.9, 0.1]], [[1, 1]])
    array([0.5], dtype=float32)
    """
    return _accuracy(
        "binary_accuracy",
        p,
        target,
        False,
        out,
        threshold=checked_number(threshold, "binary_accuracy: threshold"),
    )


def top_k_categorical_accuracy(p: Any, target: Any, k: int = 5, *, out: Any = None) -> Tensor:
    """1 in every row where fewer than k values exceed the one at the target's maximum.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.top_k_categorical_accuracy([[0.5, 0.3, 0.2]], [[0, 1, 0]], k=2)
    array([1.], dtype=float32)
    """
    name = "top_k_categorical_accuracy"
    return _accuracy(name, p, target, False, out, k=checked_count(k, f"{name}: k"))


def sparse_top_k_categorical_accuracy(
    p: Any, labels: Any, k: int = 5, *, out: Any = None
) -> Tensor:
    """1 in every row where fewer than k values exceed the one at the label.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.sparse_top_k_categorical_accuracy([[0.5, 0.3, 0.2]], [2], k=2)
    array([0.], dtype=float32)
    """
    name = "sparse_top_k_categorical_accuracy"
    return _accuracy(name, p, labels, True, out, k=checked_count(k, f"{name}: k"))


def accuracy(p: Any, target: Any, *, out: Any = None) -> Tensor:
    """Share of each row's values that equal the target's.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.accuracy([[1.0, 2.0]], [[1, 3]])
    array([0.5], dtype=float32)
    """
    return _accuracy("accuracy", p, target, False, out)


def weighted_mean(values: Any, weights: Any = None, *, out: Any = None) -> Tensor:
    """Batch mean ``sum(weights values) / rows``, as a (1,) array.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.weighted_mean([1.0, 3.0])
    array([2.], dtype=float32)
    """
    values, weights = _checked_values(values, weights, "weighted_mean")
    y = Output(out, (1,), values.dtype, "weighted_mean", reads=(values, weights))
    run("weighted_mean", values.dtype, (y.array,), (values, weights))
    return y.deliver()


def mean_update(state: Any, values: Any, weights: Any = None, *, count_rows: bool = False) -> None:
    """Add a batch to the running mean ``state[0] / state[1]``, in place.

    Parameters
    ----------
    state : (2,) float64 array
    values : (N, ...) array
        The N samples count equally, however many values each has.
    weights : (N, ...) array, optional
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
    where = "mean_update"
    scale = _share(values)
    values, weights = _checked_values(values, weights, where)
    check_state(state, (2,), where)
    run(where, values.dtype, (state,), (values, weights), count_rows=count_rows, scale=scale)


def checked_count(k: Any, where: str) -> int:
    if not is_int(k) or k < 1:
        raise ValueError(f"{where} must be a positive whole number. Got {k!r}.")
    return int(k)


def check_state(state: Any, shape: tuple[int, ...], name: str) -> None:
    where = f"{name}: state"
    if not isinstance(state, np.ndarray):
        raise TypeError(f"{where} is updated in place, so an array. Got {type(state).__name__}.")
    if state.shape != shape:
        raise ShapeError(f"{where} must have shape {shape}. Got {state.shape}.")
    if state.dtype != np.float64:
        raise DtypeError(f"{where} must be float64. Got {state.dtype}.")
    if not state.flags.c_contiguous or not state.flags.writeable:
        raise ValueError(f"{where} must be contiguous and writable, as it is updated in place.")


def _share(values: Any) -> float:
    """Return what each value counts, so that every sample counts 1."""
    shape = np.shape(values) if not hasattr(values, "shape") else values.shape
    size = math.prod(shape)
    return shape[0] / size if shape and size else 1.0


def _checked_values(values: Any, weights: Any, where: str) -> tuple[Tensor, Tensor | None]:
    values = tensor(values, f"{where}: values")
    if weights is not None:
        weights = tensor(weights, f"{where}: weights", dtype=values.dtype)
        same_shape(where, values, weights, "values and weights")
        weights = view(weights, (weights.size,))
    return view(values, (values.size,)), weights
