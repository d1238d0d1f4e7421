"""What MNIST and Fashion-MNIST share: finding four IDX files and loading them.

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

from cnnlite.datasets.idx import ImagesAndLabels, read_images_and_labels
from cnnlite.errors import DataNotFoundError, FileFormatError

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


@dataclass(frozen=True)
class IdxDataset:
    """A set of 60,000 + 10,000 images in four IDX files, and where to look for it.

    Parameters
    ----------
    name : str
        The module, for error messages.
    title : str
        The set's own name, as in ``_TITLES``.
    folder : str
        The set's folder inside ``$CNNLITE_DATA`` or ``data_dir``.
    system_folder : str or None
        Where a system package installs the set.
    advice : str
        One more way to get at data, for the error when nothing is found.
    """

    name: str
    title: str
    folder: str
    system_folder: str | None
    advice: str

    def find(self, data_dir: str | os.PathLike[str] | None = None) -> Path | None:
        """Return the first place that holds all four files, or None."""
        for place in self._places(data_dir):
            if not _missing(place):
                return place
        return None

    def load(
        self, data_dir: str | os.PathLike[str] | None = None
    ) -> tuple[ImagesAndLabels, ImagesAndLabels]:
        """Return ``(x_train, y_train), (x_test, y_test)``, checked."""
        folder = self.find(data_dir)
        if folder is None:
            raise DataNotFoundError(self._not_found(data_dir))
        return self._read(folder, _TRAIN, _TRAIN_SHAPE), self._read(folder, _TEST, _TEST_SHAPE)

    def _places(self, data_dir: str | os.PathLike[str] | None) -> list[Path]:
        """Return the folders to search, in order."""
        if data_dir is not None:
            given = _absolute(data_dir)
            # The subfolder first: the folder itself may hold the other set.
            return [given / self.folder, given]
        places = []
        root = os.environ.get("CNNLITE_DATA")
        if root:
            places.append(_absolute(root) / self.folder)
        if self.system_folder is not None:
            places.append(Path(self.system_folder))
        return places

    def _not_found(self, data_dir: str | os.PathLike[str] | None) -> str:
        lines = [f"{self.name}.load_data: {self.title} is in none of the places searched:"]
        for place in self._places(data_dir):
            if os.path.isdir(place):  # noqa: PTH112 (see _locate)
                lines.append(f"  {place}: lacks {', '.join(_missing(place))}")
            else:
                lines.append(f"  {place}: no such folder")
        if data_dir is None and not os.environ.get("CNNLITE_DATA"):
            lines.append(f"  $CNNLITE_DATA/{self.folder}: CNNLITE_DATA is not set")
        lines += [
            f"It is four files, each plain or with .gz: {', '.join(_TRAIN + _TEST)}.",
            f"Put them in a folder {self.folder} and set CNNLITE_DATA to the folder around it,",
            "or name their folder: data_dir= in Python, --data-dir on the command line.",
            self.advice,
        ]
        return "\n".join(lines)

    def _read(
        self, folder: Path, names: tuple[str, str], shape: tuple[int, int, int]
    ) -> ImagesAndLabels:
        paths = [_locate(folder, name) or folder / name for name in names]
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


def _absolute(path: str | os.PathLike[str]) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:  # "~name", and there is no such user
        return Path(path).absolute()


def _locate(folder: Path, name: str) -> Path | None:
    """Return the plain file, else the compressed one, else None."""
    for path in (folder / name, folder / f"{name}.gz"):
        # Path.is_file raises where a folder may not be searched; this says no.
        if os.path.isfile(path):  # noqa: PTH113
            return path
    return None


def _missing(folder: Path) -> list[str]:
    return [name for name in _TRAIN + _TEST if _locate(folder, name) is None]


def _sha256(array: NDArray[np.uint8]) -> str:
    """Return the SHA-256 of the IDX file that holds ``array``."""
    digest = hashlib.sha256(struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape))
    digest.update(array.reshape(-1).data)
    return digest.hexdigest()
