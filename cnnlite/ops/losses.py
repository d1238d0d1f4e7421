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


def checked_weights(weights: Any, x: Tensor, where: str) -> Tensor | None:
    if weights is None:
        return None
    weights = tensor(weights, f"{where}: weights", dtype=x.dtype)
    if weights.shape != x.shape[:-1]:
        raise ShapeError(
            f"{where}: weights must have one number per row of the prediction. "
            f"Got {weights.shape}. Make it {x.shape[:-1]}."
        )
    return view(weights, (weights.size,))


def loss_forward(
    name: str,
    x: Any,
    target: Any,
    out: Any,
    check: Any = checked_target,
    keep: bool = False,
    **params: Any,
) -> Any:
    """Run a loss's forward kernel; with ``keep`` it gives the probabilities too."""
    where = name.removesuffix("_forward")
    x = checked_prediction(x, where)
    target = check(target, x, where)
    loss = Output(out, x.shape[:-1], x.dtype, where, reads=(x, target))
    flat = view(loss.array, (loss.array.size,))
    if not keep:
        run(name, x.dtype, (flat,), (rows_of(x), target), **params)
        return loss.deliver()
    p = Output(None, x.shape, x.dtype, where).array
    run(name, x.dtype, (flat, rows_of(p)), (rows_of(x), target), **params)
    return loss.deliver(), p


def loss_backward(
    name: str,
    x: Any,
    target: Any,
    weights: Any,
    out: Any,
    check: Any = checked_target,
    **params: Any,
) -> Tensor:
    """Run a loss's backward kernel."""
    x = checked_prediction(x, name)
    target = check(target, x, name)
    weights = checked_weights(weights, x, name)
    dx = Output(out, x.shape, x.dtype, name, reads=(x, target, weights), adds=True)
    inputs = (rows_of(x), target, weights)
    run(name, x.dtype, (rows_of(dx.array),), inputs, **params, accumulate=dx.accumulate)
    return dx.deliver()


ELEMENTWISE_LOSSES = (
    "squared_error",
    "absolute_error",
    "absolute_percentage_error",
    "squared_logarithmic_error",
    "huber",
    "log_cosh",
    "hinge",
    "squared_hinge",
    "poisson",
    "kl_divergence",
    "binary_crossentropy",
    "sigmoid_crossentropy",
)
ROW_LOSSES = ("categorical_hinge", "cosine_similarity")


def _checked_function(function: Any, known: tuple[str, ...], where: str) -> str:
    if function not in known:
        raise ValueError(
            f"{where}: no such function. Got {function!r}. Choose one of {', '.join(known)}."
        )
    return function


def checked_number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{where} must be a number. Got {value!r}.")
    return float(value)


def elementwise_loss_forward(
    prediction: Any, target: Any, function: str, *, delta: float = 1.0, out: Any = None
) -> Tensor:
    """Mean over the last axis of a function of prediction and target.

    Parameters
    ----------
    prediction, target : (..., K) array
    function : str
        One of ``squared_error``, ``absolute_error``, ``absolute_percentage_error``,
        ``squared_logarithmic_error``, ``huber``, ``log_cosh``, ``hinge``,
        ``squared_hinge``, ``poisson``, ``kl_divergence`` (a sum, no mean),
        ``binary_crossentropy``, ``sigmoid_crossentropy`` (the same of logits).
    delta : float
        Where Huber's loss turns from square to linear.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.elementwise_loss_forward([[1.0, 3.0]], [[0.0, 0.0]], "squared_error")
    array([5.], dtype=float32)
    """
    name = "elementwise_loss_forward"
    function = _checked_function(function, ELEMENTWISE_LOSSES, "elementwise_loss")
    delta = checked_number(delta, "elementwise_loss: delta")
    return loss_forward(name, prediction, target, out, function=function, delta=delta)


