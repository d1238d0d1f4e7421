"""What MNIST and Fashion-MNIST share: four IDX files, loaded or downloaded.

Both sets use the same file names, shapes and labels, so only the content tells
which one lies in a folder.
"""

from __future__ import annotations

import hashlib
import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnlite.datasets.download import download as fetch
from cnnlite.datasets.file_set import FileSet
from cnnlite.datasets.idx import ImagesAndLabels, read_images_and_labels
from cnnlite.errors import FileFormatError

__all__ = ["IdxDataset"]

_TRAIN = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
_TEST = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_TRAIN_SHAPE = (60000, 28, 28)
_TEST_SHAPE = (10000, 28, 28)

# SHA-256 of the uncompressed files: train images, train labels, test images,
# test labels. Compressed copies differ from one distributor to the next.
_TITLES = dict.fromkeys(
    (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    "MNIST",
) | dict.fromkeys(
    (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    "Fashion-MNIST",
)


@dataclass(frozen=True, kw_only=True)
class IdxDataset(FileSet):
    """A set of 60,000 + 10,000 images in four IDX files.

    Parameters
    ----------
    url : str
        The folder on the web that the set was published in, with the last slash.
    md5 : tuple of str
        MD5 of each of ``files``, as published: compressed with gzip.
    """

    files: tuple[str, ...] = _TRAIN + _TEST
    suffixes: tuple[str, ...] = ("", ".gz")
    url: str
    md5: tuple[str, ...]

    def load(
        self, data_dir: str | os.PathLike[str] | None = None, download: bool = False
    ) -> tuple[ImagesAndLabels, ImagesAndLabels]:
        """Return ``(x_train, y_train), (x_test, y_test)``, checked."""
        if download and self.find(data_dir) is None:
            self._download(self.target(data_dir))
        folder = self.require(data_dir)
        return self._read(folder, _TRAIN, _TRAIN_SHAPE), self._read(folder, _TEST, _TEST_SHAPE)

    def _download(self, folder: Path) -> None:
        """Download the files that ``folder`` lacks."""
        for name, md5 in zip(self.files, self.md5, strict=True):
            if self.locate(folder, name) is None:
                file = f"{name}.gz"
                fetch(self.url + file, md5, folder / file, f"{self.name}.load_data")

    def _read(
        self, folder: Path, names: tuple[str, str], shape: tuple[int, int, int]
    ) -> ImagesAndLabels:
        paths = [self.locate(folder, name) or folder / name for name in names]
        images, labels = read_images_and_labels(*paths)
        for path, array in zip(paths, (images, labels), strict=True):
            title = _TITLES.get(_sha256(array), self.title)
            if title != self.title:
                raise FileFormatError(
                    f"{self.name}.load_data: {str(path)!r} is a file of {title}, not of "
                    f"{self.title}. The two sets use the same file names: keep each in a "
                    f"folder of its own, and pass the one with {self.title}."
                )
        if images.shape != shape:
            raise FileFormatError(
                f"{self.name}.load_data: {str(paths[0])!r} is not {self.title}. Expected "
                f"images of shape {shape}, got {images.shape}. Copy the file again."
            )
        return images, labels


def _sha256(array: NDArray[np.uint8]) -> str:
    """Return the SHA-256 of the IDX file that holds ``array``."""
    digest = hashlib.sha256(struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape))
    digest.update(array.reshape(-1).data)
    return digest.hexdigest()
