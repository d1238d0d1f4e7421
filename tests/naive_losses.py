"""The plain loops (see tests/naive.py) of softmax, losses and metrics."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from tests.naive_numbers import exp, log, sigmoid, store

NAN, INFINITY = math.nan, math.inf


# Softmax and losses


def softmax(row):
    if any(math.isnan(z) for z in row):
        return [NAN] * len(row)
    largest = max(row)
    if math.isinf(largest):
        return [NAN] * len(row)
    powers = [exp(z - largest) for z in row]
    return [e / sum(powers) for e in powers]


def log_softmax(row):
    """z_k - log sum_j exp z_j, exact where exp z_k alone would vanish."""
    if any(math.isnan(p) for p in softmax(row)):
        return [NAN] * len(row)
    largest = max(row)
    return [z - largest - log(sum(exp(v - largest) for v in row)) for z in row]


def softmax_forward(y, x):
    for r in range(len(x)):
        y[r] = softmax([float(v) for v in x[r]])


def softmax_backward(dx, dy, y, *, accumulate=False):
    # The Jacobian of softmax: dy_k / dx_j = y_k (delta_kj - y_j).
    for r, k in np.ndindex(dy.shape):
        gradient = sum(
            dy[r, j] * y[r, j] * ((1.0 if j == k else 0.0) - y[r, k]) for j in range(dy.shape[1])
        )
        store(dx, (r, k), gradient, accumulate)


def log_softmax_forward(y, x):
    for r in range(len(x)):
        y[r] = log_softmax([float(v) for v in x[r]])


def log_softmax_backward(dx, dy, y, *, accumulate=False):
    # d y_k / d x_j = delta_kj - e^y_j
    for r, k in np.ndindex(dy.shape):
        gradient = sum(
            dy[r, j] * ((1.0 if j == k else 0.0) - exp(y[r, k])) for j in range(dy.shape[1])
        )
        store(dx, (r, k), gradient, accumulate)


def one_hot(labels, classes):
    rows = []
    for label in labels:
        inside = 0 <= label < classes
        rows.append([float(k == label) if inside else NAN for k in range(classes)])
    return np.array(rows).reshape(len(labels), classes)


def scaled(weights, r, rows):
    """The factor of row r in the batch mean."""
    return (1.0 if weights is None else float(weights[r])) / rows


def times(t, value):
    """t * value, where a class of probability 0 counts for nothing."""
    return 0.0 if t == 0 else t * value


def softmax_crossentropy_forward(loss, p, x, target):
    softmax_forward(p, x)
    for r in range(len(x)):
        logs = log_softmax([float(v) for v in x[r]])
        loss[r] = -sum(times(float(t), v) for t, v in zip(target[r], logs, strict=True))
        if math.isnan(logs[0]):
            loss[r] = NAN


def softmax_crossentropy_backward(dx, p, target, weights, *, accumulate=False):
    for r, k in np.ndindex(p.shape):
        # d(-sum_j t_j log p_j) / dx_k = -sum_j t_j (delta_jk - p_k)
        gradient = -sum(
            target[r, j] * ((1.0 if j == k else 0.0) - p[r, k]) for j in range(p.shape[1])
        )
        store(dx, (r, k), gradient * scaled(weights, r, len(p)), accumulate)


def ignoring(labels, ignore_class):
    """The rows that count nothing, whatever they hold."""
    return [r for r, label in enumerate(labels) if label == ignore_class]


def sparse_softmax_crossentropy_forward(loss, p, x, labels, *, ignore_class=None):
    softmax_crossentropy_forward(loss, p, x, one_hot(labels, x.shape[1]))
    for r in ignoring(labels, ignore_class):
        loss[r] = 0.0


def sparse_backward(dense, dx, p, labels, weights, ignore_class, accumulate):
    start = dx.copy()
    dense(dx, p, one_hot(labels, p.shape[1]), weights, accumulate=accumulate)
    for r in ignoring(labels, ignore_class):
        dx[r] = (start[r] if accumulate else 0.0) + 0.0 * scaled(weights, r, len(p))


def sparse_softmax_crossentropy_backward(
    dx, p, labels, weights, *, ignore_class=None, accumulate=False
):
    sparse_backward(softmax_crossentropy_backward, dx, p, labels, weights, ignore_class, accumulate)


LOW, HIGH = 1e-7, 1 - 1e-7  # Keras clips probabilities to this interval


def clip(p: float, low: float = LOW, high: float = HIGH) -> float:
    return p if math.isnan(p) else min(max(p, low), high)


def clip_derivative(p: float, low: float = LOW, high: float = HIGH) -> float:
    return p if math.isnan(p) else float(low <= p <= high)


def shares(row):
    """Probabilities divided by their sum."""
    total = sum(float(v) for v in row)
    return [float(v) / total if total else NAN for v in row]


def categorical_crossentropy_forward(loss, p, target):
    for r in range(len(p)):
        q = shares(p[r])
        loss[r] = -sum(float(target[r, k]) * log(clip(q[k])) for k in range(p.shape[1]))


def categorical_crossentropy_backward(dp, p, target, weights, *, accumulate=False):
    for r, k in np.ndindex(p.shape):
        # d(-sum_j t_j log clip(q_j)) / dp_k, with dq_j / dp_k = (delta_jk - q_j) / sum p
        q, total = shares(p[r]), sum(float(v) for v in p[r])
        gradient = 0.0
        for j in range(p.shape[1]):
            outer = -float(target[r, j]) / clip(q[j]) * clip_derivative(q[j])
            gradient += outer * ((1.0 if j == k else 0.0) - q[j]) / (total or NAN)
        store(dp, (r, k), gradient * scaled(weights, r, len(p)), accumulate)


def sparse_categorical_crossentropy_forward(loss, p, labels, *, ignore_class=None):
    categorical_crossentropy_forward(loss, p, one_hot(labels, p.shape[1]))
    for r in ignoring(labels, ignore_class):
        loss[r] = 0.0


def sparse_categorical_crossentropy_backward(
    dp, p, labels, weights, *, ignore_class=None, accumulate=False
):
    sparse_backward(
        categorical_crossentropy_backward, dp, p, labels, weights, ignore_class, accumulate
    )


def at_least(low: float, x: float) -> float:
    return x if math.isnan(x) else max(low, x)


def logarithm(x: float) -> float:
    return math.log1p(at_least(LOW, x))


def any_log(x: float) -> float:
    return NAN if math.isnan(x) or x < 0 else log(x) if x < INFINITY else x


def of_zero(a: float, b: float) -> float:
    """a / b, where a number over 0 is infinite."""
    return a / b if b else math.copysign(INFINITY, a) if a else NAN


def sign(x: float) -> float:
    return x if math.isnan(x) else float(x > 0) - float(x < 0)


def binary_slope(p: float, t: float) -> float:
    inside, q = clip_derivative(p), clip(p)
    if math.isnan(q + t):
        return NAN
    one, q_, t_ = Fraction(1), Fraction(q), Fraction(t)  # as the difference cancels
    return float((one - t_) / (one - q_) - t_ / q_) * inside


def log_cosh(e: float) -> float:
    return abs(e) + math.log1p(exp(-2 * abs(e))) - math.log(2)


# What one element counts, and its derivative by x: of x, the target and delta.
ELEMENTWISE = {
    "squared_error": (lambda x, t, d: (x - t) ** 2, lambda x, t, d: 2 * (x - t)),
    "absolute_error": (lambda x, t, d: abs(x - t), lambda x, t, d: sign(x - t)),
    "absolute_percentage_error": (
        lambda x, t, d: 100 * abs((x - t) / at_least(LOW, abs(t))),
        lambda x, t, d: 100 * sign(x - t) / at_least(LOW, abs(t)),
    ),
    "squared_logarithmic_error": (
        lambda x, t, d: (logarithm(x) - logarithm(t)) ** 2,
        lambda x, t, d: (
            0.0 if x < LOW else 2 * (logarithm(x) - logarithm(t)) / (at_least(LOW, x) + 1)
        ),
    ),
    "huber": (
        lambda x, t, d: (x - t) ** 2 / 2 if abs(x - t) <= d else d * abs(x - t) - d * d / 2,
        lambda x, t, d: x - t if abs(x - t) <= d else d * sign(x - t),
    ),
    "log_cosh": (lambda x, t, d: log_cosh(x - t), lambda x, t, d: math.tanh(x - t)),
    "hinge": (
        lambda x, t, d: at_least(0.0, 1 - t * x),
        lambda x, t, d: 1 - t * x if math.isnan(1 - t * x) else -t if 1 - t * x > 0 else 0.0,
    ),
    "squared_hinge": (
        lambda x, t, d: at_least(0.0, 1 - t * x) ** 2,
        lambda x, t, d: -2 * t * at_least(0.0, 1 - t * x),
    ),
    "poisson": (
        lambda x, t, d: x - t * any_log(x + 1e-7),
        lambda x, t, d: 1 - of_zero(t, x + 1e-7),
    ),
    "kl_divergence": (
        lambda x, t, d: clip(t, high=1.0) * log(clip(t, high=1.0) / clip(x, high=1.0)),
        lambda x, t, d: -clip(t, high=1.0) / clip(x, high=1.0) * clip_derivative(x, high=1.0),
    ),
    "binary_crossentropy": (
        lambda x, t, d: -(t * log(clip(x)) + (1 - t) * math.log1p(-clip(x))),
        lambda x, t, d: binary_slope(x, t),
    ),
    "sigmoid_crossentropy": (
        lambda x, t, d: at_least(0.0, x) - x * t + math.log1p(exp(-abs(x))),
        lambda x, t, d: sigmoid(x) - t,
    ),
}


def row_means(values):
    """Return the mean of every row of a dict {(row, column): value}."""
    rows: dict[int, list[float]] = {}
    for (r, _), value in values.items():
        rows.setdefault(r, []).append(value)
    return {r: sum(row) / len(row) for r, row in rows.items()}


def elementwise_loss_forward(loss, x, target, *, function, delta):
    each = {}
    for i in np.ndindex(x.shape):
        each[i] = ELEMENTWISE[function][0](float(x[i]), float(target[i]), delta)
    for r, mean in row_means(each).items():
        loss[r] = mean * (x.shape[1] if function == "kl_divergence" else 1)


def elementwise_loss_backward(dx, x, target, weights, *, function, delta, accumulate=False):
    terms = 1 if function == "kl_divergence" else x.shape[1]
    slopes = np.empty(x.shape)
    for i in np.ndindex(x.shape):
        slopes[i] = ELEMENTWISE[function][1](float(x[i]), float(target[i]), delta)
    for r, k in np.ndindex(x.shape):
        store(dx, (r, k), slopes[r, k] / terms * scaled(weights, r, len(x)), accumulate)


def category_margin(x, t):
    """max_k (1 - t_k) x_k - sum_k t_k x_k + 1, and the place of the maximum."""
    others = [(1 - float(b)) * float(a) for a, b in zip(x, t, strict=True)]
    inner = sum(float(a) * float(b) for a, b in zip(x, t, strict=True))
    if any(math.isnan(v) for v in others):
        return NAN, 0
    return max(others) - inner + 1, first_maximum(others)


def unit(row):
    """A vector over its length, which counts no less than 1e-7, and 1 / that."""
    length = math.sqrt(sum(float(v) ** 2 for v in row))
    inverse = length if math.isnan(length) else 1 / max(length, 1e-7)
    return [float(v) * inverse for v in row], inverse, length < 1e-7


def row_loss_forward(loss, x, target, *, function):
    for r in range(len(x)):
        if function == "categorical_hinge":
            loss[r] = at_least(0.0, category_margin(x[r], target[r])[0])
        else:
            pairs = zip(unit(x[r])[0], unit(target[r])[0], strict=True)
            loss[r] = -sum(a * b for a, b in pairs)


def row_loss_backward(dx, x, target, weights, *, function, accumulate=False):
    for r, k in np.ndindex(x.shape):
        t = float(target[r, k])
        if function == "categorical_hinge":
            margin, best = category_margin(x[r], target[r])
            gradient = (1 - t if k == best else 0.0) - t
            gradient = margin if math.isnan(margin) else gradient if margin > 0 else 0.0
        else:
            (a, inverse, short), (b, _, _) = unit(x[r]), unit(target[r])
            cosine = sum(u * v for u, v in zip(a, b, strict=True))
            # d(x / |x|) / dx = (I - x^ x^T) / |x|; below 1e-7 the length is a constant
            gradient = -(b[k] - (0.0 if short else cosine * a[k])) * inverse
        store(dx, (r, k), gradient * scaled(weights, r, len(x)), accumulate)


def map_targets(y, target, *, scale, shift, only_binary):
    binary = all(v in (0.0, 1.0) for v in target.ravel().tolist())
    for i in np.ndindex(target.shape):
        t = float(target[i])
        y[i] = t if only_binary and not binary else scale * t + shift


def label_mask(y, labels, mask, *, ignore_class):
    for r, label in enumerate(labels):
        y[r] = int(label != ignore_class and (mask is None or mask[r] != 0))


def loss_weights(y, weights, mask, *, reduction, scale):
    # Keras's apply_mask and reduce_values, with the division by all rows taken out.
    rows = len(y)
    each = [
        1.0 if weights is None else float(weights[r * len(weights) // rows]) for r in range(rows)
    ]
    used = [1.0 if mask is None else float(mask[r * len(mask) // rows] != 0) for r in range(rows)]
    if reduction == "sum_over_batch_size":
        divisor = sum(used)
    elif reduction == "mean_with_sample_weight":
        divisor = sum(w * u for w, u in zip(each, used, strict=True))
    else:
        divisor = 1.0
    for r in range(rows):
        y[r] = each[r] * used[r] * (rows / divisor if divisor else 0.0) * scale


# Metrics


def weighted_mean(y, values, weights):
    total = sum(float(v) * scaled(weights, r, 1) for r, v in enumerate(values))
    y[0] = total / len(values) if len(values) else 0.0


def mean_update(state, values, weights, *, count_rows=False, scale=1.0):
    for r, v in enumerate(values):
        weight = scaled(weights, r, 1)
        state[0] += weight * float(v) * scale
        state[1] += (1.0 if count_rows else weight) * scale


def first_maximum(row):
    return next(k for k, v in enumerate(row) if v == max(row))


def sparse_categorical_accuracy(matches, p, labels):
    for r, row in enumerate(p.tolist()):
        invalid = any(math.isnan(v) for v in row)
        matches[r] = 0.0 if invalid else float(first_maximum(row) == labels[r])


def categorical_accuracy(matches, p, target):
    for r, (row, wanted) in enumerate(zip(p.tolist(), target.tolist(), strict=True)):
        invalid = any(math.isnan(v) for v in row + wanted)
        matches[r] = 0.0 if invalid else float(first_maximum(row) == first_maximum(wanted))


def binary_accuracy(matches, p, target, *, threshold):
    for r, (row, wanted) in enumerate(zip(p.tolist(), target.tolist(), strict=True)):
        hits = [
            t == (1.0 if v > threshold else 0.0) and not math.isnan(v)
            for v, t in zip(row, wanted, strict=True)
        ]
        matches[r] = sum(hits) / len(hits)
