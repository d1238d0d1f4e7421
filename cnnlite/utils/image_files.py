"""Image files in folders: which there are, of what class, and their pixels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnlite.errors import DataNotFoundError, FileFormatError
from cnnlite.optional import require
from cnnlite.shapes import is_int

__all__ = ["CHANNELS", "WHERE", "index", "load_image", "targets_of"]

WHERE = "image_dataset_from_directory"  # the function that errors name
FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
_LABEL_MODES = ("int", "categorical", "binary", None)
_MODES = {"rgb": "RGB", "rgba": "RGBA"}
_GREY = ("L", "I;16", "I")  # Pillow's modes that are grey already; 16 bits keep their range


def index(
    directory: str | os.PathLike[str],
    labels: Any,
    label_mode: Any,
    class_names: Sequence[str] | None,
    follow_links: bool,
) -> tuple[list[str], NDArray[np.int32] | None, list[str] | None]:
    """Return the files' paths, their classes and the classes' names; None where there are none."""
    if label_mode not in _LABEL_MODES:
        raise ValueError(f"{WHERE}: label_mode must be one of {_LABEL_MODES}. Got {label_mode!r}.")
    if label_mode is None:  # then folders say nothing: take the images outside them too
        labels = None
    inferred = isinstance(labels, str) and labels == "inferred"
    if not inferred and class_names is not None:
        raise ValueError(
            f"{WHERE}: class_names go with inferred labels. Got labels={labels!r}, "
            f"label_mode={label_mode!r}."
        )
    folder = Path(directory)
    if not folder.is_dir():
        raise DataNotFoundError(
            f"{WHERE}: there is no folder {str(folder)!r}. Check the path; one relative to the "
            f"current folder starts from {str(Path.cwd())!r}."
        )
    if inferred:
        names = _class_folders(folder, class_names)
        files = [_list_images(folder / name, follow_links) for name in names]
        paths = [path for group in files for path in group]
        counts = [len(group) for group in files]
        classes: Any = np.repeat(np.arange(len(names), dtype=np.int32), counts)
    else:
        paths = _list_images(folder, follow_links)
        classes = None if labels is None else _given_classes(labels, len(paths))
        names = [] if classes is None else [str(c) for c in np.unique(classes)]
    if not paths:
        raise DataNotFoundError(
            f"{WHERE}: {str(folder)!r} holds no images"
            f"{' in subfolders, one for each class' if inferred else ''}. "
            f"Images end in {', '.join(FORMATS)}."
        )
    return paths, classes, None if classes is None else names


def _given_classes(labels: Any, n: int) -> NDArray[np.int32]:
    if not isinstance(labels, list | tuple | np.ndarray) or not all(map(is_int, labels)):
        raise ValueError(
            f'{WHERE}: labels must be "inferred", None or a list of integers. Got {labels!r}.'
        )
    if len(labels) != n:
        raise ValueError(
            f"{WHERE}: labels must be one for each file. Got {len(labels)} labels for {n} images."
        )
    return np.asarray(labels, np.int32)


def targets_of(
    classes: NDArray[np.int32], names: list[str] | None, label_mode: str | None
) -> NDArray[Any]:
    """Return the classes as ``label_mode`` says."""
    count = len(names or ())
    if label_mode == "int":
        return classes
    if classes.min(initial=0) < 0 or classes.max(initial=0) >= count:
        raise ValueError(
            f"{WHERE}: with label_mode={label_mode!r}, labels must be 0 to {count - 1}, the "
            f"number of different ones less one. Got {classes.min()} to {classes.max()}."
        )
    if label_mode == "binary":
        if count != 2:
            raise ValueError(
                f'{WHERE}: label_mode="binary" needs two classes. Got {count}: {names}.'
            )
        return classes[:, None].astype(np.float32)
    one_hot: NDArray[np.float32] = np.eye(count, dtype=np.float32)[classes]
    return one_hot


def _class_folders(folder: Path, names: Sequence[str] | None) -> list[str]:
    """Return the subfolders that are classes: those named, else all but hidden ones, sorted."""
    found = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if names is None:
        return found
    unknown = [name for name in names if name not in found]
    if unknown:
        raise ValueError(
            f"{WHERE}: class_names must be names of subfolders of {str(folder)!r}. "
            f"Got {unknown}. There are {found}."
        )
    return list(names)


def _list_images(folder: Path, follow_links: bool) -> list[str]:
    """Return the paths of all images in a folder and those below it, folder by folder."""
    walked = sorted(os.walk(folder, followlinks=follow_links))
    return [
        os.path.join(root, name)  # noqa: PTH118 (a path that the user compares as text)
        for root, _, names in walked
        for name in sorted(names)
        if name.lower().endswith(FORMATS)
    ]


def load_image(path: str, color_mode: str) -> NDArray[np.float32]:
    """Return the pixels of an image file; of an animation, its first picture.

    Parameters
    ----------
    path : str
    color_mode : {"grayscale", "rgb", "rgba"}

    Returns
    -------
    image : (H, W, C) float32
        0 to 255; a grey image of 16 bits, 0 to 65535.

    Raises
    ------
    DataNotFoundError, FileFormatError
        The file has gone, or is no image that Pillow can read.
    """
    pillow: Any = require("PIL.Image", "plot", WHERE)
    try:
        with pillow.open(path) as image:
            mode = _MODES.get(color_mode, image.mode if image.mode in _GREY else "L")
            pixels = np.asarray(image if image.mode == mode else image.convert(mode))
            array = pixels.astype(np.float32)
    except FileNotFoundError:
        raise DataNotFoundError(f"{WHERE}: {path!r}: there is no such file any more.") from None
    except (OSError, ValueError, SyntaxError, pillow.DecompressionBombError) as error:
        raise FileFormatError(
            f"{WHERE}: {path!r} cannot be read as an image: {error}. Replace or remove it."
        ) from None
    return array[..., None] if array.ndim == 2 else array
