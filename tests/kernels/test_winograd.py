"""Winograd's convolution: its own bound, its choice, its switch; other tests compute directly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.polynomial import polynomial

import cnnlite
from bench.case import roundoff, through_activation
from bench.windows import Conv2d
from cnnlite.kernels import native, reference
from cnnlite.kernels.native import dispatch
from tests.comparison import call, copied, seeded
from tests.processes import error_of, output_of

CASES = {
    "same": Conv2d(operation="", n=6, size=(12, 12), c=64, f=64, kernel=(3, 3),
                   padding=((1, 1), (1, 1))),
    "odd sizes": Conv2d(operation="", n=9, size=(11, 14), c=33, f=71, kernel=(3, 3),
                        padding=((1, 0), (0, 1))),
    "valid": Conv2d(operation="", n=5, size=(10, 22), c=48, f=16, kernel=(3, 3)),
    "wide padding": Conv2d(operation="", n=7, size=(8, 9), c=17, f=130, kernel=(3, 3),
                           padding=((2, 2), (2, 1))),
    "one pixel of many": Conv2d(operation="", n=90, size=(3, 4), c=128, f=40, kernel=(3, 3),
                                padding=((1, 1), (1, 1))),
}  # fmt: skip
PASSES = ("conv2d_forward", "conv2d_backward_input")
POINTS = (0.0, 0.5**0.5, -(0.5**0.5), 2**0.5, -(2**0.5))


@pytest.fixture(autouse=True, params=dispatch.levels())
def _level(request: pytest.FixtureRequest):
    dispatch.set_level(request.param)


def both(case: Conv2d, **changed: object):
    """Return (arguments, Winograd's output, the direct one)."""
    arguments = case.arguments(seeded(case), np.dtype(np.float32))
    arguments.params.update(changed)
    kernel = native.KERNELS[case.operation]
    found = []
    for enabled in (True, False):
        cnnlite.set_winograd(enabled)
        found.append(call(kernel, copied(arguments))[0])
    return arguments, *found


def true_values(case: Conv2d, arguments) -> np.ndarray:
    wide = [None if a is None else a.astype(np.float64) for a in arguments.inputs]
    out = np.zeros(arguments.outputs[0].shape)
    reference.KERNELS[case.operation](out, *wide, **arguments.params)
    return out


def cook_toom() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return A' (4, 6), G (6, 3) and B' (6, 6), derived from the points and infinity."""
    a, g, b = np.zeros((4, 6)), np.zeros((6, 3)), np.zeros((6, 6))
    for i, x in enumerate(POINTS):
        others = [y for y in POINTS if y != x]
        a[:, i] = x ** np.arange(4)
        g[i] = x ** np.arange(3) / np.prod([x - y for y in others])
        b[i, :5] = polynomial.polyfromroots(others)
    a[3, 5] = g[5, 2] = 1
    b[5] = polynomial.polyfromroots(POINTS)
    return a, g, b


def absolute(case: Conv2d, image: np.ndarray, w: np.ndarray, padding) -> np.ndarray:
    """Winograd's formula on absolute values: what its roundings are relative to."""
    a, g, b = (np.abs(m) for m in cook_toom())
    out_h, out_w = (image.shape[1 + i] + sum(padding[i]) - 2 for i in range(2))
    down, across = -(-out_h // 4), -(-out_w // 4)
    x = np.pad(np.abs(image).astype(float), ((0, 0), *padding, (0, 0)))
    x = np.pad(
        x, ((0, 0), (0, 4 * down + 2 - x.shape[1]), (0, 4 * across + 2 - x.shape[2]), (0, 0))
    )
    seen = sliding_window_view(x, (6, 6), axis=(1, 2))[:, ::4, ::4]  # (n, down, across, c, 6, 6)
    patches = np.einsum("ij,ndacjk,lk->ndacil", b, seen, b, optimize=True)
    filters = np.einsum("ij,jkcf,lk->ilcf", g, np.abs(w).astype(float), g, optimize=True)
    sums = np.einsum("ndacil,ilcf->ndafil", patches, filters, optimize=True)
    out = np.einsum("pi,ndafil,ql->ndpaqf", a, sums, a, optimize=True)
    return out.reshape(len(x), 4 * down, 4 * across, -1)[:, :out_h, :out_w]


@pytest.mark.parametrize("operation", PASSES)
@pytest.mark.parametrize("name", CASES)
def test_within_its_bound(name: str, operation: str):
    """Every element: the roundings on its path times the formula on absolute values."""
    case = replace(CASES[name], operation=operation)
    arguments, winograd, direct = both(case)
    assert (winograd != direct).any(), "these sizes are computed directly"
    image, w = arguments.inputs[:2]
    padding = case.padding
    if operation == "conv2d_backward_input":
        w = w[::-1, ::-1].transpose(0, 1, 3, 2)
        padding = tuple((2 - before, 2 - after) for before, after in case.padding)
    # Six roundings of each one-dimensional transform of pixels and of sums, five of filters,
    # with those of the constants; the sum over channels; the bias.
    roundings = image.shape[3] + 2 * (6 + 6 + 5) + 2
    bound = absolute(case, image, w, padding)
    if operation == "conv2d_forward" and arguments.inputs[2] is not None:
        bound = bound + np.abs(arguments.inputs[2])
    error = np.abs(winograd - true_values(case, arguments))
    assert (error <= roundings * roundoff(np.dtype(np.float32)) * bound).all()


def test_error_that_the_documentation_tells():
    """Root mean square: about twice the direct sum's."""
    case = Conv2d(operation="conv2d_forward", n=8, size=(16, 16), c=64, f=64, kernel=(3, 3))
    arguments, winograd, direct = both(case)
    true = true_values(case, arguments)
    errors = [np.sqrt(np.mean((y - true) ** 2)) for y in (winograd, direct)]
    assert 1.2 < errors[0] / errors[1] < 3.5


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_activation_follows_the_sum(activation: str):
    case = replace(CASES["odd sizes"], operation="conv2d_forward", activation=activation)
    arguments, winograd, direct = both(case)
    assert (winograd != direct).any()
    cnnlite.set_winograd(True)
    sums = np.empty_like(winograd)
    params = arguments.params | {"activation": None}
    native.KERNELS[case.operation](sums, *arguments.inputs, **params)
    expected = np.zeros_like(sums, np.float64)
    reference.KERNELS["unary"](expected, sums.astype(np.float64), function=activation)
    none = np.zeros_like(expected)
    bound = through_activation(none, activation, expected, np.dtype(np.float32), 2.0)
    assert (np.abs(winograd - expected) <= bound).all()


def test_accumulates():
    case = replace(CASES["odd sizes"], operation="conv2d_backward_input")
    arguments, once, _ = both(case)
    cnnlite.set_winograd(True)
    dx = np.full_like(once, 3)
    native.KERNELS[case.operation](dx, *arguments.inputs, **arguments.params, accumulate=True)
    np.testing.assert_array_equal(dx, 3 + once)


DIRECT = {
    "strides": {"strides": (2, 2), "size": (24, 24)},
    "dilation": {"dilation": (2, 2), "size": (24, 24)},
    "groups": {"groups": 2},
    "5 x 5": {"kernel": (5, 5)},
    "3 x 1": {"kernel": (3, 1)},
    "few channels": {"c": 15},
    "few filters": {"f": 15},
    "one small image": {"n": 1, "size": (4, 4)},
}


@pytest.mark.parametrize("operation", PASSES)
@pytest.mark.parametrize("name", DIRECT)
def test_other_sizes_are_computed_directly(name: str, operation: str):
    _, winograd, direct = both(replace(CASES["same"], operation=operation, **DIRECT[name]))
    np.testing.assert_array_equal(winograd, direct)


def test_nan_and_infinity_stay_in_their_patches():
    """All that see one are not finite, as computed directly, and nothing outside the patches."""
    case = replace(CASES["same"], operation="conv2d_forward")
    arguments = case.arguments(seeded(case), np.dtype(np.float32))
    arguments.inputs[0][1, 5, 6, 3] = np.nan
    arguments.inputs[0][2, 0, 11, 0] = np.inf
    y = call(native.KERNELS[case.operation], arguments)[0]
    finite = np.isfinite(y).all(axis=3)
    assert not finite[1, 4:7, 5:8].any() and not finite[2, :2, 10:].any()
    assert np.isnan(y[1, 4:7, 5:8]).all()
    assert finite[[0, 3, 4, 5]].all()
    assert finite[1, 8:].all() and finite[1, :4].all() and finite[2, 4:].all()


def test_same_bits_on_any_number_of_threads():
    script = f"""
import hashlib
import numpy as np
import cnnlite
from cnnlite.kernels import native, threads
from cnnlite.kernels.native import dispatch
from tests.comparison import call, seeded
from tests.kernels.test_winograd import CASES, PASSES, replace
dispatch.set_level({dispatch.level()!r})
found = set()
for n, even in ((1, True), (2, True), (3, True), (4, True), (8, True), (4, False)):
    threads.set_num_threads(n)
    threads.set_even_shares(even)
    bits = b""
    for operation in PASSES:
        case = replace(CASES["odd sizes"], n=40, operation=operation)
        arguments = case.arguments(seeded(case), np.dtype("float32"))
        bits += call(native.KERNELS[operation], arguments)[0].tobytes()
        assert not even or threads.last_team_size() == n
    found.add(hashlib.sha256(bits).hexdigest())
print(len(found))
"""
    assert output_of(script, CNNLITE_STRICT="1") == "1"


def test_switch():
    cnnlite.set_winograd(False)
    assert cnnlite.get_winograd() is False
    with pytest.raises(TypeError, match=r"set_winograd: enabled must be True or False\. Got 1"):
        cnnlite.set_winograd(1)
    code = "import cnnlite; print(cnnlite.get_winograd())"
    assert output_of(code) == output_of(code, CNNLITE_WINOGRAD="1") == "True"
    assert output_of(code, CNNLITE_WINOGRAD="0") == "False"
    assert "CNNLITE_WINOGRAD: not a switch. Got 'off'" in error_of(code, CNNLITE_WINOGRAD="off")
