"""Samples under other shapes: Reshape, Permute, RepeatVector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnlite import ops
from cnnlite.errors import ShapeError
from cnnlite.layers.base import Layer, check_rank, check_single, positive
from cnnlite.layers.context import Context
from cnnlite.layers.symbolic import Shape
from cnnlite.ops.core import Tensor
from cnnlite.shapes import is_int


class Reshape(Layer):
    """Give every sample another shape of the same size, without copying.

    Parameters
    ----------
    target_shape : sequence of int
        Without the batch; one size may be -1, what is left.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.Reshape((3, -1))(np.zeros((2, 12))).shape
    (2, 3, 4)
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        sizes = tuple(target_shape) if isinstance(target_shape, list | tuple) else ("",)
        if not all(is_int(n) and (n >= 0 or n == -1) for n in sizes) or sizes.count(-1) > 1:
            raise ShapeError(
                f"{self.name}: target_shape must be sizes, of which one may be -1. "
                f"Got {target_shape!r}."
            )
        self.target_shape = tuple(int(n) for n in sizes)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_single(input_shape, self)
        sizes, target = input_shape[1:], self.target_shape
        known = math.prod(n for n in target if n != -1)
        if None in sizes:  # what is left stays unknown
            return (input_shape[0], *(None if n == -1 else n for n in target))
        size = math.prod(n for n in sizes if n is not None)
        rest = size // known if known else 0
        shape = tuple(rest if n == -1 else n for n in target)
        if math.prod(shape) != size:
            raise ShapeError(
                f"{self.name}: a sample of {size} elements does not fill the shape. "
                f"Got {tuple(input_shape)}, target_shape {target}."
            )
        return (input_shape[0], *shape)

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        ctx.save(x.shape)
        return ops.reshape(x, self.compute_output_shape(x.shape))  # type: ignore[arg-type]

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor:
        (x_shape,) = ctx.saved
        return ops.reshape(dy, x_shape)


class Permute(Layer):
    """Permute the axes of every sample.

    Parameters
    ----------
    dims : sequence of int
        Axis ``i`` of the output is axis ``dims[i - 1]`` of the input, counted from 1: the
        batch, 0, stays.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.Permute((2, 1))(np.zeros((1, 3, 4))).shape
    (1, 4, 3)
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        found = tuple(dims) if isinstance(dims, list | tuple) else (0,)
        if not all(map(is_int, found)) or sorted(found) != list(range(1, len(found) + 1)):
            raise ShapeError(
                f"{self.name}: dims must be a permutation of 1, 2, ... Got {dims!r}. "
                "The batch, axis 0, is not among them."
            )
        self.dims = tuple(int(d) for d in found)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_rank(input_shape, len(self.dims) + 1, self, f"the batch and {len(self.dims)} axes")
        return (input_shape[0], *(input_shape[d] for d in self.dims))

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        return ops.transpose(x, (0, *self.dims))

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor:
        order = (0, *self.dims)
        return ops.transpose(dy, tuple(order.index(i) for i in range(len(order))))


class RepeatVector(Layer):
    """Repeat every sample, a vector: (N, F) to (N, n, F).

    Parameters
    ----------
    n : int

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.RepeatVector(2)([[1, 2]])
    array([[[1., 2.],
            [1., 2.]]], dtype=float32)
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = positive(n, f"{self.name}: n")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_rank(input_shape, 2, self, "(batch, features)")
        return (input_shape[0], self.n, input_shape[1])

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        ones = np.ones((1, self.n, 1), x.dtype)
        return ops.multiply(ops.reshape(x, (x.shape[0], 1, x.shape[1])), ones)

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor:
        return ops.sum(dy, axis=1)
