"""Layers that consist of layers: a ``call`` without ctx is traced, and needs no ``backward``.

Such a ``call`` runs on symbolic tensors, once for each kind of input; what comes out is a
graph of layers, each with its own derivative.  It runs once for training and once for
inference where it asks for ``training``.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnlite import ops
from cnnlite.layers.base import Layer
from cnnlite.layers.context import Context, accepts
from cnnlite.layers.graph import Graph
from cnnlite.layers.no_values import OWN, SymbolicError
from cnnlite.layers.own import refusal
from cnnlite.layers.rnn_stacked import flat_sizes, flat_states, in_form
from cnnlite.layers.sublayers import refuse_changed
from cnnlite.layers.symbolic import CARRIED_MASK, Shape, SymbolicTensor


@dataclass
class Traced:
    """What one run of ``call`` on symbolic tensors left."""

    graph: Graph
    listed: bool  # called on a list
    several: bool  # returned a list
    training: bool | None  # what it was told; None: it does not ask
    arguments: dict[str, Any]  # as they were

    def serves(self, shapes: list[Shape], listed: bool, training: bool, arguments: Any) -> bool:
        """Return whether inputs of these shapes can run through the graph."""
        asked = self.training is None or self.training == training
        if not asked or self.listed != listed or not _equal(self.arguments, arguments):
            return False
        known = [t.shape for t in self.graph.inputs]
        return len(known) == len(shapes) and all(map(_fits, known, shapes))

    def output_shape(self, batch: int | None) -> Shape | list[Shape]:
        shapes = [(batch, *t.shape[1:]) for t in self.graph.outputs]
        return shapes if self.several else shapes[0]


def _kept(value: Any) -> Any:
    """Return an argument as it is now: what the user may change in place is copied."""
    if isinstance(value, dict):
        return {key: _kept(v) for key, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_kept, value))
    return value.copy() if isinstance(value, np.ndarray) else value


def _equal(a: Any, b: Any) -> bool:
    """Return whether two arguments are equal, arrays by their values."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return a is b or bool(a == b)


def _fits(known: Shape, shape: Shape) -> bool:
    """Return whether a shape is one that a symbolic tensor may stand for, the batch aside."""
    return len(known) == len(shape) and all(
        k is None or k == n for k, n in zip(known[1:], shape[1:], strict=True)
    )


def traced(
    layer: Layer, input_shape: Any, training: bool = False, arguments: dict[str, Any] | None = None
) -> Traced:
    """Return the graph for inputs of this shape, made on first use."""
    if "_built_with" in vars(layer):
        refuse_changed(layer, vars(layer)["_built_with"], layer.sublayers, "inside ")
    listed = isinstance(input_shape, list)
    shapes = [tuple(shape) for shape in (input_shape if listed else [input_shape])]
    if _is_cell(layer) and not listed:
        sizes = flat_sizes(layer.state_size, layer.name)  # type: ignore[attr-defined]
        shapes += [(shapes[0][0], size) for size in sizes]
        listed = True
    found: list[Traced] = vars(layer).setdefault("_traced", [])
    for one in found:
        if one.serves(shapes, listed, training, arguments or {}):
            return one
    made = _trace(layer, shapes, listed, training, arguments or {})
    found.append(made)
    return made


def build(layer: Layer, input_shape: Any, arguments: dict[str, Any] | None) -> None:
    """Trace ``call`` for training and inference: that builds the layers in it."""
    for training in (False, True):
        traced(layer, input_shape, training, arguments)
    vars(layer)["_built_with"] = frozenset(layer.sublayers)


def _is_cell(layer: Layer) -> bool:
    """Return whether ``call`` takes states beside the input, as the cell of an RNN does."""
    return hasattr(layer, "state_size") and len(_inputs_of_call(layer)) > 1


def _inputs_of_call(layer: Layer) -> list[str]:
    """Return the names of the arguments of ``call`` that must be given."""
    parameters = list(inspect.signature(type(layer).call).parameters.values())[1:]
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in kinds and p.default is p.empty]


