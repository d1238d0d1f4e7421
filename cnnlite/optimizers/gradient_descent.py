"""Optimizers whose steps do not depend on the size of past gradients: SGD and Lion."""

from __future__ import annotations

from typing import Any

from cnnlite.optimizers.base import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent: ``v = momentum v - rate g``, ``w += v``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    momentum : float
        0 <= momentum <= 1; 0 keeps no velocity.
    nesterov : bool
        ``w += momentum v - rate g`` instead.

    All of :class:`Optimizer`'s other arguments follow.

    Examples
    --------
    >>> SGD(0.1, momentum=0.9).learning_rate
    0.1
    """

    rule = "sgd"
    settings = ("momentum", "nesterov")

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
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
        self.momentum = self._fraction(momentum, "momentum")
        self.nesterov = bool(nesterov)
        self.slot_names = ("momentum",) if self.momentum else ()


class Lion(Optimizer):
    """Lion: steps of one size, by the sign of a momentum (Chen et al. 2023).

    ``w -= rate sign(beta_1 m + (1 - beta_1) g)``, ``m = beta_2 m + (1 - beta_2) g``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    beta_1 : float
        0 < beta_1 <= 1.
    beta_2 : float

    All of :class:`Optimizer`'s other arguments follow.

    Examples
    --------
    >>> Lion().beta_2
    0.99
    """

    rule = "lion"
    slot_names = ("momentum",)
    settings = ("beta_1", "beta_2")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
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
        self.beta_1 = self._fraction(beta_1, "beta_1")
        self.beta_2 = self._fraction(beta_2, "beta_2")
        if self.beta_1 == 0:
            raise ValueError(f"{self.name}: beta_1 must lie in (0, 1]. Got {beta_1!r}.")
