"""Keywords that a constructor has not, and arguments that it lacks: what to write instead."""

from __future__ import annotations

import copyreg
import functools
import inspect
from typing import Any

__all__ = ["ConstructorSignature", "check_signature", "without_constructor"]

# Keywords of older scripts and of other functions: what to write.
_MENDS = {
    "lr": "Write learning_rate.",
    "decay": "Pass learning_rate=schedules.InverseTimeDecay(...).",
    "class_weight": "Pass sample_weight to fit; "
    "sklearn.utils.class_weight.compute_sample_weight makes it.",
}


@functools.cache
def _keywords(cls: Any) -> tuple[frozenset[str] | None, tuple[str, ...], tuple[str, ...]]:
    """Return what keywords a constructor takes (None: any), its positional ones, the needed."""
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    by_name = [p for p in parameters if p.kind in named]
    is_open = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    positional = tuple(p.name for p in by_name if p.kind is named[0])
    needed = tuple(p.name for p in by_name if p.default is p.empty)
    return None if is_open else frozenset(p.name for p in by_name), positional, needed


def check_signature(cls: type, args: Any, kwargs: dict[str, Any], where: str) -> None:
    """Raise a TypeError for a keyword that a constructor has not, or an argument left out.

    Examples
    --------
    >>> from cnnlite import optimizers
    >>> check_signature(optimizers.SGD, (), {"lr": 0.1}, "SGD")
    Traceback (most recent call last):
    TypeError: SGD: there is no argument 'lr'. Write learning_rate.
    """
    known, positional, needed = _keywords(cls)
    for name in kwargs:
        if known is not None and name not in known:
            mend = _MENDS.get(name, f"help({cls.__name__}) lists them.")
            raise TypeError(f"{cls.__name__}: there is no argument {name!r}. {mend}")
    given = {*positional[: len(args)], *kwargs}
    for name in needed:
        if name not in given:
            raise TypeError(f"{where}: the argument {name!r} is missing. Pass it.")


class ConstructorSignature:
    """Descriptor for ``__signature__``: help() shows what ``__init__`` takes, not ``__new__``.

    Examples
    --------
    >>> from cnnlite import layers
    >>> inspect.signature(layers.Flatten)
    <Signature (data_format: 'str | None' = None, **kwargs: 'Any')>
    """

    def __get__(self, instance: Any, cls: Any) -> inspect.Signature:
        if instance is not None:  # what an object takes when it is called is another thing
            raise AttributeError("__signature__")
        whole = inspect.signature(cls.__init__)
        parameters = list(whole.parameters.values())[1:]
        return whole.replace(parameters=parameters, return_annotation=inspect.Signature.empty)


def empty(cls: Any) -> Any:
    """Return an object of a class whose constructor has not run, for copy and pickle to fill."""
    return object.__new__(cls)


def without_constructor(reduced: Any) -> Any:
    """Return what ``__reduce_ex__`` gave, so that copies are made without any arguments.

    Examples
    --------
    >>> import copy
    >>> from cnnlite import layers
    >>> copy.copy(layers.Dense(3)).units
    3
    """
    if isinstance(reduced, tuple) and reduced[0] is copyreg.__newobj__:  # type: ignore[attr-defined]
        return (empty, *reduced[1:])
    return reduced
