"""Images in folders, in batches."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnlite.arguments import checks_arguments
from cnnlite.datasets.draws import generator
from cnnlite.errors import DataNotFoundError
from cnnlite.models.py_dataset import PyDataset
from cnnlite.optional import require
from cnnlite.random_state import next_seed
from cnnlite.shapes import pair
from cnnlite.utils.image_files import CHANNELS, WHERE, index, load_image, targets_of
from cnnlite.utils.resizing import INTERPOLATIONS, crop_to_ratio, resize
from cnnlite.utils.shuffling import EpochOrder, check_batch_size, check_format

__all__ = ["ImageDataset", "image_dataset_from_directory"]


class ImageDataset(PyDataset):
    """What :func:`image_dataset_from_directory` returns: it reads each batch when it is asked.

    Set ``workers`` to read several batches at once while a model trains.

    Parameters
    ----------
    file_paths : list of str
    targets : (n, ...) array, or None
        Each file's, as the batches give them.
    class_names : list of str, or None
    color_mode : str
    image_size : (int, int)
    interpolation : str
    crop : bool
        Whether to cut the images to the ratio of ``image_size`` before.
    batch_size : int, or None
    order : EpochOrder
        Of the n files.

    Examples
    --------
    >>> order = EpochOrder(0, False, None, "here")
    >>> len(ImageDataset([], None, None, "rgb", (8, 8), "bilinear", False, 32, order))
    0
    """

    def __init__(
        self,
        file_paths: list[str],
        targets: NDArray[Any] | None,
        class_names: list[str] | None,
        color_mode: str,
        image_size: tuple[int, int],
        interpolation: str,
        crop: bool,
        batch_size: int | None,
        order: EpochOrder,
    ) -> None:
        super().__init__()
        self.file_paths, self.targets, self.class_names = file_paths, targets, class_names
        self.color_mode, self.image_size = color_mode, image_size
        self.interpolation, self.crop = interpolation, crop
        self.batch_size, self.order = batch_size, order

    def __len__(self) -> int:
        return -(-len(self.file_paths) // (self.batch_size or 1))

    def __getitem__(self, index: int) -> Any:
        numbers = self.order.batch(index, self.batch_size)
        if self.batch_size is None:
            images = self._image(int(numbers))
        else:
            shape = (len(numbers), *self.image_size, CHANNELS[self.color_mode])
            images = np.empty(shape, np.float32)
            for row, number in enumerate(numbers):
                images[row] = self._image(int(number))
        return images if self.targets is None else (images, self.targets[numbers])

    def _image(self, number: int) -> NDArray[np.float32]:
        image = load_image(self.file_paths[number], self.color_mode)
        if self.crop:
            image = crop_to_ratio(image, self.image_size)
        return resize(image, self.image_size, self.interpolation)

    def on_epoch_end(self) -> None:
        """Draw another order, with ``shuffle=True``."""
        self.order.renew()


@checks_arguments("image_dataset_from_directory")
def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Any = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Return a data set of the images in a folder, for fit, evaluate and predict.

    The images of class ``cat`` lie in the subfolder ``cat``, or below it. Files are
    those that end in .bmp, .gif, .jpeg, .jpg or .png; of an animation, the first
    picture counts. Reading them needs Pillow, which the extra ``plot`` installs.

    Parameters
    ----------
    directory : str or path-like
    labels : "inferred", None, or list of int
        The classes are those of the subfolders, there are none, or these, in the
        order of the files' paths.
    label_mode : {"int", "categorical", "binary", None}
        Classes come as (batch,) int32; one-hot, (batch, K) float32; of two, 0 or 1 as
        (batch, 1) float32; or not at all.
    class_names : list of str, optional
        The subfolders to take, in the order of the classes; with inferred labels
        alone. Without it, all, sorted by name.
    color_mode : {"rgb", "grayscale", "rgba"}
        C is 3, 1 or 4.
    batch_size : int, or None
        The last batch may be smaller. None: single images, without an axis for the
        batch (to look at, not to train on).
    image_size : int or (int, int)
        (OH, OW) that every image is resized to.
    shuffle : bool
        Whether the images come in random order, another one in each epoch; else
        sorted by path.
    seed : int, optional
        Of that order. None: the next of ``cnnlite.set_random_seed``.
    validation_split : float, optional
        Share of the images for validation, in (0, 1): the last, after shuffling.
    subset : {"training", "validation", "both"}, optional
        Which part to return, with ``validation_split`` and only then. To call twice
        for two parts that share nothing, pass ``seed`` (or ``shuffle=False``).
    interpolation : {"bilinear", "nearest"}
        How images are resized. Small images of large ones are not averaged, as in
        Keras. Its other methods are not here.
    follow_links : bool
        Whether to go into folders that are symbolic links.
    crop_to_aspect_ratio : bool
        Whether to cut an image about its middle to the ratio of ``image_size``
        before it is resized. Without it, the ratio changes.
    pad_to_aspect_ratio : bool
        Not here: True is an error.
    data_format : {None, "channels_last"}
    format : {"tf", "grain"}
        Accepted as in Keras, and without effect.
    verbose : bool
        Whether to print how many images there are.

    Returns
    -------
    dataset : PyDataset, or a list of two of them with ``subset="both"``
        Batches ``(images, labels)``, or images alone: (batch, OH, OW, C) float32, 0 to
        255. It has the attributes ``class_names`` and ``file_paths``.

    Raises
    ------
    ImportError
        Pillow is not installed.
    DataNotFoundError
        There is no such folder, or no image in it.
    FileFormatError
        From ``dataset[i]``: a file is no image.
    ShapeError, ValueError
        An option is none of those named.

    Notes
    -----
    Source: Keras 3.15's function of this name. With the same ``seed``, the first
    order and both parts of ``validation_split`` are Keras's.

    Examples
    --------
    >>> from cnnlite.utils import image_dataset_from_directory
    >>> image_dataset_from_directory("pets", image_size=(64, 64))  # doctest: +SKIP
    """
    require("PIL.Image", "plot", WHERE)
    _check_options(color_mode, interpolation, pad_to_aspect_ratio, data_format)
    check_format(format, WHERE)
    check_batch_size(batch_size, WHERE)
    size = pair(image_size, f"{WHERE}: image_size")
    _check_split(validation_split, subset, shuffle, seed)
    paths, classes, names = index(directory, labels, label_mode, class_names, follow_links)
    targets = None if classes is None else targets_of(classes, names, label_mode)
    if seed is None:
        seed = next_seed() % 2**32
    order = list(range(len(paths)))
    if shuffle:
        generator(seed, WHERE).shuffle(order)
    validation = int((validation_split or 0) * len(paths))
    parts = {
        "training": order[: len(paths) - validation],
        "validation": order[len(paths) - validation :],
    }
    wanted = ["training", "validation"] if subset == "both" else [subset]
    if verbose:
        of = "" if names is None else f" of {len(names)} classes"
        print(f"{len(paths)} images{of} in {os.fspath(directory)!r}.")
    results = []
    for name in wanted:
        numbers = order if name is None else parts[name]
        if not numbers:
            raise DataNotFoundError(
                f"{WHERE}: the {name} part of {len(paths)} images is empty. "
                f"Got validation_split={validation_split!r}."
            )
        if verbose and name is not None:
            print(f"{len(numbers)} of them for {name}.")
        # The first epoch has this order; the seed's first draws made it.
        moves = shuffle and not (subset == "both" and name == "validation")
        results.append(
            ImageDataset(
                [paths[i] for i in numbers],
                None if targets is None else targets[numbers],
                names,
                color_mode,
                (size[0], size[1]),
                interpolation,
                bool(crop_to_aspect_ratio),
                batch_size,
                EpochOrder(len(numbers), moves, seed, WHERE, start_in_order=True),
            )
        )
    return results if subset == "both" else results[0]


