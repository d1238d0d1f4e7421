"""Every operation of the cuda back end against the reference, on small cases."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from cnnlite.kernels import cuda, reference
from tests.comparison import (
    assert_same_bits,
    call,
    check,
    check_accumulation,
    copied,
    for_each,
    seeded,
)
from tests.cuda.cases import small_cases
from tests.kernels.test_backends import aliases

CASES = small_cases()
# What Numba's simulator takes from the C library, and CUDA's documented bounds, in ulps.
ULPS = 4.0

each = pytest.mark.parametrize("operation", sorted(set(cuda.KERNELS)))
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def of(operation: str) -> list:
    return [case for case in CASES if case.operation == operation]


@each
@dtypes
def test_value(operation: str, dtype: str):
    judge, kernel = reference.KERNELS[operation], cuda.KERNELS[operation]
    for_each(of(operation), lambda c: check(c, kernel, judge, np.dtype(dtype), function_ulps=ULPS))


@each
def test_accumulation(operation: str):
    cases = [c for c in of(operation) if c.accumulates][:2]
    judge, kernel = reference.KERNELS[operation], cuda.KERNELS[operation]
    if cases:
        for_each(
            cases,
            lambda c: check_accumulation(c, kernel, judge, np.dtype("float32"), function_ulps=ULPS),
        )


@pytest.mark.parametrize("operation", sorted(set(aliases()) & set(cuda.KERNELS)))
def test_aliased_arguments_give_the_same_bits(operation: str):
    kernel = cuda.KERNELS[operation]
    names = list(inspect.signature(reference.KERNELS[operation]).parameters)
    case = of(operation)[0]
    original = case.arguments(seeded(case), np.float32)
    expected = call(kernel, copied(original))
    for output, alias in aliases()[operation]:
        arguments = copied(original)
        shared = arguments.inputs[names.index(alias) - len(arguments.outputs)]
        target = arguments.outputs[names.index(output)]
        if shared is not None and target is not None and shared.shape == target.shape:
            arguments.outputs[names.index(output)] = shared
            assert_same_bits(call(kernel, arguments), expected)
