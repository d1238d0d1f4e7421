"""CSVLogger: the figures of every epoch in a table."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import IO, Any

from cnnlite.arguments import file_path
from cnnlite.callbacks.base import Callback, Logs


class CSVLogger(Callback):
    """Write the logs of every epoch to a file of comma-separated values.

    The columns are ``epoch`` (from 0) and the names of the first epoch's logs in
    alphabetical order; if that epoch had no validation, the ``val_`` columns come after
    them.  A figure that an epoch lacks is written NA.

    Parameters
    ----------
    filename : str or path
        Folders that are missing are made.
    separator : str
    append : bool
        Go on in the file if it exists; else it is overwritten.

    Examples
    --------
    >>> import cnnlite, numpy as np, os, tempfile
    >>> model = cnnlite.Sequential([cnnlite.Input((1,)), cnnlite.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "log.csv")
    ...     log = CSVLogger(path, separator=";")
    ...     h = model.fit(np.ones((1, 1)), np.ones((1, 1)), verbose=0, callbacks=[log])
    ...     print(open(path).readline().strip())
    epoch;loss;val_loss
    """

    def __init__(self, filename: Any, separator: str = ",", append: bool = False) -> None:
        super().__init__()
        if len(separator) != 1:
            raise ValueError(f"CSVLogger: separator must be one character. Got {separator!r}.")
        self.filename = file_path(filename, "CSVLogger: filename")
        self.sep, self.append = separator, append
        self.keys: list[str] | None = None
        self._file: IO[str] | None = None
        self._size: int | None = None  # of the file, where a killed training goes on

    def get_state(self) -> dict[str, Any]:
        size = self._size if self._file is None else self._file.tell()
        return {"keys": self.keys, "_size": size}

    def set_state(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._close()
        self.keys = self._size = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._open()

    def _open(self) -> IO[str]:
        """Open the file: after on_train_begin, as set_state may still say where to go on."""
        if self._file is None:
            kept = self._size is not None and Path(self.filename).exists()
            mode = "r+" if kept else "a" if self.append else "w"
            Path(self.filename).parent.mkdir(parents=True, exist_ok=True)
            self._file = Path(self.filename).open(mode, newline="")  # noqa: SIM115 (closed later)
            if kept:
                self._file.truncate(self._size)  # rows of epochs that are done anew
            self._file.seek(0, os.SEEK_END)
        return self._file

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        file = self._open()
        header = self.keys is None and file.tell() == 0
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
        writer = csv.writer(file, delimiter=self.sep)
        if header:
            writer.writerow(["epoch", *self.keys])
        writer.writerow([epoch, *(logs.get(key, "NA") for key in self.keys)])
        file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._open()  # a training of no epochs leaves an empty file
        self._close()

    def on_train_abort(self, logs: Logs | None = None) -> None:
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
