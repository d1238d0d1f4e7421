"""Symbolic tensors and nodes: the graph that calling layers on inputs builds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cnnlite.errors import ShapeError
from cnnlite.layers.no_values import NoValues
from cnnlite.shapes import is_int

if TYPE_CHECKING:
    from cnnlite.layers.base import Layer

Shape = tuple[int | None, ...]


class _Carried:
    """Stands for the mask of a traced call's input, which the graph carries by itself."""

    def __repr__(self) -> str:
        return "the mask that the graph carries; pass it on to layers, as mask="


CARRIED_MASK = _Carried()


class SymbolicTensor(NoValues):
    """A tensor of the graph: a shape (None for the batch), no values.

    Made by :func:`Input` and by calling a layer on a symbolic tensor.
    """

    def __init__(self, shape: Sequence[int | None], dtype: str, node: Node | None = None) -> None:
        self.shape: Shape = tuple(shape)
        self.dtype = dtype
        self.node = node  # None: an input of the graph
        self.name: str | None = None
        self.source: Any = None  # of an input: its InputLayer
        self.limit: int | None = None  # of an input: its whole numbers must be less

    ndim = property(lambda self: len(self.shape))

    def __repr__(self) -> str:
        return f"SymbolicTensor(shape={self.shape}, dtype={self.dtype})"

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        function = _OF_NUMPY.get(ufunc.__name__)
        if function and method == "__call__" and len(inputs) == 2 and not kwargs:
            return _arithmetic(function, *inputs)  # a NumPy number comes before the tensor
        return super().__array_ufunc__(ufunc, method, *inputs, **kwargs)

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


_OF_NUMPY = {
    "add": "add",
    "subtract": "subtract",
    "multiply": "multiply",
    "divide": "divide",
    "true_divide": "divide",
}


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
    calls : tuple of ModelCall
        The calls of models that the node belongs to, the outermost first.
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
        self.calls: tuple[ModelCall, ...] = ()
        shapes = output_shape if isinstance(output_shape, list) else [output_shape]
        self.outputs = [SymbolicTensor(shape, layer.dtype, self) for shape in shapes]

    @property
    def output(self) -> SymbolicTensor:
        """The only output."""
        (tensor,) = self.outputs
        return tensor


def checked_sample_shape(shape: Any, where: str) -> Shape | None:
    """Return the sizes of one sample, None for any; raise unless they are sizes.

    Examples
    --------
    >>> from cnnlite.layers.symbolic import checked_sample_shape
    >>> checked_sample_shape([28, None, 1], "Input: shape")
    (28, None, 1)
    """
    if shape is None:
        return None
    if not isinstance(shape, Sequence) or isinstance(shape, str | bytes):
        raise ShapeError(
            f"{where} must be a tuple of sizes without the batch. Got {shape!r}. "
            "Write (28, 28, 1) or (784,)."
        )
    if not all(n is None or (is_int(n) and n > 0) for n in shape):
        raise ShapeError(f"{where}: sizes must be positive integers, or None. Got {shape!r}.")
    return tuple(None if n is None else int(n) for n in shape)


class ModelCall:
    """One call of a model inside another: its layers became nodes of the outer graph.

    Attributes
    ----------
    layer : Model
    inputs, outputs : list of SymbolicTensor
        An output that the outer graph does not use may be None.
    training : bool or None
    """

    def __init__(self, model: Any, inputs: Sequence[SymbolicTensor], training: Any = None) -> None:
        self.layer = model
        self.inputs = list(inputs)
        self.outputs: list[SymbolicTensor | None] = []
        self.training = training
