"""Optimizer steps over all parameters of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cnnlite.errors import DtypeError, ShapeError
from cnnlite.ops.core import FLOATS, Buffer, Output, Tensor, run
from cnnlite.ops.parameter import Parameter


class _Rule(NamedTuple):
    """What a rule takes: its slots, those that it may lack, and its settings."""

    slots: tuple[str, ...]
    optional: tuple[str, ...]
    settings: tuple[str, ...]


UPDATE_RULES = {
    "sgd": _Rule(("momentum",), ("momentum",), ("momentum", "nesterov")),
    "rmsprop": _Rule(
        ("velocity", "momentum", "average_gradient"),
        ("momentum", "average_gradient"),
        ("rho", "momentum", "epsilon"),
    ),
    "adagrad": _Rule(("accumulator",), (), ("epsilon",)),
    "adadelta": _Rule(("accumulated_grad", "accumulated_delta_var"), (), ("rho", "epsilon")),
    "adam": _Rule(
        ("momentum", "velocity", "velocity_hat"),
        ("velocity_hat",),
        ("beta_1", "beta_2", "epsilon"),
    ),
    "adamax": _Rule(("momentum", "norm"), (), ("beta_1", "beta_2", "epsilon")),
    "nadam": _Rule(("momentum", "velocity"), (), ("beta_1", "beta_2", "epsilon")),
    "lion": _Rule(("momentum",), (), ("beta_1", "beta_2")),
}


def _arrays(arrays: Sequence[Any], like: Sequence[Any], where: str, written: bool) -> list[Any]:
    """Return the arrays of a sequence, checked one by one against ``like``."""
    checked = _values(arrays, where)
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


def _values(arrays: Any, where: str) -> list[Any]:
    if not isinstance(arrays, list | tuple):
        raise TypeError(f"{where} must be a list of arrays. Got {type(arrays).__name__}.")
    return [a.value if type(a) is Parameter else a for a in arrays]


def _weights(weights: Any, where: str, written: bool = True) -> list[Any]:
    weights = _values(weights, where)
    for i, w in enumerate(weights):
        if not isinstance(w, np.ndarray | Buffer):
            raise TypeError(f"{where}[{i}] must be an array. Got {type(w).__name__}.")
    return _arrays(weights, weights, where, written)


def _scalar(value: Any, dtype: Any, where: str) -> np.ndarray:
    if isinstance(value, np.ndarray) and value.shape == (1,) and value.dtype == dtype:
        return value
    if not isinstance(value, int | float | np.number):
        array = f"a (1,) {np.dtype(dtype)} array"
        raise TypeError(f"{where} must be a number or {array}. Got {value!r}.")
    return np.full(1, value, dtype)


def _steps(value: Any, where: str) -> np.ndarray:
    steps = _scalar(value, np.int64, where)
    if not isinstance(value, np.ndarray) and steps[0] < 1:
        raise ValueError(f"{where} must be 1 in the first step. Got {value!r}.")
    return steps


def _per_weight(values: Any, count: int, where: str) -> Any:
    """Return a number for each weight, as float64."""
    if values is None or type(values) is Buffer:
        return values
    array = np.asarray(values, np.float64)
    if array.shape != (count,):
        raise ShapeError(f"{where} must be one number for each weight. Got shape {array.shape}.")
    return np.ascontiguousarray(array)


def _slots(rule: str, slots: Any, weights: Sequence[Any], where: str) -> list[Any]:
    """Return a rule's three places for slots, None where it has none."""
    names = UPDATE_RULES[rule].slots
    if not isinstance(slots, dict) or not set(slots) <= set(names):
        got = sorted(slots) if isinstance(slots, dict) else slots
        raise ValueError(f"{where}: slots of {rule!r} are a dict of {names}. Got {got!r}.")
    found: list[Any] = [None] * 3
    for place, name in enumerate(names):
        arrays = slots.get(name)
        if arrays is not None:
            found[place] = _arrays(arrays, weights, f"{where}: slots[{name!r}]", True)
        elif name not in UPDATE_RULES[rule].optional:
            raise ValueError(f"{where}: {rule!r} needs slots[{name!r}]. Got None.")
    return found


