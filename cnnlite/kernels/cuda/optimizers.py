"""Optimizer steps: one launch for all parameters, whatever their number.

A block of threads works on a piece of one parameter, which it finds in a table
(:class:`.memory.Arrays`).  The rate and the number of the step are read on the device.
"""

from __future__ import annotations

import functools
import math

from numba import cuda, float64

from cnnlite.kernels.cuda.functions import clip, larger, sign, sqrt
from cnnlite.kernels.cuda.launching import BLOCK, device_function, kernel, operation
from cnnlite.kernels.cuda.memory import as_arrays, given, numbers, scratch
from cnnlite.kernels.cuda.rows import row_product, row_sum
from cnnlite.kernels.cuda.vectors import load_at, store_at

__all__ = ["average_update", "clip_scales", "launch_pieces", "squares_of_pieces", "update"]

# Steps of Nadam whose momentum still warms up: 0.96^1000 is less than the roundoff of 1.
WARM = 1000


def launch_pieces(function, arrays, *arguments):
    """Launch a block for each piece of the arrays, if there is one."""
    if arrays.pieces.shape[0]:
        function.launch(arrays.pieces.shape[0], BLOCK, arrays.pieces, *arguments)


# ---- rules
#
# What a rule takes from the rate and the step, in float64, once in a block: ``(shared, rate, t,
# settings)`` to four numbers.  Then of an element, in its type: ``(w, a, b, c, g, n, s, has)`` to
# (w, a, b, c), where a, b, c are the slots, 0 where ``has`` says that the rule goes without, n
# the four numbers, and s the settings, as in :func:`update`.


@device_function
def _only_rate(shared, rate, t, settings):
    return rate, 0.0, 0.0, 0.0


@device_function
def _adam_numbers(shared, rate, t, settings):
    return rate * math.sqrt(1 - settings[5] ** t) / (1 - settings[3] ** t), 0.0, 0.0, 0.0


@device_function
def _adamax_numbers(shared, rate, t, settings):
    return rate / (1 - settings[3] ** t), 0.0, 0.0, 0.0


@device_function
def _warm_momentum(beta_1, t):
    return beta_1 * (1 - 0.96**t / 2)


@device_function
def _nadam_numbers(shared, rate, t, settings):
    beta_1 = settings[3]
    own = 1.0
    for i in range(cuda.threadIdx.x + 1, min(t, WARM) + 1, BLOCK):
        own *= 1 - 0.96**i / 2
    product = row_product(shared, own) * beta_1**t
    now, after = _warm_momentum(beta_1, t), _warm_momentum(beta_1, t + 1)
    of_m, of_g = after / (1 - product * after), (1 - now) / (1 - product)
    return rate, of_m, of_g, 1 / (1 - settings[5] ** t)


@device_function
def _sgd(w, v, b, c, g, n, s, has):
    if not has[0]:
        return w - n[0] * g, v, b, c
    v = s[0] * v - n[0] * g
    return w + (s[0] * v - n[0] * g if s[7] else v), v, b, c


@device_function
def _rmsprop(w, v, m, a, g, n, s, has):
    v = s[1] * v + s[2] * (g * g)
    spread = v
    if has[2]:
        a = s[1] * a + s[2] * g
        spread = larger(v - a * a, type(v)(0))
    step = n[0] * g / sqrt(spread + s[8])
    if has[1]:
        m = s[0] * m + step
        step = m
    return w - step, v, m, a


@device_function
def _adagrad(w, a, b, c, g, n, s, has):
    a += g * g
    return w - n[0] * g / sqrt(a + s[8]), a, b, c


@device_function
def _adadelta(w, a, b, c, g, n, s, has):
    a = s[1] * a + s[2] * (g * g)
    d = sqrt(b + s[8]) * g / sqrt(a + s[8])
    return w - n[0] * d, a, s[1] * b + s[2] * (d * d), c


@device_function
def _adam(w, m, v, peak, g, n, s, has):
    m += s[4] * (g - m)
    v += s[6] * (g * g - v)
    most = v
    if has[2]:
        peak = larger(peak, v)
        most = peak
    return w - n[0] * m / (sqrt(most) + s[8]), m, v, peak


@device_function
def _adamax(w, m, u, c, g, n, s, has):
    m += s[4] * (g - m)
    u = larger(s[5] * u, abs(g))
    return w - n[0] * m / (u + s[8]), m, u, c


@device_function
def _nadam(w, m, v, c, g, n, s, has):
    m += s[4] * (g - m)
    v += s[6] * (g * g - v)
    return w - n[0] * (n[1] * m + n[2] * g) / (sqrt(n[3] * v) + s[8]), m, v, c


@device_function
def _lion(w, m, b, c, g, n, s, has):
    return w - n[0] * sign(s[3] * m + s[4] * g), s[5] * m + s[6] * g, b, c


RULES = {
    "sgd": (_only_rate, _sgd),
    "rmsprop": (_only_rate, _rmsprop),
    "adagrad": (_only_rate, _adagrad),
    "adadelta": (_only_rate, _adadelta),
    "adam": (_adam_numbers, _adam),
    "adamax": (_adamax_numbers, _adamax),
    "nadam": (_nadam_numbers, _nadam),
    "lion": (_only_rate, _lion),
}


