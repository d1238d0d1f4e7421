"""Layers that apply an activation with constants: ReLU, LeakyReLU, ELU and Softmax."""

from __future__ import annotations

from typing import Any

from cnnlite import ops
from cnnlite.arguments import number
from cnnlite.errors import ShapeError
from cnnlite.layers.activation import FunctionLayer
from cnnlite.layers.axes import joined_last, separated
from cnnlite.layers.context import Context
from cnnlite.ops.core import Tensor
from cnnlite.shapes import is_int, normalize_axes

_LEFT_OUT = -1e9  # what stands in for a masked number, as in Keras


class ReLU(FunctionLayer):
    """``min(x, max_value)`` where ``x > threshold``, else ``negative_slope (x - threshold)``.

    Parameters
    ----------
    max_value : float, optional
        Default: no bound.
    negative_slope, threshold : float
        At least 0.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.ReLU()([[-1, 2]])
    array([[0., 2.]], dtype=float32)
    >>> layers.ReLU(max_value=1, negative_slope=0.5)([[-1, 2]])
    array([[-0.5,  1. ]], dtype=float32)
    """

    function = "relu"

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_value = max_value
        if max_value is not None:
            self.max_value = number(max_value, f"{self.name}: max_value", 0)
        self.negative_slope = number(negative_slope, f"{self.name}: negative_slope", 0)
        self.threshold = number(threshold, f"{self.name}: threshold", 0)

    def constants(self) -> dict[str, Any]:
        return {
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


class LeakyReLU(FunctionLayer):
    """``x`` where ``x > 0``, else ``negative_slope x``.

    Parameters
    ----------
    negative_slope : float
        At least 0.

    References
    ----------
    Maas et al. 2013.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.LeakyReLU(0.5)([[-1, 2]])
    array([[-0.5,  2. ]], dtype=float32)
    """

    function = "leaky_relu"

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.negative_slope = number(negative_slope, f"{self.name}: negative_slope", 0)

    def constants(self) -> dict[str, Any]:
        return {"negative_slope": self.negative_slope}


class ELU(FunctionLayer):
    """``x`` where ``x > 0``, else ``alpha (e^x - 1)``.

    Parameters
    ----------
    alpha : float
        At least 0.

    References
    ----------
    Clevert, Unterthiner and Hochreiter 2015.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.ELU()([[0, 2]])
    array([[0., 2.]], dtype=float32)
    """

    function = "elu"

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = number(alpha, f"{self.name}: alpha", 0)

    def constants(self) -> dict[str, Any]:
        return {"alpha": self.alpha}


class Softmax(FunctionLayer):
    """Softmax along an axis: ``exp(x_k) / sum_j exp(x_j)``.

    A mask, uint8 or bool, broadcasts to the input; what it leaves out counts as -1e9 and
    becomes 0.

    Parameters
    ----------
    axis : int or sequence of int
        Several: the sum over all of them is 1.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.Softmax()([[1, 1]])
    array([[0.5, 0.5]], dtype=float32)
    >>> layers.Softmax()([[1, 1, 9]], mask=np.array([[True, True, False]]))
    array([[0.5, 0.5, 0. ]], dtype=float32)
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        axes = axis if isinstance(axis, list | tuple) else (axis,)
        if not axes or not all(is_int(a) for a in axes):
            raise ShapeError(f"{self.name}: axis must be an integer, or several. Got {axis!r}.")
        self.axis = [int(a) for a in axes] if isinstance(axis, list | tuple) else int(axis)

    def _axes(self, ndim: int) -> tuple[int, ...]:
        return normalize_axes(self.axis, ndim, self.name)

    def forward(self, x: Any) -> tuple[Tensor, Tensor]:
        axes = self._axes(x.ndim)
        if len(axes) == 1:
            y = ops.softmax(x, axes[0])
        else:
            y = separated(ops.softmax(joined_last(x, axes)), x.shape, axes)
        return y, y

    def gradient(self, dy: Tensor, kept: Tensor) -> Tensor:
        axes = self._axes(dy.ndim)
        if len(axes) == 1:
            return ops.softmax_backward(dy, kept, axes[0])
        dx = ops.softmax_backward(joined_last(dy, axes), joined_last(kept, axes))
        return separated(dx, dy.shape, axes)

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        if mask is None:
            return super().call(x, ctx=ctx)
        sizes = zip(mask.shape[::-1], x.shape[::-1], strict=False)
        if mask.ndim > x.ndim or any(m not in (1, n) for m, n in sizes):
            raise ShapeError(
                f"{self.name}: the mask must broadcast to the input. "
                f"Got mask {tuple(mask.shape)}, input {tuple(x.shape)}."
            )
        y, _ = self.forward(ops.where(mask, x, _LEFT_OUT))
        y = ops.where(mask, y, 0.0)  # also where all of a sum is left out
        ctx.save(y)  # whose zeros make the gradient 0 there
        return y
