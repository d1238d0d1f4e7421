"""Elementary functions that are no activations, and their gradients.

With :func:`cnnlite.ops.exponential` they are what losses and layers of one's own are made of.
"""

from __future__ import annotations

from typing import Any

from cnnlite.ops.core import Tensor
from cnnlite.ops.unary import unary, unary_backward


def log(x: Any, *, out: Any = None) -> Tensor:
    """Natural logarithm: -inf at 0, NaN below.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.log([0, 1])
    array([-inf,   0.], dtype=float32)
    """
    return unary("log", x, out, "log")


def log_backward(dy: Any, x: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`log` from its input: ``dy / x``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.log_backward([1], [4])
    array([0.25], dtype=float32)
    """
    return unary_backward("log", dy, x, out, "log")


def erf(x: Any, *, out: Any = None) -> Tensor:
    """Error function, ``2 / sqrt(pi)`` times the integral of ``e^(-t^2)`` from 0 to x.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.erf([0, -4])
    array([ 0., -1.], dtype=float32)
    """
    return unary("erf", x, out, "erf")


def erf_backward(dy: Any, x: Any, *, out: Any = None) -> Tensor:
    """Gradient of :func:`erf` from its input: ``dy 2 / sqrt(pi) e^(-x^2)``.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.erf_backward([1], [0])
    array([1.1283792], dtype=float32)
    """
    return unary_backward("erf", dy, x, out, "erf")
