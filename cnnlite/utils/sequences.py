"""Sequences of different length, made into one array."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnlite.errors import DtypeError, ShapeError
from cnnlite.shapes import is_int

__all__ = ["pad_sequences"]

_SIDES = ("pre", "post")


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> NDArray[Any]:
    """Return sequences as one array, padded or cut to one length.

    Parameters
    ----------
    sequences : sequence of N sequences
        Each of steps of one shape: numbers, or arrays.
    maxlen : int, optional
        T, the length of all. Without it, that of the longest.
    dtype : dtype
        The result's. Numbers are converted, fractions to integers by dropping
        what is behind the point.
    padding : {"pre", "post"}
        Whether a shorter sequence is padded before or after.
    truncating : {"pre", "post"}
        Whether a longer one loses its beginning or its end.
    value : number, or str with ``dtype=object``
        What it is padded with.

    Returns
    -------
    padded : (N, T, ...) of dtype
        New.

    Raises
    ------
    ValueError
        An option is none of those, ``dtype`` cannot hold ``value``, or an element
        is no sequence.
    ShapeError
        The steps of two sequences differ in shape.

    Notes
    -----
    Source: Keras 3.15's ``pad_sequences``; no sequences at all give ``(0, T)``, and
    ``maxlen=0`` gives ``(N, 0)``, where Keras fails.

    Examples
    --------
    >>> from cnnlite.utils import pad_sequences
    >>> pad_sequences([[1], [2, 3], [4, 5, 6]])
    array([[0, 0, 1], [0, 2, 3], [4, 5, 6]], dtype=int32)
    >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2, padding="post", value=-1)
    array([[ 1, -1], [ 2,  3], [ 5,  6]], dtype=int32)
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if not isinstance(side, str) or side not in _SIDES:
            raise ValueError(f'pad_sequences: {name} must be "pre" or "post". Got {side!r}.')
    if not hasattr(sequences, "__len__"):
        raise ValueError(
            f"pad_sequences: sequences must have a length. Got {type(sequences).__name__}. "
            "Make a list of it."
        )
    for i, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__"):
            raise ValueError(f"pad_sequences: element {i} is no sequence. Got {sequence!r}.")
    length = max((len(s) for s in sequences), default=0) if maxlen is None else maxlen
    if not is_int(length) or length < 0:
        raise ValueError(f"pad_sequences: maxlen must be an integer, 0 or more. Got {maxlen!r}.")

    rows = [_row(s, int(length), truncating, dtype, i) for i, s in enumerate(sequences)]
    step = next((np.shape(s)[1:] for s in map(np.asarray, rows) if len(s)), ())
    padded = np.full((len(rows), length, *step), _checked_value(value, dtype), dtype=dtype)
    for i, row in enumerate(rows):
        if not len(row):
            continue
        if row.shape[1:] != step:
            raise ShapeError(
                f"pad_sequences: the steps differ in shape. Got {row.shape[1:]} in sequence {i}, "
                f"{step} before it."
            )
        if padding == "post":
            padded[i, : len(row)] = row
        else:
            padded[i, length - len(row) :] = row
    return padded


def _row(sequence: Any, length: int, truncating: str, dtype: Any, i: int) -> NDArray[Any]:
    """Return what is kept of one sequence, as an array of at most ``length`` steps."""
    spare = max(len(sequence) - length, 0)
    kept = sequence[spare:] if truncating == "pre" else sequence[:length]
    try:
        return np.asarray(kept, dtype=dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(
            f"pad_sequences: sequence {i} does not become an array of {dtype}: {error}. "
            "Pass dtype, and sequences whose steps have one shape."
        ) from None


def _checked_value(value: Any, dtype: Any) -> Any:
    """Return the padding, or raise if ``dtype`` would make another value of it."""
    if dtype is None or isinstance(dtype, list | dict):
        raise TypeError(f'pad_sequences: dtype must be NumPy\'s. Got {dtype!r}. Write "int32".')
    kind = np.dtype(dtype).kind
    number = isinstance(value, int | float | np.number | np.bool_)
    if kind != "O" and not number and not isinstance(value, str | bytes):
        raise TypeError(f"pad_sequences: value must be a number, or text. Got {value!r}.")
    is_text = isinstance(value, str | bytes)
    holds = (kind in "OUS") if is_text else (kind not in "US")
    if holds and not is_text and kind in "iu":
        limits = np.iinfo(dtype)
        holds = bool(value == np.floor(value)) and limits.min <= value <= limits.max
    if not holds:
        raise DtypeError(
            f"pad_sequences: dtype {np.dtype(dtype)} cannot hold the padding. Got value={value!r}. "
            'Pass dtype="float32", or dtype=object for text.'
        )
    return value
