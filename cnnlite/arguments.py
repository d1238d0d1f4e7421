"""Checks of what the user passes: flags, texts, seeds, numbers and arrays of them.

Constructors and functions say in their annotations what an argument is.  Those annotated
``bool`` or ``str`` (or either or None), and those named ``seed``, are checked before the
constructor runs, in one place: :class:`CheckedArguments`, a base of all that the user makes,
and :func:`checks_arguments`, for functions.  Numbers have bounds of their own, so their
constructors ask :func:`number`.
"""

from __future__ import annotations

import functools
import inspect
import math
import os
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as np

from cnnlite.errors import DtypeError
from cnnlite.shapes import is_int
from cnnlite.signatures import ConstructorSignature, check_signature, without_constructor

__all__ = [
    "CheckedArguments",
    "array",
    "checks_arguments",
    "file_path",
    "flag",
    "number",
    "numbers",
    "one_of",
    "seed",
    "text",
    "whole",
]

P = ParamSpec("P")
R = TypeVar("R")


def flag(value: Any, where: str) -> bool:
    """Return True or False, of Python or NumPy (or 1 or 0), as a bool; raise on all else.

    Examples
    --------
    >>> flag(True, "Dense: use_bias")
    True
    >>> flag("no", "Dense: use_bias")
    Traceback (most recent call last):
    TypeError: Dense: use_bias must be True or False. Got 'no'.
    """
    if isinstance(value, bool | np.bool_) or (is_int(value) and value in (0, 1)):
        return bool(value)
    raise TypeError(f"{where} must be True or False. Got {value!r}.")


def text(value: Any, where: str) -> str:
    """Return a string, or raise."""
    if not isinstance(value, str):
        raise TypeError(f"{where} must be a string. Got {value!r}.")
    return value


def seed(value: Any, where: str) -> int | None:
    """Return the seed of random numbers, or None, or raise."""
    if value is None:
        return None
    if not is_int(value) or not 0 <= value < 2**64:
        raise ValueError(f"{where} must be None or an integer in [0, 2^64). Got {value!r}.")
    return int(value)


def number(
    value: Any,
    where: str,
    least: float = -math.inf,
    most: float = math.inf,
    *,
    open_ends: str = "",
) -> float:
    """Return a number of Python or NumPy in [least, most] as a float; raise on all else.

    Infinity is a number, unless a bound says otherwise; NaN is none.

    Parameters
    ----------
    least, most : float
    open_ends : {"", "[)", "(]", "()"}
        The form of the interval, where a bound itself is not allowed.

    Examples
    --------
    >>> number(0.5, "Dropout: rate", 0, 1, open_ends="[)")
    0.5
    >>> number(1, "Dropout: rate", 0, 1, open_ends="[)")
    Traceback (most recent call last):
    ValueError: Dropout: rate must be a number in [0, 1). Got 1.
    """
    ends = open_ends or "[]"
    plain = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if (
        plain
        and least <= value <= most
        and not (ends[0] == "(" and value == least)
        and not (ends[1] == ")" and value == most)
    ):
        return float(value)
    bounds = f" in {ends[0]}{least:g}, {most:g}{ends[1]}"
    if least == -math.inf and most == math.inf:
        bounds = ", and finite" if open_ends == "()" else ""
    kind: type[Exception] = ValueError if plain else TypeError
    raise kind(f"{where} must be a number{bounds}. Got {value!r}.")


def numbers(
    values: Any,
    where: str,
    least: float = -math.inf,
    most: float = math.inf,
    *,
    open_ends: str = "",
) -> list[float]:
    """Return a list of such numbers as floats; raise on all else.

    Examples
    --------
    >>> numbers([0, 0.5], "AUC: thresholds", 0, 1)
    [0.0, 0.5]
    """
    if not isinstance(values, list | tuple | np.ndarray):
        raise TypeError(f"{where} must be a list of numbers. Got {values!r}.")
    return [number(value, where, least, most, open_ends=open_ends) for value in values]


def whole(value: Any, where: str, least: int, most: int | None = None) -> int:
    """Return a whole number in [least, most]; raise on all else.

    Examples
    --------
    >>> whole(3, "AUC: num_thresholds", 2)
    3
    """
    if not is_int(value) or value < least or (most is not None and value > most):
        bounds = f"from {least} on" if most is None else f"in {least}..{most}"
        raise ValueError(f"{where} must be a whole number {bounds}. Got {value!r}.")
    return int(value)


def one_of(value: Any, known: Sequence[str | None], where: str) -> Any:
    """Return one of some strings and None; raise on all else.

    Examples
    --------
    >>> one_of("sum", ("sum", "mean", None), "Huber: reduction")
    'sum'
    """
    if not isinstance(value, str | None) or value not in known:
        raise ValueError(f"{where} must be one of {', '.join(map(str, known))}. Got {value!r}.")
    return value


