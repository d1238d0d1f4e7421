"""Optimizer steps: a function for each rule, called once for each parameter; a tile is a piece.

Every operation is rounded as in the reference, so the bits agree.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from cnnlite.kernels.numba.compiling import D1, F1, B, D, inlined, tiled
from cnnlite.kernels.numba.rows import wide_dot

__all__ = ["average_update", "clip_scales", "update"]

# Elements of a tile: five arrays of 16 KB stay in a core's L2 cache from one of a rule's
# loops to the next.
PIECE = 4096

# Nanoseconds on one core for an element of an array that is read, or read and written, from
# memory: nothing of the last step is left in the caches.
STREAM = 0.4


def update(
    weights,
    first,
    second,
    third,
    gradients,
    scales,
    decays,
    rate,
    iterations,
    *,
    rule,
    clip_value=None,
    momentum=0.0,
    nesterov=False,
    rho=0.0,
    beta_1=0.0,
    beta_2=0.0,
    epsilon=0.0,
):
    lr, t = float(rate[0]), int(iterations[0])
    limit = math.inf if clip_value is None else clip_value
    numbers: tuple[float, ...]
    if rule == "sgd":
        step, numbers = _sgd, (lr, momentum, nesterov)
    elif rule == "rmsprop":
        step, numbers = _rmsprop, (lr, momentum, rho, epsilon)
    elif rule == "adagrad":
        step, numbers = _adagrad, (lr, epsilon)
    elif rule == "adadelta":
        step, numbers = _adadelta, (lr, rho, epsilon)
    elif rule == "adam":
        corrected = lr * math.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        step, numbers = _adam, (corrected, 1 - beta_1, 1 - beta_2, epsilon)
    elif rule == "adamax":
        step, numbers = _adamax, (lr / (1 - beta_1**t), 1 - beta_1, beta_2, epsilon)
    elif rule == "nadam":
        ahead = _nadam_factors(t, beta_1, beta_2)
        step, numbers = _nadam, (lr, 1 - beta_1, 1 - beta_2, epsilon, *ahead)
    else:
        step, numbers = _lion, (lr, beta_1, beta_2)
    # One empty array stands for all slots that the rule does not have.
    none = np.empty(0, weights[0].dtype) if weights else None
    nanoseconds = STREAM * (2 + sum(slot is not None for slot in (first, second, third)))
    for n, w in enumerate(weights):
        step(
            nanoseconds * w.size,
            w.reshape(-1),
            none if first is None else first[n].reshape(-1),
            none if second is None else second[n].reshape(-1),
            none if third is None else third[n].reshape(-1),
            gradients[n].reshape(-1),
            1.0 if scales is None else scales[n],
            limit,
            0.0 if decays is None else lr * float(decays[n]),
            *numbers,
        )


def clip_scales(scales, gradients, *, clip_norm, together=False):
    squares = [_square(gradient) for gradient in gradients]
    if together:
        norm = math.sqrt(sum(squares))
        scales[:] = _clip_scale(norm, clip_norm) if math.isfinite(norm) else math.nan
    else:
        scales[:] = [_clip_scale(math.sqrt(square), clip_norm) for square in squares]


def _clip_scale(norm, clip_norm):
    return 1.0 if norm < clip_norm else clip_norm / norm


def average_update(averages, weights, iterations, *, momentum, overwrite_frequency=None):
    t = int(iterations[0])
    overwrite = overwrite_frequency is not None and t % overwrite_frequency == 0
    for average, w in zip(averages, weights, strict=True):
        arrays = average.reshape(-1), w.reshape(-1)
        _average(2 * STREAM * w.size, *arrays, momentum, t == 1, overwrite)


def _square(x):
    """Return the sum of the squares of all elements, in float64."""
    sums = np.empty((x.size + PIECE - 1) // PIECE)
    _squares(STREAM * x.size, sums, x.reshape(-1))
    return float(sums.sum())


def _nadam_factors(t, beta_1, beta_2):
    """Return what Nadam multiplies m, g, and v by."""
    product = beta_1**t
    for i in range(1, min(t, 1000) + 1):  # 0.96^1000 is less than the roundoff of 1
        product *= 1 - 0.96**i / 2
    now, after = (beta_1 * (1 - 0.96**i / 2) for i in (t, t + 1))
    return after / (1 - product * after), (1 - now) / (1 - product), 1 / (1 - beta_2**t)


# The rules.  Their loops read an element of every array before they write one.  Large arrays
# begin at the same place in a page, and CPUs tell a load from a store before it by the place in
# the page at first: a load after a store to another array waits for it (Adam: 2.7 times as long).


@inlined
def _pieces(size):
    return (size + PIECE - 1) // PIECE


@inlined
def _piece(tile, x):
    """Return the tile's part of an array; nothing of one without elements."""
    return x[tile * PIECE : (tile + 1) * PIECE]


