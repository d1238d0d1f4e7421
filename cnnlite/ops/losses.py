"""Losses per row with their gradients, and what each row counts.

Every loss takes predictions and targets (..., K), rows of the last axis, or
integer labels (...), and gives one value per row.  Its gradient is that of the
weighted batch mean ``sum_r weights_r loss_r / rows``.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from cnnlite.errors import ShapeError
from cnnlite.ops.core import (
    Output,
    Tensor,
    checked_shape,
    rows_of,
    run,
    same_shape,
    tensor,
    view,
)


def checked_prediction(x: Any, where: str) -> Tensor:
    x = tensor(x, f"{where}: prediction")
    if x.ndim < 2:
        raise ShapeError(f"{where}: prediction must be (rows, K). Got {x.shape}.")
    return x


def checked_target(target: Any, x: Tensor, where: str) -> Tensor:
    target = tensor(target, f"{where}: target", dtype=x.dtype)
    same_shape(where, x, target, "prediction and target")
    return rows_of(target)


def checked_labels(labels: Any, x: Tensor, where: str) -> Tensor:
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
    x = checked_prediction(x, where)
    target = (checked_labels if sparse else checked_target)(target, x, where)
    loss = Output(out, x.shape[:-1], x.dtype, where, reads=(x, target))
    flat = view(loss.array, (loss.array.size,))
    if not keep:
        run(name, x.dtype, (flat,), (rows_of(x), target))
        return loss.deliver()
    p = Output(None, x.shape, x.dtype, where).array
    run(name, x.dtype, (flat, rows_of(p)), (rows_of(x), target))
    return loss.deliver(), p


def _backward(name: str, x: Any, target: Any, weights: Any, sparse: bool, out: Any) -> Tensor:
    x = checked_prediction(x, name)
    target = (checked_labels if sparse else checked_target)(target, x, name)
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


REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum")


def loss_weights(
    weights: Any = None,
    mask: Any = None,
    *,
    rows: Any,
    reduction: str = "sum_over_batch_size",
    scale: float = 1.0,
    dtype: Any = None,
    out: Any = None,
) -> Tensor:
    """What each row counts in a batch's loss, ``sum_r result_r values_r / rows``.

    Parameters
    ----------
    weights, mask : array, optional
        Of the leading axes of ``rows``: (N,) and (N, T) both fit rows (N, T).
        Where ``mask`` (uint8) is 0, a row does not count.
    rows : int or tuple of int
        Shape of the loss's values, one per row.
    reduction : str
        ``"sum_over_batch_size"`` and ``"mean"``: mean over the rows (over those in
        use, with a mask); ``"mean_with_sample_weight"``: the weighted values over the
        sum of the weights; ``"sum"``.
    scale : float
        Multiplies the loss, as ``loss_weights`` of ``compile`` do.
    dtype : dtype, optional
        Of the result; that of ``weights``, or float32.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.loss_weights(mask=[1, 1, 0, 1], rows=4, scale=3.0)
    array([4., 4., 0., 4.], dtype=float32)
    >>> ops.loss_weights([1.0, 3.0], rows=2, reduction="mean_with_sample_weight")
    array([0.5, 1.5], dtype=float32)
    """
    where = "loss_weights"
    shape = checked_shape((rows,) if not np.iterable(rows) else rows, None, where)
    if reduction not in REDUCTIONS:
        raise ValueError(
            f"{where}: no such reduction to a number. Got {reduction!r}. "
            f"Choose one of {', '.join(REDUCTIONS)}."
        )
    if not isinstance(scale, numbers.Real):
        raise TypeError(f"{where}: scale must be a number. Got {scale!r}.")
    if weights is not None:
        weights = _leading(tensor(weights, f"{where}: weights", dtype=dtype), shape, "weights")
        dtype = weights.dtype
    if mask is not None:
        mask = _leading(tensor(mask, f"{where}: mask", dtype=np.uint8, integer=True), shape, "mask")
    y = Output(out, shape, np.dtype(dtype or np.float32), where, reads=(weights, mask))
    run(
        where,
        y.array.dtype,
        (view(y.array, (y.array.size,)),),
        (weights, mask),
        reduction="sum_over_batch_size" if reduction == "mean" else reduction,
        scale=float(scale),
    )
    return y.deliver()


def _leading(a: Tensor, shape: tuple[int, ...], name: str) -> Tensor:
    """Return ``a``, whose axes are the first of ``shape``, as a vector."""
    if a.ndim < 1 or a.shape != shape[: a.ndim]:
        raise ShapeError(
            f"loss_weights: {name} must have the first axes of the rows. "
            f"Got {name} {a.shape}, rows {shape}. Make it {shape[:1]} or {shape}."
        )
    return view(a, (a.size,))
