"""Convolution layers over sequences and images."""

from __future__ import annotations

from typing import Any

from cnnlite import ops
from cnnlite.errors import ShapeError
from cnnlite.layers.activation import activate, activate_backward, checked_activation, epilogue
from cnnlite.layers.base import Layer, positive
from cnnlite.layers.context import Context
from cnnlite.layers.spatial import (
    as_images,
    as_pair,
    as_rank,
    checked_channels,
    checked_data_format,
    checked_padding,
    known_product,
    pads_of,
    spatial_sizes,
    window_sizes,
)
from cnnlite.layers.symbolic import Shape
from cnnlite.ops import Parameter
from cnnlite.ops.core import Gradient, Tensor
from cnnlite.shapes import sizes

# The options of one weight; those of the activity belong to the layer.
_OF_WEIGHTS = tuple(
    f"{weight}_{kind}"
    for weight in ("kernel", "bias", "depthwise", "pointwise")
    for kind in ("initializer", "regularizer", "constraint")
)


def arguments(scope: dict[str, Any]) -> dict[str, Any]:
    """Return a constructor's arguments from its ``locals()``, to hand all of them on by name."""
    named = {k: v for k, v in scope.items() if k not in ("self", "__class__", "kwargs")}
    return named | scope["kwargs"]


class Convolution(Layer):
    """A window of taps that moves over a sequence or an image, a bias, an activation.

    The base of the convolution layers.  A subclass sets ``rank`` and makes weights.
    """

    rank: int
    kernel: Parameter
    paddings: tuple[str, ...] = ("valid", "same")
    bias: Parameter | None

    def __init__(
        self,
        *,
        kernel_size: Any,
        strides: Any,
        padding: str,
        data_format: str | None,
        dilation_rate: Any,
        activation: Any,
        use_bias: bool,
        **others: Any,
    ) -> None:
        options = {k: others.pop(k) for k in list(others) if k in _OF_WEIGHTS}
        super().__init__(**others)
        self.kernel_size = sizes(kernel_size, self.rank, f"{self.name}: kernel_size")
        self.strides = sizes(strides, self.rank, f"{self.name}: strides")
        self.padding = checked_padding(padding, self.name, self.paddings)
        self.data_format = checked_data_format(data_format, self.name)
        self.dilation_rate = sizes(dilation_rate, self.rank, f"{self.name}: dilation_rate")
        self.activation = checked_activation(activation, self.name)
        self.use_bias = bool(use_bias)
        self.take_options(**options)

    def make_bias(self, filters: int) -> None:
        """Make the weight ``bias``, or set it to None."""
        self.bias = self.make_weight("bias", (filters,)) if self.use_bias else None

    def geometry(self, images: Tensor) -> dict[str, Any]:
        """Return the strides, padding and dilation of an operation on these images."""
        strides, dilation = as_pair(self.strides), as_pair(self.dilation_rate)
        taps = as_pair(self.kernel_size)
        pads = pads_of(self.padding, images.shape[1:3], taps, strides, dilation, self.name)
        return {"strides": strides, "padding": pads, "dilation": dilation}

    def output_sizes(self, input_shape: Shape) -> tuple[int | None, ...]:
        """Return (OT,) or (OH, OW)."""
        return window_sizes(
            spatial_sizes(input_shape, self.rank, self),
            self.kernel_size,
            self.strides,
            self.dilation_rate,
            self.padding,
            self.name,
        )

    def _kernel_shape(self) -> tuple[int, ...]:
        """Return the kernel's shape over two axes of space."""
        return (*as_pair(self.kernel_size), *self.kernel.shape[-2:])


def image_kernel(kernel: Parameter, shape: tuple[int, ...]) -> Any:
    """Return a weight under the shape that an operation on images takes; nothing is copied."""
    return kernel.value.reshape(shape)


