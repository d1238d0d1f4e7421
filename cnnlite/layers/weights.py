"""Weights under Keras's other names, and setting several at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from cnnlite.arguments import array
from cnnlite.errors import DtypeError, ShapeError
from cnnlite.ops import Parameter


class WeightNames:
    """Weights as Keras names them too: here every variable is a weight.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layer = layers.Dense(2)
    >>> layer.ensure_built((None, 3))
    >>> [variable.shape for variable in layer.trainable_variables]
    [(3, 2), (2,)]
    """

    weights: Any
    trainable_weights: Any
    non_trainable_weights: Any

    @property
    def variables(self) -> list[Parameter]:
        return self.weights

    @property
    def trainable_variables(self) -> list[Parameter]:
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Parameter]:
        return self.non_trainable_weights


def check_weight_dtype(dtype: Any, layer_dtype: str, where: str) -> None:
    """Raise where a weight is asked for in another dtype than its layer computes in."""
    if dtype is None:
        return
    try:
        same = np.dtype(dtype) == np.dtype(layer_dtype)
    except TypeError:
        same = False
    if not same:
        raise DtypeError(
            f"{where}: a weight has its layer's dtype, {layer_dtype}. Got {dtype!r}. Leave it out."
        )


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
