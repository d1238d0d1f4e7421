"""One thing, a list of things, or a dict of them: how inputs and outputs are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnlite.layers.input_layer import InputLayer
from cnnlite.layers.symbolic import SymbolicTensor


class Structure:
    """The form in which a model takes its inputs or gives its outputs.

    Parameters
    ----------
    value : object, list, tuple or dict
        An example of the form.
    """

    def __init__(self, value: Any) -> None:
        self.keys = list(value) if isinstance(value, dict) else None
        self.several = isinstance(value, list | tuple | dict)

    def pack(self, values: Sequence[Any]) -> Any:
        """Return values, one per input or output, in this form."""
        if self.keys is not None:
            return dict(zip(self.keys, values, strict=True))
        return list(values) if self.several else values[0]

    @property
    def config(self) -> Any:
        return self.keys if self.keys is not None else self.several

    @classmethod
    def from_config(cls, config: Any) -> Structure:
        return cls(dict.fromkeys(config) if isinstance(config, list) else [] if config else None)


def flatten(value: Any) -> list[Any]:
    """Return the things in a value of any form as a list."""
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else [value]


def alone(value: Any) -> Any:
    """Return the one thing in a list of one, as Keras takes a functional model's lists."""
    return value[0] if isinstance(value, list | tuple) and len(value) == 1 else value


def by_key(value: Any) -> Any:
    """Return a dict with its keys in alphabetical order, as Keras keeps them; else the value.

    The order of layers and weights follows from it.
    """
    return {key: value[key] for key in sorted(value)} if isinstance(value, dict) else value


def by_name(value: Any, names: Sequence[str | None], where: str) -> list[Any]:
    """Return what is given for each name, from a list in their order or a dict; None if nothing.

    Raises
    ------
    ValueError
        If there are more entries than names, or one for an unknown name.
    """
    if isinstance(value, dict):
        unknown = [key for key in value if key not in names]
        if unknown:
            known = ", ".join(repr(n) for n in names)
            raise ValueError(f"{where}: there is no {unknown[0]!r}. Name one of {known}.")
        return [value.get(name) for name in names]
    entries = list(value) if isinstance(value, list | tuple) else [value]
    if len(entries) != len(names):
        raise ValueError(
            f"{where}: needs {len(names)} entries, one each for "
            f"{', '.join(repr(n) for n in names)}. Got {len(entries)}."
        )
    return entries


def symbolic_tensors(value: Any, where: str) -> list[SymbolicTensor]:
    """Return a model's inputs or outputs as a list, or raise what is wrong with them."""
    tensors = flatten(value)
    for t in tensors:
        if not isinstance(t, SymbolicTensor):
            if isinstance(t, InputLayer):
                raise TypeError(
                    f"Model: {where} must be symbolic tensors. Got {t!r}. Pass its output."
                )
            if isinstance(t, list | tuple):
                raise TypeError(
                    f"Model: {where} must be one list of symbolic tensors, no lists in it. "
                    f"Got {t!r}. Unpack it: [y, *states]."
                )
            if t is None and where == "outputs":
                raise TypeError(
                    "Model: outputs must be symbolic tensors. Got None. "
                    "Does a call end without return? Return what the last layer gives."
                )
            raise TypeError(
                f"Model: {where} must be symbolic tensors. Got {t!r}. "
                "Begin with cnnlite.Input(shape) and call layers on it."
            )
    if not tensors:
        raise ValueError(f"Model: no {where}.")
    return tensors
