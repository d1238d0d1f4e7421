"""Recurrent networks as plain loops over numbers; see :mod:`tests.naive`.

LSTM (Hochreiter and Schmidhuber 1997; gates in Keras's order i, f, candidate, o), GRU
(Cho et al. 2014; update, reset, candidate), simple RNN.  Every sequence on its own, unit
by unit; masks and orders by the words of Keras's documentation.
"""

from __future__ import annotations

import math


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


FUNCTIONS = {
    None: (lambda x: x, lambda y: 1.0),
    "relu": (lambda x: max(x, 0.0), lambda y: 1.0 if y > 0 else 0.0),
    "sigmoid": (sigmoid, lambda y: y * (1 - y)),
    "tanh": (math.tanh, lambda y: 1 - y * y),
    "hard_sigmoid": (
        lambda x: min(max(x / 6 + 0.5, 0.0), 1.0),
        lambda y: 1 / 6 if 0 < y < 1 else 0.0,
    ),
}


def order(count, go_backwards):
    return list(range(count))[::-1] if go_backwards else list(range(count))


def factor(drop, n, gate, k):
    return 1.0 if drop is None else float(drop[n, gate, k])


def value(array, *index):
    return 0.0 if array is None else float(array[index])


def product(h, kernel, drop, n, gate, unit):
    """The sum that gate `gate` of a unit gets from a state, a list."""
    units = len(h)
    return sum(
        h[k] * factor(drop, n, gate, k) * float(kernel[k, gate * units + unit])
        for k in range(units)
    )


def product_backwards(dz, kernel, drop, n, gates, k):
    """What the sums' gradients dz[gate][unit] give to unit k of the state."""
    units = len(dz[gates[0]])
    return sum(
        dz[gate][unit] * factor(drop, n, gate, k) * float(kernel[k, gate * units + unit])
        for gate in gates
        for unit in range(units)
    )


def walk(y, h, h0, mask, count, go_backwards, zero, step):
    """Run step(n, t, state) -> new state for every sequence; write y and h."""
    units = h.shape[1]
    for n in range(h.shape[0]):
        state = [value(h0, n, u) for u in range(units)]
        shown = [0.0] * units
        y[n] = 0.0
        for s, t in enumerate(order(count, go_backwards)):
            new = step(n, t, state)
            if mask is None or mask[n, t]:
                state = shown = new
            elif zero:
                shown = [0.0] * units
            if y.shape[1] == count:
                y[n, s] = shown
            elif s == count - 1:
                y[n, 0] = shown
        h[n] = state


def walk_back(dh0, dy, dh, mask, count, go_backwards, zero, step):
    """Run step(n, t, dh) -> dh before it, last first; add what comes by the outputs."""
    units = dh0.shape[1]
    for n in range(dh0.shape[0]):
        state = [value(dh, n, u) for u in range(units)]
        steps = order(count, go_backwards)
        shown_at = {}  # output s shows the state of this step
        for s, t in enumerate(steps):
            used = mask is None or mask[n, t]
            shown_at[s] = s if used else None if zero or s == 0 else shown_at[s - 1]
        for s in range(count - 1, -1, -1):
            t = steps[s]
            if mask is not None and not mask[n, t]:
                step(n, t, None)
                continue
            for other in range(count):
                if dy is None or shown_at[other] != s:
                    continue
                if dy.shape[1] == count:
                    state = [d + float(dy[n, other, u]) for u, d in enumerate(state)]
                elif other == count - 1:
                    state = [d + float(dy[n, 0, u]) for u, d in enumerate(state)]
            state = step(n, t, state)
        dh0[n] = state


