"""The random numbers of the reference: published words, independence, moments."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.elements import clock
from cnnlite.kernels import reference
from cnnlite.kernels.reference.random import philox
from tests import naive

ONES = 2**32 - 1
# Counter, key and words of philox4x32-10 in Random123's file kat_vectors.
KNOWN = [
    (
        (0, 0, 0, 0),
        (0, 0),
        (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
    ),
    (
        (ONES, ONES, ONES, ONES),
        (ONES, ONES),
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_philox_gives_the_published_words(counter: tuple, key: tuple, words: tuple):
    assert naive.philox(counter, key) == words
    block = np.array([counter[0] | counter[1] << 32], np.uint64)
    seed = key[0] | key[1] << 32
    assert philox(block, counter[2], counter[3], seed).tolist() == [list(words)]


def uniform(size: int, stream: int = 1, **where: int) -> np.ndarray:
    y = np.full(size, np.nan)
    reference.random_uniform(y, clock(**where), low=0, high=2**24, stream=stream)
    return y


def test_element_takes_its_word_of_its_block():
    """Element e of an array is word e % 4 of block e // 4, so its first 24 bits are the number."""
    expected = [word >> 8 for word in naive.words(11, clock(), 1)]
    assert uniform(11).tolist() == expected


def test_numbers_depend_on_place_and_not_on_the_array():
    assert uniform(1000)[:7].tolist() == uniform(7).tolist()
    others = [
        uniform(7, stream=2),
        uniform(7, step=6),
        uniform(7, seed=1),
        uniform(7, seed=1 << 32),
    ]
    rows = {tuple(y) for y in [uniform(7), *others]}
    assert len(rows) == 5


def test_float32_model_starts_from_the_weights_of_a_float64_one():
    single, double = np.empty(1000, np.float32), np.empty(1000)
    for y in (single, double):
        reference.random_uniform(y, clock(), low=0, high=1, stream=1)
    assert single.astype(np.float64).tolist() == double.tolist()
    for y in (single, double):
        reference.random_normal(y, clock(), mean=0, stddev=1, truncated=True, stream=1)
    assert single.tolist() == double.astype(np.float32).tolist()


def test_uniform_fills_its_interval_evenly():
    n, bins = 64_000, 16
    y = uniform(n) / 2**24
    assert y.min() >= 0 and y.max() < 1
    counts = np.bincount((y * bins).astype(int), minlength=bins)
    deviation = math.sqrt(n / bins * (1 - 1 / bins))
    assert np.abs(counts - n / bins).max() < 5 * deviation


def normal_moments(cut: float) -> tuple[float, float]:
    """Variance and fourth moment of the standard normal within +-cut, by Simpson's rule."""
    z, h = np.linspace(-cut, cut, 4001, retstep=True)
    weight = np.where(np.arange(z.size) % 2 == 1, 4.0, 2.0)
    weight[[0, -1]] = 1
    density = np.exp(-z * z / 2) * weight * h / 3
    return tuple((density * z**k).sum() / density.sum() for k in (2, 4))


@pytest.mark.parametrize("truncated", [False, True])
def test_normal_has_its_mean_and_variance(truncated: bool):
    n = 40_000
    y = np.empty(n)
    reference.random_normal(y, clock(), mean=3, stddev=0.5, truncated=truncated, stream=1)
    z = (y - 3) / 0.5
    if truncated:
        assert 1.9 < np.abs(z).max() <= 2
    else:
        assert 0.03 < np.mean(np.abs(z) > 2) < 0.06  # 4.6%
    variance, fourth = normal_moments(2 if truncated else 12)
    assert abs(z.mean()) < 5 * math.sqrt(variance / n)
    assert abs(z.var() - variance) < 5 * math.sqrt((fourth - variance**2) / n)
    assert abs((z > 0).mean() - 0.5) < 5 * math.sqrt(0.25 / n)


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 0.9])
def test_dropout_keeps_its_share_and_the_mean(rate: float):
    n = 50_000
    x, y, mask = np.ones(n, np.float32), np.empty(n, np.float32), np.empty(n, np.uint8)
    reference.dropout_forward(y, mask, x, clock(), rate=rate, stream=1)
    assert abs(mask.mean() - (1 - rate)) <= 5 * math.sqrt(rate * (1 - rate) / n)
    assert set(np.unique(y).tolist()) <= {0, float(np.float32(1 / (1 - rate)))}
    assert mask.tolist() == (y != 0).tolist()


def test_word_at_the_threshold_is_kept():
    """bench.cases has this rate too, for the back ends."""
    first = naive.words(1, clock(), 3)[0]
    assert first == 0x7A0EF614
    y, mask = np.empty(1), np.empty(1, np.uint8)
    for rate, kept in ((first / 2**32, 1), ((first + 1) / 2**32, 0)):
        reference.dropout_forward(y, mask, np.ones(1), clock(), rate=rate, stream=3)
        assert mask.tolist() == [kept]


def test_dropped_nan_is_gone_and_a_kept_one_stays():
    x = np.full(64, np.nan)
    y, mask, dx = np.zeros(64), np.empty(64, np.uint8), np.zeros(64)
    reference.dropout_forward(y, mask, x, clock(), rate=0.5, stream=1)
    assert 0 < mask.sum() < 64
    assert np.isnan(y).tolist() == (mask == 1).tolist()
    reference.dropout_backward(dx, x, mask, rate=0.5)
    assert np.isnan(dx).tolist() == (mask == 1).tolist()
