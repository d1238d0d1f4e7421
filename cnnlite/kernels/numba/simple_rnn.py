"""The fully connected recurrent network: a tile is a few sequences, from first step to last."""

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
    show,
    tile_count,
    with_activations,
    write_step,
)
from cnnlite.kernels.numba.simd import clear

__all__ = ["simple_rnn_backward", "simple_rnn_forward"]


def simple_rnn_forward(
    gates, states, y, h, z, h0, recurrent_kernel, drop, mask, *, activation="tanh",
    go_backwards=False, zero_output_for_mask=False,
):  # fmt: skip
    if z.shape[1] == 0:
        y[...] = 0  # no step writes it
    with_activations(_simple_rnn, activation)(
        nanoseconds(z, recurrent_kernel), given(gates, z.dtype, 3), given(states, z.dtype, 3), y,
        h, z, given(h0, z.dtype, 2), packed(recurrent_kernel), given(drop, z.dtype, 3),
        given(mask, np.uint8, 2), go_backwards, zero_output_for_mask,
    )  # fmt: skip


def simple_rnn_backward(
    dz, dh0, dy, dh, gates, recurrent_kernel, drop, mask, *, activation="tanh",
    go_backwards=False, zero_output_for_mask=False,
):  # fmt: skip
    with_activations(_simple_rnn_gradient, activation)(
        nanoseconds(dz, recurrent_kernel), dz, dh0, given(dy, dz.dtype, 3),
        given(dh, dz.dtype, 2), gates, packed(recurrent_kernel, turned=True),
        given(drop, dz.dtype, 3), given(mask, np.uint8, 2), go_backwards, zero_output_for_mask,
    )  # fmt: skip


@tiled
def _simple_rnn(
    gates: F3, states: F3, y: F3, h: F2, z: F3, h0: F2, panels: F2, drop: F3, mask: U2,
    backwards: B, zero: B,
):  # fmt: skip
    steps, units = z.shape[1], h.shape[1]
    for index in prange(tile_count(h)):
        tile = open_tile(index, h, units)
        hidden = begin(h0, tile)
        shown, new = np.zeros_like(hidden), np.empty_like(hidden)
        for s in range(steps):
            t = steps - 1 - s if backwards else s
            write_step(states, hidden, tile, t)
            read_step(new, z, tile, t)
            for gate in range(len(panels)):
                add_product(new, hidden, panels, tile.none, drop, gate, tile)
            for k in range(new.size):
                new[k] = activation(new[k], ())
            write_step(gates, new, tile, t)
            keep(hidden, new, tile, t, mask)
            show(y, shown, hidden, tile, s, t, mask, zero)
        end(h, hidden, tile)


@tiled
def _simple_rnn_gradient(
    dz: F3, dh0: F2, dy: F3, dh: F2, gates: F3, panels: F2, drop: F3, mask: U2, backwards: B,
    zero: B,
):  # fmt: skip
    steps, units = dz.shape[1], dh0.shape[1]
    for index in prange(tile_count(dh0)):
        tile = open_tile(index, dh0, units)
        hidden = begin(dh, tile)
        repeated, d = np.zeros_like(hidden), np.zeros_like(hidden)
        new, sums = np.empty_like(hidden), np.empty((1, hidden.size), dz.dtype)
        for s in range(steps - 1, -1, -1):
            t = steps - 1 - s if backwards else s
            read_step(sums, gates, tile, t)
            receive(d, hidden, repeated, dy, tile, s, t, steps, mask, zero)
            of = sums[0]
            for k in range(of.size):
                of[k] = activation_gradient(d[k], of[k], ())
            leave_out(sums, tile, t, mask)
            write_step(dz, sums, tile, t)
            clear(new, 0, new.size)
            for gate in range(len(panels)):
                add_gradient(new, sums[gate], panels, drop, gate, tile)
            keep(hidden, new, tile, t, mask)
        end(dh0, hidden, tile)
