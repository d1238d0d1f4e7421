"""What the tiled product stands on: every way to read two matrices, and division."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cnnlite.kernels import cuda
from cnnlite.kernels.cuda.indices import divided, divisor
from cnnlite.kernels.cuda.launching import SIMULATED

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


@pytest.mark.skipif(not SIMULATED, reason="calls a function of the device from the host")
def test_division():
    largest = 2**31 - 1
    numbers = {1, 2, 3, 5, 7, 10, 147, 224 * 224, largest - 1, largest}
    numbers |= {2**n + d for n in range(2, 31) for d in (-1, 0, 1)}
    for d in numbers:
        assert divisor(d).multiplier < 2**32
        for n in (0, 1, d - 1, d, d + 1, largest // d * d - 1, largest // d * d, largest):
            if 0 <= n <= largest:
                assert divided(n, divisor(d)) == divmod(n, d)
