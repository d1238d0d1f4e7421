"""What +, -, * and / of symbolic tensors stand for: layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite import ops
from cnnlite.layers.base import Layer, check_single
from cnnlite.layers.context import Context
from cnnlite.layers.merge import Add, Multiply, Subtract, _Merge
from cnnlite.layers.no_values import refuse_operand
from cnnlite.layers.symbolic import Shape, SymbolicTensor
from cnnlite.ops.core import Tensor


class Divide(_Merge):
    """Quotient of two inputs: what ``a / b`` of symbolic tensors makes."""

    operator = True

    def combine(self, xs: list[Tensor], mask: Any) -> tuple[Tensor, Any]:
        y = ops.divide(*xs)
        return y, (xs[1], y)

    def parts(self, dy: Tensor, count: int, kept: Any) -> list[Tensor]:
        b, y = kept
        da = ops.divide(dy, b)
        return [da, ops.multiply(ops.multiply(da, y), -1.0)]


class WithNumber(Layer):
    """Combine a tensor and a number: what ``2 * x`` of a symbolic tensor makes.

    Parameters
    ----------
    function : {"add", "subtract", "multiply", "divide"}
    number : float
    number_first : bool
        ``number (op) x`` instead of ``x (op) number``.
    """

    supports_masking = True
    operator = True

    def __init__(
        self, function: str, number: float, number_first: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.function, self.number, self.number_first = function, number, number_first

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_single(input_shape, self)
        return input_shape

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        operation = getattr(ops, self.function)
        y = operation(self.number, x) if self.number_first else operation(x, self.number)
        ctx.save(x, y)
        return y

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor:
        x, y = ctx.saved
        if self.function == "multiply":
            return ops.multiply(dy, self.number)
        if self.function == "divide" and self.number_first:  # d(c / x) = -(c / x) / x
            return ops.multiply(ops.divide(ops.multiply(dy, y), x), -1.0)
        if self.function == "divide":
            return ops.divide(dy, self.number)
        negative = self.function == "subtract" and self.number_first
        return ops.multiply(dy, -1.0) if negative else dy


_LAYERS = {"add": Add, "subtract": Subtract, "multiply": Multiply, "divide": Divide}


def combine(function: str, a: Any, b: Any) -> Any:
    """Return the symbolic result of ``a (op) b``; what is no operand raises."""
    if isinstance(a, SymbolicTensor) and isinstance(b, SymbolicTensor):
        made = _LAYERS[function]()
        made.operator = True
        return made([a, b])
    tensor, number = (a, b) if isinstance(a, SymbolicTensor) else (b, a)
    if isinstance(number, bool) or not isinstance(number, int | float | np.number):
        refuse_operand(function, tensor, number)
    layer = WithNumber(function, float(number), tensor is b, dtype=tensor.dtype)
    return layer(tensor)
