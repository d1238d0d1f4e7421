"""Which back end serves an operation.

A back end is a module ``cnnlite.kernels.<name>`` with a table ``KERNELS`` of
functions by operation name and a tuple ``DTYPES``, and may have ``SHORTCUTS``: for
operations on plain arrays, functions that check and allocate by themselves and return
None for what is not plain.  The reference defines the
operations and their signatures; what another back end lacks, in an operation or
a dtype, falls to the reference, never to a third one, and says so once.
"""

from __future__ import annotations

import importlib
import inspect
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from cnnlite import config
from cnnlite.errors import BackendError, CnnliteWarning
from cnnlite.kernels import reference

__all__ = [
    "compile_ahead", "get_backend", "kernel", "kernel_table", "set_backend", "using_backend",
]  # fmt: skip

BACKENDS = ("native", "cython", "numba", "cuda", "reference")  # the first is the default
EXTRAS = ("numba", "cuda")  # need optional packages, which the extra of their name installs
DTYPES = ("float32", "float64")

Kernel = Callable[..., None]

_lock = threading.Lock()  # a forked child gets a new one: its holder may not exist there
_loaded: dict[str, dict[tuple[str, str], Kernel]] = {}
_shortcuts: dict[str, dict[str, Callable[..., np.ndarray | None]]] = {}
_devices: dict[str, Any] = {}
_resolved: dict[tuple[str, str, str], Kernel] = {}
_warned: set[tuple[str, str]] = set()


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def _parameters(function: Kernel) -> list[tuple[str, object, object]]:
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


def _register(backend: str, name: str, function: Kernel) -> None:
    """Refuse an operation that the reference lacks or whose signature differs."""
    expected = reference.KERNELS.get(name)
    if expected is None:
        raise BackendError(
            f"registry: back end {backend!r} offers {name!r}, which the reference does not "
            f"define. Add it to cnnlite.kernels.reference first."
        )
    if _parameters(function) != _parameters(expected):
        raise BackendError(
            f"registry: {name} of back end {backend!r} differs from the reference. "
            f"Got {name}{inspect.signature(function)}. "
            f"Make it {name}{inspect.signature(expected)}."
        )


def _imported(backend: str) -> ModuleType:
    try:
        return importlib.import_module(f"cnnlite.kernels.{backend}")
    except ImportError as error:
        raise BackendError(
            f"back end {backend!r}: cannot be imported. Got {type(error).__name__}: {error}. "
            + (f'Type: pip install "cnnlite-engine[{backend}]"' if backend in EXTRAS else "")
        ) from error


def _load(backend: str) -> dict[tuple[str, str], Kernel]:
    with _lock:
        if backend not in _loaded:
            table = {(n, d): f for n, f in reference.KERNELS.items() for d in DTYPES}
            _shortcuts[backend], _devices[backend] = {}, None
            if backend != "reference":
                module = _imported(backend)
                getattr(module, "check", lambda: None)()  # a back end may need a device
                for name, function in module.KERNELS.items():
                    _register(backend, name, function)
                table = {(n, d): f for n, f in module.KERNELS.items() for d in module.DTYPES}
                _shortcuts[backend] = getattr(module, "SHORTCUTS", {})
                _devices[backend] = getattr(module, "DEVICE", None)
            _loaded[backend] = table
        return _loaded[backend]


def _checked(backend: str, where: str) -> str:
    if backend not in BACKENDS:
        raise BackendError(
            f"{where}: no such back end. Got {backend!r}. Choose one of {', '.join(BACKENDS)}."
        )
    _load(backend)
    return backend


_current = BACKENDS[0]
if os.environ.get("CNNLITE_BACKEND"):
    _current = _checked(os.environ["CNNLITE_BACKEND"], "CNNLITE_BACKEND")


def set_backend(backend: str) -> None:
    """Compute with ``backend`` from now on, in the whole process.

    Parameters
    ----------
    backend : {"native", "cython", "numba", "cuda", "reference"}

    Raises
    ------
    BackendError
        If there is no such back end, or the package that it needs is not installed.

    Examples
    --------
    >>> import cnnlite
    >>> before = cnnlite.get_backend()
    >>> cnnlite.set_backend("reference")
    >>> cnnlite.set_backend(before)
    """
    global _current
    _current = _checked(backend, "set_backend")


