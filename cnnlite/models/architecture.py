"""A model's architecture as JSON-ready data, and a model from it.

The data list the layers in the order of their first call, each with its configuration (a
nested model with its own architecture), then the calls.  A layer that stands in two of
several nested models is described once; ``{"shared": n}`` elsewhere means the n-th of all
described, counted from 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cnnlite.layers.base import Layer
from cnnlite.layers.configuration import deserialize
from cnnlite.layers.graph import node_of
from cnnlite.layers.input_layer import Input
from cnnlite.layers.symbolic import ModelCall, Node, SymbolicTensor
from cnnlite.models import units
from cnnlite.models.structure import Structure
from cnnlite.serialization import custom_object_scope, serialize

if TYPE_CHECKING:
    from cnnlite.models.model import Model


def graph_config(model: Model) -> dict[str, Any]:
    """Return a model's architecture as JSON-ready data."""
    return _model_config(model, [])


def _model_config(model: Model, described: list[Any]) -> dict[str, Any]:
    """Return a model's architecture; ``described`` are the layers and models so far."""
    stack = stack_of(model)
    config: dict[str, Any] = {
        "class_name": "Functional" if stack is None else "Sequential",
        "name": model.name,
        "inputs": [],
    }
    if not model.trainable:
        config["trainable"] = False
    if stack is not None and not model.built:
        config["layers"] = [_entry(layer, described) for layer in stack]
        return config
    graph = model.graph
    config["inputs"] = [
        {"shape": list(t.shape[1:]), "batch_size": t.shape[0], "dtype": t.dtype, "name": t.name}
        for t in graph.inputs
    ]
    if stack is not None:
        config["layers"] = [_entry(layer, described) for layer in stack]
        return config
    listed = units.called(graph)
    config["layers"] = [_entry(layer, described) for layer in listed]
    number = {id(layer): i for i, layer in enumerate(listed)}
    places: dict[int, list[Any]] = {id(t): ["input", i] for i, t in enumerate(graph.inputs)}
    calls = units.calls(graph)
    for i, call in enumerate(calls):
        for j, t in enumerate(call.outputs):
            places.setdefault(id(t), ["node", i, j])
    config["nodes"] = [_call_config(call, number, places) for call in calls]
    config["outputs"] = [places[id(t)] for t in graph.outputs]
    config["structures"] = [s.config for s in model._structures]
    return config


def stack_of(model: Any) -> list[Any] | None:
    """Return the layers of a Sequential model, or None for another."""
    return getattr(model, "_stack", None)


def _entry(layer: Any, described: list[Any]) -> dict[str, Any]:
    """Return a layer's or nested model's entry, a reference if it has one already."""
    for number, other in enumerate(described):
        if other is layer:
            return {"shared": number}
    if isinstance(layer, Layer):
        entry: dict[str, Any] = {
            "class_name": type(layer).__name__,
            "config": layer.get_config(),
        }
        if layer.operator:
            entry["operator"] = True
    else:
        entry = {"model": _model_config(layer, described)}
    described.append(layer)
    return entry


def _call_config(
    call: Node | ModelCall, number: dict[int, int], places: dict[int, list[Any]]
) -> dict[str, Any]:
    found = {
        "layer": number[id(call.layer)],
        "inputs": [places[id(t)] for t in call.inputs],
        "training": call.training,
    }
    if isinstance(call, Node):
        found |= {"listed": call.listed, "arguments": serialize(call.arguments)}
    return found


def build(config: Mapping[str, Any]) -> Model:
    """Return the model of an architecture; every lookup that fails raises.

    Parameters
    ----------
    config : dict
        From :func:`graph_config`.
    """
    try:
        return _build(config, [])
    except (KeyError, IndexError, AttributeError) as error:
        raise ValueError(
            f"no architecture of a model: a part of it is missing or wrong. Got "
            f"{type(error).__name__}: {error}. Pass what model.get_config() or to_json() returned."
        ) from None


def _build(config: Mapping[str, Any], made: list[Any]) -> Model:
    """Return the model of an architecture; ``made`` are the layers and models so far.

    Weights are made in the order in which the model's ``_stored_weights`` lists them.
    """
    from cnnlite.models.model import Model
    from cnnlite.models.sequential import Sequential

    if not isinstance(config, Mapping) or not {"class_name", "inputs", "layers"} <= config.keys():
        raise ValueError(
            "no architecture of a model: it needs class_name, inputs and layers. "
            f"Got {config!r:.80}. Pass what model.get_config() or to_json() returned."
        )
    for key in ("inputs", "layers"):
        entries = config[key]
        if not isinstance(entries, list) or not all(isinstance(e, Mapping) for e in entries):
            raise ValueError(
                f"no architecture of a model: {key} must be a list of dicts. Got {entries!r:.80}."
            )
    inputs = [
        Input(i["shape"], i["batch_size"], i["dtype"], name=i["name"]) for i in config["inputs"]
    ]
    if config["class_name"] == "Sequential":
        stack = Sequential(inputs, name=config["name"])
        for entry in config["layers"]:
            stack.add(_make(entry, made))
        model: Model = stack
    else:
        ends = _connect(config, inputs, made)
        forms = [Structure.from_config(c) for c in config["structures"]]
        model = Model._of_graph(forms[0].pack(inputs), forms[1].pack(ends), config["name"])
    model._trainable = bool(config.get("trainable", True))  # the layers know of themselves
    return model


def _make(entry: Mapping[str, Any], made: list[Any]) -> Any:
    """Return the layer or nested model of an entry."""
    if "shared" in entry:
        return made[_number(entry["shared"])]
    layer = _build(entry["model"], made) if "model" in entry else deserialize(entry)
    if isinstance(layer, Layer) and entry.get("operator"):
        layer.operator = True
    made.append(layer)
    return layer


def _connect(
    config: Mapping[str, Any], inputs: list[SymbolicTensor], made: list[Any]
) -> list[SymbolicTensor]:
    """Make the layers and call them; return the outputs."""
    layers: list[Any] = []
    results: list[Any] = []

    def tensor(place: list[Any]) -> SymbolicTensor:
        kind, *numbers = place
        checked = [_number(n) for n in numbers]
        return inputs[checked[0]] if kind == "input" else results[checked[0]][checked[1]]

    def layer_at(number: int) -> Any:
        while len(layers) <= number:  # each at its first call, in their order
            layers.append(_make(config["layers"][len(layers)], made))
        return layers[number]

    for call in config["nodes"]:
        xs = [tensor(place) for place in call["inputs"]]
        layer = layer_at(_number(call["layer"]))
        results.append(
            recall(layer, xs, call["training"], call.get("listed"), call.get("arguments", {}))
        )
    return [tensor(place) for place in config["outputs"]]


def recall(
    layer: Any,
    xs: list[SymbolicTensor],
    training: Any = None,
    listed: bool | None = False,
    arguments: Mapping[str, Any] | None = None,
) -> list[Any]:
    """Call a layer or model on tensors as it was called before; return its outputs."""
    if not isinstance(layer, Layer):
        layer._build_for(xs if len(xs) > 1 else xs[0])
        return layer._inline(xs, training)
    y = Layer.__call__(layer, xs if listed else xs[0], training=training, **(arguments or {}))
    return list(node_of(y).outputs)


def _number(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"no number of a layer or tensor: {value!r}")
    return value


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


def with_sublayers(layers: list[Any]) -> list[Any]:
    """Return layers and models and those inside them, however deep."""
    return [found for layer in layers for found in (layer, *with_sublayers(layer.sublayers))]
