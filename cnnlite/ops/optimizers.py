"""Optimizer steps over all parameters of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnlite.errors import DtypeError, ShapeError
from cnnlite.ops.core import FLOATS, Buffer, run
from cnnlite.ops.parameter import Parameter


def _arrays(arrays: Sequence[Any], like: Sequence[Any], where: str, written: bool) -> list[Any]:
    """Return the arrays of a sequence, checked one by one against ``like``."""
    checked = [a.value if type(a) is Parameter else a for a in arrays]
    if len(checked) != len(like):
        raise ShapeError(f"{where}: {len(checked)} arrays for {len(like)} weights.")
    for i, (a, w) in enumerate(zip(checked, like, strict=True)):
        if not isinstance(a, np.ndarray | Buffer):
            raise TypeError(f"{where}[{i}] must be an array. Got {type(a).__name__}.")
        if a.shape != w.shape:
            raise ShapeError(f"{where}[{i}] must have shape {w.shape}. Got {a.shape}.")
        if a.dtype != w.dtype or a.dtype not in FLOATS:
            raise DtypeError(f"{where}[{i}] must be {w.dtype} as the weight. Got {a.dtype}.")
        if a.dtype != checked[0].dtype:
            raise DtypeError(f"{where} must have one dtype. Got {checked[0].dtype} and {a.dtype}.")
        if isinstance(a, np.ndarray) and not a.flags.c_contiguous:
            raise ValueError(f"{where}[{i}] is not C-contiguous. Use np.ascontiguousarray.")
        if written and isinstance(a, np.ndarray) and not a.flags.writeable:
            raise ValueError(f"{where}[{i}] is read-only but is updated in place.")
    return checked


def _scalar(value: Any, dtype: Any, where: str) -> np.ndarray:
    if isinstance(value, np.ndarray) and value.shape == (1,) and value.dtype == dtype:
        return value
    if not isinstance(value, int | float | np.number):
        array = f"a (1,) {np.dtype(dtype)} array"
        raise TypeError(f"{where} must be a number or {array}. Got {value!r}.")
    return np.full(1, value, dtype)


def _values(arrays: Sequence[Any]) -> list[Any]:
    return [a.value if type(a) is Parameter else a for a in arrays]


def sgd_update(
    weights: Sequence[Any],
    gradients: Sequence[Any],
    rate: Any,
    *,
    velocities: Sequence[Any] | None = None,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> None:
    """Gradient descent in place: ``v = momentum v - rate g``, ``w += v``.

    Parameters
    ----------
    weights, gradients : sequences of arrays
    rate : float or (1,) float64 array
        An array is read anew whenever a recorded plan is replayed.
    velocities : sequence of arrays, optional
        Needed with momentum; updated in place.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> w = np.ones(2, "float32")
    >>> ops.sgd_update([w], [np.ones(2, "float32")], 0.5)
    >>> w
    array([0.5, 0.5], dtype=float32)
    """
    where = "sgd_update"
    weights = _values(weights)
    weights = _arrays(weights, weights, f"{where}: weights", True)
    gradients = _arrays(gradients, weights, f"{where}: gradients", False)
    if (velocities is None) != (momentum == 0):
        raise ValueError(
            f"{where}: velocities and momentum go together. Got momentum {momentum}, velocities "
            f"{'None' if velocities is None else 'given'}."
        )
    if velocities is not None:
        velocities = _arrays(velocities, weights, f"{where}: velocities", True)
    if not weights:
        return
    run(
        where,
        weights[0].dtype,
        (weights, velocities),
        (gradients, _scalar(rate, np.float64, f"{where}: rate")),
        momentum=float(momentum),
        nesterov=bool(nesterov),
    )


def adam_update(
    weights: Sequence[Any],
    gradients: Sequence[Any],
    rate: Any,
    iterations: Any,
    *,
    moments: Sequence[Any],
    variances: Sequence[Any],
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> None:
    """One step of Adam in place (Kingma and Ba 2015).

    Parameters
    ----------
    weights, gradients : sequences of arrays
    rate : float or (1,) float64 array
    iterations : int or (1,) int64 array
        The number of this step, 1 for the first.
    moments, variances : sequences of arrays
        Updated in place; zeros before the first step.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> w, m, v = np.ones(1, "float32"), np.zeros(1, "float32"), np.zeros(1, "float32")
    >>> ops.adam_update([w], [np.ones(1, "float32")], 0.1, 1, moments=[m], variances=[v])
    >>> w.round(3)
    array([0.9], dtype=float32)
    """
    where = "adam_update"
    weights = _values(weights)
    weights = _arrays(weights, weights, f"{where}: weights", True)
    gradients = _arrays(gradients, weights, f"{where}: gradients", False)
    steps = _scalar(iterations, np.int64, f"{where}: iterations")
    if not isinstance(iterations, np.ndarray) and steps[0] < 1:
        raise ValueError(f"{where}: iterations must be 1 in the first step. Got {iterations!r}.")
    moments = _arrays(moments, weights, f"{where}: moments", True)
    variances = _arrays(variances, weights, f"{where}: variances", True)
    if not weights:
        return
    run(
        where,
        weights[0].dtype,
        (weights, moments, variances),
        (gradients, _scalar(rate, np.float64, f"{where}: rate"), steps),
        beta_1=float(beta_1),
        beta_2=float(beta_2),
        epsilon=float(epsilon),
    )
