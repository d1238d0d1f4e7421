"""One call of fit: its loop over epochs and batches, where it stands, and its state in a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cnnlite.callbacks.base import CallbackList
from cnnlite.models import resume
from cnnlite.models.batches import Batches, Epochs
from cnnlite.models.progress import Progress

if TYPE_CHECKING:
    from cnnlite.models.model import Model


class Fit:
    """The training that one call of ``fit`` does.

    Parameters
    ----------
    model : Model
    source : Epochs
        The batches to train on.
    validation : ArrayBatches, StreamBatches or None
    validation_steps : int or None
        Batches of a validation; None: all.
    validates : function of the epoch
        Whether to validate after it.
    calls : CallbackList
    epoch, epochs : int
        The first epoch, from 0, and the one to end before.
    verbose : {0, 1, 2}

    Attributes
    ----------
    epoch : int
        The epoch that runs or comes next.
    batch : int
        The batches that it has done.
    logs : dict
        Those of the last epoch's end.
    """

    def __init__(
        self,
        model: Model,
        source: Epochs,
        validation: Batches | None,
        validation_steps: int | None,
        validates: Callable[[int], bool],
        calls: CallbackList,
        epoch: int,
        epochs: int,
        verbose: int,
    ) -> None:
        self.model, self.source, self.calls = model, source, calls
        self.epoch, self.epochs, self.verbose = epoch, epochs, verbose
        self.batch = 0
        self.logs: dict[str, Any] = {}
        self._validation, self._validation_steps = validation, validation_steps
        self._validates = validates
        self._heard = calls.wants(
            "on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"
        )
        self._over = False  # restored from a training that had been stopped

    def run(self) -> None:
        """Train; on the way out by an exception, the callbacks hear ``on_train_abort``."""
        before, self.model._fit = self.model._fit, self
        trains = self.epoch < self.epochs
        try:
            self.calls.call("on_train_begin")
            while self.epoch < self.epochs and not self._over:
                self._run_epoch()
                if self.model.stop_training:
                    break
            if trains and self.model.optimizer is not None:
                self.model.optimizer.finalize_variable_values(self.model.optimizer.weights)
            self.calls.call("on_train_end", logs=self.logs)
        except BaseException:
            self.calls.abort(self.logs)
            raise
        finally:
            self.source.close()
            self.model._fit = before

    def _run_epoch(self) -> None:
        title = f"Epoch {self.epoch + 1}/{self.epochs}"
        progress = Progress(title, self.source.steps, self.verbose, self.batch)
        try:
            if self.batch == 0:  # else it goes on in its middle
                if self.model._heads is not None:
                    self.model.reset_metrics()
                self.calls.call("on_epoch_begin", self.epoch)
            if self.batch == 0 or not self.model.stop_training:
                self._run_batches(progress)
            if self.batch == 0:  # a generator that ended in an earlier epoch, and said so
                progress.abandon()
                self.model.stop_training = True
                return
            logs = self.model._logs()
            if self._validation is not None and self._validates(self.epoch):
                logs |= self.validate()
        except BaseException:
            progress.abandon()
            raise
        progress.finish(logs)
        epoch, self.epoch, self.batch, self.logs = self.epoch, self.epoch + 1, 0, logs
        self.calls.call("on_epoch_end", epoch, logs=logs)

    def _run_batches(self, progress: Progress) -> None:
        model, started = self.model, False
        for data, samples, size in self.source.epoch(self.batch):
            if self._heard:
                self.calls.call("on_train_batch_begin", self.batch)
            with model._lock:
                if not started:  # here, as a generator's first batch may build the model
                    model._start_training()
                    started = True
                model._train_step(data, samples, size)
            progress.advance(model._logs)
            self.batch += 1
            if self._heard:
                self.calls.call("on_train_batch_end", self.batch - 1, logs=model._logs())
            if model.stop_training:
                break
        if self.batch == 0 and not self.logs:
            raise ValueError("fit: the data gave no batch. Pass a generator that yields (x, y).")

    def validate(self) -> dict[str, Any]:
        """Return the figures of the validation data, ``val_loss`` and so on, as they are now."""
        if self._validation is None:
            raise ValueError(
                "fit: a callback asks for a validation, and there are no data for it. "
                "Pass validation_data or validation_split."
            )
        source = Epochs(self._validation, self._validation_steps, "fit: validation_data")
        found = self.model._evaluate(source, self.calls)
        return {f"val_{name}": value for name, value in found.items()}

    # -- state

    def save(self, path: Any) -> None:
        """Write all that the training depends on to a file, whole or not at all."""
        validation = self._validation
        state = {
            "epoch": self.epoch,
            "batch": self.batch,
            "stopped": self.model.stop_training,
            "logs": self.logs,
            "source": self.source.state(),
            "validation": None if validation is None else validation.state(),
            "callbacks": self.calls.states(),
        }
        resume.save(self.model, state, path)

    def restore(self, path: Any) -> None:
        """Go on where :meth:`save` was called; during ``on_train_begin``."""
        state = resume.load(self.model, path)
        self.epoch, self.batch = state["epoch"], state["batch"]
        self.logs = state["logs"]
        self.model.stop_training = state["stopped"]
        self._over = state["stopped"] and self.batch == 0
        self.source.restore(state["source"])
        if self._validation is not None and state["validation"] is not None:
            self._validation.restore(state["validation"], False)
        self.calls.set_states(state["callbacks"])
