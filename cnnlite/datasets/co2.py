"""Weekly carbon dioxide in the air of Mauna Loa, 1958 to 2001, bundled with the package.

Source and terms: ``data/README.md`` beside this file. Public domain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnlite.datasets.bundled import read_series

__all__ = ["load_data"]

_SHA256 = "c81c3530b5079ec397531291a770113dde31613ef3cc319b6ffc95a6d41d0b68"


def load_data(fill: str | None = None) -> tuple[NDArray[np.datetime64], NDArray[np.float32]]:
    """Load the dates and the concentrations.

    Parameters
    ----------
    fill : {None, "linear"}
        What stands for the 59 weeks without a measurement: NaN, or the straight
        line between the nearest weeks that have one. The first and the last week
        have one.

    Returns
    -------
    dates : (2284,) datetime64[D]
        Saturdays, 1958-03-29 to 2001-12-29, seven days apart.
    co2 : (2284,) float32
        Parts of carbon dioxide per million parts of air, by volume.

    Raises
    ------
    ValueError
        ``fill`` is neither None nor "linear".
    DataNotFoundError, FileFormatError
        The installed package lacks its data file, or the file is damaged.

    Examples
    --------
    >>> from cnnlite.datasets import co2
    >>> dates, ppm = co2.load_data()
    >>> dates[5:8].astype(str).tolist()
    ['1958-05-03', '1958-05-10', '1958-05-17']
    >>> ppm[5:8]
    array([316.9,   nan, 317.5], dtype=float32)
    >>> co2.load_data(fill="linear")[1][5:8]
    array([316.9, 317.2, 317.5], dtype=float32)
    """
    if fill not in (None, "linear"):
        raise ValueError(
            f'co2.load_data: fill must be None (NaN) or "linear". Got {fill!r}. '
            "For another rule, load with None and fill the NaN."
        )
    days, ppm = read_series("co2.csv", _SHA256, "co2.load_data")
    if fill == "linear":
        week, measured = np.arange(len(ppm)), ~np.isnan(ppm)
        ppm = np.interp(week, week[measured], ppm[measured].astype(np.float64)).astype(np.float32)
    return np.array(days, "datetime64[D]"), ppm
