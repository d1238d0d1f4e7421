"""Every back end, at every SIMD level, against the reference."""

from __future__ import annotations

import inspect
import itertools
import re
import signal
from collections.abc import Callable

import numpy as np
import pytest

from bench.case import Arguments, Case, is_float, mapped
from bench.cases import EDGES, SHARED
from bench.products import Matmul
from bench.windows import VALID, Conv2d
from cnnlite.kernels import reference
from tests.backends import CYTHON, Variant, places, variants
from tests.comparison import (
    assert_same_bits,
    assert_within,
    call,
    check,
    check_accumulation,
    copied,
    for_each,
    leaves,
    right_outputs,
    seeded,
)
from tests.processes import run_python

VARIANTS = variants()
# Our own exp, log, tanh and sigmoid promise two units in the last place.
ULPS = 2.0


def over(cases: list[Case]) -> Callable[[Callable[[Variant, Case], None]], Callable[..., None]]:
    """Make test(variant, case) one test for every variant and operation that it holds."""

    def decorate(test: Callable[[Variant, Case], None]) -> Callable[..., None]:
        operations = dict.fromkeys(case.operation for case in cases)

        @pytest.mark.parametrize(
            ("variant", "operation"),
            [(v, name) for v in VARIANTS for name in operations if name in v.kernels()],
            ids=str,
        )
        def looped(variant: Variant, operation: str) -> None:
            chosen = [case for case in cases if case.operation == operation]
            for_each(chosen, lambda case: test(variant, case))

        looped.__doc__ = test.__doc__
        return looped

    return decorate


def kernel_of(variant: Variant, operation: str):
    variant.use()
    return variant.kernels()[operation]


def test_native_holds_every_operation():
    assert set(Variant("native", "", "").kernels()) == set(reference.KERNELS)
    assert Variant.dtypes("native") == ("float32",)


def test_numba_holds_every_operation():
    assert set(Variant("numba", "", "").kernels()) == set(reference.KERNELS)
    assert Variant.dtypes("numba") == ("float32", "float64")


def test_cython_holds_products_convolutions_pooling_and_lstm():
    assert set(Variant("cython", "", "").kernels()) == set(CYTHON)


@over(EDGES + SHARED)
def test_value(variant: Variant, case: Case):
    kernel = kernel_of(variant, case.operation)
    judge = reference.KERNELS[case.operation]
    check(case, kernel, judge, np.dtype(variant.dtype), function_ulps=ULPS)


@over([c for c in EDGES if c.accumulates])
def test_accumulation(variant: Variant, case: Case):
    kernel = kernel_of(variant, case.operation)
    judge = reference.KERNELS[case.operation]
    check_accumulation(case, kernel, judge, np.dtype(variant.dtype), function_ulps=ULPS)


@over([c for c in EDGES + SHARED if c.exact_on_integers])
def test_whole_numbers_are_exact(variant: Variant, case: Case):
    """Sums of small whole numbers have no rounding, whatever their order; and many ties."""
    kernel = kernel_of(variant, case.operation)
    arguments = case.arguments(seeded(case), np.dtype(variant.dtype), integers=True)
    expected = call(reference.KERNELS[case.operation], copied(arguments))
    for got, right in zip(leaves(call(kernel, arguments)), leaves(expected), strict=True):
        np.testing.assert_array_equal(got, right, strict=True)


# NaN and infinity


def floats(case: Case, arguments: Arguments) -> dict[str, list[np.ndarray]]:
    """Return the floating arrays that the kernel reads, by the reference's names."""
    names = list(inspect.signature(reference.KERNELS[case.operation]).parameters)
    read = dict(zip(names, [*arguments.outputs, *arguments.inputs], strict=False))
    if not case.operation.endswith(("update", "project_norms")):  # those read their outputs too
        for name in names[: len(arguments.outputs)]:
            del read[name]
    found = {name: [a for a in leaves(value) if is_float(a)] for name, value in read.items()}
    for name in ("rate", "decays", "thresholds"):  # numbers that the caller chose
        found.pop(name, None)
    return {name: arrays for name, arrays in found.items() if sum(a.size for a in arrays)}


# Values that are never infinite: probabilities, and the outputs of bounded functions.
BOUNDED = ("p", "target", "weights", "y", "variances", "state", "inverse")


def is_defined(case: Case, name: str) -> bool:
    """Whether NaN in this argument has one right result.

    A product with the zeros around the image is NaN or is left out: both are
    fair, so a NaN weight, or a NaN in dy for the weights' gradient, must meet none.
    """
    outer = {"conv2d_forward": "w", "conv2d_backward_weight": "dy"}
    return name != outer.get(case.operation) or case.padding == VALID  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of invalid values
