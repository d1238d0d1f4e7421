"""Long short-term memory: a launch for each step."""

from __future__ import annotations

import functools

from numba import cuda

from cnnlite.kernels.cuda.launching import device_function, kernel, operation
from cnnlite.kernels.cuda.memory import given, scratch
from cnnlite.kernels.cuda.recurrent import (
    activation,
    activation_gradient,
    copy,
    each_step,
    masking,
    nothing,
    optional,
    repeated_of,
    step_of,
    turned,
)
from cnnlite.kernels.cuda.recurrent_product import (
    THREADS,
    gradient_product,
    kind_of,
    state_product,
)

__all__ = ["lstm_backward", "lstm_forward"]


@device_function
def _save(gates, states, cells, n, t, u, i, f, g, o, before, cell):
    units = states.shape[2]
    gates[n, t, u], gates[n, t, units + u] = i, f
    gates[n, t, 2 * units + u], gates[n, t, 3 * units + u] = g, o
    states[n, t, u], cells[n, t, u] = before, cell


@functools.cache
def _forward(kind, saves, of_state, of_gates):
    size, pairs, multiply, total, place = state_product(kind, 4, kind.dropped)
    used, show, _ = masking(kind)
    dtype, save = kind.dtype, _save if saves else nothing
    function, gate = activation(of_state), activation(of_gates)

    @kernel
    def step(gates, states, cells, y, state, z, weights, drop, mask, backwards, s):
        some = cuda.shared.array(size, dtype, alignment=16)
        _, rows, units = state.shape  # h by turns in the first two, c
        t, old, new = step_of(s, z.shape[1], backwards), s % 2, (s + 1) % 2
        left, by = (state, old * rows * units, units, 0), (weights, 0, 4 * units, units)
        multiply(some, left, by, drop, rows, units, units)
        for at in range(cuda.threadIdx.x, pairs, THREADS):
            n, u = place(at)
            if n < rows and u < units:
                h, c = state[old, n, u], state[2, n, u]
                i = gate(z[n, t, u] + total(some, at, 0))
                f = gate(z[n, t, units + u] + total(some, at, 1))
                g = function(z[n, t, 2 * units + u] + total(some, at, 2))
                o = gate(z[n, t, 3 * units + u] + total(some, at, 3))
                save(gates, states, cells, n, t, u, i, f, g, o, h, c)
                use = used(mask, n, t)
                if use:
                    c = f * c + i * g
                    h = o * function(c)
                state[new, n, u], state[2, n, u] = h, c
                show(y, n, s, u, h, use)

    return step


@operation(outputs=6)
def lstm_forward(
    gates, states, cells, y, h, c, z, h0, c0, recurrent_kernel, drop, mask, *, activation="tanh",
    recurrent_activation="sigmoid", go_backwards=False, zero_output_for_mask=False,
):  # fmt: skip
    steps = z.shape[1]
    state = scratch((3, *h.shape), h.dtype)
    copy(state, 0, h0, 0, h.size)
    copy(state, 2 * h.size, c0, 0, h.size)
    if steps == 0:
        copy(y, 0, None, 0, y.size)
    kind = kind_of(h, [recurrent_kernel], drop, mask, zero_output_for_mask)
    arguments = (
        optional(gates), optional(states), optional(cells), y, state, z, recurrent_kernel,
        optional(drop), optional(mask), go_backwards,
    )  # fmt: skip
    step = _forward(kind, gates is not None, activation, recurrent_activation)
    each_step(range(steps), kind, h, (step, arguments))
    copy(h, 0, state, steps % 2 * h.size, h.size)
    copy(c, 0, state, 2 * h.size, h.size)


@functools.cache
def _backward(kind, of_state, of_gates):
    size, pairs, multiply, total, place = gradient_product(kind, 4)
    used, _, reached = masking(kind)
    dtype, function = kind.dtype, activation(of_state)
    of_function, of_gate = activation_gradient(of_state), activation_gradient(of_gates)

    @kernel
    def step(dz, dh, dc, repeated, dy, gates, cells, weights, drop, mask, backwards, s):
        some = cuda.shared.array(size, dtype, alignment=16)
        rows, steps, units = cells.shape
        t, later = step_of(s, steps, backwards), step_of(s + 1, steps, backwards)
        left = (dz, later * 4 * units, steps * 4 * units, units)
        by = (weights, 0, units, units * units)
        multiply(some, left, by, (), rows, units, units if s + 1 < steps else 0)
        for at in range(cuda.threadIdx.x, pairs, THREADS):
            n, u = place(at)
            if n < rows and u < units:
                hidden = dh[n, u]
                if s + 1 < steps and used(mask, n, later):
                    hidden = total(some, at, drop, n, u)
                dh[n, u] = hidden
                if s < 0:
                    continue
                use = used(mask, n, t)
                hidden += reached(repeated, dy, n, s, steps, u, use)
                i, f = gates[n, t, u], gates[n, t, units + u]
                g, o = gates[n, t, 2 * units + u], gates[n, t, 3 * units + u]
                before, cell = cells[n, t, u], dc[n, u]
                a = function(f * before + i * g)
                d = cell + of_function(hidden * o, a)
                zero = dz.dtype.type(0)
                dz[n, t, u] = of_gate(d * g, i) if use else zero
                dz[n, t, units + u] = of_gate(d * before, f) if use else zero
                dz[n, t, 2 * units + u] = of_function(d * i, g) if use else zero
                dz[n, t, 3 * units + u] = of_gate(hidden * a, o) if use else zero
                dc[n, u] = d * f if use else cell

    return step


@operation(outputs=3)
def lstm_backward(
    dz, dh0, dc0, dy, dh, dc, gates, cells, recurrent_kernel, drop, mask, *, activation="tanh",
    recurrent_activation="sigmoid", go_backwards=False, zero_output_for_mask=False,
):  # fmt: skip
    steps = dz.shape[1]
    kind = kind_of(dh0, [dz], drop, mask, zero_output_for_mask)
    copy(dh0, 0, dh, 0, dh0.size)
    copy(dc0, 0, dc, 0, dc0.size)
    arguments = (
        dz, dh0, dc0, repeated_of(kind, dh0), given(dy, dz.dtype, 3), gates, cells,
        turned(recurrent_kernel), optional(drop), optional(mask), go_backwards,
    )  # fmt: skip
    step = _backward(kind, activation, recurrent_activation)
    each_step(range(steps - 1, -2, -1), kind, dh0, (step, arguments))
