"""The layers and models that an object keeps: as attributes, in lists, tuples and dicts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from cnnlite.ops import Parameter

# Most attributes are of these kinds, and the search runs in each step of train_on_batch.
_PLAIN = frozenset({type(None), bool, int, float, str, np.ndarray, Parameter})


def models_and_layers_in(holder: Any) -> list[Any]:
    """Return the layers and models among an object's attributes, each once, in their order."""
    found: dict[Any, None] = {}
    _find(found, vars(holder).values(), nested=False)
    return list(found)


def refuse_changed(holder: Any, known: frozenset[Any], found: Iterable[Any], where: str) -> None:
    """Raise if the layers ``found`` are others than those ``known`` when ``call`` was traced."""
    found = frozenset(found)
    if known != found:
        changed = ", ".join(sorted(layer.name for layer in known ^ found))
        raise ValueError(
            f"{holder.name}: a layer {where}was added, removed or replaced after {holder.name} was "
            f"built. Got {changed}. Set it before the first call, or make a new "
            f"{type(holder).__name__}."
        )


def layers_in(holder: Any) -> list[Any]:
    """Return the layers among an object's attributes; of a model there, its layers."""
    found: dict[Any, None] = {}
    _find(found, vars(holder).values(), nested=True)
    return list(found)


def _find(found: dict[Any, None], values: Iterable[Any], nested: bool) -> None:
    for value in values:
        if type(value) in _PLAIN:
            continue
        if isinstance(value, list | tuple | dict):
            if value:
                _find(found, value.values() if isinstance(value, dict) else value, nested)
        elif hasattr(type(value), "sublayers"):  # a Layer or a Model
            if nested and hasattr(type(value), "get_layer"):
                _find(found, value.sublayers, nested)
            else:
                found[value] = None