def _trace(
    layer: Layer, shapes: list[Shape], listed: bool, training: bool, arguments: dict[str, Any]
) -> Traced:
    inputs = [SymbolicTensor(shape, layer.input_dtype or layer.dtype) for shape in shapes]
    asks = accepts(type(layer).call, "training")
    known: dict[str, Any] = {"training": training} if asks else {}
    if accepts(type(layer).call, "mask"):
        known["mask"] = CARRIED_MASK
    given: list[Any] = [inputs if listed else inputs[0]]
    if _is_cell(layer):
        given = [inputs[0], in_form(layer.state_size, inputs[1:])]  # type: ignore[attr-defined]
    where = f"{layer.name}: {type(layer).__name__}.call"
    missing = [n for n in _inputs_of_call(layer)[len(given) :] if n not in {**known, **arguments}]
    if missing:
        raise TypeError(
            f"{where} needs {', '.join(missing)} besides its first argument. "
            "Pass several tensors as a list: layer([a, b]), with call(self, inputs)."
        )
    kept = _kept(arguments)
    try:
        function: Any = layer.call
        y = function(*given, **known, **arguments)
    except SymbolicError as error:
        # The remedy is said once, below, with an example.
        why = str(error).replace(f"; or {OWN}", "").replace(f" {OWN},", " as below,")
        raise SymbolicError(refusal(where, type(layer).__name__, why)) from None
    outputs = flat_states(y)
    if not outputs or not all(isinstance(t, SymbolicTensor) for t in outputs):
        raise TypeError(
            f"{where} must return what its layers return, a tensor or a list of them. Got {y!r}."
        )
    graph = Graph(inputs, outputs)
    _check_weights(layer, graph, where)
    several = isinstance(y, list | tuple)
    return Traced(graph, listed, several, training if asks else None, kept)


def _check_weights(layer: Layer, graph: Graph, where: str) -> None:
    own = set(layer.weights)
    for inner in graph.layers:
        if not own.issuperset(inner.weights):
            raise ValueError(
                f"{where} uses {inner.name}, whose weights the layer does not keep. "
                f"Make it once, in __init__, as an attribute: self.{inner.name} = ..."
            )


def call_with_states(layer: Layer, x: Any, states: Any) -> Any:
    """Call a cell as Keras does, ``cell(inputs, states)``; return its output and new states."""
    if not hasattr(layer, "state_size"):
        second = getattr(states, "shape", None)
        raise TypeError(
            f"{layer.name}: a layer takes its tensors as one argument. Got a second one"
            f"{'' if second is None else f' of shape {second}'}. Pass a list: layer([a, b])."
        )
    output, *new = layer([x, *flat_states(states)])
    return output, in_form(layer.state_size, new)


# -- what Layer and Context do for such a layer


def output_shape(layer: Layer, input_shape: Any, arguments: dict[str, Any] | None = None) -> Any:
    """Return the shape of the output, or of several."""
    first = input_shape[0] if isinstance(input_shape, list) else input_shape
    return traced(layer, input_shape, False, arguments).output_shape(first[0])


def multiply_adds(layer: Layer, input_shape: Any) -> int:
    """Return the multiplications with a weight that one sample takes."""
    total = 0
    for node in traced(layer, input_shape).graph.nodes:
        shapes: list[Any] = [t.shape for t in node.inputs]
        total += node.layer.multiply_adds(shapes if node.listed else shapes[0])
    return total


def limit_inputs(layer: Layer, inputs: Sequence[SymbolicTensor], shape: Any) -> None:
    """Hand the range of numbers that an Embedding inside takes on to a model's inputs."""
    for tensor, inner in zip(inputs, traced(layer, shape).graph.inputs, strict=False):
        if tensor.node is None and inner.limit is not None:
            known = tensor.limit
            tensor.limit = inner.limit if known is None else min(known, inner.limit)


def call(
    ctx: Context, layer: Layer, x: Any, training: bool, mask: Any, arguments: dict[str, Any]
) -> Any:
    """Run the graph on arrays."""
    listed = isinstance(x, list | tuple)
    xs = list(x) if listed else [x]
    shapes: list[Any] = [t.shape for t in xs]
    one = traced(layer, shapes if listed else shapes[0], bool(training), arguments)
    masks = list(mask) if isinstance(mask, list | tuple) else [mask] * len(xs)
    made = one.graph.forward_inside(xs, masks, ctx, training)
    ctx.save(one, made, shapes)
    return made.outputs if one.several else made.outputs[0]


def mask(ctx: Context) -> Any:
    """Return the mask of the output that the last call left."""
    one, made, _ = ctx.saved
    return made.masks if one.several else made.masks[0]


def backward(ctx: Context, layer: Layer, dy: Any) -> Any:
    """Run the chain rule through the graph."""
    one, made, shapes = ctx.saved
    dys = list(dy) if one.several else [dy]
    dxs = one.graph.backward(dys, made.contexts, ctx.needs_dx)
    for weight in layer.trainable_weights:  # no gradient reached it: its derivative is 0
        gradient = ctx.grad(weight)
        if not gradient.accumulate:
            ops.full(weight.shape, 0.0, weight.dtype, out=gradient)
    if not ctx.needs_dx:
        return None
    dxs = [
        ops.full(shape, 0.0, layer.dtype) if d is None else d
        for d, shape in zip(dxs, shapes, strict=True)
    ]
    return dxs if one.listed else dxs[0]
