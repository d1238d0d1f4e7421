"""ReLU and its relatives, element by element, and their gradients from their outputs."""

from __future__ import annotations

import math
from typing import Any

from cnnlite.arguments import number
from cnnlite.ops.core import Tensor
from cnnlite.ops.unary import unary, unary_backward

# Of SELU, so that a mean of 0 and a variance of 1 are a fixed point (Klambauer et al. 2017).
SELU = (1.6732632423543772, 1.0507009873554805)


def _leaky(negative_slope: Any, max_value: Any, threshold: Any, where: str) -> tuple:
    return (
        number(negative_slope, f"{where}: negative_slope", 0),
        math.inf if max_value is None else number(max_value, f"{where}: max_value", 0),
        number(threshold, f"{where}: threshold", 0),
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
        return unary("relu", x, out, "relu")
    return unary("relu", x, out, "leaky_relu", _leaky(negative_slope, max_value, threshold, "relu"))


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
        return unary_backward("relu", dy, y, out, "relu")
    constants = _leaky(negative_slope, max_value, threshold, "relu_backward")
    return unary_backward("relu", dy, y, out, "leaky_relu", constants)


def leaky_relu(x: Any, negative_slope: float = 0.2, *, out: Any = None) -> Tensor:
    """``x`` where ``x > 0``, else ``negative_slope x`` (Maas et al. 2013); the slope at least 0.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.leaky_relu([-1, 2])
    array([-0.2,  2. ], dtype=float32)
    """
    constants = (number(negative_slope, "leaky_relu: negative_slope", 0), math.inf, 0.0)
    return unary("leaky_relu", x, out, "leaky_relu", constants)


def leaky_relu_backward(dy: Any, y: Any, negative_slope: float = 0.2, *, out: Any = None) -> Tensor:
    """Gradient of :func:`leaky_relu` from its output: ``dy`` where ``y > 0``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.leaky_relu_backward([5, 5], [-1, 2])
    array([1., 5.], dtype=float32)
    """
    constants = (number(negative_slope, "leaky_relu_backward: negative_slope", 0), math.inf, 0.0)
    return unary_backward("leaky_relu", dy, y, out, "leaky_relu", constants)


def elu(x: Any, alpha: float = 1.0, *, out: Any = None) -> Tensor:
    """``x`` where ``x > 0``, else ``alpha (e^x - 1)`` (Clevert et al. 2015); alpha at least 0.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.elu([-1e9, 2])
    array([-1.,  2.], dtype=float32)
    """
    constants = (number(alpha, "elu: alpha", 0), 1.0)
    return unary("elu", x, out, "elu", constants)


def elu_backward(dy: Any, y: Any, alpha: float = 1.0, *, out: Any = None) -> Tensor:
    """Gradient of :func:`elu` from its output: ``dy (y + alpha)`` below 0.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.elu_backward([5, 5], [-0.5, 2])
    array([2.5, 5. ], dtype=float32)
    """
    constants = (number(alpha, "elu_backward: alpha", 0), 1.0)
    return unary_backward("elu", dy, y, out, "elu", constants)


def selu(x: Any, *, out: Any = None) -> Tensor:
    """``scale elu(x, alpha)``, scale 1.0507, alpha 1.6733 (Klambauer et al. 2017).

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.selu([0, 2])
    array([0.      , 2.101402], dtype=float32)
    """
    return unary("selu", x, out, "elu", SELU)


def selu_backward(dy: Any, y: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`selu` from its output: ``dy (y + scale alpha)`` below 0.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.selu_backward([1], [2])
    array([1.050701], dtype=float32)
    """
    return unary_backward("selu", dy, y, out, "elu", SELU)
