"""Arrays joined along an axis, and cut: one launch copies one part, rows with a step."""

from __future__ import annotations

import functools
import math

import numba
from numba import cuda

from cnnlite.kernels.cuda.columns import carriers
from cnnlite.kernels.cuda.indices import divided, divisor
from cnnlite.kernels.cuda.launching import kernel, operation
from cnnlite.kernels.cuda.vectors import is_aligned

__all__ = ["concatenate", "split"]


@functools.cache
def _make_copy(dtype, width):
    take, put = carriers(width)

    @kernel
    def copy(count, row_length, y, y_start, y_step, x, x_start, x_step, accumulate):
        """Copy rows; all numbers but the width of a thread count threads."""
        values = cuda.local.array(width, dtype)
        sums = cuda.local.array(width, dtype)
        for at in range(cuda.grid(1), count, cuda.gridsize(1)):
            row, place = divided(at, row_length)
            take(values, x, (x_start + row * x_step + place) * width)
            to = (y_start + row * y_step + place) * width
            if accumulate:
                take(sums, y, to)
                for k in range(width):
                    values[k] += sums[k]
            put(y, to, values)

    return copy


def _copy_parts(whole, parts, axis, joins, accumulate):
    """Copy parts to their places in the whole, or these to the parts."""
    inner = math.prod(whole.shape[axis + 1 :])
    step, start = whole.shape[axis] * inner, 0
    for part in parts:
        length = part.shape[axis] * inner
        wide = whole.dtype.itemsize >= 4 and all(n % 4 == 0 for n in (length, step, start))
        by = 4 if wide and is_aligned(whole) and is_aligned(part) else 1
        in_whole, in_part = (whole, start // by, step // by), (part, 0, length // by)
        to, of = (in_whole, in_part) if joins else (in_part, in_whole)
        count = part.size // by
        _make_copy(numba.from_dtype(whole.dtype), by).over(
            count, count, divisor(length // by), *to, *of, accumulate
        )
        start += length


@operation(outputs=1)
def concatenate(y, xs, *, axis):
    _copy_parts(y, xs, axis, True, False)


@operation(outputs=1)
def split(dxs, dy, *, axis, accumulate=False):
    _copy_parts(dy, dxs, axis, False, accumulate)
