"""Optimizers that scale each step by past squared gradients: RMSprop, Adagrad, Adadelta."""

from __future__ import annotations

import math
from typing import Any

from cnnlite.arguments import number
from cnnlite.optimizers.base import Optimizer


class RMSprop(Optimizer):
    """RMSprop: steps scaled by a running mean of squared gradients (Tieleman and Hinton 2012).

    ``v = rho v + (1 - rho) g^2``, ``w -= rate g / sqrt(v + epsilon)``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    rho : float
        Decay of the mean.
    momentum : float
        ``m = momentum m + rate g / sqrt(v + epsilon)``, ``w -= m``.
    epsilon : float
    centered : bool
        Scale by the gradients' variance instead: their squared running mean is subtracted.

    All of :class:`Optimizer`'s other arguments follow.

    Examples
    --------
    >>> RMSprop().rho
    0.9
    """

    rule = "rmsprop"
    settings = ("rho", "momentum", "epsilon")
    options = ("centered",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor,
            gradient_accumulation_steps, name,
        )  # fmt: skip
        self.rho = self._fraction(rho, "rho")
        self.momentum = self._fraction(momentum, "momentum")
        self.epsilon = self._positive(epsilon, "epsilon", zero=False)
        self.centered = bool(centered)
        self.slot_names = (
            "velocity",
            *(("momentum",) if self.momentum else ()),
            *(("average_gradient",) if self.centered else ()),
        )


class Adagrad(Optimizer):
    """Adagrad: steps scaled by all squared gradients so far (Duchi, Hazan and Singer 2011).

    ``a += g^2``, ``w -= rate g / sqrt(a + epsilon)``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    initial_accumulator_value : float
        What ``a`` starts from.
    epsilon : float

    All of :class:`Optimizer`'s other arguments follow.

    Examples
    --------
    >>> Adagrad().initial_accumulator_value
    0.1
    """

    rule = "adagrad"
    slot_names = ("accumulator",)
    settings = ("epsilon",)
    options = ("initial_accumulator_value",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor,
            gradient_accumulation_steps, name,
        )  # fmt: skip
        self.initial_accumulator_value = number(
            initial_accumulator_value,
            f"{self.name}: initial_accumulator_value",
            0,
            math.inf,
            open_ends="[)",
        )
        self.epsilon = self._positive(epsilon, "epsilon", zero=False)

    def initial_value(self, slot: str) -> float:
        return self.initial_accumulator_value if slot == "accumulator" else 0.0


class Adadelta(Optimizer):
    """Adadelta: steps scaled by running means of squared steps and gradients (Zeiler 2012).

    ``a = rho a + (1 - rho) g^2``, ``d = sqrt(b + epsilon) / sqrt(a + epsilon) g``,
    ``b = rho b + (1 - rho) d^2``, ``w -= rate d``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    rho : float
    epsilon : float

    All of :class:`Optimizer`'s other arguments follow.

    Examples
    --------
    >>> Adadelta().rho
    0.95
    """

    rule = "adadelta"
    slot_names = ("accumulated_grad", "accumulated_delta_var")
    settings = ("rho", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor,
            gradient_accumulation_steps, name,
        )  # fmt: skip
        self.rho = self._fraction(rho, "rho")
        self.epsilon = self._positive(epsilon, "epsilon", zero=False)
