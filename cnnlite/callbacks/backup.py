"""BackupAndRestore: a training that was killed goes on where it was."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from cnnlite.arguments import file_path
from cnnlite.callbacks.base import Callback, Logs
from cnnlite.callbacks.checkpoint import checked_frequency
from cnnlite.errors import CnnliteWarning, FileFormatError

_LATEST, _PREVIOUS = "latest.safetensors", "previous.safetensors"


class BackupAndRestore(Callback):
    """Keep the state of the training in a folder, and go on from it after a crash.

    Run the same program again: a training that was killed, at any moment, ends with the
    same bits as one that never was.  Kept are the weights, the optimizer's slots, rate and
    step, the seed, the epoch and the batch in it, the order of the samples, the running
    metrics, the history, and what callbacks return from ``get_state``.  Its hooks run
    after those of all other callbacks, wherever it stands in the list.

    An epoch that goes on in its middle does not begin anew: ``on_epoch_begin`` is not
    called again.  A PyDataset hears ``on_epoch_begin`` and ``on_epoch_end`` as often as
    before; a generator is asked for the batches that were used, which are thrown away.

    Parameters
    ----------
    backup_dir : str or path
        A folder for this training alone; made where it is missing.
    save_freq : "epoch" or int
        After every epoch, or after so many batches (and no epoch).  A file takes as
        long to write as the disk takes to make it last, some 10 ms.
    double_checkpoint : bool
        Keep the backup before the last too, for the case that the disk damages the last.
    delete_checkpoint : bool
        Delete the backup when the training has come to its end; not after an exception.

    Raises
    ------
    FileFormatError
        If the backup is damaged, or of another model.
    ValueError
        When ``fit`` begins, if the model has not been built yet.

    Examples
    --------
    >>> import cnnlite, numpy as np, os, tempfile
    >>> model = cnnlite.Sequential([cnnlite.Input((1,)), cnnlite.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x = np.ones((1, 1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     backup = BackupAndRestore(os.path.join(folder, "backup"), delete_checkpoint=False)
    ...     h = model.fit(x, x, epochs=2, verbose=0, callbacks=[backup])
    ...     h = model.fit(x, x, epochs=3, verbose=0, callbacks=[backup])
    >>> h.epoch, model.optimizer.iterations
    ([0, 1, 2], 3)
    """

    runs_last = True

    def __init__(
        self,
        backup_dir: Any,
        save_freq: Any = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        self.backup_dir = Path(file_path(backup_dir, "BackupAndRestore: backup_dir"))
        self.save_freq = checked_frequency(save_freq, "BackupAndRestore")
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint
        self._batches = 0  # since the last backup
        if save_freq != "epoch":
            # Of the object and not of the class: logs of batches are gathered for listeners.
            vars(self).update(on_train_batch_end=self._end_batch)

    def get_state(self) -> dict[str, Any]:
        return {"_batches": self._batches}

    def set_state(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._batches = 0
        if not self.model.built:
            raise ValueError(
                f"BackupAndRestore: {self.model.name} is not built, so nothing can be restored. "
                "Start it with an Input, or call build(input_shape), before fit."
            )
        self._remove_unfinished()
        latest, previous = self.backup_dir / _LATEST, self.backup_dir / _PREVIOUS
        if not latest.exists() and not previous.exists():
            return
        try:
            self.model._fit.restore(latest)
            return
        except (FileFormatError, FileNotFoundError) as error:
            if not previous.exists():
                raise
            damage = str(error)
        warnings.warn(
            f"BackupAndRestore: the last backup is lost, so training goes on from the one "
            f"before: {damage}",
            CnnliteWarning,
            stacklevel=2,
        )
        self.model._fit.restore(previous)

    def _end_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._batches += 1
        if self._batches >= self.save_freq:
            self._batches = 0
            self._save()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save()

    def _save(self) -> None:
        self.backup_dir.mkdir(parents=True, exist_ok=True)
        latest = self.backup_dir / _LATEST
        if self.double_checkpoint and latest.exists():
            latest.replace(self.backup_dir / _PREVIOUS)
        self.model._fit.save(latest)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if not self.delete_checkpoint:
            return
        self._remove_unfinished()
        for name in (_PREVIOUS, _LATEST):  # the older first: killed between, the newer counts
            (self.backup_dir / name).unlink(missing_ok=True)
        if self.backup_dir.is_dir() and not any(self.backup_dir.iterdir()):
            self.backup_dir.rmdir()

    def _remove_unfinished(self) -> None:
        """Remove what a process left that was killed while it wrote."""
        for path in self.backup_dir.glob(f".{_LATEST}.*"):
            path.unlink(missing_ok=True)