def lstm_forward(
    gates,
    states,
    cells,
    y,
    h,
    c,
    z,
    h0,
    c0,
    recurrent_kernel,
    drop,
    mask,
    *,
    activation="tanh",
    recurrent_activation="sigmoid",
    go_backwards=False,
    zero_output_for_mask=False,
):
    units, count = h.shape[1], z.shape[1]
    a, s = FUNCTIONS[activation][0], FUNCTIONS[recurrent_activation][0]
    cell = [[value(c0, n, u) for u in range(units)] for n in range(len(h))]

    def step(n, t, state):
        old, new_state, new_cell = cell[n], [], []
        for u in range(units):
            i, f, g, o = (
                float(z[n, t, k * units + u]) + product(state, recurrent_kernel, drop, n, k, u)
                for k in range(4)
            )
            i, f, g, o = s(i), s(f), a(g), s(o)
            new_cell.append(f * old[u] + i * g)
            new_state.append(o * a(new_cell[-1]))
            if gates is not None:
                states[n, t, u], cells[n, t, u] = state[u], old[u]
                gates[n, t, u], gates[n, t, units + u] = i, f
                gates[n, t, 2 * units + u], gates[n, t, 3 * units + u] = g, o
        if mask is None or mask[n, t]:
            cell[n] = new_cell
        return new_state

    z = z.copy()  # gates may alias it
    walk(y, h, h0, mask, count, go_backwards, zero_output_for_mask, step)
    for n in range(len(h)):
        c[n] = cell[n]


def lstm_backward(
    dz,
    dh0,
    dc0,
    dy,
    dh,
    dc,
    gates,
    cells,
    recurrent_kernel,
    drop,
    mask,
    *,
    activation="tanh",
    recurrent_activation="sigmoid",
    go_backwards=False,
    zero_output_for_mask=False,
):
    units, count = dh0.shape[1], gates.shape[1]
    a, da = FUNCTIONS[activation]
    ds = FUNCTIONS[recurrent_activation][1]
    d_cell = [[value(dc, n, u) for u in range(units)] for n in range(len(dh0))]
    gates = gates.copy()

    def step(n, t, d_state):
        if d_state is None:
            dz[n, t] = 0
            return None
        sums = [[0.0] * units for _ in range(4)]
        for u in range(units):
            i, f, g, o = (float(gates[n, t, k * units + u]) for k in range(4))
            before = float(cells[n, t, u])
            shown = a(f * before + i * g)
            d = d_cell[n][u] + d_state[u] * o * da(shown)
            sums[0][u] = d * g * ds(i)
            sums[1][u] = d * before * ds(f)
            sums[2][u] = d * i * da(g)
            sums[3][u] = d_state[u] * shown * ds(o)
            d_cell[n][u] = d * f
        for k in range(4):
            dz[n, t, k * units : (k + 1) * units] = sums[k]
        return [
            product_backwards(sums, recurrent_kernel, drop, n, range(4), k) for k in range(units)
        ]

    walk_back(dh0, dy, dh, mask, count, go_backwards, zero_output_for_mask, step)
    for n in range(len(dh0)):
        dc0[n] = d_cell[n]


def gru_forward(
    gates,
    states,
    inner,
    y,
    h,
    z,
    h0,
    recurrent_kernel,
    recurrent_bias,
    drop,
    mask,
    *,
    reset_after=True,
    activation="tanh",
    recurrent_activation="sigmoid",
    go_backwards=False,
    zero_output_for_mask=False,
):
    units, count = h.shape[1], z.shape[1]
    a, s = FUNCTIONS[activation][0], FUNCTIONS[recurrent_activation][0]
    z = z.copy()

    def total(n, t, state, k, u):
        share = product(state, recurrent_kernel, drop, n, k, u)
        return float(z[n, t, k * units + u]) + share + value(recurrent_bias, k * units + u)

    def step(n, t, state):
        update = [s(total(n, t, state, 0, u)) for u in range(units)]
        reset = [s(total(n, t, state, 1, u)) for u in range(units)]
        masked = [r * x for r, x in zip(reset, state, strict=True)]
        new = []
        for u in range(units):
            x = float(z[n, t, 2 * units + u])
            if reset_after:
                seen = product(state, recurrent_kernel, drop, n, 2, u)
                seen += value(recurrent_bias, 2 * units + u)
                g = a(x + reset[u] * seen)
            else:
                seen = masked[u] * factor(drop, n, 2, u)
                g = a(x + product(masked, recurrent_kernel, drop, n, 2, u))
            new.append(update[u] * state[u] + (1 - update[u]) * g)
            if gates is not None:
                states[n, t, u], inner[n, t, u] = state[u], seen
                gates[n, t, u], gates[n, t, units + u] = update[u], reset[u]
                gates[n, t, 2 * units + u] = g
        return new

    walk(y, h, h0, mask, count, go_backwards, zero_output_for_mask, step)


