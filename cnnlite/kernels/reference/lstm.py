"""Long short-term memory: the recurrence over a whole sequence, and back through time.

With ``[h, x]``'s products split into those of x, in z, and those of h, step t of a
sequence is (Keras's order of gates: i, f, candidate, o)::

    i = s(z_i + h U_i)    f = s(z_f + h U_f)    o = s(z_o + h U_o)
    g = a(z_g + h U_g)
    c' = f c + i g        h' = o a(c')

with s the recurrent activation (a sigmoid) and a the activation (a tanh).

Source: Hochreiter and Schmidhuber 1997, with Gers et al. 2000's forget gate.
"""

from __future__ import annotations

import numpy as np

from cnnlite.kernels.reference.recurrent import (
    OutputGradients,
    Outputs,
    applied,
    derived,
    keep,
    start,
    state_gradient,
    state_product,
    steps,
    used,
)


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
    """Run an LSTM over sequences.

    gates : (N, T, 4 U), output: i, f, g, o of every step; may alias z; or None
    states, cells : (N, T, U), outputs: h and c that every step starts from; or None
    y : (N, T, U), output: h after every step in order of computing; or (N, 1, U), the last
    h : (N, U), output: the final state; may alias h0
    c : (N, U), output: the final cell; may alias c0
    z : (N, T, 4 U), x W + bias of every step
    h0, c0 : (N, U), or None for zeros
    recurrent_kernel : (U, 4 U)
    drop : (N, 4, U), gate k sees ``h * drop[:, k]``; or None
    mask : (N, T) uint8, 0 where a step is left out; or None
    activation, recurrent_activation : names that ``unary`` knows
    go_backwards : the last step first
    zero_output_for_mask : y is 0 at a masked step, instead of repeating
    """
    units = y.shape[2]
    hidden, cell = start(h0, h), start(c0, c)
    outputs = Outputs(y, zero_output_for_mask)
    for s, t in steps(z.shape[1], go_backwards):
        if gates is not None:
            states[:, t], cells[:, t] = hidden, cell
        sums = z[:, t] + state_product(hidden, recurrent_kernel, drop)
        i, f, g, o = (sums[:, k * units : (k + 1) * units] for k in range(4))
        i, f, o = (applied(recurrent_activation, gate) for gate in (i, f, o))
        g = applied(activation, g)
        if gates is not None:
            gates[:, t] = np.concatenate([i, f, g, o], axis=1)
        new_cell = f * cell + i * g
        new_hidden = o * applied(activation, new_cell)
        use = used(mask, t)
        hidden, cell = keep(use, new_hidden, hidden), keep(use, new_cell, cell)
        outputs.write(s, hidden, use)
    h[...], c[...] = hidden, cell


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
    """Back-propagate through an LSTM's time, to its sums.

    The gradients of W, U, the bias and x are products of dz with x and ``states``.

    dz : (N, T, 4 U), output: gradient of every step's sums; may alias gates
    dh0, dc0 : (N, U), outputs: gradients of the initial state
    dy : (N, T, U) or (N, 1, U), as y was; or None
    dh, dc : (N, U), gradients of the final state; or None
    gates, cells, recurrent_kernel, drop, mask : as of ``lstm_forward``
    """
    units, count = dh0.shape[1], gates.shape[1]
    hidden, cell = start(dh, dh0), start(dc, dc0)
    outputs = OutputGradients(dy, count, dh0, zero_output_for_mask)
    for s, t in reversed(list(steps(count, go_backwards))):
        use = used(mask, t)
        i, f, g, o = (gates[:, t, k * units : (k + 1) * units] for k in range(4))
        before = cells[:, t]
        d_hidden = hidden + outputs.take(s, use)
        a = applied(activation, f * before + i * g)
        d_cell = cell + derived(activation, d_hidden * o, a)
        new_cell = d_cell * f
        sums = np.concatenate(
            [
                derived(recurrent_activation, d_cell * g, i),
                derived(recurrent_activation, d_cell * before, f),
                derived(activation, d_cell * i, g),
                derived(recurrent_activation, d_hidden * a, o),
            ],
            axis=1,
        )
        dz[:, t] = sums = keep(use, sums, np.zeros_like(sums))
        hidden = keep(use, state_gradient(sums, recurrent_kernel, drop), hidden)
        cell = keep(use, new_cell, cell)
    dh0[...], dc0[...] = hidden, cell
