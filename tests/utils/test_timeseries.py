"""timeseries_dataset_from_array: figures of Keras 3.15 (its Grain data sets), and bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite.errors import ShapeError
from cnnlite.utils import PyDataset, timeseries_dataset_from_array


def windows(n: int, **options: Any) -> list[Any]:
    """Return the batches over 0 to n - 1, as lists."""
    targets = options.pop("targets", None)
    dataset = timeseries_dataset_from_array(np.arange(n), targets, **options)
    assert isinstance(dataset, PyDataset)
    assert len(dataset) == len(list(dataset))
    if targets is None:
        return [batch.tolist() for batch in dataset]
    return [tuple(a.tolist() for a in batch) for batch in dataset]


def test_batches():
    assert windows(10, sequence_length=3, batch_size=4) == [
        [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]],
        [[4, 5, 6], [5, 6, 7], [6, 7, 8], [7, 8, 9]],
    ]


def test_rate_and_stride():
    options = {"sequence_length": 3, "sampling_rate": 2, "sequence_stride": 2, "batch_size": 2}
    assert windows(10, **options) == [[[0, 2, 4], [2, 4, 6]], [[4, 6, 8]]]
    (batch,) = windows(99, sequence_length=10, sampling_rate=2, sequence_stride=3)
    assert len(batch) == 27
    assert batch[0] == list(range(0, 20, 2)) and batch[-1] == list(range(78, 98, 2))


def test_start_and_end_with_targets():
    options = {"sequence_length": 3, "sampling_rate": 2, "start_index": 3, "end_index": 15}
    assert windows(20, targets=np.arange(20) * 10, batch_size=4, **options) == [
        ([[3, 5, 7], [4, 6, 8], [5, 7, 9], [6, 8, 10]], [30, 40, 50, 60]),
        ([[7, 9, 11], [8, 10, 12], [9, 11, 13], [10, 12, 14]], [70, 80, 90, 100]),
    ]


def test_fewer_targets_end_the_windows():
    (batch,) = windows(10, sequence_length=3, targets=np.arange(4) * 10)
    assert batch == ([[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]], [0, 10, 20, 30])
    # By hand, where Keras fails: of four targets, only numbers 2 and 3 lie behind the start.
    (batch,) = windows(10, sequence_length=3, targets=np.arange(4) * 10, start_index=2)
    assert batch == ([[2, 3, 4], [3, 4, 5]], [20, 30])


def test_single_windows():
    assert windows(5, sequence_length=3, batch_size=None) == [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
    dataset = timeseries_dataset_from_array(np.arange(5), np.arange(5), 3, batch_size=None)
    x, y = dataset[1]
    assert (x.tolist(), y) == ([1, 2, 3], 1)


def test_no_window_fits():
    assert windows(10, sequence_length=20) == []
    assert windows(10, sequence_length=3, targets=np.zeros(0)) == []


def test_vectors_dtypes_and_fresh_arrays():
    data = np.arange(12, dtype=np.float32).reshape(6, 2)
    targets = np.arange(6).reshape(6, 1)
    x, y = timeseries_dataset_from_array(data, targets, 2, batch_size=3)[1]
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((2, 2, 2), np.float32, (2, 1), targets.dtype)
    assert x.tolist() == [[[6, 7], [8, 9]], [[8, 9], [10, 11]]]
    x[:] = y[:] = -1
    assert data.min() == 0 and targets.min() == 0


def test_shuffled_windows_keep_their_targets_and_change_each_epoch():
    def epoch(dataset: PyDataset) -> list[int]:
        starts: list[int] = []
        for x, y in dataset:
            np.testing.assert_array_equal(x[:, 0] * 10, y)
            np.testing.assert_array_equal(x[:, 1], x[:, 0] + 1)
            starts += x[:, 0].tolist()
        return starts

    def made(seed: int | None) -> PyDataset:
        series = np.arange(51)
        return timeseries_dataset_from_array(series, series * 10, 2, 1, 1, 8, True, seed)

    first = epoch(made(3))
    assert sorted(first) == list(range(50)) and first != sorted(first)
    assert first == epoch(made(3))
    assert first != epoch(made(4))
    dataset = made(3)
    assert epoch(dataset) == epoch(dataset)
    dataset.on_epoch_end()
    second = epoch(dataset)
    assert second != first and sorted(second) == sorted(first)
    again = made(3)
    again.on_epoch_end()
    assert epoch(again) == second
    cnnlite.set_random_seed(1)
    unseeded = epoch(made(None))
    assert epoch(made(None)) != unseeded
    cnnlite.set_random_seed(1)
    assert epoch(made(None)) == unseeded


def test_in_order_the_end_of_an_epoch_changes_nothing():
    dataset = timeseries_dataset_from_array(np.arange(9), None, 3)
    before = dataset[0]
    dataset.on_epoch_end()
    np.testing.assert_array_equal(dataset[0], before)


def test_there_is_no_batch_past_the_last():
    dataset = timeseries_dataset_from_array(np.arange(9), None, 3, batch_size=4)
    np.testing.assert_array_equal(dataset[-1], dataset[1])
    for index in (2, -3, 1.0):
        with pytest.raises(IndexError, match="there is no batch"):
            dataset[index]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sequence_length": 0}, "sequence_length must be an integer, 1 or more"),
        ({"sequence_length": 2.0}, "sequence_length must be an integer, 1 or more"),
        ({"sequence_stride": 0}, "sequence_stride must be .* and below the series' 10"),
        ({"sequence_stride": 10}, "sequence_stride must be"),
        ({"sampling_rate": 0}, "sampling_rate must be"),
        ({"sampling_rate": 10}, "sampling_rate must be"),
        ({"start_index": -1}, "start_index must be"),
        ({"start_index": 10}, "start_index must be"),
        ({"end_index": 0}, "end_index must be"),
        ({"end_index": 10}, "end_index must be"),
        ({"start_index": 5, "end_index": 5}, "end_index must be an integer, 6 or more"),
        ({"batch_size": 0}, "batch_size must be None or a positive integer"),
        ({"batch_size": 2.0}, "batch_size must be None or a positive integer"),
        ({"shuffle": True, "seed": -1}, "seed must be None or an integer"),
        ({"format": "numpy"}, 'format must be "tf" or "grain"'),
    ],
)
def test_bad_options(options: dict[str, Any], message: str):
    options = {"sequence_length": 3, **options}
    with pytest.raises(ValueError, match=f"timeseries_dataset_from_array: .*{message}"):
        timeseries_dataset_from_array(np.arange(10), None, **options)


@pytest.mark.parametrize("data", [3.0, ["a", "b"], np.array(["2001"], "M8[D]")])
def test_bad_data(data: Any):
    with pytest.raises(ShapeError, match="data must be an array of numbers whose first axis"):
        timeseries_dataset_from_array(data, None, 1)
    with pytest.raises(ShapeError, match="targets must be an array of numbers"):
        timeseries_dataset_from_array(np.arange(3), data, 1)
