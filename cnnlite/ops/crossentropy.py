"""Softmax and cross-entropy over classes, from logits and from probabilities."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from cnnlite.ops.core import Tensor
from cnnlite.ops.losses import checked_labels, loss_backward, loss_forward


def _ignored(ignore_class: Any, where: str) -> int | None:
    if ignore_class is None:
        return None
    limits = np.iinfo(np.int32)
    try:
        number = operator.index(ignore_class)
    except TypeError:
        number = limits.max + 1
    if not limits.min <= number <= limits.max:
        raise ValueError(f"{where}: ignore_class must be a class number. Got {ignore_class!r}.")
    return number


def _sparse_forward(name: str, x: Any, labels: Any, ignore_class: Any, keep: bool, out: Any) -> Any:
    ignored = _ignored(ignore_class, name.removesuffix("_forward"))
    return loss_forward(name, x, labels, out, checked_labels, keep, ignore_class=ignored)


def _sparse_backward(
    name: str, p: Any, labels: Any, weights: Any, ignore_class: Any, out: Any
) -> Tensor:
    ignored = _ignored(ignore_class, name)
    return loss_backward(name, p, labels, weights, out, checked_labels, ignore_class=ignored)


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
    return loss_forward("softmax_crossentropy_forward", x, target, out, keep=True)


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
    return loss_backward("softmax_crossentropy_backward", p, target, weights, out)


def sparse_softmax_crossentropy_forward(
    x: Any, labels: Any, *, ignore_class: int | None = None, out: Any = None
) -> tuple[Tensor, Tensor]:
    """Softmax and cross-entropy of logits against class numbers, in one pass.

    Parameters
    ----------
    x : (..., K) array
        Logits.
    labels : (...) integers
        0..K-1; any other gives NaN.
    ignore_class : int, optional
        A row of this label has loss and gradient 0.

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
    return _sparse_forward(
        "sparse_softmax_crossentropy_forward", x, labels, ignore_class, True, out
    )


def sparse_softmax_crossentropy_backward(
    p: Any,
    labels: Any,
    weights: Any = None,
    *,
    ignore_class: int | None = None,
    out: Any = None,
) -> Tensor:
    """Gradient to the logits: ``(p - one_hot(labels)) weights / rows``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.sparse_softmax_crossentropy_backward([[0.5, 0.5]], [0])
    array([[-0.5,  0.5]], dtype=float32)
    """
    return _sparse_backward(
        "sparse_softmax_crossentropy_backward", p, labels, weights, ignore_class, out
    )


def categorical_crossentropy_forward(p: Any, target: Any, *, out: Any = None) -> Tensor:
    """Cross-entropy of probabilities over their sum: ``-sum_k t_k log(p_k / sum_j p_j)``.

    The quotients are clipped to [1e-7, 1 - 1e-7].

    Examples
    --------
    >>> from cnnlite import ops
    >>> round(float(ops.categorical_crossentropy_forward([[0.5, 0.5]], [[1.0, 0.0]])[0]), 4)
    0.6931
    """
    return loss_forward("categorical_crossentropy_forward", p, target, out)


def categorical_crossentropy_backward(
    p: Any, target: Any, weights: Any = None, *, out: Any = None
) -> Tensor:
    """Gradient to the probabilities, ``(sum t - t / p) weights / rows`` where they sum to 1.

    Beyond the clip, t counts 0.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.categorical_crossentropy_backward([[0.5, 0.5]], [[1.0, 0.0]])
    array([[-1.,  1.]], dtype=float32)
    """
    return loss_backward("categorical_crossentropy_backward", p, target, weights, out)


def sparse_categorical_crossentropy_forward(
    p: Any, labels: Any, *, ignore_class: int | None = None, out: Any = None
) -> Tensor:
    """Cross-entropy of probabilities against class numbers: ``-log(p_label / sum_j p_j)``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> round(float(ops.sparse_categorical_crossentropy_forward([[0.5, 0.5]], [1])[0]), 4)
    0.6931
    """
    return _sparse_forward(
        "sparse_categorical_crossentropy_forward", p, labels, ignore_class, False, out
    )


def sparse_categorical_crossentropy_backward(
    p: Any,
    labels: Any,
    weights: Any = None,
    *,
    ignore_class: int | None = None,
    out: Any = None,
) -> Tensor:
    """Gradient to the probabilities: that of one-hot targets.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.sparse_categorical_crossentropy_backward([[0.5, 0.5]], [1])
    array([[ 1., -1.]], dtype=float32)
    """
    return _sparse_backward(
        "sparse_categorical_crossentropy_backward", p, labels, weights, ignore_class, out
    )
