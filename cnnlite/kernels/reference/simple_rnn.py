"""The fully connected recurrent network: ``h' = a(z + h U)``, over a whole sequence.

Source: Goodfellow et al. 2016, section 10.2 (there W is hidden-to-hidden, here U).
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
    """Run a simple recurrent network over sequences.

    gates : (N, T, U), output: h' of every step, masked or not; may alias z; or None
    states : (N, T, U), output: h that every step starts from; or None
    y : (N, T, U), output: h after every step in order of computing; or (N, 1, U), the last
    h : (N, U), output: the final state; may alias h0
    z : (N, T, U), x W + bias of every step
    h0 : (N, U), or None for zeros
    recurrent_kernel : (U, U)
    drop : (N, 1, U), what h is multiplied with before the product; or None
    mask : (N, T) uint8, 0 where a step is left out; or None
    activation : a name that ``unary`` knows
    go_backwards : the last step first
    zero_output_for_mask : y is 0 at a masked step, instead of repeating
    """
    hidden = start(h0, h)
    outputs = Outputs(y, zero_output_for_mask)
    for s, t in steps(z.shape[1], go_backwards):
        if gates is not None:
            states[:, t] = hidden
        new = applied(activation, z[:, t] + state_product(hidden, recurrent_kernel, drop))
        if gates is not None:
            gates[:, t] = new
        use = used(mask, t)
        hidden = keep(use, new, hidden)
        outputs.write(s, hidden, use)
    h[...] = hidden


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
    """Back-propagate through a simple recurrent network's time, to its sums.

    dz : (N, T, U), output: gradient of every step's sum; may alias gates
    dh0 : (N, U), output: gradient of the initial state
    dy : (N, T, U) or (N, 1, U), as y was; or None
    dh : (N, U), gradient of the final state; or None
    gates, recurrent_kernel, drop, mask : as of ``simple_rnn_forward``
    """
    count = gates.shape[1]
    hidden = start(dh, dh0)
    outputs = OutputGradients(dy, count, dh0, zero_output_for_mask)
    for s, t in reversed(list(steps(count, go_backwards))):
        use = used(mask, t)
        sums = derived(activation, hidden + outputs.take(s, use), gates[:, t])
        dz[:, t] = sums = keep(use, sums, np.zeros_like(sums))
        hidden = keep(use, state_gradient(sums, recurrent_kernel, drop), hidden)
    dh0[...] = hidden
