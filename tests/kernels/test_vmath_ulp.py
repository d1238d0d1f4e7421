"""Accuracy of the native elementary functions (csrc/vmath.h), through public kernels.

Arguments are bit patterns spread over all of float32: both signs, denormals, every exponent;
``python -m bench ulps`` takes all of them.
"""

import math

import numpy as np
import pytest

from bench.__main__ import main
from bench.ulps import FUNCTIONS, exact_sigmoid, ulp_errors, unary, worst
from cnnlite.kernels import native
from cnnlite.kernels.native import dispatch

KERNELS = native.KERNELS
SPECIALS = np.float32([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1.2e-38, 3e38, -3e38])


@pytest.fixture(params=dispatch.levels(), autouse=True)
def level(request):
    before = dispatch.level()
    dispatch.set_level(request.param)
    yield request.param
    dispatch.set_level(before)


def all_exponents(step=4099):
    """Return floats whose bit patterns are `step` apart: a million over all of float32."""
    return np.arange(0, 2**32, step, dtype=np.uint64).astype(np.uint32).view(np.float32)


def between(low, high, count=300_000):
    """Return floats uniform in [low, high], with random last bits."""
    return np.random.default_rng(7).uniform(low, high, count).astype(np.float32)


def assert_within(ulps, got, exact, x):
    np.testing.assert_array_equal(np.isnan(got), np.isnan(exact))
    number = ~np.isnan(exact)
    errors = ulp_errors(got[number], exact[number])
    worst = errors.argmax()
    assert errors[worst] <= ulps, f"{errors[worst]:.3f} ulp at x = {x[number][worst]!r}"


@pytest.mark.parametrize(
    ("function", "exact"), [("sigmoid", exact_sigmoid), ("tanh", FUNCTIONS["tanh"][1])]
)
def test_activation_within_two_ulp(function, exact):
    x = np.concatenate([all_exponents(), between(-20, 20), between(-1, 1), SPECIALS])
    with np.errstate(all="ignore"):
        assert_within(2, unary(x, function), exact(x), x)


def test_exponential_within_one_ulp():
    x = np.concatenate([between(-104, 88.7), between(-1, 1), all_exponents(), SPECIALS])
    with np.errstate(all="ignore"):
        exact = np.exp(x.astype(np.float64))
        exact = np.where(exact > np.finfo(np.float32).max, np.inf, exact)
        got = unary(x, "exponential")
    finite = ~np.isinf(exact)
    np.testing.assert_array_equal(got[~finite], exact[~finite])
    assert_within(1, got[finite], exact[finite], x[finite])


def test_expm1_within_three_ulp():
    # Below 0, elu is alpha (e^x - 1).
    x = np.concatenate([-np.abs(all_exponents()), between(-20, 0), between(-1, 0)])
    with np.errstate(invalid="ignore"):
        assert_within(3, unary(x, "elu", (1.0, 1.0)), np.expm1(x.astype(np.float64)), x)


def test_softplus_within_two_ulp():
    x = np.concatenate([all_exponents(), between(-110, 20), between(-2, 2), SPECIALS])
    with np.errstate(all="ignore"):
        wide = x.astype(np.float64)
        exact = np.maximum(wide, 0) + np.log1p(np.exp(-np.abs(wide)))
    assert_within(2, unary(x, "softplus")[np.isfinite(x)], exact[np.isfinite(x)], x[np.isfinite(x)])


def test_normal_distribution_within_five_ulp():
    # gelu(x) = x Phi(x), down to where Phi leaves the range of normal floats.
    x = np.concatenate([between(-12.8, 12.8), between(-1, 1), np.geomspace(1e-38, 1e30, 1000)])
    x = x.astype(np.float32)
    phi = np.vectorize(math.erfc)(x.astype(np.float64) / -math.sqrt(2)) / 2
    assert_within(5, unary(x, "gelu"), x * phi, x)


def test_exp_within_one_ulp():
    # The softmax of (0, x) is (1, e^x) where e^x is too small to count in the sum.
    x = np.concatenate([between(-110, -18), np.float32([-104, -103.9, -87.4, -1e30, -np.inf])])
    rows = np.stack([np.zeros_like(x), x], axis=1)
    y = np.full_like(rows, np.nan)
    KERNELS["softmax_forward"](y, rows)
    exact = np.exp(x.astype(np.float64))
    assert (y[:, 0] == 1).all()
    assert ((y[:, 1] > 0) & (y[:, 1] < np.finfo(np.float32).tiny)).any()  # denormals came out
    assert_within(1, y[:, 1], exact, x)


