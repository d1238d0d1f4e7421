"""The seed that everything random starts from.

Each consumer (an initializer, a model) takes the next 64-bit seed of one
sequence; :func:`set_random_seed` restarts the sequence.  From there on, numbers
are counter-based: functions of the seed, the place in the model, the step and
the element, never of threads or of time.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
from collections.abc import Iterator

import numpy as np

__all__ = ["next_seed", "seeded", "set_random_seed"]

_lock = threading.Lock()  # a forked child gets a new one: its holder may not exist there
_seed = int.from_bytes(os.urandom(8), "little")
_count = 0
_own = threading.local()  # .sequence: [seed, count] within seeded(), in this thread alone


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def set_random_seed(seed: int) -> None:
    """Seed everything: after it, the same program gives the same bits.

    Seeds Python's ``random`` and NumPy's global generator too, as Keras does.

    Parameters
    ----------
    seed : int
        0 <= seed < 2^32.

    Raises
    ------
    ValueError
        If it is no such integer.

    Examples
    --------
    >>> import cnnlite
    >>> cnnlite.set_random_seed(1)
    """
    global _seed, _count
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or not 0 <= seed < 2**32:
        raise ValueError(f"set_random_seed: seed must be an integer in [0, 2^32). Got {seed!r}.")
    with _lock:
        _seed, _count = int(seed), 0
    random.seed(int(seed))
    np.random.seed(int(seed))


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Take all seeds in a block from a sequence of its own, in this thread alone.

    Nothing outside the block changes: not the library's sequence, nor NumPy's.

    Parameters
    ----------
    seed : int
        0 <= seed < 2^64.

    Examples
    --------
    >>> with seeded(5):
    ...     first = next_seed()
    >>> with seeded(5):
    ...     first == next_seed()
    True
    """
    before = getattr(_own, "sequence", None)
    _own.sequence = [seed, 0]
    try:
        yield
    finally:
        _own.sequence = before


def next_seed() -> int:
    """Return the next 64-bit seed of the sequence."""
    global _count
    own = getattr(_own, "sequence", None)
    if own is not None:
        own[1] += 1
        return splitmix64(splitmix64(own[0]) + own[1])
    with _lock:
        _count += 1
        # Hashed twice: seeds 5 and 6 must not give the same sequence, shifted by one.
        return splitmix64(splitmix64(_seed) + _count)


def splitmix64(x: int) -> int:
    """Return a 64-bit hash of x (Steele, Lea and Flood 2014, the output of SplitMix)."""
    mask = 2**64 - 1
    x = (x * 0x9E3779B97F4A7C15) & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return x ^ (x >> 31)
