"""Long short-term memory: a tile is a few sequences, from the first step to the last."""

from __future__ import annotations

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import F2, F3, U2, B, given, tiled
from cnnlite.kernels.numba.recurrent import (
    activation,
    activation_gradient,
    add_gradient,
    add_product,
    begin,
    end,
    keep,
    leave_out,
    nanoseconds,
    open_tile,
    packed,
    read_step,
    receive,
    recurrent_activation,
    recurrent_gradient,
    show,
    tile_count,
    with_activations,
    write_step,
)
from cnnlite.kernels.numba.simd import clear, fma

__all__ = ["lstm_backward", "lstm_forward"]


def lstm_forward(
    gates, states, cells, y, h, c, z, h0, c0, recurrent_kernel, drop, mask, *, activation="tanh",
    recurrent_activation="sigmoid", go_backwards=False, zero_output_for_mask=False,
):  # fmt: skip
    if z.shape[1] == 0:
        y[...] = 0  # no step writes it
    saved = (given(array, z.dtype, 3) for array in (gates, states, cells))
    with_activations(_lstm, activation, recurrent_activation)(
        nanoseconds(z, recurrent_kernel), *saved, y, h, c, z, given(h0, z.dtype, 2),
        given(c0, z.dtype, 2), packed(recurrent_kernel), given(drop, z.dtype, 3),
        given(mask, np.uint8, 2), go_backwards, zero_output_for_mask,
    )  # fmt: skip


def lstm_backward(
    dz, dh0, dc0, dy, dh, dc, gates, cells, recurrent_kernel, drop, mask, *, activation="tanh",
    recurrent_activation="sigmoid", go_backwards=False, zero_output_for_mask=False,
):  # fmt: skip
    with_activations(_lstm_gradient, activation, recurrent_activation)(
        nanoseconds(dz, recurrent_kernel), dz, dh0, dc0, given(dy, dz.dtype, 3),
        given(dh, dz.dtype, 2), given(dc, dz.dtype, 2), gates, cells,
        packed(recurrent_kernel, turned=True), given(drop, dz.dtype, 3),
        given(mask, np.uint8, 2), go_backwards, zero_output_for_mask,
    )  # fmt: skip


@tiled
def _lstm(
    gates: F3, states: F3, cells: F3, y: F3, h: F2, c: F2, z: F3, h0: F2, c0: F2, panels: F2,
    drop: F3, mask: U2, backwards: B, zero: B,
):  # fmt: skip
    steps, units = z.shape[1], h.shape[1]
    for index in prange(tile_count(h)):
        tile = open_tile(index, h, units)
        hidden, cell = begin(h0, tile), begin(c0, tile)
        shown, sums = np.zeros_like(hidden), np.empty((4, hidden.size), h.dtype)
        i, f, g, o = sums[0], sums[1], sums[2], sums[3]
        for s in range(steps):
            t = steps - 1 - s if backwards else s
            write_step(states, hidden, tile, t)
            write_step(cells, cell, tile, t)
            read_step(sums, z, tile, t)
            for gate in range(4):
                add_product(sums[gate], hidden, panels, tile.none, drop, gate, tile)
            for k in range(i.size):
                i[k] = recurrent_activation(i[k], ())
            for k in range(f.size):
                f[k] = recurrent_activation(f[k], ())
            for k in range(o.size):
                o[k] = recurrent_activation(o[k], ())
            for k in range(g.size):
                g[k] = activation(g[k], ())
            write_step(gates, sums, tile, t)
            for k in range(f.size):  # f becomes the new cell
                f[k] = fma(f[k], cell[k], i[k] * g[k])
            for k in range(o.size):  # and o the new state
                o[k] *= activation(f[k], ())
            keep(cell, f, tile, t, mask)
            keep(hidden, o, tile, t, mask)
            show(y, shown, hidden, tile, s, t, mask, zero)
        end(h, hidden, tile)
        end(c, cell, tile)


@tiled
def _lstm_gradient(
    dz: F3, dh0: F2, dc0: F2, dy: F3, dh: F2, dc: F2, gates: F3, cells: F3, panels: F2,
    drop: F3, mask: U2, backwards: B, zero: B,
):  # fmt: skip
    steps, units = dz.shape[1], dh0.shape[1]
    for index in prange(tile_count(dh0)):
        tile = open_tile(index, dh0, units)
        hidden, cell = begin(dh, tile), begin(dc, tile)
        repeated, d = np.zeros_like(hidden), np.zeros_like(hidden)
        before, new = np.empty_like(hidden), np.empty_like(hidden)
        sums = np.empty((4, hidden.size), dz.dtype)
        i, f, g, o = sums[0], sums[1], sums[2], sums[3]
        for s in range(steps - 1, -1, -1):
            t = steps - 1 - s if backwards else s
            read_step(sums, gates, tile, t)
            read_step(before, cells, tile, t)
            receive(d, hidden, repeated, dy, tile, s, t, steps, mask, zero)
            for k in range(new.size):
                new[k] = activation(fma(f[k], before[k], i[k] * g[k]), ())
            for k in range(d.size):  # d becomes the cell's gradient, and each gate its sum's
                of_cell = cell[k] + activation_gradient(d[k] * o[k], new[k], ())
                o[k] = recurrent_gradient(d[k] * new[k], o[k], ())
                d[k] = of_cell
            for k in range(d.size):
                new[k] = d[k] * f[k]
                f[k] = recurrent_gradient(d[k] * before[k], f[k], ())
            for k in range(d.size):
                one, other = i[k], g[k]
                i[k] = recurrent_gradient(d[k] * other, one, ())
                g[k] = activation_gradient(d[k] * one, other, ())
            keep(cell, new, tile, t, mask)
            leave_out(sums, tile, t, mask)
            write_step(dz, sums, tile, t)
            clear(new, 0, new.size)
            for gate in range(4):
                add_gradient(new, sums[gate], panels, drop, gate, tile)
            keep(hidden, new, tile, t, mask)
        end(dh0, hidden, tile)
        end(dc0, cell, tile)
