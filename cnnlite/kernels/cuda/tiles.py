"""How much of a product a block of threads computes: tiles, and the choice between them."""

from __future__ import annotations

import functools
from typing import NamedTuple

from cnnlite.kernels.cuda.launching import SIMULATED

__all__ = ["DEPTH", "Tile", "plan"]


class Tile(NamedTuple):
    """What a block of threads computes: sizes that are constants of its kernel."""

    rows: int
    columns: int
    own_rows: int  # of a thread
    own_columns: int
    registers: int  # of a thread, at most
    speed: float  # share of a processor's multiplications that it does, for the choice

    @property
    def threads(self) -> int:
        return self.rows // self.own_rows * (self.columns // self.own_columns)


DEPTH = 8  # of a slice: with 16, what is on its way would not fit the registers
# A larger tile reads less of a and b for each product, a smaller one leaves fewer processors
# without work.  Of a processor's 65,536 registers, 128 each let two blocks of 256 threads work
# on it, 168 three of 128; one waits at a barrier while another multiplies.  The speeds are
# estimates from the instructions of a slice (614 for 512 multiplications of the largest tile):
# nothing was measured on a GPU yet.  In the simulator 4 threads.
_MEDIUM = Tile(64, 64, 8, 4, 168, 0.7)
_SMALL = Tile(32, 32, 4, 4, 168, 0.4)
_SIMULATED = Tile(16, 16, 8, 8, 0, 1.0)
TILES = {
    4: (Tile(128, 128, 8, 8, 128, 1.0), Tile(128, 64, 8, 8, 168, 0.9), _MEDIUM, _SMALL),
    8: (_MEDIUM, _SMALL),
}
if SIMULATED:
    TILES = {4: (_SIMULATED,), 8: (_SIMULATED,)}
# An H200: processors; of one, multiplications a clock, of all, bytes of memory a clock.  Then, in
# clocks: what a slice takes at least, for so long is the way of the next one from memory; what a
# block takes before its first slice and after its last, and for an element of its tile that it
# writes; and what a second launch takes, with the host's work for it (6 microseconds).  From
# data sheets, not measured.
PROCESSORS, MULTIPLICATIONS, BYTES = 2 if SIMULATED else 132, 128, 2700
SLICE, START, WRITE, LAUNCH = (0, 0, 0, 0) if SIMULATED else (800, 1000, 1 / 6, 10000)
MOST_BYTES = 1 << 26  # for partial sums


@functools.lru_cache(4096)
def plan(rows: int, columns: int, depth: int, parts: int, itemsize: int) -> tuple[Tile, int]:
    """Return the tile, and into how many slices the common dimension is cut.

    Slices are blocks of their own, which fill the processors where rows and columns are few:
    their partial sums are added in order by a second kernel.  What is chosen has the shortest
    estimated time.
    """
    best = None
    pieces = max(1, -(-depth // DEPTH))
    for tile in TILES[itemsize]:
        area = tile.rows * tile.columns
        work = DEPTH * area / (MULTIPLICATIONS * tile.speed) * itemsize / 4
        tiles = -(-rows // tile.rows) * -(-columns // tile.columns) * parts
        slices = 1
        while slices <= pieces and slices < 65536:
            blocks = -(-tiles * slices // PROCESSORS)
            clocks = START + blocks * area * WRITE
            clocks += -(-pieces // slices) * max(SLICE, blocks * work)
            partial = slices * parts * rows * columns * itemsize
            if slices > 1:
                clocks += LAUNCH + 2 * partial / BYTES
            if slices == 1 or partial <= MOST_BYTES:
                best = min(best or (clocks, tile, 1), (clocks, tile, slices))
            slices *= 2
    assert best is not None
    return best[1:]
