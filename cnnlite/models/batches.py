"""What an epoch goes through: batches of arrays, of a PyDataset, or of a generator."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cnnlite.errors import CnnliteWarning, ShapeError
from cnnlite.models import py_dataset
from cnnlite.models.data import Dataset
from cnnlite.models.py_dataset import PyDataset

# A batch: a data set, which of its samples, and how many they are.
Batch = tuple[Dataset, Any, int]


class ArrayBatches:
    """Arrays cut into batches; the last may be smaller.

    Parameters
    ----------
    data : Dataset
    size : int
        Samples in a batch.
    order : function of the number of samples, optional
        Returns the permutation for one pass.
    """

    def __init__(
        self, data: Dataset, size: int, order: Callable[[int], np.ndarray] | None = None
    ) -> None:
        self.data, self.size, self.order = data, size, order
        self.steps: int | None = -(-len(data) // size)

    def __iter__(self) -> Iterator[Batch]:
        order = None if self.order is None else self.order(len(self.data))
        for start in range(0, len(self.data), self.size):
            stop = min(start + self.size, len(self.data))
            samples = slice(start, stop) if order is None else order[start:stop]
            yield self.data, samples, stop - start


class StreamBatches:
    """Batches that a PyDataset or a generator makes.

    Parameters
    ----------
    source : PyDataset, generator or other iterable
        Of ``x``, ``(x,)``, ``(x, y)`` or ``(x, y, sample_weight)``.
    prepare : function of (x, y, sample_weight)
        Returns the Dataset of one batch.
    order : function of the number of batches, optional
        Returns the permutation of a PyDataset's batches for one pass.
    """

    def __init__(
        self,
        source: Any,
        prepare: Callable[[Any, Any, Any], Dataset],
        order: Callable[[int], np.ndarray] | None = None,
    ) -> None:
        self.source, self.prepare, self.order = source, prepare, order
        self.steps: int | None = None
        if isinstance(source, PyDataset):
            self.steps = source.num_batches
        elif hasattr(source, "__len__"):
            self.steps = len(source)

    def __iter__(self) -> Iterator[Batch]:
        for batch in self._raw():
            data = self.prepare(*unpack(batch))
            yield data, slice(0, len(data)), len(data)

    def _raw(self) -> Iterator[Any]:
        if not isinstance(self.source, PyDataset):
            yield from self.source
            return
        self.source.on_epoch_begin()
        numbers: Any = itertools.count()
        if self.steps is not None:
            numbers = range(self.steps) if self.order is None else self.order(self.steps).tolist()
        yield from py_dataset.batches(self.source, numbers)
        self.source.on_epoch_end()


Batches = ArrayBatches | StreamBatches


class Epochs:
    """Hands out the batches of one epoch after the other.

    With a number of steps per epoch, a pass over the data may take several epochs,
    and an epoch several passes.

    Parameters
    ----------
    batches : ArrayBatches or StreamBatches
    steps_per_epoch : int, optional
        Default: all.
    """

    def __init__(self, batches: Batches, steps_per_epoch: int | None, where: str) -> None:
        self.batches, self._where = batches, where
        self.steps = steps_per_epoch or batches.steps
        self._open = steps_per_epoch is not None
        self._pass: Iterator[Batch] | None = None
        self._seen = 0  # batches of this pass

    def epoch(self) -> Iterator[Batch]:
        """Yield the batches of the next epoch."""
        if not self._open:
            yield from self.batches
            return
        assert self.steps is not None
        done, restarted = 0, False
        while done < self.steps:
            if self._pass is None:
                self._pass, self._seen = iter(self.batches), 0
            batch = next(self._pass, None)
            if batch is not None:
                done, restarted = done + 1, False
                self._seen += 1
                yield batch
            elif restarted or hasattr(self._source, "__next__"):
                warnings.warn(
                    f"{self._where}: the data ended after {done} of {self.steps} batches. "
                    "Make the generator yield more, or lower the number of steps.",
                    CnnliteWarning,
                    stacklevel=2,
                )
                return
            else:
                self._pass, restarted = None, True
        if self._pass is not None and self._seen == self.batches.steps:
            next(self._pass, None)  # lets the pass come to its end: a PyDataset hears of it
            self._pass = None

    @property
    def _source(self) -> Any:
        return getattr(self.batches, "source", None)


def is_stream(x: Any) -> bool:
    """Return whether ``x`` makes batches itself, rather than being the data."""
    if isinstance(x, PyDataset):
        return True
    plain = isinstance(x, list | tuple | dict | np.ndarray | int | float | str)
    return not plain and not hasattr(x, "__array__") and hasattr(x, "__iter__")


def unpack(batch: Any) -> tuple[Any, Any, Any]:
    """Return (x, y, sample_weight) of one batch; what is not there is None."""
    if not isinstance(batch, tuple):
        return batch, None, None
    if not 1 <= len(batch) <= 3:
        raise ShapeError(
            f"a batch must be x, (x, y) or (x, y, sample_weight). Got {len(batch)} things."
        )
    return (*batch, None, None)[:3]  # type: ignore[return-value]
