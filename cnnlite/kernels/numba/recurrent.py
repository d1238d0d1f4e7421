"""What recurrent networks share: a few sequences' way through time.

A tile of work is a few sequences from the first step to the last.  So nothing of one thread's
work is needed by another, and nobody waits between steps.  The price is that the weights pass
through a core once per tile and step; they are packed for the product once per call.

Within a tile, arrays are flat: sequence after sequence, U numbers each.  What belongs to the
gates has a row for each gate.  Loops then run over a whole gate of all sequences, and LLVM
makes vector code of them, as long as each names few arrays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cnnlite.kernels.numba.compiling import inlined, tiled
from cnnlite.kernels.numba.elementwise import BACKWARD, FORWARD
from cnnlite.kernels.numba.product import (
    FLOPS,
    ROWS,
    block_product,
    pack_panels,
    room_for_panels,
    width,
)
from cnnlite.kernels.numba.rows import BANDWIDTH
from cnnlite.kernels.numba.simd import clear, copy

__all__ = [
    "Tile", "activation", "activation_gradient", "add_gradient", "add_multiplied",
    "add_product", "begin", "dropped", "end", "keep", "leave_out", "nanoseconds", "open_tile",
    "packed", "read_step", "receive", "recurrent_activation", "recurrent_gradient", "show",
    "tile_count", "with_activations", "write_step",
]  # fmt: skip

# Sequences of a tile.  Two tiles of the product share the weights that come from a cache; more
# would leave too few tiles for the threads at the usual batches of 32 and 64.
SEQUENCES = 2 * ROWS
# To make a gate of a unit from its sum, or back, on one core, with all copies: measured with 24
# and 40 sequences of 50 and 64 units on Zen 4.
GATE_NS = 2.5


_LINEAR = {None: lambda x, _: x}, {None: lambda dy, v, _: dy}
_VALUES, _GRADIENTS = (
    {name: inlined(function) for name, function in {**linear, **table}.items()}
    for linear, table in zip(_LINEAR, (FORWARD, BACKWARD), strict=True)
)
# The usual functions.  In the cells these four names stand for those that are asked for.
activation, recurrent_activation = _VALUES["tanh"], _VALUES["sigmoid"]
activation_gradient, recurrent_gradient = _GRADIENTS["tanh"], _GRADIENTS["sigmoid"]


def with_activations(
    function: tiled, of_state: str | None, of_gates: str | None = "sigmoid"
) -> tiled:
    """Return the function for these activations; None is the linear one.

    Each pair in use is compiled by itself: all of them together would take minutes.
    """
    if (of_state, of_gates) == ("tanh", "sigmoid"):
        return function
    return function.specialized(
        f"{of_state or 'linear'}_{of_gates or 'linear'}",
        activation=_VALUES[of_state],
        recurrent_activation=_VALUES[of_gates],
        activation_gradient=_GRADIENTS[of_state],
        recurrent_gradient=_GRADIENTS[of_gates],
    )


def packed(kernel: np.ndarray, turned: bool = False) -> np.ndarray:
    """Return each gate's weights (U, U), or their transpose, as panels: a row for each gate."""
    units, columns = kernel.shape
    gates = columns // max(1, units)
    panels = room_for_panels(columns, units, kernel.dtype).reshape(gates, -1)
    step, stride = (columns, 1) if turned else (1, columns)
    for gate, part in enumerate(panels):
        time = part.size / BANDWIDTH
        pack_panels(time, part, kernel.reshape(-1), gate * units, step, stride, units, units)
    return panels


def nanoseconds(z: np.ndarray, kernel: np.ndarray) -> float:
    """Return about how long all steps take on one core; 0 for a single tile: it is not shared."""
    return 0 if len(z) <= SEQUENCES else z.size * (2 * len(kernel) / FLOPS + GATE_NS)


class Tile(NamedTuple):
    """The sequences of a tile, and room for their products."""

    first: int
    rows: int
    units: int
    places: np.ndarray  # where each sequence begins in a flat array
    out: np.ndarray  # a tile of the product
    part: np.ndarray  # rows x units
    none: np.ndarray  # without elements


@inlined
def tile_count(x):
    """Return how many tiles the sequences (N, ...) make."""
    return (len(x) + SEQUENCES - 1) // SEQUENCES


@inlined
def open_tile(tile, x, units):
    """Return the tile of this number, of sequences (N, ...)."""
    first = np.intp(tile) * SEQUENCES  # Numba makes a prange index unsigned
    rows = min(SEQUENCES, len(x) - first)
    out, part = np.empty(ROWS * width(x), x.dtype), np.empty(rows * units, x.dtype)
    return Tile(first, rows, units, np.arange(rows) * units, out, part, np.empty(0, x.dtype))


