"""Setting several weights at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnlite.errors import ShapeError
from cnnlite.ops import Parameter


def assign_all(parameters: Sequence[Parameter], arrays: Sequence[Any], where: str) -> None:
    """Copy arrays into parameters, all or none."""
    arrays = [np.asarray(a) for a in arrays]
    if any(a.dtype.kind not in "fiub" for a in arrays):
        raise TypeError(
            f"{where}: set_weights: weights must be numbers. "
            f"Got dtypes {', '.join(str(a.dtype) for a in arrays)}."
        )
    wanted, given = [p.shape for p in parameters], [a.shape for a in arrays]
    if wanted != given:
        raise ShapeError(
            f"{where}: set_weights: the arrays do not fit the weights. "
            f"Got {given}. Make it {wanted}."
        )
    for parameter, array in zip(parameters, arrays, strict=True):
        parameter.assign(array)
