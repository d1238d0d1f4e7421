"""Model files: one ``.safetensors`` file, and nothing that runs code.

The tensors are the weights (``model/<n>/<name>``) and the optimizer's slots
(``optimizer/<slot>/<n>``); the metadata hold one JSON text with the format
version, the architecture, the compile settings, step and seed.  A file is
written beside its target, flushed to disk and renamed over it.

A file is untrusted: the library checks the header against the file's length
before anything is allocated, the architecture may name cnnlite's own layers
alone, and a weight is never allocated but taken from the file, whose tensors must
have the shapes that the architecture asks for.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

import cnnlite.layers as layer_classes
from cnnlite import losses, metrics, optimizers
from cnnlite.errors import FileFormatError
from cnnlite.layers.base import Layer
from cnnlite.layers.symbolic import Input, SymbolicTensor
from cnnlite.shapes import is_int

if TYPE_CHECKING:
    from cnnlite.models.model import Model

FORMAT = "cnnlite-model"
VERSION = 1
SUFFIX = ".safetensors"

# -- architecture


def graph_config(model: Model) -> dict[str, Any]:
    """Return a model's architecture as JSON-ready data."""
    graph = model.graph
    number = {id(layer): i for i, layer in enumerate(graph.layers)}
    tensors = {id(t): ["input", i] for i, t in enumerate(graph.inputs)}
    tensors |= {id(node.output): ["node", i] for i, node in enumerate(graph.nodes)}
    sequential = getattr(model, "_stack", None) == graph.layers
    return {
        "class_name": "Sequential" if sequential else "Functional",
        "name": model.name,
        "inputs": [
            {"shape": list(t.shape[1:]), "dtype": t.dtype, "name": t.name} for t in graph.inputs
        ],
        "layers": [_layer_config(layer) for layer in graph.layers],
        "nodes": [
            {
                "layer": number[id(node.layer)],
                "inputs": [tensors[id(t)] for t in node.inputs],
                "listed": node.listed,
                "training": node.training,
            }
            for node in graph.nodes
        ],
        "outputs": [tensors[id(t)] for t in graph.outputs],
        "lists": list(model._lists),
    }


def _layer_config(layer: Layer) -> dict[str, Any]:
    name = type(layer).__name__
    if getattr(layer_classes, name, None) is not type(layer):
        raise ValueError(
            f"save: {layer.name} is of a class of your own ({name}), which a file cannot rebuild. "
            "Save its weights with save_weights(), and build the model in code."
        )
    return {"class_name": name, "config": layer.get_config()}


def _build(config: Mapping[str, Any]) -> Model:
    """Return the model of an architecture; every lookup that fails raises."""
    from cnnlite.models.model import Model
    from cnnlite.models.sequential import Sequential

    inputs = [Input(tuple(i["shape"]), dtype=i["dtype"], name=i["name"]) for i in config["inputs"]]
    layers = [_layer(c) for c in config["layers"]]
    if config["class_name"] == "Sequential":
        return Sequential([*inputs, *layers], name=config["name"])
    outputs: list[SymbolicTensor] = []

    def tensor(where: list[Any]) -> SymbolicTensor:
        kind, index = where
        if not isinstance(index, int) or index < 0:
            raise ValueError(f"no tensor {where}")
        return (inputs if kind == "input" else outputs)[index]

    for node in config["nodes"]:
        xs = [tensor(t) for t in node["inputs"]]
        layer = layers[node["layer"]]
        outputs.append(layer(xs if node["listed"] else xs[0], training=node["training"]))
    ends = [tensor(t) for t in config["outputs"]]
    several_in, several_out = config["lists"]
    return Model(
        inputs if several_in else inputs[0], ends if several_out else ends[0], config["name"]
    )


def _layer(config: Mapping[str, Any]) -> Layer:
    name = config["class_name"]
    if name not in layer_classes.__all__ or name in ("Input", "Layer"):
        raise ValueError(f"no layer of class {name!r}")
    return getattr(layer_classes, name).from_config(config["config"])


# -- bytes


def to_bytes(model: Model) -> bytes:
    """Return the whole model as the bytes of a model file."""
    with model._lock:
        description: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "architecture": graph_config(model) if model.built else _unbuilt_config(model),
            "built": model.built,
            "seed": model._clock.seed,
            "step": model._clock.step,
        }
        tensors = _weight_tensors(model) if model.built else {}
        if model.optimizer is not None:
            description["compile"] = _compile_config(model)
            tensors |= _slot_tensors(model)
        metadata = {"cnnlite": json.dumps(description)}
        return save_tensors(tensors, metadata)


