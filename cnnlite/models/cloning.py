"""clone_model: the same calls, of other layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnnlite.layers.base import Layer
from cnnlite.layers.configuration import remade
from cnnlite.layers.input_layer import Input
from cnnlite.layers.symbolic import Node, SymbolicTensor
from cnnlite.models import units
from cnnlite.models.architecture import recall, stack_of
from cnnlite.models.model import Model
from cnnlite.models.sequential import Sequential
from cnnlite.models.structure import flatten


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    recursive: bool = False,
) -> Model:
    """Return a model of the same architecture with new layers and fresh weights.

    Parameters
    ----------
    model : Model
    input_tensors : SymbolicTensor, or list or dict of them, optional
        The Inputs that the clone begins with; default: new ones.
    clone_function : function of a layer, optional
        Returns the layer to take its place; default: a new one of its configuration.  It
        is not asked for InputLayers, and for a nested model it is asked once, as for a layer.
    recursive : bool
        Ask ``clone_function`` for the layers of nested models instead.

    Examples
    --------
    >>> import cnnlite
    >>> model = cnnlite.Sequential([cnnlite.Input((2,)), cnnlite.layers.Dense(1)])
    >>> clone_model(model).layers[0] is model.layers[0]
    False
    """
    if not isinstance(model, Model):
        raise TypeError(f"clone_model: not a model. Got {model!r}. Pass a Model or Sequential.")
    if clone_function is not None and not callable(clone_function):
        raise TypeError(
            f"clone_model: clone_function must be a function of a layer. Got {clone_function!r}."
        )
    inputs = None if input_tensors is None else _given_inputs(model, input_tensors)
    return _Clones(clone_function, recursive).model(model, inputs)


def _given_inputs(model: Model, given: Any) -> list[SymbolicTensor]:
    """Return the tensors for a model's inputs in their order, or raise."""
    where = "clone_model: input_tensors"
    tensors = flatten(given)
    for tensor in tensors:
        if not isinstance(tensor, SymbolicTensor):
            raise TypeError(
                f"{where} must be symbolic tensors. Got {tensor!r}. "
                "Begin with cnnlite.Input(shape)."
            )
    return model._in_order(given, where) if model.built else tensors


class _Clones:
    """The clones made so far, so that a shared layer has one."""

    def __init__(self, function: Callable[[Any], Any] | None, recursive: bool) -> None:
        self.function, self.recursive = function, recursive
        self._made: dict[int, Any] = {}

    def of(self, layer: Any) -> Any:
        """Return the clone of a layer or nested model."""
        if id(layer) not in self._made:
            self._made[id(layer)] = self._new(layer)
        return self._made[id(layer)]

    def _new(self, layer: Any) -> Any:
        nested = isinstance(layer, Model)
        if self.function is not None and not (nested and self.recursive):
            clone = self.function(layer)
            if not isinstance(clone, Layer | Model):
                raise TypeError(
                    f"clone_model: clone_function must return a layer. Got {clone!r} for {layer!r}."
                )
            return clone
        if nested:
            return self.model(layer)
        clone = remade(layer)
        clone.operator = layer.operator
        return clone

    def model(self, model: Model, inputs: list[SymbolicTensor] | None = None) -> Model:
        """Return a clone of a model."""
        if inputs is None:
            known = model.inputs if model.built else []
            inputs = [Input(t.shape[1:], t.shape[0], t.dtype, name=t.name) for t in known]
        stack = stack_of(model)
        if stack is not None:
            layers = [self.of(layer) for layer in stack]
            return Sequential([*inputs, *layers], model.trainable, model.name)
        values: dict[int, Any] = {id(t): x for t, x in zip(model.inputs, inputs, strict=True)}
        for call in units.calls(model.graph):
            xs = [values[id(t)] for t in call.inputs]
            listed, arguments = False, None
            if isinstance(call, Node):
                listed, arguments = call.listed, call.arguments
            made = recall(self.of(call.layer), xs, call.training, listed, arguments)
            for t, y in zip(call.outputs, made, strict=True):
                values.setdefault(id(t), y)
        ends = [values[id(t)] for t in model.outputs]
        forms = model._structures
        clone = Model._of_graph(forms[0].pack(inputs), forms[1].pack(ends), model.name)
        if not model.trainable:
            clone._trainable = False
        return clone
