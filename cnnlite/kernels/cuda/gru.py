"""Gated recurrent unit: a launch for each step, or two.

With the reset gate before the candidate's product, that product waits for the reset gates of
all units, so for a launch of its own: forward as well as backward.
"""

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

__all__ = ["gru_backward", "gru_forward"]


@device_function
def _save(gates, n, t, u, first, one, other):
    gates[n, t, u], gates[n, t, first + u] = one, other


@device_function
def _save_state(states, inner, n, t, u, before, kept):
    states[n, t, u], inner[n, t, u] = before, kept


@device_function
def _save_gate(gates, n, t, u, one):
    gates[n, t, u] = one


@device_function
def _undropped(h, drop, n, u):
    return h


@device_function
def _without_dropped(h, drop, n, u):
    return h * drop[n, 2, u]


def _choose(saves):
    return (_save, _save_state, _save_gate) if saves else (nothing, nothing, nothing)


@functools.cache
def _forward(kind, saves, of_state, of_gates):
    """Return a step whose reset gate is applied after the candidate's product."""
    size, pairs, multiply, total, place = state_product(kind, 3, kind.dropped)
    used, show, _ = masking(kind)
    dtype, (save, save_state, save_gate) = kind.dtype, _choose(saves)
    function, gate = activation(of_state), activation(of_gates)

    @kernel
    def step(gates, states, inner, y, hidden, z, weights, bias, drop, mask, backwards, s):
        some = cuda.shared.array(size, dtype, alignment=16)
        _, rows, units = hidden.shape
        t, old, new = step_of(s, z.shape[1], backwards), s % 2, (s + 1) % 2
        left, by = (hidden, old * rows * units, units, 0), (weights, 0, 3 * units, units)
        multiply(some, left, by, drop, rows, units, units)
        for at in range(cuda.threadIdx.x, pairs, THREADS):
            n, unit = place(at)
            if n < rows and unit < units:
                h = hidden[old, n, unit]
                of_u, of_r, kept = total(some, at, 0), total(some, at, 1), total(some, at, 2)
                if bias.size:
                    of_u += bias[unit]
                    of_r += bias[units + unit]
                    kept += bias[2 * units + unit]
                u = gate(z[n, t, unit] + of_u)
                r = gate(z[n, t, units + unit] + of_r)
                g = function(z[n, t, 2 * units + unit] + r * kept)
                save(gates, n, t, unit, units, u, r)
                save_gate(gates, n, t, 2 * units + unit, g)
                save_state(states, inner, n, t, unit, h, kept)
                use = used(mask, n, t)
                if use:
                    h = u * h + (dtype(1) - u) * g
                hidden[new, n, unit] = h
                show(y, n, s, unit, h, use)

    return step


@functools.cache
def _forward_gates(kind, saves, of_gates):
    """Return the first half of a step whose reset gate is applied before: both gates."""
    size, pairs, multiply, total, place = state_product(kind, 2, kind.dropped)
    dtype, (save, save_state, _) = kind.dtype, _choose(saves)
    gate, what_stays = activation(of_gates), _without_dropped if kind.dropped else _undropped

    @kernel
    def step(gates, states, inner, state, z, weights, drop, backwards, s):
        some = cuda.shared.array(size, dtype, alignment=16)
        _, rows, units = state.shape  # h, what the candidate sees of it, u
        t = step_of(s, z.shape[1], backwards)
        left, by = (state, 0, units, 0), (weights, 0, 3 * units, units)
        multiply(some, left, by, drop, rows, units, units)
        for at in range(cuda.threadIdx.x, pairs, THREADS):
            n, unit = place(at)
            if n < rows and unit < units:
                h = state[0, n, unit]
                u = gate(z[n, t, unit] + total(some, at, 0))
                r = gate(z[n, t, units + unit] + total(some, at, 1))
                kept = what_stays(r * h, drop, n, unit)
                save(gates, n, t, unit, units, u, r)
                save_state(states, inner, n, t, unit, h, kept)
                state[1, n, unit], state[2, n, unit] = kept, u

    return step


