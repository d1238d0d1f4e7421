"""Columns of a matrix: blocks of threads go down them, each through a slice of the rows.

In a block ``threadIdx.x`` says which columns a thread works on, one or four neighbouring ones,
and ``threadIdx.y`` with which rows of the slice.  So neighbouring threads read neighbouring
elements, and what depends on the column alone is computed once for many rows.

Sums over the rows of a slice are trees in shared memory; those of the slices are added by a
second kernel, which finds them side by side: ``parts[..., column, slice]``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from cnnlite.kernels.cuda.launching import BLOCK, SIMULATED, device_function, kernel
from cnnlite.kernels.cuda.launching import device as cuda
from cnnlite.kernels.cuda.vectors import is_aligned, load, load_four, store, store_four

__all__ = [
    "Cut",
    "carriers",
    "cut",
    "first_column",
    "launch_columns",
    "make_column_sums",
    "width_of",
]

# Threads side by side at most: a warp, which reads 512 bytes of a row by fours.
ACROSS = 2 if SIMULATED else 32
# Blocks, if there are rows enough: 132 processors of an H200 hold four or more each, whose
# threads have enough on its way to keep the memory busy.  More would be more partial sums.
BLOCKS = 3 if SIMULATED else 132 * 4
LEAST = 2 if SIMULATED else 8  # rows of a thread, so that a block's sums are worth their barriers


class Cut(NamedTuple):
    """How rows and columns are shared out among blocks."""

    tiles: int  # of columns
    slices: int  # of rows
    step: int  # rows of a slice
    threads: tuple[int, int]


def width_of(columns: int, *arrays: Any) -> int:
    """Return how many neighbouring elements a thread takes at once: 4, or else 1."""
    return 4 if columns % 4 == 0 and all(map(is_aligned, arrays)) else 1


@functools.lru_cache(4096)
def cut(rows: int, columns: int, width: int, matrices: int = 1) -> Cut:
    """Return how matrices of so many rows and columns are cut, by threads of this width."""
    across = min(ACROSS, 1 << (-(-columns // width) - 1).bit_length()) if columns else 1
    tiles = -(-columns // (width * across))
    down = min(BLOCK // across, 1 << max(0, rows - 1).bit_length())
    wanted = max(1, BLOCKS // max(1, tiles * matrices))
    step = max(-(-rows // wanted), LEAST * down)
    return Cut(tiles, max(1, -(-rows // step)), step, (across, down))


def launch_columns(function: kernel, cut: Cut, *arguments: object, matrices: int = 1) -> None:
    """Launch a kernel on slices of the rows, and columns, of one matrix or more.

    In the kernel, whose last argument should be ``cut.step``::

        column = first_column(width)
        begin = cuda.blockIdx.y * step
        end = min(x.shape[0], begin + step) if column < x.shape[1] else begin
        for row in range(begin + cuda.threadIdx.y, end, cuda.blockDim.y): ...
    """
    if cut.tiles and matrices:
        function.launch((cut.tiles * matrices, cut.slices), cut.threads, *arguments)


@device_function
def first_column(width):
    """Return the first of the columns of a thread."""
    return (cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x) * width


@functools.cache
def carriers(width: int) -> tuple[Callable, Callable]:
    """Return ``take(own, x, at)`` and ``put(y, at, own)`` of one element, or of four."""

    @device_function
    def take_one(own, x, at):
        own[0] = load(x, at)

    @device_function
    def put_one(y, at, own):
        store(y, at, own[0])

    @device_function
    def take_four(own, x, at):
        own[0], own[1], own[2], own[3] = load_four(x, at)

    @device_function
    def put_four(y, at, own):
        store_four(y, at, (own[0], own[1], own[2], own[3]))

    return (take_one, put_one) if width == 1 else (take_four, put_four)


@functools.cache
def make_column_sums(width: int, combine: Callable | None = None) -> Callable:
    """Return ``run(shared, own)``, which makes of a thread's sums those of all threads below.

    shared has ``width * BLOCK`` elements, own has ``width``, one for each column.
    """
    plus = combine or device_function(lambda a, b: a + b)

    @device_function
    def run(shared, own):
        # A tree: the upper half of the threads takes in the values of the lower half, ...
        across, thread = cuda.blockDim.x, cuda.threadIdx.y * cuda.blockDim.x + cuda.threadIdx.x
        for k in range(width):
            shared[k * BLOCK + thread] = own[k]
        cuda.syncthreads()
        half = cuda.blockDim.y >> 1
        while half:
            if cuda.threadIdx.y < half:
                for k in range(width):
                    at = k * BLOCK + thread
                    shared[at] = plus(shared[at], shared[at + half * across])
            cuda.syncthreads()
            half >>= 1
        for k in range(width):
            own[k] = shared[k * BLOCK + cuda.threadIdx.x]
        cuda.syncthreads()  # nobody writes the next values before all have read these

    return run
