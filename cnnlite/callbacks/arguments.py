"""Checks of callbacks' arguments: when they are made, not in the middle of a training."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np


def number(value: Any, where: str, least: float = -math.inf) -> Any:
    """Return a callback's argument if it is a finite number, ``least`` or more; else raise."""
    plain = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not plain or not math.isfinite(value) or value < least:
        bound = "" if least == -math.inf else f", {least:g} or more"
        raise ValueError(f"{where} must be a finite number{bound}. Got {value!r}.")
    return value


def file_path(value: Any, where: str) -> str:
    """Return the name of a file or folder as text, or raise."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{where} must be a path: a string or pathlib.Path. Got {value!r}.")
    if not os.fspath(value):
        raise ValueError(f"{where} must be a path, not empty. Got {value!r}.")
    return str(os.fspath(value))
