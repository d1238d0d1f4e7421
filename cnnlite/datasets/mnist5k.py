"""5,000 of MNIST's handwritten digits, 28 x 28, bundled with the package.

Source and terms: ``data/README.md`` beside this file. The data are under
CC BY-SA 3.0 (Y. LeCun and C. Cortes), whatever the licence of the code.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from cnnlite.datasets.bundled import read_bundled
from cnnlite.datasets.idx import ImagesAndLabels

__all__ = ["load_data"]

_FILE = "mnist5k.npz"
_SHA256 = "246e0c30eeea57c8d0037d3f38c8e00651ec204cc61b8022563e9aeeb9d756f4"
_TRAIN_PER_CLASS = 400

# Seeds of the two random sequences behind the split. Two, because an order by
# the keys that chose the training set would end in whichever classes happened
# to have chosen up to the largest key.
_CHOICE, _ORDER = 1, 2


def load_data() -> tuple[ImagesAndLabels, ImagesAndLabels]:
    """Load the bundled 4,000 training and 1,000 test images.

    Returns
    -------
    x_train : (4000, 28, 28) uint8
        Images, 0 (paper) to 255 (ink). 400 of each digit, in shuffled order.
    y_train : (4000,) uint8
        Digits 0 to 9.
    x_test : (1000, 28, 28) uint8
        100 of each digit, in shuffled order.
    y_test : (1000,) uint8
        As ``(x_train, y_train), (x_test, y_test)``, new and writable.

    Raises
    ------
    DataNotFoundError, FileFormatError
        The installed package lacks its data file, or the file is damaged.

    Notes
    -----
    The split and both orders are part of the package: they come from the
    splitmix64 sequence, not from NumPy's generators, and are the same on every
    machine and with every version. The order is shuffled, so ``validation_split``,
    which takes the last samples, gets all ten digits.

    Examples
    --------
    >>> from cnnlite.datasets import mnist5k
    >>> (x_train, y_train), (x_test, y_test) = mnist5k.load_data()
    >>> x_train.shape, x_test.shape
    ((4000, 28, 28), (1000, 28, 28))
    >>> y_train[:8]
    array([3, 9, 3, 1, 3, 1, 1, 2], dtype=uint8)
    """
    images, labels = _read()
    train, test = _split(labels)
    return (images[train], labels[train]), (images[test], labels[test])


def _read() -> ImagesAndLabels:
    """Return all 5,000 images and labels, sorted by label, as the file has them."""
    content = read_bundled(_FILE, _SHA256, "mnist5k.load_data")
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return archive["images"], archive["labels"]


def _split(labels: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the indices of the training and of the test set, each shuffled.

    Of each class, the 400 images of the smallest ``_CHOICE`` keys are for
    training. Each set is ordered by its ``_ORDER`` keys.
    """
    by_choice = np.argsort(_splitmix64(_CHOICE, len(labels)))
    order = np.argsort(_splitmix64(_ORDER, len(labels)))
    is_train = np.zeros(len(labels), bool)
    for digit in range(10):
        is_train[by_choice[labels[by_choice] == digit][:_TRAIN_PER_CLASS]] = True
    return order[is_train[order]], order[~is_train[order]]


def _splitmix64(seed: int, count: int) -> NDArray[np.uint64]:
    """Return the first ``count`` numbers of splitmix64, all distinct.

    Arithmetic is modulo 2**64. Source: S. Vigna's public-domain ``splitmix64.c``,
    after G. Steele, D. Lea and C. Flood, "Fast splittable pseudorandom number
    generators", OOPSLA 2014.
    """
    step = np.arange(1, count + 1, dtype=np.uint64)
    z = np.uint64(seed) + step * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    numbers: NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return numbers