@inlined
def begin(state, tile):
    """Return a copy of the tile's part of a state (N, U), or zeros where none is given."""
    size = tile.rows * tile.units
    found = np.zeros(size, state.dtype)
    if state.size:
        copy(found, 0, state, tile.first * tile.units, size)
    return found


@inlined
def end(state, found, tile):
    """Write the tile's part of a final state (N, U)."""
    copy(state, tile.first * tile.units, found, 0, tile.rows * tile.units)


@inlined
def used(mask, n, t):
    """Return whether sequence n has step t."""
    return mask.size == 0 or mask[n, t] != 0


@inlined
def read_step(to, x, tile, t):
    """Copy step t of x (N, T, gates U) to ``to``, gate by gate."""
    _, steps, columns = x.shape
    units, rows = tile.units, tile.rows
    for r in range(rows):
        row = ((tile.first + r) * steps + t) * columns
        for gate in range(columns // units):
            copy(to, (gate * rows + r) * units, x, row + gate * units, units)


@inlined
def write_step(x, of, tile, t):
    """Copy ``of`` back to step t of x, which may be none."""
    if x.size == 0:
        return
    _, steps, columns = x.shape
    units, rows = tile.units, tile.rows
    for r in range(rows):
        row = ((tile.first + r) * steps + t) * columns
        for gate in range(columns // units):
            copy(x, row + gate * units, of, (gate * rows + r) * units, units)


@inlined
def keep(state, new, tile, t, mask):
    """Copy the new state of those sequences that have step t."""
    for r in range(tile.rows):
        if used(mask, tile.first + r, t):
            copy(state, r * tile.units, new, r * tile.units, tile.units)


@inlined
def leave_out(sums, tile, t, mask):
    """Set to 0 what the gates of those sequences have that do not have step t."""
    units, rows = tile.units, tile.rows
    for r in range(rows):
        if not used(mask, tile.first + r, t):
            for gate in range(len(sums)):
                clear(sums, (gate * rows + r) * units, units)


@inlined
def show(y, shown, state, tile, s, t, mask, zero):
    """Write y of step s: of a sequence that does not have it, 0 or what was shown before."""
    units, last = tile.units, y.shape[1] - 1
    for r in range(tile.rows):
        n = tile.first + r
        if used(mask, n, t):
            copy(shown, r * units, state, r * units, units)
        elif zero:
            clear(shown, r * units, units)
        copy(y, (n * y.shape[1] + min(s, last)) * units, shown, r * units, units)


@inlined
def dropped(to, of, drop, gate, tile):
    """Multiply the sequences' numbers with those that ``drop`` (N, gates, U) has for a gate."""
    units = tile.units
    for r in range(tile.rows):
        out, x = to[r * units : (r + 1) * units], of[r * units : (r + 1) * units]
        by = drop[tile.first + r, gate]
        for k in range(units):
            out[k] = x[k] * by[k]


@inlined
def add_multiplied(sums, a, panels, bias, column, tile):
    """Add the product of the rows of a with a matrix (U, U), and a part of the bias."""
    block_product(
        sums, tile.places, a, 0, tile.units, False, tile.rows, panels, 0, tile.units, tile.units,
        bias, column, False, True, tile.out,
    )  # fmt: skip


@inlined
def add_product(sums, state, panels, bias, drop, gate, tile):
    """Add what a gate gets from the state to its sums, and its part of the bias."""
    of = state
    if drop.size:
        of = tile.part
        dropped(of, state, drop, gate, tile)
    add_multiplied(sums, of, panels[gate], bias, gate * tile.units, tile)


@inlined
def add_gradient(d_state, d_sums, panels, drop, gate, tile):
    """Add what the state's gradient gets from that of a gate's sums; ``panels`` are turned."""
    column = gate * tile.units
    if drop.size == 0:
        add_multiplied(d_state, d_sums, panels[gate], tile.none, column, tile)
        return
    part = tile.part
    part[:] = 0
    add_multiplied(part, d_sums, panels[gate], tile.none, column, tile)
    dropped(part, part, drop, gate, tile)
    for k in range(part.size):
        d_state[k] += part[k]


@inlined
def receive(to, d_state, repeated, dy, tile, s, t, steps, mask, zero):
    """Write d_state and what comes from y's gradient (N, S, U), to sequences that have step t.

    repeated : what comes to the last step before that is shown; unless ``zero``
    """
    units = tile.units
    reached = dy.size > 0 and (dy.shape[1] == steps or s == steps - 1)
    for r in range(tile.rows):
        n = tile.first + r
        waiting = repeated[r * units : (r + 1) * units]
        if reached:
            of = dy[n, min(s, dy.shape[1] - 1)]
            for k in range(units):
                waiting[k] += of[k]
        if used(mask, n, t):
            out, before = to[r * units : (r + 1) * units], d_state[r * units : (r + 1) * units]
            for k in range(units):
                out[k] = before[k] + waiting[k]
        if zero or used(mask, n, t):
            waiting[:] = 0
