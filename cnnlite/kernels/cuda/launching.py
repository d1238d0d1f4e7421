"""Functions of the device: compiled at their first launch, launched with little Python.

A kernel of the device is written for threads that each take every so many-th element, so it
is right for any number of blocks, and made by a factory where it has a block of fixed size:
on a GPU blocks of 256 threads, in Numba's simulator (``NUMBA_ENABLE_CUDASIM=1``), where a
thread is a thread of the operating system, blocks of 4 to 16.

No atomic additions of floating numbers: a sum is a tree within a block, in shared memory,
then over the blocks' partial sums, in order.  So results are the same bits in every run.
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba import config, cuda
from numba.core.errors import NumbaPerformanceWarning
from numba.cuda.cudadrv.driver import CudaAPIError

from cnnlite.errors import BackendError
from cnnlite.kernels.cuda import memory

__all__ = [
    "BLOCK",
    "MOST_BLOCKS",
    "SIMULATED",
    "blocks_over",
    "check",
    "device",
    "device_function",
    "driver_errors",
    "kernel",
    "kept_launches",
    "operation",
]

SIMULATED = bool(config.ENABLE_CUDASIM)
BLOCK = 4 if SIMULATED else 256  # threads of a block, a power of two
# Blocks of a launch over many elements: 132 processors of an H200 hold 8 blocks each.
MOST_BLOCKS = 2 if SIMULATED else 132 * 8

Size = int | tuple[int, ...]


def device_function(function: Callable) -> Callable:
    """Make a function that kernels call.

    In the simulator a function of Python as it is: what ``cuda.jit`` makes of it there takes
    ten times as long, and exchanges the module's ``cuda`` while other threads use it.
    """
    return function if SIMULATED else cuda.jit(device=True)(function)


# What functions of the device that kernels of other modules call name instead of cuda.
device: Any = cuda
if SIMULATED:
    from cnnlite.kernels.cuda import simulator

    device = simulator.Device()


def blocks_over(count: int) -> int:
    """Return the number of blocks of a launch over so many elements."""
    return min(-(-count // BLOCK), MOST_BLOCKS)


def check() -> None:
    """Raise unless there is a GPU, or the simulator, to compute on.

    Raises
    ------
    BackendError
    """
    if SIMULATED or cuda.is_available():
        return
    try:
        cuda.detect()
        cuda.current_context()
        reason = "no device was found"
    except Exception as error:
        words = " ".join(f"{type(error).__name__}: {error}".split())
        reason = words.partition(". ")[0].rstrip(" :.")  # then follows advice on Numba's settings
    raise BackendError(
        f'back end "cuda": no GPU can be used. Got {reason}. Install an NVIDIA driver, or set '
        f"NUMBA_ENABLE_CUDASIM=1 before Python starts, to run kernels in a (slow) simulator."
    )


@contextmanager
def driver_errors(where: str) -> Iterator[None]:
    """Turn errors of the driver into the library's."""
    try:
        yield
    except CudaAPIError as error:
        mend = "Take smaller batches" if "OUT_OF_MEMORY" in str(error) else (
            "Nothing more can be computed on the GPU: start Python again, and report the case"
        )  # fmt: skip
        raise BackendError(
            f'{where}: back end "cuda": the GPU\'s driver reports an error, of this operation '
            f"or of one before it. Got {error}. {mend}."
        ) from error


_announced = False


def _announce(name: str, seconds: float) -> None:
    """Say on stderr what was compiled, and, the first time, why."""
    global _announced
    if not _announced:
        _announced = True
        print(
            "cnnlite: Numba compiles kernels for the GPU when they are first launched, and keeps "
            "them until Python ends.",
            file=sys.stderr,
        )
    print(f"cnnlite: compiled {name} for the GPU in {seconds:.1f} s", file=sys.stderr)


class _Kept(threading.local):
    launches: list[Callable[[], None]] | None = None


_kept = _Kept()


@contextmanager
def kept_launches() -> Iterator[list[Callable[[], None]]]:
    """Keep the launches of the operations called within, to make them again without those.

    An operation never looks into an array of the device, so that it launches the same kernels
    on the same arrays each time.
    """
    with memory.scratch_of_its_own():
        _kept.launches = launches = []
        try:
            yield launches
        finally:
            _kept.launches = None


class kernel:
    """A function that runs on the device in many threads, each with so many registers at most."""

    def __init__(self, function: Callable[..., None], registers: int | None = None) -> None:
        self.registers = registers
        limit = {} if SIMULATED or registers is None else {"max_registers": registers}
        self.compiled = cuda.jit(**limit)(function)
        self._launchers: dict[tuple[Size, Size], Callable[..., None]] = {}
        functools.update_wrapper(self, function)  # type: ignore[arg-type]

    def over(self, count: int, *arguments: Any) -> None:
        """Launch about one thread for each of ``count`` elements; none for none."""
        if count:
            self.launch(blocks_over(count), BLOCK, *arguments)

    def launch(self, blocks: Size, threads: Size, *arguments: Any) -> None:
        """Launch so many blocks of so many threads, in one dimension or more."""
        launcher = self._launchers.get((blocks, threads))
        if launcher is None or SIMULATED:  # whose launchers are one object, set to the last size
            with warnings.catch_warnings():  # of few blocks: small networks have small arrays
                warnings.simplefilter("ignore", NumbaPerformanceWarning)
                launcher = self._launchers[blocks, threads] = self.compiled[blocks, threads]
        if SIMULATED:
            launcher(*arguments)
        else:
            start, before = time.perf_counter(), len(self.compiled.overloads)
            launcher(*arguments)  # returns when the kernel is compiled, and stands in the queue
            if len(self.compiled.overloads) > before:
                _announce(self.compiled.__name__, time.perf_counter() - start)
        if _kept.launches is not None:
            again = functools.partial(self.launch, blocks, threads) if SIMULATED else launcher
            _kept.launches.append(functools.partial(again, *arguments))


def operation(outputs: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a kernel of the interface, written for arrays of the device, take the host's too.

    Parameters
    ----------
    outputs : int
        How many of the first arguments are written.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def run(*arguments: Any, **parameters: Any) -> None:
            with driver_errors(function.__name__), memory.scratch_used():
                if not any(map(memory.is_of_host, arguments)):
                    function(*arguments, **parameters)
                    return
                with memory.borrowed(arguments, outputs) as lent:
                    function(*lent, **parameters)

        run.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        return run

    return decorate
