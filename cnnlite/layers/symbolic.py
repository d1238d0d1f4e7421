"""Symbolic tensors and nodes: the graph that calling layers on inputs builds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cnnlite import config
from cnnlite.errors import ShapeError
from cnnlite.shapes import is_int

if TYPE_CHECKING:
    from cnnlite.layers.base import Layer

Shape = tuple[int | None, ...]


class SymbolicTensor:
    """A tensor of the graph: a shape (None for the batch), no values.

    Made by :func:`Input` and by calling a layer on a symbolic tensor.
    """

    def __init__(self, shape: Sequence[int | None], dtype: str, node: Node | None = None) -> None:
        self.shape: Shape = tuple(shape)
        self.dtype = dtype
        self.node = node  # None: an input of the graph
        self.name: str | None = None

    ndim = property(lambda self: len(self.shape))

    def __repr__(self) -> str:
        return f"SymbolicTensor(shape={self.shape}, dtype={self.dtype})"

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            "a symbolic tensor has no values. Build a Model from it and call predict(), "
            "or pass an array to the layer."
        )

    def __add__(self, other: Any) -> SymbolicTensor:
        from cnnlite.layers.merge import Add

        return Add()([self, other])


class Node:
    """One call of a layer: which tensors went in, which came out."""

    def __init__(
        self,
        layer: Layer,
        inputs: Sequence[SymbolicTensor],
        listed: bool,
        output_shape: Shape,
        training: bool | None = None,
    ) -> None:
        self.layer = layer
        self.inputs = list(inputs)
        self.listed = listed  # whether the layer was called on a list
        self.training = training  # None: as the model runs
        self.output = SymbolicTensor(output_shape, layer.dtype, self)


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    name: str | None = None,
) -> SymbolicTensor:
    """Return a symbolic tensor that stands for a model's input.

    Parameters
    ----------
    shape : sequence of int
        Shape of one sample, without the batch.
    batch_size : int, optional
        Default: any.
    dtype : {"float32", "float64"}, optional
    name : str, optional

    Examples
    --------
    >>> import cnnlite
    >>> cnnlite.Input((28, 28, 1)).shape
    (None, 28, 28, 1)
    """
    if shape is None or isinstance(shape, str | int):
        raise ShapeError(
            f"Input: shape must be a tuple of sizes without the batch. Got {shape!r}. "
            "Write Input((28, 28, 1)) or Input((784,))."
        )
    if not all(is_int(n) and n is not None and n > 0 for n in shape):
        raise ShapeError(f"Input: sizes must be positive integers. Got {shape!r}.")
    sizes = [int(n) for n in shape if n is not None]
    tensor = SymbolicTensor(
        (batch_size, *sizes), config.checked_dtype(dtype or config.floatx(), "Input")
    )
    tensor.name = name
    return tensor
