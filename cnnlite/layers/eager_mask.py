"""compute_mask called by the user, on arrays and without a context."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from cnnlite.layers.context import Context


def eager_mask(compute_mask: Callable) -> Callable:
    """Return a layer's ``compute_mask`` that takes arrays too, as ``compute_mask(x, mask)``.

    A model gives it a context, and its operations are recorded; without one it computes now
    and returns masks of bool, as Keras does.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.Embedding(5, 3, mask_zero=True).compute_mask([[1, 0, 2]])
    array([[ True, False,  True]])
    """
    context = inspect.signature(compute_mask).parameters.get("ctx")
    if context is None or context.default is not inspect.Parameter.empty:
        return compute_mask  # of the user's, in Keras's form

    @functools.wraps(compute_mask)
    def either(self: Any, x: Any, mask: Any = None, *, ctx: Context | None = None) -> Any:
        if ctx is not None:
            return compute_mask(self, x, mask, ctx=ctx)
        listed = isinstance(x, list | tuple) and (
            self.several_inputs or any(isinstance(a, np.ndarray) for a in x)
        )
        dtype = self.input_dtype or self.dtype
        arrays = [np.asarray(a, dtype=dtype) for a in (x if listed else [x])]
        given = _each(mask, lambda m: np.ascontiguousarray(np.asarray(m) != 0, np.uint8))
        found = compute_mask(self, arrays if listed else arrays[0], given, ctx=Context(layer=self))
        return _each(found, lambda m: np.array(m, dtype=bool))

    return either


def _each(masks: Any, function: Callable[[Any], np.ndarray]) -> Any:
    """Return the function of a mask, or of each in a list; None stays."""
    if isinstance(masks, list | tuple):
        return [_each(mask, function) for mask in masks]
    return None if masks is None else function(masks)
