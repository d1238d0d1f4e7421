"""Random numbers as functions of seed, stream, step and element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnlite.errors import DtypeError
from cnnlite.ops.core import FLOATS, Output, Tensor, checked_shape, run, same_shape, tensor
from cnnlite.shapes import is_int


def clock(seed: int, step: int = 0) -> np.ndarray:
    """Return the (2,) uint64 array that random operations read: seed and step.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.clock(7)
    array([7, 0], dtype=uint64)
    """
    for name, value in (("seed", seed), ("step", step)):
        if not is_int(value):
            raise TypeError(f"clock: {name} must be an integer. Got {value!r}.")
        if not 0 <= value < 2**64:
            raise ValueError(f"clock: {name} must lie in [0, 2^64). Got {value}.")
    return np.array([seed, step], dtype=np.uint64)


def _clock(value: Any, where: str) -> np.ndarray:
    if not (
        isinstance(value, np.ndarray)
        and value.dtype == np.uint64
        and value.shape == (2,)
        and value.flags.c_contiguous
    ):
        raise TypeError(
            f"{where}: clock must be a (2,) uint64 array, seed and step. Got {value!r}. "
            "Make it with cnnlite.ops.clock(seed, step)."
        )
    return value


def _stream(stream: int, where: str) -> int:
    if not is_int(stream) or not 0 <= stream < 2**32:
        raise ValueError(f"{where}: stream must be an integer in [0, 2^32). Got {stream!r}.")
    return int(stream)


def _rate(rate: float, where: str) -> float:
    if not isinstance(rate, int | float | np.number) or not 0 <= rate < 1:
        raise ValueError(f"{where}: rate must be a number in [0, 1). Got {rate!r}.")
    return float(rate)


def _random_output(out: Any, shape: Any, dtype: Any, where: str) -> Output:
    dtype = np.dtype(dtype)
    if dtype not in FLOATS:
        raise DtypeError(f"{where}: dtype must be float32 or float64. Got {dtype}.")
    return Output(out, checked_shape(shape, None, f"{where}: shape"), dtype, where)


def dropout_forward(
    x: Any, rate: float, clock: np.ndarray, *, stream: int = 0, out: Any = None
) -> tuple[Tensor, Tensor]:
    """Dropout: each element is 0 with probability ``rate``, else ``x / (1 - rate)``.

    Parameters
    ----------
    x : array
    rate : float
        0 <= rate < 1.
    clock : (2,) uint64 array
        Seed and step, see :func:`clock`.
    stream : int
        Which draw of the step this is.

    Returns
    -------
    y : array of x's shape
    mask : uint8 array of x's shape
        1 where kept.

    References
    ----------
    Srivastava et al. 2014.

    Examples
    --------
    >>> from cnnlite import ops
    >>> y, mask = ops.dropout_forward([1, 1, 1, 1], 0.5, ops.clock(seed=1))
    >>> bool((y == 2 * mask).all())
    True
    """
    x = tensor(x, "dropout: x")
    y = Output(out, x.shape, x.dtype, "dropout", alias=(x,))
    mask = Output(None, x.shape, np.uint8, "dropout").array
    inputs = (x, _clock(clock, "dropout"))
    params = {"rate": _rate(rate, "dropout"), "stream": _stream(stream, "dropout")}
    run("dropout_forward", x.dtype, (y.array, mask), inputs, **params)
    return y.deliver(), mask


def dropout_backward(dy: Any, mask: Any, rate: float, *, out: Any = None) -> Tensor:
    """Gradient of dropout: ``dy / (1 - rate)`` where kept, else 0.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.dropout_backward([1, 1], [0, 1], 0.5)
    array([0., 2.], dtype=float32)
    """
    where = "dropout_backward"
    dy = tensor(dy, f"{where}: dy")
    mask = tensor(mask, f"{where}: mask", dtype=np.uint8, integer=True)
    if mask.shape != dy.shape:
        same_shape(where, dy, mask, "dy and mask")
    dx = Output(out, dy.shape, dy.dtype, where, reads=(mask,), alias=(dy,), adds=True)
    params = {"rate": _rate(rate, where), "accumulate": dx.accumulate}
    run(where, dy.dtype, (dx.array,), (dy, mask), **params)
    return dx.deliver()


def random_uniform(
    shape: Sequence[int],
    low: float = 0.0,
    high: float = 1.0,
    *,
    clock: np.ndarray,
    stream: int = 0,
    dtype: Any = np.float32,
    out: Any = None,
) -> Tensor:
    """Uniform numbers in [low, high), 24 random bits each.

    Parameters
    ----------
    shape : sequence of int
    low, high : float
    clock : (2,) uint64 array
        Seed and step, see :func:`clock`.  Numbers repeat after 2^32 steps.
    stream : int
        Which draw of the step this is.
    dtype : {"float32", "float64"}
    out : array, optional

    Returns
    -------
    array of that shape and dtype

    Examples
    --------
    >>> from cnnlite import ops
    >>> u = ops.random_uniform((1000,), clock=ops.clock(seed=1))
    >>> bool(u.min() >= 0 and u.max() < 1)
    True
    """
    y = _random_output(out, shape, dtype, "random_uniform")
    params = {"low": float(low), "high": float(high), "stream": _stream(stream, "random_uniform")}
    run("random_uniform", y.array.dtype, (y.array,), (_clock(clock, "random_uniform"),), **params)
    return y.deliver()


def random_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    *,
    clock: np.ndarray,
    truncated: bool = False,
    stream: int = 0,
    dtype: Any = np.float32,
    out: Any = None,
) -> Tensor:
    """Normal numbers; with ``truncated`` none beyond two standard deviations.

    Parameters
    ----------
    shape : sequence of int
    mean, stddev : float
    clock : (2,) uint64 array
        Seed and step, see :func:`clock`.  Numbers repeat after 2^26 steps.
    truncated : bool
    stream : int
        Which draw of the step this is.
    dtype : {"float32", "float64"}
    out : array, optional

    Returns
    -------
    array of that shape and dtype

    Examples
    --------
    >>> from cnnlite import ops
    >>> z = ops.random_normal((1000,), truncated=True, clock=ops.clock(seed=1))
    >>> bool(abs(z).max() <= 2)
    True
    """
    y = _random_output(out, shape, dtype, "random_normal")
    params = {
        "mean": float(mean),
        "stddev": float(stddev),
        "truncated": bool(truncated),
        "stream": _stream(stream, "random_normal"),
    }
    run("random_normal", y.array.dtype, (y.array,), (_clock(clock, "random_normal"),), **params)
    return y.deliver()
