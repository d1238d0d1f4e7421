"""Images brought to one size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["INTERPOLATIONS", "crop_to_ratio", "resize"]

INTERPOLATIONS = ("bilinear", "nearest")


def resize(
    image: NDArray[np.float32], size: tuple[int, int], interpolation: str
) -> NDArray[np.float32]:
    """Return an image of another size.

    Pixel i of n lies at (i + 1/2) / n. "nearest" takes the pixel that holds the
    place, ``floor((i + 1/2) n_in / n_out)``; "bilinear" mixes the two nearest in
    each direction by their distance, and beyond the outermost takes the outermost.
    Neither averages over the pixels that a smaller image leaves out.

    Parameters
    ----------
    image : (H, W, C) float32
    size : (int, int)
        (OH, OW).
    interpolation : {"bilinear", "nearest"}

    Returns
    -------
    resized : (OH, OW, C) float32

    Notes
    -----
    Source: what ``tf.image.resize`` of TensorFlow 2, and so Keras, does.

    Examples
    --------
    >>> image = np.array([[[0.0], [8.0]]], np.float32)
    >>> resize(image, (1, 4), "bilinear")[0, :, 0]
    array([0., 2., 6., 8.], dtype=float32)
    """
    for axis, n in enumerate(size):
        image = _along(image, axis, n, interpolation)
    return image


def _along(
    image: NDArray[np.float32], axis: int, size: int, interpolation: str
) -> NDArray[np.float32]:
    """Resize one axis."""
    n = image.shape[axis]
    if n == size:
        return image
    if interpolation == "nearest":
        # In integers: floor((2 i + 1) n / (2 size)).
        return image.take((2 * np.arange(size) + 1) * n // (2 * size), axis)
    place = np.clip((np.arange(size) + 0.5) * (n / size) - 0.5, 0, n - 1)
    before = np.minimum(place.astype(np.intp), max(n - 2, 0))
    share = (place - before).astype(np.float32)
    share = share.reshape([-1 if a == axis else 1 for a in range(3)])
    low = image.take(before, axis)
    return low + share * (image.take(np.minimum(before + 1, n - 1), axis) - low)


def crop_to_ratio(image: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return the largest part about an image's middle whose sides are in the ratio of ``size``.

    Parameters
    ----------
    image : (H, W, C) float32
    size : (int, int)

    Returns
    -------
    part : (H', W', C) float32
        A view. At least one of H' = H and W' = W holds.

    Examples
    --------
    >>> crop_to_ratio(np.zeros((10, 40, 1), np.float32), (5, 5)).shape
    (10, 10, 1)
    """
    height, width = image.shape[:2]
    h = max(min(height, width * size[0] // size[1]), 1)
    w = max(min(width, height * size[1] // size[0]), 1)
    top, left = (height - h) // 2, (width - w) // 2
    return image[top : top + h, left : left + w]
