"""Callbacks that set the learning rate: by a function of the epoch, or on a plateau."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from cnnlite.arguments import number
from cnnlite.callbacks.base import Callback, Logs
from cnnlite.callbacks.monitor import MonitorCallback


class LearningRateScheduler(Callback):
    """Set the learning rate at the beginning of every epoch.

    The logs of the epoch, and so the history, have the rate as ``learning_rate``.

    Parameters
    ----------
    schedule : function of (epoch, rate), or of (epoch)
        Returns the rate of the epoch, a float; epochs count from 0, ``rate`` is the present.
    verbose : {0, 1}

    Raises
    ------
    ValueError
        If it returns anything but a float.

    Examples
    --------
    >>> import cnnlite, numpy as np
    >>> model = cnnlite.Sequential([cnnlite.Input((1,)), cnnlite.layers.Dense(1)])
    >>> model.compile(cnnlite.optimizers.SGD(0.5), "mse")
    >>> halve = LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate)
    >>> x = np.ones((1, 1))
    >>> model.fit(x, x, epochs=3, verbose=0, callbacks=[halve]).history["learning_rate"]
    [0.5, 0.25, 0.125]
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        if not callable(schedule):
            raise TypeError(
                "LearningRateScheduler: schedule must be a function of the epoch (and the rate). "
                f"Got {schedule!r}."
            )
        self.schedule = schedule
        self.verbose = number(verbose, "LearningRateScheduler: verbose", 0)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        if _takes_two(self.schedule):
            rate = self.schedule(epoch, optimizer.learning_rate)
        else:
            rate = self.schedule(epoch)
        if not isinstance(rate, float | np.floating):
            raise ValueError(f"LearningRateScheduler: schedule must return a float. Got {rate!r}.")
        optimizer.learning_rate = float(rate)
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = self.model.optimizer.learning_rate


def _takes_two(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(0, 0.0)
    except TypeError:
        return False
    except ValueError:  # some functions of C have no signature
        return True
    return True


class ReduceLROnPlateau(MonitorCallback):
    """Lower the learning rate when a figure has stopped improving.

    The logs of the epoch, and so the history, have the rate as ``learning_rate``.

    Parameters
    ----------
    monitor : str
        Name in the logs.
    factor : float
        Below 1; the new rate is ``rate * factor``.
    patience : int
        Epochs without improvement after which to lower it.
    verbose : {0, 1}
    mode : {"auto", "min", "max"}
        Whether less or more is better; "auto" knows for losses and built-in metrics.
    min_delta : float
        What an improvement must exceed.
    cooldown : int
        Epochs after a reduction in which nothing is counted.
    min_lr : float
        No rate below this.

    Examples
    --------
    >>> import cnnlite, numpy as np
    >>> model = cnnlite.Sequential([cnnlite.Input((1,)), cnnlite.layers.Dense(1)])
    >>> model.compile(cnnlite.optimizers.SGD(0.5), "mse")
    >>> reduce = ReduceLROnPlateau("loss", factor=0.5, patience=2, min_delta=1e9)
    >>> x = np.ones((1, 1))
    >>> model.fit(x, x, epochs=5, verbose=0, callbacks=[reduce]).history["learning_rate"]
    [0.5, 0.5, 0.5, 0.25, 0.25]
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 0.0001,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        where = type(self).__name__
        if number(factor, f"{where}: factor", 0) >= 1.0:
            raise ValueError(f"ReduceLROnPlateau: factor must be below 1. Got {factor!r}.")
        self.factor, self.verbose = factor, number(verbose, f"{where}: verbose", 0)
        self.patience = number(patience, f"{where}: patience", 0)
        number(cooldown, f"{where}: cooldown", 0)
        self.cooldown = cooldown
        self.min_lr = number(min_lr, f"{where}: min_lr", 0)
        self.wait = self.cooldown_counter = 0

    def get_state(self) -> dict[str, Any]:
        return {
            "best": self.best,
            "wait": self.wait,
            "cooldown_counter": self.cooldown_counter,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.best = None
        self.wait = self.cooldown_counter = 0

    def in_cooldown(self) -> bool:
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = self.model.optimizer.learning_rate
        value = self.value_in(logs, "lowering the learning rate")
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improves(value, self.best):
            self.best, self.wait = value, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        optimizer = self.model.optimizer
        if optimizer.learning_rate <= self.min_lr:
            return
        optimizer.learning_rate = max(optimizer.learning_rate * self.factor, self.min_lr)
        self.cooldown_counter, self.wait = self.cooldown, 0
        if self.verbose > 0:
            print(
                f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to "
                f"{optimizer.learning_rate}."
            )
