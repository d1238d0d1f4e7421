"""Dropout of elements, and of whole feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnlite import arguments, ops
from cnnlite.errors import ShapeError
from cnnlite.layers.base import Layer
from cnnlite.layers.context import Context
from cnnlite.layers.spatial import checked_data_format, spatial_sizes
from cnnlite.layers.symbolic import Shape
from cnnlite.ops.core import Tensor
from cnnlite.shapes import broadcast_shape, is_int


class _Dropping(Layer):
    """Base of dropout: elements with one draw in common are dropped or kept together."""

    supports_masking = True

    def __init__(self, rate: float, seed: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = arguments.number(rate, f"{self.name}: rate", 0, 1, open_ends="[)")
        self.seed = arguments.seed(seed, f"{self.name}: seed")

    def _shape_of_noise(self, x: Tensor) -> tuple[int, ...]:
        """Return the shape of what is drawn for x."""
        raise NotImplementedError

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        if not training or self.rate == 0:
            ctx.save(None, None)
            return x
        shape = self._shape_of_noise(x)
        if shape == tuple(x.shape):
            y, kept = ops.dropout_forward(x, self.rate, **ctx.draw(self.seed))
            ctx.save(kept, None)
            return y
        ones = ops.full(shape, 1.0, x.dtype)
        noise, _ = ops.dropout_forward(ones, self.rate, **ctx.draw(self.seed))
        ctx.save(None, noise)
        return ops.multiply(x, noise)

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor:
        kept, noise = ctx.saved
        if kept is not None:
            return ops.dropout_backward(dy, kept, self.rate)
        return dy if noise is None else ops.multiply(dy, noise)


class Dropout(_Dropping):
    """In training, drop each element with probability ``rate``; else do nothing.

    What is kept is scaled by ``1 / (1 - rate)``, so that the mean stays and
    nothing changes at test time.  It trains the ensemble of all sub-networks.

    Parameters
    ----------
    rate : float
        Probability of dropping, 0 <= rate < 1; ``Dropout(0.4)`` keeps 0.6.
    noise_shape : sequence of int or None, optional
        Along its axes of size 1 elements are dropped or kept together; None stands for the
        input's own size.
    seed : int, optional
        Default: the model's.

    References
    ----------
    Hinton et al. 2012; Srivastava et al. 2014.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.Dropout(0.5)([[1, 2]])
    array([[1., 2.]], dtype=float32)
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed, **kwargs)
        self.noise_shape = _checked_noise_shape(noise_shape, self.name)

    def _shape_of_noise(self, x: Tensor) -> tuple[int, ...]:
        if self.noise_shape is None:
            return x.shape
        where = f"{self.name}: noise_shape"
        if len(self.noise_shape) != x.ndim:
            raise ShapeError(
                f"{where} must have {x.ndim} sizes, as the input. Got {self.noise_shape}."
            )
        shape = [n if m is None else m for m, n in zip(self.noise_shape, x.shape, strict=True)]
        if broadcast_shape(shape, x.shape, where) != tuple(x.shape):
            raise ShapeError(
                f"{where} must be 1 or the input's size in each axis. "
                f"Got {self.noise_shape} for {tuple(x.shape)}."
            )
        return tuple(shape)


def _checked_noise_shape(value: Any, where: str) -> tuple[int | None, ...] | None:
    if value is None:
        return None
    listed = isinstance(value, list | tuple)
    if not listed or not all(n is None or (is_int(n) and n > 0) for n in value):
        raise ShapeError(f"{where}: noise_shape must be positive integers or None. Got {value!r}.")
    return tuple(None if n is None else int(n) for n in value)


class _SpatialDropout(_Dropping):
    """Base of dropout with one draw per sample and channel."""

    rank = 0  # spatial dimensions

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        spatial_sizes(input_shape, self.rank, self)  # raises unless the rank is right
        return input_shape

    def _shape_of_noise(self, x: Tensor) -> tuple[int, ...]:
        return (x.shape[0], *[1] * self.rank, x.shape[-1])


class SpatialDropout1D(_SpatialDropout):
    """Dropout of whole channels: all steps of a sample's channel are dropped or kept together.

    Parameters
    ----------
    rate : float
        Probability of dropping, 0 <= rate < 1.
    seed : int, optional
        Default: the model's.

    References
    ----------
    Tompson et al. 2015, "Efficient Object Localization Using Convolutional Networks".

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> y = layers.SpatialDropout1D(0.5, seed=1)(np.ones((1, 4, 3), "float32"), training=True)
    >>> bool((y[0] == y[0, 0]).all())
    True
    """

    rank = 1

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, seed, **kwargs)


class SpatialDropout2D(_SpatialDropout):
    """Dropout of whole channels of images: all places are dropped or kept together.

    Parameters
    ----------
    rate : float
        Probability of dropping, 0 <= rate < 1.
    data_format : {"channels_last"}
    seed : int, optional
        Default: the model's.

    References
    ----------
    Tompson et al. 2015, "Efficient Object Localization Using Convolutional Networks".

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> y = layers.SpatialDropout2D(0.5, seed=1)(np.ones((1, 2, 2, 3), "float32"), training=True)
    >>> bool((y[0] == y[0, 0, 0]).all())
    True
    """

    rank = 2

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed, **kwargs)
        self.data_format = checked_data_format(data_format, self.name)
