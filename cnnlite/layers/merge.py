"""Layers of several inputs."""

from __future__ import annotations

from typing import Any

from cnnlite import ops
from cnnlite.errors import ShapeError
from cnnlite.layers.base import Layer
from cnnlite.layers.context import Context
from cnnlite.layers.symbolic import Shape
from cnnlite.ops.core import Tensor
from cnnlite.shapes import is_int, normalize_axis


def _check_several(input_shape: Any, layer: Layer) -> None:
    if not isinstance(input_shape, list) or len(input_shape) < 2:
        raise ShapeError(
            f"{layer.name}: {type(layer).__name__} needs a list of at least two inputs. "
            f"Got shape {input_shape}."
        )


class Add(Layer):
    """Sum of inputs of one shape.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.Add()([[[1, 2]], [[3, 4]]])
    array([[4., 6.]], dtype=float32)
    """

    several_inputs = True

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        ctx.save(len(x))
        total = ops.add(x[0], x[1])
        for other in x[2:]:
            total = ops.add(total, other, out=total)
        return total

    def backward(self, dy: Tensor, *, ctx: Context) -> list[Tensor]:
        (count,) = ctx.saved
        return [dy] * count

    def compute_output_shape(self, input_shape: Any) -> Shape:
        _check_several(input_shape, self)
        if any(tuple(s[1:]) != tuple(input_shape[0][1:]) for s in input_shape):
            raise ShapeError(f"{self.name}: inputs must have one shape. Got {input_shape}.")
        return tuple(input_shape[0])


class Concatenate(Layer):
    """Join inputs along an axis.

    Parameters
    ----------
    axis : int
        Default: the last.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.Concatenate()([[[1, 2]], [[3]]])
    array([[1., 2., 3.]], dtype=float32)
    """

    several_inputs = True

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not is_int(axis):
            raise ShapeError(f"{self.name}: axis must be an integer. Got {axis!r}.")
        self.axis = int(axis)

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        axis = normalize_axis(self.axis, x[0].ndim, f"{self.name}: axis")
        ctx.save(axis, [t.shape[axis] for t in x])
        return ops.concatenate(x, axis)

    def backward(self, dy: Tensor, *, ctx: Context) -> list[Tensor]:
        axis, sizes = ctx.saved
        return ops.split(dy, sizes, axis)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        _check_several(input_shape, self)
        first = list(input_shape[0])
        axis = normalize_axis(self.axis, len(first), f"{self.name}: axis")
        if axis == 0:
            raise ShapeError(f"{self.name}: inputs cannot be joined along the batch, axis 0.")
        for shape in input_shape[1:]:
            others = [n for d, n in enumerate(shape) if d not in (0, axis)]
            if len(shape) != len(first) or others != [
                n for d, n in enumerate(first) if d not in (0, axis)
            ]:
                raise ShapeError(
                    f"{self.name}: shapes may differ along axis {axis} alone. Got {input_shape}."
                )
        first[axis] = sum(shape[axis] for shape in input_shape)
        return tuple(first)
