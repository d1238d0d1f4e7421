"""Windows that slide over a time series, in batches."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnlite.arguments import checks_arguments
from cnnlite.errors import ShapeError
from cnnlite.models.py_dataset import PyDataset
from cnnlite.shapes import is_int
from cnnlite.utils.shuffling import EpochOrder, check_batch_size, check_format

__all__ = ["TimeseriesDataset", "timeseries_dataset_from_array"]


class TimeseriesDataset(PyDataset):
    """What :func:`timeseries_dataset_from_array` returns.

    Parameters
    ----------
    data : (n, ...) array
    targets : (m, ...) array, or None
    starts : (S,) ints
        Where in ``data`` each window begins, and where in ``targets`` its target is.
    steps : (L,) ints
        A window's steps, counted from its start.
    batch_size : int, or None
        None: one window without an axis for the batch.
    order : EpochOrder
        Of the S windows.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite.utils import timeseries_dataset_from_array
    >>> len(timeseries_dataset_from_array(np.arange(10), None, 3, batch_size=4))
    2
    """

    def __init__(
        self,
        data: NDArray[Any],
        targets: NDArray[Any] | None,
        starts: NDArray[np.intp],
        steps: NDArray[np.intp],
        batch_size: int | None,
        order: EpochOrder,
    ) -> None:
        super().__init__()
        self.data, self.targets, self.starts, self.steps = data, targets, starts, steps
        self.batch_size, self.order = batch_size, order

    def __len__(self) -> int:
        return -(-len(self.starts) // (self.batch_size or 1))

    def __getitem__(self, index: int) -> Any:
        starts = self.starts[self.order.batch(index, self.batch_size)]
        windows = self.data[starts[..., None] + self.steps]
        return windows if self.targets is None else (windows, self.targets[starts])

    def on_epoch_end(self) -> None:
        """Draw another order, with ``shuffle=True``."""
        self.order.renew()


@checks_arguments("timeseries_dataset_from_array")
def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> TimeseriesDataset:
    """Return a data set of windows of a series, for fit, evaluate and predict.

    The window that starts at ``i`` holds ``data[i + k * sampling_rate]`` for k = 0 to
    ``sequence_length - 1``, and its target is ``targets[i]``.

    Parameters
    ----------
    data : (n, ...) array
        Steps, equally far apart.
    targets : (m, ...) array, or None
        None: the data set gives windows alone. To predict the step after each
        window, pass ``targets=data[sequence_length * sampling_rate:]``.
    sequence_length : int
        Steps of a window, L.
    sequence_stride : int
        Steps from one window's start to the next one's.
    sampling_rate : int
        Steps of the series from one step of a window to its next.
    batch_size : int, or None
        Windows of a batch; the last batch may have fewer. None: single windows,
        without an axis for the batch (to look at, not to train on).
    shuffle : bool
        Whether the windows come in random order, another one in each epoch.
    seed : int, optional
        Of that order. None: the next of ``cnnlite.set_random_seed``.
    start_index, end_index : int, optional
        The windows lie within ``data[start_index:end_index]``.
    format : {"tf", "grain"}
        Accepted as in Keras, and without effect: the result is a
        :class:`cnnlite.utils.PyDataset`.

    Returns
    -------
    dataset : PyDataset
        Batches ``(windows, targets)``, or windows alone: (batch, L, ...) and
        (batch, ...), new arrays of the dtypes of ``data`` and ``targets``. It has no
        batches if no window fits.

    Raises
    ------
    ShapeError, ValueError
        A size is out of range.

    Notes
    -----
    Source: Keras 3.15's function of this name.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite.utils import timeseries_dataset_from_array
    >>> series = np.arange(7)
    >>> for x, y in timeseries_dataset_from_array(series, series[3:], 3, batch_size=2):
    ...     print(x.tolist(), y.tolist())
    [[0, 1, 2], [1, 2, 3]] [3, 4]
    [[2, 3, 4], [3, 4, 5]] [5, 6]
    """
    where = "timeseries_dataset_from_array"
    data = _series(data, f"{where}: data")
    targets = None if targets is None else _series(targets, f"{where}: targets")
    check_format(format, where)
    check_batch_size(batch_size, where)
    n = len(data)
    _check(sequence_length, f"{where}: sequence_length", 1, None)
    _check(sequence_stride, f"{where}: sequence_stride", 1, n)
    _check(sampling_rate, f"{where}: sampling_rate", 1, n)
    start = 0 if start_index is None else start_index
    _check(start, f"{where}: start_index", 0, n)
    # Keras has end_index below n: to take all, leave it away.
    end = n if end_index is None else end_index
    if end_index is not None:
        _check(end, f"{where}: end_index", start + 1, n)
    count = end - start - (sequence_length - 1) * sampling_rate
    if targets is not None:
        count = min(count, len(targets) - start)
    starts = start + np.arange(0, max(count, 0), sequence_stride)
    return TimeseriesDataset(
        data,
        targets,
        starts,
        sampling_rate * np.arange(sequence_length),
        batch_size,
        EpochOrder(len(starts), shuffle, seed, where),
    )


def _series(value: Any, where: str) -> NDArray[Any]:
    array = np.asarray(value)
    if not array.ndim or array.dtype.kind not in "fiub":
        raise ShapeError(
            f"{where} must be an array of numbers whose first axis is time. "
            f"Got shape {array.shape} of {array.dtype}."
        )
    return array


def _check(value: Any, where: str, least: int, below: int | None) -> None:
    if not is_int(value) or value < least or (below is not None and value >= below):
        upper = "" if below is None else f" and below the series' {below} steps"
        raise ValueError(f"{where} must be an integer, {least} or more{upper}. Got {value!r}.")
