"""The tiled matrix product that matmul, convolution and the recurrent cells share.

A block of threads computes a tile of the result.  Slice by slice of the common dimension, 8
deep, it brings the rows of a and the columns of b to shared memory, where each element is read
by many threads; and each thread keeps its part of the tile, 8 rows by 8 columns say, in
registers, where an element that it reads from shared memory serves 8 multiplications.

Memory is far away, some 800 clocks.  So the next slice is on its way to registers while this
one is multiplied, and is put down in the other half of the shared memory, which nobody reads
any more: one barrier a slice.

Elements go four at a time, 16 bytes: *four* neighbours in memory are neighbours along the
common dimension, or along the rows of a or the columns of b, here both *lines*.  In shared
memory four neighbours are always of one k and of four lines, as the multiplication reads them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import cuda

from cnnlite.kernels.cuda.indices import Divisor, divided, divisor, short
from cnnlite.kernels.cuda.launching import BLOCK, SIMULATED, device_function, kernel
from cnnlite.kernels.cuda.memory import scratch
from cnnlite.kernels.cuda.tiles import DEPTH, Tile, plan
from cnnlite.kernels.cuda.vectors import is_aligned, load, load_four, store, store_four

__all__ = [
    "Matrix", "Operand", "matrix", "matrix_operand", "make_parts_product", "make_product",
]  # fmt: skip


# How the threads of a warp lie over the tile.  The 8 side by side read 32 neighbouring columns
# of b, each of the 32 banks of the shared memory once; the 4 below each other 16 rows of a.
WARP_ROWS, WARP_COLUMNS = (2, 2) if SIMULATED else (4, 8)

# By how many lines fours that lay along k are moved in the second half of a slice: the two fours
# of 16 lines that a warp stores then meet all 32 banks, none twice.
MOVED = 4 if SIMULATED else 16


class Operand(NamedTuple):
    """How the kernel reads one of two matrices: functions of the device.

    ``start(source, part)`` returns where the matrix of a part begins, and ``place(source, start,
    line, k)`` the offset of an element in ``source[0]``, or -1 where a 0 is meant.  It is also
    asked for elements out of bounds, which are not read then.
    """

    start: Callable
    place: Callable
    wide: bool  # four neighbours are read at once: all of them in bounds, or none
    along_depth: bool  # neighbours in memory: along k, else lines
    # Instead of the place, an element itself: ``element(source, start, line, k)``, in bounds.
    element: Callable | None = None


class Matrix(NamedTuple):
    """Many equal matrices in one array, for the operands of ``matrix_operand``."""

    array: Any
    line_step: int  # elements from a line to the next
    depth_step: int
    parts: Divisor  # part n is at ``n // parts * outer_step + n % parts * inner_step``
    outer_step: int
    inner_step: int


def matrix(array, line_step, depth_step, parts=1, outer_step=0, inner_step=0):
    """Return a Matrix of ``parts`` matrices side by side."""
    return Matrix(array, line_step, depth_step, divisor(parts), outer_step, inner_step)


@device_function
def _matrix_start(source, part):
    outer, inner = divided(part, source.parts)
    return outer * source.outer_step + inner * source.inner_step


@device_function
def _matrix_place(source, start, line, k):
    start += short(line) * short(source.line_step)
    return start + short(k) * short(source.depth_step)


def matrix_operand(source: Matrix, lines: int, depth: int) -> Operand:
    """Return how to read a Matrix: by fours where all of them are whole and aligned."""
    along_depth = source.depth_step == 1
    run, step = (depth, source.line_step) if along_depth else (lines, source.depth_step)
    steps = run, step, source.outer_step, source.inner_step
    wide = all(n % 4 == 0 for n in steps) and is_aligned(source.array)
    return Operand(_matrix_start, _matrix_place, wide, along_depth)


def make_carrier(dtype: Any, operand: Operand, lines_of_tile: int, tile: Tile) -> Any:
    """Return the functions that carry a slice of a matrix to shared memory.

    ``fetch(fours, source, start, first_line, k, lines, depth)`` brings a thread's share to its
    registers, 0 for what lies outside; ``put(shared, at, fours)`` stores it.
    """
    place, wide, along_depth = operand.place, operand.wide, operand.along_depth
    own_element: Any = operand.element
    in_a_run = (DEPTH if along_depth else lines_of_tile) // 4
    threads = tile.threads
    count = lines_of_tile * DEPTH // 4 // threads

    @device_function
    def placed_element(source, start, line, k, lines, depth):
        at = place(source, start, line, k)
        if line < lines and k < depth and at >= 0:
            return load(source[0], at)
        return source[0].dtype.type(0)

    @device_function
    def other_element(source, start, line, k, lines, depth):
        if line < lines and k < depth:
            return own_element(source, start, line, k)
        return dtype(0)

    element = other_element if own_element else placed_element

    @device_function
    def four_of(source, start, line, k, lines, depth):
        if wide:
            at = place(source, start, line, k)
            if line < lines and k < depth and at >= 0:
                return load_four(source[0], at)
            zero = source[0].dtype.type(0)
            return zero, zero, zero, zero
        down, right = (0, 1) if along_depth else (1, 0)
        return (
            element(source, start, line, k, lines, depth),
            element(source, start, line + down, k + right, lines, depth),
            element(source, start, line + 2 * down, k + 2 * right, lines, depth),
            element(source, start, line + 3 * down, k + 3 * right, lines, depth),
        )

    @device_function
    def fetch(fours, source, start, first_line, first_k, lines, depth):
        for n in range(count):
            at = cuda.threadIdx.x + n * threads
            if along_depth:
                line, k = first_line + at // in_a_run, first_k + at % in_a_run * 4
            else:
                line, k = first_line + at % in_a_run * 4, first_k + at // in_a_run
            fours[n, 0], fours[n, 1], fours[n, 2], fours[n, 3] = four_of(
                source, start, line, k, lines, depth
            )

    @device_function
    def put(shared, start, fours):
        for n in range(count):
            at = cuda.threadIdx.x + n * threads
            if along_depth:
                line, k = at // in_a_run, at % in_a_run * 4
                to = start + k * lines_of_tile + (line ^ k // 4 * MOVED)
                for m in range(4):
                    store(shared, to + m * lines_of_tile, fours[n, m])
            else:
                four = fours[n, 0], fours[n, 1], fours[n, 2], fours[n, 3]
                store_four(shared, start + at * 4, four)

    return fetch, put, count


def make_parts_product(dtype: Any, left: Operand, right: Operand, write: Callable) -> Callable:
    """Return ``run(rows, columns, depth, parts, target, a, b)``: a product of each part.

    Parameters
    ----------
    dtype : numba type
        float32 or float64: that of sums and shared memory.
    left, right : Operand
        How a and b are read; both are tuples that begin with the array.
    write : function of the device
        ``write(target, part, row, column, sum)``
    """
    itemsize = dtype.bitwidth // 8

    @functools.cache
    def multiply_by(tile):
        return _make_multiply(dtype, left, right, write, tile)

    @kernel
    def add_slices(rows, columns, slices, target, sums):
        part = cuda.blockIdx.z
        start = part * slices
        for at in range(cuda.grid(1), rows * columns, cuda.gridsize(1)):
            row, column = at // columns, at % columns
            total = sums[start, row, column]
            for n in range(1, slices):
                total += sums[start + n, row, column]
            write(target, part, row, column, total)

    def run(rows, columns, depth, parts, target, a, b):
        if not (rows and columns and parts):
            return
        tile, slices = plan(rows, columns, depth, parts, itemsize)
        share = -(-depth // (slices * DEPTH)) * DEPTH
        slices = max(1, -(-depth // max(1, share)))
        across = -(-columns // tile.columns)
        blocks = (-(-rows // tile.rows) * across, slices, parts)
        shape = (slices * parts, rows, columns) if slices > 1 else (0, 0, 0)
        sums = scratch(shape, np.dtype(str(dtype)))
        multiply_by(tile).launch(
            blocks, tile.threads, rows, columns, depth, share, across, target, a, b, sums
        )
        if slices > 1:
            blocks = (min(-(-rows * columns // BLOCK), 65535), 1, parts)
            add_slices.launch(blocks, BLOCK, rows, columns, slices, target, sums)

    return run


def _make_multiply(dtype: Any, left: Operand, right: Operand, write: Callable, tile: Tile) -> Any:
    tile_rows, tile_columns, own_rows, own_columns = tile[:4]
    warps_across = tile_columns // own_columns // WARP_COLUMNS
    warp = WARP_ROWS * WARP_COLUMNS
    # A thread's rows lie in groups of four, so that neighbours can take what lies between.
    row_groups, column_groups = own_rows // 4, own_columns // 4
    row_step, column_step = tile_rows // row_groups, tile_columns // column_groups
    rows_at_once = tile_rows // own_rows
    half_a, half_b = DEPTH * tile_rows, DEPTH * tile_columns
    size_a, size_b = 2 * half_a, 2 * half_b
    fetch_a, put_a, fours_of_a = make_carrier(dtype, left, tile_rows, tile)
    fetch_b, put_b, fours_of_b = make_carrier(dtype, right, tile_columns, tile)
    begin_a, begin_b = left.start, right.start
    a_moved, b_moved = left.along_depth, right.along_depth

    @device_function
    def add_products(sums, some_a, some_b, at_a, at_b):
        """Add the products of a thread's rows and columns at one k."""
        x = cuda.local.array((row_groups, 4), dtype)
        y = cuda.local.array((column_groups, 4), dtype)
        for n in range(row_groups):
            x[n, 0], x[n, 1], x[n, 2], x[n, 3] = load_four(some_a, at_a + n * row_step)
        for n in range(column_groups):
            y[n, 0], y[n, 1], y[n, 2], y[n, 3] = load_four(some_b, at_b + n * column_step)
        for i in range(own_rows):
            for j in range(own_columns):
                sums[i, j] += x[i // 4, i % 4] * y[j // 4, j % 4]

    @device_function
    def add_four(sums, some_a, some_b, at_a, at_b):
        add_products(sums, some_a, some_b, at_a, at_b)
        add_products(sums, some_a, some_b, at_a + tile_rows, at_b + tile_columns)
        add_products(sums, some_a, some_b, at_a + 2 * tile_rows, at_b + 2 * tile_columns)
        add_products(sums, some_a, some_b, at_a + 3 * tile_rows, at_b + 3 * tile_columns)

    def multiply(rows, columns, depth, share, across, target, a, b, partial):
        some_a = cuda.shared.array(size_a, dtype, alignment=16)
        some_b = cuda.shared.array(size_b, dtype, alignment=16)
        next_a = cuda.local.array((fours_of_a, 4), dtype)
        next_b = cuda.local.array((fours_of_b, 4), dtype)
        sums = cuda.local.array((own_rows, own_columns), dtype)
        thread, part = cuda.threadIdx.x, cuda.blockIdx.z
        first_row = short(cuda.blockIdx.x // across * tile_rows)
        first_column = short(cuda.blockIdx.x % across * tile_columns)
        begin = cuda.blockIdx.y * share
        end = min(depth, begin + share)
        start_a, start_b = begin_a(a, part), begin_b(b, part)
        lane = thread % warp
        down, right = thread // warp // warps_across, thread // warp % warps_across
        own_row = short((down * WARP_ROWS + lane // WARP_COLUMNS) * 4)
        own_column = short((right * WARP_COLUMNS + lane % WARP_COLUMNS) * 4)
        moved_row = own_row ^ MOVED if a_moved else own_row
        moved_column = own_column ^ MOVED if b_moved else own_column
        own_place = own_row // 4 * tile_columns + own_column
        for i in range(own_rows):
            for j in range(own_columns):
                sums[i, j] = 0
        fetch_a(next_a, a, start_a, first_row, begin, rows, end)
        fetch_b(next_b, b, start_b, first_column, begin, columns, end)
        put_a(some_a, 0, next_a)
        put_b(some_b, 0, next_b)
        cuda.syncthreads()
        turn = short(0)
        for coming in range(begin + DEPTH, end + DEPTH, DEPTH):
            fetch_a(next_a, a, start_a, first_row, coming, rows, end)
            fetch_b(next_b, b, start_b, first_column, coming, columns, end)
            # In line: loops would cost a fifth of the instructions.
            at_a, at_b = turn * half_a, turn * half_b
            add_four(sums, some_a, some_b, at_a + own_row, at_b + own_column)
            at_a, at_b = at_a + 4 * tile_rows, at_b + 4 * tile_columns
            add_four(sums, some_a, some_b, at_a + moved_row, at_b + moved_column)
            turn = short(1 - turn)
            put_a(some_a, turn * half_a, next_a)
            put_b(some_b, turn * half_b, next_b)
            cuda.syncthreads()
        # The tile leaves by way of shared memory, a row of each thread at a time, so that
        # neighbouring threads write neighbouring columns.  Registers have no index: of all rows
        # one is picked by a condition, which must not let the compiler make an index again.
        for rest in range(own_rows):
            for i in range(own_rows):
                if i + rest == own_rows - 1:
                    for n in range(column_groups):
                        j = 4 * n
                        four = sums[i, j], sums[i, j + 1], sums[i, j + 2], sums[i, j + 3]
                        store_four(some_b, own_place + n * column_step, four)
            cuda.syncthreads()
            own = own_rows - 1 - rest
            for at in range(thread, rows_at_once * tile_columns, cuda.blockDim.x):
                row = first_row + at // tile_columns * 4 + own // 4 * row_step + own % 4
                column = first_column + at % tile_columns
                if row < rows and column < columns:
                    if partial.size:
                        partial[part * cuda.gridDim.y + cuda.blockIdx.y, row, column] = some_b[at]
                    else:
                        write(target, part, row, column, some_b[at])
            cuda.syncthreads()

    return kernel(multiply, tile.registers)


def make_product(dtype: Any, left: Callable, right: Callable, write: Callable) -> Callable:
    """Return ``run(rows, columns, depth, target, a, b)`` of elements read one by one.

    Parameters
    ----------
    dtype : numba type
        float32 or float64: that of sums and shared memory.
    left, right : functions of the device
        ``left(a, row, k)`` and ``right(b, k, column)``, called within the bounds alone.
    write : function of the device
        ``write(target, row, column, sum)``
    """

    @device_function
    def start(source, part):
        return 0

    @device_function
    def of_left(source, start, row, k):
        return left(source[0], row, k)

    @device_function
    def of_right(source, start, column, k):
        return right(source[0], k, column)

    @device_function
    def to_target(target, part, row, column, value):
        write(target, row, column, value)

    run = make_parts_product(
        dtype,
        Operand(start, start, False, True, of_left),
        Operand(start, start, False, False, of_right),
        to_target,
    )

    def run_one(rows, columns, depth, target, a, b):
        run(rows, columns, depth, 1, target, (a,), (b,))

    return run_one
