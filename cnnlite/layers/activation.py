"""Activations: as the last part of any layer, and as layers of their own.

A layer that ends in an activation takes these steps, and no others::

    self.activation = checked_activation(activation, self.name)         # __init__
    z = ops.matmul(x, kernel, activation=epilogue(self.activation))     # call
    y, kept = activate(self.activation, z)                              # ctx.save(..., kept)
    dz = activate_backward(self.activation, dy, kept)                   # backward

``epilogue`` names what the product's kernel applies itself (relu, sigmoid, tanh);
``activate`` then does the rest as an operation of its own.  Where no kernel can apply
it, leave ``epilogue`` out and call ``activate(..., fused=False)``.  An activation is a
name, or a :class:`FunctionLayer`, such as ``LeakyReLU(0.1)``, for its constants.
"""

from __future__ import annotations

import warnings
from typing import Any

from cnnlite import activations, ops
from cnnlite.errors import CnnliteWarning
from cnnlite.layers.base import Layer
from cnnlite.layers.context import Context
from cnnlite.ops.core import Tensor
from cnnlite.ops.product import ACTIVATIONS as FUSED


class FunctionLayer(Layer):
    """Base of the layers that apply one function with constants, and no weights."""

    supports_masking = True
    function = ""  # its name among ops.ACTIVATIONS

    def constants(self) -> dict[str, Any]:
        """Return the keyword arguments of the operation."""
        raise NotImplementedError

    def forward(self, x: Any) -> tuple[Tensor, Tensor]:
        """Return the output, and what :meth:`gradient` needs."""
        y = ops.ACTIVATIONS[self.function](x, **self.constants())
        return y, x if self.function in ops.NEEDS_INPUT else y

    def gradient(self, dy: Tensor, kept: Tensor) -> Tensor:
        """Return the gradient of the input."""
        return ops.ACTIVATION_GRADIENTS[self.function](dy, kept, **self.constants())

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        y, kept = self.forward(x)
        ctx.save(kept)
        return y

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor:
        (kept,) = ctx.saved
        return self.gradient(dy, kept)


def checked_activation(activation: Any, where: str) -> str | FunctionLayer:
    """Return an activation's name ("linear" for None), or the layer given, or raise."""
    if activation is None:
        return "linear"
    if isinstance(activation, FunctionLayer):
        return activation
    if isinstance(activation, Activation):
        return activation.activation
    if isinstance(activation, Layer):
        raise TypeError(
            f"{where}: activation is a layer that is more than a function. Got {activation!r}. "
            "Make it the next layer."
        )
    if callable(activation) and any(activation is f for f in activations.FUNCTIONS.values()):
        return activations.serialize(activation)
    if isinstance(activation, str):
        name = "silu" if activation == "swish" else activation
        if name == "linear" or name in ops.ACTIVATIONS:
            return name
    names = f"linear, {', '.join(ops.ACTIVATIONS)}"
    if callable(activation):
        raise TypeError(
            f"{where}: activation is a function, which has no known derivative. "
            f"Got {activation!r}. Write a Layer subclass with call and backward, or name one of "
            f"{names}."
        )
    raise ValueError(f"{where}: no such activation. Got {activation!r}. Choose one of {names}.")


def warn_if_constant(activation: Any, size: int | None, where: str) -> None:
    """Warn once, when a layer is built, of softmax over one value, which is always 1."""
    if activation == "softmax" and size == 1:
        warnings.warn(
            f"{where}: softmax over an axis of size 1 is always 1, so nothing is learned. "
            "Did you mean sigmoid?",
            CnnliteWarning,
            stacklevel=2,
        )


def epilogue(activation: str | FunctionLayer) -> str | None:
    """Return what a product's kernel is to apply itself: the ``activation`` of its operation.

    Examples
    --------
    >>> from cnnlite.layers.activation import epilogue
    >>> epilogue("relu"), epilogue("softmax")
    ('relu', None)
    """
    return activation if isinstance(activation, str) and activation in FUSED else None


def activate(
    activation: str | FunctionLayer, z: Tensor, *, fused: bool = True
) -> tuple[Tensor, Any]:
    """Return ``y = activation(z)`` and what :func:`activate_backward` needs of it.

    Parameters
    ----------
    activation : str or FunctionLayer
        From :func:`checked_activation`.
    z : array
    fused : bool
        Whether z comes from an operation that was given :func:`epilogue`'s answer.
    """
    if isinstance(activation, FunctionLayer):
        return activation.forward(z)
    if activation == "linear":
        return z, None
    if fused and activation in FUSED:
        return z, z
    y = ops.ACTIVATIONS[activation](z)
    return y, z if activation in ops.NEEDS_INPUT else y


def activate_backward(activation: str | FunctionLayer, dy: Tensor, kept: Any) -> Tensor:
    """Return the gradient of z, from that of y and what :func:`activate` returned second."""
    if isinstance(activation, FunctionLayer):
        return activation.gradient(dy, kept)
    return dy if activation == "linear" else ops.ACTIVATION_GRADIENTS[activation](dy, kept)


class Activation(Layer):
    """Apply an activation to every element (softmax: along the last axis).

    Parameters
    ----------
    activation : str, function of :mod:`cnnlite.activations`, or layer such as ``ELU(0.5)``
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

    def build(self, input_shape: Any) -> None:
        if not isinstance(input_shape, list):
            size = input_shape[-1] if input_shape else None
            warn_if_constant(self.activation, size, self.name)

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        y, kept = activate(self.activation, x, fused=False)
        ctx.save(kept)
        return y

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor:
        (kept,) = ctx.saved
        return activate_backward(self.activation, dy, kept)
