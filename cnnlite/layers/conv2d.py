"""Two-dimensional convolution layer."""

from __future__ import annotations

from typing import Any

from cnnlite import initializers, ops
from cnnlite.errors import ShapeError
from cnnlite.layers.activation import (
    activate,
    activate_backward,
    checked_activation,
    epilogue,
)
from cnnlite.layers.base import Layer, check_rank, positive
from cnnlite.layers.context import Context
from cnnlite.layers.symbolic import Shape
from cnnlite.ops.core import Tensor
from cnnlite.shapes import pair, window_output, window_pads


class Conv2D(Layer):
    """Slide ``filters`` kernels over an image, then an activation.

    Input (N, H, W, C), output (N, OH, OW, filters).

    Parameters
    ----------
    filters : int
    kernel_size : int or (int, int)
    strides : int or (int, int)
    padding : {"valid", "same"}
    data_format : {"channels_last"}
    dilation_rate : int or (int, int)
    groups : int
        Channels and filters fall into that many parts; each sees its own.
    activation : str, optional
        A name of :data:`cnnlite.ops.ACTIVATIONS`; default: linear.
    use_bias : bool
    kernel_initializer, bias_initializer : str or Initializer

    References
    ----------
    LeCun et al. 1998, section II.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.Conv2D(6, 5, padding="same")(np.zeros((1, 28, 28, 1))).shape
    (1, 28, 28, 6)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = positive(filters, f"{self.name}: filters")
        self.kernel_size = pair(kernel_size, f"{self.name}: kernel_size")
        self.strides = pair(strides, f"{self.name}: strides")
        self.padding = checked_padding(padding, self.name)
        self.data_format = checked_data_format(data_format, self.name)
        self.dilation_rate = pair(dilation_rate, f"{self.name}: dilation_rate")
        self.groups = positive(groups, f"{self.name}: groups")
        if self.filters % self.groups:
            raise ShapeError(
                f"{self.name}: groups must divide filters. Got filters={filters}, groups={groups}."
            )
        self.activation = checked_activation(activation, self.name)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)

    def build(self, input_shape: Shape) -> None:
        self._check(input_shape)
        shape = (*self.kernel_size, (input_shape[3] or 0) // self.groups, self.filters)
        self.kernel = self.add_weight(shape, self.kernel_initializer, name="kernel")
        self.bias = (
            self.add_weight((self.filters,), self.bias_initializer, name="bias")
            if self.use_bias
            else None
        )

    def _check(self, input_shape: Shape) -> None:
        check_rank(input_shape, 4, self, "(batch, height, width, channels)")
        channels = input_shape[3]
        if channels is None or channels % self.groups:
            raise ShapeError(
                f"{self.name}: groups must divide the channels. "
                f"Got shape {tuple(input_shape)}, groups={self.groups}."
            )
        if self.built and channels != self.kernel.shape[2] * self.groups:
            raise ShapeError(
                f"{self.name}: built for {self.kernel.shape[2] * self.groups} channels. "
                f"Got shape {tuple(input_shape)}."
            )

    def _geometry(self) -> dict[str, Any]:
        return {
            "strides": self.strides,
            "padding": self.padding,
            "dilation": self.dilation_rate,
            "groups": self.groups,
        }

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        fused = epilogue(self.activation)
        y = ops.conv2d_forward(x, self.kernel, self.bias, activation=fused, **self._geometry())
        y, kept = activate(self.activation, y)
        ctx.save(x, kept)
        return y

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        x, kept = ctx.saved
        dy = activate_backward(self.activation, dy, kept)
        ops.conv2d_backward_weight(
            dy,
            x,
            self.kernel.shape,
            out=ctx.grad(self.kernel),
            bias_out=None if self.bias is None else ctx.grad(self.bias),
            **self._geometry(),
        )
        if not ctx.needs_dx:
            return None
        return ops.conv2d_backward_input(dy, self.kernel, x.shape, **self._geometry())

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check(input_shape)
        return (input_shape[0], *self._image(input_shape), self.filters)

    def _image(self, input_shape: Shape) -> tuple[int, int]:
        size = image_size(input_shape, self)
        geometry = (self.kernel_size, self.strides, self.dilation_rate)
        pads = window_pads(self.padding, size, *geometry, self.name)
        return window_output(size, *geometry, pads, self.name)

    def multiply_adds(self, input_shape: Shape) -> int:
        rows, columns = self._image(input_shape)
        taps = self.kernel_size[0] * self.kernel_size[1] * (input_shape[3] or 0) // self.groups
        return rows * columns * taps * self.filters


def image_size(input_shape: Shape, layer: Layer) -> tuple[int, int]:
    """Return (H, W) of an image input, or raise where they are unknown."""
    rows, columns = input_shape[1], input_shape[2]
    if rows is None or columns is None:
        raise ShapeError(
            f"{layer.name}: height and width must be known. Got shape {tuple(input_shape)}."
        )
    return rows, columns


def checked_padding(padding: Any, where: str) -> str:
    """Return "valid" or "same", or raise."""
    if not isinstance(padding, str) or padding.lower() not in ("valid", "same"):
        raise ValueError(f'{where}: padding must be "valid" or "same". Got {padding!r}.')
    return padding.lower()


def checked_data_format(data_format: Any, where: str) -> str:
    """Return the layout that every layer uses, (N, H, W, C), or raise."""
    if data_format not in (None, "channels_last"):
        raise ValueError(
            f'{where}: only data_format="channels_last", (N, H, W, C), is supported. '
            f"Got {data_format!r}. Move the channels: x.transpose(0, 2, 3, 1)."
        )
    return "channels_last"
