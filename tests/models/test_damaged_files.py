"""Model files that are damaged, foreign or hostile."""

from __future__ import annotations

import json
import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from cnnlite.errors import FileFormatError
from cnnlite.models import load_model, saving
from tests.models.network import LABELS
from tests.models.saved import SMALL_X, small
from tests.weights import bits


@pytest.fixture(scope="module")
def good() -> bytes:
    return saving.to_bytes(small())


def test_truncation_at_every_97th_byte(good: bytes, path: Path):
    """Any prefix of a file is refused, by name; weights are not touched."""
    model = small()
    before = bits(model)
    for length in range(0, len(good), 97):
        path.write_bytes(good[:length])
        with pytest.raises(FileFormatError, match=r"model\.safetensors"):
            load_model(path)
        with pytest.raises(FileFormatError, match=r"model\.safetensors"):
            model.load_weights(path)
    path.write_bytes(good + b"\0")
    with pytest.raises(FileFormatError):
        load_model(path)
    assert bits(model) == before


@pytest.mark.parametrize(
    "data",
    [
        save_tensors({"w": np.zeros(3, "float32")}),
        save_tensors({"w": np.zeros(3, "float32")}, {"cnnlite": "{}"}),
        save_tensors({"w": np.zeros(3, "float32")}, {"cnnlite": "[1, 2]"}),
        save_tensors({"w": np.zeros(3, "float32")}, {"cnnlite": "no JSON"}),
        save_tensors({}, {"cnnlite": '{"format": "other", "version": 1}'}),
        b"PK\x03\x04" + bytes(100),
        b"\x89HDF\r\n\x1a\n" + bytes(100),
        pickle.dumps({"a": 1}),
        bytes(8),
        (2**63).to_bytes(8, "little") + b"{}",
        (10).to_bytes(8, "little") + b"[[[[[[[[[[",
    ],
)
def test_foreign_files(data: bytes, path: Path):
    """Other tools' files: refused, with what to do."""
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match=r"model\.safetensors") as error:
        load_model(path)
    assert len(str(error.value)) < 500
    with pytest.raises(FileFormatError, match=r"model\.safetensors"):
        small().load_weights(path)


def test_random_byte_flips(good: bytes):
    """A flipped byte gives a FileFormatError or a model of the same shapes, nothing else."""
    shapes = [w.shape for w in small().weights]
    rng = np.random.default_rng(0)
    header = 8 + int.from_bytes(good[:8], "little")
    refused = 0
    for i in range(1500):
        damaged = bytearray(good)
        for place in rng.integers(0, header if i % 5 else len(good), 1 + i % 3):
            damaged[place] = rng.integers(0, 256) if i % 2 else damaged[place] ^ (1 << (i % 8))
        try:
            model = saving.from_bytes(bytes(damaged))
        except FileFormatError:
            refused += 1
            continue
        assert [w.shape for w in model.weights] == shapes
        assert model.predict(SMALL_X, verbose=0).shape == (12, 3)
    assert 200 < refused < 1500


def tampered(good: bytes, change: Callable[[dict], None]) -> bytes:
    """Return the file with its description changed."""
    length = int.from_bytes(good[:8], "little")
    description = json.loads(json.loads(good[8 : 8 + length])["__metadata__"]["cnnlite"])
    change(description)
    return save_tensors(load_tensors(good), {"cnnlite": json.dumps(description)})


def layer(d: dict, index: int = 0) -> dict:
    return d["architecture"]["layers"][index]


def rate(d: dict, value: float) -> None:
    d["compile"]["optimizer"]["config"]["learning_rate"] = value


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