def file_path(value: Any, where: str) -> str:
    """Return the name of a file or folder as a string; raise on all else.

    Examples
    --------
    >>> file_path(3, "CSVLogger: filename")
    Traceback (most recent call last):
    TypeError: CSVLogger: filename must be a path: a string or pathlib.Path. Got 3.
    """
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{where} must be a path: a string or pathlib.Path. Got {value!r}.")
    if not os.fspath(value):
        raise ValueError(f"{where} must be a path, not empty. Got {value!r}.")
    return str(os.fspath(value))


def array(value: Any, where: str, dtype: Any = None) -> np.ndarray:
    """Return numbers as a contiguous array of a dtype (None: their own), or raise.

    Examples
    --------
    >>> array([1, 2], "dense: x", "float32")
    array([1., 2.], dtype=float32)
    >>> array("ab", "dense: x")
    Traceback (most recent call last):
    cnnlite.errors.DtypeError: dense: x must be numbers of one shape. Got 'ab'. Pass an array.
    """
    try:
        found = np.asarray(value)
    except ValueError:  # lists of unequal lengths
        found = np.empty(0, object)
    if found.dtype.kind not in "fiub":
        raise DtypeError(f"{where} must be numbers of one shape. Got {value!r:.80}. Pass an array.")
    return np.asarray(found, dtype=dtype, order="C")


def _or_none(check: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    def checked(value: Any, where: str) -> Any:
        return None if value is None else check(value, where)

    return checked


Check = Callable[[Any, str], Any]
_CHECKS: dict[str, Check] = {
    "bool": flag,
    "str": text,
    "bool | None": _or_none(flag),
    "str | None": _or_none(text),
}


def _check_of(parameter: inspect.Parameter) -> Check | None:
    """Return the check that a parameter's name or annotation asks for."""
    if parameter.name == "seed":
        return seed
    if parameter.name == "dtype":  # np.float32 is one too
        return None
    kind = parameter.annotation
    return _CHECKS.get(kind if isinstance(kind, str) else getattr(kind, "__name__", ""))


@functools.cache
def _constructor(cls: Any) -> tuple[tuple[str, ...], dict[str, Check]]:
    """Return a class's positional arguments, and the checks of all that it or a base takes.

    A class of the user's says what its own arguments are, so those are left to it.
    """
    checks: dict[str, Check] = {}
    for base in reversed(cls.__mro__):
        if "__init__" not in vars(base) or base is object:
            continue
        for parameter in list(inspect.signature(base.__init__).parameters.values())[1:]:
            check = _check_of(parameter) if base.__module__.startswith("cnnlite.") else None
            checks.pop(parameter.name, None)
            if check is not None:
                checks[parameter.name] = check
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]
    return tuple(p.name for p in parameters if p.kind in positional), checks


def _run(
    checks: dict[str, Check], names: tuple[str, ...], args: Any, kwargs: Any, where: str
) -> None:
    for name, value in (*zip(names, args, strict=False), *kwargs.items()):
        check = checks.get(name)
        if check is not None:
            check(value, f"{where}: {name}")


class CheckedArguments:
    """A base whose constructors' flags, texts and seeds are checked before they run.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.Dense(3, use_bias="no")
    Traceback (most recent call last):
    TypeError: dense: use_bias must be True or False. Got 'no'.
    """

    __signature__ = ConstructorSignature()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        where = cls._own_name(kwargs)
        check_signature(cls, args, kwargs, where)
        names, checks = _constructor(cls)  # type: ignore[arg-type]
        _run(checks, names, args, kwargs, where)
        return super().__new__(cls)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return without_constructor(super().__reduce_ex__(protocol))

    @classmethod
    def _own_name(cls, kwargs: dict[str, Any]) -> str:
        """Return what errors in the constructor's arguments call the object."""
        return cls.__name__


def checks_arguments(where: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator: a function's flags, texts and seeds are checked before it runs.

    An unknown keyword, or one that is missing, is an error that names ``where``.

    Examples
    --------
    >>> @checks_arguments("example")
    ... def example(shuffle: bool = True): ...
    >>> example(shufle=True)
    Traceback (most recent call last):
    TypeError: example: there is no argument 'shufle'. help(example) lists them.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        parameters = inspect.signature(function).parameters
        names = tuple(parameters)
        found = {name: _check_of(p) for name, p in parameters.items()}
        checks = {name: check for name, check in found.items() if check is not None}
        empty, required = inspect.Parameter.empty, []
        for name, p in parameters.items():
            if p.default is empty and p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
                required.append(name)
        closed = all(p.kind is not inspect.Parameter.VAR_KEYWORD for p in parameters.values())

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            for name in kwargs:
                if closed and name not in parameters:
                    raise TypeError(
                        f"{where}: there is no argument {name!r}. "
                        f"help({where.split(':')[0]}) lists them."
                    )
            for name in required[len(args) :]:
                if name not in kwargs:
                    raise TypeError(f"{where}: the argument {name!r} is missing. Pass it.")
            _run(checks, names, args, kwargs, where)
            return function(*args, **kwargs)

        return checked

    return decorate
