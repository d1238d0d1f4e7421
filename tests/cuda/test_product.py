"""What the tiled product stands on: every way to read two matrices, and division."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numba import cuda as numba_cuda

from cnnlite.kernels import cuda
from cnnlite.kernels.cuda import launching
from cnnlite.kernels.cuda.indices import divided, divisor

# Sizes of which all, some or none are multiples of four, in one tile, in several, in slices.
SIZES = [(16, 16, 8), (20, 36, 40), (17, 19, 13), (3, 20, 41), (1, 5, 64)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_matmul_of_whole_numbers_is_exact(size: tuple[int, int, int], dtype: str):
    m, n, k = size
    rng = np.random.default_rng(0)
    a = rng.integers(-8, 9, (m, k)).astype(dtype)
    b = rng.integers(-8, 9, (k, n)).astype(dtype)
    for turned_a, turned_b in itertools.product((False, True), repeat=2):
        y = np.full((m, n), np.nan, dtype)
        cuda.KERNELS["matmul"](
            y,
            np.ascontiguousarray(a.T) if turned_a else a,
            np.ascontiguousarray(b.T) if turned_b else b,
            None,
            transpose_a=turned_a,
            transpose_b=turned_b,
        )
        np.testing.assert_array_equal(y, a @ b)


@launching.kernel
def divide(quotients, remainders, numbers, by):
    for i in range(numba_cuda.grid(1), numbers.size, numba_cuda.gridsize(1)):
        quotients[i], remainders[i] = divided(numbers[i], by)


def test_division():
    """As on the device, where it is two multiplications: all edges of every quotient."""
    largest = 2**31 - 1
    divisors = {1, 2, 3, 5, 7, 10, 147, 224 * 224, largest - 1, largest}
    divisors |= {2**n + d for n in range(2, 31) for d in (-1, 0, 1)}
    for d in sorted(divisors):
        assert divisor(d).multiplier < 2**32
        edges = (0, 1, d - 1, d, d + 1, largest // d * d - 1, largest // d * d, largest)
        given = np.array([n for n in edges if 0 <= n <= largest])
        found = [numba_cuda.to_device(np.full_like(given, -1)) for _ in range(2)]
        divide.over(given.size, *found, numba_cuda.to_device(given), divisor(d))
        for array, expected in zip(found, np.divmod(given, d), strict=True):
            np.testing.assert_array_equal(array.copy_to_host(), expected)
