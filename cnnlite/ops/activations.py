"""Activation functions, element by element, and their gradients.

A gradient takes what its derivative is computed from: the activation's output ``y``, or,
where the output does not tell (:data:`NEEDS_INPUT`), its input ``x``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnnlite.ops.core import Output, Tensor, run, same_shape, tensor
from cnnlite.ops.softmax import log_softmax, log_softmax_backward, softmax, softmax_backward

# Of SELU, so that a mean of 0 and a variance of 1 are a fixed point (Klambauer et al. 2017).
SELU = (1.6732632423543772, 1.0507009873554805)


def _unary(where: str, x: Any, out: Any, function: str, parameters: tuple = ()) -> Tensor:
    x = tensor(x, f"{where}: x")
    y = Output(out, x.shape, x.dtype, where, alias=(x,))
    run("unary", x.dtype, (y.array,), (x,), function=function, parameters=parameters)
    return y.deliver()


def _backward(
    where: str, dy: Any, kept: Any, out: Any, function: str, parameters: tuple = ()
) -> Tensor:
    where += "_backward"
    name = "x" if function in _FROM_INPUT else "y"
    dy, kept = tensor(dy, f"{where}: dy"), tensor(kept, f"{where}: {name}")
    same_shape(where, dy, kept, f"dy and {name}")
    dx = Output(out, dy.shape, dy.dtype, where, reads=(kept,), alias=(dy,), adds=True)
    params = {"function": function, "parameters": parameters, "accumulate": dx.accumulate}
    run("unary_backward", dy.dtype, (dx.array,), (dy, kept), **params)
    return dx.deliver()


_FROM_INPUT = ("gelu", "gelu_tanh", "silu", "softsign")


def at_least_0(value: Any, where: str) -> float:
    """Return a constant of an activation as a float, or raise."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{where} must be a number. Got {value!r}.")
    if not float(value) >= 0:
        raise ValueError(f"{where} must be at least 0. Got {value!r}.")
    return float(value)


def _leaky(negative_slope: Any, max_value: Any, threshold: Any, where: str) -> tuple:
    return (
        at_least_0(negative_slope, f"{where}: negative_slope"),
        math.inf if max_value is None else at_least_0(max_value, f"{where}: max_value"),
        at_least_0(threshold, f"{where}: threshold"),
    )


def relu(
    x: Any,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
    *,
    out: Any = None,
) -> Tensor:
    """Rectified linear unit, ``max(x, 0)``, and its relatives; NaN stays NaN.

    ``min(x, max_value)`` where ``x > threshold``, else ``negative_slope (x - threshold)``.

    Parameters
    ----------
    x : array
    negative_slope : float
        At least 0, as the other two.
    max_value : float, optional
        Default: no bound.
    threshold : float
    out : array, optional
        May be ``x`` itself.

    Returns
    -------
    array of x's shape

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.relu([-1, 2])
    array([0., 2.], dtype=float32)
    >>> ops.relu([-1, 0.5, 8], negative_slope=0.5, max_value=6, threshold=1)
    array([-1.  , -0.25,  6.  ], dtype=float32)
    """
    if not negative_slope and max_value is None and not threshold:
        return _unary("relu", x, out, "relu")
    return _unary(
        "relu", x, out, "leaky_relu", _leaky(negative_slope, max_value, threshold, "relu")
    )


def relu_backward(
    dy: Any,
    y: Any,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
    *,
    out: Any = None,
) -> Tensor:
    """Gradient of :func:`relu` from its output: ``dy`` where ``y > 0``, else 0.

    With its other arguments: 0 where ``y >= max_value``, ``negative_slope dy`` where
    ``y <= 0``.

    Parameters
    ----------
    dy, y : arrays of one shape
    negative_slope, max_value, threshold : float
        As in the forward pass.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.relu_backward([5, 5], [0, 2])
    array([0., 5.], dtype=float32)
    """
    if not negative_slope and max_value is None and not threshold:
        return _backward("relu", dy, y, out, "relu")
    constants = _leaky(negative_slope, max_value, threshold, "relu_backward")
    return _backward("relu", dy, y, out, "leaky_relu", constants)


def leaky_relu(x: Any, negative_slope: float = 0.2, *, out: Any = None) -> Tensor:
    """``x`` where ``x > 0``, else ``negative_slope x`` (Maas et al. 2013); the slope at least 0.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.leaky_relu([-1, 2])
    array([-0.2,  2. ], dtype=float32)
    """
    return _unary(
        "leaky_relu",
        x,
        out,
        "leaky_relu",
        (
            at_least_0(negative_slope, "leaky_relu: negative_slope"),
            math.inf,
            0.0,
        ),
    )


def leaky_relu_backward(dy: Any, y: Any, negative_slope: float = 0.2, *, out: Any = None) -> Tensor:
    """Gradient of :func:`leaky_relu` from its output: ``dy`` where ``y > 0``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.leaky_relu_backward([5, 5], [-1, 2])
    array([1., 5.], dtype=float32)
    """
    return _backward(
        "leaky_relu",
        dy,
        y,
        out,
        "leaky_relu",
        (
            at_least_0(negative_slope, "leaky_relu_backward: negative_slope"),
            math.inf,
            0.0,
        ),
    )


def elu(x: Any, alpha: float = 1.0, *, out: Any = None) -> Tensor:
    """``x`` where ``x > 0``, else ``alpha (e^x - 1)`` (Clevert et al. 2015); alpha at least 0.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.elu([-1e9, 2])
    array([-1.,  2.], dtype=float32)
    """
    return _unary(
        "elu",
        x,
        out,
        "elu",
        (
            at_least_0(alpha, "elu: alpha"),
            1.0,
        ),
    )


