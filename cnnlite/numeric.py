"""What users give as data: checked to be numbers of one shape, with the mend if they are not."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite.errors import DtypeError, ShapeError

__all__ = ["FEATURES", "LABELS", "as_numbers"]

FEATURES = 'Number what is text, leave out what is not data, then use x.astype("float32").'
LABELS = "Number the classes: classes, y = np.unique(y, return_inverse=True)."


def as_numbers(values: Any, where: str, mend: str = "") -> np.ndarray:
    """Return numbers as an array of their own dtype, or raise.

    Parameters
    ----------
    values : array-like
    where : str
        What the error calls them.
    mend : str
        What the error advises for all else than numbers.

    Raises
    ------
    ShapeError
        If they are lists of unequal lengths.
    DtypeError
        If they are no numbers.

    Examples
    --------
    >>> as_numbers(["cat", "dog"], "fit: targets", LABELS)
    Traceback (most recent call last):
    cnnlite.errors.DtypeError: fit: targets must be numbers. Got dtype <U3. Number the classes: \
classes, y = np.unique(y, return_inverse=True).
    """
    try:
        found = np.asarray(values)
    except ValueError:  # NumPy refuses lists of unequal lengths
        found = np.empty(0, object)
        ragged = True
    else:
        items = found.flat if found.dtype == object else ()
        ragged = any(isinstance(item, list | tuple | np.ndarray) for item in items)
    if ragged:
        lengths = [len(v) if hasattr(v, "__len__") else 1 for v in values]
        raise ShapeError(
            f"{where} must be of one shape. Got lists of lengths {str(lengths)[:60]}. "
            "Make them equally long, say by cnnlite.utils.pad_sequences."
        )
    if found.dtype.kind not in "fiub":
        raise DtypeError(f"{where} must be numbers. Got dtype {found.dtype}. {mend}".rstrip())
    return found
