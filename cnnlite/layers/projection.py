"""Dense layers from some axes to others: what multi-head attention projects with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from cnnlite import ops
from cnnlite.layers.base import Layer
from cnnlite.layers.context import Context
from cnnlite.ops.core import Tensor


class Projection(Layer):
    """A Dense layer from the last axes of its input to several axes.

    Parameters
    ----------
    in_axes : int
        How many of the last axes are summed over.
    sizes : sequence of int
        The axes of the output that take their place.

    The kernel is (*in, *sizes), the bias (*sizes).
    """

    def __init__(
        self,
        in_axes: int,
        sizes: Sequence[int],
        use_bias: bool = True,
        options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.in_axes, self.sizes, self.use_bias = in_axes, tuple(sizes), use_bias
        self.options = options or {}
        self.take_options(**self.options)

    def build(self, input_shape: Any) -> None:
        inside = tuple(input_shape[-self.in_axes :])
        self._matrix = (math.prod(inside), math.prod(self.sizes))
        self.kernel = self.make_weight("kernel", (*inside, *self.sizes))
        self.bias = self.make_weight("bias", self.sizes) if self.use_bias else None

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        ctx.save(x)
        lead = x.shape[: -self.in_axes]
        bias = None if self.bias is None else self.bias.value.reshape(-1)
        # (rows, in) @ (in, out) -> (rows, out)
        y = ops.matmul(self._rows(x, 0), self.kernel.value.reshape(self._matrix), bias=bias)
        return ops.reshape(y, (*lead, *self.sizes))

    def _rows(self, x: Tensor, side: int) -> Tensor:
        """``x`` as a matrix, with the sizes of one side of the kernel as columns."""
        axes = self.in_axes if side == 0 else len(self.sizes)
        return ops.reshape(x, (math.prod(x.shape[:-axes]), self._matrix[side]))

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        (x,) = ctx.saved
        rows, dy = self._rows(x, 0), self._rows(dy, 1)
        into = ctx.grad(self.kernel).viewed(self._matrix)
        ops.matmul(rows, dy, transpose_a=True, out=into)
        if self.bias is not None:
            ops.bias_gradient(dy, out=ctx.grad(self.bias).viewed(self._matrix[1:]))
        if not ctx.needs_dx:
            return None
        matrix = self.kernel.value.reshape(self._matrix)
        return ops.reshape(ops.matmul(dy, matrix, transpose_b=True), x.shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[: -self.in_axes], *self.sizes)

    def multiply_adds(self, input_shape: Any) -> int:
        steps = math.prod(n or 0 for n in input_shape[1 : -self.in_axes])
        return steps * math.prod(self._matrix)
