"""What a subclass's ``call`` is traced on: symbolic inputs, and a stand-in for ``training``."""

from __future__ import annotations

from typing import Any

from cnnlite.errors import ShapeError
from cnnlite.layers.input_layer import Input
from cnnlite.layers.symbolic import SymbolicTensor
from cnnlite.numeric import FEATURES, as_numbers


class _Training:
    """Stands for "as the model runs" while a subclass's ``call`` is traced."""

    def __bool__(self) -> bool:
        raise TypeError(
            "a model's call runs once, for training and inference alike, so it cannot branch on "
            "`training`. Pass training on to the layers, which know."
        )


AS_THE_MODEL_RUNS = _Training()


def _input_like(value: Any, name: str | None = None) -> SymbolicTensor:
    """Return an Input for arrays of this shape and kind."""
    if isinstance(value, SymbolicTensor):
        return Input(value.shape[1:], value.shape[0], value.dtype, name=name)
    array = as_numbers(value, "the model's input", FEATURES)
    if array.ndim < 1:
        raise ShapeError(f"the model's input needs a batch axis. Got {value!r}.")
    return Input(array.shape[1:], dtype="int32" if array.dtype.kind in "iub" else None, name=name)


def inputs_of_shape(input_shape: Any, where: str) -> Any:
    """Return Inputs of a shape, batch first, or of a list or dict of shapes."""
    if not isinstance(input_shape, list | tuple | dict) or not input_shape:
        raise ShapeError(
            f"{where}: build needs (batch, sizes...), or a list or dict of these. "
            f"Got {input_shape!r}."
        )
    if isinstance(input_shape, dict):
        return {k: Input(s[1:], s[0], name=k) for k, s in input_shape.items()}
    if isinstance(input_shape[0], list | tuple):
        return [Input(s[1:], s[0]) for s in input_shape]
    return Input(input_shape[1:], input_shape[0])


def inputs_like(x: Any) -> Any:
    """Return Inputs for data or symbolic tensors: one, a list or a dict."""
    if isinstance(x, dict):
        return {name: _input_like(value, name) for name, value in x.items()}
    if isinstance(x, list | tuple) and any(hasattr(a, "ndim") for a in x):
        return [_input_like(value) for value in x]
    return _input_like(x)
