"""The merging layers as functions: ``add([a, b])`` is ``Add()([a, b])``."""

from __future__ import annotations

from typing import Any

from cnnlite.layers.dot import Dot
from cnnlite.layers.merge import Add, Average, Concatenate, Maximum, Minimum, Multiply, Subtract


def add(inputs: Any, **kwargs: Any) -> Any:
    """Return the sum of inputs.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.add([[[1, 2]], [[3, 4]]])
    array([[4., 6.]], dtype=float32)
    """
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """Return the first of two inputs less the second.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.subtract([[[1, 2]], [[3, 4]]])
    array([[-2., -2.]], dtype=float32)
    """
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """Return the product of inputs, element by element.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.multiply([[[1, 2]], [[3, 4]]])
    array([[3., 8.]], dtype=float32)
    """
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """Return the mean of inputs, element by element.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.average([[[1, 2]], [[3, 4]]])
    array([[2., 3.]], dtype=float32)
    """
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """Return the largest of inputs, element by element.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.maximum([[[1, 5]], [[3, 4]]])
    array([[3., 5.]], dtype=float32)
    """
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """Return the smallest of inputs, element by element.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.minimum([[[1, 5]], [[3, 4]]])
    array([[1., 4.]], dtype=float32)
    """
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """Return inputs joined along an axis.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.concatenate([[[1, 2]], [[3]]])
    array([[1., 2., 3.]], dtype=float32)
    """
    return Concatenate(axis, **kwargs)(inputs)


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """Return the products of two inputs, summed along an axis of each.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.dot([[[1, 2]], [[3, 4]]], axes=1)
    array([[11.]], dtype=float32)
    """
    return Dot(axes, **kwargs)(inputs)
