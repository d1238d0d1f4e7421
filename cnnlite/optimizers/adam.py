"""Adam and its kin: AdamW, Adamax, Nadam."""

from __future__ import annotations

from typing import Any

from cnnlite.optimizers.base import Optimizer


class _Moments(Optimizer):
    """Two running moments, decayed by beta_1 and beta_2, and an epsilon in the divisor."""

    settings = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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
        self.beta_1 = self._fraction(beta_1, "beta_1", below_1=True)
        self.beta_2 = self._fraction(beta_2, "beta_2", below_1=True)
        self.epsilon = self._positive(epsilon, "epsilon", zero=False)


class Adam(_Moments):
    """Adam: steps scaled by running moments of the gradient (Kingma and Ba 2015).

    ``w -= rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    beta_1, beta_2 : float
        Decay of the first and the second moment.
    epsilon : float
    amsgrad : bool
        Divide by the largest second moment so far (Reddi et al. 2018).

    All of :class:`Optimizer`'s other arguments follow.

    Examples
    --------
    >>> Adam().learning_rate
    0.001
    """

    rule = "adam"
    options = ("amsgrad",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
            learning_rate, beta_1, beta_2, epsilon, weight_decay, clipnorm, clipvalue,
            global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name,
        )  # fmt: skip
        self.amsgrad = bool(amsgrad)
        self.slot_names = ("momentum", "velocity", *(("velocity_hat",) if self.amsgrad else ()))


class AdamW(Adam):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019).

    Before each step of :class:`Adam`, ``w -= rate weight_decay w``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    weight_decay : float

    All of :class:`Adam`'s other arguments follow.

    Examples
    --------
    >>> AdamW().weight_decay
    0.004
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay,
            clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name,
        )  # fmt: skip
        if weight_decay is None:
            raise ValueError(f"{self.name}: weight_decay must be a number. Got None. Use Adam.")


class Adamax(_Moments):
    """Adamax: Adam with the largest gradient in place of the second moment.

    ``u = max(beta_2 u, |g|)``, ``w -= rate / (1 - beta_1^t) m / (u + epsilon)`` (Kingma and Ba
    2015, section 7.1).

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    beta_1, beta_2 : float
        Decay of the first and the second moment.
    epsilon : float

    All of :class:`Optimizer`'s other arguments follow.

    Examples
    --------
    >>> Adamax().beta_2
    0.999
    """

    rule = "adamax"
    slot_names = ("momentum", "norm")


class Nadam(_Moments):
    """Nadam: Adam with Nesterov's momentum (Dozat 2016).

    The momentum warms up, ``mu_t = beta_1 (1 - 0.96^t / 2)``; the formula stands in the
    reference back end's ``update``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    beta_1, beta_2 : float
        Decay of the first and the second moment.
    epsilon : float

    All of :class:`Optimizer`'s other arguments follow.

    Examples
    --------
    >>> Nadam().beta_1
    0.9
    """

    rule = "nadam"
    slot_names = ("momentum", "velocity")