@over(EDGES)
def test_nan_and_infinity(variant: Variant, case: Case):
    """One bad value makes the same outputs bad as in the reference, and leaves the others."""
    kernel = kernel_of(variant, case.operation)
    judge = reference.KERNELS[case.operation]
    rng = seeded(case, salt=2)
    dtype = np.dtype(variant.dtype)
    original = case.arguments(rng, dtype)
    for name in floats(case, original):
        if (case.operation, name) == ("conv2d_backward_input", "w") or not is_defined(case, name):
            continue
        values = [np.nan] if name in BOUNDED else [np.nan, np.inf, -np.inf]
        for value in values:
            arguments = copied(original)
            arrays = [a for a in floats(case, arguments)[name] if a.size]
            array = arrays[rng.integers(len(arrays))]
            array.flat[rng.integers(array.size)] = value
            expected, bounds = right_outputs(case, judge, arguments, dtype, ULPS)
            bounds = mapped(lambda b: np.where(np.isnan(b), np.inf, b), bounds)
            assert_within(call(kernel, arguments), expected, bounds)


CONV_INPUT = [c for c in EDGES if c.operation == "conv2d_backward_input"]


@over(CONV_INPUT)
def test_nan_weight_reaches_the_input_gradient(variant: Variant, case: Case):
    """A NaN weight spoils every dx it meets a dy for, and no other channel's."""
    kernel = kernel_of(variant, case.operation)
    arguments = case.arguments(seeded(case), np.dtype(variant.dtype))
    arguments.inputs[1][-1, 0, 0, -1] = np.nan
    (expected,) = call(reference.conv2d_backward_input, copied(arguments))
    (got,) = call(kernel, arguments)
    assert np.all(np.isnan(got) >= np.isnan(expected))
    channel = (case.groups - 1) * (case.c // case.groups)  # type: ignore[attr-defined]
    assert not np.isnan(np.delete(got, channel, axis=3)).any()


@pytest.mark.parametrize("padding", [VALID, ((1, 1), (1, 1))], ids=str)
@pytest.mark.parametrize(
    "variant", [v for v in VARIANTS if "conv2d_backward_weight" in v.kernels()], ids=str
)
def test_nan_in_a_corner_reaches_the_weights_that_see_it(variant: Variant, padding):
    """Few filters: vectors along the channels, and zeros around dy that the NaN must not meet."""
    case = Conv2d(
        operation="conv2d_backward_weight", n=2, size=(12, 13), c=40, f=5, kernel=(3, 3),
        padding=padding,
    )  # fmt: skip
    arguments = case.arguments(seeded(case), np.dtype(variant.dtype))
    arguments.inputs[1][0, 0, 0, 3] = np.nan
    (expected, _) = call(reference.conv2d_backward_weight, copied(arguments))
    (got, _) = call(kernel_of(variant, case.operation), arguments)
    assert 0 < np.count_nonzero(np.isnan(expected)) < 9 * case.f
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))


# Aliases


def aliases() -> dict[str, list[tuple[str, str]]]:
    """Return (output, input) that may alias, as the reference's docstrings list them."""
    pattern = re.compile(r"^\s*(\w+) : .*may alias (\w+)(?: or (\w+))?", re.MULTILINE)
    found = {
        name: [
            (output, alias)
            for output, *inputs in pattern.findall(inspect.getdoc(function) or "")
            for alias in inputs
            if alias
        ]
        for name, function in reference.KERNELS.items()
    }
    return {name: listed for name, listed in found.items() if listed}


def test_aliases_are_found_in_the_docstrings():
    assert aliases() == {
        "unary": [("y", "x")],
        "batchnorm_inference": [("y", "x")],
        "unary_backward": [("dx", "dy")],
        "binary": [("y", "a"), ("y", "b")],
        "where": [("y", "x")],
        "softmax_forward": [("y", "x")],
        "softmax_backward": [("dx", "dy")],
        "log_softmax_forward": [("y", "x")],
        "log_softmax_backward": [("dx", "dy")],
        "softmax_crossentropy_backward": [("dx", "p")],
        "sparse_softmax_crossentropy_backward": [("dx", "p")],
        "elementwise_loss_backward": [("dx", "x")],
        "map_targets": [("y", "target")],
        "dropout_forward": [("y", "x")],
        "dropout_backward": [("dx", "dy")],
        "lstm_forward": [("gates", "z"), ("h", "h0"), ("c", "c0")],
        "lstm_backward": [("dz", "gates")],
        "gru_forward": [("gates", "z"), ("h", "h0")],
        "gru_backward": [("dz", "gates")],
        "simple_rnn_forward": [("gates", "z"), ("h", "h0")],
        "simple_rnn_backward": [("dz", "gates")],
    }


