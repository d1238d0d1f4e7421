"""Setting several weights at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from cnnlite.arguments import array
from cnnlite.errors import ShapeError
from cnnlite.ops import Parameter


def assign_all(parameters: Sequence[Parameter], arrays: Sequence[Any], where: str) -> None:
    """Copy arrays into parameters, all or none."""
    if isinstance(arrays, str) or not isinstance(arrays, Iterable):
        raise TypeError(f"{where}: set_weights needs a list of arrays. Got {arrays!r:.80}.")
    arrays = [array(a, f"{where}: set_weights: weights") for a in arrays]
    wanted, given = [p.shape for p in parameters], [a.shape for a in arrays]
    if wanted != given:
        raise ShapeError(
            f"{where}: set_weights: the arrays do not fit the weights. "
            f"Got {given}. Make it {wanted}."
        )
    for parameter, value in zip(parameters, arrays, strict=True):
        parameter.assign(value)
