"""The reference back end against plain loops, and at the edges that the loops do not reach."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

from bench.case import Case
from bench.cases import EDGES
from bench.updates import FORMULAS, SETTINGS, SLOTS
from cnnlite.kernels import reference
from tests import naive
from tests.comparison import check, check_accumulation, for_each

DTYPES = ("float64", "float32")
SMALL = [case for case in EDGES if case.flops() <= 120_000]  # Python loops are slow

in_both_dtypes = pytest.mark.parametrize("dtype", DTYPES)


def cases_of(operation: str, accumulates: bool = False) -> list[Case]:
    return [c for c in SMALL if c.operation == operation and c.accumulates >= accumulates]


@pytest.mark.parametrize("operation", reference.KERNELS)
def test_operation_has_loops_of_the_same_signature(operation: str):
    names = list(inspect.signature(reference.KERNELS[operation]).parameters)
    assert list(inspect.signature(getattr(naive, operation)).parameters) == names


@in_both_dtypes
@pytest.mark.parametrize("operation", reference.KERNELS)
def test_reference_equals_the_loops(operation: str, dtype: str):
    kernel, loops = reference.KERNELS[operation], getattr(naive, operation)
    for_each(cases_of(operation), lambda case: check(case, kernel, loops, np.dtype(dtype)))


ACCUMULATING = [
    name
    for name, function in reference.KERNELS.items()
    if "accumulate" in inspect.signature(function).parameters
]


@in_both_dtypes
@pytest.mark.parametrize("operation", ACCUMULATING)
def test_reference_accumulates(operation: str, dtype: str):
    kernel, loops = reference.KERNELS[operation], getattr(naive, operation)
    for_each(
        cases_of(operation, accumulates=True),
        lambda case: check_accumulation(case, kernel, loops, np.dtype(dtype)),
    )


# Pooling


def max_pool(x: np.ndarray, pool: tuple[int, int], **params: object) -> tuple[list, list]:
    """Pool one map; return maxima and places as lists."""
    x = np.array(x, np.float32)[None, :, :, None]
    settings = {"strides": pool, "padding": ((0, 0), (0, 0))} | params
    oh, ow = (
        (n + sum(p) - k) // s + 1
        for n, k, s, p in zip(
            x.shape[1:3], pool, settings["strides"], settings["padding"], strict=True
        )
    )
    y, argmax = np.full((1, oh, ow, 1), np.nan, np.float32), np.full((1, oh, ow, 1), 255, np.uint8)
    reference.maxpool2d_forward(y, argmax, x, pool_size=pool, **settings)
    return y[0, :, :, 0].tolist(), argmax[0, :, :, 0].tolist()


def test_first_maximum_wins_a_tie():
    assert max_pool([[1, 2, 0, -0.0], [2, 2, -0.0, 0]], (2, 2)) == ([[2, 0]], [[1, 0]])


def test_nan_wins_over_everything_and_the_first_nan_is_the_winner():
    inf, nan = math.inf, math.nan
    (values,), (places,) = max_pool([[inf, nan, 1, inf], [nan, 5, nan, 2]], (2, 2))
    assert [math.isnan(v) for v in values] == [True, True]
    assert places == [1, 2]


def test_minus_infinity_is_a_value_and_padding_is_not():
    inf = math.inf
    pads = {"strides": (2, 2), "padding": ((1, 1), (1, 1))}
    maxima, places = max_pool([[-inf, -inf], [-inf, -7]], (2, 2), **pads)
    assert maxima == [[-inf, -inf], [-inf, -7]]
    assert places == [[3, 2], [1, 0]]  # the one pixel in each window


def test_gradient_of_a_nan_winner_goes_to_its_place():
    argmax, dx = np.array([[[[3]]]], np.uint8), np.full((1, 2, 2, 1), np.nan)
    reference.maxpool2d_backward(
        dx,
        np.array([[[[7.0]]]]),
        argmax,
        pool_size=(2, 2),
        strides=(2, 2),
        padding=((0, 0), (0, 0)),
    )
    assert dx.ravel().tolist() == [0, 0, 0, 7]


# Losses


@in_both_dtypes
def test_probabilities_are_clipped(dtype: str):
    """Keras: log of [1e-7, 1 - 1e-7], each bound rounded to the dtype; gradient 0 outside."""
    low, high = np.array([1e-7, 1 - 1e-7], dtype)
    p = np.array([[0, 1], [1, 0]], dtype)
    target = np.array([[1, 0], [1, 0]], dtype)
    loss, dp = np.full(2, np.nan, dtype), np.full((2, 2), np.nan, dtype)

    reference.categorical_crossentropy_forward(loss, p, target)
    np.testing.assert_array_max_ulp(loss, -np.log(np.array([low, high])), 1)
    reference.categorical_crossentropy_backward(dp, p, target, None)
    assert dp.tolist() == [[0, 0], [0, 0]]

    binary = {"function": "binary_crossentropy", "delta": 1.0}
    reference.elementwise_loss_forward(loss, p, np.array([[1, 0], [0, 1]], dtype), **binary)
    wrong = -(np.log(low) + np.log1p(-high)) / 2  # one value at each bound
    np.testing.assert_array_max_ulp(loss, np.array([wrong, wrong], dtype), 2)
    reference.elementwise_loss_backward(dp, p, target, None, **binary)
    assert dp.tolist() == [[0, 0], [0, 0]]


@in_both_dtypes
def test_clip_bounds_belong_to_the_inside(dtype: str):
    p = np.array([[1e-7], [1 - 1e-7]], dtype)
    dp = np.full_like(p, np.nan)
    reference.elementwise_loss_backward(
        dp, p, np.ones_like(p), None, function="binary_crossentropy", delta=1.0
    )
    np.testing.assert_allclose(dp, -1 / (2 * p), rtol=1e-6)


@in_both_dtypes
def test_probabilities_are_divided_by_their_sum(dtype: str):
    """Keras: -log(0.2 / 0.4) = log 2; the gradient is that of the quotients (by hand)."""
    p, target = np.array([[0.2, 0.1, 0.1]], dtype), np.array([[1, 0, 0]], dtype)
    loss, dp = np.empty(1, dtype), np.empty_like(p)
    reference.categorical_crossentropy_forward(loss, p, target)
    np.testing.assert_allclose(loss, np.log(2), rtol=1e-6)
    reference.categorical_crossentropy_backward(dp, p, target, None)
    np.testing.assert_allclose(dp, [[1 / 0.4 - 1 / 0.2, 1 / 0.4, 1 / 0.4]], rtol=1e-6)


@pytest.mark.parametrize("name", ["categorical", "binary"])
@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_nan_target_gives_a_nan_gradient_outside_the_clip_too(name: str, probability: float):
    """In its row, as a row's probabilities share one sum, or, of binary ones, alone."""
    p, dp = np.array([[probability, 0.5]]), np.zeros((1, 2))
    target = np.array([[math.nan, 0.5]])
    if name == "binary":
        function = {"function": "binary_crossentropy", "delta": 1.0}
        reference.elementwise_loss_backward(dp, p, target, None, **function)
        assert np.isnan(dp).tolist() == [[True, False]]
    else:
        reference.categorical_crossentropy_backward(dp, p, target, None)
        assert np.isnan(dp).tolist() == [[True, True]]


