"""Pooling layers: a window over each channel of a sequence or an image by itself."""

from __future__ import annotations

from typing import Any

from cnnlite import ops
from cnnlite.layers.base import Layer
from cnnlite.layers.context import Context
from cnnlite.layers.spatial import (
    as_images,
    as_pair,
    as_rank,
    checked_data_format,
    checked_padding,
    spatial_sizes,
    window_sizes,
)
from cnnlite.layers.symbolic import Shape
from cnnlite.ops.core import Tensor
from cnnlite.shapes import sizes


class _Pooling(Layer):
    """Arguments and sizes; a subclass computes on images."""

    rank: int

    def __init__(
        self,
        pool_size: Any,
        strides: Any,
        padding: str,
        data_format: str | None,
        name: str | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.pool_size = sizes(pool_size, self.rank, f"{self.name}: pool_size")
        self.strides = self.pool_size
        if strides is not None:
            self.strides = sizes(strides, self.rank, f"{self.name}: strides")
        self.padding = checked_padding(padding, self.name)
        self.data_format = checked_data_format(data_format, self.name)

    def _window(self) -> tuple[Any, Any, str]:
        return as_pair(self.pool_size), as_pair(self.strides), self.padding

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        extents = spatial_sizes(input_shape, self.rank, self)
        once = (1,) * self.rank
        out = window_sizes(extents, self.pool_size, self.strides, once, self.padding, self.name)
        return (input_shape[0], *out, input_shape[-1])


class _MaxPooling(_Pooling):
    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        x = as_images(x)
        y, argmax = ops.maxpool2d_forward(x, *self._window())
        ctx.save(argmax, x.shape)
        return as_rank(y, self.rank)

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        argmax, x_shape = ctx.saved
        if not ctx.needs_dx:
            return None
        dx = ops.maxpool2d_backward(as_images(dy), argmax, x_shape, *self._window())
        return as_rank(dx, self.rank)


class _AveragePooling(_Pooling):
    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        x = as_images(x)
        ctx.save(x.shape)
        return as_rank(ops.averagepool2d_forward(x, *self._window()), self.rank)

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        (x_shape,) = ctx.saved
        if not ctx.needs_dx:
            return None
        dx = ops.averagepool2d_backward(as_images(dy), x_shape, *self._window())
        return as_rank(dx, self.rank)


class MaxPooling1D(_MaxPooling):
    """Maximum of every window of a sequence, over each channel by itself.

    Input (N, T, C), output (N, OT, C).

    Parameters
    ----------
    pool_size : int
    strides : int, optional
        Default: ``pool_size``.
    padding : {"valid", "same"}
        Padding never wins.
    data_format : {"channels_last"}

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.MaxPooling1D()(np.array([1, 3, 2, 0], "float32").reshape(1, 4, 1)).ravel()
    array([3., 2.], dtype=float32)
    """

    rank = 1

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class MaxPooling2D(_MaxPooling):
    """Maximum of every window of an image, over each channel by itself.

    Input (N, H, W, C), output (N, OH, OW, C).

    Parameters
    ----------
    pool_size : int or (int, int)
    strides : int or (int, int), optional
        Default: ``pool_size``.
    padding : {"valid", "same"}
        Padding never wins.
    data_format : {"channels_last"}

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.MaxPooling2D(2)(np.arange(4.0).reshape(1, 2, 2, 1)).item()
    3.0
    """

    rank = 2

    def __init__(
        self,
        pool_size: Any = (2, 2),
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class AveragePooling1D(_AveragePooling):
    """Mean of every window of a sequence, over each channel by itself, padding not counted.

    Input (N, T, C), output (N, OT, C).

    Parameters
    ----------
    pool_size : int
    strides : int, optional
        Default: ``pool_size``.
    padding : {"valid", "same"}
    data_format : {"channels_last"}

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> x = np.array([1, 3, 5], "float32").reshape(1, 3, 1)
    >>> layers.AveragePooling1D(2, padding="same")(x).ravel()
    array([2., 5.], dtype=float32)
    """

    rank = 1

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class AveragePooling2D(_AveragePooling):
    """Mean of every window of an image, over each channel by itself, padding not counted.

    Input (N, H, W, C), output (N, OH, OW, C).

    Parameters
    ----------
    pool_size : int or (int, int)
    strides : int or (int, int), optional
        Default: ``pool_size``.
    padding : {"valid", "same"}
    data_format : {"channels_last"}

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.AveragePooling2D(2)(np.arange(4.0).reshape(1, 2, 2, 1)).item()
    1.5
    """

    rank = 2

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)
