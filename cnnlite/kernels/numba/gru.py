"""Gated recurrent unit: a tile is a few sequences, from the first step to the last."""

from __future__ import annotations

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import F1, F2, F3, U2, B, given, tiled
from cnnlite.kernels.numba.recurrent import (
    activation,
    activation_gradient,
    add_gradient,
    add_multiplied,
    add_product,
    begin,
    dropped,
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
from cnnlite.kernels.numba.simd import clear, copy, fma, like

__all__ = ["gru_backward", "gru_forward"]


def gru_forward(
    gates, states, inner, y, h, z, h0, recurrent_kernel, recurrent_bias, drop, mask, *,
    reset_after=True, activation="tanh", recurrent_activation="sigmoid", go_backwards=False,
    zero_output_for_mask=False,
):  # fmt: skip
    if z.shape[1] == 0:
        y[...] = 0  # no step writes it
    saved = (given(array, z.dtype, 3) for array in (gates, states, inner))
    with_activations(_gru, activation, recurrent_activation)(
        nanoseconds(z, recurrent_kernel), *saved, y, h, z, given(h0, z.dtype, 2),
        packed(recurrent_kernel), given(recurrent_bias, z.dtype), given(drop, z.dtype, 3),
        given(mask, np.uint8, 2), reset_after, go_backwards, zero_output_for_mask,
    )  # fmt: skip


def gru_backward(
    dz, dr, dh0, dy, dh, gates, states, inner, recurrent_kernel, drop, mask, *,
    reset_after=True, activation="tanh", recurrent_activation="sigmoid", go_backwards=False,
    zero_output_for_mask=False,
):  # fmt: skip
    with_activations(_gru_gradient, activation, recurrent_activation)(
        nanoseconds(dz, recurrent_kernel), dz, given(dr, dz.dtype, 3), dh0,
        given(dy, dz.dtype, 3), given(dh, dz.dtype, 2), gates, states,
        given(inner, dz.dtype, 3), packed(recurrent_kernel, turned=True),
        given(drop, dz.dtype, 3), given(mask, np.uint8, 2), reset_after, go_backwards,
        zero_output_for_mask,
    )  # fmt: skip


@tiled
def _gru(
    gates: F3, states: F3, inner: F3, y: F3, h: F2, z: F3, h0: F2, panels: F2, bias: F1,
    drop: F3, mask: U2, reset_after: B, backwards: B, zero: B,
):  # fmt: skip
    steps, units = z.shape[1], h.shape[1]
    candidate = len(panels) - 1
    for index in prange(tile_count(h)):
        tile = open_tile(index, h, units)
        hidden = begin(h0, tile)
        shown, kept = np.zeros_like(hidden), np.empty_like(hidden)
        sums = np.empty((3, hidden.size), h.dtype)
        u, r, g = sums[0], sums[1], sums[2]
        parts = (u, r, kept)
        for s in range(steps):
            t = steps - 1 - s if backwards else s
            write_step(states, hidden, tile, t)
            read_step(sums, z, tile, t)
            clear(kept, 0, kept.size)
            for gate in range(3 if reset_after else 2):
                add_product(parts[gate], hidden, panels, bias, drop, gate, tile)
            for k in range(u.size):
                u[k] = recurrent_activation(u[k], ())
            for k in range(r.size):
                r[k] = recurrent_activation(r[k], ())
            if reset_after:
                for k in range(g.size):
                    g[k] = fma(r[k], kept[k], g[k])
            else:
                for k in range(kept.size):
                    kept[k] = r[k] * hidden[k]
                if drop.size:
                    dropped(kept, kept, drop, candidate, tile)
                add_multiplied(g, kept, panels[candidate], tile.none, candidate, tile)
            for k in range(g.size):
                g[k] = activation(g[k], ())
            write_step(gates, sums, tile, t)
            write_step(inner, kept, tile, t)
            for k in range(u.size):  # u becomes the new state
                u[k] = fma(u[k], hidden[k], (like(u[k], 1) - u[k]) * g[k])
            keep(hidden, u, tile, t, mask)
            show(y, shown, hidden, tile, s, t, mask, zero)
        end(h, hidden, tile)


@tiled
def _gru_gradient(
    dz: F3, dr: F3, dh0: F2, dy: F3, dh: F2, gates: F3, states: F3, inner: F3, panels: F2,
    drop: F3, mask: U2, reset_after: B, backwards: B, zero: B,
):  # fmt: skip
    steps, units = dz.shape[1], dh0.shape[1]
    candidate = len(panels) - 1
    for index in prange(tile_count(dh0)):
        tile = open_tile(index, dh0, units)
        hidden = begin(dh, tile)
        repeated, d = np.zeros_like(hidden), np.zeros_like(hidden)
        before, new = np.empty_like(hidden), np.empty_like(hidden)
        kept, sums = np.empty_like(hidden), np.empty((3, hidden.size), dz.dtype)
        u, r, g = sums[0], sums[1], sums[2]
        for s in range(steps - 1, -1, -1):
            t = steps - 1 - s if backwards else s
            read_step(sums, gates, tile, t)
            read_step(before, states, tile, t)
            receive(d, hidden, repeated, dy, tile, s, t, steps, mask, zero)
            for k in range(d.size):
                new[k] = d[k] * u[k]
            for k in range(d.size):  # each gate becomes the gradient of its sum
                one, other = u[k], g[k]
                u[k] = recurrent_gradient(d[k] * (before[k] - other), one, ())
                g[k] = activation_gradient(d[k] * (like(one, 1) - one), other, ())
            if reset_after:
                read_step(kept, inner, tile, t)
                for k in range(r.size):
                    one = r[k]
                    r[k] = recurrent_gradient(g[k] * kept[k], one, ())
                    kept[k] = g[k] * one
            else:
                clear(kept, 0, kept.size)
                add_gradient(kept, g, panels, drop, candidate, tile)
                for k in range(r.size):
                    new[k] = fma(kept[k], r[k], new[k])
                    r[k] = recurrent_gradient(kept[k] * before[k], r[k], ())
            leave_out(sums, tile, t, mask)
            write_step(dz, sums, tile, t)
            if reset_after:  # the candidate's product has another gradient than its sum
                copy(g, 0, kept, 0, g.size)
                leave_out(sums, tile, t, mask)
                write_step(dr, sums, tile, t)
            for gate in range(3 if reset_after else 2):
                add_gradient(new, sums[gate], panels, drop, gate, tile)
            keep(hidden, new, tile, t, mask)
        end(dh0, hidden, tile)
