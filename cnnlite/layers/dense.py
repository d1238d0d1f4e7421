"""Fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite import ops
from cnnlite.errors import ShapeError
from cnnlite.layers.activation import (
    activate,
    activate_backward,
    checked_activation,
    epilogue,
    warn_if_constant,
)
from cnnlite.layers.base import Layer, check_single, positive
from cnnlite.layers.context import Context
from cnnlite.layers.symbolic import Shape
from cnnlite.ops.core import Tensor


class Dense(Layer):
    """Fully connected: ``y = activation(x @ kernel + bias)``.

    Input (N, ..., in), output (N, ..., units).

    Parameters
    ----------
    units : int
    activation : str, optional
        A name of :data:`cnnlite.ops.ACTIVATIONS`; default: linear.
    use_bias : bool
    kernel_initializer, bias_initializer : str or Initializer
    kernel_regularizer, bias_regularizer, activity_regularizer : str or Regularizer, optional
    kernel_constraint, bias_constraint : str or Constraint, optional

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.Dense(2, kernel_initializer="ones")(np.ones((1, 3), "float32"))
    array([[3., 3.]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        units: int,
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
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = positive(units, f"{self.name}: units")
        self.activation = checked_activation(activation, self.name)
        self.use_bias = bool(use_bias)
        self.take_options(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def build(self, input_shape: Shape) -> None:
        self._check(input_shape)
        warn_if_constant(self.activation, self.units, self.name)
        self.kernel = self.make_weight("kernel", (input_shape[-1] or 0, self.units))
        self.bias = self.make_weight("bias", (self.units,)) if self.use_bias else None

    def _check(self, input_shape: Shape) -> None:
        check_single(input_shape, self)
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ShapeError(
                f"{self.name}: Dense needs (batch, ..., features). Got shape {tuple(input_shape)}."
            )
        if self.built and input_shape[-1] != self.kernel.shape[0]:
            raise ShapeError(
                f"{self.name}: built for {self.kernel.shape[0]} features. "
                f"Got shape {tuple(input_shape)}."
            )

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        fused = epilogue(self.activation)
        y = ops.matmul(x, self.kernel, bias=self.bias, activation=fused)
        y, kept = activate(self.activation, y)
        ctx.save(x, kept)
        return y

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        x, kept = ctx.saved
        dy = activate_backward(self.activation, dy, kept)
        rows = ops.reshape(dy, (-1, self.units)) if dy.size else ops.reshape(dy, (0, self.units))
        features = ops.reshape(x, (rows.shape[0], self.kernel.shape[0]))
        # (in, rows) @ (rows, units) -> (in, units)
        ops.matmul(features, rows, transpose_a=True, out=ctx.grad(self.kernel))
        if self.bias is not None:
            ops.bias_gradient(rows, out=ctx.grad(self.bias))
        # (N, ..., units) @ (units, in) -> (N, ..., in)
        return ops.matmul(dy, self.kernel, transpose_b=True) if ctx.needs_dx else None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check(input_shape)
        return (*input_shape[:-1], self.units)

    def multiply_adds(self, input_shape: Shape) -> int:
        return int(np.prod([n for n in input_shape[1:] if n])) * self.units