@functools.cache
def _make_update(rule, has, dtype):
    numbers_of_step, new_values = RULES[rule]
    has_first, has_second, has_third = has
    zero = dtype(0)

    @kernel
    def update(
        pieces, weights, first, second, third, gradients, scales, decays, rate, iterations,
        limit, settings, wide_settings,
    ):  # fmt: skip
        shared = cuda.shared.array(BLOCK, float64)
        wide = numbers_of_step(shared, rate[0], iterations[0], wide_settings)
        n = (dtype(wide[0]), dtype(wide[1]), dtype(wide[2]), dtype(wide[3]))
        of = pieces[cuda.blockIdx.x, 0]
        scale = dtype(scales[of]) if scales.size else dtype(1)
        decay = dtype(rate[0] * decays[of]) if decays.size else zero
        start, stop = pieces[cuda.blockIdx.x, 1], pieces[cuda.blockIdx.x, 2]
        for k in range(start + cuda.threadIdx.x, stop, cuda.blockDim.x):
            a = load_at(first[of], k, dtype) if has_first else zero
            b = load_at(second[of], k, dtype) if has_second else zero
            c = load_at(third[of], k, dtype) if has_third else zero
            w, g = load_at(weights[of], k, dtype), load_at(gradients[of], k, dtype)
            g = clip(g * scale if scales.size else g, -limit, limit)
            w, a, b, c = new_values(w - decay * w, a, b, c, g, n, settings, has)
            store_at(weights[of], k, w)
            if has_first:
                store_at(first[of], k, a)
            if has_second:
                store_at(second[of], k, b)
            if has_third:
                store_at(third[of], k, c)

    return update


@operation(outputs=4)
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
    if not weights:
        return
    dtype = weights[0].dtype.type
    wide = (
        momentum, rho, 1 - rho, beta_1, 1 - beta_1, beta_2, 1 - beta_2, nesterov, epsilon
    )  # fmt: skip
    wide = tuple(map(float, wide))
    slots = [as_arrays(slot) for slot in (first, second, third)]
    weights = as_arrays(weights)
    launch_pieces(
        _make_update(rule, tuple(slot is not None for slot in slots), dtype),
        weights,
        weights.addresses,
        *(numbers() if slot is None else slot.addresses for slot in slots),
        as_arrays(gradients).addresses,
        given(scales, float),
        given(decays, float),
        rate,
        iterations,
        dtype(math.inf if clip_value is None else clip_value),
        tuple(map(dtype, wide)),
        wide,
    )


# ---- norms of gradients


@functools.cache
def _make_squares(dtype):
    @kernel
    def squares(pieces, sums, arrays):
        shared = cuda.shared.array(BLOCK, float64)
        start, stop = pieces[cuda.blockIdx.x, 1], pieces[cuda.blockIdx.x, 2]
        array, own = arrays[pieces[cuda.blockIdx.x, 0]], 0.0
        for k in range(start + cuda.threadIdx.x, stop, cuda.blockDim.x):
            x = float64(load_at(array, k, dtype))
            own += x * x
        total = row_sum(shared, own)
        if cuda.threadIdx.x == 0:
            sums[cuda.blockIdx.x] = total

    return squares


def squares_of_pieces(arrays):
    """Return the sum of the squares of each piece, (pieces,) float64."""
    sums = scratch(arrays.pieces.shape[0], float)
    if arrays:
        launch_pieces(_make_squares(arrays[0].dtype.type), arrays, sums, arrays.addresses)
    return sums


@kernel
def _clip_scales(scales, squares, cuts, clip_norm, together):
    """A block for each array, or one for all of them."""
    shared = cuda.shared.array(BLOCK, float64)
    n, own = cuda.blockIdx.x, 0.0
    first, stop = (0, squares.size) if together else (cuts[n], cuts[n + 1])
    for piece in range(first + cuda.threadIdx.x, stop, cuda.blockDim.x):
        own += squares[piece]
    norm = math.sqrt(row_sum(shared, own))
    factor = clip_norm / larger(norm, clip_norm)
    if not together:
        if cuda.threadIdx.x == 0:
            scales[n] = factor
        return
    for n in range(cuda.threadIdx.x, scales.size, cuda.blockDim.x):
        scales[n] = factor if math.isfinite(norm) else math.nan


@operation(outputs=1)
def clip_scales(scales, gradients, *, clip_norm, together=False):
    gradients = as_arrays(gradients)
    blocks = min(1, len(gradients)) if together else len(gradients)
    if blocks:
        squares = squares_of_pieces(gradients)
        _clip_scales.launch(
            blocks, BLOCK, scales, squares, gradients.cuts, float(clip_norm), together
        )


# ---- averages


@functools.cache
def _make_average(dtype):
    @kernel
    def average(pieces, averages, weights, iterations, momentum, rest, every):
        of, t = pieces[cuda.blockIdx.x, 0], iterations[0]
        start, stop = pieces[cuda.blockIdx.x, 1], pieces[cuda.blockIdx.x, 2]
        for k in range(start + cuda.threadIdx.x, stop, cuda.blockDim.x):
            value = load_at(weights[of], k, dtype)
            if t != 1:
                value = momentum * load_at(averages[of], k, dtype) + rest * value
            store_at(averages[of], k, value)
            if every and t % every == 0:
                store_at(weights[of], k, value)

    return average


@operation(outputs=2)
def average_update(averages, weights, iterations, *, momentum, overwrite_frequency=None):
    averages, weights = as_arrays(averages), as_arrays(weights)
    if weights:
        dtype = weights[0].dtype.type
        launch_pieces(
            _make_average(dtype),
            weights,
            averages.addresses,
            weights.addresses,
            iterations,
            dtype(momentum),
            dtype(1 - momentum),
            overwrite_frequency or 0,
        )