def elu_backward(dy: Any, y: Any, alpha: float = 1.0, *, out: Any = None) -> Tensor:
    """Gradient of :func:`elu` from its output: ``dy (y + alpha)`` below 0.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.elu_backward([5, 5], [-0.5, 2])
    array([2.5, 5. ], dtype=float32)
    """
    return _backward(
        "elu",
        dy,
        y,
        out,
        "elu",
        (
            at_least_0(alpha, "elu_backward: alpha"),
            1.0,
        ),
    )


def selu(x: Any, *, out: Any = None) -> Tensor:
    """``scale elu(x, alpha)``, scale 1.0507, alpha 1.6733 (Klambauer et al. 2017).

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.selu([0, 2])
    array([0.      , 2.101402], dtype=float32)
    """
    return _unary("selu", x, out, "elu", SELU)


def selu_backward(dy: Any, y: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`selu` from its output: ``dy (y + scale alpha)`` below 0.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.selu_backward([1], [2])
    array([1.050701], dtype=float32)
    """
    return _backward("selu", dy, y, out, "elu", SELU)


def gelu(x: Any, approximate: bool = False, *, out: Any = None) -> Tensor:
    """``x Phi(x)``, Phi the normal distribution (Hendrycks and Gimpel 2016).

    With ``approximate``, ``x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.gelu([0, 1])
    array([0.       , 0.8413447], dtype=float32)
    """
    return _unary("gelu", x, out, "gelu_tanh" if approximate else "gelu")


def gelu_backward(dy: Any, x: Any, approximate: bool = False, *, out: Any = None) -> Tensor:
    """Gradient of :func:`gelu` from its input: ``dy (Phi(x) + x phi(x))``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.gelu_backward([1], [0])
    array([0.5], dtype=float32)
    """
    return _backward("gelu", dy, x, out, "gelu_tanh" if approximate else "gelu")


def sigmoid(x: Any, *, out: Any = None) -> Tensor:
    """Logistic function, ``1 / (1 + e^-x)``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.sigmoid([0.0])
    array([0.5], dtype=float32)
    """
    return _unary("sigmoid", x, out, "sigmoid")


def sigmoid_backward(dy: Any, y: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`sigmoid` from its output: ``dy y (1 - y)``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.sigmoid_backward([1.0], [0.5])
    array([0.25], dtype=float32)
    """
    return _backward("sigmoid", dy, y, out, "sigmoid")


def hard_sigmoid(x: Any, *, out: Any = None) -> Tensor:
    """``min(max(x + 3, 0), 6) / 6``, a sigmoid of straight lines.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.hard_sigmoid([-4, 0, 4])
    array([0. , 0.5, 1. ], dtype=float32)
    """
    return _unary("hard_sigmoid", x, out, "hard_sigmoid")


def hard_sigmoid_backward(dy: Any, y: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`hard_sigmoid` from its output: ``dy / 6`` where ``0 < y < 1``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.hard_sigmoid_backward([6, 6], [0.5, 1])
    array([1., 0.], dtype=float32)
    """
    return _backward("hard_sigmoid", dy, y, out, "hard_sigmoid")


def silu(x: Any, *, out: Any = None) -> Tensor:
    """``x sigmoid(x)``, also called swish (Ramachandran et al. 2017).

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.silu([0, 1])
    array([0.       , 0.7310586], dtype=float32)
    """
    return _unary("silu", x, out, "silu")


def silu_backward(dy: Any, x: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`silu` from its input: ``dy (s + x s (1 - s))``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.silu_backward([1], [0])
    array([0.5], dtype=float32)
    """
    return _backward("silu", dy, x, out, "silu")


def softplus(x: Any, *, out: Any = None) -> Tensor:
    """``log(1 + e^x)``, a smooth ReLU.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.softplus([0])
    array([0.6931472], dtype=float32)
    """
    return _unary("softplus", x, out, "softplus")


def softplus_backward(dy: Any, y: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`softplus` from its output: ``dy (1 - e^-y)``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.softplus_backward([1], [100])
    array([1.], dtype=float32)
    """
    return _backward("softplus", dy, y, out, "softplus")


def softsign(x: Any, *, out: Any = None) -> Tensor:
    """``x / (1 + |x|)``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.softsign([-1, 3])
    array([-0.5 ,  0.75], dtype=float32)
    """
    return _unary("softsign", x, out, "softsign")


def softsign_backward(dy: Any, x: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`softsign` from its input: ``dy / (1 + |x|)^2``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.softsign_backward([1], [1])
    array([0.25], dtype=float32)
    """
    return _backward("softsign", dy, x, out, "softsign")


def tanh(x: Any, *, out: Any = None) -> Tensor:
    """Hyperbolic tangent.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.tanh([0.0])
    array([0.], dtype=float32)
    """
    return _unary("tanh", x, out, "tanh")


def tanh_backward(dy: Any, y: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`tanh` from its output: ``dy (1 - y^2)``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.tanh_backward([1.0], [0.5])
    array([0.75], dtype=float32)
    """
    return _backward("tanh", dy, y, out, "tanh")


def exponential(x: Any, *, out: Any = None) -> Tensor:
    """``e^x``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.exponential([0])
    array([1.], dtype=float32)
    """
    return _unary("exponential", x, out, "exponential")


def exponential_backward(dy: Any, y: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`exponential` from its output: ``dy y``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.exponential_backward([3], [2])
    array([6.], dtype=float32)
    """
    return _backward("exponential", dy, y, out, "exponential")


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
NEEDS_INPUT = frozenset({"gelu", "silu", "softsign"})
