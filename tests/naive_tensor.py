"""The plain loops (see tests/naive.py) of what rearranges, reduces, selects and converts."""

from __future__ import annotations

import math

import numpy as np

from tests.naive_numbers import store


def repeated(a, shape, index):
    """The element of ``a`` that stands at ``index`` once ``a`` is repeated to ``shape``."""
    own = index[len(shape) - a.ndim :]
    return a[tuple(0 if n == 1 else i for i, n in zip(own, a.shape, strict=True))]


def larger(a, b):
    return math.nan if math.isnan(a) or math.isnan(b) else a if a > b else b


def quotient(a, b):
    if b != 0 or math.isnan(a):
        return a / b if b != 0 else math.nan
    return math.nan if a == 0 else math.copysign(math.inf, a) * math.copysign(1, b)


def root(a):
    return math.sqrt(a) if a >= 0 else math.nan


def binary(y, a, b, *, function):
    for i in np.ndindex(y.shape):
        p, q = float(repeated(a, y.shape, i)), float(repeated(b, y.shape, i))
        y[i] = {
            "add": lambda p, q: p + q,
            "subtract": lambda p, q: p - q,
            "multiply": lambda p, q: p * q,
            "divide": quotient,
            "maximum": larger,
            "minimum": lambda p, q: -larger(-p, -q),
            "divide_by_root": lambda p, q: quotient(p, q if math.isnan(q) else root(q)),
            "greater_equal": lambda p, q: (
                math.nan if math.isnan(p) or math.isnan(q) else float(p >= q)
            ),
        }[function](p, q)


def where(y, mask, x, *, value):
    for i in np.ndindex(y.shape):
        y[i] = repeated(x, y.shape, i) if repeated(mask, y.shape, i) else value


def logical(y, a, b, *, function):
    for i in np.ndindex(y.shape):
        p, q = bool(repeated(a, y.shape, i)), bool(repeated(b, y.shape, i))
        y[i] = (p and q) if function == "and" else (p or q)


def transpose(y, x, *, axes):
    for i in np.ndindex(x.shape):
        y[tuple(i[axis] for axis in axes)] = x[i]


def reduce(y, x, *, function, axes, accumulate=False):
    terms: dict[tuple, list[float]] = {i: [] for i in np.ndindex(y.shape)}
    for i in np.ndindex(x.shape):
        terms[tuple(n for axis, n in enumerate(i) if axis not in axes)].append(float(x[i]))
    for i, found in terms.items():
        if function == "max":
            best = -math.inf
            for term in found:
                best = larger(best, term)
            y[i] = best
        else:
            total = math.fsum(found) if all(map(math.isfinite, found)) else sum(found)
            if function == "mean":
                total = total / len(found) if found else math.nan
            store(y, i, total, accumulate)


def batch_matmul(
    y, a, b, *, transpose_a=False, transpose_b=False, heads=(1, 1, 1), accumulate=False
):
    def at(array, place, n, h, row, column):
        return (n, h, row, column) if heads[place] == 1 else (n, row, h, column)

    depth = a.shape[3] if not transpose_a else a.shape[3 - heads[1]]
    for i in np.ndindex(y.shape):
        n, h, m, k = i if heads[0] == 1 else (i[0], i[2], i[1], i[3])
        total = 0.0
        for d in range(depth):
            left = at(a, 1, n, h, *((d, m) if transpose_a else (m, d)))
            right = at(b, 2, n, h, *((k, d) if transpose_b else (d, k)))
            total += float(a[left]) * float(b[right])
        store(y, i, total, accumulate)


def differs(y, x, *, value):
    for r, row in enumerate(x.tolist()):
        y[r] = any(element != value for element in row)


def gather(y, table, ids):
    for r, k in np.ndindex(y.shape):
        y[r, k] = table[ids[r], k] if 0 <= ids[r] < len(table) else math.nan


def scatter_add(dtable, dy, ids, *, accumulate=False):
    for v, k in np.ndindex(dtable.shape):
        total = sum(float(dy[r, k]) for r in range(len(ids)) if ids[r] == v)
        store(dtable, (v, k), total, accumulate)


def cast(y, x):
    for i in np.ndindex(x.shape):
        value = float(x[i])
        if y.dtype.kind in "iu":
            low, high = int(np.iinfo(y.dtype).min), int(np.iinfo(y.dtype).max)
            if math.isnan(value):
                value = 0
            else:
                value = high if value > high else low if value < low else math.trunc(value)
        y[i] = value


def fill(y, *, value):
    for i in np.ndindex(y.shape):
        y[i] = value
