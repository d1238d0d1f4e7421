"""Layers that frame sequences and images by zeros, or cut their edges off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnlite import ops
from cnnlite.errors import ShapeError
from cnnlite.layers.base import Layer
from cnnlite.layers.context import Context
from cnnlite.layers.spatial import (
    AXES,
    as_images,
    as_pair,
    as_rank,
    checked_data_format,
    spatial_sizes,
)
from cnnlite.layers.symbolic import Shape
from cnnlite.ops.core import Tensor
from cnnlite.shapes import Pads, Pair, is_int, pair


def _edges(value: Any, rank: int, where: str) -> tuple[Pair, ...]:
    """Return (before, after) of each axis, from an int, one for each axis, or pairs."""
    if rank == 1:
        return (pair(value, where, minimum=0),)
    if is_int(value):
        both = pair(value, where, minimum=0)
        return both, both
    if not isinstance(value, Sequence) or len(value) != 2:
        raise ShapeError(
            f"{where}: not an integer, (rows, columns) or ((top, bottom), (left, right)). "
            f"Got {value!r}."
        )
    return pair(value[0], where, minimum=0), pair(value[1], where, minimum=0)


class _Frame(Layer):
    """Moves the edges of its input: outward where `_added` is positive, inward where negative."""

    rank: int

    def _added(self) -> tuple[Pair, ...]:
        """Return what is added before and after each axis."""
        raise NotImplementedError

    def _pads(self) -> Pads:
        rows, columns = as_pair(self._added(), (0, 0))
        return rows, columns

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        return as_rank(ops.pad2d(as_images(x), self._pads()), self.rank)

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        if not ctx.needs_dx:
            return None
        back = tuple((-before, -after) for before, after in self._pads())
        return as_rank(ops.pad2d(as_images(dy), back), self.rank)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        extents = spatial_sizes(input_shape, self.rank, self)
        out = [
            None if n is None else n + before + after
            for n, (before, after) in zip(extents, self._added(), strict=True)
        ]
        return (input_shape[0], *out, input_shape[-1])


class _ZeroPadding(_Frame):
    padding: Any

    def _added(self) -> tuple[Pair, ...]:
        return self.padding if self.rank == 2 else (self.padding,)


class _Cropping(_Frame):
    cropping: Any

    def _added(self) -> tuple[Pair, ...]:
        cut = self.cropping if self.rank == 2 else (self.cropping,)
        return tuple((-before, -after) for before, after in cut)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = super().compute_output_shape(input_shape)
        for axis, size in enumerate(shape[1:-1], 1):
            if size is not None and size < 1:
                raise ShapeError(
                    f"{self.name}: cropping leaves nothing of axis {axis}, the "
                    f"{AXES[self.rank][axis - 1]}. Got shape {tuple(input_shape)}, "
                    f"cropping {self.cropping}. Crop less, or pass more."
                )
        return shape


class ZeroPadding1D(_ZeroPadding):
    """Add steps of zeros before and after a sequence.

    Input (N, T, C), output (N, T + before + after, C).

    Parameters
    ----------
    padding : int or (int, int)
        Steps on each side, or (before, after).
    data_format : {"channels_last"}

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.ZeroPadding1D((1, 0))(np.ones((1, 2, 1))).ravel()
    array([0., 1., 1.], dtype=float32)
    """

    rank = 1

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        (self.padding,) = _edges(padding, 1, f"{self.name}: padding")
        self.data_format = checked_data_format(data_format, self.name)


class ZeroPadding2D(_ZeroPadding):
    """Put a frame of zeros around images.

    Input (N, H, W, C), output (N, H + top + bottom, W + left + right, C).

    Parameters
    ----------
    padding : int, (int, int) or ((int, int), (int, int))
        On every side; (rows, columns); or ((top, bottom), (left, right)).
    data_format : {"channels_last"}

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.ZeroPadding2D(((1, 0), (0, 1)))(np.ones((1, 1, 1, 1)))[0, :, :, 0]
    array([[0., 0.],
           [1., 0.]], dtype=float32)
    """

    rank = 2

    def __init__(
        self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.padding = _edges(padding, 2, f"{self.name}: padding")
        self.data_format = checked_data_format(data_format, self.name)


class Cropping1D(_Cropping):
    """Cut steps off the start and the end of a sequence.

    Input (N, T, C), output (N, T - before - after, C).

    Parameters
    ----------
    cropping : int or (int, int)
        Steps on each side, or (before, after).

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.Cropping1D((1, 0))(np.arange(3.0).reshape(1, 3, 1)).ravel()
    array([1., 2.], dtype=float32)
    """

    rank = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        (self.cropping,) = _edges(cropping, 1, f"{self.name}: cropping")


class Cropping2D(_Cropping):
    """Cut the edges off images.

    Input (N, H, W, C), output (N, H - top - bottom, W - left - right, C).

    Parameters
    ----------
    cropping : int, (int, int) or ((int, int), (int, int))
        On every side; (rows, columns); or ((top, bottom), (left, right)).
    data_format : {"channels_last"}

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.Cropping2D(((1, 0), (0, 1)))(np.arange(4.0).reshape(1, 2, 2, 1)).item()
    2.0
    """

    rank = 2

    def __init__(
        self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.cropping = _edges(cropping, 2, f"{self.name}: cropping")
        self.data_format = checked_data_format(data_format, self.name)
