"""The gradient of a table's rows: rows that belong to the same one are added in order.

Which thread comes first at an atomic addition is chance, and so would be the rounding.  So the
rows are sorted by their ids, which are few bytes beside the rows, and neighbours are added:

1. Every block sorts a chunk of the ids, by counting how many of it are smaller.
2. Every id looks for its place in each of the other chunks; the sum of these is its place.
3. The sorted rows are cut into runs of equal length.  A thread adds one column of a run, and
   writes a sum where an id begins and ends in the run; what goes on beyond it is kept.
4. What has been kept is added from run to run: a frequent id takes many threads, not one.

An id and its row are one number, the *key*, ``id 2^32 + row``: no two are equal.
"""

from __future__ import annotations

import numpy as np
from numba import cuda, int64

from cnnlite.kernels.cuda.indices import divided, divisor, index
from cnnlite.kernels.cuda.launching import BLOCK, SIMULATED, device_function, kernel, operation
from cnnlite.kernels.cuda.memory import scratch
from cnnlite.kernels.cuda.tensor import fill
from cnnlite.kernels.cuda.vectors import load, store

__all__ = ["scatter_add"]

# Threads that look for the place of one key; so many keys has a block.
SEEKERS = 2 if SIMULATED else 8
# Rows of a run: kept sums are two rows for each run, an eighth of what is read.
RUN = 3 if SIMULATED else 16


@kernel
def _sort_chunks(keys, ids, size):
    """Sort the keys of each chunk of BLOCK rows.  An id outside of the table goes last."""
    chunk = cuda.shared.array(BLOCK, int64)
    thread, start = cuda.threadIdx.x, cuda.blockIdx.x * BLOCK
    row = start + thread
    own = index(0)
    if row < ids.size:
        v = index(ids[row])
        own = ((v if 0 <= v < size else index(size)) << 32) | row
        chunk[thread] = own
    cuda.syncthreads()
    smaller = 0
    for n in range(min(BLOCK, ids.size - start)):
        smaller += 1 if chunk[n] < own else 0
    if row < ids.size:
        keys[start + smaller] = own


@device_function
def _smaller_ones(keys, start, end, key):
    """Return how many of the sorted keys from start to end are smaller."""
    low, high = start, end
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low - start


@kernel
def _join_chunks(ordered, keys):
    """Put every key where it belongs among all of them."""
    shared = cuda.shared.array(BLOCK, int64)
    lane, lanes = cuda.threadIdx.x, cuda.blockDim.x
    seeker = cuda.threadIdx.y
    at = cuda.blockIdx.x * lanes + lane
    place = index(0)
    if at < keys.size:
        for start in range(seeker * BLOCK, keys.size, cuda.blockDim.y * BLOCK):
            end = min(start + BLOCK, keys.size)
            place += _smaller_ones(keys, start, end, keys[at])
    shared[seeker * lanes + lane] = place
    cuda.syncthreads()
    if seeker == 0 and at < keys.size:
        for n in range(1, cuda.blockDim.y):
            place += shared[n * lanes + lane]
        ordered[place] = keys[at]


@device_function
def _goes_on(keys, end):
    """Return whether the id before this place is also the id after it."""
    return 0 < end < keys.size and keys[end - 1] >> 32 == keys[end] >> 32


@device_function
def _add(dtable, v, column, total):
    if v < dtable.shape[0]:
        at = v * dtable.shape[1] + column
        store(dtable, at, load(dtable, at) + total)


@kernel
def _add_runs(dtable, kept, dy, keys, count, columns):
    """Add the rows of each run.

    kept : (runs, 2, K): of the id that comes from the run before, and of the one that goes on to
        the next run
    """
    for at in range(cuda.grid(1), count, cuda.gridsize(1)):
        run, column = divided(at, columns)
        total, begins = dy.dtype.type(0), not _goes_on(keys, run * RUN)
        end = min(keys.size, (run + 1) * RUN)
        for n in range(run * RUN, end):
            key = keys[n]
            total += load(dy, (key & 0xFFFFFFFF) * columns.value + column)
            goes_on = _goes_on(keys, n + 1)
            if n + 1 < end and goes_on:
                continue
            if begins and not goes_on:
                _add(dtable, key >> 32, column, total)
            else:
                kept[run, 1 if begins else 0, column] = total
            total, begins = dy.dtype.type(0), True


@kernel
def _add_kept(dtable, kept, keys, count, columns):
    """Add what runs have kept, for each id where it begins."""
    for at in range(cuda.grid(1), count, cuda.gridsize(1)):
        run, column = divided(at, columns)
        end = (run + 1) * RUN
        if not _goes_on(keys, end):
            continue
        v = keys[end] >> 32
        if _goes_on(keys, run * RUN) and keys[run * RUN] >> 32 == v:
            continue  # began before
        total = kept[run, 1, column]
        while _goes_on(keys, end) and keys[end] >> 32 == v:
            run += 1
            end += RUN
            total += kept[run, 0, column]
        _add(dtable, v, column, total)


@operation(outputs=1)
def scatter_add(dtable, dy, ids, *, accumulate=False):
    if not accumulate:
        fill(dtable, value=0)
    rows, columns = dy.shape
    if not rows or not dtable.size:
        return
    chunks, runs = -(-rows // BLOCK), -(-rows // RUN)
    keys, ordered = (scratch(rows, np.int64) for _ in range(2))
    _sort_chunks.launch(chunks, BLOCK, keys, ids, dtable.shape[0])
    lanes = BLOCK // SEEKERS
    _join_chunks.launch(-(-rows // lanes), (lanes, SEEKERS), ordered, keys)
    kept, count = scratch((runs, 2, columns), dy.dtype), runs * columns
    _add_runs.over(count, dtable, kept, dy, ordered, count, divisor(columns))
    _add_kept.over(count, dtable, kept, ordered, count, divisor(columns))