LIES: list[tuple[str, Callable[[dict], Any]]] = [
    ("units", lambda d: layer(d)["config"].update(units=10**12)),
    ("units by one", lambda d: layer(d)["config"].update(units=5)),
    ("units text", lambda d: layer(d)["config"].update(units="4")),
    ("units list", lambda d: layer(d)["config"].update(units=[4])),
    ("class Layer", lambda d: layer(d).update(class_name="Layer")),
    ("class Input", lambda d: layer(d).update(class_name="Input")),
    ("class os.system", lambda d: layer(d).update(class_name="os.system")),
    ("class dunder", lambda d: layer(d).update(class_name="__builtins__")),
    ("class number", lambda d: layer(d).update(class_name=3)),
    ("class list", lambda d: layer(d).update(class_name=["Dense"])),
    ("other class", lambda d: layer(d).update(class_name="Conv2D")),
    ("argument", lambda d: layer(d)["config"].update(evil=1)),
    ("name", lambda d: layer(d)["config"].update(name={"a": 1})),
    ("dtype", lambda d: layer(d)["config"].update(dtype="float64")),
    ("no config", lambda d: layer(d).pop("config")),
    ("activation", lambda d: layer(d)["config"].update(activation="os.system")),
    (
        "initializer",
        lambda d: layer(d)["config"].update(kernel_initializer={"class_name": "eval"}),
    ),
    ("rate", lambda d: layer(d, 1)["config"].update(rate=7)),
    ("seed of a layer", lambda d: layer(d, 1)["config"].update(seed="x")),
    ("more layers", lambda d: d["architecture"]["layers"].append(layer(d))),
    ("fewer layers", lambda d: d["architecture"]["layers"].pop()),
    ("no layers", lambda d: d["architecture"].update(layers=[])),
    ("layers null", lambda d: d["architecture"].update(layers=None)),
    ("input shape", lambda d: d["architecture"]["inputs"][0].update(shape=[10**15])),
    ("input shape sign", lambda d: d["architecture"]["inputs"][0].update(shape=[-2])),
    ("input shape text", lambda d: d["architecture"]["inputs"][0].update(shape="2")),
    ("two inputs", lambda d: d["architecture"]["inputs"].append(d["architecture"]["inputs"][0])),
    ("class of the model", lambda d: d["architecture"].update(class_name="Functional", nodes=5)),
    ("deep", lambda d: layer(d)["config"].update(units=nested(900))),
    ("version 999", lambda d: d.update(version=999)),
    ("version text", lambda d: d.update(version="1")),
    ("version null", lambda d: d.update(version=None)),
    ("format", lambda d: d.update(format="keras")),
    ("seed", lambda d: d.update(seed=-1)),
    ("seed text", lambda d: d.update(seed="a")),
    ("step", lambda d: d.update(step=2**70)),
    ("built", lambda d: d.update(built=False)),
    ("optimizer", lambda d: d["compile"].update(optimizer={"class_name": "eval", "config": {}})),
    ("optimizer null", lambda d: d["compile"].update(optimizer=None)),
    ("rate NaN", lambda d: rate(d, float("nan"))),
    ("fewer slots", lambda d: d["compile"].update(optimizer={"class_name": "SGD", "config": {}})),
    ("loss", lambda d: d["compile"].update(loss={"class_name": "os.system", "config": {}})),
    ("loss number", lambda d: d["compile"].update(loss=3)),
    ("metrics", lambda d: d["compile"].update(metrics=[{"class_name": "eval", "config": {}}])),
    ("metrics type", lambda d: d["compile"].update(metrics=[3])),
    ("iterations", lambda d: d["compile"].update(iterations=2**80)),
    ("iterations sign", lambda d: d["compile"].update(iterations=-5)),
    ("compile", lambda d: d.update(compile=[1])),
    ("architecture", lambda d: d.update(architecture=None)),
    ("no architecture", lambda d: d.pop("architecture")),
]  # fmt: skip


@pytest.mark.parametrize(("change"), [c for _, c in LIES], ids=[name for name, _ in LIES])
def test_a_description_that_lies(good: bytes, change: Callable[[dict], Any], path: Path):
    """Refused by name, without a large allocation and without calling what it names."""
    path.write_bytes(tampered(good, change))
    tracemalloc.start()
    try:
        with pytest.raises(FileFormatError, match=r"model\.safetensors"):
            load_model(path)
        assert tracemalloc.get_traced_memory()[1] < 20 * len(good) + 2**20
    finally:
        tracemalloc.stop()


def test_json_nested_too_deep_for_python(good: bytes, path: Path):
    """A hundred thousand brackets are refused, not a crash of the interpreter."""
    for text in ("[" * 100_000 + "]" * 100_000, '{"format":' * 100_000 + "1" + "}" * 100_000):
        path.write_bytes(save_tensors({}, {"cnnlite": text}))
        with pytest.raises(FileFormatError):
            load_model(path)


def test_an_untouched_description_loads(good: bytes):
    """The tampering itself changes nothing else: without a lie the file is whole."""
    assert bits(saving.from_bytes(tampered(good, lambda d: None))) == bits(small())


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.update({"model/9/x": np.zeros(2, "float32")}),
        lambda t: t.pop("model/0/dense/kernel", None) or t.pop(sorted(t)[0]),
        lambda t: t.update({"model/x/y": np.zeros(2, "float32")}),
        lambda t: t.update({sorted(t)[0]: np.zeros((2, 4), "float64")}),
        lambda t: t.update({sorted(t)[0]: np.zeros((4, 2), "float32")}),
        lambda t: t.update({"optimizer/extra/0": np.zeros(2, "float32")}),
        lambda t: t.pop("optimizer/momentum/0"),
        lambda t: t.update({"optimizer/momentum/0": np.zeros((2, 5), "float32")}),
    ],
)
def test_tensors_that_do_not_fit_the_description(good: bytes, change: Any, path: Path):
    """Missing, surplus, misnamed and misshapen tensors are refused."""
    length = int.from_bytes(good[:8], "little")
    metadata = json.loads(good[8 : 8 + length])["__metadata__"]
    tensors = dict(load_tensors(good))
    change(tensors)
    path.write_bytes(save_tensors(tensors, metadata))
    with pytest.raises(FileFormatError, match=r"model\.safetensors"):
        load_model(path)


def test_weights_from_a_file_belong_to_the_model(good: bytes):
    """Loaded weights are writable arrays of their own, not views of the file's bytes."""
    data = bytes(good)
    model = saving.from_bytes(data)
    assert all(w.value.flags.owndata and w.value.flags.writeable for w in model.weights)
    model.fit(SMALL_X, LABELS, verbose=0)
    assert data == good
