"""Activation functions, element by element, and their gradients.

A gradient takes what its derivative is computed from: the activation's output ``y``, or,
where the output does not tell (:data:`NEEDS_INPUT`), its input ``x``.
"""

from __future__ import annotations

from typing import Any

from cnnlite.ops.core import Tensor
from cnnlite.ops.rectifiers import (
    elu,
    elu_backward,
    leaky_relu,
    leaky_relu_backward,
    relu,
    relu_backward,
    selu,
    selu_backward,
)
from cnnlite.ops.softmax import log_softmax, log_softmax_backward, softmax, softmax_backward
from cnnlite.ops.unary import FROM_INPUT, unary, unary_backward


def gelu(x: Any, approximate: bool = False, *, out: Any = None) -> Tensor:
    """``x Phi(x)``, Phi the normal distribution (Hendrycks and Gimpel 2016).

    With ``approximate``, ``x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.gelu([0, 1])
    array([0.       , 0.8413447], dtype=float32)
    """
    return unary("gelu", x, out, "gelu_tanh" if approximate else "gelu")


def gelu_backward(dy: Any, x: Any, approximate: bool = False, *, out: Any = None) -> Tensor:
    """Gradient of :func:`gelu` from its input: ``dy (Phi(x) + x phi(x))``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.gelu_backward([1], [0])
    array([0.5], dtype=float32)
    """
    return unary_backward("gelu", dy, x, out, "gelu_tanh" if approximate else "gelu")


def sigmoid(x: Any, *, out: Any = None) -> Tensor:
    """Logistic function, ``1 / (1 + e^-x)``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.sigmoid([0.0])
    array([0.5], dtype=float32)
    """
    return unary("sigmoid", x, out, "sigmoid")


def sigmoid_backward(dy: Any, y: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`sigmoid` from its output: ``dy y (1 - y)``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.sigmoid_backward([1.0], [0.5])
    array([0.25], dtype=float32)
    """
    return unary_backward("sigmoid", dy, y, out, "sigmoid")


def hard_sigmoid(x: Any, *, out: Any = None) -> Tensor:
    """``min(max(x + 3, 0), 6) / 6``, a sigmoid of straight lines.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.hard_sigmoid([-4, 0, 4])
    array([0. , 0.5, 1. ], dtype=float32)
    """
    return unary("hard_sigmoid", x, out, "hard_sigmoid")


def hard_sigmoid_backward(dy: Any, y: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`hard_sigmoid` from its output: ``dy / 6`` where ``0 < y < 1``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.hard_sigmoid_backward([6, 6], [0.5, 1])
    array([1., 0.], dtype=float32)
    """
    return unary_backward("hard_sigmoid", dy, y, out, "hard_sigmoid")


def silu(x: Any, *, out: Any = None) -> Tensor:
    """``x sigmoid(x)``, also called swish (Ramachandran et al. 2017).

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.silu([0, 1])
    array([0.       , 0.7310586], dtype=float32)
    """
    return unary("silu", x, out, "silu")


def silu_backward(dy: Any, x: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`silu` from its input: ``dy (s + x s (1 - s))``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.silu_backward([1], [0])
    array([0.5], dtype=float32)
    """
    return unary_backward("silu", dy, x, out, "silu")


def softplus(x: Any, *, out: Any = None) -> Tensor:
    """``log(1 + e^x)``, a smooth ReLU.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.softplus([0])
    array([0.6931472], dtype=float32)
    """
    return unary("softplus", x, out, "softplus")


def softplus_backward(dy: Any, y: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`softplus` from its output: ``dy (1 - e^-y)``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.softplus_backward([1], [100])
    array([1.], dtype=float32)
    """
    return unary_backward("softplus", dy, y, out, "softplus")


def softsign(x: Any, *, out: Any = None) -> Tensor:
    """``x / (1 + |x|)``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.softsign([-1, 3])
    array([-0.5 ,  0.75], dtype=float32)
    """
    return unary("softsign", x, out, "softsign")


def softsign_backward(dy: Any, x: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`softsign` from its input: ``dy / (1 + |x|)^2``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.softsign_backward([1], [1])
    array([0.25], dtype=float32)
    """
    return unary_backward("softsign", dy, x, out, "softsign")


def tanh(x: Any, *, out: Any = None) -> Tensor:
    """Hyperbolic tangent.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.tanh([0.0])
    array([0.], dtype=float32)
    """
    return unary("tanh", x, out, "tanh")


def tanh_backward(dy: Any, y: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`tanh` from its output: ``dy (1 - y^2)``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.tanh_backward([1.0], [0.5])
    array([0.75], dtype=float32)
    """
    return unary_backward("tanh", dy, y, out, "tanh")


def exponential(x: Any, *, out: Any = None) -> Tensor:
    """``e^x``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.exponential([0])
    array([1.], dtype=float32)
    """
    return unary("exponential", x, out, "exponential")


def exponential_backward(dy: Any, y: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`exponential` from its output: ``dy y``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.exponential_backward([3], [2])
    array([6.], dtype=float32)
    """
    return unary_backward("exponential", dy, y, out, "exponential")


ACTIVATIONS = {
    f.__name__: f
    for f in (
        relu, sigmoid, tanh, softmax, leaky_relu, elu, selu, gelu, hard_sigmoid, silu,
        softplus, softsign, log_softmax, exponential,
    )
}  # fmt: skip
ACTIVATION_GRADIENTS = {
    f.__name__.removesuffix("_backward"): f
    for f in (
        relu_backward, sigmoid_backward, tanh_backward, softmax_backward, leaky_relu_backward,
        elu_backward, selu_backward, gelu_backward, hard_sigmoid_backward, silu_backward,
        softplus_backward, softsign_backward, log_softmax_backward, exponential_backward,
    )
}  # fmt: skip
# Whose gradient takes the input of the forward pass; the others take the output.
NEEDS_INPUT = frozenset(FROM_INPUT).intersection(ACTIVATIONS)
