"""EarlyStopping: keep the parameters of the smallest validation error."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite.arguments import number
from cnnlite.callbacks.base import Logs
from cnnlite.callbacks.monitor import MonitorCallback
from cnnlite.shapes import is_int


class EarlyStopping(MonitorCallback):
    """Stop training when a figure has stopped improving.

    The figure is looked at after every epoch, or with ``every_n_steps`` after every so
    many batches.  ``patience`` looks in a row without an improvement end the training.

    With ``restore_best_weights``, the weights of the best look come back on every way
    out of ``fit``: when it stops here, at the last epoch, where another callback stopped
    it, after an exception and after Ctrl-C.

    Parameters
    ----------
    monitor : str
        Name in the logs.
    min_delta : float
        What an improvement must exceed.
    patience : int
        Looks without improvement after which to stop; 0 and 1: at the first.  The first
        epoch never ends it.
    verbose : {0, 1}
        1 prints when it stops, and what it restores.
    mode : {"auto", "min", "max"}
        Whether less or more is better; "auto" knows for losses and built-in metrics.
    baseline : float, optional
        An improvement that does not reach it as well does not start the patience anew.
    restore_best_weights : bool
    start_from_epoch : int
        Epochs (from 0) before this one are not looked at.
    every_n_steps : int, optional
        Look after each so many batches instead, at which the model is evaluated on the
        validation data of ``fit`` if ``monitor`` begins with ``val_``; a figure of the
        training is its running value in the epoch.  ``patience`` counts these looks.
    first_step, last_step : int, optional
        With ``every_n_steps``: the batches of this call of ``fit``, counted from 1, at
        which to look first (default ``every_n_steps``) and after which to look no more
        (default: none).

    Attributes
    ----------
    best : float or None
    best_epoch, best_step : int
        Where it was found: the epoch from 0, and with ``every_n_steps`` the batch.
    stopped_epoch : int
        Where training was stopped; 0 if it was not.

    Examples
    --------
    >>> import cnnlite, numpy as np
    >>> model = cnnlite.Sequential([cnnlite.Input((1,)), cnnlite.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> stop = EarlyStopping("loss", min_delta=1e9, patience=2)
    >>> x = np.ones((4, 1))
    >>> len(model.fit(x, x, epochs=50, verbose=0, callbacks=[stop]).epoch)
    3
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
        *,
        every_n_steps: int | None = None,
        first_step: int | None = None,
        last_step: int | None = None,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        steps = {
            "every_n_steps": every_n_steps,
            "first_step": first_step,
            "last_step": last_step,
        }
        for name, value in steps.items():
            if value is None:
                continue
            if not is_int(value) or value < 1:
                raise ValueError(
                    f"EarlyStopping: {name} must be a positive integer or None. Got {value!r}."
                )
            if every_n_steps is None:
                raise ValueError(f"EarlyStopping: {name} needs every_n_steps. Got none.")
        self.patience = number(patience, "EarlyStopping: patience", 0)
        self.verbose = number(verbose, "EarlyStopping: verbose", 0)
        self.baseline = baseline
        if baseline is not None:
            number(baseline, "EarlyStopping: baseline")
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = number(start_from_epoch, "EarlyStopping: start_from_epoch", 0)
        self.every_n_steps, self.last_step = every_n_steps, last_step
        self.first_step = first_step or every_n_steps
        self._running = False
        self._start_anew()
        if every_n_steps is not None:
            # Of the object and not of the class: logs of batches are gathered for listeners.
            vars(self).update(on_epoch_begin=self._begin_epoch, on_train_batch_end=self._end_batch)

    def _start_anew(self) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = self.best_step = 0
        self.best = None
        self.best_weights: list[np.ndarray] | None = None
        self._epoch = self._step = 0
        self._stopped = False

    def get_state(self) -> dict[str, Any]:
        names = ("wait", "stopped_epoch", "best_epoch", "best_step", "best", "best_weights")
        return {name: getattr(self, name) for name in (*names, "_epoch", "_step", "_stopped")}

    def set_state(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._start_anew()
        self._running = True

    def _begin_epoch(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def _end_batch(self, batch: int, logs: Logs | None = None) -> None:
        """Look at the figure where the number of batches so far says so."""
        assert self.every_n_steps is not None and self.first_step is not None
        self._step += 1
        past = self._step - self.first_step
        over = self.last_step is not None and self._step > self.last_step
        if past < 0 or past % self.every_n_steps or over or self._epoch < self.start_from_epoch:
            return
        if self.monitor.startswith("val_"):
            logs = self.model._fit.validate()
        value = self.value_in(logs, "early stopping")
        if value is not None:
            self._look(value, self._epoch, may_stop=True)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.every_n_steps is not None:
            return
        value = self.value_in(logs, "early stopping")
        if value is not None and epoch >= self.start_from_epoch:
            self._look(value, epoch, may_stop=epoch > 0)

    def _look(self, value: float, epoch: int, may_stop: bool) -> None:
        self.wait += 1
        if self.improves(value, self.best):
            self.best, self.best_epoch, self.best_step = value, epoch, self._step
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()  # copies
            if self.baseline is None or self.improves(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and may_stop:
            self.stopped_epoch, self._stopped = epoch, True
            self.model.stop_training = True

    def _place(self, epoch: int, step: int) -> str:
        return f"Epoch {epoch + 1}" + ("" if self.every_n_steps is None else f", step {step}")

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._running = False
        if self._stopped and self.verbose > 0:
            print(f"{self._place(self.stopped_epoch, self._step)}: early stopping")
        if self.best_weights is None:
            return
        if self.verbose > 0:
            place = self._place(self.best_epoch, self.best_step)
            print(f"Restoring the best weights, those of: {place}.")
        self.model.set_weights(self.best_weights)

    def on_train_abort(self, logs: Logs | None = None) -> None:
        if self._running:  # else on_train_begin was never heard, and the best is an older fit's
            self.on_train_end(logs)
