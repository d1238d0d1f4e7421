"""Objects as JSON-ready data, and the classes of the user's that such data may name."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from cnnlite.arguments import checks_arguments

__all__ = ["class_named", "custom_object_scope", "register_keras_serializable", "serialize"]

_registered: dict[str, type] = {}


class _Scope(threading.local):
    """The classes that this thread's open scopes name."""

    def __init__(self) -> None:
        self.classes: dict[str, type] = {}


_scope = _Scope()


@contextmanager
def custom_object_scope(custom_objects: Mapping[str, type] | None) -> Iterator[None]:
    """Context manager: configurations may name these classes of the user's.

    Parameters
    ----------
    custom_objects : dict of str to class, or None

    Examples
    --------
    >>> from cnnlite import layers
    >>> class Twice(layers.Layer): ...
    >>> with custom_object_scope({"Twice": Twice}):
    ...     layer = layers.deserialize({"class_name": "Twice", "config": {"name": "t"}})
    >>> layer
    <Twice t>
    """
    for name, found in (custom_objects or {}).items():
        if not isinstance(name, str) or not isinstance(found, type):
            raise TypeError(
                "custom_objects must map names to classes. "
                f"Got {name!r}: {found!r}. Write {{'MyLayer': MyLayer}}."
            )
    before = _scope.classes
    _scope.classes = {**before, **(custom_objects or {})}
    try:
        yield
    finally:
        _scope.classes = before


@checks_arguments("register_keras_serializable")
def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[type], type]:
    """Class decorator: files may name this class from now on.

    Parameters
    ----------
    package : str
        Kept for Keras's sake; classes are found by name alone.
    name : str, optional
        Default: the class's own.
    """

    def register(cls: type) -> type:
        _registered[name or cls.__name__] = cls
        return cls

    return register


def class_named(name: Any, own: Mapping[str, type], what: str) -> type:
    """Return the class that a configuration names: one made known, or cnnlite's own.

    Raises
    ------
    ValueError
        If there is none, or it is not a name.  No module is ever searched or imported by a name.
    """
    if not isinstance(name, str):
        raise ValueError(
            f'{what}: a configuration is a dict of "class_name", a string, and "config". '
            f"Got class_name {name!r}."
        )
    found = _scope.classes.get(name) or _registered.get(name) or own.get(name)
    if found is None:
        raise ValueError(
            f"no {what} of class {name!r}. If it is of your own, pass "
            f"custom_objects={{{name!r}: {name}}}."
        )
    return found


def described(value: Any, base: type, what: str) -> dict[str, Any]:
    """Return the configuration from which :func:`made_from` makes an equal object, or raise."""
    if not isinstance(value, base):
        raise TypeError(
            f"{what}: only an instance of {base.__name__} can be serialized. Got {value!r}."
        )
    return {"class_name": type(value).__name__, "config": value.get_config()}  # type: ignore[attr-defined]


def made_from(config: Mapping[str, Any], own: Mapping[str, type], what: str) -> Any:
    """Return the object of ``{"class_name": ..., "config": ...}``.

    Raises
    ------
    ValueError
        If it names no class, or its "config" is no dict of arguments.
    """
    found: Any = class_named(config.get("class_name"), own, what)
    arguments = config.get("config", {})
    if not isinstance(arguments, Mapping):
        raise ValueError(
            f'{what}: "config" must be a dict of the arguments of {found.__name__}. '
            f"Got {arguments!r}."
        )
    return found.from_config(dict(arguments))


def serialize(value: Any) -> Any:
    """Return a constructor's argument as JSON-ready data.

    Objects with ``get_config`` become ``{"class_name", "config"}``, tuples and arrays
    become lists.

    Examples
    --------
    >>> import numpy as np
    >>> serialize({"size": (np.int64(3), 2.5)})
    {'size': [3, 2.5]}
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [serialize(v) for v in value]
    if isinstance(value, dict):
        return {str(k): serialize(v) for k, v in value.items()}
    if hasattr(value, "get_config") and not isinstance(value, type):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    raise ValueError(
        f"{value!r} cannot be saved: it has no get_config(). Write a class that has one."
    )
