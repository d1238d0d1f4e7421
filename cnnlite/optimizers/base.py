"""What all optimizers share: rates, slots, decay, clipping, averages, configuration."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnnlite import ops, schedules
from cnnlite.arguments import CheckedArguments, number
from cnnlite.errors import CnnliteWarning
from cnnlite.ops import Parameter
from cnnlite.ops.core import Tensor
from cnnlite.optimizers.gradients import checked_gradient, checked_pairs
from cnnlite.schedules import LearningRateSchedule
from cnnlite.shapes import is_int


class _Rate(float):
    """A learning rate: a number that Keras's scripts may assign to, or ask for its value."""

    def __new__(cls, value: Any, optimizer: Optimizer) -> _Rate:
        made = super().__new__(cls, value)
        made._optimizer = optimizer  # type: ignore[attr-defined]
        return made

    def assign(self, value: Any) -> None:
        """Set the optimizer's rate."""
        self._optimizer.learning_rate = value  # type: ignore[attr-defined]

    def numpy(self) -> float:
        return float(self)

    def __reduce__(self) -> Any:
        return float, (float(self),)


class Optimizer(CheckedArguments):
    """Changes weights against their gradients.

    A subclass of your own names the arrays that it keeps beside each weight in
    ``slot_names`` and defines ``update(gradients, **options)``, which changes
    ``self.weights`` and ``self.slots`` in place with :mod:`cnnlite.ops`; the options are
    ``scales``, ``decays`` and ``clip_value``, as :func:`cnnlite.ops.update` takes them.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or function without arguments
    weight_decay : float, optional
        Before each step ``w -= learning_rate weight_decay w``.
    clipnorm : float, optional
        Each gradient is scaled down to a norm of at most this.
    clipvalue : float, optional
        Each element of the gradients is cut off at plus and minus this.
    global_clipnorm : float, optional
        All gradients are scaled down to a norm of at most this, taken together.  Only one
        of the three may be given.
    use_ema : bool
        Keep moving averages of the weights, which replace the weights when ``fit`` ends.
    ema_momentum : float
        ``average = ema_momentum average + (1 - ema_momentum) w`` after each step.
    ema_overwrite_frequency : int, optional
        Replace the weights by their averages every so many steps too.
    loss_scale_factor, gradient_accumulation_steps : None
        Not offered.
    name : str, optional

    Attributes
    ----------
    iterations : int
        Steps done so far.
    weights : list of Parameter
        What the optimizer changes, since :meth:`build`.
    slots : dict of str to list of Parameter
        What it keeps: one array beside each weight.
    """

    rule: str = ""  # of ops.update
    slot_names: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()  # attributes that the rule takes
    options: tuple[str, ...] = ()  # other arguments of the constructor

    def __init__(
        self,
        learning_rate: Any,
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
        self.name = name or type(self).__name__.lower()
        self.weight_decay = self._positive(weight_decay, "weight_decay")
        self.clipnorm = self._positive(clipnorm, "clipnorm")
        self.clipvalue = self._positive(clipvalue, "clipvalue")
        self.global_clipnorm = self._positive(global_clipnorm, "global_clipnorm")
        given = [
            n for n in ("clipnorm", "clipvalue", "global_clipnorm") if getattr(self, n) is not None
        ]
        if len(given) > 1:
            raise ValueError(
                f"{self.name}: only one of clipnorm, clipvalue and global_clipnorm may be given. "
                f"Got {' and '.join(given)}."
            )
        for option, value in (
            ("loss_scale_factor", loss_scale_factor),
            ("gradient_accumulation_steps", gradient_accumulation_steps),
        ):
            if value is not None:
                raise ValueError(f"{self.name}: {option} is not offered. Got {value!r}. Drop it.")
        self.use_ema = bool(use_ema)
        self.ema_momentum = self._fraction(ema_momentum, "ema_momentum")
        if ema_overwrite_frequency is not None and not (
            is_int(ema_overwrite_frequency) and ema_overwrite_frequency >= 1
        ):
            raise ValueError(
                f"{self.name}: ema_overwrite_frequency must be a positive integer or None. "
                f"Got {ema_overwrite_frequency!r}."
            )
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self._rate = np.zeros(1)
        self._iterations = np.zeros(1, np.int64)
        self._source: Callable[..., Any] | None = None  # of the rate, where that is no number
        self.learning_rate = learning_rate
        self.weights: list[Parameter] = []
        self.slots: dict[str, list[Parameter]] = {}
        self._kept: dict[int, tuple[Parameter, dict[str, Parameter]]] = {}
        self._decays: np.ndarray | None = None
        self._excluded: tuple[set[int], str | None] = (set(), None)

    # -- checks of constructors

    def _fraction(self, value: Any, what: str, below_1: bool = False) -> float:
        return number(value, f"{self.name}: {what}", 0, 1, open_ends="[)" if below_1 else "[]")

    def _positive(self, value: Any, what: str, zero: bool = True) -> Any:
        if value is None and zero:
            return None
        ends = "[)" if zero else "()"
        return number(value, f"{self.name}: {what}", 0, math.inf, open_ends=ends)

    # -- the rate

    @property
    def learning_rate(self) -> Any:
        """The rate of the next step; a number may be set at any time, unless it is scheduled."""
        if isinstance(self._source, LearningRateSchedule):
            return float(self._source(self.iterations))
        return _Rate(self._rate[0] if self._source is None else self._source(), self)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if isinstance(value, LearningRateSchedule) or callable(value):
            self._source = value
            return
        if isinstance(self._source, LearningRateSchedule):
            raise TypeError(
                f"{self.name}: learning_rate is given by a schedule, so it cannot be set. "
                f"Got {value!r}. Make the optimizer with a number instead."
            )
        self._source = None
        self._rate[0] = self._checked_rate(value)

    def _checked_rate(self, value: Any) -> float:
        if isinstance(value, np.ndarray) and value.ndim == 0:
            value = value.item()
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not number or not 0 <= value < math.inf:
            raise ValueError(
                f"{self.name}: learning_rate must not be negative: a finite number or a schedule. "
                f"Got {value!r}."
            )
        return float(value)

    @property
    def iterations(self) -> int:
        return int(self._iterations[0])

    @iterations.setter
    def iterations(self, value: int) -> None:
        if not is_int(value) or value < 0:
            raise ValueError(f"{self.name}: iterations must be 0 or more. Got {value!r}.")
        self._iterations[0] = value

    def begin_step(self) -> None:
        """Set the rate of the next step and count it; comes before the step's operations run.

        Of the first step, a schedule is asked for the rate at 0, and the number is 1.
        """
        if self._source is not None:
            self._rate[0] = self._checked_rate(self.learning_rate)
        self._iterations[0] += 1

    # -- weights and slots

    @property
    def built(self) -> bool:
        return bool(self._kept)

    @property
    def variables(self) -> list[Parameter]:
        """All that the optimizer keeps: the count of steps, the rate, the slots by weight."""
        found = [
            Parameter(self._iterations, "iteration", False),
            Parameter(self._rate, "learning_rate", False),
        ]
        return found + [p for _, slots in self._kept.values() for p in slots.values()]

    def build(self, weights: Sequence[Parameter]) -> None:
        """Make the slots for these weights; those that it knows keep theirs.

        Raises
        ------
        ValueError
            If the optimizer was built for others and knows none of these.
        """
        if not all(isinstance(w, Parameter) for w in weights):
            raise TypeError(f"{self.name}: build needs a list of weights. Got {weights!r}.")
        if [id(w) for w in weights] == [id(w) for w in self.weights] and self.built:
            return
        if self.built and weights and not any(id(w) in self._kept for w in weights):
            raise ValueError(
                f"{self.name}: the optimizer belongs to other weights. Got {weights[0].name!r}, "
                "which it was not built with. Make a new optimizer for another model or other "
                "layers, and compile anew."
            )
        names = (*self.slot_names, *(("average",) if self.use_ema else ()))
        for w in weights:
            if id(w) not in self._kept:
                self._kept[id(w)] = (w, {name: self._new_slot(name, w) for name in names})
        self.weights = list(weights)
        self.slots = {name: [self._kept[id(w)][1][name] for w in weights] for name in names}
        self._decays = None
        if self.weight_decay is not None:
            self._decays = np.array([self.weight_decay * self._decays_at_all(w) for w in weights])

    def _new_slot(self, slot: str, weight: Parameter) -> Parameter:
        value = np.full_like(weight.value, self.initial_value(slot))
        return Parameter(value, f"{slot}/{weight.name}", False)

    def initial_value(self, slot: str) -> float:
        """Return what a slot is filled with at first."""
        return 0.0

    def exclude_from_weight_decay(
        self, var_list: Sequence[Parameter] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Name weights that do not decay; call it before the first step.

        Parameters
        ----------
        var_list : sequence of Parameter, optional
        var_names : sequence of str, optional
            Weights whose name (``bias``, ``kernel``) holds one of these patterns.

        Examples
        --------
        >>> from cnnlite import optimizers
        >>> optimizers.AdamW().exclude_from_weight_decay(var_names=["bias"])
        """
        if self.built:
            raise ValueError(
                f"{self.name}: exclude_from_weight_decay must come before the first step. "
                f"Got {len(self._kept)} weights built already."
            )
        names = [var_names] if isinstance(var_names, str) else var_names or []
        if not isinstance(names, list | tuple) or not all(isinstance(n, str) for n in names):
            raise TypeError(f"{self.name}: var_names must be a list of str. Got {var_names!r}.")
        weights = [] if var_list is None else var_list
        listed = isinstance(weights, list | tuple)
        if not listed or not all(isinstance(w, Parameter) for w in weights):
            raise TypeError(f"{self.name}: var_list must be a list of weights. Got {var_list!r}.")
        pattern = "|".join(names) if names else None
        self._excluded = ({id(w) for w in weights}, pattern)

    def _decays_at_all(self, weight: Parameter) -> bool:
        ids, pattern = self._excluded
        own_name = weight.name.rsplit("/", 1)[-1]
        return id(weight) not in ids and not (pattern and re.search(pattern, own_name))

    # -- steps

    def apply(self, gradients: Sequence[Tensor]) -> None:
        """Update and constrain the weights of :meth:`build`; records or runs a few operations.

        :meth:`begin_step` comes before it, or before each run of the plan; on arrays of
        your own call :meth:`apply_gradients`.
        """
        scales = None
        norm = self.clipnorm or self.global_clipnorm
        if norm:
            together = self.clipnorm is None
            scales = ops.clip_scales(gradients, norm, together=together)
        self.update(
            gradients, scales=scales, decays=self._decays, clip_value=self.clipvalue or None
        )
        if self.use_ema:
            ops.average_update(
                self.slots["average"],
                self.weights,
                self._iterations,
                momentum=self.ema_momentum,
                overwrite_frequency=self.ema_overwrite_frequency,
            )
        for weight in self.weights:
            if weight.constraint is not None:
                weight.constraint.apply(weight)

    def update(self, gradients: Sequence[Tensor], **options: Any) -> None:
        """Change ``self.weights`` and ``self.slots`` by one operation."""
        if not self.rule:
            raise NotImplementedError(f"{type(self).__name__} has no update(gradients, **options).")
        ops.update(
            self.rule,
            self.weights,
            gradients,
            self._rate,
            self._iterations,
            slots={name: self.slots[name] for name in self.slot_names},
            **options,
            **{name: getattr(self, name) for name in self.settings},
        )

    def apply_gradients(self, grads_and_vars: Sequence[tuple[Any, Parameter]]) -> int:
        """Take one step now; return the number of steps done.

        Parameters
        ----------
        grads_and_vars : sequence of (array, Parameter)
            A weight whose gradient is None is left alone, with a warning.

        Examples
        --------
        >>> import numpy as np
        >>> from cnnlite import ops, optimizers
        >>> w = ops.Parameter(np.ones(2, "float32"), "w")
        >>> optimizers.SGD(0.5).apply_gradients([([1.0, 2.0], w)])
        1
        >>> w.numpy()
        array([0.5, 0. ], dtype=float32)
        """
        pairs = checked_pairs(grads_and_vars, self.name)
        self.build([w for _, w in pairs])
        missing = [w.name for g, w in pairs if g is None]
        if pairs and len(missing) == len(pairs):
            raise ValueError(f"{self.name}: no gradient for any weight. Got None for {missing}.")
        if missing:
            message = f"{self.name}: no gradient for {', '.join(missing)}: left as they are."
            warnings.warn(message, CnnliteWarning, stacklevel=2)
            self.build([w for g, w in pairs if g is not None])
        gradients = []
        for g, w in ((g, w) for g, w in pairs if g is not None):
            gradients.append(checked_gradient(g, w, self.name))
        if gradients:
            self.begin_step()
            with ops.recording(None):
                self.apply(gradients)
        for w in self.weights:
            w.version += 1
        return self.iterations

    def finalize_variable_values(self, var_list: Sequence[Parameter]) -> None:
        """Replace weights by their averages, if those are kept; ``fit`` ends with it."""
        if not self.use_ema:
            return
        for w in var_list:
            if id(w) not in self._kept:
                raise ValueError(
                    f"{self.name}: no average of {w.name!r} is kept: the optimizer was not "
                    f"built with it. Got {len(self._kept)} other weights."
                )
            w.assign(self._kept[id(w)][1]["average"].value)

    # -- configuration

    def get_config(self) -> dict[str, Any]:
        """Return the arguments from which :meth:`from_config` makes an equal optimizer."""
        rate = self._source
        if rate is not None and not isinstance(rate, LearningRateSchedule):
            raise ValueError(
                f"{self.name}: a function as learning_rate cannot be saved. Got {rate!r}. "
                "Use a schedule of cnnlite.optimizers.schedules."
            )
        common = (
            "weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema",
            "ema_momentum", "ema_overwrite_frequency",
        )  # fmt: skip
        return {
            "name": self.name,
            "learning_rate": float(self._rate[0]) if rate is None else schedules.serialize(rate),
            **{name: getattr(self, name) for name in (*common, *self.settings, *self.options)},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Optimizer:
        """Return a new optimizer from what :meth:`get_config` gave."""
        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            config["learning_rate"] = schedules.deserialize(config["learning_rate"])
        return cls(**config)
