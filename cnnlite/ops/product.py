"""Matrix products and convolutions."""

from __future__ import annotations

from typing import Any

from cnnlite.errors import ShapeError
from cnnlite.kernels.registry import shortcut
from cnnlite.ops.core import (
    Output,
    Tensor,
    checked_shape,
    is_recording,
    rows_of,
    run,
    tensor,
    view,
)
from cnnlite.shapes import Pads, Pair, is_int, pair, window_output, window_pads

ACTIVATIONS = ("relu", "sigmoid", "tanh")  # what a kernel applies in its epilogue


def _activation(name: str | None, where: str) -> str | None:
    if name in (None, "linear"):
        return None
    if name not in ACTIVATIONS:
        raise ValueError(
            f"{where}: activation cannot be fused. Got {name!r}. "
            f"Choose one of {', '.join(ACTIVATIONS)}, or None."
        )
    return name


def matmul(
    a: Any,
    b: Any,
    *,
    bias: Any = None,
    activation: str | None = None,
    transpose_a: bool = False,
    transpose_b: bool = False,
    out: Any = None,
) -> Tensor:
    """Matrix product with a fused epilogue: ``activation(op(a) @ op(b) + bias)``.

    Parameters
    ----------
    a : (M, K) or (..., K) array
        (K, M) with ``transpose_a``.  More dimensions count as rows.
    b : (K, N) array
        (N, K) with ``transpose_b``.
    bias : (N,) array, optional
    activation : {"relu", "sigmoid", "tanh"}, optional
    transpose_a, transpose_b : bool
    out : array, optional
        Where the result goes; may overlap the inputs.

    Returns
    -------
    (M, N) or (..., N) array of the inputs' dtype

    Raises
    ------
    ShapeError, DtypeError
        If the inner sizes or the dtypes differ.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> x = np.array([[1, 2]], "float32")
    >>> w = np.array([[1, 0], [0, -1]], "float32")
    >>> ops.matmul(x, w, activation="relu")
    array([[1., 0.]], dtype=float32)
    """
    plain = bias is activation is None
    if plain and out is None and not (transpose_a or transpose_b or is_recording()):
        quick = shortcut("matmul")
        made = None if quick is None else quick(a, b)
        if made is not None:
            return made
    a = tensor(a, "matmul: a")
    b = tensor(b, "matmul: b", 2, a.dtype)
    if a.ndim < 2 or (a.ndim > 2 and transpose_a):
        raise ShapeError(
            f"matmul: a must have 2 dimensions (or more, without transpose_a). Got {a.shape}."
        )
    rows = rows_of(a)
    m, k = rows.shape[::-1] if transpose_a else rows.shape
    n, kb = b.shape if transpose_b else b.shape[::-1]
    if k != kb:
        raise ShapeError(
            f"matmul: the inner sizes differ, {k} of a and {kb} of b. "
            f"Got a {a.shape}{' transposed' * transpose_a}, "
            f"b {b.shape}{' transposed' * transpose_b}. Make them equal."
        )
    if bias is not None:
        bias = tensor(bias, "matmul: bias", 1, a.dtype)
        if bias.shape != (n,):
            raise ShapeError(f"matmul: bias must have shape ({n},). Got {bias.shape}.")
    activation = _activation(activation, "matmul")
    shape = (m, n) if transpose_a else (*a.shape[:-1], n)
    y = Output(out, shape, a.dtype, "matmul", reads=(a, b, bias), adds=plain)
    run(
        "matmul",
        a.dtype,
        (rows_of(y.array),),
        (rows, b, bias),
        transpose_a=transpose_a,
        transpose_b=transpose_b,
        activation=activation,
        accumulate=y.accumulate,
    )
    return y.deliver()


