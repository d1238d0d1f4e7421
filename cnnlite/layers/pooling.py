"""Pooling layers."""

from __future__ import annotations

from typing import Any

from cnnlite import ops
from cnnlite.layers.base import Layer, check_rank
from cnnlite.layers.context import Context
from cnnlite.layers.conv2d import checked_data_format, checked_padding, image_size
from cnnlite.layers.symbolic import Shape
from cnnlite.ops.core import Tensor
from cnnlite.shapes import pair, window_output, window_pads


class _Pooling2D(Layer):
    """A window over each channel of an image by itself."""

    def __init__(
        self,
        pool_size: Any = (2, 2),
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = pair(pool_size, f"{self.name}: pool_size")
        self.strides = self.pool_size if strides is None else pair(strides, f"{self.name}: strides")
        self.padding = checked_padding(padding, self.name)
        self.data_format = checked_data_format(data_format, self.name)

    def _window(self) -> tuple[Any, Any, str]:
        return self.pool_size, self.strides, self.padding

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_rank(input_shape, 4, self, "(batch, height, width, channels)")
        size = image_size(input_shape, self)
        geometry = (self.pool_size, self.strides, (1, 1))
        pads = window_pads(self.padding, size, *geometry, self.name)
        out = window_output(size, *geometry, pads, self.name)
        return (input_shape[0], *out, input_shape[3])


class MaxPooling2D(_Pooling2D):
    """Maximum of every window, over each channel by itself.

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

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        y, argmax = ops.maxpool2d_forward(x, *self._window())
        ctx.save(argmax, x.shape)
        return y

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        argmax, x_shape = ctx.saved
        if not ctx.needs_dx:
            return None
        return ops.maxpool2d_backward(dy, argmax, x_shape, *self._window())


class AveragePooling2D(_Pooling2D):
    """Mean of every window, over each channel by itself, padding not counted.

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

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        ctx.save(x.shape)
        return ops.averagepool2d_forward(x, *self._window())

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        (x_shape,) = ctx.saved
        if not ctx.needs_dx:
            return None
        return ops.averagepool2d_backward(dy, x_shape, *self._window())
