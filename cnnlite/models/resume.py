"""The state of a training in one file, so that it can go on in another process.

The tensors are the weights, the optimizer's slots, the running metrics, and the arrays
in the callbacks' states; the metadata hold the rest as one JSON text.  Like a model
file, it is written beside its target, flushed to disk and renamed over it, and is read
with every size checked.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from cnnlite.errors import FileFormatError
from cnnlite.layers.weights import assign_all
from cnnlite.models import saving

if TYPE_CHECKING:
    from cnnlite.models.model import Model

FORMAT = "cnnlite-training"
VERSION = 1


def save(model: Model, state: dict[str, Any], path: Any) -> None:
    """Write a model's training state, and ``state`` besides.

    Parameters
    ----------
    model : Model
        Built and compiled.
    state : dict
        Of numbers, strings, None, arrays, and lists and dicts of them.
    path : str or path
    """
    with model._lock:
        optimizer = model.optimizer
        assert optimizer is not None
        whole = {
            "seed": model._clock.seed,
            "step": model._clock.step,
            "iterations": optimizer.iterations,
            "learning_rate": optimizer.learning_rate,
            "metrics": model._metric_states(),
            "carried": [p.value for p in model._stored("carried_states")],
            "fit": state,
        }
        tensors = saving._weight_tensors(model) | saving._slot_tensors(model)
        text = json.dumps(_packed(whole, tensors, "state"))
        data = save_tensors(tensors, {"format": FORMAT, "version": str(VERSION), "state": text})
    saving.write(path, data, True)


def load(model: Model, path: Any) -> dict[str, Any]:
    """Bring a model to the state in a file; return the ``state`` that was given besides.

    Raises
    ------
    FileFormatError
        If the file is damaged, or of another model.
    """
    data = saving.read(path)
    try:
        text = _state_text(data)
        tensors = load_tensors(data)
        whole = _unpacked(json.loads(text), tensors)
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileFormatError(
            f"{path}: no state of a training that this cnnlite reads: "
            f"{type(error).__name__}: {error}. Remove it to train from the start."
        ) from None
    with model._lock:
        try:
            return _restore(model, whole, tensors)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise FileFormatError(
                f"{path}: the state of another training: {type(error).__name__}: {error}. "
                "Remove it to train from the start."
            ) from None


def _state_text(data: bytes) -> str:
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise ValueError("truncated")
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    if metadata["format"] != FORMAT or metadata["version"] != str(VERSION):
        raise ValueError(f"format {metadata['format']!r}, version {metadata['version']!r}")
    return metadata["state"]


def _restore(model: Model, whole: dict[str, Any], tensors: dict[str, np.ndarray]) -> Any:
    optimizer = model.optimizer
    assert optimizer is not None
    names = [name for name in tensors if name.startswith("model/")]
    names.sort(key=lambda name: int(name.split("/")[1]))
    assign_all(model._stored_weights, [tensors[name] for name in names], model.name)
    assign_all(model._stored("carried_states"), whole["carried"], model.name)
    if any(name.startswith("optimizer/") for name in tensors):
        saving._restore_slots(model, tensors)
    optimizer.iterations = whole["iterations"]
    if optimizer._source is None:  # a schedule gives the rate by itself
        optimizer.learning_rate = whole["learning_rate"]
    model._arena.clear()  # its plans read the numbers of the clock that goes
    model._clock = type(model._clock)(whole["seed"])
    model._clock.step = whole["step"]
    model._set_metric_states(whole["metrics"])
    return whole["fit"]


def _packed(value: Any, tensors: dict[str, np.ndarray], where: str) -> Any:
    """Return a value as JSON-ready data, its arrays put among the tensors."""
    if isinstance(value, np.ndarray):
        name = f"state/{len(tensors)}"
        # A copy where needed: safetensors writes the memory as it lies.
        tensors[name] = np.ascontiguousarray(value).reshape(value.shape)
        return {"tensor": name}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple):
        return [_packed(v, tensors, where) for v in value]
    if isinstance(value, dict):
        return {"dict": {str(k): _packed(v, tensors, f"{where}/{k}") for k, v in value.items()}}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"{where}: cannot be kept for a training that goes on later. Got {type(value).__name__}. "
        "Use numbers, strings, None, arrays, and lists and dicts of them."
    )


def _unpacked(value: Any, tensors: dict[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_unpacked(v, tensors) for v in value]
    if isinstance(value, dict):
        if "tensor" in value:
            return np.array(tensors[value["tensor"]])
        return {k: _unpacked(v, tensors) for k, v in value["dict"].items()}
    return value
