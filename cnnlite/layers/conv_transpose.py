"""Transposed convolutions: what a convolution does to its input's gradient, as a layer."""

from __future__ import annotations

from typing import Any

from cnnlite import ops
from cnnlite.errors import ShapeError
from cnnlite.layers.activation import activate, activate_backward
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
from cnnlite.ops.core import Tensor
from cnnlite.shapes import Pair, sizes, transposed_window


class _ConvTranspose(Convolution):
    """What Conv1DTranspose and Conv2DTranspose share.

    With the same kernel, strides and padding, a convolution of the output gives the shape
    of the input; the layer's three passes are that convolution's, in other roles.
    """

    def __init__(self, *, filters: int, output_padding: Any, **others: Any) -> None:
        super().__init__(**others)
        self.filters = positive(filters, f"{self.name}: filters")
        self.output_padding = None
        if output_padding is not None:
            where = f"{self.name}: output_padding"
            self.output_padding = sizes(output_padding, self.rank, where, minimum=0)
            if any(p >= s for p, s in zip(self.output_padding, self.strides, strict=True)):
                raise ShapeError(
                    f"{where} must be less than strides. "
                    f"Got {output_padding!r}, strides {self.strides}."
                )

    def build(self, input_shape: Shape) -> None:
        channels = self._channels(input_shape)
        self.kernel = self.make_weight("kernel", (*self.kernel_size, self.filters, channels))
        self.make_bias(self.filters)

    def _channels(self, input_shape: Shape) -> int:
        spatial_sizes(input_shape, self.rank, self)  # checks the rank
        return checked_channels(input_shape, self, self.kernel.shape[-1] if self.built else None)

    def _windows(self, extents: tuple[int | None, ...]) -> list[tuple[int | None, Pair]]:
        """Return (output size, padding) along each axis."""
        added = self.output_padding or (None,) * self.rank
        axes = zip(extents, self.kernel_size, self.strides, self.dilation_rate, added, strict=True)
        return [
            (None, (0, 0))
            if n is None
            else transposed_window(n, k, s, d, self.padding, p, self.name)
            for n, k, s, d, p in axes
        ]

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        x = as_images(x)
        windows = self._windows(x.shape[3 - self.rank : 3])
        size = as_pair([n for n, _ in windows])
        geometry: dict[str, Any] = {
            "strides": as_pair(self.strides),
            "padding": as_pair([pads for _, pads in windows], (0, 0)),
            "dilation": as_pair(self.dilation_rate),
        }
        w = image_kernel(self.kernel, self._kernel_shape())
        z = ops.conv2d_backward_input(x, w, (x.shape[0], *size, self.filters), **geometry)
        if self.bias is not None:
            z = ops.add(z, self.bias)
        y, kept = activate(self.activation, z, fused=False)
        ctx.save(x, geometry, kept)
        return as_rank(y, self.rank)

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        x, geometry, kept = ctx.saved
        dz = activate_backward(self.activation, as_images(dy), kept)
        shape = self._kernel_shape()
        # In the convolution, dz is the image and x the gradient of what it gave.
        convolution_weight_gradients(x, dz, self.kernel, shape, None, ctx, geometry)
        if self.bias is not None:
            ops.bias_gradient(dz, out=ctx.grad(self.bias))
        if not ctx.needs_dx:
            return None
        dx = ops.conv2d_forward(dz, image_kernel(self.kernel, shape), **geometry)
        return as_rank(dx, self.rank)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._channels(input_shape)
        extents = spatial_sizes(input_shape, self.rank, self)
        return (input_shape[0], *(n for n, _ in self._windows(extents)), self.filters)

    def multiply_adds(self, input_shape: Shape) -> int:
        pixels = known_product(*spatial_sizes(input_shape, self.rank, self))
        taps = known_product(*self.kernel_size)
        return pixels * taps * self._channels(input_shape) * self.filters


class Conv1DTranspose(_ConvTranspose):
    """Transposed convolution of a sequence: every step adds its kernel to the output.

    Input (N, T, C), output (N, OT, filters); the kernel is (K, filters, C).

    Parameters
    ----------
    filters : int
    kernel_size : int
    strides : int
        The output's steps for each step of the input.
    padding : {"valid", "same"}
        OT is ``(T - 1) strides + max(kernel_size, strides)``, or ``T strides``.
    output_padding : int, optional
        Less than ``strides``; OT is then ``(T - 1) strides + kernel_size + output_padding``,
        or ``(T - 1) strides + kernel_size % 2 + output_padding``.
    data_format : {"channels_last"}
    dilation_rate : int
    activation : str, optional
    use_bias : bool
    kernel_initializer, bias_initializer : str or Initializer
    kernel_regularizer, bias_regularizer, activity_regularizer : str or Regularizer, optional
    kernel_constraint, bias_constraint : str or Constraint, optional

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layer = layers.Conv1DTranspose(1, 3, strides=2, kernel_initializer="ones")
    >>> layer(np.array([1, 2], "float32").reshape(1, 2, 1)).ravel()
    array([1., 1., 3., 2., 2.], dtype=float32)
    """

    rank = 1

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments(locals()))


class Conv2DTranspose(_ConvTranspose):
    """Transposed convolution of an image: every pixel adds its kernel to the output.

    Input (N, H, W, C), output (N, OH, OW, filters); the kernel is (KH, KW, filters, C).

    Parameters
    ----------
    filters : int
    kernel_size : int or (int, int)
    strides : int or (int, int)
        The output's rows and columns for each of the input.
    padding : {"valid", "same"}
        OH is ``(H - 1) strides + max(kernel_size, strides)``, or ``H strides``.
    output_padding : int or (int, int), optional
        Less than ``strides``; OH is then ``(H - 1) strides + kernel_size + output_padding``,
        or ``(H - 1) strides + kernel_size % 2 + output_padding``.
    data_format : {"channels_last"}
    dilation_rate : int or (int, int)
    activation : str, optional
    use_bias : bool
    kernel_initializer, bias_initializer : str or Initializer
    kernel_regularizer, bias_regularizer, activity_regularizer : str or Regularizer, optional
    kernel_constraint, bias_constraint : str or Constraint, optional

    References
    ----------
    Dumoulin and Visin 2016, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.Conv2DTranspose(3, 3, strides=2, padding="same")(np.zeros((1, 4, 5, 2))).shape
    (1, 8, 10, 3)
    """

    rank = 2

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments(locals()))
