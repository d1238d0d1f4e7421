"""Accuracy of the native elementary functions (csrc/vmath.h), through public kernels.

Arguments are bit patterns spread over all of float32: both signs, denormals, every exponent;
``python -m bench ulps`` takes all of them.
"""

import math

import numpy as np
import pytest

from bench.__main__ import main
from bench.ulps import FUNCTIONS, ulp_errors, unary, worst
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
    ("function", "ulps"),
    [
        ("exponential", 1),
        ("log", 1),
        ("elu", 1),  # below 0, e^x - 1
        *((name, 2) for name in ("sigmoid", "tanh", "erf", "gelu", "softplus")),
        *((name, 2) for name in ("selu", "softsign", "hard_sigmoid")),  # a few roundings
    ],
)
def test_function_within(function, ulps, level):
    x = [all_exponents(), between(-110, 89), between(-20, 20), between(-1, 1), SPECIALS]
    [(error, where)] = worst(function, np.concatenate(x), [level])
    assert error <= ulps, where


def test_silu_within_four_ulp(level):
    # x s is rounded once, and an error of s, at most 1.7 units, may become twice as many of
    # the product's; below -87 s is denormal.
    x = np.concatenate([between(-87, 88), between(-8, 8), SPECIALS])
    [(error, where)] = worst("silu", x, [level])
    assert error <= 4, where


def test_gelu_tanh_within_the_roundings_of_its_argument():
    # 2 u = sqrt(8 / pi) (x + 0.044715 x^3) has up to five, each of half a unit of 2 u at most,
    # which the exponential makes 2 u units of; the rest is silu's.
    x = np.concatenate([between(-9, 9), between(-1, 1), np.abs(all_exponents())])
    x = x[np.isfinite(x)]
    wide = x.astype(np.float64)
    twice = math.sqrt(8 / math.pi) * (wide + 0.044715 * wide**3)
    errors = ulp_errors(unary(x, "gelu_tanh"), FUNCTIONS["gelu_tanh"].exact(wide))
    assert (errors <= 4 + 5 * np.maximum(-twice, 0)).all()


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


@pytest.mark.parametrize("function", ["relu", "sigmoid", "tanh", "erf"])
def test_special_values(function):
    tiny = np.float32(1e-45)  # a denormal, not to be flushed to zero
    x = np.float32([np.inf, -np.inf, np.nan, 0.0, -0.0, tiny])
    expected = {
        "relu": [np.inf, 0, np.nan, 0.0, -0.0, tiny],
        "sigmoid": [1, 0, np.nan, 0.5, 0.5, 0.5],
        "tanh": [1, -1, np.nan, 0.0, -0.0, tiny],
        "erf": [1, -1, np.nan, 0.0, -0.0, tiny],
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
        ("log", [np.inf, np.nan, np.nan]),
    ],
)
def test_infinities(function, expected):
    parameters = {"leaky_relu": (0.5, np.inf, 0.0), "elu": (2.0, 1.0)}.get(function, ())
    y = unary(np.float32([np.inf, -np.inf, np.nan]), function, parameters)
    np.testing.assert_array_equal(y, np.float32(expected))


@pytest.mark.parametrize("function", ["relu", "sigmoid", "tanh", "log", "erf", "gelu"])
def test_body_and_tail_give_equal_bits(function):
    # Whether an element falls into a whole vector or into the tail must not show.
    x = np.concatenate([between(-9, 9, 80), SPECIALS, all_exponents(2**26 + 1)])
    whole = unary(x, function).view(np.uint32)
    for size in range(1, 3 * 16 + 2):
        for start in range(len(x) - size):
            part = unary(x[start : start + size].copy(), function).view(np.uint32)
            np.testing.assert_array_equal(part, whole[start : start + size])


def test_the_command_looks_at_all_floats(level, capsys):
    """Here at every 65537th; it tells the largest error at each level, and where."""
    assert main(["ulps", "exponential", "selu", "--step", "65537"]) == 0
    lines = [line.split("\r")[-1].split() for line in capsys.readouterr().out.split("\n")[1:-1]]
    levels = dispatch.levels()[: dispatch.levels().index(level) + 1]
    assert [line[:2] for line in lines] == [
        [name, used] for name in ("exponential", "selu") for used in levels
    ]
    for name, used, ulps, *_, where in lines:
        assert 0.4 < float(ulps) < 2
        [(error, _)] = worst(name, np.float32([float(where)]), [used])
        assert error == pytest.approx(float(ulps), abs=1e-3)
    with pytest.raises(SystemExit):
        main(["ulps", "cosine"])
    assert "no such function: 'cosine'. Choose from exponential" in capsys.readouterr().err
