"""How a layer's constructor arguments become its configuration, and back."""

from __future__ import annotations

import functools
import importlib
import inspect
from typing import Any, ClassVar

from cnnlite.arguments import CheckedArguments
from cnnlite.layers.eager_mask import eager_mask
from cnnlite.layers.naming import snake_case
from cnnlite.serialization import class_named, custom_object_scope, serialize

# Arguments that every layer takes; Configurable writes them itself.
_COMMON = ("name", "dtype", "trainable", "activity_regularizer", "input_shape")


@functools.cache
def _arguments(cls: Any) -> tuple[str, ...]:
    """Return the names of a class's constructor arguments, without self and the common ones."""
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]
    return tuple(p.name for p in parameters if p.kind not in kinds and p.name not in _COMMON)


class Configurable(CheckedArguments):
    """Keeps each constructor argument as the attribute of its name, so that it can be read back."""

    own_classes: ClassVar[dict[str, type]] = {}  # cnnlite's own layers by name
    name: str
    dtype: str
    activity_regularizer: Any
    _trainable: bool
    _keywords: tuple[str, ...] = ()
    unsaved: tuple[str, ...] = ()  # arguments that are no configuration: starting values

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__new__(cls, *args, **kwargs)
        # Those that a constructor hands on to its base belong to the configuration too.
        made._keywords = tuple(kwargs)
        return made

    @classmethod
    def _own_name(cls, kwargs: dict[str, Any]) -> str:
        given = kwargs.get("name")
        return given if isinstance(given, str) else snake_case(cls.__name__)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "compute_mask" in vars(cls):
            cls.compute_mask = eager_mask(cls.compute_mask)  # type: ignore[attr-defined]
        if cls.__module__.startswith("cnnlite.layers."):
            Configurable.own_classes[cls.__name__] = cls

    def take_options(self, **options: Any) -> None:
        """Set initializers, regularizers and constraints by the last part of their names.

        ``take_options(kernel_initializer="zeros", bias_constraint=None)`` sets
        ``self.kernel_initializer`` and ``self.bias_constraint``.  An initializer of None is
        "glorot_uniform".
        """
        for name, value in options.items():
            kind = name.rsplit("_", 1)[1]
            if value is None and kind == "initializer":
                value = "glorot_uniform"  # as in Keras
            module = importlib.import_module(f"cnnlite.{kind}s")
            try:
                setattr(self, name, None if value is None else module.get(value))
            except (TypeError, ValueError) as error:
                raise type(error)(f"{self.name}: {name}: {error}") from None

    def get_config(self) -> dict[str, Any]:
        """Return the arguments from which :meth:`from_config` makes an equal object.

        Each argument of the constructor is read from the attribute of its name;
        override this where they differ.
        """
        cls: Any = type(self)
        names = dict.fromkeys([*_arguments(cls), *self._keywords])
        config: dict[str, Any] = {}
        for name in names:
            if name in _COMMON or name in self.unsaved:
                continue
            if name == "input_dim" and name not in _arguments(cls):
                continue  # short for input_shape, unless a class has its own
            if not hasattr(self, name):
                raise NotImplementedError(
                    f"{self.name}: {type(self).__name__} does not keep its argument {name!r}. "
                    f"Set self.{name} in the constructor, or write get_config()."
                )
            try:
                config[name] = serialize(getattr(self, name))
            except ValueError as error:
                raise ValueError(f"{self.name}: {name}: {error}") from None
        config |= {"name": self.name, "dtype": self.dtype}
        if not self._trainable:
            config["trainable"] = False
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = serialize(self.activity_regularizer)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Return a new object from what :meth:`get_config` gave."""
        return cls(**{name: _with_layers(value) for name, value in config.items()})


def _with_layers(value: Any) -> Any:
    """Return a configuration's value with the layers inside it made."""
    if isinstance(value, list):
        return [_with_layers(v) for v in value]
    if isinstance(value, dict) and value.keys() == {"class_name", "config"}:
        try:
            cls = class_named(value["class_name"], Configurable.own_classes, "layer")
        except ValueError:
            return value  # an initializer's or the like, which the constructor looks up
        return cls.from_config(value["config"]) if issubclass(cls, Configurable) else value
    return value


def remade(layer: Any, **changes: Any) -> Any:
    """Return a new layer of a layer's configuration; the classes inside are those inside it."""

    def classes(one: Any) -> dict[str, type]:
        found = {type(one).__name__: type(one)}
        for inner in one.sublayers:
            found |= classes(inner)
        return found

    with custom_object_scope(classes(layer)):
        return type(layer).from_config({**layer.get_config(), **changes})


def deserialize(config: Any, custom_objects: dict[str, type] | None = None) -> Any:
    """Return the layer of ``{"class_name": ..., "config": ...}``.

    Parameters
    ----------
    config : dict
    custom_objects : dict of str to class, optional
        Classes of your own that it may name.

    Raises
    ------
    ValueError
        If there is no layer of that name.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.deserialize({"class_name": "Dense", "config": {"units": 3}}).units
    3
    """
    with custom_object_scope(custom_objects):
        if not isinstance(config, dict) or not {"class_name", "config"} <= config.keys():
            raise ValueError(
                f"layers: no configuration of a layer. Got {config!r}. "
                "Pass what layers.serialize() returned."
            )
        cls = class_named(config["class_name"], Configurable.own_classes, "layer")
        if not issubclass(cls, Configurable) or cls.__name__ == "Layer":
            raise ValueError(f"layers: {config['class_name']!r} is no class of layers.")
        return cls.from_config(config["config"])
