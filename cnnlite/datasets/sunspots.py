"""Yearly sunspot numbers, 1700 to 2008, bundled with the package.

Source and terms: ``data/README.md`` beside this file. Public domain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnlite.datasets.bundled import read_series

__all__ = ["load_data"]

_SHA256 = "a7459ac790a1e40cf4b78b44fdf8248c9a0514ed672ec42cc555f4e8ddcbfd1b"


def load_data() -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Load the years and their sunspot numbers.

    Returns
    -------
    years : (309,) int32
        1700 to 2008, each once.
    sunspots : (309,) float32
        The mean of the year's daily sunspot numbers, 0 to 190.2.

    Raises
    ------
    DataNotFoundError, FileFormatError
        The installed package lacks its data file, or the file is damaged.

    Examples
    --------
    >>> from cnnlite.datasets import sunspots
    >>> years, numbers = sunspots.load_data()
    >>> years[:3], numbers[:3]
    (array([1700, 1701, 1702], dtype=int32), array([ 5., 11., 16.], dtype=float32))
    """
    years, numbers = read_series("sunspots.csv", _SHA256, "sunspots.load_data")
    return np.array(years, np.int32), numbers
