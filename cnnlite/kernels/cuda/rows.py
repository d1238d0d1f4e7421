"""Rows of a matrix: a few threads work on a row, and share what they find.

A block of BLOCK threads takes one long row, or several short ones: its ``threadIdx.y`` says
which of its rows a thread works on, ``threadIdx.x`` with which elements of it.  The functions
of the device here are called by all threads of a block at once, for they meet at barriers; so a
thread whose row is beyond the last one stays, with a row of no elements.
"""

from __future__ import annotations

import math

from cnnlite.kernels.cuda.functions import exp, is_nan, larger, smaller
from cnnlite.kernels.cuda.launching import (
    BLOCK,
    MOST_BLOCKS,
    SIMULATED,
    device_function,
    kernel,
)
from cnnlite.kernels.cuda.launching import device as cuda

__all__ = [
    "first_maximum", "first_place", "launch_rows", "powers", "row_max", "row_min", "row_product",
    "row_sum",
]  # fmt: skip

# Threads of a row of at most so many elements: a warp, whose threads read 128 bytes together.
# Each has 8 elements at most, so that a row does not wait long for few threads.
FEW, SHORT = (2, 4) if SIMULATED else (32, 256)
NOWHERE = 1 << 40  # larger than every place


def launch_rows(function: kernel, rows: int, count: int, *arguments: object) -> None:
    """Launch a kernel on so many rows of ``count`` elements.

    In the kernel, for the shared array of BLOCK elements that the functions here need::

        shared = cuda.shared.array(BLOCK, float64)
        for first in range(
            cuda.blockIdx.x * cuda.blockDim.y, rows, cuda.gridDim.x * cuda.blockDim.y
        ):
            row = first + cuda.threadIdx.y
            count = x.shape[1] if row < rows else 0
            for k in range(cuda.threadIdx.x, count, cuda.blockDim.x): ...
    """
    lanes = FEW if count <= SHORT else BLOCK
    blocks = -(-rows * lanes // BLOCK)
    if rows:
        function.launch(min(blocks, MOST_BLOCKS), (lanes, BLOCK // lanes), *arguments)


def _over_row(combine):
    """Return a function that combines the values of a row's threads, and gives all the result."""

    @device_function
    def combined(shared, value):
        # A tree: half the threads take in the values of the other half, then a quarter, ...
        lane, lanes = cuda.threadIdx.x, cuda.blockDim.x
        at = cuda.threadIdx.y * lanes + lane
        shared[at] = value
        cuda.syncthreads()
        half = lanes >> 1
        while half:
            if lane < half:
                shared[at] = combine(shared[at], shared[at + half])
            cuda.syncthreads()
            half >>= 1
        result = shared[at - lane]
        cuda.syncthreads()  # nobody writes the next values before all have read this one
        return result

    return combined


row_sum = _over_row(device_function(lambda a, b: a + b))
row_product = _over_row(device_function(lambda a, b: a * b))
row_max, row_min = _over_row(larger), _over_row(smaller)


@device_function
def powers(shared, x, row, count):
    """Return a row's maximum and the sum of the ``exp(x - maximum)``.

    The sum is NaN if the row has NaN or +inf, or nothing but -inf.  One reading of the row is
    enough: a sum of powers from another maximum needs but a factor (Milakov and Gimelshein,
    "Online normalizer calculation for softmax", 2018).
    """
    lowest, one = x.dtype.type(-math.inf), x.dtype.type(1)
    largest, total = lowest, x.dtype.type(0)
    for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
        value = x[row, k]
        if value > largest:
            total = total * exp(largest - value) + one
            largest = value
        elif value != lowest:  # whose power is 0, but NaN before there is a maximum
            total += exp(value - largest)
    of_row = x.dtype.type(row_max(shared, largest))
    return of_row, x.dtype.type(row_sum(shared, total * exp(largest - of_row)))


@device_function
def first_place(shared, largest, place):
    """Return the maximum of what a row's threads found, and the first place that has it.

    The maximum is NaN if a thread has found NaN.
    """
    of_row = row_max(shared, largest)
    return of_row, int(row_min(shared, place if largest == of_row else NOWHERE))


@device_function
def first_maximum(shared, x, row, count):
    """Return the place of a row's first maximum, or -1 if the row has NaN."""
    largest, place = x.dtype.type(-math.inf), cuda.threadIdx.x
    for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
        if x[row, k] > largest or is_nan(x[row, k]):
            largest, place = x[row, k], k
    of_row, place = first_place(shared, largest, place)
    return -1 if is_nan(of_row) else place
