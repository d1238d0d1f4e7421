"""Data sets that are made: on their curves, in equal classes, the same for a seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import datasets
from cnnlite.errors import ShapeError

PLANE = ["two_curves", "disk_in_ring", "moons", "circles", "spirals", "xor", "blobs"]
ALL = [*PLANE, "adding_problem"]


def make(name: str, n: int, seed: int | None = 0, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return a set without noise, whatever its default."""
    if name == "adding_problem":
        return datasets.adding_problem(n, options.get("T", 20), seed=seed)
    return getattr(datasets, name)(n, **{"noise": 0, **options}, seed=seed)


@pytest.mark.parametrize("name", PLANE)
@pytest.mark.parametrize("n", [0, 1, 2, 7, 100])
def test_shapes_dtypes_and_equal_classes(name: str, n: int):
    x, y = make(name, n)
    assert (x.shape, x.dtype) == ((n, 2), np.float32)
    assert (y.shape, y.dtype) == ((n,), np.int32)
    classes = 3 if name == "blobs" else 2
    counts = np.bincount(y, minlength=classes)
    assert counts.tolist() == [(n + classes - 1 - k) // classes for k in range(classes)]


# Of 50 samples with seed 3: the first two numbers, and the first twelve classes or
# the first target. A seed's data are published results: they must never change.
PINNED: dict[str, tuple[float, float, Any]] = {
    "two_curves": (-1.082375, 0.564886, "011111010010"),
    "disk_in_ring": (0.794213, 0.577826, "111110001010"),
    "moons": (0.628852, 0.777525, "011111010010"),
    "circles": (-0.20909, 0.977896, "011111010010"),
    "spirals": (-0.302006, 0.153193, "011111010010"),
    "xor": (-0.308907, 0.31082, "111000000000"),
    "blobs": (5.0, 0.0, "011020101021"),
    "adding_problem": (0.0, 0.416296, 0.505414),
}


@pytest.mark.parametrize("name", ALL)
def test_a_seed_gives_the_same_data_for_ever(name: str):
    x, y = make(name, 50, seed=3)
    *numbers, target = PINNED[name]
    first = x[0, :2, 0] if name == "adding_problem" else x[0]
    np.testing.assert_allclose(first, numbers, atol=1e-6)
    if name == "adding_problem":
        np.testing.assert_allclose(y[0, 0], target, atol=1e-6)
    else:
        assert "".join(map(str, y[:12])) == target
    again = make(name, 50, seed=3)
    np.testing.assert_array_equal(x, again[0])
    np.testing.assert_array_equal(y, again[1])
    assert not np.array_equal(x, make(name, 50, seed=4)[0])


@pytest.mark.parametrize("name", ALL)
def test_without_a_seed_the_library_gives_the_next(name: str):
    cnnlite.set_random_seed(5)
    first, second = make(name, 20, seed=None)[0], make(name, 20, seed=None)[0]
    assert not np.array_equal(first, second)
    cnnlite.set_random_seed(5)
    np.testing.assert_array_equal(first, make(name, 20, seed=None)[0])


def test_numpys_generator_is_left_alone():
    np.random.seed(1)
    expected = np.random.random()
    np.random.seed(1)
    for name in ALL:
        make(name, 10)
    assert np.random.random() == expected


@pytest.mark.parametrize("name", PLANE)
def test_classes_are_mixed(name: str):
    y = make(name, 300)[1]
    assert len(np.unique(y[:30])) == len(np.unique(y[-30:])) == y.max() + 1


@pytest.mark.parametrize("name", PLANE)
def test_noise_is_normal_with_that_deviation(name: str):
    n, noise = 20000, 0.2
    quiet, y = make(name, n)
    x, same = make(name, n, noise=noise)
    np.testing.assert_array_equal(y, same)  # it draws the same points, and moves them
    moved = (x - quiet).astype(np.float64)
    spread = noise / np.sqrt(2 * n)  # deviation of a sample's deviation
    assert abs(moved.std(0) - noise).max() < 5 * spread
    assert abs(moved.mean(0)).max() < 5 * noise / np.sqrt(n)
    share = (abs(moved) < noise).mean()
    assert abs(share - 0.6827) < 5 * np.sqrt(0.68 * 0.32 / (2 * n))


# ---- the shapes; a float32 coordinate up to 5 is right to 5 * 2^-24

CLOSE = 5 * 2.0**-23


def polar(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x = x.astype(np.float64)
    return np.hypot(x[:, 0], x[:, 1]), np.arctan2(x[:, 1], x[:, 0])


def uniform(values: np.ndarray, low: float, high: float) -> bool:
    """Return whether values look uniform over [low, high]: Kolmogorov's distance."""
    u = np.sort((values - low) / (high - low))
    n = len(u)
    if u[0] < -1e-6 or u[-1] > 1 + 1e-6:
        return False
    return np.abs(u - (np.arange(n) + 0.5) / n).max() < 2 / np.sqrt(n)


def test_two_curves():
    x, y = make("two_curves", 4000)
    t = x[:, 0].astype(np.float64)
    shift = np.array([0.35, -0.35])[y]
    assert abs(0.8 * np.cos(1.2 * t) + shift - x[:, 1]).max() < CLOSE
    assert uniform(t[y == 0], -2.5, 2.5) and uniform(t[y == 1], -2.5, 2.5)


def test_disk_in_ring():
    x, y = make("disk_in_ring", 4000)
    radius, angle = polar(x)
    assert uniform(radius[y == 0] ** 2, 0, 1 / 9)  # so it is uniform over the area
    assert uniform(radius[y == 1] ** 2, 4 / 9, 1)
    assert uniform(angle[y == 0], -np.pi, np.pi) and uniform(angle[y == 1], -np.pi, np.pi)


def test_moons():
    x, y = make("moons", 4000)
    radius, angle = polar(x[y == 0])
    assert abs(radius - 1).max() < CLOSE and uniform(angle, 0, np.pi)
    radius, angle = polar([1, 0.5] - x[y == 1])
    assert abs(radius - 1).max() < CLOSE and uniform(angle, 0, np.pi)


@pytest.mark.parametrize("factor", [0, 0.25, 0.5])
def test_circles(factor: float):
    x, y = make("circles", 4000, factor=factor)
    radius, angle = polar(x)
    assert abs(radius - np.array([1, factor])[y]).max() < CLOSE
    assert uniform(angle[y == 0], -np.pi, np.pi)


@pytest.mark.parametrize(("classes", "turns"), [(2, 1.5), (3, 0.75), (2, 3)])
def test_spirals(classes: int, turns: float):
    x, y = make("spirals", 3000, classes=classes, turns=turns)
    radius, angle = polar(x)
    t = (13 * radius - 1) / 12
    assert uniform(t, 0, 1)
    expected = 2 * np.pi * (turns * t + y / classes)
    away = np.angle(np.exp(1j * (angle - expected)))
    assert abs(away * radius).max() < 1e-5
    assert np.unique(y).tolist() == list(range(classes))


def test_lang_and_witbrock():
    """Their i-th point of 97 lies at radius 6.5 (104 - i) / 104, after i pi / 16."""
    i = np.arange(97)
    radius, angle = (104 - i) / 104, i * np.pi / 16
    t = (13 * radius - 1) / 12  # what spirals(turns=3) calls t
    # Inward instead of outward: the angle from the outer end is 2 pi 3 (1 - t).
    np.testing.assert_allclose(2 * np.pi * 3 * (1 - t), angle, atol=1e-12)


def test_xor():
    x, y = make("xor", 4000)
    assert np.array_equal(y, x[:, 0] * x[:, 1] < 0)
    assert np.all(x != 0)
    assert all(uniform(x[y == k, d], -1, 1) for k in range(2) for d in range(2))


def test_blobs():
    x, y = make("blobs", 8, centers=4)
    corners = np.array([[5, 0], [0, 5], [-5, 0], [0, -5]])
    assert abs(x - corners[y]).max() < CLOSE
    centers = np.array([[0, 0, 1], [7, 8, 9]])
    x, y = make("blobs", 6, centers=centers)
    np.testing.assert_array_equal(x, centers[y])
    assert datasets.blobs(1000, seed=0)[0].std() > 3  # noise is on by default


# ---- the adding problem


@pytest.mark.parametrize("T", [11, 20, 101])
def test_adding_problem_by_its_definition(T: int):
    x, y = make("adding_problem", 3000, T=T)
    assert (x.shape, x.dtype, y.shape, y.dtype) == (
        (3000, T, 2), np.float32, (3000, 1), np.float32,
    )  # fmt: skip
    seen_first = 0
    for (numbers, markers), target in zip(x.transpose(0, 2, 1), y[:, 0], strict=True):
        marked = np.flatnonzero(markers == 1)
        assert len(marked) == 2
        # One among the first ten; the other among the first T // 2 - 1 others.
        assert any(a < 10 and b - (b > a) < T // 2 - 1 for a, b in (marked, marked[::-1]))
        rest = np.delete(markers, marked)
        others = np.delete(np.arange(T), marked)
        expected = np.where((others == 0) | (others == T - 1), -1, 0)
        np.testing.assert_array_equal(rest, expected)
        if marked[0] == 0:
            seen_first += 1
            assert numbers[0] == 0
        total = float(numbers[marked[0]]) + float(numbers[marked[1]])
        assert abs(0.5 + total / 4 - target) < 2.0**-23
    assert 100 < seen_first < 1500
    assert uniform(x[:, -1, 0], -1, 1) and abs(x[:, :, 0]).max() <= 1


def test_adding_problem_marks_are_uniform():
    n, T = 20000, 100
    marked = make("adding_problem", n, T=T)[0][:, :, 1] == 1
    # Step s < 10 is the first mark with 1/10; else it may be the second: one of the
    # first 49 others, of which it is one whether the first lies before it or after.
    share = np.zeros(T)
    share[:10] = 1 / 10 + 9 / 10 / 49
    share[10:50] = 1 / 49
    deviation = np.sqrt(share * (1 - share) / n)
    assert np.all(abs(marked.mean(0) - share) <= 5 * deviation)


# ---- bad input


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("n", [-1, 2.0, "3", None, True])
def test_bad_n(name: str, n: Any):
    with pytest.raises(ShapeError, match=f"{name}: n must be an integer, 0 or more"):
        make(name, n)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, "0", True])
def test_bad_seed(name: str, seed: Any):
    with pytest.raises(ValueError, match=f"{name}: seed must be None or an integer"):
        make(name, 4, seed=seed)


@pytest.mark.parametrize("name", PLANE)
@pytest.mark.parametrize("noise", [-0.1, float("nan"), float("inf"), "0", None, True])
def test_bad_noise(name: str, noise: Any):
    with pytest.raises(ValueError, match=f"{name}: noise is a standard deviation"):
        make(name, 4, noise=noise)


CALLS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: datasets.circles(4, factor=1), ValueError, r"factor must lie in \[0, 1\)"),
    (lambda: datasets.circles(4, factor="a"), ValueError, r"factor must lie in"),  # type: ignore[arg-type]
    (lambda: datasets.spirals(4, classes=1), ShapeError, "spirals: classes must be"),
    (lambda: datasets.spirals(4, turns=0), ValueError, "spirals: turns must be"),
    (lambda: datasets.blobs(4, centers=0), ShapeError, "blobs: centers must be"),
    (lambda: datasets.blobs(4, centers=[1, 2]), ShapeError, "blobs: centers must be"),
    (lambda: datasets.blobs(4, centers=[["a"]]), ShapeError, "blobs: centers must be"),
    (lambda: datasets.adding_problem(4, 10), ShapeError, "T must be an integer, 11 or more"),
]


@pytest.mark.parametrize(("call", "error", "message"), CALLS)
def test_other_bad_arguments(call: Callable[[], Any], error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        call()
