"""The rectifier whose slope is learned."""

from __future__ import annotations

from typing import Any

from cnnlite import ops
from cnnlite.errors import ShapeError
from cnnlite.layers.base import Layer, check_single
from cnnlite.layers.context import Context
from cnnlite.layers.symbolic import Shape
from cnnlite.ops.core import Tensor
from cnnlite.shapes import is_int, normalize_axis


class PReLU(Layer):
    """``x`` where ``x > 0``, else ``alpha x``, with a learned ``alpha`` for each place.

    Parameters
    ----------
    alpha_initializer : str or Initializer
    alpha_regularizer : str or Regularizer, optional
    alpha_constraint : str or Constraint, optional
    shared_axes : int or sequence of int, optional
        Along which one ``alpha`` serves all places: (1, 2) leaves one per channel of an image.

    References
    ----------
    He et al. 2015, "Delving Deep into Rectifiers".

    Examples
    --------
    >>> from cnnlite import layers
    >>> from cnnlite.initializers import Constant
    >>> layers.PReLU(Constant(0.5))([[-1, 2]])
    array([[-0.5,  2. ]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.take_options(
            alpha_initializer=alpha_initializer,
            alpha_regularizer=alpha_regularizer,
            alpha_constraint=alpha_constraint,
        )
        self.shared_axes: list[int] | None = None
        if shared_axes is not None:
            listed = shared_axes if isinstance(shared_axes, list | tuple) else [shared_axes]
            if not all(is_int(a) for a in listed):
                raise ShapeError(f"{self.name}: shared_axes must be integers. Got {shared_axes!r}.")
            self.shared_axes = [int(a) for a in listed]

    def _alpha_shape(self, input_shape: Shape) -> tuple[int | None, ...]:
        check_single(input_shape, self)
        ndim, where = len(input_shape), f"{self.name}: shared_axes"
        shared = {normalize_axis(a, ndim, where) for a in self.shared_axes or ()}
        if 0 in shared:
            raise ShapeError(f"{where}: axis 0 is the batch, which always shares. Leave it out.")
        return tuple(1 if d in shared else n for d, n in enumerate(input_shape) if d > 0)

    def build(self, input_shape: Shape) -> None:
        shape = self._alpha_shape(input_shape)
        if None in shape:
            raise ShapeError(
                f"{self.name}: an axis that is not shared must be known. "
                f"Got shape {tuple(input_shape)}. Name the unknown ones in shared_axes."
            )
        self.alpha = self.make_weight("alpha", [n or 0 for n in shape])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.built and self._alpha_shape(input_shape) != self.alpha.shape:
            raise ShapeError(
                f"{self.name}: built for alpha of shape {self.alpha.shape}. "
                f"Got shape {tuple(input_shape)}."
            )
        return input_shape

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        negative = ops.minimum(x, 0.0)
        ctx.save(x, negative)
        return ops.add(ops.relu(x), ops.multiply(negative, self.alpha))

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        x, negative = ctx.saved
        ops.reduce_to(ops.multiply(dy, negative), self.alpha.shape, out=ctx.grad(self.alpha))
        if not ctx.needs_dx:
            return None
        # At 0 itself the gradient is 0, as that of ReLU.
        below = ops.relu_backward(dy, ops.multiply(negative, -1.0))
        return ops.add(ops.relu_backward(dy, x), ops.multiply(below, self.alpha))