def _unbuilt_config(model: Model) -> dict[str, Any]:
    layers = [_layer_config(layer) for layer in model.layers]
    return {"class_name": "Sequential", "name": model.name, "inputs": [], "layers": layers}


def _weight_tensors(model: Model) -> dict[str, np.ndarray]:
    return {f"model/{i}/{p.name}": p.value for i, p in enumerate(model.weights)}


def _slot_tensors(model: Model) -> dict[str, np.ndarray]:
    """Return the optimizer's slots; none if other weights train now, as they start anew then."""
    assert model.optimizer is not None
    trained = model.trainable_weights if model.built else []
    if [id(w) for w in trained] != [id(w) for w in model.optimizer.weights]:
        return {}
    slots = model.optimizer.variables.items()
    return {f"optimizer/{s}/{i}": p.value for s, arrays in slots for i, p in enumerate(arrays)}


def _compile_config(model: Model) -> dict[str, Any]:
    def described(thing: Any, module: Any) -> Any:
        if thing is None or isinstance(thing, str):
            return thing
        if isinstance(thing, type):
            thing = thing()
        name = type(thing).__name__
        if getattr(module, name, None) is not type(thing):
            raise ValueError(
                f"save: the model is compiled with a class of your own ({name}), which a file "
                "cannot rebuild. Save its weights with save_weights(), and compile it in code."
            )
        return {"class_name": name, "config": thing.get_config()}

    assert model.optimizer is not None
    return {
        "optimizer": described(model.optimizer, optimizers),
        "iterations": model.optimizer.iterations,
        "loss": described(model.loss, losses),
        "metrics": [described(m, metrics) for m in model._metric_names],
    }


