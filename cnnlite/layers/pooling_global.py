"""Pooling over a whole sequence or image."""

from __future__ import annotations

from typing import Any

from cnnlite import ops
from cnnlite.errors import ShapeError
from cnnlite.layers.base import Layer
from cnnlite.layers.context import Context
from cnnlite.layers.spatial import AXES, as_images, checked_data_format, spatial_sizes
from cnnlite.layers.symbolic import Shape
from cnnlite.ops.core import Tensor


class _GlobalPooling(Layer):
    """One window as large as the input; a subclass computes on images."""

    rank: int

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = checked_data_format(data_format, self.name)
        self.keepdims = bool(keepdims)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        for axis, size in enumerate(spatial_sizes(input_shape, self.rank, self), 1):
            if size == 0:
                raise ShapeError(
                    f"{self.name}: there is nothing to pool along axis {axis}, the "
                    f"{AXES[self.rank][axis - 1]}. Got shape {tuple(input_shape)}. "
                    "Pass one or more."
                )
        kept = (1,) * self.rank if self.keepdims else ()
        return (input_shape[0], *kept, input_shape[-1])

    def _pooled(self, y: Tensor) -> Tensor:
        """Return one value for each image and channel under the output's shape."""
        kept = (1,) * self.rank if self.keepdims else ()
        return ops.reshape(y, (y.shape[0], *kept, y.shape[-1]))

    @staticmethod
    def _as_pixels(dy: Tensor, x_shape: tuple[int, ...]) -> Tensor:
        """Return the output's gradient as (N, 1, 1, C)."""
        return ops.reshape(dy, (x_shape[0], 1, 1, x_shape[-1]))


class _GlobalMaxPooling(_GlobalPooling):
    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        images = as_images(x)
        y, argmax = ops.maxpool2d_forward(images, images.shape[1:3])
        ctx.save(argmax, images.shape, x.shape)
        return self._pooled(y)

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        argmax, shape, x_shape = ctx.saved
        if not ctx.needs_dx:
            return None
        dy = self._as_pixels(dy, shape)
        return ops.reshape(ops.maxpool2d_backward(dy, argmax, shape, shape[1:3]), x_shape)


class _GlobalAveragePooling(_GlobalPooling):
    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        images = as_images(x)
        ctx.save(images.shape, x.shape)
        return self._pooled(ops.averagepool2d_forward(images, images.shape[1:3]))

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        shape, x_shape = ctx.saved
        if not ctx.needs_dx:
            return None
        dy = self._as_pixels(dy, shape)
        return ops.reshape(ops.averagepool2d_backward(dy, shape, shape[1:3]), x_shape)


class GlobalMaxPooling1D(_GlobalMaxPooling):
    """Maximum over all steps, of each channel by itself.

    Input (N, T, C), output (N, C), or (N, 1, C) with ``keepdims``.

    Parameters
    ----------
    data_format : {"channels_last"}
    keepdims : bool

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.GlobalMaxPooling1D()(np.array([[[1, 5], [3, 2]]], "float32"))
    array([[3., 5.]], dtype=float32)
    """

    rank = 1


class GlobalMaxPooling2D(_GlobalMaxPooling):
    """Maximum over a whole image, of each channel by itself.

    Input (N, H, W, C), output (N, C), or (N, 1, 1, C) with ``keepdims``.

    Parameters
    ----------
    data_format : {"channels_last"}
    keepdims : bool

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.GlobalMaxPooling2D()(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[6., 7.]], dtype=float32)
    """

    rank = 2


class GlobalAveragePooling1D(_GlobalAveragePooling):
    """Mean over all steps, or over those that the mask counts, of each channel by itself.

    Input (N, T, C), output (N, C), or (N, 1, C) with ``keepdims``.  A sequence of no
    counted step gives 0 (in Keras NaN, which no training survives).

    Parameters
    ----------
    data_format : {"channels_last"}
    keepdims : bool

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> x = np.array([[[1, 5], [3, 2], [9, 9]]], "float32")
    >>> layers.GlobalAveragePooling1D()(x, mask=np.array([[True, True, False]]))
    array([[2. , 3.5]], dtype=float32)
    """

    rank = 1
    supports_masking = True

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        if mask is None:
            return super().call(x, ctx=ctx, training=training)
        n, steps, channels = x.shape
        counted = ops.reshape(mask, (n, steps, 1))
        count = ops.sum(ops.cast(mask, x.dtype), axis=1, keepdims=True)  # (N, 1)
        count = ops.maximum(count, 1.0)
        total = ops.sum(ops.where(counted, x, 0.0), axis=1)  # (N, C)
        ctx.save(counted, count, channels)
        return self._pooled(ops.divide(total, count))

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        if len(ctx.saved) == 2:
            return super().backward(dy, ctx=ctx)
        counted, count, channels = ctx.saved
        share = ops.divide(ops.reshape(dy, (counted.shape[0], channels)), count)
        share = ops.reshape(share, (counted.shape[0], 1, channels))
        return ops.where(counted, share, 0.0)  # (N, T, 1), (N, 1, C) -> (N, T, C)

    def compute_mask(self, x: Any, mask: Any, *, ctx: Context) -> Any:
        return None


class GlobalAveragePooling2D(_GlobalAveragePooling):
    """Mean over a whole image, of each channel by itself.

    Input (N, H, W, C), output (N, C), or (N, 1, 1, C) with ``keepdims``.

    Parameters
    ----------
    data_format : {"channels_last"}
    keepdims : bool

    References
    ----------
    Lin, Chen, Yan 2013, Network in Network.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.GlobalAveragePooling2D()(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[3., 4.]], dtype=float32)
    """

    rank = 2
