"""Maximum and average pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite.errors import ShapeError
from cnnlite.ops.core import Output, Tensor, checked_shape, run, tensor
from cnnlite.shapes import pair, window_output, window_pads


def _geometry(
    x_shape: tuple, pool_size: Any, strides: Any, padding: Any, where: str
) -> tuple[tuple, dict[str, Any]]:
    """Return the output's shape and the kernel's parameters."""
    size = pair(pool_size, f"{where}: pool_size")
    same = isinstance(padding, str) and padding.lower() == "same"
    if min(x_shape[1:3]) < 1 and not same:
        raise ShapeError(f"{where}: x has no pixels. Got {x_shape}. Pass images of 1x1 or more.")
    steps = size if strides is None else pair(strides, f"{where}: strides")
    pads = window_pads(padding, x_shape[1:3], size, steps, (1, 1), f"{where}: padding")
    if any(p >= k for both, k in zip(pads, size, strict=True) for p in both):
        raise ShapeError(
            f"{where}: padding must be less than the window, or a window holds no pixel. "
            f"Got padding {pads}, pool_size {size}."
        )
    out = window_output(x_shape[1:3], size, steps, (1, 1), pads, where)
    params = {"pool_size": size, "strides": steps, "padding": pads}
    return (x_shape[0], *out, x_shape[3]), params


def _check_dy(shape: tuple, y_shape: tuple, where: str) -> None:
    if shape != y_shape:
        raise ShapeError(
            f"{where} does not have the output's shape. Got {shape}. Make it {y_shape}."
        )


def maxpool2d_forward(
    x: Any, pool_size: Any, strides: Any = None, padding: Any = "valid", *, out: Any = None
) -> tuple[Tensor, Tensor]:
    """Maximum of every window, each channel by itself; the first maximum wins, NaN over all.

    Parameters
    ----------
    x : (N, H, W, C) array
    pool_size : int or (int, int)
    strides : int or (int, int), optional
        Default: ``pool_size``.
    padding : {"valid", "same"}, int, or ((top, bottom), (left, right))
        Padding never wins.
    out : array, optional
        Where ``y`` goes.

    Returns
    -------
    y : (N, OH, OW, C) array
    argmax : (N, OH, OW, C) array of uint8 (int32 where a window has over 256 places)
        The winner's place ``i * KW + j`` inside its window.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> x = np.array([[1, 2], [4, 3]], "float32").reshape(1, 2, 2, 1)
    >>> y, argmax = ops.maxpool2d_forward(x, 2)
    >>> y.item(), argmax.item()
    (4.0, 2)
    """
    x = tensor(x, "maxpool2d: x", 4)
    shape, params = _geometry(x.shape, pool_size, strides, padding, "maxpool2d")
    places = params["pool_size"][0] * params["pool_size"][1]
    y = Output(out, shape, x.dtype, "maxpool2d", reads=(x,))
    argmax = Output(None, shape, np.uint8 if places <= 256 else np.int32, "maxpool2d")
    run("maxpool2d_forward", x.dtype, (y.array, argmax.array), (x,), **params)
    return y.deliver(), argmax.array


def maxpool2d_backward(
    dy: Any,
    argmax: Any,
    x_shape: Any,
    pool_size: Any,
    strides: Any = None,
    padding: Any = "valid",
    *,
    out: Any = None,
) -> Tensor:
    """Gradient of maximum pooling: each ``dy`` goes to its window's winner.

    Parameters
    ----------
    dy : (N, OH, OW, C) array
    argmax : (N, OH, OW, C) array
        From :func:`maxpool2d_forward`.
    x_shape : (N, H, W, C)

    Returns
    -------
    (N, H, W, C) array

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> dy, argmax = np.ones((1, 1, 1, 1), "float32"), np.full((1, 1, 1, 1), 2, "uint8")
    >>> ops.maxpool2d_backward(dy, argmax, (1, 2, 2, 1), 2).ravel()
    array([0., 0., 1., 0.], dtype=float32)
    """
    where = "maxpool2d_backward"
    dy = tensor(dy, f"{where}: dy", 4)
    x_shape = checked_shape(x_shape, 4, f"{where}: x_shape")
    shape, params = _geometry(x_shape, pool_size, strides, padding, where)
    _check_dy(dy.shape, shape, f"{where}: dy")
    places = params["pool_size"][0] * params["pool_size"][1]
    dtype = np.uint8 if places <= 256 else np.int32
    argmax = tensor(argmax, f"{where}: argmax", 4, dtype, integer=True)
    _check_dy(argmax.shape, shape, f"{where}: argmax")
    dx = Output(out, x_shape, dy.dtype, where, reads=(dy, argmax), adds=True)
    run(where, dy.dtype, (dx.array,), (dy, argmax), **params, accumulate=dx.accumulate)
    return dx.deliver()


def averagepool2d_forward(
    x: Any, pool_size: Any, strides: Any = None, padding: Any = "valid", *, out: Any = None
) -> Tensor:
    """Mean of every window's pixels, each channel by itself, padding not counted.

    Parameters
    ----------
    x : (N, H, W, C) array
    pool_size : int or (int, int)
    strides : int or (int, int), optional
        Default: ``pool_size``.
    padding : {"valid", "same"}, int, or ((top, bottom), (left, right))

    Returns
    -------
    (N, OH, OW, C) array

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> x = np.array([[1, 2], [4, 3]], "float32").reshape(1, 2, 2, 1)
    >>> ops.averagepool2d_forward(x, 2).item()
    2.5
    """
    x = tensor(x, "averagepool2d: x", 4)
    shape, params = _geometry(x.shape, pool_size, strides, padding, "averagepool2d")
    y = Output(out, shape, x.dtype, "averagepool2d", reads=(x,))
    run("averagepool2d_forward", x.dtype, (y.array,), (x,), **params)
    return y.deliver()


def averagepool2d_backward(
    dy: Any,
    x_shape: Any,
    pool_size: Any,
    strides: Any = None,
    padding: Any = "valid",
    *,
    out: Any = None,
) -> Tensor:
    """Gradient of average pooling: an equal share to every pixel of the window.

    Parameters
    ----------
    dy : (N, OH, OW, C) array
    x_shape : (N, H, W, C)

    Returns
    -------
    (N, H, W, C) array

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> ops.averagepool2d_backward(np.ones((1, 1, 1, 1), "float32"), (1, 2, 2, 1), 2).ravel()
    array([0.25, 0.25, 0.25, 0.25], dtype=float32)
    """
    where = "averagepool2d_backward"
    dy = tensor(dy, f"{where}: dy", 4)
    x_shape = checked_shape(x_shape, 4, f"{where}: x_shape")
    shape, params = _geometry(x_shape, pool_size, strides, padding, where)
    _check_dy(dy.shape, shape, f"{where}: dy")
    dx = Output(out, x_shape, dy.dtype, where, reads=(dy,), adds=True)
    run(where, dy.dtype, (dx.array,), (dy,), **params, accumulate=dx.accumulate)
    return dx.deliver()
