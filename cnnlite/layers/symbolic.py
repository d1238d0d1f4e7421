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

# Tensors of indices and of masks have one dtype each.
_INTEGERS = {"int32": "int32", "int64": "int32", "uint8": "uint8", "bool": "uint8"}


class SymbolicTensor:
    """A tensor of the graph: a shape (None for the batch), no values.

    Made by :func:`Input` and by calling a layer on a symbolic tensor.
    """

    def __init__(self, shape: Sequence[int | None], dtype: str, node: Node | None = None) -> None:
        self.shape: Shape = tuple(shape)
        self.dtype = dtype
        self.node = node  # None: an input of the graph
        self.name: str | None = None
        self.limit: int | None = None  # of an input: its whole numbers must be less

    ndim = property(lambda self: len(self.shape))
    __array_ufunc__ = None  # a NumPy number leaves `number * tensor` to the tensor

    def __repr__(self) -> str:
        return f"SymbolicTensor(shape={self.shape}, dtype={self.dtype})"

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            "a symbolic tensor has no values. Build a Model from it and call predict(), "
            "or pass an array to the layer."
        )

    def __add__(self, other: Any) -> SymbolicTensor:
        return _arithmetic("add", self, other)

    def __radd__(self, other: Any) -> SymbolicTensor:
        return _arithmetic("add", other, self)

    def __sub__(self, other: Any) -> SymbolicTensor:
        return _arithmetic("subtract", self, other)

    def __rsub__(self, other: Any) -> SymbolicTensor:
        return _arithmetic("subtract", other, self)

    def __mul__(self, other: Any) -> SymbolicTensor:
        return _arithmetic("multiply", self, other)

    def __rmul__(self, other: Any) -> SymbolicTensor:
        return _arithmetic("multiply", other, self)

    def __truediv__(self, other: Any) -> SymbolicTensor:
        return _arithmetic("divide", self, other)

    def __rtruediv__(self, other: Any) -> SymbolicTensor:
        return _arithmetic("divide", other, self)

    def __neg__(self) -> SymbolicTensor:
        return _arithmetic("multiply", self, -1.0)


def _arithmetic(function: str, a: Any, b: Any) -> Any:
    """Return the layer's output for ``a (op) b``; one of them may be a number."""
    from cnnlite.layers.operators import combine

    return combine(function, a, b)


class Node:
    """One call of a layer: which tensors went in, which came out.

    Attributes
    ----------
    inputs, outputs : list of SymbolicTensor
    listed, several : bool
        Whether the layer was called on a list, and whether it returns one.
    training : bool or None
        None: as the model runs.
    arguments : dict
        Further arguments of the call, no tensors.
    """

    def __init__(
        self,
        layer: Layer,
        inputs: Sequence[SymbolicTensor],
        listed: bool,
        output_shape: Shape | list[Shape],
        training: bool | None = None,
        arguments: dict[str, Any] | None = None,
    ) -> None:
        self.layer = layer
        self.inputs = list(inputs)
        self.listed, self.several = listed, isinstance(output_shape, list)
        self.training = training
        self.arguments = arguments or {}
        shapes = output_shape if isinstance(output_shape, list) else [output_shape]
        self.outputs = [SymbolicTensor(shape, layer.dtype, self) for shape in shapes]

    @property
    def output(self) -> SymbolicTensor:
        """The only output."""
        (tensor,) = self.outputs
        return tensor


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    name: str | None = None,
    batch_shape: Sequence[int | None] | None = None,
) -> SymbolicTensor:
    """Return a symbolic tensor that stands for a model's input.

    Parameters
    ----------
    shape : sequence of int or None
        Shape of one sample, without the batch; None is a size that may vary from one
        batch to the next, such as a sequence's length.
    batch_size : int, optional
        Default: any.
    dtype : {"float32", "float64", "int32", "uint8"}, optional
        "int64" counts as "int32", "bool" as "uint8".
    name : str, optional
    batch_shape : sequence of int or None, optional
        Batch size and shape together, in place of the first two.

    Examples
    --------
    >>> import cnnlite
    >>> cnnlite.Input((28, 28, 1)).shape
    (None, 28, 28, 1)
    """
    if batch_shape is not None:
        if shape is not None or batch_size is not None or not batch_shape:
            raise ShapeError(
                "Input: batch_shape stands for shape and batch_size together. "
                f"Got batch_shape={batch_shape!r}, shape={shape!r}, batch_size={batch_size!r}."
            )
        batch_size, shape = batch_shape[0], tuple(batch_shape[1:])
    if shape is None or isinstance(shape, str | int):
        raise ShapeError(
            f"Input: shape must be a tuple of sizes without the batch. Got {shape!r}. "
            "Write Input((28, 28, 1)) or Input((784,))."
        )
    if not all(n is None or (is_int(n) and n > 0) for n in shape):
        raise ShapeError(f"Input: sizes must be positive integers, or None. Got {shape!r}.")
    sizes = [None if n is None else int(n) for n in shape]
    dtype = _INTEGERS.get(str(dtype)) or config.checked_dtype(dtype or config.floatx(), "Input")
    tensor = SymbolicTensor((batch_size, *sizes), dtype)
    tensor.name = name
    return tensor