class _Conv(Convolution):
    """What Conv1D and Conv2D share: every filter sees all channels (of its group)."""

    def __init__(self, *, filters: int, groups: int, **others: Any) -> None:
        super().__init__(**others)
        self.filters = positive(filters, f"{self.name}: filters")
        self.groups = positive(groups, f"{self.name}: groups")
        if self.filters % self.groups:
            raise ShapeError(
                f"{self.name}: groups must divide filters. Got filters={filters}, groups={groups}."
            )

    def build(self, input_shape: Shape) -> None:
        channels = self._channels(input_shape)
        self.kernel = self.make_weight(
            "kernel", (*self.kernel_size, channels // self.groups, self.filters)
        )
        self.make_bias(self.filters)

    def _channels(self, input_shape: Shape) -> int:
        spatial_sizes(input_shape, self.rank, self)  # checks the rank
        built_for = self.kernel.shape[-2] * self.groups if self.built else None
        channels = checked_channels(input_shape, self, built_for)
        if channels % self.groups:
            raise ShapeError(
                f"{self.name}: groups must divide the channels. "
                f"Got shape {tuple(input_shape)}, groups={self.groups}."
            )
        return channels

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        x = as_images(x)
        z = ops.conv2d_forward(
            x,
            image_kernel(self.kernel, self._kernel_shape()),
            self.bias,
            groups=self.groups,
            activation=epilogue(self.activation),
            **self.geometry(x),
        )
        y, kept = activate(self.activation, z)
        ctx.save(x, kept)
        return as_rank(y, self.rank)

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        x, kept = ctx.saved
        dz = activate_backward(self.activation, as_images(dy), kept)
        shape, geometry = self._kernel_shape(), {"groups": self.groups, **self.geometry(x)}
        convolution_weight_gradients(dz, x, self.kernel, shape, self.bias, ctx, geometry)
        if not ctx.needs_dx:
            return None
        w = image_kernel(self.kernel, shape)
        dx = ops.conv2d_backward_input(dz, w, x.shape, **geometry)
        return as_rank(dx, self.rank)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._channels(input_shape)
        return (input_shape[0], *self.output_sizes(input_shape), self.filters)

    def multiply_adds(self, input_shape: Shape) -> int:
        places = known_product(*self.output_sizes(input_shape))
        channels = self._channels(input_shape) // self.groups
        return places * known_product(*self.kernel_size) * channels * self.filters


def convolution_weight_gradients(
    dz: Tensor,
    x: Tensor,
    kernel: Parameter,
    shape: tuple[int, ...],
    bias: Parameter | None,
    ctx: Context,
    geometry: dict[str, Any],
) -> None:
    """Write the gradients of a kernel, seen under an image operation's shape, and of a bias."""
    gradient: Gradient = ctx.grad(kernel)
    ops.conv2d_backward_weight(
        dz,
        x,
        shape,
        out=gradient.view(shape),
        bias_out=None if bias is None else ctx.grad(bias),
        **geometry,
    )


class Conv1D(_Conv):
    """Slide ``filters`` kernels along a sequence, then an activation.

    Input (N, T, C), output (N, OT, filters).

    Parameters
    ----------
    filters : int
    kernel_size : int
    strides : int
    padding : {"valid", "same", "causal"}
        "causal": all zeros come before the start, so a step sees no later one.
    data_format : {"channels_last"}
    dilation_rate : int
    groups : int
        Channels and filters fall into that many parts; each sees its own.
    activation : str, optional
    use_bias : bool
    kernel_initializer, bias_initializer : str or Initializer
    kernel_regularizer, bias_regularizer, activity_regularizer : str or Regularizer, optional
    kernel_constraint, bias_constraint : str or Constraint, optional

    References
    ----------
    van den Oord et al. 2016 (WaveNet) for causal padding.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layer = layers.Conv1D(1, 2, padding="causal", kernel_initializer="ones")
    >>> layer(np.array([1, 2, 3], "float32").reshape(1, 3, 1)).ravel()
    array([1., 3., 5.], dtype=float32)
    """

    rank = 1
    paddings = ("valid", "same", "causal")

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
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


class Conv2D(_Conv):
    """Slide ``filters`` kernels over an image, then an activation.

    Input (N, H, W, C), output (N, OH, OW, filters).

    Parameters
    ----------
    filters : int
    kernel_size : int or (int, int)
    strides : int or (int, int)
    padding : {"valid", "same"}
        "same": zeros around, so that stride 1 keeps the size; an odd one comes after.
    data_format : {"channels_last"}
    dilation_rate : int or (int, int)
    groups : int
        Channels and filters fall into that many parts; each sees its own.
    activation : str, optional
    use_bias : bool
    kernel_initializer, bias_initializer : str or Initializer
    kernel_regularizer, bias_regularizer, activity_regularizer : str or Regularizer, optional
    kernel_constraint, bias_constraint : str or Constraint, optional

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

    rank = 2

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
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**arguments(locals()))
