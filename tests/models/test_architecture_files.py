"""Functional architectures in files: those of before nested models, and hostile ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from cnnlite import Input, Model, Sequential, layers, load_model
from cnnlite.errors import FileFormatError
from cnnlite.models import saving


def model() -> Model:
    x = Input((2,), name="x")
    inner = Sequential([Input((2,)), layers.Dense(2, name="a")], name="inner")
    return Model(x, layers.Dense(3, name="b")(inner(layers.ReLU(name="r")(inner(x)))))


def write(path: Path, built: Model, change: Callable[[Any], Any]) -> None:
    """Write a model file with its architecture changed."""
    data = saving.to_bytes(built)
    length = int.from_bytes(data[:8], "little")
    description = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["cnnlite"])
    change(description["architecture"])
    path.write_bytes(save_tensors(load_tensors(data), {"cnnlite": json.dumps(description)}))


def flat(d: dict[str, Any]) -> None:
    """Describe the model as files of version 2 did that listed nested models' layers."""
    dense = d["layers"][0]["model"]["layers"][0]
    d["layers"][0] = dense
    for node in d["nodes"]:
        node.update(listed=False, arguments={})
    d["inputs"][0]["name"] = None


def test_a_flat_description_loads(tmp_path: Path):
    """The weights stand in the order of the calls in both."""
    path = tmp_path / "m.safetensors"
    built = model()
    write(path, built, flat)
    loaded = load_model(path)
    x = np.random.default_rng(0).normal(size=(4, 2))
    assert loaded.predict(x, verbose=0).tobytes() == built.predict(x, verbose=0).tobytes()
    assert [layer.name for layer in loaded.layers][1:] == ["a", "r", "b"]


def deep(d: dict[str, Any]) -> None:
    entry = d["layers"][0]
    for _ in range(120):
        entry = {"model": {**d, "layers": [entry]}}
    d["layers"][0] = entry


LIES: list[tuple[str, Callable[[Any], Any]]] = [
    ("node of the future", lambda d: d["nodes"][0].update(inputs=[["node", 2, 0]])),
    ("negative node", lambda d: d["nodes"][2].update(inputs=[["node", -1, 0]])),
    ("output of a node", lambda d: d["nodes"][1].update(inputs=[["node", 0, 1]])),
    ("short place", lambda d: d["nodes"][1].update(inputs=[["node", 0]])),
    ("negative layer", lambda d: d["nodes"][0].update(layer=-1)),
    ("layer that is not there", lambda d: d["nodes"][0].update(layer=9)),
    ("layer of text", lambda d: d["nodes"][0].update(layer="0")),
    ("nodes", lambda d: d.update(nodes=5)),
    ("no outputs", lambda d: d.update(outputs=[])),
    ("shared of the future", lambda d: d["layers"].__setitem__(1, {"shared": 5})),
    ("shared negative", lambda d: d["layers"].__setitem__(1, {"shared": -1})),
    ("model of nothing", lambda d: d["layers"][0].update(model=None)),
    ("model in itself", deep),
    ("more inputs than the model has", lambda d: d["nodes"][0]["inputs"].append(["input", 0])),
    ("fewer layers inside", lambda d: d["layers"][0]["model"].update(layers=[])),
    ("more layers inside", lambda d: d["layers"][0]["model"]["layers"].append(d["layers"][2])),
]


@pytest.mark.parametrize("lie", [lie for _, lie in LIES], ids=[name for name, _ in LIES])
def test_lies_are_refused(lie: Callable[[Any], Any], tmp_path: Path):
    path = tmp_path / "m.safetensors"
    write(path, model(), lie)
    with pytest.raises(FileFormatError, match=r"m\.safetensors"):
        load_model(path)


def test_a_layer_in_two_nested_models_stays_one(tmp_path: Path):
    """It is described once; so are its weights."""
    dense = layers.Dense(2, name="d")
    one = Sequential([Input((2,)), dense], name="one")
    two = Sequential([Input((2,)), layers.ReLU(), dense], name="two")
    x = Input((2,))
    built = Model(x, layers.Add()([one(x), two(x), dense(x)]))
    built.save(tmp_path / "m.safetensors")
    loaded = load_model(tmp_path / "m.safetensors")
    assert loaded.count_params() == built.count_params() == 6
    assert loaded.get_layer("one").layers[0] is loaded.get_layer("two").layers[1]
    given = np.random.default_rng(0).normal(size=(4, 2))
    assert loaded.predict(given, verbose=0).tobytes() == built.predict(given, verbose=0).tobytes()


def test_an_output_of_a_nested_model_may_go_unused(tmp_path: Path):
    """Its weights belong to the model all the same, as in Keras."""
    i, j = Input((2,)), Input((2,))
    inner = Model([i, j], [layers.Dense(2, name="p")(i), layers.Dense(2, name="q")(j)])
    x = Input((2,))
    h = layers.Dense(2, name="h")(x)
    built = Model(x, layers.Dense(1, name="o")(inner([x, h])[0]))
    assert built.count_params() == 6 * 3 + 3
    built.save(tmp_path / "m.safetensors")
    loaded = load_model(tmp_path / "m.safetensors")
    assert [w.name for w in loaded.weights] == [w.name for w in built.weights]
    for a, b in zip(loaded.get_weights(), built.get_weights(), strict=True):
        assert (a == b).all()
    given = np.random.default_rng(0).normal(size=(4, 2))
    assert loaded.predict(given, verbose=0).tobytes() == built.predict(given, verbose=0).tobytes()
