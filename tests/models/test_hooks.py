"""The hooks of callbacks in fit, evaluate and predict."""

from __future__ import annotations

from typing import Any

import pytest

from cnnlite.callbacks import Callback
from tests.models.small_model import X, Y, make, mse
from tests.weights import bits


class Recorder(Callback):
    """Notes every hook and the names in its logs."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple] = []

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("on_") and not name.endswith(("on_batch_begin", "on_batch_end")):

            def note(*args: Any) -> None:
                *place, logs = args
                self.calls.append((name, *place, sorted(logs or {})))

            return note
        return super().__getattribute__(name)


def test_the_order_of_hooks():
    """Keras's order, with batch numbers, and logs where Keras has them."""

    class Listening(Recorder):
        def on_train_batch_end(self, batch, logs=None): ...

    seen = Listening()
    model = make(metrics=["mse"])
    model.fit(X[:6], Y[:6], 4, validation_data=(X[:2], Y[:2]), callbacks=[seen], verbose=0)
    logs, val = ["loss", "mse"], ["loss", "mse", "val_loss", "val_mse"]
    assert seen.calls == [
        ("on_train_begin", []),
        ("on_epoch_begin", 0, []),
        ("on_train_batch_begin", 0, []),
        ("on_train_batch_end", 0, logs),
        ("on_train_batch_begin", 1, []),
        ("on_train_batch_end", 1, logs),
        ("on_test_begin", []),
        ("on_test_batch_begin", 0, []),
        ("on_test_batch_end", 0, logs),
        ("on_test_end", logs),
        ("on_epoch_end", 0, val),
        ("on_train_end", val),
    ]
    assert seen.model is model
    assert seen.params == {"epochs": 1, "steps": 2, "verbose": 0}
    seen.calls.clear()
    model.predict(X, 5, verbose=0, callbacks=[seen])
    assert [c[0] for c in seen.calls] == [
        "on_predict_begin",
        *["on_predict_batch_begin", "on_predict_batch_end"] * 2,
        "on_predict_end",
    ]
    seen.calls.clear()
    model.evaluate(X, Y, verbose=0, callbacks=seen)
    assert seen.calls[0][0] == "on_test_begin"


def test_the_older_batch_hooks_are_called_too():
    class Older(Callback):
        def __init__(self):
            self.seen = []

        def on_batch_begin(self, batch, logs=None):
            self.seen.append(("begin", batch))

        def on_batch_end(self, batch, logs=None):
            self.seen.append(("end", batch, logs["loss"]))

    older = Older()
    model = make(rate=0.0)
    model.fit(X, Y, 5, callbacks=[older], shuffle=False, verbose=0)
    assert [s[:2] for s in older.seen] == [("begin", 0), ("end", 0), ("begin", 1), ("end", 1)]
    assert older.seen[1][2] == pytest.approx(mse(model, X[:5], Y[:5]), rel=1e-6)


@pytest.mark.parametrize("where", ["batch", "epoch"])
def test_stop_training(where: str):
    """A callback stops within the batch or after the epoch; the epoch is still recorded."""

    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if where == "batch" and batch == 1:
                self.model.stop_training = True

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.model.stop_training = True

    model = make()
    history = model.fit(X, Y, 2, epochs=5, callbacks=[Stop()], verbose=0)
    assert history.epoch == ([0] if where == "batch" else [0, 1])
    assert model.optimizer is not None
    assert model.optimizer.iterations == (2 if where == "batch" else 10)
    model.fit(X, Y, 2, epochs=1, verbose=0)
    assert model.optimizer.iterations == (7 if where == "batch" else 15)


def test_a_callback_may_use_the_model():
    """predict, evaluate and get_weights inside of hooks do not disturb the training."""

    class Busy(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.predict(X[:3], verbose=0)

        def on_epoch_end(self, epoch, logs=None):
            self.model.evaluate(X, Y, verbose=0)

    plain, busy = make(), make()
    a = plain.fit(X, Y, 4, epochs=2, verbose=0).history
    b = busy.fit(X, Y, 4, epochs=2, verbose=0, callbacks=Busy()).history
    assert a == b and bits(plain) == bits(busy)
