"""Model files: round trips, refusals, damage, hostility, crashes."""

from __future__ import annotations

import copy
import json
import os
import pickle
import stat
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

import cnnlite
from cnnlite import Input, Model, Sequential, layers, losses, metrics, optimizers
from cnnlite.errors import FileFormatError
from cnnlite.models import load_model, saving
from tests.models.test_plans import LABELS, X, network

SMALL_X = X[:, 0, 0]
Y = np.eye(3)[LABELS]


def bits(model: Any) -> list[bytes]:
    return [w.tobytes() for w in model.get_weights()]


def small(**compiled: Any) -> Sequential:
    """Return a small compiled model that has made two steps."""
    cnnlite.set_random_seed(1)
    model = Sequential(
        [Input((2,)), layers.Dense(4, "relu"), layers.Dropout(0.2), layers.Dense(3, "softmax")]
    )
    model.compile(**{"optimizer": "adam", "loss": "sparse_categorical_crossentropy", **compiled})
    y = LABELS if model.loss.sparse else Y
    model.fit(SMALL_X, y, 6, verbose=0)
    return model


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


# ---- round trips


@pytest.mark.parametrize("way", ["file", "deepcopy", "pickle"])
def test_training_goes_on_as_if_it_had_never_stopped(path: Path, way: str):
    """After a round trip: equal predictions, and equal bits after more training."""
    whole, first = network(), network()
    whole.fit(X, LABELS, 5, epochs=2, verbose=0)
    first.fit(X, LABELS, 5, epochs=2, verbose=0)
    if way == "file":
        first.save(path)
        second: Any = load_model(path)
    else:
        second = copy.deepcopy(first) if way == "deepcopy" else pickle.loads(pickle.dumps(first))
    assert type(second) is Model and second.name == first.name
    assert bits(second) == bits(first)
    assert [w.name for w in second.weights] == [w.name for w in first.weights]
    assert second.predict(X, verbose=0).tobytes() == first.predict(X, verbose=0).tobytes()
    assert second.optimizer.iterations == 6
    a = whole.fit(X, LABELS, 5, epochs=2, verbose=0).history
    b = second.fit(X, LABELS, 5, epochs=2, verbose=0).history
    assert a == b and bits(second) == bits(whole)
    assert bits(first) != bits(whole)  # copies share nothing


@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.SGD(0.25),
        optimizers.SGD(0.1, momentum=0.9, nesterov=True, name="mine"),
        optimizers.Adam(0.01, beta_1=0.8, beta_2=0.99, epsilon=1e-5),
    ],
    ids=["sgd", "nesterov", "adam"],
)
def test_optimizers_and_slots(path: Path, optimizer: optimizers.Optimizer):
    """Class, arguments, the rate of the day, iterations and slots."""
    model = small(optimizer=optimizer)
    model.optimizer.learning_rate = 0.125
    model.save(path)
    other = load_model(path).optimizer
    assert type(other) is type(optimizer) and other.get_config() == optimizer.get_config()
    assert other.learning_rate == 0.125 and other.iterations == 2
    assert list(other.slots) == list(optimizer.slots)
    for slot, arrays in optimizer.slots.items():
        for a, b in zip(arrays, other.slots[slot], strict=True):
            assert a.numpy().tobytes() == b.numpy().tobytes() and a.numpy().any()


@pytest.mark.parametrize(
    ("loss", "metric", "y"),
    [
        ("mse", ["accuracy", "mse"], Y),
        (losses.CategoricalCrossentropy(from_logits=True), [metrics.CategoricalAccuracy()], Y),
        (
            losses.BinaryCrossentropy(name="bce"),
            [metrics.BinaryAccuracy("half", threshold=0.25)],
            Y,
        ),
        (losses.SparseCategoricalCrossentropy(), ["sparse_categorical_accuracy"], LABELS),
    ],
)
def test_compile_settings(path: Path, loss: Any, metric: Any, y: Any):
    """Losses and metrics with their arguments: evaluate gives the same numbers and names."""
    model = small(loss=loss, metrics=metric)
    model.save(path)
    other = load_model(path)
    found = [m.evaluate(SMALL_X, y, verbose=0, return_dict=True) for m in (model, other)]
    assert found[0] == found[1] and len(found[0]) == 1 + len(metric)


def test_models_in_every_state(path: Path):
    """Unbuilt, uncompiled, compiled but never trained, without a loss."""
    unbuilt = Sequential([layers.Flatten(), layers.Dense(3, name="only")], name="later")
    unbuilt.compile("adam", "mse")
    unbuilt.save(path)
    other = load_model(path)
    assert type(other) is Sequential and not other.built and other.name == "later"
    assert other.fit(SMALL_X, Y, verbose=0).history["loss"]
    assert other.layers[1].name == "only"
    plain = Sequential([Input((2,)), layers.Dense(3)])
    plain.save(path)
    assert load_model(path).optimizer is None and bits(load_model(path)) == bits(plain)
    plain.compile("sgd")
    plain.save(path)
    assert load_model(path).loss is None
    empty = Sequential()
    empty.save(path)
    assert load_model(path).layers == []


