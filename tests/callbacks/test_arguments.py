"""Bad arguments of callbacks: said when they are made, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import callbacks

WRONG: list[tuple[Any, dict[str, Any], str]] = [
    (callbacks.EarlyStopping, {"patience": "foo"}, "patience.*'foo'"),
    (callbacks.EarlyStopping, {"patience": -1}, r"patience.*in \[0.*-1"),
    (callbacks.EarlyStopping, {"min_delta": None}, "min_delta.*None"),
    (callbacks.EarlyStopping, {"min_delta": float("nan")}, "min_delta.*nan"),
    (callbacks.EarlyStopping, {"baseline": "x"}, "baseline.*'x'"),
    (callbacks.EarlyStopping, {"restore_best_weights": "no"}, "restore_best_weights.*'no'"),
    (callbacks.TerminateOnNaN, {"raise_error": "x"}, "raise_error.*'x'"),
    (callbacks.EarlyStopping, {"start_from_epoch": "x"}, "start_from_epoch.*'x'"),
    (callbacks.ReduceLROnPlateau, {"factor": -1}, r"factor.*in \[0.*-1"),
    (callbacks.ReduceLROnPlateau, {"factor": float("nan")}, "factor.*nan"),
    (callbacks.ReduceLROnPlateau, {"factor": None}, "factor.*None"),
    (callbacks.ReduceLROnPlateau, {"cooldown": "foo"}, "cooldown.*'foo'"),
    (callbacks.ReduceLROnPlateau, {"min_lr": "foo"}, "min_lr.*'foo'"),
    (callbacks.LearningRateScheduler, {"schedule": "foo"}, "schedule.*function.*'foo'"),
    (callbacks.CSVLogger, {"filename": 0}, "filename.*must be a path.*0"),
    (callbacks.ModelCheckpoint, {"filepath": -1}, "filepath must be a path.*-1"),
    (callbacks.ModelCheckpoint, {"filepath": "a.safetensors", "monitor": 3}, "monitor.*3"),
    (
        callbacks.ModelCheckpoint,
        {"filepath": "a.safetensors", "initial_value_threshold": "x"},
        "initial_value_threshold.*'x'",
    ),
    (callbacks.BackupAndRestore, {"backup_dir": 2.5}, "backup_dir must be a path.*2.5"),
    (callbacks.BackupAndRestore, {"backup_dir": ""}, "backup_dir must be a path.*''"),
    (callbacks.CSVLogger, {"filename": "a", "separator": "ab"}, "separator.*one character.*'ab'"),
]


@pytest.mark.parametrize(("cls", "arguments", "match"), WRONG)
def test_wrong_arguments(cls: Any, arguments: dict[str, Any], match: str):
    """Not in the middle of a training."""
    with pytest.raises((ValueError, TypeError), match=rf"{cls.__name__}: {match}"):
        cls(**arguments)


def test_csv_logger_makes_folders(tmp_path: Path):
    """A folder that is missing would end a training at its first epoch."""
    model = cnnlite.Sequential([cnnlite.Input((1,)), cnnlite.layers.Dense(1)])
    model.compile("sgd", "mse")
    log = callbacks.CSVLogger(tmp_path / "new" / "log.csv")
    model.fit(np.ones((1, 1)), np.ones((1, 1)), verbose=0, callbacks=[log])
    assert (tmp_path / "new" / "log.csv").read_text().startswith("epoch,loss")
