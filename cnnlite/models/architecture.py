"""A model's architecture as JSON-ready data, and a model from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cnnlite.layers.base import Layer
from cnnlite.layers.configuration import deserialize
from cnnlite.layers.symbolic import Input, Node, SymbolicTensor
from cnnlite.models.structure import Structure, flatten
from cnnlite.serialization import custom_object_scope, serialize

if TYPE_CHECKING:
    from cnnlite.models.model import Model


def graph_config(model: Model) -> dict[str, Any]:
    """Return a model's architecture as JSON-ready data."""
    if not model.built:
        layers = [_layer_config(layer) for layer in _stack_of(model)]
        return {"class_name": "Sequential", "name": model.name, "inputs": [], "layers": layers}
    graph = model.graph
    number = {id(layer): i for i, layer in enumerate(graph.layers)}
    places: dict[int, list[Any]] = {id(t): ["input", i] for i, t in enumerate(graph.inputs)}
    for i, node in enumerate(graph.nodes):
        places |= {id(t): ["node", i, j] for j, t in enumerate(node.outputs)}
    sequential = getattr(model, "_stack", None) == graph.layers
    return {
        "class_name": "Sequential" if sequential else "Functional",
        "name": model.name,
        "inputs": [
            {"shape": list(t.shape[1:]), "batch_size": t.shape[0], "dtype": t.dtype, "name": t.name}
            for t in graph.inputs
        ],
        "layers": [_layer_config(layer) for layer in graph.layers],
        "nodes": [_node_config(node, number, places) for node in graph.nodes],
        "outputs": [places[id(t)] for t in graph.outputs],
        "structures": [s.config for s in model._structures],
    }


def _stack_of(model: Model) -> list[Layer]:
    """Return the layers of a Sequential that has not seen data."""
    stack = getattr(model, "_stack", None)
    if stack is None:
        return model.graph.layers  # raises: a subclassed model has no graph yet
    return stack


def _layer_config(layer: Layer) -> dict[str, Any]:
    return {"class_name": type(layer).__name__, "config": layer.get_config()}


def _node_config(node: Node, number: dict[int, int], places: dict[int, list[Any]]) -> Any:
    return {
        "layer": number[id(node.layer)],
        "inputs": [places[id(t)] for t in node.inputs],
        "listed": node.listed,
        "training": node.training,
        "arguments": serialize(node.arguments),
    }


def build(
    config: Mapping[str, Any],
    make: Callable[[Any], Layer] = deserialize,
    inputs: list[SymbolicTensor] | None = None,
) -> Model:
    """Return the model of an architecture; every lookup that fails raises.

    Parameters
    ----------
    config : dict
        From :func:`graph_config`.
    make : function
        Returns the layer of a layer's configuration.
    inputs : list of SymbolicTensor, optional
        What the model begins with; default: new ones.
    """
    from cnnlite.models.model import Model
    from cnnlite.models.sequential import Sequential

    if not isinstance(config, Mapping) or not {"class_name", "inputs", "layers"} <= config.keys():
        raise ValueError(
            "no architecture of a model: it needs class_name, inputs and layers. "
            f"Got {config!r:.80}. Pass what model.get_config() or to_json() returned."
        )
    if inputs is None:
        described = config["inputs"]
        inputs = [Input(i["shape"], i["batch_size"], i["dtype"], i["name"]) for i in described]
    layers = [make(c) for c in config["layers"]]
    if config["class_name"] == "Sequential":
        return Sequential([*inputs, *layers], name=config["name"])
    made: list[Node] = []

    def tensor(place: list[Any]) -> SymbolicTensor:
        kind, *numbers = place
        if not all(isinstance(n, int) and n >= 0 for n in numbers):
            raise ValueError(f"no tensor {place}")
        if kind == "input":
            return inputs[numbers[0]]
        return made[numbers[0]].outputs[numbers[1]]

    for node in config["nodes"]:
        xs = [tensor(t) for t in node["inputs"]]
        layer = layers[node["layer"]]
        given = xs if node["listed"] else xs[0]
        y = Layer.__call__(layer, given, training=node["training"], **node["arguments"])
        found = (y[0] if isinstance(y, list) else y).node
        assert found is not None
        made.append(found)
    ends = [tensor(t) for t in config["outputs"]]
    forms = [Structure.from_config(c) for c in config["structures"]]
    return Model(forms[0].pack(inputs), forms[1].pack(ends), config["name"])


def model_from_json(json_string: str, custom_objects: dict[str, type] | None = None) -> Model:
    """Return a new model of the architecture that ``model.to_json()`` wrote.

    Parameters
    ----------
    json_string : str
    custom_objects : dict of str to class, optional

    Examples
    --------
    >>> import cnnlite
    >>> model = cnnlite.Sequential([cnnlite.Input((2,)), cnnlite.layers.Dense(1)])
    >>> model_from_json(model.to_json()).count_params()
    3
    """
    try:
        config = json.loads(json_string)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"model_from_json: no JSON text: {error}. Pass what model.to_json() returned."
        ) from None
    with custom_object_scope(custom_objects):
        return build(config)


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
) -> Model:
    """Return a model of the same architecture with new layers and fresh weights.

    Parameters
    ----------
    model : Model
    input_tensors : SymbolicTensor, or list or dict of them, optional
        What the clone begins with; default: new Inputs.
    clone_function : function of a layer, optional
        Returns the layer to take its place; default: a new one of its configuration.

    Examples
    --------
    >>> import cnnlite
    >>> model = cnnlite.Sequential([cnnlite.Input((2,)), cnnlite.layers.Dense(1)])
    >>> clone_model(model).layers[0] is model.layers[0]
    False
    """
    if not hasattr(type(model), "graph"):
        raise TypeError(f"clone_model: not a model. Got {model!r}. Pass a Model or Sequential.")
    originals = model.graph.layers if model.built else _stack_of(model)
    left = iter(originals)

    def make(config: Any) -> Layer:
        layer = next(left)
        return layer.__class__.from_config(config["config"]) if clone is None else clone(layer)

    clone = clone_function
    classes = {type(layer).__name__: type(layer) for layer in with_sublayers(originals)}
    with custom_object_scope(classes):
        inputs = None if input_tensors is None else flatten(input_tensors)
        return build(graph_config(model), make, inputs)


def with_sublayers(layers: list[Layer]) -> list[Layer]:
    """Return layers and those inside them, however deep."""
    return [found for layer in layers for found in (layer, *with_sublayers(layer.sublayers))]
