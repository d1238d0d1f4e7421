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
Order = Callable[[int, int], np.ndarray]


class ArrayBatches:
    """Arrays cut into batches; the last may be smaller.

    Parameters
    ----------
    data : Dataset
    size : int
        Samples in a batch.
    order : function of (number of samples, step), optional
        Returns the permutation for a pass that begins at that step of training.
    """

    def __init__(self, data: Dataset, size: int, order: Order | None = None) -> None:
        self.data, self.size, self.order = data, size, order
        self.steps: int | None = -(-len(data) // size)

    def read(self, step: int, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of a pass that began at a step of training, after the first ones."""
        order = None if self.order is None else self.order(len(self.data), step)
        for start in range(skip * self.size, len(self.data), self.size):
            stop = min(start + self.size, len(self.data))
            samples = slice(start, stop) if order is None else order[start:stop]
            yield self.data, samples, stop - start

    def state(self) -> dict[str, int]:
        """Return what a repeated reading depends on, besides step and number of batches."""
        return {"samples": len(self.data), "batch_size": self.size}

    def restore(self, state: dict[str, int], within: bool) -> None:
        """Check that these are the data of :meth:`state`, if a pass goes on ``within``."""
        if within and state != self.state():
            raise ValueError(
                "fit: the training that goes on had other data or batches. "
                f"Got {self.state()}. Make it {state}."
            )


class StreamBatches:
    """Batches that a PyDataset or a generator makes.

    Parameters
    ----------
    source : PyDataset, generator or other iterable
        Of ``x``, ``(x,)``, ``(x, y)`` or ``(x, y, sample_weight)``.
    prepare : function of (x, y, sample_weight)
        Returns the Dataset of one batch.
    order : function of (number of batches, step), optional
        Returns the permutation of a PyDataset's batches for a pass that begins at that
        step of training.
    """

    def __init__(
        self,
        source: Any,
        prepare: Callable[[Any, Any, Any], Dataset],
        order: Order | None = None,
    ) -> None:
        self.source, self.prepare, self.order = source, prepare, order
        self.steps: int | None = None
        if isinstance(source, PyDataset):
            self.steps = source.num_batches
        elif hasattr(source, "__len__"):
            self.steps = len(source)
        self._drawn = self._begun = self._ended = 0  # batches; passes of a PyDataset

    @property
    def once(self) -> bool:
        """Whether the source can be read only once: each batch that is asked for is gone."""
        return hasattr(self.source, "__next__")

    @property
    def spent(self) -> bool:
        """Whether batches were read that cannot be read again."""
        return self.once and self._drawn > 0

    def read(self, step: int, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of a pass that began at a step of training, after the first ones."""
        for batch in self._raw(step, skip):
            self._drawn += 1
            data = self.prepare(*unpack(batch))
            yield data, slice(0, len(data)), len(data)

    def _raw(self, step: int, skip: int) -> Iterator[Any]:
        if self.once:
            # No `yield from`: a reading that is given up would close the user's generator.
            for batch in self.source:  # noqa: UP028
                yield batch
            return
        if not isinstance(self.source, PyDataset):
            yield from itertools.islice(iter(self.source), skip, None)
            return
        self._begun += 1
        self.source.on_epoch_begin()
        numbers: Any = itertools.count(skip)
        if self.steps is not None:
            numbers = range(self.steps)
            if self.order is not None:
                numbers = self.order(self.steps, step).tolist()
            numbers = numbers[skip:]
        yield from py_dataset.batches(self.source, numbers)
        self.source.on_epoch_end()
        self._ended += 1

    def state(self) -> dict[str, int]:
        """Return what a repeated reading depends on, besides step and number of batches."""
        return {"drawn": self._drawn, "begun": self._begun, "ended": self._ended}

    def restore(self, state: dict[str, int], within: bool) -> None:
        """Bring a fresh source to where it was; ``within``: a pass is to go on, by :meth:`read`."""
        if self.once:
            for _ in range(state["drawn"] - self._drawn):
                next(self.source, None)
        elif isinstance(self.source, PyDataset):
            for number in range(self._begun, state["begun"] - within):
                self.source.on_epoch_begin()
                if number < state["ended"]:
                    self.source.on_epoch_end()
        self._drawn, self._ended = state["drawn"], state["ended"]
        self._begun = state["begun"] - within  # read() counts the open one


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
    where : str
        What warnings name.
    clock : function, optional
        Returns the step of training, which the order of a pass depends on.
    """

    def __init__(
        self,
        batches: Batches,
        steps_per_epoch: int | None,
        where: str,
        clock: Callable[[], int] = lambda: 0,
    ) -> None:
        self.batches, self._where, self._clock = batches, where, clock
        self.steps = steps_per_epoch or batches.steps
        self._open = steps_per_epoch is not None
        self._pass: Iterator[Batch] | None = None
        self._began = 0  # the step at which this pass began
        self._seen = 0  # batches of this pass

    def epoch(self, done: int = 0) -> Iterator[Batch]:
        """Yield the batches of the next epoch, after the first ``done``."""
        if not self._open:
            if done == 0:
                self.close()
            if self._pass is None:
                self._begin()
            for batch in self._rest():
                self._seen += 1
                yield batch
            if self._seen == 0 and getattr(self.batches, "spent", False):
                warnings.warn(
                    f"{self._where}: the generator ended in an earlier epoch. Got no batch. "
                    "Pass one that never ends, with a number of steps, or a PyDataset.",
                    CnnliteWarning,
                    stacklevel=2,
                )
            self.close()
            return
        assert self.steps is not None
        restarted = False
        while done < self.steps:
            if self._pass is None:
                self._begin()
            found = next(self._rest(), None)
            if found is not None:
                done, restarted = done + 1, False
                self._seen += 1
                yield found
            elif restarted or getattr(self.batches, "once", False):
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

    def _begin(self) -> None:
        self._began, self._seen = self._clock(), 0
        self._pass = self.batches.read(self._began)

    def _rest(self) -> Iterator[Batch]:
        assert self._pass is not None
        return self._pass

    def close(self) -> None:
        """Give up the pass, with the threads that may be making batches for it."""
        if self._pass is not None:
            self._pass.close()  # type: ignore[attr-defined]
            self._pass = None

    def state(self) -> dict[str, Any]:
        """Return where the reading is, for :meth:`restore` in another process."""
        within = self._pass is not None
        return {
            "within": within,
            "began": self._began if within else 0,
            "seen": self._seen if within else 0,
            "batches": self.batches.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where :meth:`state` was asked."""
        self.close()
        self.batches.restore(state["batches"], state["within"])
        if state["within"]:
            self._began, self._seen = state["began"], state["seen"]
            self._pass = self.batches.read(self._began, self._seen)


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