def bias_gradient(dy: Any, *, out: Any = None) -> Tensor:
    """Gradient of a bias that was added along the last axis: the sum over all others.

    Parameters
    ----------
    dy : (..., F) array

    Returns
    -------
    (F,) array

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> ops.bias_gradient(np.ones((2, 3, 4), "float32"))
    array([6., 6., 6., 6.], dtype=float32)
    """
    dy = tensor(dy, "bias_gradient: dy")
    if dy.ndim < 1:
        raise ShapeError("bias_gradient: dy must have a dimension. Got a scalar.")
    db = Output(out, dy.shape[-1:], dy.dtype, "bias_gradient", reads=(dy,), adds=True)
    rows = view(dy, (1, dy.shape[0])) if dy.ndim == 1 else rows_of(dy)
    run("bias_gradient", dy.dtype, (db.array,), (rows,), accumulate=db.accumulate)
    return db.deliver()


class _Geometry:
    """Strides, padding, dilation and groups of one convolution, checked."""

    def __init__(
        self,
        x_shape: tuple,
        w_shape: tuple,
        strides: Any,
        padding: Any,
        dilation: Any,
        groups: int,
        where: str,
    ) -> None:
        self.strides: Pair = pair(strides, f"{where}: strides")
        self.dilation: Pair = pair(dilation, f"{where}: dilation")
        size, taps = x_shape[1:3], w_shape[:2]
        if not is_int(groups) or groups < 1:
            raise ShapeError(f"{where}: groups must be at least 1. Got {groups!r}.")
        if min(w_shape) < 1:
            raise ShapeError(f"{where}: w has no weights. Got {w_shape}.")
        if w_shape[2] * groups != x_shape[3] or w_shape[3] % groups:
            raise ShapeError(
                f"{where}: x has {x_shape[3]} channels but w expects {w_shape[2] * groups}"
                + (f" in {groups} groups" if groups > 1 else "")
                + f". Got x {x_shape}, w {w_shape}. Make x.shape[3] equal "
                + ("w.shape[2]." if groups == 1 else "w.shape[2] * groups, and groups divide F.")
            )
        self.groups = int(groups)
        self.pads: Pads = window_pads(
            padding, size, taps, self.strides, self.dilation, f"{where}: padding"
        )
        out = window_output(size, taps, self.strides, self.dilation, self.pads, where)
        self.y_shape = (x_shape[0], *out, w_shape[3])

    def params(self) -> dict[str, Any]:
        return {
            "strides": self.strides,
            "padding": self.pads,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    def check_dy(self, dy: Tensor, where: str) -> None:
        if dy.shape != self.y_shape:
            raise ShapeError(
                f"{where}: dy does not have the output's shape. "
                f"Got {dy.shape}. Make it {self.y_shape}."
            )


def conv2d_forward(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    strides: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
    groups: int = 1,
    activation: str | None = None,
    out: Any = None,
) -> Tensor:
    """Two-dimensional convolution: ``activation(conv(x, w) + bias)``.

    Parameters
    ----------
    x : (N, H, W, C) array
    w : (KH, KW, C / groups, F) array
    bias : (F,) array, optional
    strides, dilation : int or (int, int)
    padding : {"valid", "same"}, int, or ((top, bottom), (left, right))
    groups : int
        Channels and filters fall into that many parts; each sees its own.
    activation : {"relu", "sigmoid", "tanh"}, optional
    out : array, optional

    Returns
    -------
    (N, OH, OW, F) array

    Raises
    ------
    ShapeError, DtypeError

    References
    ----------
    LeCun et al. 1998, section II.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> x = np.ones((1, 4, 4, 1), "float32")
    >>> ops.conv2d_forward(x, np.ones((3, 3, 1, 2), "float32")).shape
    (1, 2, 2, 2)
    """
    x = tensor(x, "conv2d: x", 4)
    w = tensor(w, "conv2d: w", 4, x.dtype)
    if bias is not None:
        bias = tensor(bias, "conv2d: bias", 1, x.dtype)
        if bias.shape != w.shape[3:]:
            raise ShapeError(f"conv2d: bias must have shape {w.shape[3:]}. Got {bias.shape}.")
    g = _Geometry(x.shape, w.shape, strides, padding, dilation, groups, "conv2d")
    y = Output(out, g.y_shape, x.dtype, "conv2d", reads=(x, w, bias))
    run(
        "conv2d_forward",
        x.dtype,
        (y.array,),
        (x, w, bias),
        **g.params(),
        activation=_activation(activation, "conv2d"),
    )
    return y.deliver()


def conv2d_backward_input(
    dy: Any,
    w: Any,
    x_shape: Any,
    *,
    strides: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
    groups: int = 1,
    out: Any = None,
) -> Tensor:
    """Gradient of a convolution's input.

    Parameters
    ----------
    dy : (N, OH, OW, F) array
        Gradient of the output before its activation.
    w : (KH, KW, C / groups, F) array
    x_shape : (N, H, W, C)

    Returns
    -------
    (N, H, W, C) array

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> dy, w = np.ones((1, 2, 2, 1), "float32"), np.ones((3, 3, 1, 1), "float32")
    >>> ops.conv2d_backward_input(dy, w, (1, 4, 4, 1))[0, 1, :, 0]
    array([2., 4., 4., 2.], dtype=float32)
    """
    where = "conv2d_backward_input"
    dy = tensor(dy, f"{where}: dy", 4)
    w = tensor(w, f"{where}: w", 4, dy.dtype)
    x_shape = checked_shape(x_shape, 4, f"{where}: x_shape")
    g = _Geometry(x_shape, w.shape, strides, padding, dilation, groups, where)
    g.check_dy(dy, where)
    dx = Output(out, x_shape, dy.dtype, where, reads=(dy, w), adds=True)
    run(where, dy.dtype, (dx.array,), (dy, w), **g.params(), accumulate=dx.accumulate)
    return dx.deliver()


def conv2d_backward_weight(
    dy: Any,
    x: Any,
    w_shape: Any,
    *,
    strides: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
    groups: int = 1,
    out: Any = None,
    bias_out: Any = None,
) -> Tensor:
    """Gradient of a convolution's weights and, into ``bias_out``, of its bias.

    Parameters
    ----------
    dy : (N, OH, OW, F) array
        Gradient of the output before its activation.
    x : (N, H, W, C) array
    w_shape : (KH, KW, C / groups, F)
    bias_out : (F,) array, optional
        Where the bias's gradient goes, computed in the same pass over ``dy``.

    Returns
    -------
    (KH, KW, C / groups, F) array

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> dy, x = np.ones((1, 2, 2, 1), "float32"), np.ones((1, 4, 4, 1), "float32")
    >>> ops.conv2d_backward_weight(dy, x, (3, 3, 1, 1))[0, :, 0, 0]
    array([4., 4., 4.], dtype=float32)
    """
    where = "conv2d_backward_weight"
    dy = tensor(dy, f"{where}: dy", 4)
    x = tensor(x, f"{where}: x", 4, dy.dtype)
    w_shape = checked_shape(w_shape, 4, f"{where}: w_shape")
    g = _Geometry(x.shape, w_shape, strides, padding, dilation, groups, where)
    g.check_dy(dy, where)
    dw = Output(out, w_shape, dy.dtype, where, reads=(dy, x), adds=True)
    db = None
    if bias_out is not None:
        db = Output(bias_out, w_shape[3:], dy.dtype, f"{where}: bias_out", (dy, x), adds=True)
        if db.accumulate != dw.accumulate:
            raise ValueError(f"{where}: out and bias_out must both be fresh or both be added to.")
    run(
        where,
        dy.dtype,
        (dw.array, db.array if db else None),
        (dy, x),
        **g.params(),
        accumulate=dw.accumulate,
    )
    if db:
        db.deliver()
    return dw.deliver()
