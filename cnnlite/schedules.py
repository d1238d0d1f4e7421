"""Learning-rate schedules: the rate as a function of the steps done.

``Optimizer(learning_rate=schedule)`` asks its schedule before each step, with 0 before
the first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from cnnlite.arguments import CheckedArguments, number
from cnnlite.serialization import described, made_from

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


class LearningRateSchedule(CheckedArguments):
    """The learning rate as a function of the steps done.

    A subclass defines ``__call__(step)``, which returns a number, and, to be saved,
    ``get_config``.

    Examples
    --------
    >>> from cnnlite import optimizers
    >>> class Halving(optimizers.schedules.LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 / 2**step
    >>> optimizers.SGD(Halving()).learning_rate
    0.1
    """

    arguments: tuple[str, ...] = ()  # attributes that get_config gives

    def __call__(self, step: Any) -> float:
        raise NotImplementedError(f"{type(self).__name__} has no __call__(step).")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments from which :meth:`from_config` makes an equal schedule."""
        if not self.arguments:
            raise NotImplementedError(
                f"{type(self).__name__} cannot be saved: it has no get_config()."
            )
        return {name: getattr(self, name) for name in (*self.arguments, "name")}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        return cls(**config)

    def _number(self, value: Any, what: str, positive: bool = False) -> Any:
        """Return a finite number that is not negative, or not 0 either; rates are none below 0."""
        ends = "()" if positive else "[)"
        number(value, f"{type(self).__name__}: {what}", 0, math.inf, open_ends=ends)
        return value  # as it was given: an int stays one in the configuration


class _Decay(LearningRateSchedule):
    """What ExponentialDecay and InverseTimeDecay share."""

    arguments = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase")

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool,
        name: str,
    ) -> None:
        self.initial_learning_rate = self._number(initial_learning_rate, "initial_learning_rate")
        self.decay_steps = self._number(decay_steps, "decay_steps", positive=True)
        self.decay_rate = self._number(decay_rate, "decay_rate")
        self.staircase = bool(staircase)
        self.name = name

    def _periods(self, step: Any) -> float:
        periods = float(step) / self.decay_steps
        return math.floor(periods) if self.staircase else periods


class ExponentialDecay(_Decay):
    """``initial_learning_rate decay_rate^(step / decay_steps)``.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
    decay_rate : float
    staircase : bool
        Whole periods of ``decay_steps`` count alone.
    name : str

    Examples
    --------
    >>> ExponentialDecay(0.1, 10, 0.5)(20)
    0.025
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: Any) -> float:
        return self.initial_learning_rate * self.decay_rate ** self._periods(step)


class InverseTimeDecay(_Decay):
    """``initial_learning_rate / (1 + decay_rate step / decay_steps)``.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
    decay_rate : float
    staircase : bool
        Whole periods of ``decay_steps`` count alone.
    name : str

    Examples
    --------
    >>> InverseTimeDecay(0.1, 10, 0.5)(20)
    0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: Any) -> float:
        return self.initial_learning_rate / (1 + self.decay_rate * self._periods(step))


class PiecewiseConstantDecay(LearningRateSchedule):
    """``values[0]`` up to step ``boundaries[0]``, then ``values[1]`` up to the next, and so on.

    Parameters
    ----------
    boundaries : sequence of int
        Rising; each is the last step of its value.
    values : sequence of float
        One more than boundaries.
    name : str

    Examples
    --------
    >>> rate = PiecewiseConstantDecay([100, 200], [1.0, 0.5, 0.1])
    >>> rate(0), rate(100), rate(101), rate(1000)
    (1.0, 1.0, 0.5, 0.1)
    """

    arguments = ("boundaries", "values")

    def __init__(
        self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant"
    ) -> None:
        kind = type(self).__name__
        for what, numbers in (("boundaries", boundaries), ("values", values)):
            if not isinstance(numbers, Sequence) or isinstance(numbers, str) or not len(numbers):
                raise ValueError(f"{kind}: {what} must be a list of numbers. Got {numbers!r}.")
        self.boundaries = [self._number(b, "boundaries") for b in boundaries]
        self.values = [self._number(v, "values") for v in values]
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"{kind}: values must be one more than boundaries. "
                f"Got {len(boundaries)} boundaries and {len(values)} values."
            )
        if self.boundaries != sorted(self.boundaries):
            raise ValueError(f"{kind}: boundaries must rise. Got {boundaries!r}.")
        self.name = name

    def __call__(self, step: Any) -> float:
        passed = sum(step > boundary for boundary in self.boundaries)
        return float(self.values[int(passed)])


