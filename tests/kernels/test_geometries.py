"""Convolutions and pooling of any geometry: every back end against the reference, exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.case import Case
from bench.window_cases import AVERAGE_PASSES, CONV_PASSES, MAX_PASSES
from bench.windows import Conv2d, Conv2dBatchNorm, Pool2d
from cnnlite.kernels import reference
from tests.backends import Variant, variants
from tests.comparison import assert_same_bits, call, check, copied, leaves, seeded

# The same examples in every run, so that a failure on one machine fails on all.
EXAMPLES = settings(max_examples=100, derandomize=True, database=None, deadline=None)


def held(operation: str) -> pytest.MarkDecorator:
    """Parametrize by the variants whose back end holds the operation."""
    found = [v for v in variants() if operation in v.kernels()]
    return pytest.mark.parametrize("variant", found, ids=str)


def pairs(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    side = st.integers(low, high)
    return st.tuples(side, side)


@st.composite
def convolutions(draw: st.DrawFn) -> dict[str, object]:
    """Fields of a convolution whose output is not empty."""
    kernel, dilation = draw(pairs(1, 5)), draw(pairs(1, 3))
    padding = draw(st.tuples(pairs(0, 4), pairs(0, 4)))
    # The image is at least as large as the window, less its padding.
    least = [d * (k - 1) + 1 - sum(p) for k, d, p in zip(kernel, dilation, padding, strict=True)]
    size = tuple(max(n, 1) + draw(st.integers(0, 16)) for n in least)
    groups = draw(st.sampled_from([1, 1, 1, 2, 3, 8]))
    channels, filters = draw(pairs(1, 70 // groups))
    return {
        "n": draw(st.integers(1, 5)),
        "size": size,
        "c": groups * channels,
        "f": groups * filters,
        "kernel": kernel,
        "strides": draw(pairs(1, 4)),
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
        "bias": draw(st.booleans()),
    }


@st.composite
def poolings(draw: st.DrawFn) -> dict[str, object]:
    """Fields of a pooling whose windows each hold a pixel."""
    pool = draw(pairs(1, 5))
    padding = tuple(tuple(draw(st.integers(0, k - 1)) for _ in range(2)) for k in pool)
    size = tuple(k + draw(st.integers(0, 12)) for k in pool)
    return {
        "n": draw(st.integers(1, 3)),
        "size": size,
        "c": draw(st.integers(1, 70)),
        "pool_size": pool,
        "strides": draw(pairs(1, 6)),
        "padding": padding,
    }


def assert_exact(variant: Variant, case: Case) -> None:
    """Whole numbers are summed without rounding, and tie often."""
    variant.use()
    arguments = case.arguments(seeded(case), np.dtype(variant.dtype), integers=True)
    expected = call(reference.KERNELS[case.operation], copied(arguments))
    got = call(variant.kernels()[case.operation], arguments)
    for a, b in zip(leaves(got), leaves(expected), strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


@held("conv2d_forward")
@EXAMPLES
@given(fields=convolutions())
def test_convolution_of_any_geometry(variant: Variant, fields: dict):
    for operation in CONV_PASSES:
        assert_exact(variant, Conv2d(operation=operation, **fields))


@held("conv2d_batchnorm")
@EXAMPLES
@given(fields=convolutions(), relu=st.booleans())
def test_a_normalized_convolution_has_the_bits_of_its_parts(
    variant: Variant, fields: dict, relu: bool
):
    variant.use()
    case = Conv2dBatchNorm(**fields, activation="relu" if relu else None)
    arguments = case.arguments(seeded(case), np.dtype(variant.dtype))
    (y,), (x, w, bias, *statistics), params = copied(arguments)
    norm = {name: params.pop(name) for name in ("epsilon", "activation")}
    variant.kernels()["conv2d_forward"](y, x, w, bias, **params)
    rows = y.reshape(-1, y.shape[-1])
    variant.kernels()["batchnorm_inference"](rows, rows, *statistics, **norm)
    assert_same_bits(call(variant.kernels()["conv2d_batchnorm"], arguments), [y])


@held("maxpool2d_forward")
@EXAMPLES
@given(fields=poolings())
def test_pooling_of_any_geometry(variant: Variant, fields: dict):
    for operation in MAX_PASSES:
        assert_exact(variant, Pool2d(operation=operation, **fields))
    variant.use()
    for operation in AVERAGE_PASSES:
        case = Pool2d(operation=operation, **fields)
        kernel = variant.kernels()[operation]
        check(case, kernel, reference.KERNELS[operation], np.dtype(variant.dtype))


@pytest.mark.parametrize("filters", [2, 20])
@held("conv2d_forward")
def test_lists_of_strides_give_the_bits_that_tuples_give(variant: Variant, filters: int):
    """A geometry is chosen for by its numbers, not by what holds them."""
    case = Conv2d(operation="conv2d_forward", n=2, size=(6, 7), c=40, f=filters, kernel=(3, 3))
    variant.use()
    kernel = variant.kernels()[case.operation]
    arguments = case.arguments(seeded(case), np.dtype(variant.dtype))
    (expected,) = call(kernel, copied(arguments))
    arguments.params.update(strides=[1, 1], dilation=[1, 1], padding=[[0, 0], [0, 0]])
    np.testing.assert_array_equal(call(kernel, arguments)[0], expected)
