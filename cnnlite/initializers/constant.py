"""Initial values without chance: constants, and the unit matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnlite.arguments import number
from cnnlite.errors import ShapeError
from cnnlite.initializers.base import Initializer
from cnnlite.shapes import broadcast_shape


class Zeros(Initializer):
    """All zeros.

    Examples
    --------
    >>> Zeros()((2,))
    array([0., 0.], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return np.zeros(self._sizes(shape), self._dtype(dtype))


class Ones(Initializer):
    """All ones.

    Examples
    --------
    >>> Ones()((2,))
    array([1., 1.], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        return np.ones(self._sizes(shape), self._dtype(dtype))


class Constant(Initializer):
    """One value everywhere, or an array that broadcasts to the weight.

    Examples
    --------
    >>> Constant(3)((2,))
    array([3., 3.], dtype=float32)
    """

    def __init__(self, value: Any = 0.0) -> None:
        try:
            array = np.asarray(value)
        except ValueError:  # lists of unequal lengths
            array = np.empty(0)
        if array.dtype.kind not in "fiu" or not array.size:
            raise ValueError(
                f"{type(self).__name__}: value must be a number or an array of them. Got {value!r}."
            )
        self.value = array.tolist()

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        sizes, array = self._sizes(shape), np.asarray(self.value)
        if broadcast_shape(array.shape, sizes, f"{type(self).__name__}: value") != sizes:
            raise ShapeError(
                f"{type(self).__name__}: value of shape {array.shape} is larger than the weight. "
                f"Got {sizes}. Pass a number, or an array that broadcasts to the weight."
            )
        return np.full(sizes, array, self._dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


class Identity(Initializer):
    """The unit matrix, times ``gain``: ones on the diagonal of any matrix, square or not.

    Examples
    --------
    >>> Identity()((2, 3))
    array([[1., 0., 0.], [0., 1., 0.]], dtype=float32)
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = number(gain, f"{type(self).__name__}: gain")

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> np.ndarray:
        shape = self._sizes(shape)
        if len(shape) != 2:
            raise ShapeError(
                f"{type(self).__name__}: the weight must be a matrix. Got shape {tuple(shape)}."
            )
        return np.asarray(self.gain * np.eye(shape[0], shape[1]), dtype=self._dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}
