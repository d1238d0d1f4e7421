"""BackupAndRestore: killed at any moment, a training ends with the same bits as if never killed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Sequential, layers, optimizers
from cnnlite.callbacks import BackupAndRestore, Callback, EarlyStopping, LambdaCallback
from cnnlite.errors import CnnliteWarning, FileFormatError
from tests.processes import run_python
from tests.weights import bits

RNG = np.random.default_rng(4)
X = RNG.normal(size=(20, 3)).astype("float32")
Y = RNG.normal(size=(20, 2)).astype("float32")


def outcome(scenario: str, folder: Path, seed: int) -> dict[str, Any]:
    folder.mkdir()
    module = "tests.callbacks.killed_training"
    done = run_python("-m", module, scenario, str(folder), str(seed), timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("scenario", ["arrays", "epochs", "dataset", "generators"])
def test_killed_at_random_moments(scenario: str, tmp_path: Path):
    """SIGKILL again and again: equal weights, optimizer, history, table, best file, seed, step."""
    whole = outcome(scenario, tmp_path / "whole", 0)
    killed = outcome(scenario, tmp_path / "killed", 1)
    assert whole.pop("kills") == 0 and killed.pop("kills") >= 3
    assert killed == whole
    assert whole["left"] == ["best.safetensors", "log.csv"]


class Stop(Exception):
    """Stands for a crash."""


def make() -> Sequential:
    cnnlite.set_random_seed(3)
    model = Sequential([Input((3,)), layers.Dense(4, "relu"), layers.Dropout(0.5), layers.Dense(2)])
    model.compile("adam", "mse")
    return model


def crash_at(step: int) -> LambdaCallback:
    """Raise after a number of batches, before the backup of that batch."""
    steps = iter(range(1, 10**6))

    def count(batch: int, logs: Any) -> None:
        if next(steps) == step:
            raise Stop

    return LambdaCallback(on_train_batch_end=count)


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 6, 9, 12, 14, 15])
@pytest.mark.parametrize("save_freq", [1, 4, "epoch"])
def test_a_crash_after_each_step(step: int, save_freq: Any, tmp_path: Path):
    """Five batches an epoch, three epochs; the backup stands anywhere in the list."""
    options = {"batch_size": 4, "epochs": 3, "validation_split": 0.0, "verbose": 0}
    whole = make()
    expected = whole.fit(X, Y, **options).history
    with pytest.raises(Stop):
        backup = BackupAndRestore(tmp_path / "b", save_freq)
        make().fit(X, Y, callbacks=[backup, crash_at(step)], **options)
    model = make()
    model.set_weights([w + 1 for w in model.get_weights()])  # nothing of the new start stays
    backup = BackupAndRestore(tmp_path / "b", save_freq)
    history = model.fit(X, Y, callbacks=[backup, crash_at(99)], **options)
    kept = {1: step - 1, 4: (step - 1) // 4 * 4, "epoch": (step - 1) // 5 * 5}[save_freq]
    if kept:
        assert history.history == expected and bits(model) == bits(whole)
        assert history.epoch == [0, 1, 2]
    else:
        assert bits(model) != bits(whole)  # there was no backup yet: it began from its start
    assert not (tmp_path / "b").exists()


def test_an_epoch_that_goes_on_does_not_begin_again(tmp_path: Path):
    begun: list[int] = []
    note = LambdaCallback(on_epoch_begin=lambda epoch, logs: begun.append(epoch))
    for step in (8, 99):
        calls = [BackupAndRestore(tmp_path, 1), note, crash_at(step)]
        try:
            make().fit(X, Y, 4, epochs=3, verbose=0, callbacks=calls)
        except Stop:
            assert begun == [0, 1]
    assert begun == [0, 1, 2]


def test_a_training_that_had_been_stopped_stays_stopped(tmp_path: Path):
    """Killed after EarlyStopping's word and before the end: no epoch more, best weights back."""
    options: dict[str, Any] = {"epochs": 9, "verbose": 0, "batch_size": 4}

    def callbacks(*more: Callback) -> list[Callback]:
        stop = EarlyStopping("loss", min_delta=1e9, patience=2, restore_best_weights=True)
        return [stop, BackupAndRestore(tmp_path), *more]

    class Crash(Callback):
        def on_train_end(self, logs=None):
            raise Stop

    with pytest.raises(Stop):
        make().fit(X, Y, callbacks=callbacks(Crash()), **options)
    model, whole = make(), make()
    history = model.fit(X, Y, callbacks=callbacks(), **options)
    whole.fit(X, Y, 4, epochs=1, verbose=0)
    assert history.epoch == [0, 1, 2] and bits(model) == bits(whole)


def test_a_schedule_stays_the_source_of_the_rate(tmp_path: Path):
    """With a LearningRateSchedule and averaged weights, crashed and not: equal bits."""

    def scheduled() -> Sequential:
        model = make()
        decay = optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)
        model.compile(optimizers.SGD(decay, momentum=0.9, use_ema=True, ema_momentum=0.5), "mse")
        return model

    whole = scheduled()
    whole.fit(X, Y, 4, epochs=3, verbose=0)
    with pytest.raises(Stop):
        calls = [BackupAndRestore(tmp_path, 1), crash_at(9)]
        scheduled().fit(X, Y, 4, epochs=3, verbose=0, callbacks=calls)
    model = scheduled()
    model.fit(X, Y, 4, epochs=3, verbose=0, callbacks=[BackupAndRestore(tmp_path, 1)])
    assert bits(model) == bits(whole)


