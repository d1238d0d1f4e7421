"""The cases themselves: their work is counted right, and they mean what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.cases import BENCHMARKS, EDGES, LENET, SHARED
from bench.products import Matmul
from bench.windows import VALID, Conv2d, same
from tests import naive
from tests.comparison import assert_within, leaves, seeded

WITHOUT_PADDING = [
    case
    for case in EDGES
    if isinstance(case, Conv2d) and case.padding == VALID and case.flops() < 50_000
]


@pytest.mark.parametrize("case", WITHOUT_PADDING, ids=str)
def test_flops_of_a_convolution_are_two_for_each_product(case: Conv2d):
    shapes = ((case.n, *case.out, case.f), (case.n, *case.size, case.c))
    w = (*case.kernel, case.c // case.groups, case.f)
    geometry = (case.strides, case.padding, case.dilation, case.groups)
    products = sum(1 for _ in naive.conv_products(*shapes, w, *geometry))
    assert case.flops() == 2 * products


def test_names_are_unique_and_lists_are_of_every_kind():
    for cases in (EDGES, SHARED, BENCHMARKS):
        assert len({str(case) for case in cases}) == len(cases)
    assert {case.operation for case in EDGES} == {case.operation for case in SHARED}
    assert all(case.name for case in BENCHMARKS)


def test_benchmarks_have_the_sizes_of_their_names():
    by_name = {str(case): case for case in BENCHMARKS}
    assert by_name["matmul-matmul 2048^3"].flops() == 2 * 2048**3
    first = by_name["conv2d_forward-conv 7x7 s2 N1 224x224 3->64"]
    assert isinstance(first, Conv2d) and first.out == (112, 112)
    # LeNet-5's 0.42 M multiply-adds of an image: 117,600 + 240,000, and 58,920 dense ones.
    assert by_name["conv2d_forward-conv 5x5 LeNet 1"].flops() == 2 * 64 * 117_600
    assert by_name["conv2d_forward-conv 5x5 LeNet 2"].flops() == 2 * 64 * 240_000
    assert sum(math.prod(shape) for shape in LENET) == 61_706


def test_bytes_are_those_of_all_arrays():
    assert Matmul(m=2, n=3, k=4).bytes() == 4 * (2 * 3 + 2 * 4 + 4 * 3)
    assert Matmul(m=2, n=3, k=4, bias=True).bytes(np.float64) == 8 * (6 + 8 + 12 + 3)


@pytest.mark.parametrize(
    ("size", "kernel", "strides", "padding"),
    [
        ((5, 5), (3, 3), (1, 1), ((1, 1), (1, 1))),
        ((5, 6), (2, 4), (1, 1), ((0, 1), (1, 2))),  # the odd one comes after
        ((224, 7), (7, 3), (2, 2), ((2, 3), (1, 1))),
        ((4, 4), (1, 2), (3, 4), VALID),
    ],
)
def test_same_padding(size, kernel, strides, padding):
    assert same(size, kernel, strides) == padding


@pytest.mark.parametrize("case", [c for c in EDGES if c.operation == "matmul"][:3], ids=str)
def test_arguments_are_drawn_anew_from_the_seed_and_outputs_are_unwritten(case: Matmul):
    first, second = (case.arguments(seeded(case), np.float32) for _ in range(2))
    for a, b in zip(leaves(first.inputs), leaves(second.inputs), strict=True):
        assert a is not b and a.tobytes() == b.tobytes()
    assert np.isnan(first.outputs[0]).all()


def test_comparison_finds_what_is_wrong():
    right = np.array([1.0, 2.0, np.nan, np.inf])
    assert_within([right.copy()], [right], [0.0])
    for index, value in ((0, 1.5), (0, np.nan), (2, 0.0), (3, 1.0), (3, -np.inf), (1, np.inf)):
        wrong = right.copy()
        wrong[index] = value
        with pytest.raises(AssertionError):
            assert_within([wrong], [right], [0.25])
    assert_within([right + 0.25], [right], [0.25])
    with pytest.raises(AssertionError, match=r"1\.25 at \(0,\) is 0\.25 off 1\.0, allowed 0\.2"):
        assert_within([right + np.array([0.25, 0, 0, 0])], [right], [np.full(4, 0.2)])