def elementwise_loss_backward(
    prediction: Any,
    target: Any,
    function: str,
    weights: Any = None,
    *,
    delta: float = 1.0,
    out: Any = None,
) -> Tensor:
    """Gradient to the prediction: the function's derivative / K, times ``weights / rows``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.elementwise_loss_backward([[1.0, 3.0]], [[0.0, 0.0]], "squared_error")
    array([[1., 3.]], dtype=float32)
    """
    name = "elementwise_loss_backward"
    function = _checked_function(function, ELEMENTWISE_LOSSES, name)
    delta = checked_number(delta, f"{name}: delta")
    return loss_backward(name, prediction, target, weights, out, function=function, delta=delta)


def _with_classes(x: Any, where: str) -> Tensor:
    x = checked_prediction(x, where)
    if x.shape[-1] < 1:
        raise ShapeError(f"{where}: prediction has no classes. Got {x.shape}.")
    return x


def row_loss_forward(prediction: Any, target: Any, function: str, *, out: Any = None) -> Tensor:
    """A loss of every row: ``categorical_hinge`` or ``cosine_similarity`` (negated).

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.row_loss_forward([[3.0, 4.0]], [[1.0, 0.0]], "cosine_similarity")
    array([-0.6], dtype=float32)
    """
    function = _checked_function(function, ROW_LOSSES, "row_loss")
    x = _with_classes(prediction, "row_loss")
    return loss_forward("row_loss_forward", x, target, out, function=function)


def row_loss_backward(
    prediction: Any, target: Any, function: str, weights: Any = None, *, out: Any = None
) -> Tensor:
    """Gradient of :func:`row_loss_forward`, times ``weights / rows``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.row_loss_backward([[0.5, 1.0]], [[1.0, 0.0]], "categorical_hinge")
    array([[-1.,  1.]], dtype=float32)
    """
    function = _checked_function(function, ROW_LOSSES, "row_loss_backward")
    x = _with_classes(prediction, "row_loss_backward")
    return loss_backward("row_loss_backward", x, target, weights, out, function=function)


def map_targets(
    target: Any, scale: float, shift: float, *, only_binary: bool = False, out: Any = None
) -> Tensor:
    """``scale target + shift``: smoothed labels, and the signs that a hinge takes.

    With ``only_binary``, targets that are not all 0 or 1 stay as they are.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.map_targets([0.0, 1.0], 2, -1, only_binary=True)
    array([-1.,  1.], dtype=float32)
    """
    where = "map_targets"
    target = tensor(target, f"{where}: target")
    scale = checked_number(scale, f"{where}: scale")
    shift = checked_number(shift, f"{where}: shift")
    y = Output(out, target.shape, target.dtype, where, alias=(target,))
    flat, source = (view(a, (a.size,)) for a in (y.array, target))
    params = {"scale": scale, "shift": shift, "only_binary": bool(only_binary)}
    run(where, target.dtype, (flat,), (source,), **params)
    return y.deliver()


def label_mask(labels: Any, ignore_class: int, mask: Any = None, *, dtype: Any = None) -> Tensor:
    """1 where the label is not ``ignore_class`` and the mask is not 0, as uint8.

    Parameters
    ----------
    labels : (...) integers
    ignore_class : int
    mask : (...) integers, optional
    dtype : dtype, optional
        Of the losses that the mask is for: it chooses the kernel.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.label_mask([0, -1, 2], -1)
    array([1, 0, 1], dtype=uint8)
    """
    where = "label_mask"
    labels = tensor(labels, f"{where}: labels", dtype=np.int32, integer=True)
    if mask is not None:
        mask = tensor(mask, f"{where}: mask", dtype=np.uint8, integer=True)
        if mask.shape != labels.shape:
            raise ShapeError(
                f"{where}: labels and mask differ in shape. Got {labels.shape} and {mask.shape}."
            )
        mask = view(mask, (mask.size,))
    y = Output(None, labels.shape, np.dtype(np.uint8), where, reads=(labels, mask))
    flat = view(y.array, (y.array.size,))
    inputs = (view(labels, (labels.size,)), mask)
    run(where, np.dtype(dtype or np.float32), (flat,), inputs, ignore_class=int(ignore_class))
    return y.deliver()


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
        scale=checked_number(scale, f"{where}: scale"),
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
