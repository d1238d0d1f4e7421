"""Functions compiled by Numba when they are first called: once parallel, once serial.

A function decorated with :class:`tiled` is an ordinary loop over tiles, written with
``prange``.  It is compiled twice from that one source.  The parallel version shares the
tiles out to threads; the serial one takes them in turn, and serves small work, a team of
one, and forked children, in which Numba's threads do not exist.  Both give the same bits:

- tiles are cut by shape alone, and a tile writes what no other tile writes;
- no sum crosses tiles but through an array of partial sums, added in order afterwards;
- no ``fastmath`` flag is set, so the compiler may neither reorder a sum nor fuse a product
  into it; where a fused multiply-add is wanted, the source says ``fma``.

Every parameter has its type as annotation (``F2``: a C-contiguous floating matrix), so that
a function has one compiled version for each working type, whatever it is called with, and
can be compiled ahead.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import time
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple, get_type_hints

import numba
import numpy as np
from numba import njit
from numpy.typing import DTypeLike

from cnnlite.errors import CnnliteWarning
from cnnlite.kernels import threads

__all__ = [
    "B", "D", "D1", "D2", "F1", "F2", "F3", "F4", "F5", "I1", "I2", "I4", "N", "N1", "N2", "Q1",
    "S1", "U1", "U2", "U4", "compile_ahead", "given", "inlined", "tiled", "versions",
]  # fmt: skip


class Kind(NamedTuple):
    """What a parameter is: Numba's type or its name, None for the working type; dimensions."""

    dtype: Any
    ndim: int


# Numbers: an index or count, a float64, a truth value.
N = Annotated[int, Kind("intp", 0)]
D = Annotated[float, Kind("float64", 0)]
B = Annotated[bool, Kind("bool", 0)]
# C-contiguous arrays of the working type, ...
F1, F2, F3, F4, F5 = (Annotated[np.ndarray, Kind(None, n)] for n in range(1, 6))
# ... of float64, intp, int32, uint8 and uint64.
D1, D2 = (Annotated[np.ndarray, Kind("float64", n)] for n in (1, 2))
N1, N2 = (Annotated[np.ndarray, Kind("intp", n)] for n in (1, 2))
I1, I2, I4 = (Annotated[np.ndarray, Kind("int32", n)] for n in (1, 2, 4))
S1 = Annotated[np.ndarray, Kind("float32", 1)]  # whatever the working type
U1, U2, U4 = (Annotated[np.ndarray, Kind("uint8", n)] for n in (1, 2, 4))
Q1 = Annotated[np.ndarray, Kind("uint64", 1)]

# A function that tiles call; it becomes part of them at every call, whatever its size: a constant
# argument then makes a version of its own, and the views that it takes count no references.
inlined = njit(error_model="numpy", forceinline=True)

# Opening and closing a parallel region takes 5 to 10 us: as much as two threads gain by sharing
# work of 20 us.
SMALLEST_SHARED_NS = 20e3

# Numba compiles a kept function anew when its own file has changed.  Here the modules that lend
# it functions count as well: their digest is part of its name.
_texts = {path.stem: path.read_text() for path in sorted(Path(__file__).parent.glob("*.py"))}
LENDING = [n for n in _texts if any(f"kernels.numba.{n} import" in t for t in _texts.values())]
_DIGEST = hashlib.sha256("".join(_texts[n] for n in LENDING).encode()).hexdigest()[:12]


def given(array: np.ndarray | None, dtype: DTypeLike, ndim: int = 1) -> np.ndarray:
    """Return the array, or one without elements that stands for None."""
    return np.empty((0,) * ndim, dtype) if array is None else array