@inlined
def _prepared(g, w, scale, limit, decay):
    """Let the weights decay; return the gradient, scaled and clipped where that is asked for."""
    share, factor = w.dtype.type(decay), w.dtype.type(scale)
    most, least = w.dtype.type(limit), w.dtype.type(-limit)
    if decay != 0:
        for k in range(w.size):
            w[k] -= share * w[k]
    if scale == 1 and limit == np.inf:
        return g
    clipped = np.empty_like(g)
    for k in range(g.size):
        x = factor * g[k]  # NaN passes
        x = most if x > most else x
        clipped[k] = least if x < least else x
    return clipped


@tiled
def _sgd(
    w: F1, v: F1, _b: F1, _c: F1, g: F1, scale: D, limit: D, decay: D,
    rate: D, momentum: D, nesterov: B,
):  # fmt: skip
    step, keep = w.dtype.type(rate), w.dtype.type(momentum)
    for tile in prange(_pieces(w.size)):
        ws, vs = _piece(tile, w), _piece(tile, v)
        gs = _prepared(_piece(tile, g), ws, scale, limit, decay)
        if v.size == 0:
            for k in range(ws.size):
                ws[k] -= step * gs[k]
        else:
            for k in range(ws.size):
                x, weight = step * gs[k], ws[k]
                speed = keep * vs[k] - x
                vs[k] = speed
                ws[k] = weight + (keep * speed - x if nesterov else speed)


@tiled
def _rmsprop(
    w: F1, v: F1, m: F1, a: F1, g: F1, scale: D, limit: D, decay: D,
    rate: D, momentum: D, rho: D, epsilon: D,
):  # fmt: skip
    step, keep, small = w.dtype.type(rate), w.dtype.type(momentum), w.dtype.type(epsilon)
    old, new, zero = w.dtype.type(rho), w.dtype.type(1 - rho), w.dtype.type(0)
    for tile in prange(_pieces(w.size)):
        ws, vs, ms, means = _piece(tile, w), _piece(tile, v), _piece(tile, m), _piece(tile, a)
        gs = _prepared(_piece(tile, g), ws, scale, limit, decay)
        if m.size == 0 and a.size == 0:
            for k in range(ws.size):
                x, weight = gs[k], ws[k]
                square = old * vs[k] + new * (x * x)
                vs[k] = square
                ws[k] = weight - step * x / np.sqrt(square + small)
            continue
        steps = np.empty_like(ws)
        if a.size == 0:
            for k in range(ws.size):
                x = gs[k]
                square = old * vs[k] + new * (x * x)
                vs[k] = square
                steps[k] = step * x / np.sqrt(square + small)
        else:
            for k in range(ws.size):
                x, mean = gs[k], means[k]
                square = old * vs[k] + new * (x * x)
                mean = old * mean + new * x
                spread = square - mean * mean
                spread = zero if spread < zero else spread
                vs[k] = square
                means[k] = mean
                steps[k] = step * x / np.sqrt(spread + small)
        if m.size > 0:
            for k in range(ws.size):
                x = keep * ms[k] + steps[k]
                ms[k] = x
                steps[k] = x
        for k in range(ws.size):
            ws[k] -= steps[k]


@tiled
def _adagrad(
    w: F1, a: F1, _b: F1, _c: F1, g: F1, scale: D, limit: D, decay: D, rate: D, epsilon: D
):  # fmt: skip
    step, small = w.dtype.type(rate), w.dtype.type(epsilon)
    for tile in prange(_pieces(w.size)):
        ws, sums = _piece(tile, w), _piece(tile, a)
        gs = _prepared(_piece(tile, g), ws, scale, limit, decay)
        for k in range(ws.size):
            x, weight = gs[k], ws[k]
            total = sums[k] + x * x
            sums[k] = total
            ws[k] = weight - step * x / np.sqrt(total + small)


@tiled
def _adadelta(
    w: F1, a: F1, b: F1, _c: F1, g: F1, scale: D, limit: D, decay: D,
    rate: D, rho: D, epsilon: D,
):  # fmt: skip
    step, small = w.dtype.type(rate), w.dtype.type(epsilon)
    old, new = w.dtype.type(rho), w.dtype.type(1 - rho)
    for tile in prange(_pieces(w.size)):
        ws, of_g, of_d = _piece(tile, w), _piece(tile, a), _piece(tile, b)
        gs = _prepared(_piece(tile, g), ws, scale, limit, decay)
        for k in range(ws.size):
            x, before, weight = gs[k], of_d[k], ws[k]
            squares = old * of_g[k] + new * (x * x)
            d = np.sqrt(before + small) * x / np.sqrt(squares + small)
            of_g[k] = squares
            of_d[k] = old * before + new * (d * d)
            ws[k] = weight - step * d


