"""Constraints: projections of weights after each step of the optimizer.

The norm of a constraint is taken over ``axis``: 0 for a Dense kernel (in, out), which
bounds the weights into each unit, [0, 1, 2] for a Conv2D kernel (KH, KW, C, F).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnlite import ops
from cnnlite.arguments import CheckedArguments, number
from cnnlite.nearest import did_you_mean
from cnnlite.ops import Parameter
from cnnlite.serialization import described, made_from
from cnnlite.shapes import is_int

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]


class Constraint(CheckedArguments):
    """A projection of a weight, done in place.

    A subclass defines ``project(w)``, which changes an array (or a Parameter) in place
    with :mod:`cnnlite.ops`, and, with arguments, ``get_config``.

    Examples
    --------
    >>> from cnnlite import constraints, ops
    >>> class Shorter(constraints.Constraint):
    ...     def project(self, w):
    ...         ops.project_norms(w, 0, max_value=0.5)
    >>> Shorter()([3.0, 4.0]).round(3)
    array([0.3, 0.4], dtype=float32)
    """

    def project(self, w: Any) -> None:
        """Change ``w`` in place by operations."""
        raise NotImplementedError(f"{type(self).__name__} has no project(w).")

    def apply(self, weight: Parameter) -> None:
        """Project a parameter in place, now or, under a recorder, in each run of the plan."""
        self.project(weight)
        if not ops.is_recording():
            weight.version += 1

    def __call__(self, w: Any) -> np.ndarray:
        """Return a projected copy of an array."""
        copy = np.array(ops.core.tensor(w, f"{type(self).__name__}: w"))
        with ops.recording(None):
            self.project(copy)
        return copy

    def get_config(self) -> dict[str, Any]:
        """Return the arguments from which :meth:`from_config` makes an equal constraint."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constraint:
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


def _axis(axis: Any, where: str) -> int | list[int]:
    if is_int(axis):
        return int(axis)
    if isinstance(axis, list | tuple) and axis and all(is_int(a) for a in axis):
        return [int(a) for a in axis]
    raise ValueError(f"{where} must be an integer or a list of them. Got {axis!r}.")


class MinMaxNorm(Constraint):
    """Norms between two bounds: ``w *= (rate clip(r, min, max) + (1 - rate) r) / (r + 1e-7)``.

    Parameters
    ----------
    min_value, max_value : float
    rate : float
        1 enforces the bounds in each step, less moves towards them.
    axis : int or list of int
        Over which the norm r is taken.

    Examples
    --------
    >>> MinMaxNorm(1.0, 2.0)([[3.0, 0.3], [4.0, 0.4]]).round(3)
    array([[1.2, 0.6], [1.6, 0.8]], dtype=float32)
    """

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: int | Sequence[int] = 0,
    ) -> None:
        name = type(self).__name__
        self.min_value = number(min_value, f"{name}: min_value", 0)
        self.max_value = number(max_value, f"{name}: max_value", 0)
        if self.min_value > self.max_value:
            raise ValueError(
                f"{name}: min_value must not exceed max_value. Got {min_value!r}, {max_value!r}."
            )
        self.rate = number(rate, f"{name}: rate", 0, 1)
        self.axis = _axis(axis, f"{name}: axis")

    def project(self, w: Any) -> None:
        ops.project_norms(
            w, self.axis, min_value=self.min_value, max_value=self.max_value, rate=self.rate
        )

    def get_config(self) -> dict[str, Any]:
        names = ("min_value", "max_value", "rate", "axis")
        return {name: getattr(self, name) for name in names}


class MaxNorm(MinMaxNorm):
    """Norms of at most ``max_value``: larger ones are scaled down (Srivastava et al. 2014).

    Parameters
    ----------
    max_value : float
    axis : int or list of int

    Examples
    --------
    >>> MaxNorm(1.0)([[3.0, 0.3], [4.0, 0.4]]).round(3)
    array([[0.6, 0.3], [0.8, 0.4]], dtype=float32)
    """

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        super().__init__(0.0, max_value, axis=axis)

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class UnitNorm(MinMaxNorm):
    """Norms of 1.

    Parameters
    ----------
    axis : int or list of int

    Examples
    --------
    >>> UnitNorm()([[3.0, 0.3], [4.0, 0.4]]).round(3)
    array([[0.6, 0.6], [0.8, 0.8]], dtype=float32)
    """

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        super().__init__(1.0, 1.0, axis=axis)

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


class NonNeg(Constraint):
    """No weight below 0.

    Examples
    --------
    >>> NonNeg()([-1.0, 2.0])
    array([0., 2.], dtype=float32)
    """

    def project(self, w: Any) -> None:
        ops.relu(w, out=w)


# The names of functions, as Keras has them.
max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm

_CLASSES = {c.__name__: c for c in (MaxNorm, MinMaxNorm, NonNeg, UnitNorm)}
_NAMES = {
    "max_norm": MaxNorm,
    "min_max_norm": MinMaxNorm,
    "non_neg": NonNeg,
    "unit_norm": UnitNorm,
}


def get(identifier: Any) -> Constraint | None:
    """Return a constraint from its name, class or configuration, or as it is; None is None.

    Examples
    --------
    >>> get("unit_norm")
    UnitNorm(axis=0)
    """
    if identifier is None or isinstance(identifier, Constraint):
        return identifier
    if isinstance(identifier, dict):
        return made_from(identifier, _CLASSES, "constraint")
    if isinstance(identifier, str):
        found = _NAMES.get(identifier) or _CLASSES.get(identifier)
        if found is not None:
            return found()
    elif isinstance(identifier, type) and issubclass(identifier, Constraint):
        return identifier()
    elif callable(identifier):
        raise TypeError(
            f"constraint: a bare function cannot be part of a plan. Got {identifier!r}. "
            "Write a subclass of cnnlite.constraints.Constraint with project(w)."
        )
    raise ValueError(
        f"constraint: no such constraint. Got {identifier!r}. "
        f"Choose one of {', '.join(_NAMES)}, or pass a Constraint."
        + did_you_mean(identifier, _NAMES)
    )


def serialize(constraint: Constraint | None) -> dict[str, Any] | None:
    """Return a configuration from which :func:`get` makes an equal constraint.

    Examples
    --------
    >>> serialize(UnitNorm())
    {'class_name': 'UnitNorm', 'config': {'axis': 0}}
    """
    if constraint is None:
        return None
    return described(constraint, Constraint, "constraint")


def deserialize(config: dict[str, Any] | None) -> Constraint | None:
    """Return the constraint of a configuration; see :func:`serialize`."""
    return get(config)
