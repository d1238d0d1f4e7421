"""Images framed, cropped, enlarged, flipped and shifted."""

from __future__ import annotations

from typing import Any

from cnnlite.arguments import one_of
from cnnlite.errors import ShapeError
from cnnlite.ops.core import Output, Tensor, checked_shape, run, tensor
from cnnlite.shapes import Pads, Pair, is_int, pair

INTERPOLATIONS = ("nearest", "bilinear")
FILL_MODES = ("constant", "nearest", "reflect", "wrap")


def _signed_pads(padding: Any, where: str) -> Pads:
    try:
        (top, bottom), (left, right) = padding
    except (TypeError, ValueError):
        top = bottom = left = right = None
    if not all(map(is_int, (top, bottom, left, right))):
        raise ShapeError(
            f"{where}: not ((top, bottom), (left, right)) of integers. Got {padding!r}."
        )
    return (int(top), int(bottom)), (int(left), int(right))


def pad2d(x: Any, padding: Any, *, out: Any = None) -> Tensor:
    """Put a frame of zeros around images; where the padding is negative, cut edges off.

    Its gradient is the same operation with the padding negated.

    Parameters
    ----------
    x : (N, H, W, C) array
    padding : ((top, bottom), (left, right))
        Rows and columns to add, or, where negative, to cut off.
    out : array, optional

    Returns
    -------
    (N, H + top + bottom, W + left + right, C) array

    Raises
    ------
    ShapeError
        If more is cut off than there is.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> x = np.arange(1, 5, dtype="float32").reshape(1, 1, 4, 1)
    >>> ops.pad2d(x, ((0, 0), (2, -1))).ravel()
    array([0., 0., 1., 2., 3.], dtype=float32)
    """
    x = tensor(x, "pad2d: x", 4)
    pads = _signed_pads(padding, "pad2d: padding")
    rows, columns = (n + sum(p) for n, p in zip(x.shape[1:3], pads, strict=True))
    if min(rows, columns) < 0:
        raise ShapeError(
            f"pad2d: the padding cuts off more than there is. Got x {x.shape}, padding {pads}."
        )
    y = Output(out, (x.shape[0], rows, columns, x.shape[3]), x.dtype, "pad2d", (x,), adds=True)
    run("pad2d", x.dtype, (y.array,), (x,), padding=pads, accumulate=y.accumulate)
    return y.deliver()


def upsample2d_forward(
    x: Any, size: Any, interpolation: str = "nearest", *, out: Any = None
) -> Tensor:
    """Enlarge images by whole factors.

    Parameters
    ----------
    x : (N, H, W, C) array
    size : int or (int, int)
        Factors of height and width.
    interpolation : {"nearest", "bilinear"}
        Each pixel repeated, or mixed linearly by the distance of centres.
    out : array, optional

    Returns
    -------
    (N, H * size[0], W * size[1], C) array

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> x = np.array([0, 4], "float32").reshape(1, 1, 2, 1)
    >>> ops.upsample2d_forward(x, (1, 2)).ravel()
    array([0., 0., 4., 4.], dtype=float32)
    >>> ops.upsample2d_forward(x, (1, 2), "bilinear").ravel()
    array([0., 1., 3., 4.], dtype=float32)
    """
    where = "upsample2d"
    x = tensor(x, f"{where}: x", 4)
    size, interpolation = _enlargement(size, interpolation, where)
    shape = (x.shape[0], x.shape[1] * size[0], x.shape[2] * size[1], x.shape[3])
    y = Output(out, shape, x.dtype, where, reads=(x,))
    params = {"size": size, "interpolation": interpolation}
    run("upsample2d_forward", x.dtype, (y.array,), (x,), **params)
    return y.deliver()


def _enlargement(size: Any, interpolation: Any, where: str) -> tuple[Pair, str]:
    return pair(size, f"{where}: size"), one_of(
        interpolation, INTERPOLATIONS, f"{where}: interpolation"
    )


def upsample2d_backward(
    dy: Any, x_shape: Any, size: Any, interpolation: str = "nearest", *, out: Any = None
) -> Tensor:
    """Gradient of :func:`upsample2d_forward`.

    Parameters
    ----------
    dy : (N, H * size[0], W * size[1], C) array
    x_shape : (N, H, W, C)
    size : int or (int, int)
    interpolation : {"nearest", "bilinear"}

    Returns
    -------
    (N, H, W, C) array

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> dy = np.ones((1, 1, 4, 1), "float32")
    >>> ops.upsample2d_backward(dy, (1, 1, 2, 1), (1, 2)).ravel()
    array([2., 2.], dtype=float32)
    """
    where = "upsample2d_backward"
    dy = tensor(dy, f"{where}: dy", 4)
    x_shape = checked_shape(x_shape, 4, f"{where}: x_shape")
    size, interpolation = _enlargement(size, interpolation, where)
    y_shape = (x_shape[0], x_shape[1] * size[0], x_shape[2] * size[1], x_shape[3])
    if dy.shape != y_shape:
        raise ShapeError(
            f"{where}: dy does not have the output's shape. Got {dy.shape}. Make it {y_shape}."
        )
    dx = Output(out, x_shape, dy.dtype, where, reads=(dy,), adds=True)
    params = {"size": size, "interpolation": interpolation, "accumulate": dx.accumulate}
    run(where, dy.dtype, (dx.array,), (dy,), **params)
    return dx.deliver()


