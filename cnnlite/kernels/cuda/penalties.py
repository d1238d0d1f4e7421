"""Penalties and projections of parameters: sums in float64, in an order of the shape alone."""

from __future__ import annotations

import functools
import math

import numpy as np
from numba import cuda, float64

from cnnlite.kernels.cuda.functions import clip, sign
from cnnlite.kernels.cuda.launching import BLOCK, device_function, kernel, operation
from cnnlite.kernels.cuda.memory import as_arrays, flat, scratch
from cnnlite.kernels.cuda.optimizers import launch_pieces
from cnnlite.kernels.cuda.rows import launch_rows, row_sum
from cnnlite.kernels.cuda.vectors import load_at

__all__ = [
    "orthogonal_penalty_backward",
    "orthogonal_penalty_forward",
    "penalty_backward",
    "penalty_forward",
    "project_norms",
]

EPSILON = 1e-7  # of norms, as in the reference


@kernel
def _total(total, sums, scale, accumulate):
    """One block adds up what others have found."""
    shared = cuda.shared.array(BLOCK, float64)
    own = 0.0
    for n in range(cuda.threadIdx.x, sums.size, cuda.blockDim.x):
        own += sums[n]
    penalty = scale * row_sum(shared, own)
    if cuda.threadIdx.x == 0:
        total[0] = total[0] + penalty if accumulate else penalty


@functools.cache
def _make_sizes(dtype):
    @kernel
    def sizes(pieces, sums, arrays, l1, l2):
        shared = cuda.shared.array(BLOCK, float64)
        start, stop = pieces[cuda.blockIdx.x, 1], pieces[cuda.blockIdx.x, 2]
        array, own = arrays[pieces[cuda.blockIdx.x, 0]], 0.0
        for k in range(start + cuda.threadIdx.x, stop, cuda.blockDim.x):
            x = float64(load_at(array, k, dtype))
            if l1 != 0:
                own += l1 * abs(x)
            if l2 != 0:
                own += l2 * x * x
        penalty = row_sum(shared, own)
        if cuda.threadIdx.x == 0:
            sums[cuda.blockIdx.x] = penalty

    return sizes


@operation(outputs=1)
def penalty_forward(total, arrays, *, l1, l2, scale=1.0, accumulate=False):
    arrays = as_arrays(arrays)
    sums = scratch(arrays.pieces.shape[0], float)
    if arrays:
        sizes = _make_sizes(arrays[0].dtype.type)
        launch_pieces(sizes, arrays, sums, arrays.addresses, float(l1), float(l2))
    _total.launch(1, BLOCK, total, sums, float(scale), accumulate)


@kernel
def _penalty_backward(dw, w, l1, l2, has_l1, has_l2, accumulate):
    for k in range(cuda.grid(1), w.size, cuda.gridsize(1)):
        gradient = l1 * sign(w[k]) if has_l1 else w.dtype.type(0)
        if has_l2:
            gradient += l2 * w[k]
        dw[k] = dw[k] + gradient if accumulate else gradient


@operation(outputs=1)
def penalty_backward(dw, w, *, l1, l2, scale=1.0, accumulate=False):
    factors = w.dtype.type(scale * l1), w.dtype.type(2 * scale * l2)
    has = l1 != 0, l2 != 0
    _penalty_backward.over(w.size, flat(dw), flat(w), *factors, *has, accumulate)


# ---- orthogonal vectors


@device_function
def _length(gram, i):
    """Return the length of a vector of which ``gram`` has the products, at least EPSILON."""
    square = float64(gram[i, i])
    return EPSILON if square < EPSILON * EPSILON else math.sqrt(square)


@kernel
def _cosines(sums, gram):
    shared = cuda.shared.array(BLOCK, float64)
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, gram.shape[0], cuda.gridDim.x * cuda.blockDim.y
    ):
        i = first + cuda.threadIdx.y
        own = 0.0
        for j in range(
            cuda.threadIdx.x, gram.shape[0] if i < gram.shape[0] else 0, cuda.blockDim.x
        ):
            if i != j:
                own += abs(float64(gram[i, j])) / (_length(gram, i) * _length(gram, j))
        total = row_sum(shared, own)
        if i < gram.shape[0] and cuda.threadIdx.x == 0:
            sums[i] = total


