"""split_dataset: sizes as Keras 3.15 has them, of arrays and of batches."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite.errors import ShapeError
from cnnlite.utils import PyDataset, split_dataset


@pytest.mark.parametrize(
    ("n", "sizes", "expected"),
    [
        # Of each of these, Keras 3.15 returns as many samples.
        (10, {"left_size": 0.8}, (8, 2)),
        (10, {"left_size": 3}, (3, 7)),
        (10, {"left_size": 1}, (1, 9)),
        (10, {"right_size": 0.25}, (8, 2)),  # 2.5 rounds to the even 2
        (7, {"left_size": 0.5}, (4, 3)),  # 3.5 to 4
        (5, {"left_size": 0.5}, (2, 3)),  # 2.5 to 2
        # Sizes that leave some out: the first and the last samples.
        (10, {"left_size": 0.3, "right_size": 0.3}, (3, 3)),
        (10, {"left_size": 3, "right_size": 4}, (3, 4)),
        (10, {"left_size": 0.2, "right_size": 5}, (2, 5)),
        (10, {"left_size": np.float32(0.5)}, (5, 5)),
        (10, {"left_size": np.int64(4)}, (4, 6)),
    ],
)
def test_sizes(n: int, sizes: dict[str, Any], expected: tuple[int, int]):
    left, right = split_dataset(np.arange(n), **sizes)
    assert left.tolist() == list(range(expected[0]))
    assert right.tolist() == list(range(n - expected[1], n))


@pytest.mark.parametrize("kind", [tuple, list])
def test_arrays_of_one_length(kind: type):
    data = kind([np.arange(12).reshape(6, 2), np.arange(6) * 10])
    left, right = split_dataset(data, right_size=2)
    assert type(left) is type(right) is kind
    assert left[0].tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert left[1].tolist() == [0, 10, 20, 30]
    assert right[0].tolist() == [[8, 9], [10, 11]] and right[1].tolist() == [40, 50]
    right[1][:] = -1
    assert data[1][-1] == 50  # new arrays


def test_shuffled_in_the_order_of_pythons_shuffle():
    """As Keras does: random.seed(7) and random.shuffle of 0 to 5 give this order."""
    order = [4, 0, 5, 3, 1, 2]
    left, right = split_dataset((np.arange(6), np.arange(6) * 10), 4, shuffle=True, seed=7)
    assert left[0].tolist() == order[:4] and right[0].tolist() == order[4:]
    assert (left[1] == left[0] * 10).all() and (right[1] == right[0] * 10).all()
    state = random.getstate()
    split_dataset(np.arange(6), 4, shuffle=True)
    assert random.getstate() == state


def test_shuffled_without_a_seed_follows_the_library():
    cnnlite.set_random_seed(1)
    first = split_dataset(np.arange(100), 50, shuffle=True)[0]
    assert not np.array_equal(first, split_dataset(np.arange(100), 50, shuffle=True)[0])
    cnnlite.set_random_seed(1)
    np.testing.assert_array_equal(first, split_dataset(np.arange(100), 50, shuffle=True)[0])


class Tens(PyDataset):
    def __init__(self) -> None:
        super().__init__(workers=3, max_queue_size=4)
        self.epochs = 0

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> int:
        return 10 * index

    def on_epoch_end(self) -> None:
        self.epochs += 1


def test_batches_of_a_py_dataset():
    whole = Tens()
    left, right = split_dataset(whole, 0.6)
    assert isinstance(left, PyDataset) and isinstance(right, PyDataset)
    assert (list(left), list(right)) == ([0, 10, 20], [30, 40])
    assert (left.workers, left.max_queue_size) == (3, 4)
    left.on_epoch_end()
    assert whole.epochs == 0  # a data set that shuffles would mix the two
    left, right = split_dataset(Tens(), 3, shuffle=True, seed=1)
    assert sorted([*left, *right]) == [0, 10, 20, 30, 40]


class Endless(Tens):
    @property
    def num_batches(self) -> None:
        return None


@pytest.mark.parametrize(
    ("data", "options", "error", "message"),
    [
        (10, {}, ValueError, "no sizes. Pass left_size or right_size"),
        (10, {"left_size": 0}, ValueError, "left_size must be 1 to 9, or a fraction"),
        (10, {"right_size": 10}, ValueError, "right_size must be 1 to 9"),
        (10, {"left_size": 1.0}, ValueError, "left_size: a fraction must lie between"),
        (10, {"left_size": 0.0}, ValueError, "left_size: a fraction must lie between"),
        (10, {"left_size": float("nan")}, ValueError, "left_size: a fraction must lie between"),
        (10, {"left_size": True}, TypeError, "left_size must be an integer, a fraction or None"),
        (10, {"left_size": "5"}, TypeError, "left_size must be an integer"),
        (10, {"left_size": 0.7, "right_size": 0.7}, ValueError, "come to more than 1"),
        (10, {"left_size": 7, "right_size": 4}, ValueError, "come to more than the 10 samples"),
        (3, {"left_size": 0.1}, ValueError, "leave one part empty: 0 \\+ 3"),
        (10, {"left_size": 5, "shuffle": True, "seed": "a"}, ValueError, "seed must be None"),
        (10, {"left_size": 5, "preferred_backend": "torch"}, ValueError, "preferred_backend"),
    ],
)
def test_bad_sizes(data: int, options: dict[str, Any], error: type[Exception], message: str):
    with pytest.raises(error, match=f"split_dataset: .*{message}"):
        split_dataset(np.arange(data), **options)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ([], TypeError, "must hold NumPy arrays"),
        ([1, 2, 3], TypeError, "must hold NumPy arrays"),
        ((np.arange(3), [1, 2, 3]), TypeError, "must hold NumPy arrays"),
        ((np.arange(3), np.arange(4)), ShapeError, r"differ in length. Got \[3, 4\]"),
        (np.array(3), TypeError, "dataset must be an array"),
        ({"x": np.arange(3)}, TypeError, "dataset must be an array.*Got dict"),
        (None, TypeError, "dataset must be an array"),
        (Endless(), ValueError, "never ends"),
    ],
)
def test_bad_data(data: Any, error: type[Exception], message: str):
    with pytest.raises(error, match=f"split_dataset: .*{message}"):
        split_dataset(data, 2)
