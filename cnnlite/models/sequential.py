"""Sequential: a stack of layers, each on the output of the one before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnlite.errors import ShapeError
from cnnlite.layers.base import Layer, unique_name
from cnnlite.layers.symbolic import Input, SymbolicTensor
from cnnlite.models.graph import Graph
from cnnlite.models.model import Model, _models
from cnnlite.models.training import Trainer


class Sequential(Model):
    """A stack of layers.

    Without an ``Input`` first, the model is built when it first sees data.

    Parameters
    ----------
    layers : sequence of Layer, optional
        The first may be an ``Input``.
    name : str, optional

    Examples
    --------
    >>> import cnnlite
    >>> from cnnlite import layers
    >>> model = cnnlite.Sequential([cnnlite.Input((2,)), layers.Dense(3)])
    >>> model.count_params()
    9
    """

    def __init__(self, layers: Sequence[Any] | None = None, name: str | None = None) -> None:
        Trainer.__init__(self)
        self.name = unique_name("sequential") if name is None else name
        self._lists = (False, False)
        self._graph: Graph | None = None
        self._stack: list[Any] = []
        self._input: SymbolicTensor | None = None
        _models.add(self)
        for layer in layers or []:
            self.add(layer)

    def add(self, layer: Any) -> None:
        """Put a layer (or a model, or first an ``Input``) on top of the stack."""
        if isinstance(layer, SymbolicTensor):
            if self._stack or self._input is not None:
                raise ValueError(f"{self.name}: an Input can only come first.")
            self._input = layer
            return
        if not isinstance(layer, Layer | Model):
            raise TypeError(f"{self.name}: not a layer. Got {layer!r}.")
        before = self._input
        self._stack.append(layer)
        sample = getattr(layer, "sample_shape", None)
        if len(self._stack) == 1 and self._input is None and sample is not None:
            self._input = Input(sample, dtype=getattr(layer, "dtype", None))
        try:
            self._rebuild()
        except BaseException:  # the layer does not fit: leave the model as it was
            self._stack.pop()
            self._input = before
            self._rebuild()
            raise

    def pop(self) -> Any:
        """Take the topmost layer away and return it."""
        if not self._stack:
            raise ValueError(f"{self.name}: there is no layer to pop.")
        layer = self._stack.pop()
        self._rebuild()
        return layer

    def _rebuild(self) -> None:
        self._forget_plans()
        self._metrics = None  # "accuracy" depends on the last layer
        self._graph = None
        if self._input is None or not self._stack:
            return
        tensor = self._input
        for layer in self._stack:
            tensor = layer(tensor)
        self._graph = Graph([self._input], [tensor])

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Build for inputs of this shape, batch first."""
        shape = tuple(input_shape)
        if self._input is None:
            if len(shape) < 1 or any(n is None for n in shape[1:]):
                raise ShapeError(
                    f"{self.name}: build needs (batch, sizes...). Got {input_shape!r}."
                )
            dtype = getattr(self._stack[0], "dtype", None) if self._stack else None
            self._input = Input(shape[1:], dtype=dtype)
            self._rebuild()

    def _build_for(self, shapes: list[tuple]) -> None:
        if self._graph is None:
            if not self._stack:
                raise ValueError(f"{self.name}: the model has no layers. Add one.")
            self.build(shapes[0])

    @property
    def layers(self) -> list[Any]:
        return list(self._stack)

    @property
    def weights(self) -> list[Any]:
        return self._each("weights")

    @property
    def trainable_weights(self) -> list[Any]:
        return self._each("trainable_weights")

    @property
    def non_trainable_weights(self) -> list[Any]:
        return self._each("non_trainable_weights")

    def _each(self, kind: str) -> list[Any]:
        """Return the parameters of all layers, each once though its layer be there twice."""
        found = {id(p): p for layer in self._stack for p in getattr(layer, kind)}
        return list(found.values())