@operation(outputs=1)
def orthogonal_penalty_forward(total, gram, *, scale=1.0, accumulate=False):
    n = gram.shape[0]
    sums = scratch(n, float)
    launch_rows(_cosines, n, n, sums, gram)
    _total.launch(1, BLOCK, total, sums, scale / max(n * (n - 1), 1), accumulate)


@kernel
def _factors(factors, gram, scale):
    shared = cuda.shared.array(BLOCK, float64)
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, gram.shape[0], cuda.gridDim.x * cuda.blockDim.y
    ):
        i = first + cuda.threadIdx.y
        own = 0.0
        for j in range(
            cuda.threadIdx.x, gram.shape[0] if i < gram.shape[0] else 0, cuda.blockDim.x
        ):
            if i != j:
                x, lengths = float64(gram[i, j]), _length(gram, i) * _length(gram, j)
                factors[i, j] = scale * sign(x) / lengths
                own += abs(x) / lengths
        cosines = row_sum(shared, own)
        if i < gram.shape[0] and cuda.threadIdx.x == 0:
            square = float64(gram[i, i])
            is_short = square < EPSILON * EPSILON
            factors[i, i] = 0 if is_short else -scale * cosines / square


@operation(outputs=1)
def orthogonal_penalty_backward(factors, gram, *, scale=1.0):
    n = gram.shape[0]
    launch_rows(_factors, n, n, factors, gram, 2 * scale / max(n * (n - 1), 1))


# ---- norms


@device_function
def _factor(squares, least, most, rate):
    """Return what a vector of this sum of squares is multiplied by."""
    norm = math.sqrt(squares)
    wanted = clip(norm, least, most)
    if rate != 1:
        wanted = rate * wanted + (1 - rate) * norm
    return wanted / (norm + EPSILON)


@kernel
def _project_rows(w, kept, reduced, least, most, rate):
    """Neighbours in memory are of one vector: the threads of a row share it."""
    shared = cuda.shared.array(BLOCK, float64)
    for first in range(
        cuda.blockIdx.x * cuda.blockDim.y, kept.size, cuda.gridDim.x * cuda.blockDim.y
    ):
        n = first + cuda.threadIdx.y
        count, start, own = 0, 0, 0.0
        if n < kept.size:
            count, start = reduced.size, kept[n]
        for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            x = float64(w[start + reduced[k]])
            own += x * x
        factor = w.dtype.type(_factor(row_sum(shared, own), least, most, rate))
        for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            w[start + reduced[k]] *= factor


@kernel
def _project_columns(w, kept, reduced, least, most, rate):
    """Neighbours in memory are of neighbouring vectors: each has a thread."""
    for n in range(cuda.grid(1), kept.size, cuda.gridsize(1)):
        squares = 0.0
        for k in range(reduced.size):
            x = float64(w[kept[n] + reduced[k]])
            squares += x * x
        factor = w.dtype.type(_factor(squares, least, most, rate))
        for k in range(reduced.size):
            w[kept[n] + reduced[k]] *= factor


@functools.lru_cache(256)
def _offsets(shape, axes):
    """Return where the elements of a vector lie, and where each vector begins."""
    offsets = {True: np.zeros(1, np.int64), False: np.zeros(1, np.int64)}
    for axis, length in enumerate(shape):
        own = np.arange(length, dtype=np.int64) * math.prod(shape[axis + 1 :])
        offsets[axis in axes] = np.add.outer(offsets[axis in axes], own).reshape(-1)
    return cuda.to_device(offsets[False]), cuda.to_device(offsets[True])


@operation(outputs=1)
def project_norms(w, *, axes, min_value, max_value, rate=1.0):
    if not w.size:
        return
    kept, reduced = _offsets(tuple(w.shape), tuple(axes))
    arguments = flat(w), kept, reduced, float(min_value), float(max_value), float(rate)
    if w.ndim - 1 in axes:
        launch_rows(_project_rows, kept.size, reduced.size, *arguments)
    else:
        _project_columns.over(kept.size, *arguments)
