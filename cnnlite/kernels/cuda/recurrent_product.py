"""The product of a recurrent step with its weights, for kernels that go on with the sums.

A block computes a tile: all gates of some units, of some sequences.  A thread keeps the sums of
4 rows and 4 units, for all gates, in registers.  Where the tiles are small, for there are few
sequences, a tile has fewer of these parts than the block has threads; then groups of threads
share the depth, four after four, and their sums are added in order at the end.

The step is short, so what counts is how often it waits for memory.  Hence slices of the common
dimension as deep as shared memory and registers hold, each on its way to registers while the
one before is multiplied.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numba

from cnnlite.kernels.cuda.indices import index, short
from cnnlite.kernels.cuda.launching import SIMULATED, device, device_function
from cnnlite.kernels.cuda.tiles import PROCESSORS
from cnnlite.kernels.cuda.vectors import is_aligned, load, load_four, store_four

__all__ = ["THREADS", "Kind", "gradient_product", "kind_of", "state_product"]

THREADS = 4 if SIMULATED else 128


class Tile(NamedTuple):
    """What a block computes, all gates of it."""

    rows: int  # sequences
    units: int
    own_rows: int  # of a thread, with 4 units
    groups: int  # of threads, that share the depth
    fours: int  # elements by four of a slice, on their way in a thread's registers, at most

    @property
    def row_lanes(self) -> int:
        return self.rows // self.own_rows

    @property
    def unit_lanes(self) -> int:
        return self.units // 4


# An LSTM's 4 gates make 64 sums of a thread, in as many registers, and 48 hold what is on its way.
# Half the rows where elements take two registers, or come one by one, each with its own bounds.
# Tiles are from counts of instructions: nothing was measured on a GPU yet.
TILES = Tile(64, 32, 4, 1, 12), Tile(16, 32, 4, 4, 12), Tile(16, 8, 4, 16, 12)
HALF_TILES = Tile(32, 32, 2, 1, 8), Tile(8, 32, 2, 4, 8), Tile(8, 8, 2, 16, 8)
DEEPEST = 128  # slice
if SIMULATED:
    TILES, HALF_TILES, DEEPEST = (Tile(4, 8, 4, 2, 12),), (Tile(2, 8, 2, 2, 8),), 8


def _tile(rows: int, units: int, half: bool) -> Tile:
    """Return the largest tile that leaves no processor without work, or the smallest one."""
    tiles = HALF_TILES if half else TILES
    for tile in tiles:
        if -(-rows // tile.rows) * -(-units // tile.units) >= PROCESSORS:
            return tile
    return tiles[-1]


class Kind(NamedTuple):
    """What the kernels of an operation are made for."""

    dtype: Any  # numba's
    tile: Tile
    wide: bool  # four neighbours are read at once: all of them in bounds, or none
    dropped: bool
    masked: bool
    zero: bool  # what is shown at a masked step


def kind_of(h: Any, arrays: Iterable[Any], drop: Any, mask: Any, zero: bool) -> Kind:
    """Return the Kind of kernel for states like h (N, U).

    arrays : what the products read by fours, but for what is allocated here, which is aligned
    """
    rows, units = h.shape
    wide = units % 4 == 0 and all(is_aligned(a) for a in (*arrays, drop) if a is not None)
    tile = _tile(rows, units, h.dtype.itemsize > 4 or not wide)
    masked = mask is not None
    return Kind(numba.from_dtype(h.dtype), tile, wide, drop is not None, masked, masked and zero)


class Product(NamedTuple):
    """A step's product, for a kernel of its own: constants, and functions of the device.

    ``multiply(some, left, weights, drop, rows, units, depth)`` leaves the tile's sums in the
    shared array ``some`` of ``size`` elements; ``total(some, at, gate)`` reads the one of a
    pair of row and unit, of which there are ``pairs``; ``place(at)`` returns row and unit.

    left, weights : tuples (array, start, line_step, gate_step)
        left[row, gate, k] and weights[k, gate, unit]: ``start + line * line_step + gate *
        gate_step``, then neighbours in memory.
    """

    size: int
    pairs: int
    multiply: Callable
    total: Callable
    place: Callable


@device_function
def _place(source, line, gate, at):
    start = source[1] + index(line) * index(source[2])
    return start + short(short(gate) * short(source[3]) + short(at))


def _make_product(
    dtype: Any,
    tile: Tile,
    wide: bool,
    gates: int,
    *,
    own: bool,
    apart: bool,
    dropped: bool = False,
) -> Product:
    """Return the product of ``gates`` matrices.

    Parameters
    ----------
    dtype : numba type
    tile : Tile
    wide : bool
    gates : int
        The first ones of ``drop``.
    own : bool
        Whether each gate has a left matrix of its own.
    apart : bool
        Whether each gate has a sum of its own, not all of them one.
    dropped : bool
        Whether left is multiplied with ``drop`` (N, G, U).
    """
    rows_of_tile, units_of_tile, own_rows, groups, fours_at_once = tile
    row_lanes, unit_lanes = tile.row_lanes, tile.unit_lanes
    lanes = row_lanes * unit_lanes
    lefts, totals = gates if own else 1, gates if apart else 1
    lines, deep = rows_of_tile * lefts + units_of_tile * gates, DEEPEST
    while deep > 4 * groups and lines * deep > fours_at_once * 4 * THREADS:
        deep //= 2
    # Rows that follow each other begin 4 banks of the shared memory apart.
    row_step = deep + 4
    next_row = row_lanes * lefts * row_step
    begin_weights = rows_of_tile * lefts * row_step
    weights_step = gates * units_of_tile
    left_fours = rows_of_tile * lefts * deep // 4
    weight_fours = deep * weights_step // 4
    left_turns, weight_turns = -(-left_fours // THREADS), -(-weight_fours // THREADS)
    pairs = rows_of_tile * units_of_tile
    size = max(begin_weights + deep * weights_step, groups * totals * pairs)

    @device_function
    def element(source, line, gate, at, lines, length):
        if line < lines and at < length:
            return load(source[0], _place(source, line, gate, at))
        return dtype(0)

    @device_function
    def one_by_one(source, line, gate, at, lines, length):
        return (
            element(source, line, gate, at, lines, length),
            element(source, line, gate, at + 1, lines, length),
            element(source, line, gate, at + 2, lines, length),
            element(source, line, gate, at + 3, lines, length),
        )

    @device_function
    def at_once(source, line, gate, at, lines, length):
        if line < lines and at < length:
            return load_four(source[0], _place(source, line, gate, at))
        return dtype(0), dtype(0), dtype(0), dtype(0)

    four = at_once if wide else one_by_one

    @device_function
    def undropped(x, drop, row, gate, k, rows, depth):
        return x

    @device_function
    def without_dropped(x, drop, row, gate, k, rows, depth):
        of_gate = (drop, 0, drop.shape[1] * depth, depth)
        by = four(of_gate, row, gate, k, rows, depth)
        return x[0] * by[0], x[1] * by[1], x[2] * by[2], x[3] * by[3]

    what_stays = without_dropped if dropped else undropped

    @device_function
    def fetch_left(fours, left, drop, first_row, first_k, rows, depth):
        for n in range(left_turns):
            at = short(device.threadIdx.x + n * THREADS)
            line, k = at // (deep // 4), first_k + at % (deep // 4) * 4
            row, gate = short(first_row + line // lefts), line % lefts
            x = four(left, row, gate, k, rows, depth)
            x = what_stays(x, drop, row, gate, k, rows, depth)
            fours[n, 0], fours[n, 1], fours[n, 2], fours[n, 3] = x

    @device_function
    def put_left(some, fours):
        for n in range(left_turns):
            at = short(device.threadIdx.x + n * THREADS)
            if at < left_fours:
                x = fours[n, 0], fours[n, 1], fours[n, 2], fours[n, 3]
                store_four(some, at // (deep // 4) * row_step + at % (deep // 4) * 4, x)

    @device_function
    def fetch_weights(fours, weights, first_k, first_unit, depth, units):
        for n in range(weight_turns):
            at = short(device.threadIdx.x + n * THREADS)
            line, unit = at // unit_lanes, first_unit + at % unit_lanes * 4
            k, gate = first_k + line // gates, line % gates
            fours[n, 0], fours[n, 1], fours[n, 2], fours[n, 3] = four(
                weights, k, gate, unit, depth, units
            )

    @device_function
    def put_weights(some, fours):
        for n in range(weight_turns):
            at = short(device.threadIdx.x + n * THREADS)
            if at < weight_fours:
                x = fours[n, 0], fours[n, 1], fours[n, 2], fours[n, 3]
                store_four(some, begin_weights + at * 4, x)

    @device_function
    def add_products(sums, x, some, at, m, to):
        """Add the products of a thread's rows and units, for one gate at one k."""
        w0, w1, w2, w3 = load_four(some, at)
        for i in range(own_rows):
            sums[i, to, 0] += x[i, m] * w0
            sums[i, to, 1] += x[i, m] * w1
            sums[i, to, 2] += x[i, m] * w2
            sums[i, to, 3] += x[i, m] * w3

    @device_function
    def add_four(sums, x, some, at, to):
        add_products(sums, x, some, at, 0, to)
        add_products(sums, x, some, at + weights_step, 1, to)
        add_products(sums, x, some, at + 2 * weights_step, 2, to)
        add_products(sums, x, some, at + 3 * weights_step, 3, to)

    @device_function
    def add_slice(sums, some, own_row, own_unit, group):
        x = device.local.array((own_rows, 4), dtype)
        for k in range(group * 4, deep, groups * 4):
            at_x = own_row * lefts * row_step + k
            at_w = begin_weights + k * weights_step + own_unit
            for gate in range(gates):
                if own or gate == 0:
                    for i in range(own_rows):
                        at = at_x + i * next_row + gate * row_step
                        x[i, 0], x[i, 1], x[i, 2], x[i, 3] = load_four(some, at)
                add_four(sums, x, some, at_w + gate * units_of_tile, gate if apart else 0)

    @device_function
    def multiply(some, left, weights, drop, rows, units, depth):
        next_left = device.local.array((left_turns, 4), dtype)
        next_weights = device.local.array((weight_turns, 4), dtype)
        sums = device.local.array((own_rows, totals, 4), dtype)
        lane, group = device.threadIdx.x % lanes, device.threadIdx.x // lanes
        own_row, own_unit = lane // unit_lanes, lane % unit_lanes * 4
        first_row = device.blockIdx.x * rows_of_tile
        first_unit = device.blockIdx.y * units_of_tile
        for i in range(own_rows):
            for gate in range(totals):
                for j in range(4):
                    sums[i, gate, j] = 0
        fetch_left(next_left, left, drop, first_row, 0, rows, depth)
        fetch_weights(next_weights, weights, 0, first_unit, depth, units)
        for coming in range(deep, depth + deep, deep):
            put_left(some, next_left)
            put_weights(some, next_weights)
            device.syncthreads()
            fetch_left(next_left, left, drop, first_row, coming, rows, depth)
            fetch_weights(next_weights, weights, coming, first_unit, depth, units)
            add_slice(sums, some, own_row, own_unit, group)
            device.syncthreads()
        for i in range(own_rows):
            for gate in range(totals):
                at = (group * totals + gate) * pairs
                at += (own_row + i * row_lanes) * units_of_tile + own_unit
                x = sums[i, gate, 0], sums[i, gate, 1], sums[i, gate, 2], sums[i, gate, 3]
                store_four(some, at, x)
        device.syncthreads()

    @device_function
    def total(some, at, gate):
        found = load(some, at + gate * pairs)
        for group in range(1, groups):
            found += load(some, at + (group * totals + gate) * pairs)
        return found

    @device_function
    def place(at):
        row = device.blockIdx.x * rows_of_tile + at // units_of_tile
        return row, device.blockIdx.y * units_of_tile + at % units_of_tile

    return Product(size, pairs, multiply, total, place)


@functools.cache
def state_product(kind: Kind, gates: int, dropped: bool = False) -> Product:
    """Return the product of a state with the weights of the first gates, each a sum of its own.

    dropped : each gate has a state of its own, multiplied with its part of ``drop``
    """
    return _make_product(*kind[:3], gates, own=dropped, apart=True, dropped=dropped)


@functools.cache
def gradient_product(kind: Kind, gates: int, first_gate: int = 0) -> Product:
    """Return the product of the gates' gradients with turned weights: one sum of all gates.

    Its ``total(some, at, drop, n, u)`` multiplies each gate's part with that of ``drop``.
    """
    product = _make_product(*kind[:3], gates, own=True, apart=kind.dropped)
    of_gate = product.total

    @device_function
    def undropped(some, at, drop, n, u):
        return of_gate(some, at, 0)

    @device_function
    def without_dropped(some, at, drop, n, u):
        found = of_gate(some, at, 0) * drop[n, first_gate, u]
        for gate in range(1, gates):
            found += of_gate(some, at, gate) * drop[n, first_gate + gate, u]
        return found

    return product._replace(total=without_dropped if kind.dropped else undropped)
