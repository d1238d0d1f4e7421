"""Find the arguments that cnnlite takes by name and refuses, by trying them.

Each class that Keras has too is made with each of its flags turned, and with the values of
``TRIED`` for other arguments; the text of the error is the reason.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

# Values that Keras takes, for arguments whose default works everywhere.
TRIED = {
    "attention_axes": (2,),
    "data_format": "channels_first",
    "flash_attention": True,
    "gradient_accumulation_steps": 2,
    "loss_scale_factor": 2.0,
}
# For arguments without a default.
NEEDED: dict[str, Any] = {
    "activation": "relu",
    "cropping": 1,
    "dims": (2, 1),
    "axes": 1,
    "factor": 0.5,
    "backup_dir": "folder",
    "callbacks": None,
    "filename": "history.csv",
    "filepath": "model.safetensors",
    "filters": 2,
    "function": abs,
    "learning_rate": 0.1,
    "model": None,
    "params": {},
    "schedule": abs,
    "height_factor": 0.5,
    "input_dim": 3,
    "key_dim": 2,
    "kernel_size": 1,
    "n": 2,
    "num_heads": 2,
    "output_dim": 2,
    "pool_size": 2,
    "rate": 0.5,
    "scale": 2.0,
    "shape": (2,),
    "stddev": 0.5,
    "target_shape": (2,),
    "units": 2,
    "width_factor": 0.5,
}
# Where what has a default does not suffice.
BESIDE: dict[str, dict[str, Any]] = {
    "InputLayer": {"shape": (2,)},
    "MeanMetricWrapper": {"fn": abs},
}
# A flag that Keras refuses too, without the argument beside it.
WITH: dict[tuple[str, str], dict[str, Any]] = {}
NAMESPACES = ("layers", "losses", "metrics", "optimizers", "callbacks", "regularizers")


def _needed(cls: Any) -> dict[str, Any] | None:
    """Return arguments that suffice to make an object, or None where they are not known."""
    layers = importlib.import_module("cnnlite.layers")
    known = NEEDED | {
        "cell": layers.LSTMCell(2),
        "layer": layers.LSTM(2),
        "cells": [layers.LSTMCell(2)],
    }
    given = dict(BESIDE.get(cls.__name__, {}))
    for p in list(inspect.signature(cls.__init__).parameters.values())[1:]:
        if p.name not in given and p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD:
            if p.name not in known:
                return None
            given[p.name] = known[p.name]
    return given


def refused(api: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str, str, str]]:
    """Yield namespace, class, ``argument=value`` and reason of each argument that is refused."""
    for namespace in NAMESPACES:
        module = importlib.import_module(f"cnnlite.{namespace}")
        for name in api[namespace]:
            cls = getattr(module, name, None)
            if not inspect.isclass(cls) or (needed := _needed(cls)) is None:
                continue
            if (reason := _error(cls, needed)) is not None:
                yield namespace, name, "", reason  # always
                continue
            for p in list(inspect.signature(cls.__init__).parameters.values())[1:]:
                if p.name in TRIED:
                    value = TRIED[p.name]
                elif isinstance(p.default, bool):
                    value = not p.default
                else:
                    continue
                given = {**needed, **WITH.get((name, p.name), {}), p.name: value}
                if (reason := _error(cls, given)) is not None:
                    yield namespace, name, f"{p.name}={value!r}", reason


def _error(cls: Any, arguments: dict[str, Any]) -> str | None:
    """Return what a class says of its arguments, without its own name, or None if it takes them."""
    try:
        cls(**arguments)
    except (TypeError, ValueError, NotImplementedError) as error:
        return re.sub(r"^[\w ]+: ", "", str(error)).replace("\n", " ")
    return None
