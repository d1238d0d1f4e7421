"""ModelCheckpoint: the model in a file, again and again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cnnlite.arguments import file_path, number
from cnnlite.callbacks.base import Logs
from cnnlite.callbacks.monitor import MonitorCallback
from cnnlite.shapes import is_int

_SUFFIX = ".safetensors"


def checked_frequency(value: Any, where: str) -> Any:
    """Return "epoch" or a number of batches, or raise."""
    if value != "epoch" and (not is_int(value) or value < 1):
        raise ValueError(
            f'{where}: save_freq must be "epoch" or a positive number of batches. Got {value!r}.'
        )
    return value


class ModelCheckpoint(MonitorCallback):
    """Save the model, or its weights, after every epoch or every so many batches.

    A crash while a file is written leaves the old one or the new one, never a half.
    Folders that are missing are made.

    Parameters
    ----------
    filepath : str or path
        Must end in ``.safetensors``.  ``{epoch}`` (from 1), ``{batch}`` (from 1, with a
        number of batches) and the names of the logs are filled in:
        ``"{epoch:02d}-{val_loss:.2f}.safetensors"``.
    monitor : str
        Name in the logs.
    verbose : {0, 1}
    save_best_only : bool
        Save only where ``monitor`` is better than at any saving before; NaN is not.
    save_weights_only : bool
        ``model.save_weights`` instead of ``model.save``.
    mode : {"auto", "min", "max"}
        Whether less or more is better; "auto" knows for losses and built-in metrics.
    save_freq : "epoch" or int
        An int: after so many batches, counted on over epochs.
    initial_value_threshold : float, optional
        What the first saved value must improve on.

    Raises
    ------
    KeyError
        If a name in ``filepath`` is not in the logs.

    Examples
    --------
    >>> import cnnlite, numpy as np, os, tempfile
    >>> model = cnnlite.Sequential([cnnlite.Input((1,)), cnnlite.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save = ModelCheckpoint(os.path.join(folder, "{epoch:02d}.safetensors"))
    ...     h = model.fit(np.ones((1, 1)), np.ones((1, 1)), epochs=2, verbose=0, callbacks=[save])
    ...     sorted(os.listdir(folder))
    ['01.safetensors', '02.safetensors']
    """

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        self.filepath = file_path(filepath, "ModelCheckpoint: filepath")
        if not self.filepath.endswith(_SUFFIX):
            raise ValueError(
                f"ModelCheckpoint: filepath must end in {_SUFFIX}. Got {self.filepath!r}."
            )
        self.save_freq = checked_frequency(save_freq, "ModelCheckpoint")
        self.verbose = number(verbose, "ModelCheckpoint: verbose", 0)
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        if initial_value_threshold is not None:
            number(initial_value_threshold, "ModelCheckpoint: initial_value_threshold")
        self.best = initial_value_threshold
        self._batches = 0  # since the last saving
        self._epoch = 0
        if save_freq != "epoch":
            # Of the object and not of the class: logs of batches are gathered for listeners.
            vars(self).update(on_train_batch_end=self._end_batch)

    def get_state(self) -> dict[str, Any]:
        return {"best": self.best, "_batches": self._batches, "_epoch": self._epoch}

    def set_state(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def _end_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._batches += 1
        if self._batches >= self.save_freq:
            self._batches = 0
            self._save(self._epoch, logs, batch=batch + 1)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, logs)

    def _save(self, epoch: int, logs: Logs | None, **fields: int) -> None:
        try:
            path = self.filepath.format(**{"epoch": epoch + 1, **fields, **(logs or {})})
        except KeyError as error:
            raise KeyError(
                f"ModelCheckpoint: filepath names {error}, which is not in the logs. "
                f"Got {self.filepath!r}. There is {', '.join(logs or {}) or 'nothing'}."
            ) from None
        if self.save_best_only and not self._is_best(epoch, logs):
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: saved the model to {path}")

    def _is_best(self, epoch: int, logs: Logs | None) -> bool:
        value = self.value_in(logs, "saving the best model alone")
        if value is None:
            return True  # as Keras: better a file too many
        before = "None" if self.best is None else f"{self.best:.5f}"
        better = self.improves(value, self.best)
        if better:
            self.best = value
        if self.verbose > 0:
            how = f"improved from {before} to {value:.5f}"
            print(
                f"\nEpoch {epoch + 1}: {self.monitor} "
                f"{how if better else f'did not improve from {before}'}"
            )
        return better
