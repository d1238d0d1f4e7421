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
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from cnnlite import metrics, optimizers, regularizers
from cnnlite.errors import FileFormatError
from cnnlite.layers.base import Layer
from cnnlite.layers.weights import assign_all
from cnnlite.models import architecture
from cnnlite.models.heads import as_loss
from cnnlite.models.structure import flatten
from cnnlite.serialization import custom_object_scope, serialize
from cnnlite.shapes import is_int

if TYPE_CHECKING:
    from cnnlite.models.model import Model

FORMAT = "cnnlite-model"
VERSION = 2  # 1 had models of one output alone
SUFFIX = ".safetensors"

# -- bytes


def to_bytes(model: Model) -> bytes:
    """Return the whole model as the bytes of a model file."""
    with model._lock:
        description: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "architecture": architecture.graph_config(model),
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


def _weight_tensors(model: Model) -> dict[str, np.ndarray]:
    return {f"model/{i}/{p.name}": p.value for i, p in enumerate(model._stored_weights)}


def _slot_tensors(model: Model) -> dict[str, np.ndarray]:
    """Return the optimizer's slots; none if other weights train now, as they start anew then."""
    assert model.optimizer is not None
    if not model.built or not model.optimizer.weights:
        return {}
    trained, _ = model._trained_weights()
    if [id(w) for w in trained] != [id(w) for w in model.optimizer.weights]:
        return {}
    slots = model.optimizer.slots.items()
    return {f"optimizer/{s}/{i}": p.value for s, arrays in slots for i, p in enumerate(arrays)}


def _compile_config(model: Model) -> dict[str, Any]:
    assert model.optimizer is not None
    settings = {name: _described(value) for name, value in model._settings.items()}
    penalties = [[_described(r), biases] for r, biases in model._penalties]
    return {
        "optimizer": _described(model.optimizer),
        "iterations": model.optimizer.iterations,
        "penalties": penalties,
        **settings,
    }


def _described(thing: Any) -> Any:
    """Return losses, metrics and the like, in any structure, as JSON-ready data."""
    return serialize(thing() if isinstance(thing, type) else thing)


def own_classes(model: Model) -> dict[str, type]:
    """Return the user's own classes among a model's parts, and what these hold, by name."""
    parts = [*architecture.with_sublayers(model._parts()), model.optimizer, model._settings]
    found: dict[int, Any] = {}
    _gather([*parts, model._penalties], found)
    classes = {thing if isinstance(thing, type) else type(thing) for thing in found.values()}
    ours = ("cnnlite.", "builtins")
    return {c.__name__: c for c in classes if not c.__module__.startswith(ours)}


def _gather(value: Any, found: dict[int, Any]) -> None:
    """Add what has a configuration, or is a class of such, in ``value`` and its attributes."""
    if isinstance(value, list | tuple | dict):
        for thing in flatten(value):
            _gather(thing, found)
    elif hasattr(value, "get_config") and id(value) not in found:
        found[id(value)] = value
        if not isinstance(value, type):
            _gather(getattr(value, "__dict__", {}), found)


def from_bytes(
    data: bytes,
    source: str = "model",
    custom_objects: dict[str, type] | None = None,
    compiled: bool = True,
) -> Model:
    """Return the model whose file holds ``data``; ``source`` names it in errors."""
    with custom_object_scope(custom_objects):
        return _from_bytes(data, source, compiled)


def _from_bytes(data: bytes, source: str, compiled: bool) -> Model:
    description = _description(data, source)
    try:
        tensors = load_tensors(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise FileFormatError(f"{source}: damaged model file: {error}.") from None
    try:
        return _restore(description if compiled else {**description, "compile": None}, tensors)
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
        model = architecture.build(description["architecture"])
        if model.built != description["built"]:
            raise ValueError("built and unbuilt disagree")
    source.finish()
    model._clock = type(model._clock)(_counter(description["seed"], 2**64))
    model._clock.step = _counter(description["step"], 2**64)
    settings = description.get("compile")
    if settings is not None:
        _restore_compiled(model, settings)
        if model.built and any(name.startswith("optimizer/") for name in tensors):
            _restore_slots(model, tensors)
    return model


def _restore_compiled(model: Model, settings: dict[str, Any]) -> None:
    model.compile(
        optimizers.get(settings["optimizer"]),
        _made(settings["loss"], as_loss),
        settings["loss_weights"],
        _made(settings["metrics"], metrics.deserialize),
        _made(settings["weighted_metrics"], metrics.deserialize),
    )
    for regularizer, biases in settings["penalties"]:
        model.regularize(regularizers.get(regularizer), biases)
    assert model.optimizer is not None
    model.optimizer.iterations = _counter(settings["iterations"], 2**63)
    if model.built:
        model._all_heads("metrics")  # raises where one is unknown


def _made(value: Any, get: Callable[[Any], Any]) -> Any:
    """Return a structure with the objects that its configurations describe."""
    if isinstance(value, list):
        return [_made(v, get) for v in value]
    if isinstance(value, dict):
        described = value.keys() == {"class_name", "config"}
        return get(value) if described else {k: _made(v, get) for k, v in value.items()}
    return value


def _counter(value: Any, limit: int) -> int:
    if not is_int(value) or not 0 <= value < limit:
        raise ValueError(f"no number of steps or seed: {value!r}")
    return int(value)


def _restore_slots(model: Model, tensors: dict[str, np.ndarray]) -> None:
    assert model.optimizer is not None
    trained, _ = model._trained_weights()
    model.optimizer.build(trained)
    expected = set()
    for slot, arrays in model.optimizer.slots.items():
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


def load_model(
    filepath: Any,
    custom_objects: dict[str, type] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Model:
    """Return the model saved in a file, compiled as it was, with its optimizer's state.

    Of a subclass of Model, a file holds the layers and their calls, not the class: what
    comes back is a plain Model that computes the same.  For one of the class, make it anew
    and call ``load_weights``.

    Parameters
    ----------
    filepath : str or path
    custom_objects : dict of str to class, optional
        Classes of your own (layers, losses, ...) that the file names.
    compile : bool
        False leaves the optimizer and the losses out.
    safe_mode : bool
        Taken for Keras's sake: no file ever runs code.

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
    return from_bytes(read(filepath), str(filepath), custom_objects, compile)


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
        assign_all(model._stored_weights, [tensors[n] for n in names], model.name)
    except ValueError as error:
        raise FileFormatError(f"{filepath}: weights of another architecture: {error}") from None


def read(filepath: Any) -> bytes:
    """Return a file's bytes, or raise an error that says what to do."""
    if not isinstance(filepath, str | os.PathLike):
        raise TypeError(f"load: the file's name must be a string or path. Got {filepath!r}.")
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
    if not isinstance(filepath, str | os.PathLike):
        raise TypeError(f"save: the file's name must be a string or path. Got {filepath!r}.")
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
