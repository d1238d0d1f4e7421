"""The data files that come with the package, checked against their SHA-256."""

from __future__ import annotations

import hashlib
import importlib.resources

import numpy as np
from numpy.typing import NDArray

from cnnlite.errors import DataNotFoundError, FileFormatError

__all__ = ["read_bundled", "read_series"]


def read_bundled(file: str, sha256: str, where: str) -> bytes:
    """Return the content of a file of the folder ``data``.

    Parameters
    ----------
    file : str
    sha256 : str
        The content's, in hexadecimal.
    where : str
        The function to name in errors.

    Raises
    ------
    DataNotFoundError, FileFormatError
        The installed package lacks the file, or the file is damaged.

    Examples
    --------
    >>> sha256 = "af5e1fe9ab5c5f1ee3b8b5fd7ffc7c3be3d82a0a72e4a1d2ae6b2fc5b4cb1f1e"
    >>> read_bundled("sunspots.csv", sha256, "here")
    Traceback (most recent call last):
        ...
    cnnlite.errors.FileFormatError: here: the data file '...sunspots.csv' is damaged. ...
    """
    resource = importlib.resources.files("cnnlite.datasets").joinpath("data").joinpath(file)
    try:
        content = resource.read_bytes()
    except FileNotFoundError:
        raise DataNotFoundError(
            f"{where}: the installed package lacks its data file {str(resource)!r}. "
            "Install cnnlite-engine again."
        ) from None
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise FileFormatError(
            f"{where}: the data file {str(resource)!r} is damaged. Expected SHA-256 "
            f"{sha256}, got {len(content)} bytes of {found}. Install cnnlite-engine again."
        )
    return content


def read_series(file: str, sha256: str, where: str) -> tuple[list[str], NDArray[np.float32]]:
    """Return the two columns of a bundled time series.

    Returns
    -------
    times : list of str
    values : (N,) float32
        NaN where the file has none.
    """
    lines = read_bundled(file, sha256, where).decode("ascii").splitlines()[1:]
    rows = [line.split(",") for line in lines]
    return [row[0] for row in rows], np.array([row[1] or "nan" for row in rows], np.float32)
