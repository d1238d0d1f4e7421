"""Sequential: a stack of layers, each on the output of the one before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from cnnlite.arguments import array
from cnnlite.errors import ShapeError
from cnnlite.layers.base import Layer
from cnnlite.layers.graph import Graph
from cnnlite.layers.input_layer import Input, InputLayer
from cnnlite.layers.symbolic import SymbolicTensor
from cnnlite.models import units
from cnnlite.models.model import Model


class Sequential(Model):
    """A stack of layers.

    Without an ``Input`` first, the model is built when it first sees data.

    Parameters
    ----------
    layers : sequence of Layer, optional
        The first may be an ``Input`` or an ``InputLayer``; ``layers`` does not list it.
    name : str, optional

    Examples
    --------
    >>> import cnnlite
    >>> from cnnlite import layers
    >>> model = cnnlite.Sequential([cnnlite.Input((2,)), layers.Dense(3)])
    >>> model.count_params()
    9
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        own = cls.__init__ is Sequential.__init__
        if own and len(args) > 1 and isinstance(args[1], Layer | Model | SymbolicTensor):
            raise TypeError(
                f"{cls.__name__}: layers must be one list of layers. "
                f"Got {args[0]!r} and {args[1]!r} by themselves. Put them in a list: [a, b]."
            )
        return super().__new__(cls, *args, **kwargs)

    def __init__(
        self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None
    ) -> None:
        self._begin(name)
        self._stack: list[Any] = []
        self._tensors: list[SymbolicTensor] = []  # the Input, then each layer's output
        if layers is not None and (isinstance(layers, str) or not isinstance(layers, Iterable)):
            raise TypeError(f"{self.name}: layers must be a list of layers. Got {layers!r}.")
        for layer in layers or []:
            self.add(layer)
        if not trainable:
            self.trainable = False

    def add(self, layer: Any) -> None:
        """Put a layer (or a model, or first an ``Input``) on top of the stack."""
        if isinstance(layer, InputLayer):
            layer = layer.output
        if isinstance(layer, SymbolicTensor):
            if self._stack or self._tensors:
                raise ValueError(f"{self.name}: an Input can only come first.")
            self._tensors = [layer]
            return
        if not isinstance(layer, Layer | Model):
            raise TypeError(f"{self.name}: not a layer. Got {layer!r}. Add a Layer or a Model.")
        for other in self._stack:
            if other is not layer and other.name == layer.name:
                raise ValueError(units.duplicate(self.name, other, layer))
        tensors = self._tensors
        if not self._stack and not tensors:
            tensors = _first_input(layer)
        if tensors:
            made = layer(tensors[-1])
            if not isinstance(made, SymbolicTensor):
                raise ValueError(
                    f"{self.name}: {layer.name} has several outputs, and a stack passes on one. "
                    "Build a Model(inputs, outputs) instead."
                )
            self._tensors = [*tensors, made]
        self._stack.append(layer)
        self._connect()

    def pop(self) -> Any:
        """Take the topmost layer away and return it."""
        if not self._stack:
            raise ValueError(f"{self.name}: there is no layer to pop.")
        layer = self._stack.pop()
        if self._tensors:
            self._tensors.pop()
        self._connect()
        return layer

    def _connect(self) -> None:
        self._graph = None
        if self._stack and self._tensors:
            self._graph = Graph(self._tensors[:1], self._tensors[-1:])
        self._forget_plans()

    def build(self, input_shape: Any = None) -> None:
        """Build for inputs of this shape, batch first."""
        if self.built:
            return
        if not self._stack:
            raise ValueError(f"{self.name}: the model has no layers. Add one.")
        try:
            shape = tuple(input_shape)
        except TypeError:
            shape = ()
        if not shape:
            raise ShapeError(f"{self.name}: build needs (batch, sizes...). Got {input_shape!r}.")
        self._build_on(_input_of(self._stack[0], shape[1:], shape[0]))

    def _build_on(self, tensor: SymbolicTensor) -> None:
        """Call the stack on an Input; nothing changes if a layer does not fit."""
        tensors = [tensor]
        for layer in self._stack:
            tensors.append(layer(tensors[-1]))
        self._tensors = tensors
        self._connect()

    def _build_for(self, x: Any) -> None:
        if self.built:
            return
        if isinstance(x, SymbolicTensor):
            if not self._stack:
                raise ValueError(f"{self.name}: the model has no layers. Add one.")
            self._build_on(Input(x.shape[1:], x.shape[0], x.dtype))
            return
        shape = array(x, f"{self.name}: x").shape
        if not shape:
            raise ShapeError(f"{self.name}: x needs a batch axis. Got {x!r}. Pass an array.")
        self.build((None, *shape[1:]))

    @property  # type: ignore[misc]
    def layers(self) -> list[Any]:
        """The stack, without its InputLayer."""
        return list(self._stack)

    def _parts(self) -> list[Any]:
        return list(dict.fromkeys(self._stack))


def _first_input(layer: Any) -> list[SymbolicTensor]:
    """Return the Input that a stack's first layer asks for, or a model has; [] if none."""
    if isinstance(layer, Model) and layer.built and len(layer.inputs) == 1:
        known = layer.inputs[0]
        return [Input(known.shape[1:], known.shape[0], known.dtype)]
    sample = getattr(layer, "sample_shape", None)
    return [] if sample is None else [_input_of(layer, sample)]


def _input_of(layer: Any, sample: Any, batch_size: int | None = None) -> SymbolicTensor:
    """Return an Input of the dtype that a stack's first layer takes."""
    dtype = getattr(layer, "input_dtype", None) or getattr(layer, "dtype", None)
    return Input(sample, batch_size, dtype)
