"""Axes permuted: what moves as a whole is copied, what turns goes through shared memory.

Where the last axis stays the last, rows are copied from elsewhere.  Where another one takes its
place, neighbours in x are far apart in y: a block of threads reads a square tile along x's last
axis and writes it along y's, so that both ways neighbouring threads have neighbouring elements.
"""

from __future__ import annotations

import functools
import math

import numba
from numba import cuda

from cnnlite.kernels.cuda.columns import carriers
from cnnlite.kernels.cuda.indices import divided, divisor
from cnnlite.kernels.cuda.launching import BLOCK, SIMULATED, kernel, operation
from cnnlite.kernels.cuda.vectors import is_aligned, load, store
from cnnlite.kernels.cuda.walks import Axis, merged, table, walked

__all__ = ["transpose"]

SIDE = 4 if SIMULATED else 32  # of a tile: a warp reads 128 bytes of a row
DOWN = BLOCK // SIDE
# One column more, so that a column's elements lie in different banks of the memory.
TILE = (SIDE, SIDE + 1)
# With one side shorter than this a tile is mostly empty, and the cache joins what neighbouring
# threads read of one line.
NARROW = SIDE // 4


@functools.cache
def _make_move(dtype, width):
    take, put = carriers(width)

    @kernel
    def move(count, y, x, axes):
        values = cuda.local.array(width, dtype)
        for at in range(cuda.grid(1), count, cuda.gridsize(1)):
            of, _ = walked(at, axes)
            take(values, x, of * width)
            put(y, at * width, values)

    return move


@functools.cache
def _make_turn(dtype):
    @kernel
    def turn(y, x, outer, tiles, across, rows, columns, x_step, y_step):
        """``y[i y_step + j] = x[j x_step + i]`` for a tile of rows i and columns j."""
        tile = cuda.shared.array(TILE, dtype)
        index, place = divided(cuda.blockIdx.x, tiles)
        down, right = divided(place, across)
        of, to = walked(index, outer)
        for n in range(SIDE // DOWN):
            line = cuda.threadIdx.y + n * DOWN
            i, j = down * SIDE + cuda.threadIdx.x, right * SIDE + line
            if i < rows and j < columns:
                tile[line, cuda.threadIdx.x] = load(x, of + j * x_step + i)
        cuda.syncthreads()
        for n in range(SIDE // DOWN):
            line = cuda.threadIdx.y + n * DOWN
            i, j = down * SIDE + line, right * SIDE + cuda.threadIdx.x
            if i < rows and j < columns:
                store(y, to + i * y_step + j, tile[cuda.threadIdx.x, line])

    return turn


@functools.lru_cache(4096)
def _walk(shape: tuple[int, ...], axes: tuple[int, ...]) -> list[Axis]:
    """Return the axes of y, the last one first, with the steps in x and in y."""
    lengths = [shape[axis] for axis in axes]
    return merged(
        (shape[axis], math.prod(shape[axis + 1 :]), math.prod(lengths[n + 1 :]))
        for n, axis in enumerate(axes)
    )


@functools.lru_cache(4096)
def _in_fours(walk: tuple[Axis, ...]) -> list[Axis] | None:
    """Return the walk in steps of four elements, or None if there are no such steps."""
    (length, first, _), *outer = walk
    if first != 1 or any(n % 4 for n in (length, *(s for axis in outer for s in axis[1:]))):
        return None
    return [(length // 4, 1, 1), *((n, of // 4, to // 4) for n, of, to in outer)]


@operation(outputs=1)
def transpose(y, x, *, axes):
    if not x.size:
        return
    dtype = numba.from_dtype(x.dtype)
    walk = _walk(tuple(x.shape), tuple(axes))
    turned = [axis for axis in walk[1:] if axis[1] == 1]
    if turned and min(turned[0][0], walk[0][0]) > NARROW:
        (columns, x_step, _), (rows, _, y_step) = walk[0], turned[0]
        outer = [axis for axis in walk[1:] if axis[1] != 1]
        across, down = -(-columns // SIDE), -(-rows // SIDE)
        blocks = math.prod(axis[0] for axis in outer) * across * down
        _make_turn(dtype).launch(
            blocks, (SIDE, DOWN), y, x, table(outer), divisor(across * down), divisor(across),
            rows, columns, x_step, y_step,
        )  # fmt: skip
        return
    wide = walk and x.dtype.itemsize >= 4 and is_aligned(x) and is_aligned(y)
    fours = _in_fours(tuple(walk)) if wide else None
    by = 4 if fours else 1
    count = x.size // by
    _make_move(dtype, by).over(count, count, y, x, table(fours or walk))
