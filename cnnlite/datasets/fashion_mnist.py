"""Fashion-MNIST: 70,000 photographs of clothing, 28 x 28, from your own files or the web.

Source: H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a novel image dataset
for benchmarking machine learning algorithms", arXiv:1708.07747, 2017. MIT
licence.
"""

from __future__ import annotations

import os
from pathlib import Path

from cnnlite.datasets.idx import ImagesAndLabels
from cnnlite.datasets.idx_dataset import IdxDataset

__all__ = ["find", "load_data"]

_DATASET = IdxDataset(
    name="fashion_mnist",
    title="Fashion-MNIST",
    folder="fashion-mnist",
    system_folder="/usr/share/datasets/fashion-mnist",
    url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    md5=(
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
    advice=(
        "On the command line, that is --data-dir. Or download it: "
        "cnnlite.datasets.fashion_mnist.load_data(download=True).\n"
        "On Debian and Ubuntu, type: sudo apt-get install dataset-fashion-mnist\n"
        "and name no folder."
    ),
)


def load_data(
    data_dir: str | os.PathLike[str] | None = None, download: bool = False
) -> tuple[ImagesAndLabels, ImagesAndLabels]:
    """Load the training and test sets from four IDX files.

    The files are ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``,
    ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``, each plain or
    with ``.gz``. Nothing is downloaded unless ``download`` says so. The classes are

    0 T-shirt/top, 1 Trouser, 2 Pullover, 3 Dress, 4 Coat, 5 Sandal, 6 Shirt,
    7 Sneaker, 8 Bag, 9 Ankle boot.

    Parameters
    ----------
    data_dir : str or path-like, optional
        The folder with the files, or the folder around it if it is called
        ``fashion-mnist``. Without it, ``$CNNLITE_DATA/fashion-mnist`` is
        searched, then ``~/.cnnlite/datasets/fashion-mnist``, then
        ``/usr/share/datasets/fashion-mnist``, where the Debian package
        ``dataset-fashion-mnist`` puts them.
    download : bool
        Whether to download the files that are not found, 31 MB, into the folder
        ``fashion-mnist`` of ``data_dir``, else of ``$CNNLITE_DATA``, else of
        ``~/.cnnlite/datasets``. Needs pooch, which the extra ``datasets`` installs.

    Returns
    -------
    x_train : (60000, 28, 28) uint8
        Images, 0 (background) to 255.
    y_train : (60000,) uint8
        Classes 0 to 9.
    x_test : (10000, 28, 28) uint8
    y_test : (10000,) uint8
        As ``(x_train, y_train), (x_test, y_test)``, new and writable.

    Raises
    ------
    DataNotFoundError
        No place searched holds all four files, or they cannot be downloaded.
    FileFormatError
        A file is damaged or of the wrong size, or is one of MNIST's; or
        a download's checksum differs.
    ImportError
        ``download=True``, and pooch is not installed.

    Examples
    --------
    >>> from cnnlite.datasets import fashion_mnist
    >>> (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()  # doctest: +SKIP

    >>> fashion_mnist.load_data("/no/such/folder")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    cnnlite.errors.DataNotFoundError: fashion_mnist.load_data: Fashion-MNIST is in none ...
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
    >>> from cnnlite.datasets import fashion_mnist
    >>> fashion_mnist.find("/no/such/folder") is None
    True
    """
    return _DATASET.find(data_dir)
