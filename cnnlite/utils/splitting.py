"""One data set made into two."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnlite.arguments import checks_arguments
from cnnlite.errors import ShapeError
from cnnlite.models.py_dataset import PyDataset
from cnnlite.random_state import next_seed
from cnnlite.shapes import is_int

__all__ = ["BatchesOf", "split_dataset"]


class BatchesOf(PyDataset):
    """Some of the batches of a data set.

    Parameters
    ----------
    dataset : PyDataset
    numbers : sequence of int
        Which batches, in order.

    Notes
    -----
    ``dataset.on_epoch_end`` is never called: a data set that shuffles would move
    samples from one part to the other.

    Examples
    --------
    >>> from cnnlite.utils import timeseries_dataset_from_array
    >>> windows = timeseries_dataset_from_array(range(6), None, 2, batch_size=2)
    >>> BatchesOf(windows, [2])[0].tolist()
    [[4, 5]]
    """

    def __init__(self, dataset: PyDataset, numbers: Sequence[int]) -> None:
        super().__init__(workers=dataset.workers, max_queue_size=dataset.max_queue_size)
        self.dataset, self.numbers = dataset, list(numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.numbers[index]]


@checks_arguments("split_dataset")
def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """Split a data set into two, of its first samples and of its last.

    Parameters
    ----------
    dataset : array, list or tuple of arrays of one length, or PyDataset
    left_size, right_size : float or int, optional
        A fraction of the samples, in (0, 1), rounded to a number of them (halves to
        the even number); or that number. Of a PyDataset, sizes count batches. Left
        away, it is the rest; one must be given.
    shuffle : bool
        Whether to shuffle before.
    seed : int, optional
        Of that order. None: the next of ``cnnlite.set_random_seed``.
    preferred_backend : None
        Keras's choice of the results' type. Here they are of the type of ``dataset``.

    Returns
    -------
    left, right
        Of arrays, new ones; of a list or tuple, lists or tuples of new ones; of a
        PyDataset, two that take their batches from it.

    Raises
    ------
    TypeError
        ``dataset`` is none of those, or a size is no number.
    ShapeError, ValueError
        The arrays differ in length, a size is out of range, or a part is empty.

    Notes
    -----
    Source: Keras 3.15's function of this name, its TensorFlow version; with the same
    seed it shuffles in the same order.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite.utils import split_dataset
    >>> (x, y), (x_test, y_test) = split_dataset((np.arange(5), np.arange(5) * 2), 0.8)
    >>> x, y_test
    (array([0, 1, 2, 3]), array([8]))
    """
    if preferred_backend is not None:
        raise ValueError(
            f"split_dataset: preferred_backend names no type here. Got {preferred_backend!r}. "
            "Leave it away: the results are of the data set's own type."
        )
    n = _length(dataset)
    left, right = _sizes(left_size, right_size, n)
    order = list(range(n))
    if shuffle:
        random.Random(next_seed() if seed is None else int(seed)).shuffle(order)
    return _take(dataset, order[:left]), _take(dataset, order[n - right :])


def _length(dataset: Any) -> int:
    if isinstance(dataset, PyDataset):
        count = dataset.num_batches
        if count is None:
            raise ValueError("split_dataset: the data set never ends. Give it a __len__.")
        return count
    if isinstance(dataset, list | tuple):
        if not dataset or not all(isinstance(a, np.ndarray) and a.ndim for a in dataset):
            raise TypeError(
                "split_dataset: a list or tuple must hold NumPy arrays. "
                f"Got {[type(a).__name__ for a in dataset]}. Pass np.asarray(...) of each."
            )
        if len({len(a) for a in dataset}) > 1:
            raise ShapeError(
                f"split_dataset: the arrays differ in length. Got {[len(a) for a in dataset]}."
            )
        return len(dataset[0])
    if isinstance(dataset, np.ndarray) and dataset.ndim:
        return len(dataset)
    raise TypeError(
        "split_dataset: dataset must be an array, a list or tuple of arrays, or a PyDataset. "
        f"Got {type(dataset).__name__}."
    )


def _sizes(left: Any, right: Any, n: int) -> tuple[int, int]:
    """Return both sizes as numbers of samples."""
    if left is None and right is None:
        raise ValueError("split_dataset: no sizes. Pass left_size or right_size.")
    if all(isinstance(s, float | np.floating) for s in (left, right)) and left + right > 1:
        raise ValueError(
            f"split_dataset: the fractions come to more than 1. Got left_size={left!r} and "
            f"right_size={right!r}."
        )
    counts = [
        None if size is None else _count(size, n, f"split_dataset: {name}")
        for name, size in (("left_size", left), ("right_size", right))
    ]
    first = n - counts[1] if counts[0] is None and counts[1] is not None else counts[0]
    second = n - counts[0] if counts[1] is None and counts[0] is not None else counts[1]
    assert first is not None and second is not None
    if first + second > n:
        raise ValueError(
            f"split_dataset: the parts come to more than the {n} samples. Got left_size={left!r}, "
            f"right_size={right!r}: {first} + {second}."
        )
    if not first or not second:
        raise ValueError(
            f"split_dataset: of {n} samples, left_size={left!r} and right_size={right!r} leave one "
            f"part empty: {first} + {second}."
        )
    return first, second


def _count(size: Any, n: int, where: str) -> int:
    if is_int(size):
        if not 0 < size < n:
            raise ValueError(f"{where} must be 1 to {n - 1}, or a fraction. Got {size!r}.")
        return int(size)
    if isinstance(size, float | np.floating):
        if not 0 < size < 1:
            raise ValueError(f"{where}: a fraction must lie between 0 and 1. Got {size!r}.")
        return round(float(size) * n)
    raise TypeError(f"{where} must be an integer, a fraction or None. Got {size!r}.")


def _take(dataset: Any, numbers: list[int]) -> Any:
    if isinstance(dataset, PyDataset):
        return BatchesOf(dataset, numbers)
    if isinstance(dataset, np.ndarray):
        return dataset[numbers]
    parts = [a[numbers] for a in dataset]
    return tuple(parts) if isinstance(dataset, tuple) else parts
