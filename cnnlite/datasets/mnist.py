"""MNIST in full: 70,000 handwritten digits, 28 x 28, from your own files or the web.

Source: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning
applied to document recognition", Proc. IEEE 86(11), 1998. The data's own terms
are CC BY-SA 3.0 (Y. LeCun and C. Cortes).
"""

from __future__ import annotations

import os
from pathlib import Path

from cnnlite.datasets.idx import ImagesAndLabels
from cnnlite.datasets.idx_dataset import IdxDataset

__all__ = ["find", "load_data"]

_DATASET = IdxDataset(
    name="mnist",
    title="MNIST",
    folder="mnist",
    url="https://ossci-datasets.s3.amazonaws.com/mnist/",
    md5=(
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    advice=(
        "On the command line, that is --data-dir. Or download it: "
        "cnnlite.datasets.mnist.load_data(download=True).\n"
        "5,000 of its images come with cnnlite: cnnlite.datasets.mnist5k.load_data()."
    ),
)


def load_data(
    data_dir: str | os.PathLike[str] | None = None, download: bool = False
) -> tuple[ImagesAndLabels, ImagesAndLabels]:
    """Load the training and test sets from four IDX files.

    The files are ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``,
    ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``, each plain or
    with ``.gz``. Nothing is downloaded unless ``download`` says so.

    Parameters
    ----------
    data_dir : str or path-like, optional
        The folder with the files, or the folder around it if it is called
        ``mnist``. Without it, ``$CNNLITE_DATA/mnist`` is searched, then
        ``~/.cnnlite/datasets/mnist``.
    download : bool
        Whether to download the files that are not found, 11 MB, into the folder
        ``mnist`` of ``data_dir``, else of ``$CNNLITE_DATA``, else of
        ``~/.cnnlite/datasets``. Needs pooch, which the extra ``datasets`` installs.

    Returns
    -------
    x_train : (60000, 28, 28) uint8
        Images, 0 (paper) to 255 (ink).
    y_train : (60000,) uint8
        Digits 0 to 9.
    x_test : (10000, 28, 28) uint8
    y_test : (10000,) uint8
        As ``(x_train, y_train), (x_test, y_test)``, new and writable.

    Raises
    ------
    DataNotFoundError
        No place searched holds all four files, or they cannot be downloaded.
    FileFormatError
        A file is damaged or of the wrong size, or is one of Fashion-MNIST's; or
        a download's checksum differs.
    ImportError
        ``download=True``, and pooch is not installed.

    Examples
    --------
    >>> from cnnlite.datasets import mnist
    >>> (x_train, y_train), (x_test, y_test) = mnist.load_data("data")  # doctest: +SKIP

    >>> mnist.load_data("/no/such/folder")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    cnnlite.errors.DataNotFoundError: mnist.load_data: MNIST is in none of the places ...
    """
    return _DATASET.load(data_dir, download)


def find(data_dir: str | os.PathLike[str] | None = None) -> Path | None:
    """Return the folder that :func:`load_data` would read, or None.

    Only looks for the four files; does not read them.

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
    >>> from cnnlite.datasets import mnist
    >>> mnist.find("/no/such/folder") is None
    True
    """
    return _DATASET.find(data_dir)
