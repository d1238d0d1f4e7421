"""Steps that do not count, and a penalty on what passes."""

from __future__ import annotations

import math
from typing import Any

from cnnlite import ops
from cnnlite.arguments import number
from cnnlite.errors import ShapeError
from cnnlite.layers.base import Layer, check_single
from cnnlite.layers.context import Context
from cnnlite.layers.symbolic import Shape
from cnnlite.ops.core import Tensor


class Masking(Layer):
    """Mask the steps whose values all equal ``mask_value``, and set them to 0.

    Input and output (N, T, F); the mask is (N, T), 1 where any value differs.

    Parameters
    ----------
    mask_value : float

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.Masking(9.0)([[[1, 9], [9, 9]]])
    array([[[1., 9.],
            [0., 0.]]], dtype=float32)
    """

    supports_masking = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = number(mask_value, f"{self.name}: mask_value")

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        counts = ops.any_not_equal(x, self.mask_value)
        steps = ops.reshape(counts, (*counts.shape, 1))
        ctx.save(counts, steps)
        return ops.where(steps, x, 0.0)

    def compute_mask(self, x: Any, mask: Any, *, ctx: Context) -> Any:
        return ctx.saved[0] if ctx.saved else ops.any_not_equal(x, self.mask_value)

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor:
        return ops.where(ctx.saved[1], dy, 0.0)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_single(input_shape, self)
        if len(input_shape) < 2:
            raise ShapeError(
                f"{self.name}: Masking needs (batch, steps, features). "
                f"Got shape {tuple(input_shape)}."
            )
        return input_shape


class ActivityRegularization(Layer):
    """Pass the input on, and add ``l1 sum |x| + l2 sum x^2`` per sample to the loss.

    Parameters
    ----------
    l1, l2 : float

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.ActivityRegularization(l2=0.01)([[1, 2]])
    array([[1., 2.]], dtype=float32)
    """

    supports_masking = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        from cnnlite.regularizers import L1L2

        super().__init__(activity_regularizer=None, **kwargs)
        self.l1 = number(l1, f"{self.name}: l1", 0, math.inf, open_ends="[)")
        self.l2 = number(l2, f"{self.name}: l2", 0, math.inf, open_ends="[)")
        self.activity_regularizer = L1L2(l1=self.l1, l2=self.l2)

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        return x

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor:
        return dy

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["activity_regularizer"]
        return config
