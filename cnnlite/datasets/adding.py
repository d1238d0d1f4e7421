"""The adding problem: a sum of two numbers that stand far apart in a sequence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnlite.datasets.draws import count_of, generator

__all__ = ["adding_problem"]


def adding_problem(
    n: int, T: int, seed: int | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return sequences of numbers, two of each marked, and the scaled sums of those two.

    A step is a pair. Its first number is uniform in [-1, 1]; its second is a
    marker: 1 at two steps, -1 at the first and the last step, else 0. The one
    marked step is among the first ten; the other is one of the first T/2 - 1
    steps (rounded down) that are not yet marked. Where the very first step is
    marked, its marker is 1 and its number 0. The target is ``1/2 + (X1 + X2) / 4``,
    X1 and X2 being the marked numbers.

    Parameters
    ----------
    n : int
        Number of sequences.
    T : int
        Steps of each, at least 11.
    seed : int, optional
        0 <= seed < 2^32. None: the next of ``cnnlite.set_random_seed``.

    Returns
    -------
    x : (n, T, 2) float32
        Numbers and markers.
    y : (n, 1) float32
        Targets, 0 to 1. Their variance is 1/24 = 0.0417 but for the first step's
        rare mark: the mean squared error of always saying 1/2.

    Raises
    ------
    ShapeError, ValueError
        ``n`` or ``T``, or ``seed`` is out of range.

    Notes
    -----
    Source: S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural
    Computation 9(8), 1997, section 5.4. There, the length of a sequence is random
    between T and 1.1 T; here all are T, so that they fit one array. They counted a
    sequence as right with an error below 0.04.

    Examples
    --------
    >>> from cnnlite import datasets
    >>> x, y = datasets.adding_problem(3, 50, seed=0)
    >>> x.shape, y.shape
    ((3, 50, 2), (3, 1))
    >>> marked = (x[..., 0] * (x[..., 1] == 1)).sum(axis=1)
    >>> bool(abs(0.5 + marked / 4 - y[:, 0]).max() < 1e-6)
    True
    """
    n = count_of(n, "adding_problem: n")
    T = count_of(T, "adding_problem: T", 11)
    rng = generator(seed, "adding_problem")
    numbers = rng.uniform(-1, 1, (n, T))
    first = rng.randint(0, 10, n)
    # The k-th step that is not `first`.
    k = rng.randint(0, T // 2 - 1, n)
    second = k + (k >= first)
    markers = np.zeros((n, T))
    markers[:, [0, -1]] = -1
    row = np.arange(n)
    markers[row, first] = markers[row, second] = 1
    numbers[markers[:, 0] == 1, 0] = 0
    y = 0.5 + (numbers[row, first] + numbers[row, second]) / 4
    return np.stack([numbers, markers], 2).astype(np.float32), y[:, None].astype(np.float32)