def crash(folder: Path, **options: Any) -> None:
    with pytest.raises(Stop):
        backup = BackupAndRestore(folder, 1, **options)
        make().fit(X, Y, 4, verbose=0, callbacks=[backup, crash_at(4)])


def test_a_damaged_backup(tmp_path: Path):
    """An error that names the file; with double_checkpoint, the one before."""
    crash(tmp_path)
    file = tmp_path / "latest.safetensors"
    for damage in (file.read_bytes()[:100], b"", b"\xff" * 200, b"\x08" + bytes(7) + b"{}      "):
        file.write_bytes(damage)
        with pytest.raises(FileFormatError, match=r"latest\.safetensors: no state of a training"):
            make().fit(X, Y, verbose=0, callbacks=[BackupAndRestore(tmp_path)])
    file.unlink()
    crash(tmp_path, double_checkpoint=True)
    file.write_bytes(b"")
    model, whole = make(), make()
    with pytest.warns(CnnliteWarning, match="the last backup is lost"):
        model.fit(X, Y, 4, verbose=0, callbacks=[BackupAndRestore(tmp_path, 1)])
    whole.fit(X, Y, 4, verbose=0)
    assert bits(model) == bits(whole)
    assert not tmp_path.exists()


def test_a_backup_of_another_training(tmp_path: Path):
    crash(tmp_path)
    other = Sequential([Input((3,)), layers.Dense(2)])
    other.compile("adam", "mse")
    with pytest.raises(FileFormatError, match="the state of another training"):
        other.fit(X, Y, verbose=0, callbacks=[BackupAndRestore(tmp_path)])
    with pytest.raises(FileFormatError, match="no state of a training"):
        make().save(tmp_path / "latest.safetensors")
        make().fit(X, Y, verbose=0, callbacks=[BackupAndRestore(tmp_path)])


def test_other_data_or_callbacks(tmp_path: Path):
    """In the middle of an epoch the batches must be the same; callbacks with a state too."""
    crash(tmp_path)
    with pytest.raises(ValueError, match=r"other data or batches.*'batch_size': 5.*: 4"):
        make().fit(X, Y, 5, verbose=0, callbacks=[BackupAndRestore(tmp_path)])
    folder = tmp_path / "other"
    with pytest.raises(Stop):
        stop = EarlyStopping("loss", patience=9)
        make().fit(X, Y, 4, verbose=0, callbacks=[BackupAndRestore(folder, 1), stop, crash_at(4)])
    with pytest.raises(ValueError, match=r"EarlyStopping 0 is missing. Got History 0, Backup"):
        make().fit(X, Y, 4, verbose=0, callbacks=[BackupAndRestore(folder)])


def test_what_is_left(tmp_path: Path):
    """Deleted at the end but for delete_checkpoint=False; unfinished files are removed."""
    folder = tmp_path / "b"
    make().fit(X, Y, verbose=0, callbacks=[BackupAndRestore(folder)])
    assert not folder.exists()
    folder.mkdir()
    (folder / ".latest.safetensors.x7").write_bytes(b"half")
    (folder / "mine.txt").write_text("kept")
    make().fit(X, Y, verbose=0, callbacks=[BackupAndRestore(folder, delete_checkpoint=False)])
    assert sorted(path.name for path in folder.iterdir()) == ["latest.safetensors", "mine.txt"]
    make().fit(X, Y, verbose=0, callbacks=[BackupAndRestore(folder)])
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_states_of_own_callbacks(tmp_path: Path):
    """get_state may hold numbers, texts, arrays, lists and dicts; anything else is an error."""

    class Own(Callback):
        def __init__(self, state: dict[str, Any]) -> None:
            super().__init__()
            self.state = state

        def get_state(self):
            return self.state

        def set_state(self, state):
            self.state = state

    state = {"a": np.arange(6.0).reshape(2, 3), "b": [1, {"c": None, "d": "x"}], "e": np.inf}
    with pytest.raises(Stop):
        calls = [Own(state), BackupAndRestore(tmp_path, 1), crash_at(3)]
        make().fit(X, Y, 4, verbose=0, callbacks=calls)
    own = Own({})
    make().fit(X, Y, 4, verbose=0, callbacks=[own, BackupAndRestore(tmp_path, 1)])
    np.testing.assert_equal(own.state, state)
    with pytest.raises(TypeError, match=r"state/fit/callbacks/Own 0/f.*function"):
        calls = [Own({"f": print}), BackupAndRestore(tmp_path, 1)]
        make().fit(X, Y, 4, verbose=0, callbacks=calls)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: BackupAndRestore(""), "backup_dir must be a path"),
        (lambda: BackupAndRestore("b", save_freq=0), r"save_freq.*0"),
        (lambda: BackupAndRestore("b", save_freq="batch"), r"save_freq.*'batch'"),
    ],
)
def test_bad_arguments(call: Any, match: str):
    with pytest.raises(ValueError, match=match):
        call()


def test_a_model_that_is_not_built(tmp_path: Path):
    model = Sequential([layers.Dense(2)])
    model.compile("sgd", "mse")
    batches = ((X, Y) for _ in range(2))
    with pytest.raises(ValueError, match="not built"):
        model.fit(batches, verbose=0, callbacks=[BackupAndRestore(tmp_path)])