@pytest.mark.parametrize("label", [-1, 3, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("certain", [False, True], ids=["inside the clip", "0 and 1"])
@pytest.mark.parametrize("name", ["sparse_softmax", "sparse_categorical"])
def test_label_out_of_range_gives_nan_in_its_row_alone(name: str, certain: bool, label: int):
    labels = np.array([2, label, 0], np.int32)
    row = [0.0, 1.0, 0.0] if certain else [0.2, 0.5, 0.3]
    p, x = np.array([row] * 3), np.log(np.array([[0.2, 0.5, 0.3]] * 3))
    loss, dx, spare = np.zeros(3), np.zeros((3, 3)), np.empty((3, 3))
    if name == "sparse_softmax":
        reference.sparse_softmax_crossentropy_forward(loss, spare, x, labels)
        np.testing.assert_allclose(spare, np.exp(x), rtol=4 * np.finfo(float).eps)
    else:
        reference.sparse_categorical_crossentropy_forward(loss, p, labels)
    getattr(reference, f"{name}_crossentropy_backward")(dx, p, labels, None)
    assert np.isnan(loss).tolist() == [False, True, False]
    assert np.isnan(dx).tolist() == [[False] * 3, [True] * 3, [False] * 3]


def test_large_logits_neither_overflow_nor_vanish():
    x = np.array([[1000.0, 0.0, -1000.0], [-1e4, -1e4 + 1, -1e4]])
    loss, p = np.empty(2), np.empty((2, 3))
    reference.sparse_softmax_crossentropy_forward(loss, p, x, np.array([2, 1], np.int32))
    e = math.e
    np.testing.assert_array_max_ulp(loss, np.array([2000, math.log(1 + 2 / e)]), 2)
    np.testing.assert_array_max_ulp(p[1], np.array([1 / (2 + e), e / (2 + e), 1 / (2 + e)]), 2)
    assert p[0].tolist() == [1, 0, 0]


def test_impossible_class_of_probability_zero_costs_nothing():
    x = np.array([[0.0, -np.inf]])
    loss, p = np.empty(1), np.empty((1, 2))
    reference.softmax_crossentropy_forward(loss, p, x, np.array([[1.0, 0.0]]))
    assert loss.tolist() == [0] and p.tolist() == [[1, 0]]
    reference.softmax_crossentropy_forward(loss, p, x, np.array([[0.5, 0.5]]))
    assert loss.tolist() == [np.inf]


@pytest.mark.parametrize("row", [[1, math.nan], [math.inf, 1], [-math.inf, -math.inf]])
def test_row_without_a_softmax_is_nan(row: list[float]):
    x, y, loss = np.array([[0.0, 0.0], row]), np.empty((2, 2)), np.empty(2)
    reference.softmax_forward(y, x)
    assert np.isnan(y).tolist() == [[False, False], [True, True]]
    reference.softmax_crossentropy_forward(loss, y, x, np.array([[1.0, 0.0]] * 2))
    assert np.isnan(loss).tolist() == [False, True]


# Metrics


def test_accuracy_takes_the_first_maximum_and_misses_on_nan():
    nan = math.nan
    p = np.array([[1, 3, 3], [1, nan, 0], [nan, nan, nan], [2, 1, 0]], np.float32)
    matches = np.full(4, np.nan, np.float32)
    reference.sparse_categorical_accuracy(matches, p, np.array([1, 1, 0, 5], np.int32))
    assert matches.tolist() == [1, 0, 0, 0]
    target = np.array([[0, 1, 0], [0, 1, 0], [1, 0, 0], [nan, 0, 0]], np.float32)
    reference.categorical_accuracy(matches, p, target)
    assert matches.tolist() == [1, 0, 0, 0]
    reference.binary_accuracy(matches, p, np.ones((4, 3), np.float32), threshold=1.5)
    assert matches.tolist() == [np.float32(2 / 3), 0, 0, np.float32(1 / 3)]


def test_running_mean_over_batches_is_the_mean_over_all_rows():
    values, weights = np.arange(1.0, 8), np.array([1, 2, 0.5, 1, 1, 4, 0])
    state = np.zeros(2)
    for part in (slice(0, 3), slice(3, 7)):
        reference.mean_update(state, values[part], weights[part])
    assert state.tolist() == [(values * weights).sum(), weights.sum()]
    state[:] = 0
    reference.mean_update(state, values, weights, count_rows=True)
    assert state.tolist() == [(values * weights).sum(), 7]


# Optimizers, several steps on end


def step(rule: str, w: list, slots: list, g: list, t: int, rate: float, **settings) -> None:
    slots = [*slots, *[None] * (3 - len(slots))]
    reference.update(
        w, *slots, g, None, None, np.array([rate]), np.array([t]), rule=rule, **settings
    )


def test_momentum_by_hand():
    """Two steps with g = 1, rate 0.5, momentum 0.5 in numbers that are exact."""
    g = [np.array([1.0])]
    w, v = [np.array([2.0])], [np.array([0.0])]
    for expected in (1.5, 0.75):  # v = -0.5, then -0.75
        step("sgd", w, [v], g, 1, 0.5, momentum=0.5)
        assert w[0].tolist() == [expected]
    w, v = [np.array([2.0])], [np.array([0.0])]
    for expected in (1.25, 0.375):  # 0.5 v - 0.5 of the new v: -0.75, then -0.875
        step("sgd", w, [v], g, 1, 0.5, momentum=0.5, nesterov=True)
        assert w[0].tolist() == [expected]


@pytest.mark.parametrize("rule", FORMULAS)
def test_many_steps_equal_the_loops(rule: str, rng: np.random.Generator):
    shapes = ((3,), (2, 4))
    count = len(SLOTS[rule])
    start = [
        [rng.standard_normal(s) for s in shapes],
        *([np.zeros(s) for s in shapes] for _ in range(count)),
    ]
    states = [[[a.copy() for a in slot] for slot in start] for _ in range(2)]
    for t in range(1, 13):
        gradients = [rng.standard_normal(s) for s in shapes]
        numbers = (None, np.array([0.1, 0.0]), np.array([0.1 / t]), np.array([t]))
        for module, (w, *slots) in zip((reference, naive), states, strict=True):
            slots += [None] * (3 - count)
            module.update(w, *slots, gradients, *numbers, rule=rule, **SETTINGS[rule])
    for got, expected in zip(*(state[0] for state in states), strict=True):
        # Twelve steps of a few roundings each, of numbers of the order of 1.
        assert np.abs(got - expected).max() < 12 * 10 * np.finfo(float).eps


def test_adam_moves_by_the_rate_in_its_first_step():
    w, m, v = ([np.zeros(3)] for _ in range(3))
    g = np.array([1e-3, -5.0, 1e4])
    step("adam", w, [m, v], [g], 1, 0.01, beta_1=0.9, beta_2=0.999, epsilon=0.0)
    np.testing.assert_allclose(w[0], -0.01 * np.sign(g), rtol=1e-14)


def test_a_variance_that_rounding_made_negative_counts_as_zero():
    """Of constant gradients, mean of squares and squared mean differ by roundings alone."""
    for value in np.linspace(0.9, 1.1, 50, dtype=np.float32):
        w, v, a = ([np.zeros(1, np.float32)] for _ in range(3))
        for t in range(1, 400):
            g = [np.full(1, value)]
            step("rmsprop", w, [v, None, a], g, t, 0.01, rho=0.9, epsilon=1e-12)
        assert np.isfinite(w[0]).all()


def test_nadam_after_many_steps():
    """The product of the warmed-up momenta, whose late factors are left out, stays right."""
    w, m, v = ([np.ones(1)] for _ in range(3))
    step("nadam", w, [m, v], [np.ones(1)], 100_000, 0.5, beta_1=0.9, beta_2=0.999, epsilon=0.0)
    assert w[0][0] == pytest.approx(0.5)  # m = g = v = 1 and no bias is left: 0.9 + 0.1


def test_clipping_of_infinite_gradients():
    """Keras gives: by its own norm, NaN where it was infinite; by the norm of all, NaN."""
    gradients = [np.array([np.inf, 1.0]), np.array([3.0, 4.0])]
    scales = np.empty(2)
    reference.clip_scales(scales, gradients, clip_norm=1.0)
    assert scales.tolist() == [0.0, 0.2]
    reference.clip_scales(scales, gradients, clip_norm=1.0, together=True)
    assert np.isnan(scales).all()
