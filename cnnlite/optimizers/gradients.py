"""What :meth:`Optimizer.apply_gradients` is given, checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite.errors import DtypeError, ShapeError
from cnnlite.ops import Parameter


def checked_pairs(given: Any, where: str) -> list[tuple[Any, Parameter]]:
    """Return pairs of a gradient and a weight as a list, or raise."""
    found = list(given) if isinstance(given, list | tuple | zip) else [given]
    for pair in found:
        if (
            not isinstance(pair, list | tuple)
            or len(pair) != 2
            or not isinstance(pair[1], Parameter)
        ):
            raise TypeError(
                f"{where}: apply_gradients needs pairs (gradient, weight). Got {pair!r}. "
                "Write zip(gradients, model.trainable_weights)."
            )
    return [(g, w) for g, w in found]


def checked_gradient(gradient: Any, weight: Parameter, where: str) -> np.ndarray:
    """Return the gradient of a weight as a contiguous array of its dtype, or raise."""
    array = np.asarray(gradient)
    if array.dtype.kind not in "fiu":
        raise DtypeError(
            f"{where}: the gradient of {weight.name} must be numbers. Got dtype {array.dtype}."
        )
    if array.shape != weight.shape:
        raise ShapeError(
            f"{where}: the gradient of {weight.name} must have the weight's shape. "
            f"Got {array.shape}. Make it {weight.shape}."
        )
    return np.ascontiguousarray(array, dtype=weight.dtype)