def update(
    rule: str,
    weights: Sequence[Any],
    gradients: Sequence[Any],
    rate: Any,
    iterations: Any = 1,
    *,
    slots: dict[str, Any] | None = None,
    scales: Any = None,
    decays: Any = None,
    clip_value: float | None = None,
    **settings: float,
) -> None:
    """One step of an optimizer over all weights, in place.

    Before it, each gradient is scaled and clipped, ``clip(scale g, -clip_value,
    clip_value)``, and each weight decays, ``w -= rate decay w``.  The rules' formulas stand
    in the reference back end.

    Parameters
    ----------
    rule : {"sgd", "rmsprop", "adagrad", "adadelta", "adam", "adamax", "nadam", "lion"}
    weights, gradients : sequences of arrays
    rate : float or (1,) float64 array
        An array is read anew whenever a recorded plan is replayed.
    iterations : int or (1,) int64 array
        The number of this step, 1 for the first.
    slots : dict of str to sequence of arrays
        What the rule keeps beside each weight, updated in place: the names are in
        ``UPDATE_RULES``.
    scales, decays : (count,) float64 arrays, optional
        A number for each weight.
    clip_value : float, optional
    settings
        The rule's numbers: momentum, nesterov, rho, beta_1, beta_2, epsilon.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> w, v = np.ones(2, "float32"), np.zeros(2, "float32")
    >>> ops.update("sgd", [w], [np.ones(2, "float32")], 0.5)
    >>> w
    array([0.5, 0.5], dtype=float32)
    >>> ops.update("sgd", [w], [w], 0.5, slots={"momentum": [v]}, momentum=0.9)
    >>> w
    array([0.25, 0.25], dtype=float32)
    """
    where = "update"
    if rule not in UPDATE_RULES:
        raise ValueError(
            f"{where}: no such rule. Got {rule!r}. Choose one of {', '.join(UPDATE_RULES)}."
        )
    names = UPDATE_RULES[rule].settings
    for name, value in settings.items():
        if name not in names:
            raise TypeError(f"{where}: {rule!r} has no setting {name!r}, but {', '.join(names)}.")
        if not isinstance(value, int | float | np.number):
            raise TypeError(f"{where}: {name} must be a number. Got {value!r}.")
    missing = [n for n in names if n not in settings and n not in ("momentum", "nesterov")]
    if missing:
        raise TypeError(f"{where}: {rule!r} needs the setting {missing[0]!r}. Got none.")
    weights = _weights(weights, f"{where}: weights")
    gradients = _arrays(gradients, weights, f"{where}: gradients", False)
    first, second, third = _slots(rule, slots or {}, weights, where)
    moved = settings.get("momentum", 0) != 0
    if rule in ("sgd", "rmsprop") and moved != ("momentum" in (slots or {})):
        raise ValueError(
            f"{where}: the slot and the setting 'momentum' go together. Got the "
            f"{'setting' if moved else 'slot'} alone."
        )
    if clip_value is not None and not (isinstance(clip_value, int | float) and clip_value > 0):
        raise ValueError(f"{where}: clip_value must be positive. Got {clip_value!r}.")
    if not weights:
        return
    run(
        where,
        weights[0].dtype,
        (weights, first, second, third),
        (
            gradients,
            _per_weight(scales, len(weights), f"{where}: scales"),
            _per_weight(decays, len(weights), f"{where}: decays"),
            _scalar(rate, np.float64, f"{where}: rate"),
            _steps(iterations, f"{where}: iterations"),
        ),
        rule=rule,
        clip_value=clip_value,
        **settings,
    )


def clip_scales(
    gradients: Sequence[Any], clip_norm: float, *, together: bool = False, out: Any = None
) -> Tensor:
    """Factors that bring gradients to norms of at most ``clip_norm``, for :func:`update`.

    Parameters
    ----------
    gradients : sequence of arrays
    clip_norm : float
    together : bool
        Scale all by the norm of all, instead of each by its own.
    out : (count,) float64 array, optional

    Returns
    -------
    (count,) float64 array

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> gradients = [np.array([3.0, 4.0], "float32"), np.array([0.5], "float32")]
    >>> ops.clip_scales(gradients, 1.0)
    array([0.2, 1. ])
    """
    where = "clip_scales"
    gradients = _weights(gradients, f"{where}: gradients", written=False)
    if not isinstance(clip_norm, int | float | np.number) or not clip_norm > 0:
        raise ValueError(f"{where}: clip_norm must be positive. Got {clip_norm!r}.")
    scales = Output(out, (len(gradients),), np.float64, where)
    dtype = gradients[0].dtype if gradients else np.dtype(np.float32)
    params = {"clip_norm": float(clip_norm), "together": bool(together)}
    run(where, dtype, (scales.array,), (gradients,), **params)
    return scales.deliver()


def average_update(
    averages: Sequence[Any],
    weights: Sequence[Any],
    iterations: Any,
    *,
    momentum: float,
    overwrite_frequency: int | None = None,
) -> None:
    """Moving averages of weights in place: ``a = momentum a + (1 - momentum) w``.

    In the first step ``a = w``.

    Parameters
    ----------
    averages, weights : sequences of arrays
    iterations : int or (1,) int64 array
        The number of this step, 1 for the first.
    momentum : float
    overwrite_frequency : int, optional
        Every so many steps the weights become their averages.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> average, w = np.zeros(1, "float32"), np.ones(1, "float32")
    >>> ops.average_update([average], [w], 1, momentum=0.5)
    >>> ops.average_update([average], [3 * w], 2, momentum=0.5)
    >>> average
    array([2.], dtype=float32)
    """
    where = "average_update"
    weights = _weights(weights, f"{where}: weights", written=overwrite_frequency is not None)
    averages = _arrays(averages, weights, f"{where}: averages", True)
    steps = _steps(iterations, f"{where}: iterations")
    if not isinstance(momentum, int | float) or not 0 <= momentum <= 1:
        raise ValueError(f"{where}: momentum must lie in [0, 1]. Got {momentum!r}.")
    if overwrite_frequency is not None and not (
        isinstance(overwrite_frequency, int) and overwrite_frequency >= 1
    ):
        raise ValueError(
            f"{where}: overwrite_frequency must be a positive integer. Got {overwrite_frequency!r}."
        )
    if weights:
        params = {"momentum": float(momentum), "overwrite_frequency": overwrite_frequency}
        run(where, weights[0].dtype, (averages, weights), (steps,), **params)