@functools.cache
def _forward_candidate(kind, saves, of_state):
    """Return the second half: the candidate and the new state."""
    size, pairs, multiply, total, place = state_product(kind, 1)
    used, show, _ = masking(kind)
    dtype, function, save_gate = kind.dtype, activation(of_state), _choose(saves)[2]

    @kernel
    def step(gates, y, state, z, weights, mask, backwards, s):
        some = cuda.shared.array(size, dtype, alignment=16)
        _, rows, units = state.shape
        t = step_of(s, z.shape[1], backwards)
        left, by = (state, rows * units, units, 0), (weights, 2 * units, 3 * units, 0)
        multiply(some, left, by, (), rows, units, units)
        for at in range(cuda.threadIdx.x, pairs, THREADS):
            n, unit = place(at)
            if n < rows and unit < units:
                h, u = state[0, n, unit], state[2, n, unit]
                g = function(z[n, t, 2 * units + unit] + total(some, at, 0))
                save_gate(gates, n, t, 2 * units + unit, g)
                use = used(mask, n, t)
                if use:
                    h = u * h + (dtype(1) - u) * g
                state[0, n, unit] = h
                show(y, n, s, unit, h, use)

    return step


@operation(outputs=5)
def gru_forward(
    gates, states, inner, y, h, z, h0, recurrent_kernel, recurrent_bias, drop, mask, *,
    reset_after=True, activation="tanh", recurrent_activation="sigmoid", go_backwards=False,
    zero_output_for_mask=False,
):  # fmt: skip
    steps, saves = z.shape[1], gates is not None
    state = scratch((2 if reset_after else 3, *h.shape), h.dtype)
    copy(state, 0, h0, 0, h.size)
    if steps == 0:
        copy(y, 0, None, 0, y.size)
    kind = kind_of(h, [recurrent_kernel], drop, mask, zero_output_for_mask)
    saved = optional(gates), optional(states), optional(inner)
    drop, mask = optional(drop), optional(mask)
    if reset_after:
        bias = given(recurrent_bias, h.dtype)
        arguments = *saved, y, state, z, recurrent_kernel, bias, drop, mask, go_backwards
        launches = [(_forward(kind, saves, activation, recurrent_activation), arguments)]
    else:
        both = *saved, state, z, recurrent_kernel, drop, go_backwards
        candidate = saved[0], y, state, z, recurrent_kernel, mask, go_backwards
        launches = [
            (_forward_gates(kind, saves, recurrent_activation), both),
            (_forward_candidate(kind, saves, activation), candidate),
        ]
    each_step(range(steps), kind, h, *launches)
    copy(h, 0, state, steps % 2 * h.size if reset_after else 0, h.size)


@functools.cache
def _backward(kind, of_state, of_gates):
    """Return a step whose reset gate was applied after the candidate's product."""
    size, pairs, multiply, total, place = gradient_product(kind, 3)
    used, _, reached = masking(kind)
    dtype, of_function = kind.dtype, activation_gradient(of_state)
    of_gate = activation_gradient(of_gates)

    @kernel
    def step(
        dz, dr, dh, repeated, dy, gates, states, inner, weights, drop, mask, backwards, s
    ):  # fmt: skip
        some = cuda.shared.array(size, dtype, alignment=16)
        rows, steps, units = states.shape
        t, later = step_of(s, steps, backwards), step_of(s + 1, steps, backwards)
        left = (dr, later * 3 * units, steps * 3 * units, units)
        by = (weights, 0, units, units * units)
        multiply(some, left, by, (), rows, units, units if s + 1 < steps else 0)
        for at in range(cuda.threadIdx.x, pairs, THREADS):
            n, unit = place(at)
            if n < rows and unit < units:
                hidden = dh[n, unit]
                if s + 1 < steps and used(mask, n, later):
                    hidden += total(some, at, drop, n, unit)
                if s < 0:
                    dh[n, unit] = hidden
                    continue
                use = used(mask, n, t)
                d = hidden + reached(repeated, dy, n, s, steps, unit, use)
                u, r = gates[n, t, unit], gates[n, t, units + unit]
                g, h = gates[n, t, 2 * units + unit], states[n, t, unit]
                zero = dz.dtype.type(0)
                d_u = of_gate(d * (h - g), u) if use else zero
                d_g = of_function(d * (dtype(1) - u), g) if use else zero
                d_r = of_gate(d_g * inner[n, t, unit], r) if use else zero
                dz[n, t, unit], dr[n, t, unit] = d_u, d_u
                dz[n, t, units + unit], dr[n, t, units + unit] = d_r, d_r
                dz[n, t, 2 * units + unit] = d_g
                dr[n, t, 2 * units + unit] = d_g * r if use else zero
                dh[n, unit] = d * u if use else hidden

    return step


