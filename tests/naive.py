"""Every operation once more, as plain loops over numbers, in float64.

Written from the formulas of the papers and of the Keras documentation, never
from the package's code, so that both can only be wrong in the same way if both
authors misread the same page.  The call is that of the kernels: outputs first,
then inputs, then parameters.  Nothing here is fast.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from tests import naive_activations
from tests.naive_activations import relu
from tests.naive_counts import (  # noqa: F401
    accuracy,
    class_update,
    confusion_update,
    regression_update,
    sparse_top_k_categorical_accuracy,
    threshold_update,
    top_k_categorical_accuracy,
)
from tests.naive_images import (  # noqa: F401
    flip2d,
    pad2d,
    translate2d_backward,
    translate2d_forward,
    upsample2d_backward,
    upsample2d_forward,
)
from tests.naive_losses import (  # noqa: F401 - the tests find each operation's loops here
    binary_accuracy,
    categorical_accuracy,
    categorical_crossentropy_backward,
    categorical_crossentropy_forward,
    elementwise_loss_backward,
    elementwise_loss_forward,
    label_mask,
    log_softmax_backward,
    log_softmax_forward,
    loss_weights,
    map_targets,
    mean_update,
    row_loss_backward,
    row_loss_forward,
    softmax_backward,
    softmax_crossentropy_backward,
    softmax_crossentropy_forward,
    softmax_forward,
    sparse_backward,
    sparse_categorical_accuracy,
    sparse_categorical_crossentropy_backward,
    sparse_categorical_crossentropy_forward,
    sparse_softmax_crossentropy_backward,
    sparse_softmax_crossentropy_forward,
    weighted_mean,
)
from tests.naive_normalization import (  # noqa: F401
    batchnorm_backward,
    batchnorm_forward,
    batchnorm_inference,
    batchnorm_update,
    layernorm_backward,
    layernorm_forward,
    lrn_backward,
    lrn_forward,
)
from tests.naive_numbers import sigmoid, store
from tests.naive_optimizers import average_update, clip_scales, update  # noqa: F401
from tests.naive_penalties import (  # noqa: F401
    orthogonal_penalty_backward,
    orthogonal_penalty_forward,
    penalty_backward,
    penalty_forward,
    project_norms,
)
from tests.naive_recurrent import (  # noqa: F401
    gru_backward,
    gru_forward,
    lstm_backward,
    lstm_forward,
    simple_rnn_backward,
    simple_rnn_forward,
)
from tests.naive_tensor import (  # noqa: F401 - the tests find each operation's loops here
    batch_matmul,
    binary,
    cast,
    differs,
    fill,
    gather,
    logical,
    reduce,
    scatter_add,
    transpose,
    where,
)

NAN, INFINITY = math.nan, math.inf


ACTIVATIONS = {None: lambda x: x, "relu": relu, "sigmoid": sigmoid, "tanh": math.tanh}


# Matrix products


def matmul(
    y, a, b, bias, *, transpose_a=False, transpose_b=False, activation=None, accumulate=False
):
    depth = a.shape[0] if transpose_a else a.shape[1]
    for m, n in np.ndindex(y.shape):
        total = 0.0 if bias is None else float(bias[n])
        for k in range(depth):
            total += float(a[k, m] if transpose_a else a[m, k]) * float(
                b[n, k] if transpose_b else b[k, n]
            )
        store(y, (m, n), ACTIVATIONS[activation](total), accumulate)


def bias_gradient(db, dy, *, accumulate=False):
    for f in range(dy.shape[1]):
        store(db, f, sum(float(dy[r, f]) for r in range(dy.shape[0])), accumulate)


# Convolution: y[n, oh, ow, f] = bias[f] + sum x[n, oh S + i D - P, ow S + j D - P, c] w[i, j, c, f]


def conv_products(y_shape, x_shape, w_shape, strides, padding, dilation, groups):
    """Yield (index of y, index of x, index of w) of every product in a convolution."""
    filters = w_shape[3] // groups  # of one group
    for n, oh, ow, f in np.ndindex(*y_shape):
        for i, j, c in np.ndindex(*w_shape[:3]):
            h = oh * strides[0] + i * dilation[0] - padding[0][0]
            w = ow * strides[1] + j * dilation[1] - padding[1][0]
            if 0 <= h < x_shape[1] and 0 <= w < x_shape[2]:
                channel = (f // filters) * w_shape[2] + c
                yield (n, oh, ow, f), (n, h, w, channel), (i, j, c, f)


def conv2d_forward(y, x, w, bias, *, strides, padding, dilation, groups, activation=None):
    total = np.zeros(y.shape)
    for o, p, q in conv_products(y.shape, x.shape, w.shape, strides, padding, dilation, groups):
        total[o] += x[p] * w[q]
    for o in np.ndindex(y.shape):
        y[o] = ACTIVATIONS[activation](total[o] + (0.0 if bias is None else bias[o[3]]))


def conv2d_batchnorm(
    y, x, w, bias, mean, variance, gamma, beta, *, strides, padding, dilation, groups, epsilon,
    activation=None,
):  # fmt: skip
    conv2d_forward(
        y, x, w, bias, strides=strides, padding=padding, dilation=dilation, groups=groups
    )
    rows = y.reshape(-1, y.shape[-1])
    batchnorm_inference(
        rows, rows.copy(), mean, variance, gamma, beta, epsilon=epsilon, activation=activation
    )


def conv2d_backward_input(dx, dy, w, *, strides, padding, dilation, groups, accumulate=False):
    total = np.zeros(dx.shape)
    for o, p, q in conv_products(dy.shape, dx.shape, w.shape, strides, padding, dilation, groups):
        total[p] += dy[o] * w[q]
    for p in np.ndindex(dx.shape):
        store(dx, p, total[p], accumulate)


def conv2d_backward_weight(dw, db, dy, x, *, strides, padding, dilation, groups, accumulate=False):
    total = np.zeros(dw.shape)
    for o, p, q in conv_products(dy.shape, x.shape, dw.shape, strides, padding, dilation, groups):
        total[q] += dy[o] * x[p]
    for q in np.ndindex(dw.shape):
        store(dw, q, total[q], accumulate)
    if db is not None:
        for f in range(dy.shape[3]):
            store(db, f, sum(dy[o] for o in np.ndindex(dy.shape) if o[3] == f), accumulate)


# Pooling


def window(o, pool_size, strides, padding, image):
    """Return (place in the window, row, column) of the pixels in output o's window."""
    places = []
    for i, j in np.ndindex(*pool_size):
        h = o[1] * strides[0] + i - padding[0][0]
        w = o[2] * strides[1] + j - padding[1][0]
        if 0 <= h < image[0] and 0 <= w < image[1]:
            places.append((i * pool_size[1] + j, h, w))
    return places


