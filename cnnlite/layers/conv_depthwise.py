"""Convolutions of each channel by itself."""

from __future__ import annotations

from typing import Any

from cnnlite import ops
from cnnlite.layers.activation import activate, activate_backward, epilogue
from cnnlite.layers.base import positive
from cnnlite.layers.context import Context
from cnnlite.layers.conv import (
    Convolution,
    arguments,
    convolution_weight_gradients,
    image_kernel,
)
from cnnlite.layers.spatial import (
    as_images,
    as_pair,
    as_rank,
    checked_channels,
    known_product,
    spatial_sizes,
)
from cnnlite.layers.symbolic import Shape
from cnnlite.ops import Parameter
from cnnlite.ops.core import Tensor


class Depthwise(Convolution):
    """What all depthwise convolutions share: ``depth_multiplier`` kernels for each channel."""

    depthwise: Parameter  # (*kernel_size, C, depth_multiplier)

    def __init__(self, *, depth_multiplier: int, **others: Any) -> None:
        super().__init__(**others)
        self.depth_multiplier = positive(depth_multiplier, f"{self.name}: depth_multiplier")

    def make_depthwise(self, input_shape: Shape, name: str) -> int:
        """Make the depthwise kernel; return the number of channels that it gives."""
        channels = self.channels(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.depthwise = self.make_weight("depthwise", shape, name)
        return channels * self.depth_multiplier

    def channels(self, input_shape: Shape) -> int:
        """Return the number of channels of the input, which must be the one built for."""
        spatial_sizes(input_shape, self.rank, self)  # checks the rank
        built_for = self.depthwise.shape[-2] if self.built else None
        return checked_channels(input_shape, self, built_for)

    def depthwise_shape(self) -> tuple[int, ...]:
        """Return the kernel's shape as that of a convolution with a group for each channel."""
        channels, multiplier = self.depthwise.shape[-2:]
        return (*as_pair(self.kernel_size), 1, channels * multiplier)

    def geometry(self, images: Tensor) -> dict[str, Any]:
        return super().geometry(images) | {"groups": self.depthwise.shape[-2]}

    def products(self, input_shape: Shape) -> tuple[int, int]:
        """Return the places of the output, and the products of the depthwise convolution."""
        places = known_product(*self.output_sizes(input_shape))
        filters = self.channels(input_shape) * self.depth_multiplier
        return places, places * known_product(*self.kernel_size) * filters


class _DepthwiseConv(Depthwise):
    """What DepthwiseConv1D and DepthwiseConv2D share."""

    def build(self, input_shape: Shape) -> None:
        filters = self.make_depthwise(input_shape, "kernel")
        self.kernel = self.depthwise
        self.make_bias(filters)

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        x = as_images(x)
        w = image_kernel(self.depthwise, self.depthwise_shape())
        fused = epilogue(self.activation)
        z = ops.conv2d_forward(x, w, self.bias, activation=fused, **self.geometry(x))
        y, kept = activate(self.activation, z)
        ctx.save(x, kept)
        return as_rank(y, self.rank)

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        x, kept = ctx.saved
        dz = activate_backward(self.activation, as_images(dy), kept)
        shape, geometry = self.depthwise_shape(), self.geometry(x)
        convolution_weight_gradients(dz, x, self.depthwise, shape, self.bias, ctx, geometry)
        if not ctx.needs_dx:
            return None
        w = image_kernel(self.depthwise, shape)
        return as_rank(ops.conv2d_backward_input(dz, w, x.shape, **geometry), self.rank)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        filters = self.channels(input_shape) * self.depth_multiplier
        return (input_shape[0], *self.output_sizes(input_shape), filters)

    def multiply_adds(self, input_shape: Shape) -> int:
        return self.products(input_shape)[1]


class DepthwiseConv1D(_DepthwiseConv):
    """Convolve each channel of a sequence with kernels of its own.

    Input (N, T, C), output (N, OT, C * depth_multiplier), a channel's side by side.

    Parameters
    ----------
    kernel_size : int
    strides : int
    padding : {"valid", "same"}
    depth_multiplier : int
        Kernels for each channel.
    data_format : {"channels_last"}
    dilation_rate : int
    activation : str, optional
    use_bias : bool
    depthwise_initializer, bias_initializer : str or Initializer
    depthwise_regularizer, bias_regularizer, activity_regularizer : optional
    depthwise_constraint, bias_constraint : str or Constraint, optional

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.DepthwiseConv1D(3, depth_multiplier=2)(np.zeros((1, 8, 5))).shape
    (1, 6, 10)
    """

    rank = 1

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments(locals()))


class DepthwiseConv2D(_DepthwiseConv):
    """Convolve each channel of an image with kernels of its own.

    Input (N, H, W, C), output (N, OH, OW, C * depth_multiplier), a channel's side by side.

    Parameters
    ----------
    kernel_size : int or (int, int)
    strides : int or (int, int)
    padding : {"valid", "same"}
    depth_multiplier : int
        Kernels for each channel.
    data_format : {"channels_last"}
    dilation_rate : int or (int, int)
    activation : str, optional
    use_bias : bool
    depthwise_initializer, bias_initializer : str or Initializer
    depthwise_regularizer, bias_regularizer, activity_regularizer : optional
    depthwise_constraint, bias_constraint : str or Constraint, optional

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.DepthwiseConv2D(3, padding="same")(np.zeros((1, 8, 8, 5))).shape
    (1, 8, 8, 5)
    """

    rank = 2

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments(locals()))