def _check_options(
    color_mode: Any, interpolation: Any, pad_to_aspect_ratio: Any, data_format: Any
) -> None:
    for name, value, known in (
        ("color_mode", color_mode, tuple(CHANNELS)),
        ("interpolation", interpolation, INTERPOLATIONS),
        ("data_format", data_format, (None, "channels_last")),
        ("pad_to_aspect_ratio", pad_to_aspect_ratio, (False,)),
    ):
        if value not in known:
            raise ValueError(f"{WHERE}: {name} must be one of {known}. Got {value!r}.")


def _check_split(share: Any, subset: Any, shuffle: Any, seed: Any) -> None:
    if subset not in ("training", "validation", "both", None):
        raise ValueError(
            f'{WHERE}: subset must be "training", "validation" or "both". Got {subset!r}.'
        )
    if (share is None) != (subset is None):
        raise ValueError(
            f"{WHERE}: validation_split and subset go together. Got validation_split={share!r}, "
            f"subset={subset!r}."
        )
    if share is not None and not (isinstance(share, float | np.floating) and 0 < share < 1):
        raise ValueError(f"{WHERE}: validation_split must lie between 0 and 1. Got {share!r}.")
    if share is not None and shuffle and seed is None and subset != "both":
        raise ValueError(
            f"{WHERE}: without a seed, the training and the validation part of two calls would "
            'overlap. Pass seed, shuffle=False, or subset="both".'
        )
