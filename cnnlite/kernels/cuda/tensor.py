"""Elements selected, compared, looked up and converted: a thread computes one, or four."""

from __future__ import annotations

import functools
import math

import numba
import numpy as np
from numba import cuda, float64, int32

from cnnlite.kernels.cuda.columns import carriers, width_of
from cnnlite.kernels.cuda.functions import clip, is_nan
from cnnlite.kernels.cuda.indices import divided, divisor, index
from cnnlite.kernels.cuda.launching import BLOCK, kernel, operation
from cnnlite.kernels.cuda.memory import flat
from cnnlite.kernels.cuda.rows import launch_rows, row_max
from cnnlite.kernels.cuda.walks import broadcast, walked

__all__ = ["cast", "differs", "fill", "gather", "logical", "where"]


@kernel
def _where(y, mask, x, value, axes):
    for at in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        of_mask, of_x = walked(at, axes)
        y[at] = x[of_x] if mask[of_mask] else value


@operation(outputs=1)
def where(y, mask, x, *, value):
    axes = broadcast(tuple(y.shape), tuple(mask.shape), tuple(x.shape))
    _where.over(y.size, flat(y), flat(mask), flat(x), x.dtype.type(value), axes)


@kernel
def _logical(y, a, b, both, axes):
    for at in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        of_a, of_b = walked(at, axes)
        p, q = a[of_a] != 0, b[of_b] != 0
        y[at] = 1 if (p and q) or (not both and (p or q)) else 0


@operation(outputs=1)
def logical(y, a, b, *, function):
    axes = broadcast(tuple(y.shape), tuple(a.shape), tuple(b.shape))
    _logical.over(y.size, flat(y), flat(a), flat(b), function == "and", axes)


@kernel
def _differs(y, x, value):
    shared = cuda.shared.array(BLOCK, int32)
    for first in range(cuda.blockIdx.x * cuda.blockDim.y, y.size, cuda.gridDim.x * cuda.blockDim.y):
        row = first + cuda.threadIdx.y
        found = 0
        for k in range(cuda.threadIdx.x, x.shape[1] if row < y.size else 0, cuda.blockDim.x):
            if x[row, k] != value:
                found = 1
        found = row_max(shared, found)
        if cuda.threadIdx.x == 0 and row < y.size:
            y[row] = found


@operation(outputs=1)
def differs(y, x, *, value):
    launch_rows(_differs, *x.shape, y, x, x.dtype.type(value))


@functools.cache
def _make_gather(dtype, width):
    take, put = carriers(width)

    @kernel
    def gather_rows(count, y, table, ids, row_length):
        values = cuda.local.array(width, dtype)
        for at in range(cuda.grid(1), count, cuda.gridsize(1)):
            row, place = divided(at, row_length)
            v = ids[row]
            if 0 <= v < table.shape[0]:
                take(values, table, (v * row_length.value + place) * width)
            else:
                for k in range(width):
                    values[k] = table.dtype.type(math.nan)
            put(y, at * width, values)

    return gather_rows


@operation(outputs=1)
def gather(y, table, ids):
    columns = table.shape[1]
    by = width_of(columns, y, table)
    count = y.size // by
    kernel_of_type = _make_gather(numba.from_dtype(y.dtype), by)
    kernel_of_type.over(count, count, y, table, ids, divisor(columns // by))


@kernel
def _to_floating(y, x):
    for at in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        y[at] = x[at]


@kernel
def _to_whole(y, x, lowest, highest):
    for at in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        value = float64(x[at])
        y[at] = 0 if is_nan(value) else index(clip(value, lowest, highest))


@operation(outputs=1)
def cast(y, x):
    y, x = flat(y), flat(x)
    if y.dtype.kind == "f":
        _to_floating.over(y.size, y, x)
    else:
        limits = np.iinfo(y.dtype)
        _to_whole.over(y.size, y, x, float(limits.min), float(limits.max))


@kernel
def _fill(y, value):
    for at in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        y[at] = value


@operation(outputs=1)
def fill(y, *, value):
    _fill.over(y.size, flat(y), y.dtype.type(value))
