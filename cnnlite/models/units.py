"""A graph as its user made it: nested models in one piece, inputs among the layers."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from cnnlite.layers.base import Layer
from cnnlite.layers.graph import Graph
from cnnlite.layers.input_layer import InputLayer
from cnnlite.layers.symbolic import ModelCall, Node, SymbolicTensor

Unit = Node | ModelCall | InputLayer  # each has inputs and outputs


def unit_of(tensor: SymbolicTensor) -> Unit:
    """Return the call, or the InputLayer, that made a tensor of a graph."""
    node = tensor.node
    if node is None:
        return tensor.source
    return node.calls[0] if node.calls else node


def layer_of(unit: Unit) -> Any:
    """Return the layer or model that was called."""
    return unit if isinstance(unit, InputLayer) else unit.layer


def _once(function: Callable[[Graph], list[Any]]) -> Callable[[Graph], list[Any]]:
    """Decorator: remember what a function finds in a graph, which never changes."""
    known: WeakKeyDictionary[Graph, list[Any]] = WeakKeyDictionary()

    @functools.wraps(function)
    def found(graph: Graph) -> list[Any]:
        if graph not in known:
            known[graph] = function(graph)
        return list(known[graph])

    return found


def calls(graph: Graph) -> list[Node | ModelCall]:
    """Return the calls in an order in which each comes after those it needs."""
    return list(dict.fromkeys(n.calls[0] if n.calls else n for n in graph.nodes))


@_once
def called(graph: Graph) -> list[Any]:
    """Return the layers and models, each once, in the order of first use."""
    return list(dict.fromkeys(call.layer for call in calls(graph)))


@_once
def in_order(graph: Graph) -> list[Any]:
    """Return InputLayers, layers and models in Keras's order.

    A layer's depth is the largest number of calls from it to an output (for a layer that
    is called again, counted from its deepest call).  The deepest come first; of equal ones,
    those that a walk back from the outputs, depth first, meets first.
    """
    after, met = _walk(graph)
    depth: dict[int, int] = {}  # of a call
    depths: dict[int, int] = {}  # of a layer
    for unit in reversed(after):
        layer = layer_of(unit)
        mine = max(depth.get(id(unit), 0), depths.get(id(layer), 0))
        depth[id(unit)] = depths[id(layer)] = mine
        for tensor in unit.inputs:
            before = id(unit_of(tensor))
            depth[before] = max(depth.get(before, 0), mine + 1)
    unused = [t.source for t in graph.inputs if id(t.source) not in depths]
    by_depth: dict[int, list[Any]] = defaultdict(list)
    for layer in dict.fromkeys([*unused, *met]):
        by_depth[depths.get(id(layer), 0)].append(layer)
    return [layer for d in sorted(by_depth, reverse=True) for layer in by_depth[d]]


def _walk(graph: Graph) -> tuple[list[Unit], list[Any]]:
    """Walk back from the outputs: the calls after those they need; the layers as first met."""
    after: list[Unit] = []
    met: list[Any] = []
    seen: set[int] = set()
    stack: list[tuple[Unit, bool]] = [(unit_of(t), False) for t in reversed(graph.outputs)]
    while stack:
        unit, expanded = stack.pop()
        if expanded:
            after.append(unit)
        elif id(unit) not in seen:
            seen.add(id(unit))
            met.append(layer_of(unit))
            stack.append((unit, True))
            stack += [(unit_of(t), False) for t in reversed(unit.inputs)]
    return after, met


def output_names(graph: Graph) -> list[str]:
    """Return the names of the layers and models that make the outputs, each numbered if needed."""
    names: list[str] = []
    for tensor in graph.outputs:
        stem = layer_of(unit_of(tensor)).name
        name, count = stem, 0
        while name in names:
            count += 1
            name = f"{stem}_{count}"
        names.append(name)
    return names


def check_names(graph: Graph, where: str) -> None:
    """Raise if two layers of a model have one name.

    Raises
    ------
    ValueError
        Naming both.
    """
    found: dict[str, Any] = {}
    for layer in in_order(graph):
        other = found.setdefault(layer.name, layer)
        if other is not layer:
            raise ValueError(duplicate(where, other, layer))


def duplicate(where: str, first: Any, second: Any) -> str:
    """Return what to say of two layers of one name."""
    what = "layers"
    if isinstance(first, InputLayer) and isinstance(second, InputLayer):
        what = "inputs"
    return (
        f"{where}: two {what} are named {first.name!r}. Got {_told(first)} and {_told(second)}. "
        "Pass another name= to one of them."
    )


def _told(layer: Any) -> str:
    if isinstance(layer, InputLayer):
        return f"Input(batch_shape={layer.batch_shape}, name={layer.name!r})"
    return f"{type(layer).__name__}(name={layer.name!r})"


def is_operator(layer: Any) -> bool:
    """Return whether a layer came of ``a + b`` and the like: Keras lists none of them."""
    return isinstance(layer, Layer) and layer.operator