def _per_image(value: Any, x: Tensor, where: str) -> Tensor:
    value = tensor(value, where, 1, x.dtype)
    if value.shape != x.shape[:1]:
        raise ShapeError(
            f"{where} must have a number for each image. Got {value.shape}. Make it {x.shape[:1]}."
        )
    return value


def flip2d(
    x: Any, draws: Any, *, rows: bool = False, columns: bool = False, out: Any = None
) -> Tensor:
    """Mirror the images whose number is at most 1/2; it is its own gradient.

    Parameters
    ----------
    x : (N, H, W, C) array
    draws : (N,) array
        Of x's dtype; say, from :func:`random_uniform`.
    rows, columns : bool
        Which axes are reversed: top and bottom, left and right.
    out : array, optional

    Returns
    -------
    (N, H, W, C) array

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> x = np.array([[1, 2], [3, 4]], "float32").reshape(2, 1, 2, 1)
    >>> ops.flip2d(x, [0.1, 0.9], columns=True).reshape(2, 2)
    array([[2., 1.],
           [3., 4.]], dtype=float32)
    """
    x = tensor(x, "flip2d: x", 4)
    draws = _per_image(draws, x, "flip2d: draws")
    y = Output(out, x.shape, x.dtype, "flip2d", reads=(x, draws), adds=True)
    params = {"rows": bool(rows), "columns": bool(columns), "accumulate": y.accumulate}
    run("flip2d", x.dtype, (y.array,), (x, draws), **params)
    return y.deliver()


def translate2d_forward(
    x: Any,
    down: Any,
    right: Any,
    *,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    out: Any = None,
) -> Tensor:
    """Shift each image by its own, possibly fractional, number of pixels.

    Parameters
    ----------
    x : (N, H, W, C) array
    down, right : (N,) array
        Pixels, of x's dtype; an image whose shift is not under 2^31 becomes NaN.
    interpolation : {"bilinear", "nearest"}
    fill_mode : {"reflect", "constant", "nearest", "wrap"}
        What is seen outside of an image: the image mirrored, ``fill_value``, its edge, or
        its other end.
    fill_value : float
    out : array, optional

    Returns
    -------
    (N, H, W, C) array

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> x = np.array([1, 2, 3], "float32").reshape(1, 1, 3, 1)
    >>> ops.translate2d_forward(x, [0], [1], fill_mode="constant").ravel()
    array([0., 1., 2.], dtype=float32)
    >>> ops.translate2d_forward(x, [0], [-0.5]).ravel()
    array([1.5, 2.5, 3. ], dtype=float32)
    """
    where = "translate2d"
    x = tensor(x, f"{where}: x", 4)
    shifts = tuple(
        _per_image(s, x, f"{where}: {name}") for s, name in ((down, "down"), (right, "right"))
    )
    params = _translation(interpolation, fill_mode, where)
    if isinstance(fill_value, bool) or not isinstance(fill_value, int | float):
        raise TypeError(f"{where}: fill_value must be a number. Got {fill_value!r}.")
    y = Output(out, x.shape, x.dtype, where, reads=(x, *shifts))
    params["fill_value"] = float(fill_value)
    run("translate2d_forward", x.dtype, (y.array,), (x, *shifts), **params)
    return y.deliver()


def _translation(interpolation: Any, fill_mode: Any, where: str) -> dict[str, Any]:
    return {
        "interpolation": one_of(interpolation, INTERPOLATIONS, f"{where}: interpolation"),
        "fill_mode": one_of(fill_mode, FILL_MODES, f"{where}: fill_mode"),
    }


def translate2d_backward(
    dy: Any,
    down: Any,
    right: Any,
    *,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    out: Any = None,
) -> Tensor:
    """Gradient of :func:`translate2d_forward` to its images.

    Parameters
    ----------
    dy : (N, H, W, C) array
    down, right : (N,) array
    interpolation, fill_mode : str
        As in the forward operation.

    Returns
    -------
    (N, H, W, C) array

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> dy = np.array([1, 2, 3], "float32").reshape(1, 1, 3, 1)
    >>> ops.translate2d_backward(dy, [0], [1], fill_mode="nearest").ravel()
    array([3., 3., 0.], dtype=float32)
    """
    where = "translate2d_backward"
    dy = tensor(dy, f"{where}: dy", 4)
    shifts = tuple(
        _per_image(s, dy, f"{where}: {name}") for s, name in ((down, "down"), (right, "right"))
    )
    params = _translation(interpolation, fill_mode, where)
    dx = Output(out, dy.shape, dy.dtype, where, reads=(dy, *shifts), adds=True)
    run(where, dy.dtype, (dx.array,), (dy, *shifts), **params, accumulate=dx.accumulate)
    return dx.deliver()
