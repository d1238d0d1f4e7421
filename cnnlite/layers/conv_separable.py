"""Convolutions of each channel by itself, followed by one of single pixels."""

from __future__ import annotations

from typing import Any

from cnnlite import ops
from cnnlite.layers.activation import activate, activate_backward, epilogue
from cnnlite.layers.base import positive
from cnnlite.layers.context import Context
from cnnlite.layers.conv import arguments, convolution_weight_gradients, image_kernel
from cnnlite.layers.conv_depthwise import Depthwise
from cnnlite.layers.spatial import as_images, as_rank
from cnnlite.layers.symbolic import Shape
from cnnlite.ops.core import Tensor


class _SeparableConv(Depthwise):
    """What SeparableConv1D and SeparableConv2D share."""

    def __init__(self, *, filters: int, **others: Any) -> None:
        super().__init__(**others)
        self.filters = positive(filters, f"{self.name}: filters")

    def build(self, input_shape: Shape) -> None:
        between = self.make_depthwise(input_shape, "depthwise_kernel")
        self.depthwise_kernel = self.depthwise
        shape = (*(1,) * self.rank, between, self.filters)
        self.pointwise_kernel = self.make_weight("pointwise", shape, "pointwise_kernel")
        self.make_bias(self.filters)

    def _pointwise_shape(self) -> tuple[int, ...]:
        return (1, 1, *self.pointwise_kernel.shape[-2:])

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        x = as_images(x)
        w = image_kernel(self.depthwise, self.depthwise_shape())
        h = ops.conv2d_forward(x, w, **self.geometry(x))
        pointwise = image_kernel(self.pointwise_kernel, self._pointwise_shape())
        z = ops.conv2d_forward(h, pointwise, self.bias, activation=epilogue(self.activation))
        y, kept = activate(self.activation, z)
        ctx.save(x, h, kept)
        return as_rank(y, self.rank)

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        x, h, kept = ctx.saved
        dz = activate_backward(self.activation, as_images(dy), kept)
        shape = self._pointwise_shape()
        convolution_weight_gradients(dz, h, self.pointwise_kernel, shape, self.bias, ctx, {})
        pointwise = image_kernel(self.pointwise_kernel, shape)
        dh = ops.conv2d_backward_input(dz, pointwise, h.shape)
        shape, geometry = self.depthwise_shape(), self.geometry(x)
        convolution_weight_gradients(dh, x, self.depthwise, shape, None, ctx, geometry)
        if not ctx.needs_dx:
            return None
        w = image_kernel(self.depthwise, shape)
        return as_rank(ops.conv2d_backward_input(dh, w, x.shape, **geometry), self.rank)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self.channels(input_shape)
        return (input_shape[0], *self.output_sizes(input_shape), self.filters)

    def multiply_adds(self, input_shape: Shape) -> int:
        places, products = self.products(input_shape)
        between = self.channels(input_shape) * self.depth_multiplier
        return products + places * between * self.filters


class SeparableConv1D(_SeparableConv):
    """Convolve each channel of a sequence by itself, then mix the channels of each step.

    Input (N, T, C), output (N, OT, filters).

    Parameters
    ----------
    filters : int
    kernel_size : int
    strides : int
    padding : {"valid", "same"}
    data_format : {"channels_last"}
    dilation_rate : int
    depth_multiplier : int
        Kernels for each channel in the first part.
    activation : str, optional
    use_bias : bool
    depthwise_initializer, pointwise_initializer, bias_initializer : str or Initializer
    depthwise_regularizer, pointwise_regularizer, bias_regularizer : optional
    activity_regularizer : str or Regularizer, optional
    depthwise_constraint, pointwise_constraint, bias_constraint : optional

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.SeparableConv1D(4, 3)(np.zeros((1, 8, 5))).shape
    (1, 6, 4)
    """

    rank = 1

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments(locals()))


class SeparableConv2D(_SeparableConv):
    """Convolve each channel of an image by itself, then mix the channels of each pixel.

    Input (N, H, W, C), output (N, OH, OW, filters).

    Parameters
    ----------
    filters : int
    kernel_size : int or (int, int)
    strides : int or (int, int)
    padding : {"valid", "same"}
    data_format : {"channels_last"}
    dilation_rate : int or (int, int)
    depth_multiplier : int
        Kernels for each channel in the first part.
    activation : str, optional
    use_bias : bool
    depthwise_initializer, pointwise_initializer, bias_initializer : str or Initializer
    depthwise_regularizer, pointwise_regularizer, bias_regularizer : optional
    activity_regularizer : str or Regularizer, optional
    depthwise_constraint, pointwise_constraint, bias_constraint : optional

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.SeparableConv2D(4, 3, padding="same")(np.zeros((1, 8, 8, 5))).shape
    (1, 8, 8, 4)
    """

    rank = 2

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments(locals()))