@functools.cache
def _backward_candidate(kind, of_state, of_gates):
    """Return the first half of a step whose reset gate was applied before: u and candidate."""
    size, pairs, multiply, total, place = gradient_product(kind, 2)
    used, _, reached = masking(kind)
    dtype, of_function = kind.dtype, activation_gradient(of_state)
    of_gate = activation_gradient(of_gates)

    @kernel
    def step(dz, dh, repeated, dy, gates, states, weights, drop, mask, backwards, s):
        some = cuda.shared.array(size, dtype, alignment=16)
        rows, steps, units = states.shape
        t, later = step_of(s, steps, backwards), step_of(s + 1, steps, backwards)
        left = (dz, later * 3 * units, steps * 3 * units, units)
        by = (weights, 0, units, units * units)
        multiply(some, left, by, (), rows, units, units if s + 1 < steps else 0)
        for at in range(cuda.threadIdx.x, pairs, THREADS):
            n, unit = place(at)
            if n < rows and unit < units:
                hidden = dh[n, unit]
                if s + 1 < steps and used(mask, n, later):
                    hidden += total(some, at, drop, n, unit)
                if s < 0:
                    dh[n, unit] = hidden
                    continue
                use = used(mask, n, t)
                d = hidden + reached(repeated, dy, n, s, steps, unit, use)
                u, g = gates[n, t, unit], gates[n, t, 2 * units + unit]
                zero = dz.dtype.type(0)
                d_u = of_gate(d * (states[n, t, unit] - g), u)
                d_g = of_function(d * (dtype(1) - u), g)
                dz[n, t, unit] = d_u if use else zero
                dz[n, t, 2 * units + unit] = d_g if use else zero
                dh[n, unit] = d * u if use else hidden

    return step


@functools.cache
def _backward_reset(kind, of_gates):
    """Return the second half: the reset gate, and the candidate's share of the state's gradient."""
    size, pairs, multiply, total, place = gradient_product(kind, 1, 2)
    used = masking(kind).used
    dtype, of_gate = kind.dtype, activation_gradient(of_gates)

    @kernel
    def step(dz, dh, gates, states, weights, drop, mask, backwards, s):
        some = cuda.shared.array(size, dtype, alignment=16)
        rows, steps, units = states.shape
        t = step_of(s, steps, backwards)
        left = (dz, t * 3 * units + 2 * units, steps * 3 * units, 0)
        by = (weights, 2 * units * units, units, 0)
        multiply(some, left, by, (), rows, units, units)
        for at in range(cuda.threadIdx.x, pairs, THREADS):
            n, unit = place(at)
            if n < rows and unit < units:
                use, r = used(mask, n, t), gates[n, t, units + unit]
                d = total(some, at, drop, n, unit)
                d_r = of_gate(d * states[n, t, unit], r)
                dz[n, t, units + unit] = d_r if use else dz.dtype.type(0)
                if use:
                    dh[n, unit] += d * r

    return step


@operation(outputs=3)
def gru_backward(
    dz, dr, dh0, dy, dh, gates, states, inner, recurrent_kernel, drop, mask, *,
    reset_after=True, activation="tanh", recurrent_activation="sigmoid", go_backwards=False,
    zero_output_for_mask=False,
):  # fmt: skip
    steps = dz.shape[1]
    kind = kind_of(dh0, [dz, dr], drop, mask, zero_output_for_mask)
    copy(dh0, 0, dh, 0, dh0.size)
    weights, of_y = turned(recurrent_kernel), (repeated_of(kind, dh0), given(dy, dz.dtype, 3))
    last = weights, optional(drop), optional(mask), go_backwards
    if reset_after:
        step = _backward(kind, activation, recurrent_activation)
        launches = [(step, (dz, dr, dh0, *of_y, gates, states, inner, *last))]
    else:
        step = _backward_candidate(kind, activation, recurrent_activation)
        reset = _backward_reset(kind, recurrent_activation)
        launches = [
            (step, (dz, dh0, *of_y, gates, states, *last)),
            (reset, (dz, dh0, gates, states, *last)),
        ]
    each_step(range(steps - 1, -1, -1), kind, dh0, *launches)
    each_step([-1], kind, dh0, launches[0])
