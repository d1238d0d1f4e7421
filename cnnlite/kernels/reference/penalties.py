"""Penalties on weights or outputs, and the projection of weights onto norms.

A penalty is added to one number in float64, so that the loss of a batch and many
small penalties lose nothing by being added up.
"""

from __future__ import annotations

import numpy as np

EPSILON = 1e-7  # Keras's backend epsilon


def penalty_forward(total, arrays, *, l1, l2, scale=1.0, accumulate=False):
    """Penalty on the size of all elements: ``scale sum (l1 |w| + l2 w^2)``.

    A term whose factor is 0 is left out, so it is 0 also where w is infinite or NaN.

    total : (1,) float64, output
    arrays : sequence of arrays of any shapes
    """
    penalty = 0.0
    for w in arrays:
        wide = w.astype(np.float64)
        if l1:
            penalty += l1 * np.abs(wide).sum()
        if l2:
            penalty += l2 * np.square(wide).sum()
    total[0] = (total[0] if accumulate else 0) + scale * penalty


def penalty_backward(dw, w, *, l1, l2, scale=1.0, accumulate=False):
    """Gradient of the penalty: ``scale (l1 sign(w) + 2 l2 w)``, with sign(0) = 0.

    dw : output
    w : same shape
    """
    gradient = np.zeros_like(w)
    if l1:
        gradient += w.dtype.type(scale * l1) * np.sign(w)
    if l2:
        gradient += w.dtype.type(2 * scale * l2) * w
    if accumulate:
        dw += gradient
    else:
        dw[...] = gradient


def _norms(gram):
    """Return the lengths of the vectors whose products ``gram`` holds, at least EPSILON."""
    diagonal = np.diag(gram)
    return np.where(diagonal < EPSILON**2, EPSILON, np.sqrt(diagonal))


def orthogonal_penalty_forward(total, gram, *, scale=1.0, accumulate=False):
    """Penalty on vectors that are not orthogonal: the mean of ``|cos|`` over all pairs.

    ``scale / (n (n - 1)) sum_{i != j} |gram_ij| / (|x_i| |x_j|)`` with
    ``|x_i| = sqrt(gram_ii)``, at least EPSILON; 0 where there is no pair.

    total : (1,) float64, output
    gram : (n, n), the products ``x_i . x_j``
    """
    n, norms = len(gram), _norms(gram.astype(np.float64))
    cosines = np.abs(gram) / (norms[:, None] * norms)
    penalty = cosines[~np.eye(n, dtype=bool)].sum() / max(n * (n - 1), 1)
    total[0] = (total[0] if accumulate else 0) + scale * penalty


def orthogonal_penalty_backward(factors, gram, *, scale=1.0):
    """Factors of the orthogonal penalty's gradient: ``dx_i = sum_j factors_ij x_j``.

    With ``c = 2 scale / (n (n - 1))`` and ``s = sign(gram)``,
    ``factors_ij = c s_ij / (|x_i| |x_j|)`` for j != i, and
    ``factors_ii = -c / |x_i|^2 sum_{j != i} |gram_ij| / (|x_i| |x_j|)``, 0 where |x_i| is
    less than EPSILON.  Derived here: d cos_ij / dx_i = x_j / (|x_i| |x_j|) - cos_ij x_i / |x_i|^2,
    and each pair counts twice in the forward sum.

    factors : (n, n), output
    gram : (n, n), the products ``x_i . x_j``
    """
    n, wide = len(gram), gram.astype(np.float64)
    norms, c = _norms(wide), 2 * scale / max(n * (n - 1), 1)
    lengths = norms[:, None] * norms
    off = ~np.eye(n, dtype=bool)
    cosines = np.where(off, np.abs(wide) / lengths, 0).sum(axis=1)
    factors[...] = np.where(off, c * np.sign(wide) / lengths, 0)
    on = np.where(np.diag(wide) < EPSILON**2, 0, -c * cosines / norms**2)
    factors[np.arange(n), np.arange(n)] = on


def project_norms(w, *, axes, min_value, max_value, rate=1.0):
    """Scale vectors so that their norms lie between two bounds, in place.

    The norm ``r`` is taken over ``axes``; with ``c = clip(r, min_value, max_value)``,
    ``w *= (rate c + (1 - rate) r) / (r + EPSILON)``.

    w : updated in place
    axes : tuple of int, rising
    """
    norms = np.sqrt(np.square(w.astype(np.float64)).sum(axis=axes, keepdims=True))
    wanted = np.clip(norms, min_value, max_value)
    if rate != 1:
        wanted = rate * wanted + (1 - rate) * norms
    with np.errstate(invalid="ignore"):
        w *= (wanted / (norms + EPSILON)).astype(w.dtype)
