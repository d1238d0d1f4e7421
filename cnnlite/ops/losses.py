"""Losses per row with their gradients, and metrics.

Every loss takes predictions and targets (..., K), rows of the last axis, or
integer labels (...), and gives one value per row.  Its gradient is that of the
weighted batch mean ``sum_r weights_r loss_r / rows``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite.errors import DtypeError, ShapeError
from cnnlite.ops.core import Output, Tensor, rows_of, run, same_shape, tensor, view


def _prediction(x: Any, where: str) -> Tensor:
    x = tensor(x, f"{where}: prediction")
    if x.ndim < 2:
        raise ShapeError(f"{where}: prediction must be (rows, K). Got {x.shape}.")
    return x


def _target(target: Any, x: Tensor, where: str) -> Tensor:
    target = tensor(target, f"{where}: target", dtype=x.dtype)
    same_shape(where, x, target, "prediction and target")
    return rows_of(target)


def _labels(labels: Any, x: Tensor, where: str) -> Tensor:
    labels = tensor(labels, f"{where}: labels", dtype=np.int32, integer=True)
    if labels.shape != x.shape[:-1]:
        raise ShapeError(
            f"{where}: labels must have one integer per row of the prediction. "
            f"Got labels {labels.shape}, prediction {x.shape}. Make labels {x.shape[:-1]}."
        )
    return view(labels, (labels.size,))


def _weights(weights: Any, x: Tensor, where: str) -> Tensor | None:
    if weights is None:
        return None
    weights = tensor(weights, f"{where}: weights", dtype=x.dtype)
    if weights.shape != x.shape[:-1]:
        raise ShapeError(
            f"{where}: weights must have one number per row of the prediction. "
            f"Got {weights.shape}. Make it {x.shape[:-1]}."
        )
    return view(weights, (weights.size,))


def _forward(name: str, x: Any, target: Any, sparse: bool, keep: bool, out: Any) -> Any:
    where = name.removesuffix("_forward")
    x = _prediction(x, where)
    target = (_labels if sparse else _target)(target, x, where)
    loss = Output(out, x.shape[:-1], x.dtype, where, reads=(x, target))
    flat = view(loss.array, (loss.array.size,))
    if not keep:
        run(name, x.dtype, (flat,), (rows_of(x), target))
        return loss.deliver()
    p = Output(None, x.shape, x.dtype, where).array
    run(name, x.dtype, (flat, rows_of(p)), (rows_of(x), target))
    return loss.deliver(), p


def _backward(name: str, x: Any, target: Any, weights: Any, sparse: bool, out: Any) -> Tensor:
    x = _prediction(x, name)
    target = (_labels if sparse else _target)(target, x, name)
    weights = _weights(weights, x, name)
    dx = Output(out, x.shape, x.dtype, name, reads=(x, target, weights), adds=True)
    inputs = (rows_of(x), target, weights)
    run(name, x.dtype, (rows_of(dx.array),), inputs, accumulate=dx.accumulate)
    return dx.deliver()


def softmax_crossentropy_forward(x: Any, target: Any, *, out: Any = None) -> tuple[Tensor, Tensor]:
    """Softmax and cross-entropy of logits in one pass.

    Parameters
    ----------
    x : (..., K) array
        Logits.
    target : (..., K) array
        Probabilities.

    Returns
    -------
    loss : (...) array
    p : (..., K) array
        The softmax, for :func:`softmax_crossentropy_backward`.

    Examples
    --------
    >>> from cnnlite import ops
    >>> loss, p = ops.softmax_crossentropy_forward([[0.0, 0.0]], [[1.0, 0.0]])
    >>> round(float(loss[0]), 4)
    0.6931
    """
    return _forward("softmax_crossentropy_forward", x, target, False, True, out)


def softmax_crossentropy_backward(
    p: Any, target: Any, weights: Any = None, *, out: Any = None
) -> Tensor:
    """Gradient to the logits: ``(p sum(target) - target) weights / rows``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.softmax_crossentropy_backward([[0.5, 0.5]], [[1.0, 0.0]])
    array([[-0.5,  0.5]], dtype=float32)
    """
    return _backward("softmax_crossentropy_backward", p, target, weights, False, out)


def sparse_softmax_crossentropy_forward(
    x: Any, labels: Any, *, out: Any = None
) -> tuple[Tensor, Tensor]:
    """Softmax and cross-entropy of logits against class numbers, in one pass.

    Parameters
    ----------
    x : (..., K) array
        Logits.
    labels : (...) integers
        0..K-1; any other gives NaN.

    Returns
    -------
    loss : (...) array
    p : (..., K) array

    Examples
    --------
    >>> from cnnlite import ops
    >>> loss, p = ops.sparse_softmax_crossentropy_forward([[0.0, 0.0]], [0])
    >>> p
    array([[0.5, 0.5]], dtype=float32)
    """
    return _forward("sparse_softmax_crossentropy_forward", x, labels, True, True, out)


def sparse_softmax_crossentropy_backward(
    p: Any, labels: Any, weights: Any = None, *, out: Any = None
) -> Tensor:
    """Gradient to the logits: ``(p - one_hot(labels)) weights / rows``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.sparse_softmax_crossentropy_backward([[0.5, 0.5]], [0])
    array([[-0.5,  0.5]], dtype=float32)
    """
    return _backward("sparse_softmax_crossentropy_backward", p, labels, weights, True, out)


def categorical_crossentropy_forward(p: Any, target: Any, *, out: Any = None) -> Tensor:
    """Cross-entropy of probabilities, clipped to [1e-7, 1 - 1e-7]: ``-sum t log p``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> round(float(ops.categorical_crossentropy_forward([[0.5, 0.5]], [[1.0, 0.0]])[0]), 4)
    0.6931
    """
    return _forward("categorical_crossentropy_forward", p, target, False, False, out)


def categorical_crossentropy_backward(
    p: Any, target: Any, weights: Any = None, *, out: Any = None
) -> Tensor:
    """Gradient to the probabilities: ``-target / p weights / rows`` inside the clip.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.categorical_crossentropy_backward([[0.5, 0.5]], [[1.0, 0.0]])
    array([[-2., -0.]], dtype=float32)
    """
    return _backward("categorical_crossentropy_backward", p, target, weights, False, out)


def sparse_categorical_crossentropy_forward(p: Any, labels: Any, *, out: Any = None) -> Tensor:
    """Cross-entropy of clipped probabilities against class numbers: ``-log p_label``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> round(float(ops.sparse_categorical_crossentropy_forward([[0.5, 0.5]], [1])[0]), 4)
    0.6931
    """
    return _forward("sparse_categorical_crossentropy_forward", p, labels, True, False, out)


def sparse_categorical_crossentropy_backward(
    p: Any, labels: Any, weights: Any = None, *, out: Any = None
) -> Tensor:
    """Gradient to the probabilities: ``-1 / p weights / rows`` at the label.

    Examples
    --------
    >>> from cnnlite import ops
    >>> abs(ops.sparse_categorical_crossentropy_backward([[0.5, 0.5]], [1]))
    array([[0., 2.]], dtype=float32)
    """
    return _backward("sparse_categorical_crossentropy_backward", p, labels, weights, True, out)


def sigmoid_crossentropy_forward(x: Any, target: Any, *, out: Any = None) -> Tensor:
    """Binary cross-entropy of logits, mean over the last axis.

    Examples
    --------
    >>> from cnnlite import ops
    >>> round(float(ops.sigmoid_crossentropy_forward([[0.0]], [[1.0]])[0]), 4)
    0.6931
    """
    return _forward("sigmoid_crossentropy_forward", x, target, False, False, out)


def sigmoid_crossentropy_backward(
    x: Any, target: Any, weights: Any = None, *, out: Any = None
) -> Tensor:
    """Gradient to the logits: ``(sigmoid(x) - t) / K weights / rows``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.sigmoid_crossentropy_backward([[0.0]], [[1.0]])
    array([[-0.5]], dtype=float32)
    """
    return _backward("sigmoid_crossentropy_backward", x, target, weights, False, out)


def binary_crossentropy_forward(p: Any, target: Any, *, out: Any = None) -> Tensor:
    """Binary cross-entropy of probabilities, clipped, mean over the last axis.

    Examples
    --------
    >>> from cnnlite import ops
    >>> round(float(ops.binary_crossentropy_forward([[0.5]], [[1.0]])[0]), 4)
    0.6931
    """
    return _forward("binary_crossentropy_forward", p, target, False, False, out)


def binary_crossentropy_backward(
    p: Any, target: Any, weights: Any = None, *, out: Any = None
) -> Tensor:
    """Gradient to the probabilities: ``(p - t) / (p (1 - p)) / K weights / rows``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.binary_crossentropy_backward([[0.5]], [[1.0]])
    array([[-2.]], dtype=float32)
    """
    return _backward("binary_crossentropy_backward", p, target, weights, False, out)


def mean_squared_error_forward(x: Any, target: Any, *, out: Any = None) -> Tensor:
    """Mean over the last axis of ``(x - t)^2``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.mean_squared_error_forward([[1.0, 3.0]], [[0.0, 0.0]])
    array([5.], dtype=float32)
    """
    return _forward("mean_squared_error_forward", x, target, False, False, out)


def mean_squared_error_backward(
    x: Any, target: Any, weights: Any = None, *, out: Any = None
) -> Tensor:
    """Gradient: ``2 (x - t) / K weights / rows``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.mean_squared_error_backward([[1.0, 3.0]], [[0.0, 0.0]])
    array([[1., 3.]], dtype=float32)
    """
    return _backward("mean_squared_error_backward", x, target, weights, False, out)


def _accuracy(name: str, p: Any, target: Any, sparse: bool, out: Any, **params: Any) -> Tensor:
    p = _prediction(p, name)
    if p.shape[-1] < 1:
        raise ShapeError(f"{name}: prediction has no classes. Got {p.shape}.")
    target = (_labels if sparse else _target)(target, p, name)
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
