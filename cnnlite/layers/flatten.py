"""Flatten every sample to a vector."""

from __future__ import annotations

import math
from typing import Any

from cnnlite import ops
from cnnlite.errors import ShapeError
from cnnlite.layers.base import Layer, check_single
from cnnlite.layers.context import Context
from cnnlite.layers.spatial import checked_data_format
from cnnlite.layers.symbolic import Shape
from cnnlite.ops.core import Tensor


class Flatten(Layer):
    """Make every sample a vector: (N, a, b, ...) to (N, a * b * ...), without copying.

    Parameters
    ----------
    data_format : {"channels_last"}

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.Flatten()(np.zeros((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = checked_data_format(data_format, self.name)

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        ctx.save(x.shape)
        self.compute_output_shape(x.shape)  # checks it
        return ops.reshape(x, (x.shape[0], math.prod(x.shape[1:])))

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor:
        (x_shape,) = ctx.saved
        return ops.reshape(dy, x_shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_single(input_shape, self)
        sizes = input_shape[1:]
        known = [n for n in sizes if n is not None]
        if not input_shape or len(known) < len(sizes):
            raise ShapeError(
                f"{self.name}: every size but the batch must be known. "
                f"Got shape {tuple(input_shape)}."
            )
        return (input_shape[0], math.prod(known))