def maxpool2d_forward(y, argmax, x, *, pool_size, strides, padding):
    for o in np.ndindex(y.shape):
        best, winner = -INFINITY, None
        for place, h, w in window(o, pool_size, strides, padding, x.shape[1:3]):
            value = float(x[o[0], h, w, o[3]])
            if math.isnan(value):
                best, winner = value, place
                break
            if winner is None or value > best:
                best, winner = value, place
        y[o], argmax[o] = best, winner


def maxpool2d_backward(dx, dy, argmax, *, pool_size, strides, padding, accumulate=False):
    total = np.zeros(dx.shape)
    for o in np.ndindex(dy.shape):
        for place, h, w in window(o, pool_size, strides, padding, dx.shape[1:3]):
            if place == argmax[o]:
                total[o[0], h, w, o[3]] += dy[o]
    for p in np.ndindex(dx.shape):
        store(dx, p, total[p], accumulate)


def averagepool2d_forward(y, x, *, pool_size, strides, padding):
    for o in np.ndindex(y.shape):
        places = window(o, pool_size, strides, padding, x.shape[1:3])
        y[o] = sum(float(x[o[0], h, w, o[3]]) for _, h, w in places) / len(places)


def averagepool2d_backward(dx, dy, *, pool_size, strides, padding, accumulate=False):
    total = np.zeros(dx.shape)
    for o in np.ndindex(dy.shape):
        places = window(o, pool_size, strides, padding, dx.shape[1:3])
        for _, h, w in places:
            total[o[0], h, w, o[3]] += dy[o] / len(places)
    for p in np.ndindex(dx.shape):
        store(dx, p, total[p], accumulate)


