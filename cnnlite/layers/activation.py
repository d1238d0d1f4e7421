"""Activations: as the last part of any layer, and as layers of their own.

A layer that ends in an activation takes these steps, and no others::

    self.activation = checked_activation(activation, self.name)         # __init__
    z = ops.matmul(x, kernel, activation=epilogue(self.activation))     # call
    y, kept = activate(self.activation, z)                              # ctx.save(..., kept)
    dz = activate_backward(self.activation, dy, kept)                   # backward

``epilogue`` names what the product's kernel applies itself (relu, sigmoid, tanh);
``activate`` then does the rest as an operation of its own.  Where no kernel can apply
it, leave ``epilogue`` out and call ``activate(..., fused=False)``.
"""

from __future__ import annotations

from typing import Any

from cnnlite import activations, ops
from cnnlite.layers.base import Layer
from cnnlite.layers.context import Context
from cnnlite.ops.activations import at_least_0
from cnnlite.ops.core import Tensor
from cnnlite.ops.product import ACTIVATIONS as FUSED
from cnnlite.shapes import is_int


def checked_activation(activation: Any, where: str) -> str:
    """Return an activation's name ("linear" for None), or raise."""
    if activation is None:
        return "linear"
    if callable(activation) and activation in activations.FUNCTIONS.values():
        return activations.serialize(activation)
    if activation == "swish":
        return "silu"
    if isinstance(activation, str) and (activation == "linear" or activation in ops.ACTIVATIONS):
        return activation
    names = f"linear, {', '.join(ops.ACTIVATIONS)}"
    if callable(activation):
        raise TypeError(
            f"{where}: activation is a function, which has no known derivative. "
            f"Got {activation!r}. Write a Layer subclass with call and backward, or name one of "
            f"{names}."
        )
    raise ValueError(f"{where}: no such activation. Got {activation!r}. Choose one of {names}.")


def epilogue(activation: str) -> str | None:
    """Return what a product's kernel is to apply itself: the ``activation`` of its operation.

    Examples
    --------
    >>> from cnnlite.layers.activation import epilogue
    >>> epilogue("relu"), epilogue("softmax")
    ('relu', None)
    """
    return activation if activation in FUSED else None


def activate(activation: str, z: Tensor, *, fused: bool = True) -> tuple[Tensor, Any]:
    """Return ``y = activation(z)`` and what :func:`activate_backward` needs of it.

    Parameters
    ----------
    activation : str
        From :func:`checked_activation`.
    z : array
    fused : bool
        Whether z comes from an operation that was given :func:`epilogue`'s answer.
    """
    if activation == "linear":
        return z, None
    if fused and activation in FUSED:
        return z, z
    y = ops.ACTIVATIONS[activation](z)
    return y, z if activation in ops.NEEDS_INPUT else y


def activate_backward(activation: str, dy: Tensor, kept: Any) -> Tensor:
    """Return the gradient of z, from that of y and what :func:`activate` returned second."""
    return dy if activation == "linear" else ops.ACTIVATION_GRADIENTS[activation](dy, kept)


class Activation(Layer):
    """Apply an activation to every element (softmax: along the last axis).

    Parameters
    ----------
    activation : str
        "linear" or a name of :data:`cnnlite.ops.ACTIVATIONS`.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.Activation("relu")([[-1, 2]])
    array([[0., 2.]], dtype=float32)
    """

    supports_masking = True

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = checked_activation(activation, self.name)

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        y, kept = activate(self.activation, x, fused=False)
        ctx.save(kept)
        return y

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor:
        (kept,) = ctx.saved
        return activate_backward(self.activation, dy, kept)


class _Parametrised(Layer):
    """Base of the layers that apply one function with constants."""

    supports_masking = True
    function = ""

    def constants(self) -> dict[str, Any]:
        """Return the keyword arguments of the operation."""
        raise NotImplementedError

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        y = ops.ACTIVATIONS[self.function](x, **self.constants())
        ctx.save(x if self.function in ops.NEEDS_INPUT else y)
        return y

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor:
        (kept,) = ctx.saved
        return ops.ACTIVATION_GRADIENTS[self.function](dy, kept, **self.constants())


class ReLU(_Parametrised):
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
            self.max_value = at_least_0(max_value, f"{self.name}: max_value")
        self.negative_slope = at_least_0(negative_slope, f"{self.name}: negative_slope")
        self.threshold = at_least_0(threshold, f"{self.name}: threshold")

    def constants(self) -> dict[str, Any]:
        return {
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


class LeakyReLU(_Parametrised):
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
        self.negative_slope = at_least_0(negative_slope, f"{self.name}: negative_slope")

    def constants(self) -> dict[str, Any]:
        return {"negative_slope": self.negative_slope}


class ELU(_Parametrised):
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
        self.alpha = at_least_0(alpha, f"{self.name}: alpha")

    def constants(self) -> dict[str, Any]:
        return {"alpha": self.alpha}


class Softmax(_Parametrised):
    """Softmax along an axis: ``exp(x_k) / sum_j exp(x_j)``.

    Parameters
    ----------
    axis : int

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.Softmax()([[1, 1]])
    array([[0.5, 0.5]], dtype=float32)
    """

    function = "softmax"
    supports_masking = False

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not is_int(axis):
            raise ValueError(f"{self.name}: axis must be an integer. Got {axis!r}.")
        self.axis = int(axis)

    def constants(self) -> dict[str, Any]:
        return {"axis": self.axis}
