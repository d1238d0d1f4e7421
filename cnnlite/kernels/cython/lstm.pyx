"""LSTM as plain loops: each sequence on its own, cell by cell, and back through time."""

import numpy as np

cimport openmp
from cython.parallel cimport parallel, prange
from libc.stdint cimport uint8_t

from cnnlite.kernels cimport threads
from cnnlite.kernels.cython.common cimport activated, derived, function_named, real

# One multiply-add on one core, for the choice between one thread and all.
cdef double NS = 0.2


# What the loops are told besides arrays.
cdef struct Options:
    int activation
    int recurrent_activation
    bint backwards
    bint zero


cdef Options options(activation, recurrent_activation, go_backwards, zero_output_for_mask):
    return Options(
        function_named(activation), function_named(recurrent_activation), go_backwards,
        zero_output_for_mask,
    )


def lstm_forward(
    gates, states, cells, y, h, c, z, h0, c0, recurrent_kernel, drop, mask, *,
    activation="tanh", recurrent_activation="sigmoid", go_backwards=False,
    zero_output_for_mask=False,
):
    h[...] = 0 if h0 is None else h0
    c[...] = 0 if c0 is None else c0
    y[...] = 0
    sums = np.empty((z.shape[0], z.shape[2]), z.dtype)
    forward(
        y, gates, states, cells, h, c, z, recurrent_kernel, drop, mask, sums,
        options(activation, recurrent_activation, go_backwards, zero_output_for_mask),
    )


def forward(
    real[:, :, ::1] y, real[:, :, ::1] gates, real[:, :, ::1] states, real[:, :, ::1] cells,
    real[:, ::1] h, real[:, ::1] c, const real[:, :, ::1] z, const real[:, ::1] w,
    const real[:, :, ::1] drop, const uint8_t[:, ::1] mask, real[:, ::1] sums, Options o,
):
    """h and c hold the state, (N, U); sums (N, 4 U) one step's gates.  y, which is never None,
    comes first: it tells the dtype."""
    cdef Py_ssize_t N = z.shape[0], T = z.shape[1], U = h.shape[1], n, s, t
    cdef int team = threads.team(NS * 4 * N * T * U * U)

    with nogil, parallel(num_threads=team):
        if openmp.omp_get_thread_num() == 0:
            threads.note_team(openmp.omp_get_num_threads())
        for n in prange(N, schedule="static"):
            for s in range(T):
                t = T - 1 - s if o.backwards else s
                sum_gates(sums[n], z[n, t], h[n], w, drop, n)
                if gates is not None:
                    states[n, t, :] = h[n]
                    cells[n, t, :] = c[n]
                step(sums[n], h[n], c[n], mask is None or mask[n, t] != 0, o)
                if gates is not None:
                    gates[n, t, :] = sums[n]
                show(y, h, mask, n, s, t, o.zero)


cdef inline void sum_gates(
    real[::1] sums, const real[::1] z, real[::1] h, const real[:, ::1] w,
    const real[:, :, ::1] drop, Py_ssize_t n,
) noexcept nogil:
    """sums = z + h w, where gate g sees h drop[n, g]."""
    cdef Py_ssize_t U = h.shape[0], k, g, u
    cdef real x
    for u in range(4 * U):
        sums[u] = z[u]
    for k in range(U):
        for g in range(4):
            x = h[k] if drop is None else h[k] * drop[n, g, k]
            for u in range(g * U, (g + 1) * U):
                sums[u] += x * w[k, u]


cdef inline void step(real[::1] sums, real[::1] h, real[::1] c, bint used, Options o) noexcept nogil:
    """The LSTM cell: the sums become the gates i, f, g, o, the state the next one."""
    cdef Py_ssize_t U = h.shape[0], u
    cdef real cell
    for u in range(U):
        sums[u] = activated(sums[u], o.recurrent_activation)
        sums[U + u] = activated(sums[U + u], o.recurrent_activation)
        sums[2 * U + u] = activated(sums[2 * U + u], o.activation)
        sums[3 * U + u] = activated(sums[3 * U + u], o.recurrent_activation)
        cell = sums[U + u] * c[u] + sums[u] * sums[2 * U + u]
        if used:
            c[u] = cell
            h[u] = sums[3 * U + u] * activated(cell, o.activation)