def test_structures(path: Path):
    """Shared layers, nested models, several inputs and outputs, frozen layers, float64."""
    a, b = Input((2,), name="left"), Input((2,))
    shared = layers.Dense(2, "tanh", trainable=False)
    inner = Sequential([layers.Dense(2), layers.Dropout(0.1, seed=3)])
    model = Model([a, b], [layers.Add()([shared(a), inner(shared(b))]), shared(shared(a))])
    model.save(path)
    other = load_model(path)
    assert other.count_params() == model.count_params() == 12
    assert [type(n.layer) for n in other.graph.nodes] == [type(n.layer) for n in model.graph.nodes]
    assert other.layers[0].trainable is False and other.inputs[0].name == "left"
    found = [m.predict([SMALL_X, SMALL_X + 1], verbose=0) for m in (model, other)]
    assert [y.tobytes() for y in found[0]] == [y.tobytes() for y in found[1]]
    twice = layers.Dense(2)
    stack = Sequential([Input((2,)), twice, layers.ReLU(), twice])
    stack.compile("adam", "mse")
    stack.fit(SMALL_X, SMALL_X, verbose=0)
    stack.save(path)
    assert bits(load_model(path)) == bits(stack)
    with cnnlite.using_backend("reference"):
        wide = Sequential([Input((2,), dtype="float64"), layers.Dense(3, dtype="float64")])
        wide.save(path)
        assert load_model(path).predict(SMALL_X, verbose=0).dtype == np.float64


def test_freezing_after_training_does_not_spoil_the_file(path: Path):
    """Slots of other weights than those that now train are left out, and loading works."""
    model = small()
    model.layers[0].trainable = False
    model.save(path)
    other = load_model(path)
    assert bits(other) == bits(model)
    frozen = bits(other)[:2]
    other.fit(SMALL_X, LABELS, verbose=0)
    assert bits(other)[:2] == frozen


def test_weights_alone(path: Path):
    """save_weights into another model of the architecture; a model file serves as well."""
    model, other = small(), small()
    other.set_weights([w * 0 for w in other.get_weights()])
    model.save_weights(path)
    other.load_weights(path)
    assert bits(other) == bits(model)
    other.set_weights([w * 0 for w in other.get_weights()])
    model.save(path)
    other.load_weights(path)
    assert bits(other) == bits(model)


# ---- refusals


class Mine(layers.ReLU):
    pass


def test_a_layer_of_the_user_s_comes_back_where_its_class_is_given(path: Path):
    """A file names classes; which they are, the loading program says."""
    model = Sequential([Input((2,)), Mine(name="m")])
    model.save(path)
    with pytest.raises(FileFormatError, match=r"no layer of class 'Mine'.*custom_objects"):
        load_model(path)
    assert type(load_model(path, custom_objects={"Mine": Mine}).layers[0]) is Mine
    assert type(copy.deepcopy(model).layers[0]) is Mine


def test_a_function_cannot_be_saved(path: Path):
    """Saving says so at once, instead of writing a file that cannot be loaded."""
    layer = layers.Dense(2, kernel_initializer=lambda s, d: np.ones(s))
    model = Sequential([Input((2,)), layer])
    with pytest.raises(ValueError, match=r"dense.*kernel_initializer.*cannot be saved"):
        model.save(path)
    assert not path.exists()
    model.save_weights(path)
    assert path.exists()


def test_where_a_file_may_go(tmp_path: Path, path: Path):
    """The suffix, the folder, overwrite=False."""
    model = small()
    for name in ("model.keras", "model", "model.safetensors.bak"):
        with pytest.raises(ValueError, match=r"end in \.safetensors"):
            model.save(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"no folder.*nowhere"):
        model.save(tmp_path / "nowhere" / "m.safetensors")
    model.save(path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save(path, overwrite=False)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save_weights(path, overwrite=False)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    cnnlite.save_model(model, str(path))
    assert bits(cnnlite.load_model(str(path))) == bits(model)


def test_files_that_are_not_there_or_no_files(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"gone\.safetensors"):
        load_model(tmp_path / "gone.safetensors")
    with pytest.raises(FileFormatError, match="folder"):
        load_model(tmp_path)
    if Path("/dev/zero").exists():
        with pytest.raises(FileFormatError, match="regular file"):
            load_model("/dev/zero")


def test_permissions_are_the_umask_s_or_the_old_file_s(path: Path):
    """A new file is as readable as any other; a replaced one keeps its mode."""
    model = small()
    old = os.umask(0o027)
    try:
        model.save(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    model.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


@pytest.mark.parametrize("step", ["os.fsync", "os.replace", "os.fdopen"])
def test_a_write_that_fails_leaves_the_old_file(
    step: str, path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Disk full, power cut, Ctrl-C: the old bytes stay, and nothing lies beside them."""
    model = small()
    model.save(path)
    before = path.read_bytes()
    model.fit(SMALL_X, LABELS, verbose=0)

    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(step, fail)
        if step == "os.replace":
            patched.setattr(Path, "replace", fail)
        with pytest.raises(OSError, match="no space"):
            model.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_weights_of_another_architecture(path: Path):
    """Refused as a whole: no weight changes."""
    small().save_weights(path)
    other = Sequential([Input((2,)), layers.Dense(4), layers.Dense(4)])
    before = bits(other)
    with pytest.raises(FileFormatError, match="another architecture"):
        other.load_weights(path)
    assert bits(other) == before
    unbuilt = Sequential([layers.Dense(4)])
    for call in (unbuilt.load_weights, unbuilt.save_weights):
        with pytest.raises(ValueError, match="not built"):
            call(path)


# ---- damage


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
    (
        "node of the future",
        lambda d: (
            d["architecture"].update(class_name="Functional"),
            d["architecture"]["nodes"][0].update(inputs=[["node", 2]]),
        ),
    ),
    (
        "negative node",
        lambda d: (
            d["architecture"].update(class_name="Functional"),
            d["architecture"]["nodes"][2].update(inputs=[["node", -1]]),
        ),
    ),
    (
        "negative layer",
        lambda d: (
            d["architecture"].update(class_name="Functional"),
            d["architecture"]["nodes"][0].update(layer=-1),
        ),
    ),
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
