"""PyDataset: what fit takes from it, and batches made ahead by threads."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import pytest

import cnnlite
from cnnlite.errors import CnnliteWarning
from cnnlite.models.py_dataset import batches
from cnnlite.utils import PyDataset


class Counted(PyDataset):
    """Eight batches; batch i is i. Notes which threads made them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.threads: set[str] = set()
        self.made: list[int] = []

    def __len__(self) -> int:
        return 8

    def __getitem__(self, i: int) -> int:
        self.threads.add(threading.current_thread().name)
        self.made.append(i)
        return i


def test_sequence_is_the_same_class():
    assert cnnlite.utils.Sequence is PyDataset


def test_iteration_and_number_of_batches():
    assert list(Counted()) == list(range(8))
    assert Counted().num_batches == 8


def test_without_init_of_the_base_class_keras_defaults_hold():
    class Bare(PyDataset):
        def __init__(self) -> None:
            pass

    bare = Bare()
    assert (bare.workers, bare.use_multiprocessing, bare.max_queue_size) == (1, False, 10)


def test_defaults_of_the_hooks():
    assert Counted().on_epoch_begin() is None
    assert Counted().on_epoch_end() is None


@pytest.mark.parametrize("workers", [0, 1])
def test_one_worker_makes_batches_in_the_calling_thread_when_needed(workers: int):
    data = Counted(workers=workers)
    iterator = batches(data, range(8))
    assert next(iterator) == 0
    assert data.made == [0]
    assert data.threads == {threading.current_thread().name}


@pytest.mark.parametrize("workers", [2, 5])
@pytest.mark.parametrize("queue", [1, 3, 10])
def test_workers_keep_the_order(workers: int, queue: int):
    data = Counted(workers=workers, max_queue_size=queue)
    order = [5, 0, 7, 1, 2, 6, 3, 4]
    assert list(batches(data, order)) == order
    assert threading.current_thread().name not in data.threads


def test_two_workers_do_work_at_once():
    meet = threading.Barrier(2, timeout=10)

    class Meeting(Counted):
        def __getitem__(self, i: int) -> int:
            meet.wait()  # breaks unless two threads are here together
            return i

    assert list(batches(Meeting(workers=2), range(8))) == list(range(8))


def test_no_more_than_the_queue_is_made_ahead_even_without_end():
    data = Counted(workers=2, max_queue_size=3)
    iterator = batches(data, itertools.count())
    assert [next(iterator) for _ in range(5)] == [0, 1, 2, 3, 4]
    iterator.close()
    assert len(data.made) <= 5 + 3


def test_closing_early_leaves_no_thread():
    before = threading.active_count()
    iterator = batches(Counted(workers=4), range(8))
    next(iterator)
    iterator.close()
    assert threading.active_count() == before


def test_an_error_in_a_worker_arrives_in_its_place():
    class Faulty(Counted):
        def __getitem__(self, i: int) -> int:
            if i == 3:
                raise KeyError("batch 3")
            return i

    before = threading.active_count()
    iterator = batches(Faulty(workers=3), range(8))
    assert [next(iterator) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError, match="batch 3"):
        next(iterator)
    assert threading.active_count() == before


def test_what_is_not_defined_says_so():
    with pytest.raises(NotImplementedError, match="Define __getitem__"):
        PyDataset()[0]
    with pytest.raises(NotImplementedError, match="Define __len__"):
        PyDataset().num_batches  # noqa: B018


def test_endless_data_set():
    class Endless(Counted):
        @property
        def num_batches(self) -> None:
            return None

    assert list(itertools.islice(Endless(), 10)) == list(range(10))


@pytest.mark.parametrize("workers", [-1, 1.5, True, "2", None])
def test_bad_workers(workers: Any):
    with pytest.raises(ValueError, match="PyDataset: workers must be an integer, 0 or more"):
        Counted(workers=workers)


@pytest.mark.parametrize("size", [0, -1, 2.0, None])
def test_bad_queue_size(size: Any):
    with pytest.raises(ValueError, match="max_queue_size must be an integer, 1 or more"):
        Counted(max_queue_size=size)


def test_multiprocessing_warns():
    with pytest.warns(CnnliteWarning, match="workers are threads"):
        data = Counted(use_multiprocessing=True)
    assert data.use_multiprocessing is True
