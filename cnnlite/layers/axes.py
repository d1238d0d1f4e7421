"""Some axes of an array, moved to its end and joined to one, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cnnlite import ops
from cnnlite.ops.core import Tensor


def _order(ndim: int, axes: Sequence[int]) -> list[int]:
    return [d for d in range(ndim) if d not in axes] + list(axes)


def joined_last(x: Tensor, axes: Sequence[int]) -> Tensor:
    """Return x with ``axes`` (none of them negative) moved to the end, joined to one.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite.layers.axes import joined_last
    >>> joined_last(np.zeros((2, 3, 4, 5), "float32"), (1, 2)).shape
    (2, 5, 12)
    """
    order = _order(x.ndim, axes)
    if order != list(range(x.ndim)):
        x = ops.transpose(x, order)
    kept = x.ndim - len(axes)
    return ops.reshape(x, (*x.shape[:kept], math.prod(x.shape[kept:])))


def separated(y: Tensor, shape: Sequence[int], axes: Sequence[int]) -> Tensor:
    """Undo :func:`joined_last`: return y in ``shape``."""
    order = _order(len(shape), axes)
    y = ops.reshape(y, [shape[d] for d in order])
    if order == list(range(len(shape))):
        return y
    return ops.transpose(y, [order.index(d) for d in range(len(shape))])
