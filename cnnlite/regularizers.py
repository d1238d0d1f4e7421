"""Regularizers: penalties on weights or outputs that are added to the loss.

Each has its derivative beside it.  A model adds ``call`` of every regularizer to the
loss that it reports and ``backward`` to the gradients.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnnlite import ops
from cnnlite.arguments import CheckedArguments, number
from cnnlite.errors import ShapeError
from cnnlite.nearest import did_you_mean
from cnnlite.ops.core import Tensor
from cnnlite.serialization import described, made_from

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]


class Regularizer(CheckedArguments):
    """A penalty with its derivative beside it.

    A subclass defines ``call(x, *, out, scale)``, which adds ``scale`` times its penalty
    to ``out`` with :mod:`cnnlite.ops`; ``backward(x, *, out, scale)``, which writes the
    gradient by ``x`` to ``out``; and, with arguments, ``get_config``.

    Examples
    --------
    >>> from cnnlite import ops, regularizers
    >>> class Doubled(regularizers.Regularizer):
    ...     def call(self, x, *, out, scale=1.0):
    ...         ops.penalty_forward(x, l2=2.0, scale=scale, out=out)
    ...     def backward(self, x, *, out, scale=1.0):
    ...         ops.penalty_backward(x, l2=2.0, scale=scale, out=out)
    >>> Doubled()([1.0, 2.0])
    10.0
    """

    def call(self, x: Any, *, out: Any, scale: float = 1.0) -> None:
        """Add ``scale`` times the penalty of ``x`` to ``out``, a (1,) float64 array."""
        raise NotImplementedError(f"{type(self).__name__} has no call(x, *, out, scale).")

    def backward(self, x: Any, *, out: Any, scale: float = 1.0) -> None:
        """Write the gradient of ``scale`` times the penalty to ``out``, an ops.Gradient."""
        raise NotImplementedError(f"{type(self).__name__} has no backward(x, *, out, scale).")

    def __call__(self, x: Any) -> float:
        """Return the penalty of an array as a number."""
        total = np.zeros(1)
        with ops.recording(None):
            self.call(x, out=total)
        return float(total[0])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments from which :meth:`from_config` makes an equal regularizer."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


def _factor(value: Any, where: str) -> float:
    return number(value, where, 0, math.inf, open_ends="[)")


class L1L2(Regularizer):
    """Penalty ``l1 sum |x| + l2 sum x^2``.

    Parameters
    ----------
    l1, l2 : float
        None counts as 0.

    Examples
    --------
    >>> L1L2(l1=0.5, l2=0.25)([1.0, -2.0])
    2.75
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = _factor(0.0 if l1 is None else l1, f"{type(self).__name__}: l1")
        self.l2 = _factor(0.0 if l2 is None else l2, f"{type(self).__name__}: l2")

    def call(self, x: Any, *, out: Any, scale: float = 1.0) -> None:
        ops.penalty_forward(x, l1=self.l1, l2=self.l2, scale=scale, out=out)

    def backward(self, x: Any, *, out: Any, scale: float = 1.0) -> None:
        ops.penalty_backward(x, l1=self.l1, l2=self.l2, scale=scale, out=out)

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    """Penalty ``l1 sum |x|``: many weights become zero.

    Examples
    --------
    >>> L1(0.5)([1.0, -2.0])
    1.5
    """

    def __init__(self, l1: float | None = 0.01) -> None:
        super().__init__(l1=0.01 if l1 is None else l1)

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(L1L2):
    """Penalty ``l2 sum x^2`` (no half): weight decay.

    Examples
    --------
    >>> L2(0.5)([1.0, -2.0])
    2.5
    """

    def __init__(self, l2: float | None = 0.01) -> None:
        super().__init__(l2=0.01 if l2 is None else l2)

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """Penalty on the rows (or columns) of a matrix that are not orthogonal to each other.

    ``factor`` times the mean over all pairs of the absolute cosine of their angle; a
    single row has no pair and no penalty.

    Parameters
    ----------
    factor : float
    mode : {"rows", "columns"}

    Examples
    --------
    >>> OrthogonalRegularizer(0.5)([[2.0, 0.0], [3.0, 4.0]])
    0.3
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _factor(factor, f"{type(self).__name__}: factor")
        if mode not in ("rows", "columns"):
            raise ValueError(
                f"{type(self).__name__}: no such mode. Got {mode!r}. "
                'Choose one of "rows", "columns".'
            )
        self.mode = mode

    def _products(self, x: Any) -> tuple[Tensor, Tensor]:
        x = ops.core.tensor(x, f"{type(self).__name__}: x")
        if x.ndim != 2:
            raise ShapeError(
                f"{type(self).__name__}: x must be a matrix. Got shape {x.shape}. "
                "Use it for weights of 2 dimensions."
            )
        by_rows = self.mode == "rows"
        return x, ops.matmul(x, x, transpose_a=not by_rows, transpose_b=by_rows)

    def call(self, x: Any, *, out: Any, scale: float = 1.0) -> None:
        _, gram = self._products(x)
        ops.orthogonal_penalty_forward(gram, scale=scale * self.factor, out=out)

    def backward(self, x: Any, *, out: Any, scale: float = 1.0) -> None:
        x, gram = self._products(x)
        factors = ops.orthogonal_penalty_backward(gram, scale=scale * self.factor)
        left, right = (factors, x) if self.mode == "rows" else (x, factors)
        ops.matmul(left, right, out=out)

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer  # as Keras has them

_CLASSES = {c.__name__: c for c in (L1, L2, L1L2, OrthogonalRegularizer)}
_NAMES = {
    "l1": L1,
    "l2": L2,
    "l1_l2": L1L2,
    "l1l2": L1L2,
    "orthogonal_regularizer": OrthogonalRegularizer,
}


def get(identifier: Any) -> Regularizer | None:
    """Return a regularizer from its name, class or configuration, or as it is; None is None.

    Examples
    --------
    >>> get("l2")
    L2(l2=0.01)
    """
    if identifier is None or isinstance(identifier, Regularizer):
        return identifier
    if isinstance(identifier, dict):
        return made_from(identifier, _CLASSES, "regularizer")
    if isinstance(identifier, str):
        found = _NAMES.get(identifier) or _CLASSES.get(identifier)
        if found is not None:
            return found()
    elif isinstance(identifier, type) and issubclass(identifier, Regularizer):
        return identifier()
    elif callable(identifier):
        raise TypeError(
            f"regularizer: a bare function has no known derivative. Got {identifier!r}. "
            "Write a subclass of cnnlite.regularizers.Regularizer with call and backward."
        )
    raise ValueError(
        f"regularizer: no such regularizer. Got {identifier!r}. "
        f"Choose one of {', '.join(_NAMES)}, or pass a Regularizer."
        + did_you_mean(identifier, _NAMES)
    )


def serialize(regularizer: Regularizer | None) -> dict[str, Any] | None:
    """Return a configuration from which :func:`get` makes an equal regularizer.

    Examples
    --------
    >>> serialize(L1(0.5))
    {'class_name': 'L1', 'config': {'l1': 0.5}}
    """
    if regularizer is None:
        return None
    return described(regularizer, Regularizer, "regularizer")


def deserialize(config: dict[str, Any] | None) -> Regularizer | None:
    """Return the regularizer of a configuration; see :func:`serialize`."""
    return get(config)