class tiled:
    """A loop over tiles, compiled on its first call for a working type and kind of run.

    Called with an estimate of the work in nanoseconds on one core, then its arguments.
    """

    every: ClassVar[list[tiled]] = []

    def __init__(self, function: Callable[..., None]) -> None:
        hints = get_type_hints(function, include_extras=True)
        self.kinds = [hint.__metadata__[0] for name, hint in hints.items() if name != "return"]
        self.name = function.__name__
        self.first = next(n for n, kind in enumerate(self.kinds) if kind.dtype is None)
        self.function = function
        self.shares = "prange" in function.__code__.co_names  # else it always runs serially
        self.dispatchers: dict[bool, Any] = {}
        self.compiled: dict[tuple[str, bool], Callable[..., None]] = {}
        self.others: dict[str, tiled] = {}
        self.__doc__ = function.__doc__
        tiled.every.append(self)

    def __call__(self, nanoseconds: float, *arguments: Any) -> None:
        code = arguments[self.first].dtype.char
        team = threads.team_for(nanoseconds, SMALLEST_SHARED_NS)
        if team > 1 and self._share(team, code, arguments):
            return
        run = self.compiled.get((code, False)) or self.compile(code, False)
        run(*arguments)
        threads.note_team_size(1)

    def specialized(self, suffix: str, **names: Any) -> tiled:
        """Return the same code with other things behind some of its module's names.

        A suffix stands for one choice of them: Numba's cache tells functions apart by name.
        """
        if suffix not in self.others:
            self.others[suffix] = tiled(_version(self.function, suffix, names))
        return self.others[suffix]

    def _share(self, team: int, code: str, arguments: tuple[Any, ...]) -> bool:
        """Run on a team of threads; return False, and do nothing, if that is impossible now."""
        run = self.compiled.get((code, True)) or self.compile(code, True)
        alone = threading_layer() in ("workqueue", "not started")
        if alone and not _workqueue.acquire(blocking=False):
            return False
        before, most = numba.get_num_threads(), numba.config.NUMBA_NUM_THREADS
        if team > most:
            _warn_of_few(team, most)
            team = most
        try:
            numba.set_num_threads(team)
            run(*arguments)
        finally:
            numba.set_num_threads(before)
            if alone:
                _workqueue.release()
        threads.note_team_size(team)
        return True

    def compile(self, code: str, parallel: bool) -> Callable[..., None]:
        """Return the compiled function; a version that a run before kept is loaded."""
        with _compiling:
            if (code, parallel) not in self.compiled:
                start = time.perf_counter()
                dispatcher = self._dispatcher(parallel)
                run = dispatcher.compile(self._signature(code))
                self.compiled[code, parallel] = run
                if dispatcher.stats.cache_misses or not dispatcher.stats.cache_path:
                    _announce(self.name, code, parallel, time.perf_counter() - start, dispatcher)
            return self.compiled[code, parallel]

    def _signature(self, code: str) -> Any:
        working = numba.from_dtype(np.dtype(code))
        found = []
        for dtype, ndim in self.kinds:
            if dtype is None:
                scalar = working
            else:
                scalar = getattr(numba.types, dtype) if isinstance(dtype, str) else dtype
            found.append(numba.types.Array(scalar, ndim, "C") if ndim else scalar)
        return numba.types.void(*found)

    def _dispatcher(self, parallel: bool) -> Any:
        if parallel not in self.dispatchers:
            # Numba's cache tells functions apart by name, and does not look at options.
            name = f"{self.name}_{'parallel' if parallel else 'serial'}_{_DIGEST}"
            code = self.function.__code__.replace(co_name=name)
            version = types.FunctionType(code, self.function.__globals__, name)
            version.__qualname__, version.__module__ = name, self.function.__module__
            options = {"parallel": parallel, "nogil": True, "error_model": "numpy"}
            try:
                self.dispatchers[parallel] = njit(version, cache=True, **options)
            except RuntimeError:  # no folder to keep it in; _announce says so
                self.dispatchers[parallel] = njit(version, **options)
        return self.dispatchers[parallel]


def _version(function: Callable[..., None], suffix: str, names: dict[str, Any]) -> Any:
    """Return a function of the same code that sees other things behind some names.

    Other names of its module, not a closure: Numba's cache would take a function in a closure
    for a new one in every process.
    """
    version = types.FunctionType(
        function.__code__, {**function.__globals__, **names}, f"{function.__name__}_{suffix}"
    )
    version.__annotations__ = function.__annotations__
    version.__module__, version.__doc__ = function.__module__, function.__doc__
    return version


def versions(
    template: Callable[..., None], functions: dict[str, Callable[..., Any]]
) -> dict[str, tiled]:
    """Return a tiled version of ``template`` for each of the functions.

    In the template the module's name ``function`` stands for it.  Each is compiled when it is
    first used, and nobody waits for those that he does not use.
    """
    return {
        name: tiled(_version(template, name, {"function": inlined(function)}))
        for name, function in functions.items()
    }


_compiling = threading.RLock()
_announced = False


def _announce(name: str, code: str, parallel: bool, seconds: float, dispatcher: Any) -> None:
    """Say on stderr what was compiled, and, the first time, why and how to avoid it."""
    global _announced
    if not _announced:
        _announced = True
        kept = dispatcher.stats.cache_path
        where = f"keeps them in {kept}" if kept else "found no folder to keep them in"
        print(
            f"cnnlite: Numba compiles kernels when they are first used, and {where}. "
            f'cnnlite.compile_ahead("numba") compiles all of them at once.',
            file=sys.stderr,
        )
    kind = "parallel" if parallel else "serial"
    dtype = np.dtype(code).name
    print(f"cnnlite: compiled {name} ({dtype}, {kind}) in {seconds:.1f} s", file=sys.stderr)


# Numba's "workqueue" layer ends the process when two threads open parallel regions at the
# same time; its layers "tbb" and "omp" take turns by themselves.
_workqueue = threading.Lock()


def _renew_locks() -> None:
    global _workqueue, _compiling
    _workqueue, _compiling = threading.Lock(), threading.RLock()


os.register_at_fork(after_in_child=_renew_locks)


def threading_layer() -> str:
    """Return the name of the threading layer that Numba chose, or will choose."""
    try:
        return numba.threading_layer()
    except ValueError:  # none yet
        return "not started"


_warned = False


def _warn_of_few(team: int, most: int) -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            f"numba: {team} threads are wanted, but Numba was started with {most}, so kernels "
            f"run on {most}. Set NUMBA_NUM_THREADS={team} before Python starts, or call "
            f"cnnlite.set_num_threads({most}).",
            CnnliteWarning,
            stacklevel=5,
        )


def compile_ahead(dtype: str) -> None:
    """Compile every function for a working type, for both kinds of run."""
    from tqdm import tqdm  # here, as importing it takes long

    jobs = [
        (function, parallel)
        for function in tiled.every
        for parallel in (False, True)[: 1 + function.shares]
    ]
    for function, parallel in tqdm(jobs, desc=f"compiling for {dtype}", unit="function"):
        function.compile(np.dtype(dtype).char, parallel)
