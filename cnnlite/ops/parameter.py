"""Parameters: arrays that a model owns and an optimizer changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakValueDictionary

import numpy as np

from cnnlite.errors import ShapeError

__all__ = ["Parameter"]


_owners: WeakValueDictionary[int, Parameter] = WeakValueDictionary()  # by address


class DeviceCopy(Protocol):
    """The copy of a parameter that a device computes with."""

    def bring_home(self) -> None:
        """Bring the host's values up to date, and expect them to be changed there."""


class Parameter:
    """An array that belongs to a layer, an optimizer or a metric.

    Its memory stays at one address for life, so plans may keep a pointer to it.

    Parameters
    ----------
    value : numpy.ndarray
        Taken over, not copied: the caller gives up the array.
    name : str
    trainable : bool
        Whether an optimizer changes it.

    Attributes
    ----------
    version : int
        Rises with every change, for packed copies to tell whether they are stale.
    on_assign : callable, optional
        Called after :meth:`assign`, to bring up to date what was derived from the values.
    regularizer, constraint : object or None
        What a model adds to its loss for it, and applies to it after each step.

    Examples
    --------
    >>> import numpy as np
    >>> p = Parameter(np.zeros(2, "float32"), "bias")
    >>> p.assign([1, 2])
    >>> p.numpy()
    array([1., 2.], dtype=float32)
    """

    __slots__ = (
        "__weakref__",
        "_value",
        "constraint",
        "copy_elsewhere",
        "name",
        "on_assign",
        "regularizer",
        "trainable",
        "version",
    )

    def __init__(self, value: np.ndarray, name: str, trainable: bool = True) -> None:
        self._value = value
        _owners[value.ctypes.data] = self
        self.copy_elsewhere: DeviceCopy | None = None
        self.name = name
        self.trainable = trainable
        self.version = 0
        self.regularizer: Any = None
        self.constraint: Any = None
        self.on_assign: Callable[[], None] | None = None

    @property
    def value(self) -> np.ndarray:
        """The values, in the memory of the host; whoever asks for them may change them."""
        if self.copy_elsewhere is not None:
            self.copy_elsewhere.bring_home()
        return self._value

    @classmethod
    def of(cls, array: np.ndarray) -> Parameter | None:
        """Return the parameter whose values an array is."""
        return _owners.get(array.ctypes.data)

    @property
    def path(self) -> str:
        """Layer and weight, "dense/kernel": the name, as Keras calls it."""
        return self.name

    shape = property(lambda self: self._value.shape)
    dtype = property(lambda self: self._value.dtype)
    ndim = property(lambda self: self._value.ndim)

    def numpy(self) -> np.ndarray:
        """Return a copy of the values."""
        return self.value.copy()

    def assign(self, value: Any) -> None:
        """Copy ``value`` in.

        Raises
        ------
        ShapeError
            If its shape differs; nothing is broadcast.
        """
        array = np.asarray(value)
        if array.shape != self.value.shape:
            raise ShapeError(
                f"{self.name}: cannot assign an array of another shape. "
                f"Got {array.shape}. Make it {self.value.shape}."
            )
        self.value[...] = array
        self.version += 1
        if self.on_assign is not None:
            self.on_assign()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, dtype=dtype)

    def __repr__(self) -> str:
        kind = "" if self.trainable else ", not trainable"
        return f"Parameter({self.name!r}, {self.shape}, {self.dtype}{kind})"
