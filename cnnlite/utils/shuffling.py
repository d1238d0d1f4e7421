"""What the data sets of this namespace share: the order of their samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnlite.datasets.draws import generator
from cnnlite.shapes import is_int

__all__ = ["EpochOrder", "check_batch_size", "check_format"]


class EpochOrder:
    """The order of n samples: as they are, or random and another in each epoch.

    Parameters
    ----------
    n : int
    shuffle : bool
    seed : int, optional
        None: the next of ``cnnlite.set_random_seed``.
    where : str
        The function to name in errors.
    start_in_order : bool
        Whether the first epoch's order is 0 to n - 1, shuffled or not.

    Examples
    --------
    >>> EpochOrder(5, False, None, "here").batch(1, 2)
    array([2, 3])
    """

    def __init__(
        self,
        n: int,
        shuffle: bool,
        seed: int | None,
        where: str,
        *,
        start_in_order: bool = False,
    ) -> None:
        self._numbers = np.arange(n)
        self._random = generator(seed, where) if shuffle else None
        if not start_in_order:
            self.renew()

    def batch(self, index: int, batch_size: int | None) -> NDArray[np.intp]:
        """Return the numbers of a batch's samples; without a batch size, one number."""
        size = batch_size or 1
        count = -(-len(self._numbers) // size)
        if not is_int(index) or not -count <= index < count:
            raise IndexError(f"there is no batch {index!r}. The data set has {count}.")
        if index < 0:
            index += count
        if batch_size is None:
            return self._numbers[index]
        return self._numbers[index * size : (index + 1) * size]

    def renew(self) -> None:
        """Draw another order, if it is to be random."""
        if self._random is not None:
            # A new array: a worker may still read the old order.
            self._numbers = self._random.permutation(len(self._numbers))


def check_batch_size(value: Any, where: str) -> None:
    """Raise unless it is a positive integer or None."""
    if value is not None and (not is_int(value) or value < 1):
        raise ValueError(f"{where}: batch_size must be None or a positive integer. Got {value!r}.")


def check_format(value: Any, where: str) -> None:
    """Raise unless it is one of Keras's names of formats; what they name does not matter here."""
    if value not in ("tf", "grain"):
        raise ValueError(
            f'{where}: format must be "tf" or "grain". Got {value!r}. Leave it away: the result '
            "is a PyDataset."
        )