@over([c for c in EDGES + SHARED if c.operation in aliases()])
def test_aliased_arguments_give_the_same_bits(variant: Variant, case: Case):
    kernel = kernel_of(variant, case.operation)
    names = list(inspect.signature(reference.KERNELS[case.operation]).parameters)
    original = case.arguments(seeded(case), np.dtype(variant.dtype))
    expected = call(kernel, copied(original))
    for output, alias in aliases()[case.operation]:
        arguments = copied(original)
        shared = arguments.inputs[names.index(alias) - len(arguments.outputs)]
        if shared is None or arguments.outputs[names.index(output)] is None:
            continue
        if shared.shape != arguments.outputs[names.index(output)].shape:
            continue  # an array that is broadcast is smaller than the result
        arguments.outputs[names.index(output)] = shared
        assert_same_bits(call(kernel, arguments), expected)


# Sizes around the edges of tiles and blocks

ROWS = (1, 5, 6, 7, 11, 12, 13)
COLUMNS = (1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65)
DEPTHS = (0, 1, 2, 3, 17)
BLOCKS = (
    *((97, 129, 383), (97, 129, 385), (130, 200, 769), (257, 65, 1025), (13, 2000, 400)),
    *((1, 1000, 999), (1000, 1, 999), (2, 3, 70_000), (193, 193, 193), (600, 70, 64)),
)


def exact_products(variant: Variant, sizes: itertools.product) -> int:
    """Compare products of whole numbers with NumPy's, in every transposition; count them."""
    matmul, dtype = kernel_of(variant, "matmul"), np.dtype(variant.dtype)
    count = 0
    for m, n, k in sizes:
        for ta, tb in itertools.product((False, True), repeat=2):
            case = Matmul(m=m, n=n, k=k, transpose_a=ta, transpose_b=tb)
            arguments = case.arguments(seeded(case), dtype, integers=True)
            a, b, _ = arguments.inputs
            expected = (a.T if ta else a).astype("f8") @ (b.T if tb else b).astype("f8")
            (got,) = call(matmul, arguments)
            assert np.array_equal(got, expected), case
            count += 1
    return count


with_matmul = pytest.mark.parametrize(
    "variant", [v for v in VARIANTS if "matmul" in v.kernels()], ids=str
)


@with_matmul
def test_products_around_every_tile_edge(variant: Variant):
    sizes = itertools.product(ROWS, COLUMNS, DEPTHS)
    assert exact_products(variant, sizes) == 4 * len(ROWS) * len(COLUMNS) * len(DEPTHS)


@with_matmul
def test_products_around_block_edges(variant: Variant):
    assert exact_products(variant, BLOCKS) == 4 * len(BLOCKS)


# Functions over the whole range of their argument


