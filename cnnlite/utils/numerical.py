"""Arrays made ready for training: one-hot classes, rows of norm 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnlite.errors import DtypeError, ShapeError
from cnnlite.shapes import is_int, normalize_axis

__all__ = ["normalize", "to_categorical"]


def to_categorical(x: Any, num_classes: int | None = None) -> NDArray[np.float64]:
    """Return a vector with a one in its class's place for each class number.

    Parameters
    ----------
    x : array-like of integers
        Classes, 0 to ``num_classes - 1``. A last axis of length 1 is dropped.
    num_classes : int, optional
        K. Without it, the largest class plus one.

    Returns
    -------
    one_hot : (..., K) float64
        New.

    Raises
    ------
    DtypeError
        ``x`` holds no whole numbers.
    ValueError
        A class is negative or not below ``num_classes``; or ``x`` is empty and
        ``num_classes`` is not given.

    Notes
    -----
    Source: Keras 3.15's ``to_categorical``, which takes a negative class for one
    counted from the end; here it is an error, and so is a fraction.

    Examples
    --------
    >>> from cnnlite.utils import to_categorical
    >>> to_categorical([0, 2, 1])
    array([[1., 0., 0.], [0., 0., 1.], [0., 1., 0.]])
    """
    given = np.asarray(x)
    whole = given.dtype.kind in "iub" or (
        given.dtype.kind == "f" and bool(np.all(np.isfinite(given) & (given == np.trunc(given))))
    )
    if not whole:
        raise DtypeError(
            f"to_categorical: x must hold whole numbers, the classes. Got dtype {given.dtype}: "
            f"{given.ravel()[:5]!r}. Round or number them first."
        )
    classes = given.astype(np.int64)
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    if num_classes is None:
        if not classes.size:
            raise ValueError("to_categorical: x is empty. Pass num_classes.")
        num_classes = int(classes.max()) + 1
    elif not is_int(num_classes) or num_classes < 1:
        raise ValueError(
            f"to_categorical: num_classes must be a positive integer. Got {num_classes!r}."
        )
    if classes.size and (classes.min() < 0 or classes.max() >= num_classes):
        raise ValueError(
            f"to_categorical: x: a class must lie in 0 to {num_classes - 1}. Got "
            f"{classes.min()} to {classes.max()}. Renumber the classes, or pass num_classes."
        )
    one_hot = np.zeros((classes.size, num_classes))
    one_hot[np.arange(classes.size), classes.ravel()] = 1
    return one_hot.reshape(*classes.shape, num_classes)


def normalize(x: Any, axis: int = -1, order: float = 2) -> NDArray[Any]:
    """Return an array divided by its norms along an axis.

    Parameters
    ----------
    x : array-like of numbers
    axis : int
        The axis that the norms are taken over.
    order : float
        p of the norm ``(sum |x|^p)^(1/p)``; ``inf`` gives the largest, 0 the number
        of those that are not zero.

    Returns
    -------
    normalized : array of x's shape
        New; float64 for integers. What has norm 0 stays as it is.

    Raises
    ------
    DtypeError, ShapeError, ValueError
        ``x`` holds no numbers, has no such axis, or ``order`` is no number.

    Notes
    -----
    Source: Keras 3.15's ``normalize`` as documented. For NumPy arrays Keras itself
    divides by the wrong norms with ``axis=0``, and returns a vector as a row.

    Examples
    --------
    >>> from cnnlite.utils import normalize
    >>> normalize([[3.0, 4.0], [0.0, 0.0]])
    array([[0.6, 0.8], [0. , 0. ]])
    """
    values = np.asarray(x)
    if values.dtype.kind not in "fiub":
        raise DtypeError(f"normalize: x must be numbers. Got dtype {values.dtype}.")
    plain = isinstance(order, int | float | np.number) and not isinstance(order, bool)
    if not plain or np.isnan(order):
        raise ValueError(f"normalize: order must be a number, 2 or inf, say. Got {order!r}.")
    if not values.ndim:
        raise ShapeError("normalize: x must have an axis. Got a single number.")
    axis = normalize_axis(axis, values.ndim, "normalize")
    if values.dtype.kind != "f":
        values = values.astype(np.float64)
    norms = np.linalg.norm(values, order, axis, keepdims=True)
    return values / np.where(norms == 0, np.ones_like(norms), norms)