def get_backend() -> str:
    """Return the name of the back end in use.

    Examples
    --------
    >>> import cnnlite
    >>> with cnnlite.using_backend("reference"):
    ...     cnnlite.get_backend()
    'reference'
    """
    return _current


@contextmanager
def using_backend(backend: str) -> Iterator[None]:
    """Context manager: compute with ``backend`` inside, in the whole process."""
    before = _current
    set_backend(backend)
    try:
        yield
    finally:
        set_backend(before)


def compile_ahead(backend: str | None = None, dtype: str = "float32") -> None:
    """Compile all that a back end would else compile on its first use: some minutes, once.

    What was compiled is kept for later runs.  Only "numba" keeps what it compiles at run time;
    for the others nothing is done, though "cuda" compiles each kernel at its first launch.

    Parameters
    ----------
    backend : str, optional
        Default: the one in use.
    dtype : {"float32", "float64"}

    Raises
    ------
    BackendError
        If there is no such back end, or the package that it needs is not installed.
    ValueError
        If ``dtype`` is another.

    Examples
    --------
    >>> import cnnlite
    >>> cnnlite.compile_ahead("native")
    """
    backend = _checked(_current if backend is None else backend, "compile_ahead")
    if dtype not in DTYPES:
        raise ValueError(
            f"compile_ahead: no working type. Got {dtype!r}. Choose one of {', '.join(DTYPES)}."
        )
    module = importlib.import_module(f"cnnlite.kernels.{backend}")
    if hasattr(module, "compile_ahead"):
        module.compile_ahead(dtype)


def kernel(name: str, dtype: np.dtype, backend: str | None = None) -> Kernel:
    """Return the function that computes operation ``name`` for ``dtype``.

    Parameters
    ----------
    name : str
        An operation of ``cnnlite.kernels.reference``.
    dtype : numpy.dtype
        float32 or float64.
    backend : str, optional
        Default: the one in use.

    Raises
    ------
    BackendError
        If the back end lacks the operation and ``CNNLITE_STRICT=1``.
    """
    # By the dtype's one-letter code: NumPy computes its name anew, in a microsecond.
    found = _resolved.get((backend or _current, name, dtype.char))
    return found if found is not None else _resolve(backend or _current, name, dtype)


def shortcut(name: str) -> Callable[..., np.ndarray | None] | None:
    """Return the shortcut that the back end in use has for an operation, or None."""
    return _shortcuts[_current].get(name) if _current in _shortcuts else None


def _resolve(backend: str, name: str, dtype: np.dtype) -> Kernel:
    found = _load(backend).get((name, dtype.name))
    if found is None:
        found = reference.KERNELS[name]
        _announce_fall(backend, name, dtype.name)
    _resolved[backend, name, dtype.char] = found
    return found


def device(backend: str) -> Any:
    """Return the memory functions of a back end with a device of its own, else None."""
    _load(backend)
    return _devices[backend]


def offers(backend: str, name: str) -> bool:
    """Return whether a back end computes operation ``name`` itself, for some dtype."""
    return any((name, dtype) in _load(backend) for dtype in DTYPES)


def _announce_fall(backend: str, name: str, dtype: str) -> None:
    """Warn once that an operation falls to the reference (an error when strict)."""
    advice = "Use float32" if dtype == "float64" else 'Use cnnlite.set_backend("native")'
    message = (
        f"{name}: back end {backend!r} has no {dtype} version, so the slow reference "
        f'computes it. {advice}, or choose the reference: cnnlite.set_backend("reference").'
    )
    if config.flag("CNNLITE_STRICT"):
        raise BackendError(message)
    # float64 falls as a whole: one warning for the dtype, not one per operation.
    what = (backend, "float64") if dtype == "float64" else (backend, name)
    if what not in _warned:
        _warned.add(what)
        warnings.warn(message, CnnliteWarning, stacklevel=5)


def kernel_table(backend: str | None = None) -> list[tuple[str, str, str]]:
    """Return (operation, dtype, back end that really serves it) of every operation."""
    backend = backend or _current
    table = _load(backend)
    return [
        (name, dtype, backend if (name, dtype) in table else "reference")
        for name in reference.KERNELS
        for dtype in DTYPES
    ]