def from_bytes(data: bytes, source: str = "model") -> Model:
    """Return the model whose file holds ``data``; ``source`` names it in errors."""
    description = _description(data, source)
    try:
        tensors = load_tensors(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise FileFormatError(f"{source}: damaged model file: {error}.") from None
    try:
        return _restore(description, tensors)
    except (FileFormatError, MemoryError):
        raise
    except Exception as error:
        raise FileFormatError(
            f"{source}: the file's description of the model does not hold: "
            f"{type(error).__name__}: {error}"
        ) from None


def _description(data: bytes, source: str) -> dict[str, Any]:
    """Return the JSON metadata of a model file, checked for format and version."""
    if len(data) < 8:
        raise FileFormatError(f"{source}: truncated: {len(data)} bytes, a header needs 8.")
    length = int.from_bytes(data[:8], "little")
    if length > len(data) - 8:
        raise FileFormatError(
            f"{source}: truncated, or no model file: its header should take {length} bytes, "
            f"the file has {len(data) - 8} after the length."
        )
    try:
        header = json.loads(data[8 : 8 + length])
        description = json.loads(header["__metadata__"]["cnnlite"])
        kind, version = description["format"], description["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise FileFormatError(
            f"{source}: not written by cnnlite: its metadata hold no model. "
            "For weights alone, build the model and call load_weights()."
        ) from None
    if kind != FORMAT:
        raise FileFormatError(f"{source}: not a model file. Got format {kind!r}.")
    if version != VERSION:
        raise FileFormatError(
            f"{source}: of format version {version!r}; this cnnlite reads version {VERSION}. "
            "Install the version of cnnlite that wrote it, or a newer one."
        )
    return description


class _FromFile:
    """Hands out a file's tensors in order, in place of fresh weights."""

    def __init__(self, tensors: dict[str, np.ndarray]) -> None:
        names = [n for n in tensors if n.startswith("model/")]
        self._left = sorted(names, key=lambda n: int(n.split("/")[1]))
        self._tensors = tensors

    def take(self, shape: tuple[int, ...], dtype: Any, name: str) -> np.ndarray:
        if not self._left:
            raise ValueError(f"the file has no tensor for {name} {shape}")
        key = self._left.pop(0)
        array = self._tensors[key]
        if array.shape != tuple(shape) or array.dtype != np.dtype(dtype):
            raise ValueError(
                f"tensor {key!r} is {array.shape} {array.dtype}, "
                f"the architecture asks for {tuple(shape)} {np.dtype(dtype)}"
            )
        return np.array(array)

    def finish(self) -> None:
        if self._left:
            raise ValueError(f"the file has {len(self._left)} tensors that no layer asks for")


def _restore(description: dict[str, Any], tensors: dict[str, np.ndarray]) -> Model:
    source = _FromFile(tensors)
    with Layer.weights_from(source.take):
        model = _build(description["architecture"])
        if model.built != description["built"]:
            raise ValueError("built and unbuilt disagree")
    source.finish()
    model._clock = type(model._clock)(_counter(description["seed"], 2**64))
    model._clock.step = _counter(description["step"], 2**64)
    settings = description.get("compile")
    if settings is not None:
        loss = settings["loss"]
        model.compile(
            optimizers.get(settings["optimizer"]),
            None if loss is None else losses.get(loss),
            settings["metrics"],
        )
        assert model.optimizer is not None
        model.optimizer.iterations = _counter(settings["iterations"], 2**63)
        if model.built and model.loss is not None and len(model.outputs) == 1:
            model._all_metrics()  # raises where one is unknown
        if model.built and any(name.startswith("optimizer/") for name in tensors):
            _restore_slots(model, tensors)
    return model


def _counter(value: Any, limit: int) -> int:
    if not is_int(value) or not 0 <= value < limit:
        raise ValueError(f"no number of steps or seed: {value!r}")
    return int(value)


def _restore_slots(model: Model, tensors: dict[str, np.ndarray]) -> None:
    assert model.optimizer is not None
    model.optimizer.build(model.trainable_weights)
    expected = set()
    for slot, arrays in model.optimizer.variables.items():
        for i, parameter in enumerate(arrays):
            expected.add(f"optimizer/{slot}/{i}")
            parameter.assign(tensors[f"optimizer/{slot}/{i}"])
    found = {name for name in tensors if name.startswith("optimizer/")}
    if found != expected:
        raise ValueError(f"the optimizer has no slots {sorted(found - expected)}")


# -- files


def save_model(model: Model, filepath: Any, overwrite: bool = True) -> None:
    """Write a model file; see :meth:`Model.save`."""
    write(filepath, to_bytes(model), overwrite)


def load_model(filepath: Any) -> Model:
    """Return the model saved in a file, compiled as it was, with its optimizer's state.

    Parameters
    ----------
    filepath : str or path

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is truncated, foreign, tampered with, or of another version.

    Examples
    --------
    >>> import cnnlite, os, tempfile
    >>> model = cnnlite.Sequential([cnnlite.Input((2,)), cnnlite.layers.Dense(1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "m.safetensors")
    ...     model.save(path)
    ...     cnnlite.load_model(path).count_params()
    3
    """
    return from_bytes(read(filepath), str(filepath))


def save_weights(model: Model, filepath: Any, overwrite: bool = True) -> None:
    """Write the weights alone; see :meth:`Model.save_weights`."""
    with model._lock:
        model.graph  # noqa: B018 (raises unless built)
        data = save_tensors(_weight_tensors(model), {"format": "cnnlite-weights"})
    write(filepath, data, overwrite)


def load_weights(model: Model, filepath: Any) -> None:
    """Read weights, from a weights file or a model file; see :meth:`Model.load_weights`."""
    model.graph  # noqa: B018 (raises unless built)
    data = read(filepath)
    try:
        tensors = load_tensors(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise FileFormatError(f"{filepath}: no file of weights: {error}.") from None
    try:
        names = [n for n in tensors if n.startswith("model/")]
        names.sort(key=lambda n: int(n.split("/")[1]))
    except (ValueError, IndexError):
        raise FileFormatError(f"{filepath}: its tensors are not named as cnnlite does.") from None
    if not names and model.weights:
        raise FileFormatError(f"{filepath}: holds no weights of a cnnlite model.")
    try:
        model.set_weights([tensors[n] for n in names])
    except ValueError as error:
        raise FileFormatError(f"{filepath}: weights of another architecture: {error}") from None


def read(filepath: Any) -> bytes:
    """Return a file's bytes, or raise an error that says what to do."""
    path = Path(filepath)
    if path.is_dir():
        raise FileFormatError(f"{path}: is a folder. Name the {SUFFIX} file in it.")
    if path.exists() and not path.is_file():  # a device or a pipe may have no end
        raise FileFormatError(f"{path}: is not a regular file. Name a {SUFFIX} file.")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file. Check the path.") from None


def write(filepath: Any, data: bytes, overwrite: bool) -> None:
    """Write a file so that a crash leaves the old one or the new one, never a half."""
    path = Path(filepath)
    if path.suffix != SUFFIX:
        raise ValueError(
            f"save: the name must end in {SUFFIX}. Got {str(path)!r}. Write {path.stem + SUFFIX!r}."
        )
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path}: exists. Pass overwrite=True to replace it.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {str(path.parent)!r}. Make it first.")
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(_mode(path))
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
    _sync_folder(path.parent)


def _mode(path: Path) -> int:
    """Return the permissions for a file: the old one's, else what the umask allows."""
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    """Make the rename last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
