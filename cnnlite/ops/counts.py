"""Metrics that count predictions against targets, in a state that they update in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite.ops.core import Tensor, rows_of, run, tensor
from cnnlite.ops.losses import (
    checked_labels,
    checked_number,
    checked_prediction,
    checked_target,
    checked_weights,
)
from cnnlite.ops.metrics import check_state, checked_count
from cnnlite.shapes import is_int


def threshold_update(
    state: Any,
    p: Any,
    target: Any,
    thresholds: Any,
    weights: Any = None,
    *,
    top_k: int | None = None,
    class_id: int | None = None,
    per_label: bool = False,
    clip: bool = False,
) -> None:
    """Count the elements of target 0 and of others by the thresholds they exceed, in place.

    Parameters
    ----------
    state : (2, T + 1, labels) float64 array
        ``state[0, b]`` gains the weights of the elements, of a target other than 0, that
        exceed b thresholds; ``state[1, b]`` those of target 0.  labels is 1, or K with
        ``per_label``.
    p, target : (..., K) array
    thresholds : (T,) array
        Ascending.
    weights : (...) array, optional
    top_k : int, optional
        What is outside of the k largest of its row exceeds none.
    class_id : int, optional
        The one column that counts.
    per_label : bool
        Count each column apart.
    clip : bool
        Bring p to [0, 1] first.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> state = np.zeros((2, 2, 1))
    >>> ops.threshold_update(state, [[0.9, 0.2]], [[1, 0]], [0.5])
    >>> state[..., 0]
    array([[0., 1.],
           [1., 0.]])
    """
    where = "threshold_update"
    p, rows, weights = _counted(p, target, weights, where)
    thresholds = tensor(thresholds, f"{where}: thresholds", ndim=1, dtype=p.dtype)
    classes = p.shape[-1]
    if class_id is not None and not (is_int(class_id) and 0 <= class_id < classes):
        raise ValueError(f"{where}: class_id must lie in 0..{classes - 1}. Got {class_id!r}.")
    if top_k is not None:
        top_k = min(checked_count(top_k, f"{where}: top_k"), classes)
    labels = classes if per_label else 1
    check_state(state, (2, thresholds.shape[0] + 1, labels), where)
    run(
        where,
        p.dtype,
        (state,),
        (rows_of(p), rows, weights, thresholds),
        top_k=top_k,
        class_id=class_id,
        per_label=bool(per_label),
        clip=bool(clip),
    )


def class_update(
    state: Any, p: Any, target: Any, weights: Any = None, *, threshold: float | None = None
) -> None:
    """Add, for each class, the weights of hits, positive predictions and targets, in place.

    Parameters
    ----------
    state : (3, K) float64 array
    p, target : (..., K) array
    weights : (...) array, optional
    threshold : float, optional
        What exceeds it is positive; default: the maximum of each row.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> state = np.zeros((3, 2))
    >>> ops.class_update(state, [[0.9, 0.1], [0.6, 0.4]], [[1, 0], [0, 1]])
    >>> state
    array([[1., 0.],
           [2., 0.],
           [1., 1.]])
    """
    where = "class_update"
    p, rows, weights = _counted(p, target, weights, where)
    check_state(state, (3, p.shape[-1]), where)
    if threshold is not None:
        threshold = checked_number(threshold, f"{where}: threshold")
    run(where, p.dtype, (state,), (rows_of(p), rows, weights), threshold=threshold)


def confusion_update(
    state: Any, p: Any, target: Any, weights: Any = None, *, threshold: float = 0.5
) -> None:
    """Count rows by their class and by what they are taken for, in place.

    Parameters
    ----------
    state : (classes, classes) float64 array
        Its rows are what is right, its columns what was predicted.
    p : (..., K) array
        Of one column: class 1 where it exceeds the threshold.
    target : (..., K) array or (...) integers
    weights : (...) array, optional
    threshold : float

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> state = np.zeros((2, 2))
    >>> ops.confusion_update(state, [[0.9, 0.1], [0.6, 0.4]], [0, 1])
    >>> state
    array([[1., 0.],
           [1., 0.]])
    """
    where = "confusion_update"
    p = checked_prediction(p, where)
    target = target if hasattr(target, "shape") else np.asarray(target)
    if len(target.shape) == len(p.shape):
        dense, labels = checked_target(target, p, where), None
    else:
        dense, labels = None, checked_labels(target, p, where)
    weights = checked_weights(weights, p, where)
    classes = max(p.shape[-1], 2)
    check_state(state, (classes, classes), where)
    threshold = checked_number(threshold, f"{where}: threshold")
    run(where, p.dtype, (state,), (rows_of(p), dense, labels, weights), threshold=threshold)


def regression_update(state: Any, p: Any, target: Any, weights: Any = None) -> None:
    """Add, for each column, sums of w t, w t^2, w (t - p)^2, w and 1, in place.

    Parameters
    ----------
    state : (5, K) float64 array
    p, target : (..., K) array
    weights : (...) array, optional

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> state = np.zeros((5, 1))
    >>> ops.regression_update(state, [[1.0], [2.0]], [[2.0], [4.0]])
    >>> state[:, 0]
    array([ 6., 20.,  5.,  2.,  2.])
    """
    where = "regression_update"
    p, rows, weights = _counted(p, target, weights, where)
    check_state(state, (5, p.shape[-1]), where)
    run(where, p.dtype, (state,), (rows_of(p), rows, weights))


def _counted(p: Any, target: Any, weights: Any, where: str) -> tuple[Tensor, Tensor, Any]:
    p = checked_prediction(p, where)
    return p, checked_target(target, p, where), checked_weights(weights, p, where)
