"""Winograd's convolution: its own bound, its choice, its switch; other tests compute directly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import cnnlite
from bench import points
from bench.__main__ import main
from bench.case import roundoff, through_activation
from bench.points import cook_toom
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
PASSES = ("conv2d_forward", "conv2d_backward_input", "conv2d_backward_weight")
# Roundings of a path through the transforms: six of a one-dimensional one of pixels, sums or
# gradients, five of filters, with those of the constants; each is applied in two dimensions.
TRANSFORMS = 2 * (6 + 6 + 5)


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
    outputs = [None if a is None else np.zeros(a.shape) for a in arguments.outputs]
    reference.KERNELS[case.operation](*outputs, *wide, **arguments.params)
    return outputs[0]


def absolute_patches(image: np.ndarray, padding) -> np.ndarray:
    """B' x B of every patch, on absolute values: (n, down, across, c, 6, 6)."""
    b = np.abs(cook_toom(points.USED)[2])
    down, across = (-(-(image.shape[1 + i] + sum(padding[i]) - 2) // 4) for i in range(2))
    x = np.pad(np.abs(image).astype(float), ((0, 0), *padding, (0, 0)))
    x = np.pad(
        x, ((0, 0), (0, 4 * down + 2 - x.shape[1]), (0, 4 * across + 2 - x.shape[2]), (0, 0))
    )
    seen = sliding_window_view(x, (6, 6), axis=(1, 2))[:, ::4, ::4]
    return np.einsum("ij,ndacjk,lk->ndacil", b, seen, b, optimize=True)


def absolute(image: np.ndarray, w: np.ndarray, padding) -> np.ndarray:
    """The outputs by Winograd's formula on absolute values: what its roundings are relative to."""
    a, g, _ = (np.abs(m) for m in cook_toom(points.USED))
    out_h, out_w = (image.shape[1 + i] + sum(padding[i]) - 2 for i in range(2))
    patches = absolute_patches(image, padding)
    filters = np.einsum("ij,jkcf,lk->ilcf", g, np.abs(w).astype(float), g, optimize=True)
    sums = np.einsum("ndacil,ilcf->ndafil", patches, filters, optimize=True)
    out = np.einsum("pi,ndafil,ql->ndpaqf", a, sums, a, optimize=True)
    n, down, _, across, _, f = out.shape
    return out.reshape(n, 4 * down, 4 * across, f)[:, :out_h, :out_w]


def absolute_gradient(image: np.ndarray, dy: np.ndarray, padding) -> np.ndarray:
    """The same for the gradient of the filters."""
    a, g, _ = (np.abs(m) for m in cook_toom(points.USED))
    patches = absolute_patches(image, padding)
    n, down, across = patches.shape[:3]
    rest = [(0, 4 * down - dy.shape[1]), (0, 4 * across - dy.shape[2])]
    y = np.pad(np.abs(dy).astype(float), ((0, 0), *rest, (0, 0)))
    y = y.reshape(n, down, 4, across, 4, -1)
    y = np.einsum("pi,ndpaqf,ql->ndafil", a, y, a, optimize=True)
    sums = np.einsum("ndacil,ndafil->cfil", patches, y, optimize=True)
    return np.einsum("ij,cfil,lk->jkcf", g, sums, g, optimize=True)


@pytest.mark.parametrize("operation", PASSES)
@pytest.mark.parametrize("name", CASES)
def test_within_its_bound(name: str, operation: str):
    """Every element: the roundings on its path times the formula on absolute values."""
    case = replace(CASES[name], operation=operation)
    arguments, winograd, direct = both(case)
    assert (winograd != direct).any(), "these sizes are computed directly"
    # Beside the transforms: the sum over channels or patches; the bias.
    first, second = arguments.inputs[:2]
    if operation == "conv2d_backward_weight":
        bound = absolute_gradient(second, first, case.padding)
        patches = case.n * (-(-case.out[0] // 4)) * (-(-case.out[1] // 4))
        roundings = patches + TRANSFORMS
    else:
        padding = case.padding
        if operation == "conv2d_backward_input":
            second = second[::-1, ::-1].transpose(0, 1, 3, 2)
            padding = tuple((2 - before, 2 - after) for before, after in padding)
        bound = absolute(first, second, padding)
        roundings = first.shape[3] + TRANSFORMS + 2
        if operation == "conv2d_forward":
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


@pytest.mark.parametrize("operation", PASSES[1:])
def test_accumulates(operation: str):
    case = replace(CASES["odd sizes"], operation=operation)
    arguments, once, _ = both(case)
    cnnlite.set_winograd(True)
    outputs = [None if a is None else np.full_like(a, 3) for a in arguments.outputs]
    native.KERNELS[operation](*outputs, *arguments.inputs, **arguments.params, accumulate=True)
    np.testing.assert_array_equal(outputs[0], 3 + once)


def test_many_patches_are_summed_in_turns():
    """More than are transformed at a time; the gradient of the bias with them."""
    case = Conv2d(operation="conv2d_backward_weight", n=40, size=(20, 20), c=40, f=24,
                  kernel=(3, 3), padding=((1, 1), (1, 1)))  # fmt: skip
    arguments = case.arguments(seeded(case), np.dtype(np.float32))
    found = call(native.KERNELS[case.operation], copied(arguments))
    expected = [np.zeros(a.shape) for a in arguments.outputs]
    dy, x = (a.astype(np.float64) for a in arguments.inputs)
    reference.KERNELS[case.operation](*expected, dy, x, **arguments.params)
    u, patches = roundoff(np.dtype(np.float32)), 40 * 5 * 5
    bound = absolute_gradient(x, dy, case.padding) * u * (patches + TRANSFORMS)
    assert (np.abs(found[0] - expected[0]) <= bound).all()
    pixels = dy[..., 0].size
    bound = np.abs(dy).sum(axis=(0, 1, 2)) * u * pixels
    assert (np.abs(found[1] - expected[1]) <= bound).all()


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


def test_the_points_are_the_best_of_those_compared(monkeypatch, capsys):
    """The command tells it; fewer patches do here."""
    monkeypatch.setattr(points, "PATCHES", 300)
    assert main(["points"]) == 0
    ratios = {line[:28].strip(): float(line[28:].split()[0])
              for line in capsys.readouterr().out.splitlines()[1:]}  # fmt: skip
    assert list(ratios) == list(points.SETS)
    assert min(ratios, key=lambda name: ratios[name]) in list(ratios)[-2:]  # 3/4, 3/2 come close
    assert ratios["0, +-1, +-2"] > 1.5 * ratios["0, +-sqrt(1/2), +-sqrt(2)"]
