"""Optimizers: how gradients change the weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnlite import ops
from cnnlite.ops import Parameter
from cnnlite.ops.core import Tensor

__all__ = ["SGD", "Adam", "Optimizer", "get"]


class Optimizer:
    """Changes weights against their gradients.

    A subclass defines ``slots``, the names of the arrays that it keeps beside each
    weight, and ``apply(gradients)``, which updates all weights in one operation.

    Parameters
    ----------
    learning_rate : float
    name : str, optional

    Attributes
    ----------
    iterations : int
        Steps done so far.
    """

    slots: tuple[str, ...] = ()

    def __init__(self, learning_rate: float, name: str | None = None) -> None:
        self.name = name or type(self).__name__.lower()
        self._rate = np.zeros(1)
        self._iterations = np.zeros(1, np.int64)
        self.learning_rate = learning_rate
        self.weights: list[Parameter] = []
        self.variables: dict[str, list[Parameter]] = {}

    @property
    def learning_rate(self) -> float:
        """The rate of the next step; may be set at any time."""
        return float(self._rate[0])

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        try:
            rate = float(value)
        except (TypeError, ValueError):
            rate = -1.0
        if not rate >= 0:
            raise ValueError(f"{self.name}: learning_rate must not be negative. Got {value!r}.")
        self._rate[0] = rate

    @property
    def iterations(self) -> int:
        return int(self._iterations[0])

    @iterations.setter
    def iterations(self, value: int) -> None:
        self._iterations[0] = value

    def build(self, weights: Sequence[Parameter]) -> None:
        """Make the slots for these weights, zeros."""
        if [id(w) for w in weights] == [id(w) for w in self.weights] and self.variables:
            return
        self.weights = list(weights)
        self.variables = {
            slot: [Parameter(np.zeros_like(w.value), f"{slot}/{w.name}", False) for w in weights]
            for slot in self.slots
        }

    def apply(self, gradients: Sequence[Tensor]) -> None:
        """Update the weights of :meth:`build`; records or runs one operation."""
        raise NotImplementedError(f"{type(self).__name__} has no apply(gradients).")

    def get_config(self) -> dict[str, Any]:
        return {"learning_rate": self.learning_rate, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Optimizer:
        return cls(**config)


def _fraction(value: Any, where: str) -> float:
    if not isinstance(value, int | float) or not 0 <= value < 1:
        raise ValueError(f"{where} must lie in [0, 1). Got {value!r}.")
    return float(value)


class SGD(Optimizer):
    """Stochastic gradient descent: ``v = momentum v - rate g``, ``w += v``.

    Parameters
    ----------
    learning_rate : float
    momentum : float
        0 <= momentum < 1.
    nesterov : bool
        ``w += momentum v - rate g`` instead.

    Examples
    --------
    >>> SGD(0.1, momentum=0.9).learning_rate
    0.1
    """

    def __init__(
        self,
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(learning_rate, name)
        self.momentum = _fraction(momentum, f"{self.name}: momentum")
        self.nesterov = bool(nesterov)
        self.slots = ("momentum",) if self.momentum else ()

    def apply(self, gradients: Sequence[Tensor]) -> None:
        ops.sgd_update(
            self.weights,
            gradients,
            self._rate,
            velocities=self.variables["momentum"] if self.momentum else None,
            momentum=self.momentum,
            nesterov=self.nesterov,
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}


class Adam(Optimizer):
    """Adam: steps scaled by running moments of the gradient (Kingma and Ba 2015).

    ``w -= rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)``.

    Parameters
    ----------
    learning_rate : float
    beta_1, beta_2 : float
        Decay of the first and the second moment.
    epsilon : float

    Examples
    --------
    >>> Adam().learning_rate
    0.001
    """

    slots = ("momentum", "velocity")

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        name: str | None = None,
    ) -> None:
        super().__init__(learning_rate, name)
        self.beta_1 = _fraction(beta_1, f"{self.name}: beta_1")
        self.beta_2 = _fraction(beta_2, f"{self.name}: beta_2")
        if not epsilon > 0:
            raise ValueError(f"{self.name}: epsilon must be positive. Got {epsilon!r}.")
        self.epsilon = float(epsilon)

    def apply(self, gradients: Sequence[Tensor]) -> None:
        ops.adam_update(
            self.weights,
            gradients,
            self._rate,
            self._iterations,
            moments=self.variables["momentum"],
            variances=self.variables["velocity"],
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }


_CLASSES = {c.__name__: c for c in (SGD, Adam)}
_NAMES = {c.__name__.lower(): c for c in _CLASSES.values()}


def get(identifier: Any) -> Optimizer:
    """Return an optimizer from its name, class or configuration, or as it is.

    Examples
    --------
    >>> get("sgd").learning_rate
    0.01
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, dict) and identifier.get("class_name") in _CLASSES:
        return _CLASSES[identifier["class_name"]].from_config(identifier.get("config", {}))
    if isinstance(identifier, str) and identifier.lower() in _NAMES:
        return _NAMES[identifier.lower()]()
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()  # type: ignore[call-arg]
    raise ValueError(
        f"optimizer: no such optimizer. Got {identifier!r}. "
        f"Choose one of {', '.join(_NAMES)}, or pass an Optimizer."
    )
