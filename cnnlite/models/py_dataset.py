"""PyDataset: batches made by a user's own Python, for fit, evaluate and predict."""

from __future__ import annotations

import itertools
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from cnnlite.arguments import CheckedArguments, flag
from cnnlite.errors import CnnliteWarning
from cnnlite.shapes import is_int

__all__ = ["PyDataset", "batches"]


class PyDataset(CheckedArguments):
    """Base class of a data set that makes its batches in Python.

    A subclass defines ``__len__``, the number of batches (not of samples), and
    ``__getitem__(i)``, the whole batch ``i``: ``x``, ``(x,)``, ``(x, y)`` or
    ``(x, y, sample_weight)``.  It may define ``on_epoch_begin`` and
    ``on_epoch_end``, to shuffle or to change the data between epochs.  One that
    never ends defines the property ``num_batches`` as None instead of ``__len__``;
    it needs ``steps_per_epoch``.

    Parameters
    ----------
    workers : int
        Threads that make batches ahead while the model trains.  With 0 or 1, the
        default, batches are made in the training thread, each when it is needed.
        With more, ``__getitem__`` runs in several threads at once: it must not
        change the data set.  Batches arrive in order all the same.
    use_multiprocessing : bool
        Accepted as in Keras; batches are made in threads, never in processes, and
        True warns of it.
    max_queue_size : int
        Batches that may be ready or in the making, with several workers.

    Raises
    ------
    ValueError
        If ``workers`` is no integer of 0 or more, or ``max_queue_size`` none of 1
        or more.

    Notes
    -----
    Source: the interface of Keras 3.15's ``keras.utils.PyDataset``.

    Examples
    --------
    >>> import cnnlite, numpy as np
    >>> class Squares(cnnlite.utils.PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...
    ...     def __getitem__(self, i):
    ...         x = np.arange(4.0) + 4 * i
    ...         return x[:, None], x[:, None] ** 2
    >>> [y[-1, 0].item() for x, y in Squares()]
    [9.0, 49.0, 121.0]
    """

    # Of the class, so that a subclass which forgets super().__init__() works too.
    _workers = 1
    _use_multiprocessing = False
    _max_queue_size = 10

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    @property
    def workers(self) -> int:
        """Threads that make batches ahead."""
        return self._workers

    @workers.setter
    def workers(self, value: int) -> None:
        self._workers = _at_least(0, value, "workers")

    @property
    def use_multiprocessing(self) -> bool:
        """What was asked for; batches are made in threads either way."""
        return self._use_multiprocessing

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        asked = flag(value, "PyDataset: use_multiprocessing")
        if asked:
            warnings.warn(
                "PyDataset: use_multiprocessing=True starts no processes here: workers are "
                "threads. Drop it to silence this.",
                CnnliteWarning,
                stacklevel=3,
            )
        self._use_multiprocessing = asked

    @property
    def max_queue_size(self) -> int:
        """Batches that may be ready or in the making."""
        return self._max_queue_size

    @max_queue_size.setter
    def max_queue_size(self, value: int) -> None:
        self._max_queue_size = _at_least(1, value, "max_queue_size")

    @property
    def num_batches(self) -> int | None:
        """The number of batches, or None if there is no end to them."""
        length = getattr(self, "__len__", None)
        if length is None:
            raise NotImplementedError(
                f"{type(self).__name__}: does not say how many batches there are. "
                "Define __len__, or the property num_batches as None if they never end."
            )
        return int(length())

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__}: makes no batches. Define __getitem__(index)."
        )

    def __iter__(self) -> Iterator[Any]:
        count = self.num_batches
        for index in itertools.count() if count is None else range(count):
            yield self[index]

    def on_epoch_begin(self) -> None:
        """Called before the first batch of every epoch; does nothing here."""

    def on_epoch_end(self) -> None:
        """Called after the last batch of every epoch; does nothing here."""


def batches(dataset: PyDataset, order: Iterable[int]) -> Iterator[Any]:
    """Yield the batches of a data set in an order, made ahead by its workers.

    Closing the iterator early drops what was made ahead and waits for the
    batches in the making, so no thread outlives it.

    Parameters
    ----------
    dataset : PyDataset
    order : iterable of int
        Numbers of batches; may have no end.

    Yields
    ------
    batch
        What ``dataset[i]`` returned.

    Examples
    --------
    >>> class Tens(PyDataset):
    ...     def __len__(self):
    ...         return 4
    ...
    ...     def __getitem__(self, i):
    ...         return 10 * i
    >>> list(batches(Tens(workers=2), [3, 1, 2, 0]))
    [30, 10, 20, 0]
    """
    if dataset.workers < 2:
        for index in order:
            yield dataset[index]
        return
    numbers = iter(order)
    ahead: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(dataset.workers, thread_name_prefix="cnnlite-batches") as pool:

        def start(count: int) -> None:
            for index in itertools.islice(numbers, count):
                ahead.append(pool.submit(dataset.__getitem__, index))

        try:
            start(dataset.max_queue_size)
            while ahead:
                batch = ahead.popleft().result()
                start(1)
                yield batch
        finally:
            for future in ahead:
                future.cancel()


def _at_least(least: int, value: Any, name: str) -> int:
    if not is_int(value) or value < least:
        raise ValueError(f"PyDataset: {name} must be an integer, {least} or more. Got {value!r}.")
    return int(value)
