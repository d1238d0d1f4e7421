"""The fully connected recurrent network: a launch for each step."""

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

__all__ = ["simple_rnn_backward", "simple_rnn_forward"]


@device_function
def _save(gates, states, n, t, u, new, before):
    gates[n, t, u], states[n, t, u] = new, before


@functools.cache
def _forward(kind, saves, of_state):
    size, pairs, multiply, total, place = state_product(kind, 1, kind.dropped)
    used, show, _ = masking(kind)
    dtype, function, save = kind.dtype, activation(of_state), _save if saves else nothing

    @kernel
    def step(gates, states, y, hidden, z, weights, drop, mask, backwards, s):
        some = cuda.shared.array(size, dtype, alignment=16)
        rows, steps, units = z.shape
        t, old, new = step_of(s, steps, backwards), s % 2, (s + 1) % 2
        left, by = (hidden, old * rows * units, units, 0), (weights, 0, units, 0)
        multiply(some, left, by, drop, rows, units, units)
        for at in range(cuda.threadIdx.x, pairs, THREADS):
            n, u = place(at)
            if n < rows and u < units:
                before = hidden[old, n, u]
                h = function(z[n, t, u] + total(some, at, 0))
                save(gates, states, n, t, u, h, before)
                use = used(mask, n, t)
                h = h if use else before
                hidden[new, n, u] = h
                show(y, n, s, u, h, use)

    return step


@operation(outputs=4)
def simple_rnn_forward(
    gates, states, y, h, z, h0, recurrent_kernel, drop, mask, *, activation="tanh",
    go_backwards=False, zero_output_for_mask=False,
):  # fmt: skip
    steps = z.shape[1]
    hidden = scratch((2, *h.shape), h.dtype)
    copy(hidden, 0, h0, 0, h.size)
    if steps == 0:
        copy(y, 0, None, 0, y.size)
    kind = kind_of(h, [recurrent_kernel], drop, mask, zero_output_for_mask)
    arguments = (
        optional(gates), optional(states), y, hidden, z, recurrent_kernel, optional(drop),
        optional(mask), go_backwards,
    )  # fmt: skip
    step = _forward(kind, gates is not None, activation)
    each_step(range(steps), kind, h, (step, arguments))
    copy(h, 0, hidden, steps % 2 * h.size, h.size)


@functools.cache
def _backward(kind, of_state):
    size, pairs, multiply, total, place = gradient_product(kind, 1)
    used, _, reached = masking(kind)
    dtype, gradient = kind.dtype, activation_gradient(of_state)

    @kernel
    def step(dz, dh, repeated, dy, gates, weights, drop, mask, backwards, s):
        some = cuda.shared.array(size, dtype, alignment=16)
        rows, steps, units = dz.shape
        t, later = step_of(s, steps, backwards), step_of(s + 1, steps, backwards)
        left, by = (dz, later * units, steps * units, 0), (weights, 0, units, 0)
        multiply(some, left, by, (), rows, units, units if s + 1 < steps else 0)
        for at in range(cuda.threadIdx.x, pairs, THREADS):
            n, u = place(at)
            if n < rows and u < units:
                hidden = dh[n, u]
                if s + 1 < steps and used(mask, n, later):
                    hidden = total(some, at, drop, n, u)
                dh[n, u] = hidden
                if s >= 0:
                    use = used(mask, n, t)
                    d = hidden + reached(repeated, dy, n, s, steps, u, use)
                    d = gradient(d, gates[n, t, u])
                    dz[n, t, u] = d if use else dz.dtype.type(0)

    return step


@operation(outputs=2)
def simple_rnn_backward(
    dz, dh0, dy, dh, gates, recurrent_kernel, drop, mask, *, activation="tanh",
    go_backwards=False, zero_output_for_mask=False,
):  # fmt: skip
    steps = dz.shape[1]
    kind = kind_of(dh0, [dz], drop, mask, zero_output_for_mask)
    copy(dh0, 0, dh, 0, dh0.size)
    arguments = (
        dz, dh0, repeated_of(kind, dh0), given(dy, dz.dtype, 3), gates, turned(recurrent_kernel),
        optional(drop), optional(mask), go_backwards,
    )  # fmt: skip
    each_step(range(steps - 1, -2, -1), kind, dh0, (_backward(kind, activation), arguments))