@pytest.mark.parametrize("function", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("variant", [v for v in VARIANTS if "unary" in v.kernels()], ids=str)
def test_function_over_all_magnitudes(variant: Variant, function: str):
    """Half a million floats of every exponent, zeros, denormals, infinities and NaNs."""
    with np.errstate(all="ignore"):
        x = np.arange(0, 2**32, 8191, dtype=np.uint64).astype(np.uint32).view(np.float32)
        edges = np.array([0.0, -0.0, 1e-45, -1e-45, 1e-38, 88.72, 88.73, -87.34, -104], np.float32)
        x = np.concatenate([edges, [np.inf, -np.inf, np.nan], x]).astype(np.float32)
        y, right = np.full_like(x, 7), np.empty(x.shape)
        kernel_of(variant, "unary")(y, x, function=function)
        reference.unary(right, x.astype(np.float64), function=function)
        limit = 0 if function == "relu" else ULPS * np.spacing(np.abs(right.astype(np.float32)))
        assert_within([y], [right], [np.where(np.isfinite(right), limit, 0)])


# Losses beyond the clip, and with labels that do not exist


CLIPPED = [
    f"{name}_{way}"
    for name in ("categorical_crossentropy", "sparse_categorical_crossentropy", "elementwise_loss")
    for way in ("forward", "backward")
]


def with_operations(operations: list[str]) -> pytest.MarkDecorator:
    """Parametrize by every variant and those of the operations that it holds."""
    held = [(v, name) for v in VARIANTS for name in operations if name in v.kernels()]
    return pytest.mark.parametrize(("variant", "operation"), held, ids=str)


@with_operations(CLIPPED)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_losses_at_the_edges_of_the_clip(variant: Variant, operation: str):
    """The clip's bounds are rounded to the dtype, so the judge works in that dtype too."""
    dtype = np.dtype(variant.dtype)
    ends = [0, 1e-30, 9.9e-8, 1.1e-7, 0.5, 1 - 2e-7, 1 - 1e-8, 1, np.nan]
    elementwise = operation.startswith("elementwise")
    if elementwise:  # no sum that may be rounded otherwise comes first
        ends += [1e-7, 1 - 1e-7]
    p, t = (a.ravel().astype(dtype) for a in np.meshgrid(ends, [0, 0.25, 1, np.nan]))
    p, t = np.stack([p, 1 - p, 0 * p], axis=1), t[:, None].repeat(3, axis=1)
    labels = np.arange(-3, len(p) - 3, dtype=np.int32) % 5 - 1  # -1 and 3 do not exist
    answer = labels if operation.startswith("sparse") else t
    weights = np.linspace(0.5, 2, len(p)).astype(dtype)
    results = []
    for function in (kernel_of(variant, operation), reference.KERNELS[operation]):
        params = {"function": "binary_crossentropy", "delta": 1.0} if elementwise else {}
        if operation.endswith("forward"):
            out = np.full(len(p), 7, dtype)
            function(out, p, answer, **params)
        else:
            out = np.full_like(p, 7)
            function(out, p, answer, weights, **params)
        results.append(out)
    u = np.finfo(dtype).eps / 2
    # Few roundings each; 1 - p may be rounded before its logarithm.
    bound = 16 * u * np.abs(results[1]) + 8 * u
    assert_within([results[0]], [results[1]], [np.where(np.isnan(bound), 0, bound)])


@with_operations([name for name in reference.KERNELS if name.startswith("sparse")])
def test_labels_that_do_not_exist(variant: Variant, operation: str):
    """NaN in their row alone (an accuracy counts a miss), and nothing read out of bounds."""
    case = next(
        c for c in EDGES if c.operation == operation and str(c).endswith("rows=7,classes=9")
    )
    arguments = case.arguments(seeded(case), np.dtype(variant.dtype))
    labels = next(a for a in arguments.inputs if a.dtype == np.int32)
    labels[:] = [3, -1, 8, 9, 2**31 - 1, -(2**31), 0]
    expected = call(reference.KERNELS[operation], copied(arguments))
    got = call(kernel_of(variant, operation), arguments)
    if "accuracy" not in operation:
        bad = np.isnan(got[0]).reshape(7, -1).any(axis=1)
        assert bad.tolist() == [False, True, False, True, True, True, False]
    u = np.finfo(variant.dtype).eps / 2
    assert_within(got, expected, [16 * u * np.nan_to_num(np.abs(e)) for e in expected])


# Memory


@pytest.mark.parametrize(("backend", "level"), places())
def test_no_access_out_of_bounds(backend: str, level: str):
    """All small cases between inaccessible pages, flush with their end and their start."""
    done = run_python("-m", "tests.guarded", backend, level)
    assert done.returncode == 0 and "all inside" in done.stdout, done.stderr[-3000:]


@pytest.mark.parametrize("at_end", [True, False])
@pytest.mark.parametrize("access", ["read", "write", "write to input"])
def test_guards_catch_the_first_element_out_of_bounds(access: str, at_end: bool):
    script = f"""
import ctypes, numpy as np
from tests.guarded import guarded
a = guarded(np.arange(5, dtype=np.float32), at_end={at_end}, writable={access != "write to input"})
assert a.tolist() == [0, 1, 2, 3, 4]
inside, outside = a.ctypes.data, a.ctypes.data + ({at_end} and a.nbytes or -4)
assert ctypes.c_float.from_address(inside).value == 0
print("placed", flush=True)
if {access == "read"}: ctypes.c_float.from_address(outside).value
elif {access == "write"}: ctypes.c_float.from_address(outside).value = 1
else: ctypes.c_float.from_address(inside).value = 1
"""
    done = run_python("-c", script)
    assert done.stdout == "placed\n"
    assert done.returncode in (-signal.SIGSEGV, -signal.SIGBUS)  # macOS: SIGBUS
