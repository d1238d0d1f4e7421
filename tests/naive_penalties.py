"""Penalties and projections as plain loops, from the formulas; see tests/naive.py."""

from __future__ import annotations

import itertools
import math

import numpy as np


def penalty_forward(total, arrays, *, l1, l2, scale=1.0, accumulate=False):
    penalty = 0.0
    for w in arrays:
        for i in np.ndindex(w.shape):
            penalty += l1 * abs(float(w[i])) + l2 * float(w[i]) ** 2
    total[0] = (float(total[0]) if accumulate else 0.0) + scale * penalty


def penalty_backward(dw, w, *, l1, l2, scale=1.0, accumulate=False):
    for i in np.ndindex(w.shape):
        x = float(w[i])
        sign = (x > 0) - (x < 0)
        dw[i] = (dw[i] if accumulate else 0.0) + scale * (l1 * sign + 2 * l2 * x)


def _cosine(gram, i, j):
    lengths = [max(math.sqrt(float(gram[k, k])), 1e-7) for k in (i, j)]
    return abs(float(gram[i, j])) / (lengths[0] * lengths[1])


def orthogonal_penalty_forward(total, gram, *, scale=1.0, accumulate=False):
    pairs = list(itertools.combinations(range(len(gram)), 2))
    cosines = [_cosine(gram, i, j) for i, j in pairs]
    mean = sum(cosines) / len(pairs) if pairs else 0.0
    total[0] = (float(total[0]) if accumulate else 0.0) + scale * mean


def orthogonal_penalty_backward(factors, gram, *, scale=1.0):
    """d mean |cos| / dx_i, as factors of the vectors x_j: each pair (i, j) gives i two terms."""
    n = len(gram)
    pairs = n * (n - 1) / 2
    factors[...] = 0
    for i in range(n):
        own = max(math.sqrt(float(gram[i, i])), 1e-7)
        on_diagonal = 0.0
        for j in range(n):
            if j == i:
                continue
            other = max(math.sqrt(float(gram[j, j])), 1e-7)
            sign = int(gram[i, j] > 0) - int(gram[i, j] < 0)
            factors[i, j] = scale / pairs * sign / (own * other)
            if math.sqrt(float(gram[i, i])) >= 1e-7:
                on_diagonal -= scale / pairs * _cosine(gram, i, j) / own**2
        factors[i, i] = on_diagonal


def project_norms(w, *, axes, min_value, max_value, rate=1.0):
    kept = [axis for axis in range(w.ndim) if axis not in axes]
    for place in itertools.product(*(range(w.shape[axis]) for axis in kept)):
        vector = [slice(None)] * w.ndim
        for axis, i in zip(kept, place, strict=True):
            vector[axis] = i
        elements = w[tuple(vector)]
        norm = math.sqrt(sum(float(x) ** 2 for x in elements.flat))
        wanted = rate * min(max(norm, min_value), max_value) + (1 - rate) * norm
        w[tuple(vector)] = elements * (wanted / (norm + 1e-7))
