"""ModelCheckpoint, CSVLogger, TerminateOnNaN, LambdaCallback, LearningRateScheduler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Sequential, layers, optimizers
from cnnlite.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from cnnlite.errors import CnnliteWarning
from tests.weights import bits

RNG = np.random.default_rng(2)
X = RNG.normal(size=(12, 3)).astype("float32")
Y = RNG.normal(size=(12, 2)).astype("float32")


def make(rate: float = 0.1) -> Sequential:
    cnnlite.set_random_seed(1)
    model = Sequential([Input((3,)), layers.Dense(2)])
    model.compile(optimizers.SGD(rate), "mse")
    return model


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---- ModelCheckpoint


def test_a_file_per_epoch_named_by_the_logs(tmp_path: Path):
    """Folders are made; {epoch} counts from 1; the file is the model as it was then."""
    model = make()
    folder = tmp_path / "a" / "b"
    save = ModelCheckpoint(folder / "{epoch:02d}-{val_loss:.2f}.safetensors")
    states: list[list[bytes]] = []
    note = LambdaCallback(on_epoch_end=lambda epoch, logs: states.append(bits(model)))
    losses = model.fit(
        X, Y, epochs=3, validation_split=0.25, verbose=0, callbacks=[save, note]
    ).history["val_loss"]
    assert names(folder) == [f"{i:02d}-{v:.2f}.safetensors" for i, v in enumerate(losses, 1)]
    for name, state in zip(names(folder), states, strict=True):
        loaded = cnnlite.load_model(folder / name)
        assert bits(loaded) == state
        assert loaded.optimizer is not None and loaded.optimizer.name == "sgd"


def test_save_best_only(tmp_path: Path):
    """Rates that make the loss rise and fall: only the epochs that are the best so far."""
    model = make()
    rates = [0.1, 0.1, 3.0, 0.1, 0.1, 0.1]
    save = ModelCheckpoint(
        tmp_path / "{epoch}.safetensors", "loss", save_best_only=True, save_weights_only=True
    )
    schedule = LearningRateScheduler(lambda epoch: rates[epoch])
    losses = model.fit(X, Y, epochs=6, verbose=0, callbacks=[save, schedule]).history["loss"]
    best = [i for i in range(6) if losses[i] == min(losses[: i + 1])]
    assert 1 < len(best) < 6
    assert names(tmp_path) == [f"{i + 1}.safetensors" for i in best]
    other = make()
    other.load_weights(tmp_path / f"{best[0] + 1}.safetensors")


def test_initial_value_threshold_and_nan(tmp_path: Path):
    path = tmp_path / "m.safetensors"
    keep: dict[str, Any] = {"monitor": "loss", "save_best_only": True}
    make().fit(
        X, Y, verbose=0, callbacks=[ModelCheckpoint(path, **keep, initial_value_threshold=0)]
    )
    assert not path.exists()
    bad = X.copy()
    bad[0] = np.nan
    make().fit(bad, Y, verbose=0, callbacks=[ModelCheckpoint(path, **keep)])
    assert not path.exists()
    make().fit(X, Y, verbose=0, callbacks=[ModelCheckpoint(path, **keep)])
    assert path.exists()


def test_save_freq_counts_batches_over_epochs(tmp_path: Path):
    """Five batches an epoch, every third: of epoch 1 batch 3, of 2 batches 1 and 4, of 3 ..."""
    model = make()
    save = ModelCheckpoint(tmp_path / "{epoch}-{batch}.safetensors", save_freq=3)
    model.fit(X[:10], Y[:10], 2, epochs=3, verbose=0, callbacks=[save])
    wanted = ["1-3", "2-1", "2-4", "3-2", "3-5"]
    assert names(tmp_path) == [f"{w}.safetensors" for w in wanted]
    iterations = [
        cnnlite.load_model(tmp_path / name).optimizer.iterations  # type: ignore[union-attr]
        for name in names(tmp_path)
    ]
    assert iterations == [3, 6, 9, 12, 15]


def test_checkpoint_without_its_figure(tmp_path: Path):
    """Warns and saves, as Keras; a name in the path that the logs lack is an error."""
    path = tmp_path / "m.safetensors"
    with pytest.warns(CnnliteWarning, match="'val_loss'.*loss"):
        make().fit(X, Y, verbose=0, callbacks=[ModelCheckpoint(path, save_best_only=True)])
    assert path.exists()
    with pytest.raises(KeyError, match=r"val_loss.*loss"):
        save = ModelCheckpoint(tmp_path / "{val_loss}.safetensors")
        make().fit(X, Y, verbose=0, callbacks=[save])
    with pytest.raises(ValueError, match=r"\.safetensors.*m\.keras"):
        ModelCheckpoint("m.keras")
    with pytest.raises(ValueError, match=r"save_freq.*'batch'"):
        ModelCheckpoint(path, save_freq="batch")


# ---- CSVLogger


def test_csv_columns(tmp_path: Path):
    """epoch and the names in order of the alphabet; NA where an epoch lacks a figure."""
    path = tmp_path / "log.csv"
    history = make().fit(
        X,
        Y,
        epochs=3,
        validation_split=0.25,
        validation_freq=2,
        verbose=0,
        callbacks=[CSVLogger(path, separator=";")],
    )
    rows = [line.split(";") for line in path.read_text().splitlines()]
    assert rows[0] == ["epoch", "loss", "val_loss"]
    assert [row[0] for row in rows[1:]] == ["0", "1", "2"]
    assert [float(row[1]) for row in rows[1:]] == history.history["loss"]
    assert [row[2] for row in rows[1:]] == ["NA", repr(history.history["val_loss"][0]), "NA"]


def test_csv_append(tmp_path: Path):
    """append: more rows under one header; otherwise the file starts anew."""
    path = tmp_path / "log.csv"
    make().fit(X, Y, epochs=2, verbose=0, callbacks=[CSVLogger(path)])
    make().fit(X, Y, epochs=3, initial_epoch=2, verbose=0, callbacks=[CSVLogger(path, append=True)])
    lines = path.read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch", "0", "1", "2"]
    make().fit(X, Y, verbose=0, callbacks=[CSVLogger(path)])
    assert len(path.read_text().splitlines()) == 2


def test_csv_is_whole_after_an_exception(tmp_path: Path):
    def fail(epoch, logs):
        if epoch == 1:
            raise RuntimeError("of the test")

    log = CSVLogger(tmp_path / "log.csv")
    with pytest.raises(RuntimeError, match="of the test"):
        make().fit(X, Y, epochs=5, verbose=0, callbacks=[log, LambdaCallback(on_epoch_end=fail)])
    assert log._file is None
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 3


# ---- TerminateOnNaN


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_stops_within_one_batch_and_keeps_the_best(value: float, capsys: pytest.CaptureFixture):
    """The seventh batch is bad: no eighth, and the weights are those of the best epoch."""

    class Data(cnnlite.utils.PyDataset):
        asked = 0

        def __len__(self):
            return 3

        def __getitem__(self, i):
            self.asked += 1
            return X, Y if self.asked < 7 else Y * value

    states = []
    model = make()
    note = LambdaCallback(on_epoch_end=lambda epoch, logs: states.append(bits(model)))
    stop = EarlyStopping("loss", patience=9, restore_best_weights=True)
    model.fit(Data(), epochs=9, verbose=0, callbacks=[note, stop, TerminateOnNaN()])
    assert model.optimizer is not None and model.optimizer.iterations == 7
    assert "Batch 0: invalid loss" in capsys.readouterr().out
    assert bits(model) == states[1] and len(states) == 3
    assert np.isfinite(model.predict(X, verbose=0)).all()


def test_terminate_by_an_error():
    with pytest.raises(RuntimeError, match=r"TerminateOnNaN.*nan at batch 0"):
        make().fit(X, Y * np.nan, verbose=0, callbacks=[TerminateOnNaN(raise_error=True)])


# ---- LambdaCallback, LearningRateScheduler


def test_lambda_callback_hears_every_hook():
    heard: list[str] = []
    hooks = [name for name in dir(Callback) if name.startswith("on_") and "abort" not in name]

    def note(name: str) -> Any:
        return lambda *args: heard.append(name)

    own = LambdaCallback(**{name: note(name) for name in hooks})
    make().fit(X, Y, verbose=0, validation_split=0.5, callbacks=[own])
    make().predict(X, verbose=0, callbacks=[own])
    # Those of train batches are replaced, and with them the older names, which they call.
    assert set(heard) == set(hooks) - {"on_batch_begin", "on_batch_end"}
    with pytest.raises(TypeError, match=r"no hook 'on_step'.*on_epoch_begin"):
        LambdaCallback(on_step=print)
    with pytest.raises(TypeError, match=r"on_epoch_end must be a function.*3"):
        LambdaCallback(on_epoch_end=3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "schedule", [lambda epoch: 0.5 / (epoch + 1), lambda epoch, rate: 0.5 / (epoch + 1)]
)
def test_schedule_of_one_or_two_arguments(schedule: Any, capsys: pytest.CaptureFixture):
    model = make()
    rates: list[float] = []
    note = LambdaCallback(
        on_train_batch_begin=lambda batch, logs: rates.append(model.optimizer.learning_rate)  # type: ignore[union-attr]
    )
    history = model.fit(
        X, Y, epochs=3, verbose=0, callbacks=[LearningRateScheduler(schedule, verbose=1), note]
    )
    assert rates == [0.5, 0.25, 0.5 / 3] == history.history["learning_rate"]
    assert "Epoch 2: LearningRateScheduler setting learning rate to 0.25" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize("value", [1, "0.1", None])
def test_schedule_must_return_a_float(value: Any):
    with pytest.raises(ValueError, match=f"schedule must return a float. Got {value!r}"):
        make().fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: value)])


def test_an_error_inside_a_schedule_is_not_mistaken():
    """A TypeError of the function's own comes out; Keras would call it again."""

    def schedule(epoch, rate):
        raise TypeError("of the test")

    with pytest.raises(TypeError, match="of the test"):
        make().fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(schedule)])