cdef inline void show(
    real[:, :, ::1] y, real[:, ::1] h, const uint8_t[:, ::1] mask, Py_ssize_t n, Py_ssize_t s,
    Py_ssize_t t, bint zero,
) noexcept nogil:
    """Write the output of step s; where only the last is wanted, each in its turn."""
    cdef Py_ssize_t place = min(s, y.shape[1] - 1), u
    cdef bint used = mask is None or mask[n, t] != 0
    for u in range(h.shape[1]):
        if used:
            y[n, place, u] = h[n, u]
        elif zero:
            y[n, place, u] = 0
        elif place == s and s > 0:  # else y holds the step before, or its first zeros
            y[n, place, u] = y[n, place - 1, u]


def lstm_backward(
    dz, dh0, dc0, dy, dh, dc, gates, cells, recurrent_kernel, drop, mask, *,
    activation="tanh", recurrent_activation="sigmoid", go_backwards=False,
    zero_output_for_mask=False,
):
    dh0[...] = 0 if dh is None else dh
    dc0[...] = 0 if dc is None else dc
    repeated = np.zeros_like(dh0)
    backward(
        dz, dh0, dc0, dy, gates, cells, recurrent_kernel, drop, mask, repeated,
        options(activation, recurrent_activation, go_backwards, zero_output_for_mask),
    )


def backward(
    real[:, :, ::1] dz, real[:, ::1] dh, real[:, ::1] dc, const real[:, :, ::1] dy,
    const real[:, :, ::1] gates, const real[:, :, ::1] cells, const real[:, ::1] w,
    const real[:, :, ::1] drop, const uint8_t[:, ::1] mask, real[:, ::1] repeated, Options o,
):
    """dh, dc: the state's gradients; repeated: what the outputs of an earlier step are given."""
    cdef Py_ssize_t N = gates.shape[0], T = gates.shape[1], U = dh.shape[1], n, s, t, u
    cdef int team = threads.team(NS * 4 * N * T * U * U)

    with nogil, parallel(num_threads=team):
        if openmp.omp_get_thread_num() == 0:
            threads.note_team(openmp.omp_get_num_threads())
        for n in prange(N, schedule="static"):
            for s in range(T - 1, -1, -1):
                t = T - 1 - s if o.backwards else s
                if dy is not None and (dy.shape[1] == T or s == T - 1):
                    for u in range(U):
                        repeated[n, u] += dy[n, min(s, dy.shape[1] - 1), u]
                if mask is None or mask[n, t] != 0:
                    for u in range(U):
                        dh[n, u] += repeated[n, u]
                    step_back(dz[n, t], dh[n], dc[n], gates[n, t], cells[n, t], o)
                    state_gradient(dh[n], dz[n, t], w, drop, n)
                    repeated[n, :] = 0
                else:
                    dz[n, t, :] = 0
                    if o.zero:
                        repeated[n, :] = 0


cdef inline void step_back(
    real[::1] dz, real[::1] dh, real[::1] dc, const real[::1] gates, const real[::1] cells,
    Options o,
) noexcept nogil:
    """The gradients of the sums and of the cell before from those of h and c."""
    cdef Py_ssize_t U = dh.shape[0], u
    cdef real i, f, g, out, a, d
    for u in range(U):
        i, f, g, out = gates[u], gates[U + u], gates[2 * U + u], gates[3 * U + u]
        a = activated(f * cells[u] + i * g, o.activation)
        d = dc[u] + derived(dh[u] * out, a, o.activation)
        dc[u] = d * f
        dz[u] = derived(d * g, i, o.recurrent_activation)
        dz[U + u] = derived(d * cells[u], f, o.recurrent_activation)
        dz[2 * U + u] = derived(d * i, g, o.activation)
        dz[3 * U + u] = derived(dh[u] * a, out, o.recurrent_activation)


cdef inline void state_gradient(
    real[::1] dh, const real[::1] dz, const real[:, ::1] w, const real[:, :, ::1] drop,
    Py_ssize_t n,
) noexcept nogil:
    """dh = dz w^T, where what gate g gives passes drop[n, g]."""
    cdef Py_ssize_t U = dh.shape[0], g, u, k
    cdef real total
    for k in range(U):
        dh[k] = 0
        for g in range(4):
            total = 0
            for u in range(g * U, (g + 1) * U):
                total = total + dz[u] * w[k, u]
            dh[k] += total if drop is None else total * drop[n, g, k]
