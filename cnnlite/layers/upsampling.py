"""Layers that enlarge sequences and images by whole factors."""

from __future__ import annotations

from typing import Any

from cnnlite import ops
from cnnlite.layers.base import Layer
from cnnlite.layers.context import Context
from cnnlite.layers.spatial import as_images, as_pair, as_rank, checked_data_format, spatial_sizes
from cnnlite.layers.symbolic import Shape
from cnnlite.ops.core import Tensor
from cnnlite.shapes import Pair, pair, sizes


class _UpSampling(Layer):
    """Repeats or mixes; `_factors` says by how much."""

    rank: int
    interpolation = "nearest"

    def _factors(self) -> tuple[int, ...]:
        raise NotImplementedError

    def _arguments(self) -> tuple[Pair, str]:
        rows, columns = as_pair(self._factors())
        return (rows, columns), self.interpolation

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        x = as_images(x)
        ctx.save(x.shape)
        return as_rank(ops.upsample2d_forward(x, *self._arguments()), self.rank)

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        (x_shape,) = ctx.saved
        if not ctx.needs_dx:
            return None
        dx = ops.upsample2d_backward(as_images(dy), x_shape, *self._arguments())
        return as_rank(dx, self.rank)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        extents = zip(spatial_sizes(input_shape, self.rank, self), self._factors(), strict=True)
        out = [None if n is None else n * factor for n, factor in extents]
        return (input_shape[0], *out, input_shape[-1])


class UpSampling1D(_UpSampling):
    """Repeat every step of a sequence ``size`` times.

    Input (N, T, C), output (N, T * size, C).

    Parameters
    ----------
    size : int

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.UpSampling1D(2)(np.array([1, 2], "float32").reshape(1, 2, 1)).ravel()
    array([1., 1., 2., 2.], dtype=float32)
    """

    rank = 1

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        (self.size,) = sizes(size, 1, f"{self.name}: size")

    def _factors(self) -> tuple[int, ...]:
        return (self.size,)


class UpSampling2D(_UpSampling):
    """Enlarge images by whole factors.

    Input (N, H, W, C), output (N, H * size[0], W * size[1], C).

    Parameters
    ----------
    size : int or (int, int)
        Factors of height and width.
    data_format : {"channels_last"}
    interpolation : {"nearest", "bilinear"}
        Each pixel repeated, or mixed linearly by the distance of the pixels' centres.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> x = np.array([0, 4], "float32").reshape(1, 1, 2, 1)
    >>> layers.UpSampling2D((1, 2), interpolation="bilinear")(x).ravel()
    array([0., 1., 3., 4.], dtype=float32)
    """

    rank = 2

    def __init__(
        self,
        size: Any = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.size = pair(size, f"{self.name}: size")
        self.data_format = checked_data_format(data_format, self.name)
        name = interpolation.lower() if isinstance(interpolation, str) else interpolation
        if name not in ("nearest", "bilinear"):
            raise ValueError(
                f'{self.name}: interpolation must be "nearest" or "bilinear". '
                f"Got {interpolation!r}."
            )
        self.interpolation = name

    def _factors(self) -> tuple[int, ...]:
        return self.size
