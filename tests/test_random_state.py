"""The sequence of seeds, and sequences of one's own within it."""

from __future__ import annotations

import threading

import pytest

from cnnlite.random_state import next_seed, seeded, set_random_seed


def test_a_sequence_of_its_own_repeats_and_leaves_the_librarys_alone():
    set_random_seed(3)
    expected = [next_seed(), next_seed()]
    set_random_seed(3)
    first = next_seed()
    with seeded(3):
        own = [next_seed(), next_seed()]
    assert [first, next_seed()] == expected
    assert own == expected  # the same seed gives the same sequence
    with seeded(4):
        assert next_seed() != expected[0]


def test_sequences_nest_and_end_with_an_exception():
    with seeded(1):
        outer = [next_seed()]
        with pytest.raises(KeyError), seeded(2):
            inner = next_seed()
            raise KeyError
        outer.append(next_seed())
    with seeded(1):
        assert outer == [next_seed(), next_seed()]
    with seeded(2):
        assert inner == next_seed()


def test_other_threads_keep_the_librarys_sequence():
    set_random_seed(6)
    expected = next_seed()
    set_random_seed(6)
    found: list[int] = []
    with seeded(6), seeded(7):
        thread = threading.Thread(target=lambda: found.append(next_seed()))
        thread.start()
        thread.join()
    assert found == [expected]