class PolynomialDecay(LearningRateSchedule):
    """From ``initial_learning_rate`` to ``end_learning_rate`` in ``decay_steps``.

    ``(initial - end) (1 - step / decay_steps)^power + end``; later the rate stays, or with
    ``cycle`` the decay is stretched to the next multiple of ``decay_steps``.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
    end_learning_rate : float
    power : float
    cycle : bool
    name : str

    Examples
    --------
    >>> PolynomialDecay(0.1, 10, 0.0)(5)
    0.05
    """

    arguments = ("initial_learning_rate", "decay_steps", "end_learning_rate", "power", "cycle")

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate = self._number(initial_learning_rate, "initial_learning_rate")
        self.decay_steps = self._number(decay_steps, "decay_steps", positive=True)
        self.end_learning_rate = self._number(end_learning_rate, "end_learning_rate")
        self.power = self._number(power, "power")
        self.cycle = bool(cycle)
        self.name = name

    def __call__(self, step: Any) -> float:
        step, length = float(step), float(self.decay_steps)
        if self.cycle:
            length *= max(math.ceil(step / length), 1)
        left = 1 - min(step / length, 1.0)
        change = self.initial_learning_rate - self.end_learning_rate
        return change * left**self.power + self.end_learning_rate


class CosineDecay(LearningRateSchedule):
    """Half a cosine down to ``alpha`` times the rate (Loshchilov and Hutter 2017).

    ``((1 - alpha) (1 + cos(pi step / decay_steps)) / 2 + alpha) initial_learning_rate``, later
    the last value.  With ``warmup_target`` the rate first rises in ``warmup_steps`` steps in a
    line to that target, and the decay starts there.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
    alpha : float
    name : str
    warmup_target : float, optional
    warmup_steps : int

    Examples
    --------
    >>> rate = CosineDecay(0.0, 10, warmup_target=0.1, warmup_steps=4)
    >>> rate(0), rate(2), rate(4), round(rate(9), 3), rate(14)
    (0.0, 0.05, 0.1, 0.05, 0.0)
    """

    arguments = ("initial_learning_rate", "decay_steps", "alpha", "warmup_target", "warmup_steps")

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        self.initial_learning_rate = self._number(initial_learning_rate, "initial_learning_rate")
        self.decay_steps = self._number(decay_steps, "decay_steps", positive=True)
        self.alpha = self._number(alpha, "alpha")
        self.name = name
        self.warmup_target = warmup_target
        if warmup_target is not None:
            self._number(warmup_target, "warmup_target")
        self.warmup_steps = self._number(warmup_steps, "warmup_steps")

    def __call__(self, step: Any) -> float:
        step, peak = float(step), self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return peak + (self.warmup_target - peak) * step / self.warmup_steps
            step, peak = step - self.warmup_steps, self.warmup_target
        cosine = (1 + math.cos(math.pi * min(step / self.decay_steps, 1.0))) / 2
        return peak * ((1 - self.alpha) * cosine + self.alpha)


class CosineDecayRestarts(LearningRateSchedule):
    """Half cosines one after another (Loshchilov and Hutter 2017, SGDR).

    The first period takes ``first_decay_steps``; each next one takes ``t_mul`` times the steps
    and starts at ``m_mul`` times the rate.

    Parameters
    ----------
    initial_learning_rate : float
    first_decay_steps : int
    t_mul, m_mul : float
    alpha : float
        Share of the rate that stays at the end of a period.
    name : str

    Examples
    --------
    >>> rate = CosineDecayRestarts(0.1, 10, m_mul=0.5)
    >>> rate(0), round(rate(5), 3), rate(10), round(rate(20), 4)
    (0.1, 0.05, 0.05, 0.025)
    """

    arguments = ("initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha")

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate = self._number(initial_learning_rate, "initial_learning_rate")
        self.first_decay_steps = self._number(first_decay_steps, "first_decay_steps", positive=True)
        self.t_mul = self._number(t_mul, "t_mul", positive=True)
        self.m_mul = self._number(m_mul, "m_mul")
        self.alpha = self._number(alpha, "alpha")
        self.name = name
        if self.t_mul < 1:
            raise ValueError(
                f"{type(self).__name__}: t_mul must be at least 1, or the periods would end. "
                f"Got {t_mul!r}."
            )

    def __call__(self, step: Any) -> float:
        # In units of the first period, the n-th starts at 1 + t_mul + ... + t_mul^(n-1).
        done, restarts, length = float(step) / self.first_decay_steps, 0, 1.0
        if self.t_mul == 1:
            restarts = math.floor(done)
            done -= restarts
        else:
            while done >= length:
                done, restarts, length = done - length, restarts + 1, length * self.t_mul
            done /= length
        cosine = self.m_mul**restarts * (1 + math.cos(math.pi * done)) / 2
        return self.initial_learning_rate * ((1 - self.alpha) * cosine + self.alpha)


_CLASSES = {
    c.__name__: c
    for c in (
        ExponentialDecay,
        InverseTimeDecay,
        PiecewiseConstantDecay,
        PolynomialDecay,
        CosineDecay,
        CosineDecayRestarts,
    )
}


def serialize(schedule: LearningRateSchedule) -> dict[str, Any]:
    """Return a configuration from which :func:`deserialize` makes an equal schedule.

    Examples
    --------
    >>> deserialize(serialize(PolynomialDecay(0.1, 10, 0.0)))(5)
    0.05
    """
    return described(schedule, LearningRateSchedule, "schedule")


def deserialize(config: dict[str, Any]) -> LearningRateSchedule:
    """Return the schedule of a configuration; see :func:`serialize`."""
    if not isinstance(config, dict):
        raise ValueError(f"schedule: a configuration must be a dict. Got {config!r}.")
    return made_from(config, _CLASSES, "schedule")
