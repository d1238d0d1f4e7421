"""Layers that vary images at random while a model trains, and leave them alone otherwise."""

from __future__ import annotations

from typing import Any

from cnnlite import ops
from cnnlite.arguments import number, one_of
from cnnlite.errors import ShapeError
from cnnlite.layers.base import Layer, check_single
from cnnlite.layers.context import Context
from cnnlite.layers.spatial import checked_data_format
from cnnlite.layers.symbolic import Shape
from cnnlite.ops.core import Tensor
from cnnlite.ops.images import FILL_MODES, INTERPOLATIONS
from cnnlite.shapes import is_int

MODES = ("horizontal", "vertical", "horizontal_and_vertical")


class _RandomImages(Layer):
    """Images (N, H, W, C), or one image (H, W, C); does nothing outside of training."""

    def __init__(self, seed: int | None, data_format: str | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if seed is not None and (not is_int(seed) or not 0 <= seed < 2**64):
            raise ValueError(f"{self.name}: seed must be an integer in [0, 2^64). Got {seed!r}.")
        self.seed = seed
        self.data_format = checked_data_format(data_format, self.name)

    def _images(self, x: Tensor) -> Tensor:
        return ops.reshape(x, (1, *x.shape)) if x.ndim == 3 else x

    def _numbers(self, x: Tensor, low: float, high: float, ctx: Context) -> Tensor:
        """Draw a number for each image, uniformly."""
        return ops.random_uniform((x.shape[0],), low, high, dtype=x.dtype, **ctx.draw(self.seed))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_single(input_shape, self)
        if len(input_shape) not in (3, 4):
            raise ShapeError(
                f"{self.name}: {type(self).__name__} needs (batch, height, width, channels) or "
                f"one (height, width, channels). Got shape {tuple(input_shape)}."
            )
        return input_shape


class RandomFlip(_RandomImages):
    """In training, mirror each image with probability 1/2.

    Parameters
    ----------
    mode : {"horizontal_and_vertical", "horizontal", "vertical"}
        Left and right change places, top and bottom, or (of the same images) both.
    seed : int, optional
        Default: the model's.
    data_format : {"channels_last"}

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> x = np.arange(4, dtype="float32").reshape(1, 2, 2, 1)
    >>> layers.RandomFlip("horizontal")(x).ravel()
    array([0., 1., 2., 3.], dtype=float32)
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.mode = one_of(mode, MODES, f"{self.name}: mode")

    def _axes(self) -> dict[str, bool]:
        return {"rows": self.mode != "horizontal", "columns": self.mode != "vertical"}

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        if not training:
            ctx.save(None)
            return x
        images = self._images(x)
        draws = self._numbers(images, 0.0, 1.0, ctx)
        ctx.save(draws)
        return ops.reshape(ops.flip2d(images, draws, **self._axes()), x.shape)

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        (draws,) = ctx.saved
        if draws is None or not ctx.needs_dx:
            return dy if ctx.needs_dx else None
        return ops.reshape(ops.flip2d(self._images(dy), draws, **self._axes()), dy.shape)


class RandomTranslation(_RandomImages):
    """In training, shift each image by a random part of its height and width.

    Parameters
    ----------
    height_factor : float or (float, float)
        Bounds of the shift downward as parts of the height, in [-1, 1]; f means (-f, f).
    width_factor : float or (float, float)
        The same to the right, of the width.
    fill_mode : {"reflect", "constant", "nearest", "wrap"}
        What is seen outside of an image: the image mirrored, ``fill_value``, its edge, or
        its other end.
    interpolation : {"bilinear", "nearest"}
    seed : int, optional
        Default: the model's.
    fill_value : float
    data_format : {"channels_last"}

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> x = np.arange(4, dtype="float32").reshape(1, 1, 4, 1)
    >>> layer = layers.RandomTranslation(0, (0.25, 0.25), fill_mode="constant")
    >>> layer(x, training=True).ravel()
    array([0., 0., 1., 2.], dtype=float32)
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._bounds = (
            _factor(height_factor, f"{self.name}: height_factor"),
            _factor(width_factor, f"{self.name}: width_factor"),
        )
        self.fill_mode = one_of(fill_mode, FILL_MODES, f"{self.name}: fill_mode")
        self.interpolation = one_of(interpolation, INTERPOLATIONS, f"{self.name}: interpolation")
        self.fill_value = number(fill_value, f"{self.name}: fill_value")

    def _ways(self) -> dict[str, str]:
        return {"interpolation": self.interpolation, "fill_mode": self.fill_mode}

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        if not training:
            ctx.save(None)
            return x
        images = self._images(x)
        shifts = [
            self._numbers(images, low * extent, high * extent, ctx)
            for (low, high), extent in zip(self._bounds, images.shape[1:3], strict=True)
        ]
        ctx.save(shifts)
        y = ops.translate2d_forward(images, *shifts, fill_value=self.fill_value, **self._ways())
        return ops.reshape(y, x.shape)

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        (shifts,) = ctx.saved
        if shifts is None or not ctx.needs_dx:
            return dy if ctx.needs_dx else None
        dx = ops.translate2d_backward(self._images(dy), *shifts, **self._ways())
        return ops.reshape(dx, dy.shape)


def _factor(value: Any, where: str) -> tuple[float, float]:
    """Return the bounds of a shift, the lower first."""
    both = value if isinstance(value, list | tuple) else (value, value)
    bounds = [number(v, where, -1, 1) for v in both]
    if len(bounds) != 2:
        raise ValueError(f"{where} must be a number in [-1, 1], or two of them. Got {value!r}.")
    if both is not value:
        return -abs(bounds[0]), abs(bounds[0])
    return min(bounds), max(bounds)