def test_log_within_one_ulp():
    # The binary cross-entropy of target 1 is -log p, with p clipped to [1e-7, 1 - 1e-7].
    p = np.concatenate([between(2e-7, 1 - 2e-7), np.geomspace(2e-7, 0.9999995, 300_000)])
    p = p.astype(np.float32)
    loss = np.full_like(p, np.nan)
    binary = {"function": "binary_crossentropy", "delta": 1.0}
    KERNELS["elementwise_loss_forward"](loss, p[:, None], np.ones_like(p)[:, None], **binary)
    assert_within(1, loss, -np.log(p.astype(np.float64)), p)


def test_log1p_of_exp_within_three_ulp():
    # The sigmoid cross-entropy of a negative logit against 0 is log(1 + e^x).
    x = np.concatenate([between(-30, 0), between(-100, 0)])
    loss = np.full_like(x, np.nan)
    function = {"function": "sigmoid_crossentropy", "delta": 1.0}
    KERNELS["elementwise_loss_forward"](loss, x[:, None], np.zeros_like(x)[:, None], **function)
    assert_within(3, loss, np.log1p(np.exp(x.astype(np.float64))), x)


@pytest.mark.parametrize("function", ["relu", "sigmoid", "tanh"])
def test_special_values(function):
    tiny = np.float32(1e-45)  # a denormal, not to be flushed to zero
    x = np.float32([np.inf, -np.inf, np.nan, 0.0, -0.0, tiny])
    expected = {
        "relu": [np.inf, 0, np.nan, 0.0, -0.0, tiny],
        "sigmoid": [1, 0, np.nan, 0.5, 0.5, 0.5],
        "tanh": [1, -1, np.nan, 0.0, -0.0, tiny],
    }[function]
    y = unary(x, function)
    np.testing.assert_array_equal(y, np.float32(expected))
    np.testing.assert_array_equal(np.signbit(y[3:]), np.signbit(expected[3:]))


@pytest.mark.parametrize(
    ("function", "expected"),
    [  # at inf, -inf, NaN; by the formulas: inf * 0 is NaN
        ("leaky_relu", [np.inf, -np.inf, np.nan]),
        ("elu", [np.inf, -2, np.nan]),
        ("gelu", [np.inf, np.nan, np.nan]),
        ("gelu_tanh", [np.inf, np.nan, np.nan]),
        ("hard_sigmoid", [1, 0, np.nan]),
        ("silu", [np.inf, np.nan, np.nan]),
        ("softplus", [np.inf, 0, np.nan]),
        ("softsign", [np.nan, np.nan, np.nan]),
        ("exponential", [np.inf, 0, np.nan]),
    ],
)
def test_infinities(function, expected):
    parameters = {"leaky_relu": (0.5, np.inf, 0.0), "elu": (2.0, 1.0)}.get(function, ())
    y = unary(np.float32([np.inf, -np.inf, np.nan]), function, parameters)
    np.testing.assert_array_equal(y, np.float32(expected))


@pytest.mark.parametrize("function", ["relu", "sigmoid", "tanh"])
def test_body_and_tail_give_equal_bits(function):
    # Whether an element falls into a whole vector or into the tail must not show.
    x = np.concatenate([between(-9, 9, 80), SPECIALS, all_exponents(2**26 + 1)])
    whole = unary(x, function).view(np.uint32)
    for size in range(1, 3 * 16 + 2):
        for start in range(len(x) - size):
            part = unary(x[start : start + size].copy(), function).view(np.uint32)
            np.testing.assert_array_equal(part, whole[start : start + size])


def test_the_command_looks_at_all_floats(capsys):
    """Here at every 65537th; it tells the largest error, and where."""
    assert main(["ulps", "exponential", "tanh", "--step", "65537"]) == 0
    lines = [line.split("\r")[-1].split() for line in capsys.readouterr().out.split("\n")[1:-1]]
    assert [line[0] for line in lines] == ["exponential", "tanh"]
    for name, ulps, *_, where in lines:
        assert 0.4 < float(ulps) < 2
        assert worst(name, np.float32([float(where)]))[0] == pytest.approx(float(ulps), abs=1e-3)
    with pytest.raises(SystemExit):
        main(["ulps", "cosine"])
    assert "no such function: 'cosine'. Choose from exponential" in capsys.readouterr().err
