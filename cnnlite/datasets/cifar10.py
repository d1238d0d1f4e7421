"""CIFAR-10: 60,000 photographs of ten kinds of things, 32 x 32, from your own files.

Source: A. Krizhevsky, "Learning multiple layers of features from tiny images",
technical report, University of Toronto, 2009. Its binary version: a record is one
byte, the class, and 3,072 bytes, the image's red, green and blue plane, each row
by row.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from cnnlite.datasets.file_set import FileSet
from cnnlite.datasets.idx import ImagesAndLabels
from cnnlite.errors import FileFormatError

__all__ = ["find", "load_data"]

_TRAIN = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
_TEST = ("test_batch.bin",)
_RECORDS = 10_000  # of each file
_RECORD = 1 + 3 * 32 * 32  # bytes

_FILES = FileSet(
    name="cifar10",
    title="CIFAR-10 (binary version)",
    folder="cifar-10-batches-bin",
    files=_TRAIN + _TEST,
    advice="They are what cifar-10-binary.tar.gz unpacks to; cnnlite does not download them.",
)


def load_data(
    data_dir: str | os.PathLike[str] | None = None,
) -> tuple[ImagesAndLabels, ImagesAndLabels]:
    """Load the training and test sets from six files of the binary version.

    The files are ``data_batch_1.bin`` to ``data_batch_5.bin`` and
    ``test_batch.bin``. Nothing is downloaded. The classes are

    0 airplane, 1 automobile, 2 bird, 3 cat, 4 deer, 5 dog, 6 frog, 7 horse,
    8 ship, 9 truck.

    Parameters
    ----------
    data_dir : str or path-like, optional
        The folder with the files, or the folder around it if it is called
        ``cifar-10-batches-bin``. Without it, ``$CNNLITE_DATA/cifar-10-batches-bin``
        is searched, then ``~/.cnnlite/datasets/cifar-10-batches-bin``.

    Returns
    -------
    x_train : (50000, 32, 32, 3) uint8
        Images in red, green and blue, 0 to 255, in the order of the files.
    y_train : (50000, 1) uint8
        Classes 0 to 9; a column, as in Keras.
    x_test : (10000, 32, 32, 3) uint8
    y_test : (10000, 1) uint8
        As ``(x_train, y_train), (x_test, y_test)``, new and writable.

    Raises
    ------
    DataNotFoundError
        No place searched holds all six files.
    FileFormatError
        A file is not 30,730,000 bytes long, or a label in it is no class.

    Notes
    -----
    Memory: the arrays, 184 MB, and while loading one file, 31 MB.

    Examples
    --------
    >>> from cnnlite.datasets import cifar10
    >>> (x_train, y_train), (x_test, y_test) = cifar10.load_data()  # doctest: +SKIP

    >>> cifar10.load_data("/no/such/folder")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    cnnlite.errors.DataNotFoundError: cifar10.load_data: CIFAR-10 (binary version) is in none ...
    """
    folder = _FILES.require(data_dir)
    return _read(folder, _TRAIN), _read(folder, _TEST)


def find(data_dir: str | os.PathLike[str] | None = None) -> Path | None:
    """Return the folder that :func:`load_data` would read, or None.

    Only looks for the six files; does not read them.

    Parameters
    ----------
    data_dir : str or path-like, optional
        As for :func:`load_data`.

    Returns
    -------
    folder : Path or None
        Absolute.

    Examples
    --------
    >>> from cnnlite.datasets import cifar10
    >>> cifar10.find("/no/such/folder") is None
    True
    """
    return _FILES.find(data_dir)


def _read(folder: Path, names: tuple[str, ...]) -> ImagesAndLabels:
    """Return the images and labels of some files, one after the other."""
    for name in names:  # all sizes before anything is allocated
        size = (folder / name).stat().st_size
        if size != _RECORDS * _RECORD:
            fault = "is cut short" if size < _RECORDS * _RECORD else "is too long"
            raise FileFormatError(
                f"cifar10.load_data: {str(folder / name)!r} {fault}. Expected "
                f"{_RECORDS * _RECORD} bytes ({_RECORDS} records of {_RECORD}), got {size}. "
                "Copy the file again; it must be of the binary version."
            )
    x = np.empty((len(names) * _RECORDS, 32, 32, 3), np.uint8)
    y = np.empty((len(names) * _RECORDS, 1), np.uint8)
    for i, name in enumerate(names):
        part = slice(i * _RECORDS, (i + 1) * _RECORDS)
        records = np.fromfile(folder / name, np.uint8, _RECORDS * _RECORD).reshape(-1, _RECORD)
        y[part] = records[:, :1]
        x[part] = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        largest = int(y[part].max())
        if largest > 9:
            raise FileFormatError(
                f"cifar10.load_data: {str(folder / name)!r} holds a label that is no class. "
                f"Expected labels 0 to 9, got {largest}. Copy the file again; it must be of the "
                "binary version of CIFAR-10, not of CIFAR-100."
            )
    return x, y