# Element by element


def unary(y, x, *, function, parameters=()):
    for i in np.ndindex(x.shape):
        y[i] = naive_activations.FUNCTIONS[function](float(x[i]), *parameters)


def unary_backward(dx, dy, y, *, function, parameters=(), accumulate=False):
    for i in np.ndindex(y.shape):
        gradient = naive_activations.backward(function, float(dy[i]), float(y[i]), parameters)
        store(dx, i, gradient, accumulate)


def concatenate(y, xs, *, axis):
    start = 0
    for x in xs:
        for i in np.ndindex(x.shape):
            y[(*i[:axis], i[axis] + start, *i[axis + 1 :])] = x[i]
        start += x.shape[axis]


def split(dxs, dy, *, axis, accumulate=False):
    start = 0
    for dx in dxs:
        for i in np.ndindex(dx.shape):
            store(dx, i, dy[(*i[:axis], i[axis] + start, *i[axis + 1 :])], accumulate)
        start += dx.shape[axis]


# Random numbers (Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3)


def philox(counter, key):
    """Philox4x32-10: four words of a counter of four words and a key of two."""
    (a, b, c, d), (k, m) = counter, key
    for _ in range(10):
        left, right = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (
            (right >> 32) ^ b ^ k,
            right & 0xFFFFFFFF,
            (left >> 32) ^ d ^ m,
            left & 0xFFFFFFFF,
        )
        k, m = (k + 0x9E3779B9) & 0xFFFFFFFF, (m + 0xBB67AE85) & 0xFFFFFFFF
    return a, b, c, d


def block(number, clock, stream, step=None):
    seed, now = int(clock[0]), int(clock[1])
    step = now if step is None else step
    return philox(
        (number & 0xFFFFFFFF, number >> 32, stream, step & 0xFFFFFFFF),
        (seed & 0xFFFFFFFF, seed >> 32),
    )


def words(size, clock, stream):
    blocks = (block(number, clock, stream) for number in range(-(-size // 4)))
    return list(itertools.islice(itertools.chain.from_iterable(blocks), size))


def dropout_forward(y, mask, x, clock, *, rate, stream):
    limit = min(math.floor(rate * 2**32 + 0.5), 2**32 - 1)
    for i, word in zip(np.ndindex(x.shape), words(x.size, clock, stream), strict=True):
        kept = word >= limit
        mask[i] = kept
        y[i] = float(x[i]) / (1 - rate) if kept else 0.0


def dropout_backward(dx, dy, mask, *, rate, accumulate=False):
    for i in np.ndindex(dy.shape):
        store(dx, i, float(dy[i]) / (1 - rate) if mask[i] else 0.0, accumulate)


def random_uniform(y, clock, *, low, high, stream):
    for i, word in zip(np.ndindex(y.shape), words(y.size, clock, stream), strict=True):
        y[i] = low + (word >> 8) / 2**24 * (high - low)


def random_normal(y, clock, *, mean, stddev, truncated, stream):
    for e, i in enumerate(np.ndindex(y.shape)):
        for attempt in range(64):
            a, b, c, d = block(e, clock, stream, int(clock[1]) * 64 + attempt)
            u1 = (((a << 32 | b) >> 11) + 1) / 2**53
            u2 = ((c << 32 | d) >> 11) / 2**53
            z = math.sqrt(-2 * math.log(u1)) * math.cos(2 * math.pi * u2)
            if not truncated or abs(z) <= 2:
                break
        y[i] = mean + stddev * z