def test_reduce_in_fit():
    model = make()
    reduce = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
    history = model.fit(X, Y, epochs=4, verbose=0, callbacks=[reduce]).history
    assert history["learning_rate"] == pytest.approx([0.1, 0.1, 0.05, 0.025])


# ---- hooks


def test_changes_in_hooks_count():
    """A callback assigns weights and sets the rate: the next step starts from there."""
    model, other = make(), make()

    class Change(Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 1:
                self.model.set_weights([np.ones((3, 2)), np.zeros(2)])
                self.model.optimizer.learning_rate = 0.01

    model.fit(X, Y, 6, shuffle=False, verbose=0, callbacks=[Change()])
    other.set_weights([np.ones((3, 2)), np.zeros(2)])
    assert other.optimizer is not None
    other.optimizer.learning_rate = 0.01
    other.train_on_batch(X[6:], Y[6:])
    assert bits(model) == bits(other)


def test_abort_instead_of_train_end():
    """After an exception every callback hears on_train_abort, though one fails there."""
    heard: list[str] = []

    class Note(Callback):
        def on_train_end(self, logs=None):
            heard.append("end")

        def on_train_abort(self, logs=None):
            heard.append("abort")

    class Fail(Note):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyError("first")

        def on_train_abort(self, logs=None):
            raise OSError("second")

    model = make()
    with (
        pytest.raises(KeyError, match="first"),
        pytest.warns(CnnliteWarning, match="Fail: on_train_abort failed: OSError: second"),
    ):
        model.fit(X, Y, verbose=0, callbacks=[Fail(), Note()])
    assert heard == ["abort"]
    model.fit(X, Y, verbose=0, callbacks=[Note()])
    assert heard == ["abort", "end"]


def test_fit_within_fit():
    """A callback trains another model, and the same model, without mixing them up."""
    inner, model = make(), make()

    class Nested(Callback):
        def on_epoch_end(self, epoch, logs=None):
            stop = EarlyStopping(every_n_steps=1, patience=9)
            inner.fit(X, Y, verbose=0, validation_split=0.5, callbacks=[stop])

    model.fit(X, Y, epochs=2, verbose=0, callbacks=[Nested()])
    assert inner.optimizer is not None and inner.optimizer.iterations == 2