def gru_backward(
    dz,
    dr,
    dh0,
    dy,
    dh,
    gates,
    states,
    inner,
    recurrent_kernel,
    drop,
    mask,
    *,
    reset_after=True,
    activation="tanh",
    recurrent_activation="sigmoid",
    go_backwards=False,
    zero_output_for_mask=False,
):
    units, count = dh0.shape[1], gates.shape[1]
    da, ds = FUNCTIONS[activation][1], FUNCTIONS[recurrent_activation][1]
    gates = gates.copy()

    def step(n, t, d_state):
        if d_state is None:
            dz[n, t] = 0
            if dr is not None:
                dr[n, t] = 0
            return None
        x_sums, h_sums = ([[0.0] * units for _ in range(3)] for _ in range(2))
        new = [0.0] * units
        update, reset, candidate = (
            [float(gates[n, t, k * units + u]) for u in range(units)] for k in range(3)
        )
        for u in range(units):
            d, before = d_state[u], float(states[n, t, u])
            new[u] = d * update[u]
            x_sums[0][u] = h_sums[0][u] = d * (before - candidate[u]) * ds(update[u])
            x_sums[2][u] = d * (1 - update[u]) * da(candidate[u])
        if reset_after:
            for u in range(units):
                d = x_sums[2][u]
                x_sums[1][u] = h_sums[1][u] = d * float(inner[n, t, u]) * ds(reset[u])
                h_sums[2][u] = d * reset[u]
            seen = range(3)
        else:
            for u in range(units):  # of r h, which the candidate's product sees
                d = product_backwards(x_sums, recurrent_kernel, drop, n, [2], u)
                h_sums[1][u] = x_sums[1][u] = d * float(states[n, t, u]) * ds(reset[u])
                new[u] += d * reset[u]
            seen = range(2)
        for u in range(units):
            new[u] += product_backwards(h_sums, recurrent_kernel, drop, n, seen, u)
        for k in range(3):
            dz[n, t, k * units : (k + 1) * units] = x_sums[k]
            if dr is not None:
                dr[n, t, k * units : (k + 1) * units] = h_sums[k]
        return new

    walk_back(dh0, dy, dh, mask, count, go_backwards, zero_output_for_mask, step)


def simple_rnn_forward(
    gates,
    states,
    y,
    h,
    z,
    h0,
    recurrent_kernel,
    drop,
    mask,
    *,
    activation="tanh",
    go_backwards=False,
    zero_output_for_mask=False,
):
    a, units, count = FUNCTIONS[activation][0], h.shape[1], z.shape[1]
    z = z.copy()

    def step(n, t, state):
        new = [
            a(float(z[n, t, u]) + product(state, recurrent_kernel, drop, n, 0, u))
            for u in range(units)
        ]
        if gates is not None:
            states[n, t], gates[n, t] = state, new
        return new

    walk(y, h, h0, mask, count, go_backwards, zero_output_for_mask, step)


def simple_rnn_backward(
    dz,
    dh0,
    dy,
    dh,
    gates,
    recurrent_kernel,
    drop,
    mask,
    *,
    activation="tanh",
    go_backwards=False,
    zero_output_for_mask=False,
):
    da, units, count = FUNCTIONS[activation][1], dh0.shape[1], gates.shape[1]
    gates = gates.copy()

    def step(n, t, d_state):
        if d_state is None:
            dz[n, t] = 0
            return None
        sums = [d_state[u] * da(float(gates[n, t, u])) for u in range(units)]
        dz[n, t] = sums
        return [product_backwards([sums], recurrent_kernel, drop, n, [0], k) for k in range(units)]

    walk_back(dh0, dy, dh, mask, count, go_backwards, zero_output_for_mask, step)
