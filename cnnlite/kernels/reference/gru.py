"""Gated recurrent unit: the recurrence over a whole sequence, and back through time.

Step t of a sequence, in Keras's order of gates (update z, reset r, candidate)::

    u = s(z_u + h U_u + b_u)    r = s(z_r + h U_r + b_r)
    g = a(z_g + r (h U_g + b_g))      with reset_after (the variant that CUDA libraries use)
    g = a(z_g + (r h) U_g)            without (the paper's; no b)
    h' = u h + (1 - u) g

Source: Cho et al. 2014.
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


def _dropped(h, drop, gate):
    return h if drop is None else h * drop[:, gate]


def _part(drop, gates):
    return None if drop is None else drop[:, gates]


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
    """Run a GRU over sequences.

    gates : (N, T, 3 U), output: u, r, g of every step; may alias z; or None
    states : (N, T, U), output: h that every step starts from; or None
    inner : (N, T, U), output: ``h U_g + b_g``, without reset_after ``r h``, of every step, as
        the candidate sees it; or None
    y : (N, T, U), output: h after every step in order of computing; or (N, 1, U), the last
    h : (N, U), output: the final state; may alias h0
    z : (N, T, 3 U), x W + bias of every step
    h0 : (N, U), or None for zeros
    recurrent_kernel : (U, 3 U)
    recurrent_bias : (3 U,), with reset_after alone; or None
    drop : (N, 3, U), gate k sees ``h * drop[:, k]``; or None
    mask : (N, T) uint8, 0 where a step is left out; or None
    reset_after : the reset gate is applied after the candidate's product
    activation, recurrent_activation : names that ``unary`` knows
    go_backwards : the last step first
    zero_output_for_mask : y is 0 at a masked step, instead of repeating
    """
    units = y.shape[2]
    two, last = slice(2 * units), slice(2 * units, None)
    hidden = start(h0, h)
    outputs = Outputs(y, zero_output_for_mask)
    for s, t in steps(z.shape[1], go_backwards):
        sums = state_product(hidden, recurrent_kernel[:, two], _part(drop, slice(2)))
        if recurrent_bias is not None:
            sums = sums + recurrent_bias[two]
        both = applied(recurrent_activation, z[:, t, two] + sums)
        u, r = both[:, :units], both[:, units:]
        if reset_after:
            kept = _dropped(hidden, drop, 2) @ recurrent_kernel[:, last]
            if recurrent_bias is not None:
                kept = kept + recurrent_bias[last]
            product = r * kept
        else:
            kept = _dropped(r * hidden, drop, 2)
            product = kept @ recurrent_kernel[:, last]
        g = applied(activation, z[:, t, last] + product)
        if gates is not None:
            states[:, t], inner[:, t] = hidden, kept
            gates[:, t] = np.concatenate([u, r, g], axis=1)
        use = used(mask, t)
        hidden = keep(use, u * hidden + (1 - u) * g, hidden)
        outputs.write(s, hidden, use)
    h[...] = hidden


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
    """Back-propagate through a GRU's time, to its sums.

    dz : (N, T, 3 U), output: gradient of x W + bias of every step; may alias gates
    dr : (N, T, 3 U), output: gradient of h U + b; None without reset_after
    dh0 : (N, U), output: gradient of the initial state
    dy : (N, T, U) or (N, 1, U), as y was; or None
    dh : (N, U), gradient of the final state; or None
    gates, states, inner, recurrent_kernel, drop, mask : as of ``gru_forward``
    """
    units, count = dh0.shape[1], gates.shape[1]
    two, last = slice(2 * units), slice(2 * units, None)
    hidden = start(dh, dh0)
    outputs = OutputGradients(dy, count, dh0, zero_output_for_mask)
    for s, t in reversed(list(steps(count, go_backwards))):
        use = used(mask, t)
        u, r, g = (gates[:, t, k * units : (k + 1) * units] for k in range(3))
        before = states[:, t]
        d_hidden = hidden + outputs.take(s, use)
        d_u = derived(recurrent_activation, d_hidden * (before - g), u)
        d_g = derived(activation, d_hidden * (1 - u), g)
        new = d_hidden * u
        if reset_after:
            d_r = derived(recurrent_activation, d_g * inner[:, t], r)
            recurrent = np.concatenate([d_u, d_r, d_g * r], axis=1)
            new = new + state_gradient(recurrent, recurrent_kernel, drop)
            dr[:, t] = keep(use, recurrent, np.zeros_like(recurrent))
        else:
            product = _dropped(d_g @ recurrent_kernel[:, last].T, drop, 2)
            d_r = derived(recurrent_activation, product * before, r)
            both = np.concatenate([d_u, d_r], axis=1)
            new = new + product * r
            new = new + state_gradient(both, recurrent_kernel[:, two], _part(drop, slice(2)))
        sums = np.concatenate([d_u, d_r, d_g], axis=1)
        dz[:, t] = keep(use, sums, np.zeros_like(sums))
        hidden = keep(use, new, hidden)
    dh0[...] = hidden
