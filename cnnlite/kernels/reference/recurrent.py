"""What recurrent networks share: the walk over time, and what a masked step does.

The kernels take ``z``, the input's share of every step's sums, computed as one matrix
product over all steps, and add the state's share step by step (back-propagation
through time likewise: the products over all steps follow after the loop).

Masks: a step with mask 0 keeps the state; its output is 0 (``zero_output_for_mask``)
or the output of the step before it, 0 before the first one.
"""

from __future__ import annotations

import numpy as np

from cnnlite.kernels.reference.elementwise import unary, unary_backward


def applied(function, x):
    """Return ``function(x)``; None is the linear function."""
    y = x.copy()
    if function is not None:
        unary(y, x, function=function)
    return y


def derived(function, dy, y):
    """Return ``dy function'(x)`` where y = function(x)."""
    dx = dy.copy()
    if function is not None:
        unary_backward(dx, dy, y, function=function)
    return dx


def steps(count, go_backwards):
    """Yield (place in the output, step of the input): the output is in order of computing."""
    return enumerate(reversed(range(count)) if go_backwards else range(count))


def used(mask, t):
    """Return (N, 1) booleans, whether each sequence has step t; None: all do."""
    return None if mask is None else mask[:, t, None] != 0


def start(state, like):
    """Return a copy of the initial state (N, U), zeros for None."""
    return np.zeros_like(like) if state is None else state.copy()


def keep(use, new, old):
    """Return the new state where a step counts, else the old one."""
    return new if use is None else np.where(use, new, old)


class Outputs:
    """Writes y (N, T, U), or of y (N, 1, U) only the last step."""

    def __init__(self, y, zero_output_for_mask):
        self.y, self.zero = y, zero_output_for_mask
        self.before = np.zeros_like(y[:, 0]) if y.shape[1] else None
        y[...] = 0  # for no steps at all

    def write(self, s, h, use):
        other = np.zeros_like(h) if self.zero else self.before
        self.before = keep(use, h, other)
        self.y[:, min(s, self.y.shape[1] - 1)] = self.before


class OutputGradients:
    """Hands out, last step first, the gradient that reaches each step's new state by y."""

    def __init__(self, dy, count, like, zero_output_for_mask):
        self.dy, self.count, self.zero = dy, count, zero_output_for_mask
        self.repeated = np.zeros_like(like)  # for the step whose output was repeated

    def take(self, s, use):
        """Return dh (N, U), 0 where step s is masked."""
        total = self.repeated
        if self.dy is not None and (self.dy.shape[1] == self.count or s == self.count - 1):
            total = total + self.dy[:, min(s, self.dy.shape[1] - 1)]
        if use is None:
            return total
        self.repeated = np.zeros_like(total) if self.zero else np.where(use, 0, total)
        return np.where(use, total, 0)


def state_product(h, kernel, drop):
    """Return the state's share of the sums: ``h @ kernel``, gate by gate through ``drop``.

    h : (N, U)
    kernel : (U, G U)
    drop : (N, G, U) or None; gate g sees ``h * drop[:, g]``
    """
    if drop is None:
        return h @ kernel
    gates = np.split(kernel, drop.shape[1], axis=1)
    return np.concatenate([(h * drop[:, g]) @ w for g, w in enumerate(gates)], axis=1)


def state_gradient(dz, kernel, drop):
    """Return the gradient (N, U) that dz (N, G U) sends through ``state_product`` to h."""
    if drop is None:
        return dz @ kernel.T
    units = kernel.shape[0]
    total = np.zeros((len(dz), units), dz.dtype)
    for g in range(drop.shape[1]):
        part = slice(g * units, (g + 1) * units)
        total += (dz[:, part] @ kernel[:, part].T) * drop[:, g]
    return total
