"""Activations: as layers, and as the last part of Dense and Conv2D."""

from __future__ import annotations

from typing import Any

from cnnlite import ops
from cnnlite.layers.base import Layer
from cnnlite.layers.context import Context
from cnnlite.ops.core import Tensor


def checked_activation(activation: Any, where: str) -> str | None:
    """Return an activation's name (None for linear), or raise."""
    if activation is None or activation == "linear":
        return None
    if isinstance(activation, str) and activation in ops.ACTIVATIONS:
        return activation
    if callable(activation):
        raise TypeError(
            f"{where}: activation is a function, which has no known derivative. "
            f"Got {activation!r}. Write a Layer subclass with call and backward, or name one of "
            f"{', '.join(ops.ACTIVATIONS)}."
        )
    raise ValueError(
        f"{where}: no such activation. Got {activation!r}. "
        f"Choose one of linear, {', '.join(ops.ACTIVATIONS)}."
    )


class Activation(Layer):
    """Apply an activation to every element (softmax: along the last axis).

    Parameters
    ----------
    activation : {"linear", "relu", "sigmoid", "tanh", "softmax"}

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.Activation("relu")([[-1, 2]])
    array([[0., 2.]], dtype=float32)
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = checked_activation(activation, self.name)

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        if self.activation is None:
            return x
        y = ops.ACTIVATIONS[self.activation](x)
        ctx.save(y)
        return y

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor:
        if self.activation is None:
            return dy
        (y,) = ctx.saved
        return ops.ACTIVATION_GRADIENTS[self.activation](dy, y)

    def get_config(self) -> dict[str, Any]:
        return {"activation": self.activation or "linear", **super().get_config()}


class ReLU(Activation):
    """Rectified linear unit: ``max(x, 0)``.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.ReLU()([[-1, 2]])
    array([[0., 2.]], dtype=float32)
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("relu", **kwargs)

    def get_config(self) -> dict[str, Any]:
        return Layer.get_config(self)


class Softmax(Activation):
    """Softmax along the last axis: ``exp(x_k) / sum_j exp(x_j)``.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.Softmax()([[1, 1]])
    array([[0.5, 0.5]], dtype=float32)
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__("softmax", **kwargs)
        if axis != -1:
            raise ValueError(f"{self.name}: only the last axis is supported. Got axis={axis!r}.")

    def get_config(self) -> dict[str, Any]:
        return Layer.get_config(self)