@tiled
def _adam(
    w: F1, m: F1, v: F1, peak: F1, g: F1, scale: D, limit: D, decay: D,
    rate: D, rest_1: D, rest_2: D, epsilon: D,
):  # fmt: skip
    step, small = w.dtype.type(rate), w.dtype.type(epsilon)
    new_1, new_2 = w.dtype.type(rest_1), w.dtype.type(rest_2)
    for tile in prange(_pieces(w.size)):
        ws, ms, vs, peaks = _piece(tile, w), _piece(tile, m), _piece(tile, v), _piece(tile, peak)
        gs = _prepared(_piece(tile, g), ws, scale, limit, decay)
        if peak.size == 0:
            for k in range(ws.size):
                x, mean, square, weight = gs[k], ms[k], vs[k], ws[k]
                mean += new_1 * (x - mean)
                square += new_2 * (x * x - square)
                ms[k] = mean
                vs[k] = square
                ws[k] = weight - step * mean / (np.sqrt(square) + small)
        else:
            for k in range(ws.size):
                x, mean, square, weight = gs[k], ms[k], vs[k], ws[k]
                mean += new_1 * (x - mean)
                square += new_2 * (x * x - square)
                most = _larger(peaks[k], square)
                ms[k] = mean
                vs[k] = square
                peaks[k] = most
                ws[k] = weight - step * mean / (np.sqrt(most) + small)


@tiled
def _adamax(
    w: F1, m: F1, u: F1, _c: F1, g: F1, scale: D, limit: D, decay: D,
    rate: D, rest_1: D, beta_2: D, epsilon: D,
):  # fmt: skip
    step, small = w.dtype.type(rate), w.dtype.type(epsilon)
    new, old = w.dtype.type(rest_1), w.dtype.type(beta_2)
    for tile in prange(_pieces(w.size)):
        ws, ms, sizes = _piece(tile, w), _piece(tile, m), _piece(tile, u)
        gs = _prepared(_piece(tile, g), ws, scale, limit, decay)
        for k in range(ws.size):
            x, mean, weight = gs[k], ms[k], ws[k]
            size = _larger(old * sizes[k], abs(x))
            mean += new * (x - mean)
            ms[k] = mean
            sizes[k] = size
            ws[k] = weight - step * mean / (size + small)


@tiled
def _nadam(
    w: F1, m: F1, v: F1, _c: F1, g: F1, scale: D, limit: D, decay: D,
    rate: D, rest_1: D, rest_2: D, epsilon: D, of_m: D, of_g: D, of_v: D,
):  # fmt: skip
    step, small = w.dtype.type(rate), w.dtype.type(epsilon)
    new_1, new_2 = w.dtype.type(rest_1), w.dtype.type(rest_2)
    times_m, times_g, times_v = w.dtype.type(of_m), w.dtype.type(of_g), w.dtype.type(of_v)
    for tile in prange(_pieces(w.size)):
        ws, ms, vs = _piece(tile, w), _piece(tile, m), _piece(tile, v)
        gs = _prepared(_piece(tile, g), ws, scale, limit, decay)
        for k in range(ws.size):
            x, mean, square, weight = gs[k], ms[k], vs[k], ws[k]
            mean += new_1 * (x - mean)
            square += new_2 * (x * x - square)
            ahead = times_m * mean + times_g * x
            ms[k] = mean
            vs[k] = square
            ws[k] = weight - step * ahead / (np.sqrt(times_v * square) + small)


@tiled
def _lion(
    w: F1, m: F1, _b: F1, _c: F1, g: F1, scale: D, limit: D, decay: D,
    rate: D, beta_1: D, beta_2: D,
):  # fmt: skip
    step, zero = w.dtype.type(rate), w.dtype.type(0)
    old_1, new_1 = w.dtype.type(beta_1), w.dtype.type(1 - beta_1)
    old_2, new_2 = w.dtype.type(beta_2), w.dtype.type(1 - beta_2)
    for tile in prange(_pieces(w.size)):
        ws, ms = _piece(tile, w), _piece(tile, m)
        gs = _prepared(_piece(tile, g), ws, scale, limit, decay)
        for k in range(ws.size):
            x, mean, weight = gs[k], ms[k], ws[k]
            way = old_1 * mean + new_1 * x
            way = step if way > zero else -step if way < zero else step * way  # 0 or NaN stays
            ms[k] = old_2 * mean + new_2 * x
            ws[k] = weight - way


@inlined
def _larger(a, b):
    """Return the larger of two numbers, NaN where one of them is."""
    return a if (a > b) | (a != a) else b


@tiled
def _average(average: F1, w: F1, momentum: D, start: B, overwrite: B):
    old, new = w.dtype.type(momentum), w.dtype.type(1 - momentum)
    for tile in prange(_pieces(w.size)):
        averages, ws = _piece(tile, average), _piece(tile, w)
        for k in range(ws.size):
            averages[k] = ws[k] if start else old * averages[k] + new * ws[k]
        if overwrite:
            for k in range(ws.size):
                ws[k] = averages[k]


@tiled
def _squares(sums: D1, x: F1):
    for tile in prange(sums.size):
        piece = _piece(tile, x)
        sums[tile] = wide_dot(piece, piece)
