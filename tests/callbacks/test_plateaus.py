"""EarlyStopping and ReduceLROnPlateau on sequences of figures, against what Keras 3.15 does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Sequential, layers, optimizers
from cnnlite.callbacks import EarlyStopping, ReduceLROnPlateau
from cnnlite.errors import CnnliteWarning


class Fake:
    """A model whose only weight is the number of the epoch."""

    def __init__(self) -> None:
        self.epoch = 0
        self.stop_training = False
        self.optimizer = optimizers.SGD(1.0)

    def get_weights(self) -> list[np.ndarray]:
        return [np.array(self.epoch)]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self.epoch = int(weights[0])


# Figures after each epoch, options, then what Keras 3.15's callback does with them: epochs
# run, stopped_epoch, the epoch whose weights come back, best.
STOPS = [
    ([3, 2, 1, 2, 1, 0, 1, 2], {}, 4, 3, 2, 1),
    ([3, 2, 1, 2, 1, 0, 1, 2], {"patience": 1}, 4, 3, 2, 1),
    ([3, 2, 1, 2, 1, 0, 1, 2], {"patience": 2}, 5, 4, 2, 1),
    ([3, 2, 1, 2, 1, 0, 1, 2], {"patience": 3}, 8, 0, 5, 0),
    ([3, 4, 5, 6], {}, 2, 1, 0, 3),
    ([3, 4, 5, 6], {"patience": 2}, 3, 2, 0, 3),
    ([3, 2.9, 2.8, 2.7, 2.6, 2.5], {"min_delta": 0.25, "patience": 2}, 3, 2, 0, 3),
    ([3, 2.9, 2.8, 2.7, 2.6, 2.5], {"min_delta": -0.25, "patience": 3}, 6, 0, 3, 2.7),
    ([1, 2, 3, 2, 1, 4], {"mode": "max"}, 4, 3, 2, 3),
    ([1, 2, 3, 2, 1, 4], {"mode": "max", "patience": 2}, 5, 4, 2, 3),
    ([5, 4, 3, 2, 1], {"baseline": 2.5, "patience": 2}, 5, 0, 4, 1),
    ([5, 6, 4.5, 4.4, 4.6, 4], {"baseline": 1, "patience": 2}, 2, 1, 0, 5),
    ([1, 9, 8, 7, 6, 5, 6, 7], {"start_from_epoch": 1}, 7, 6, 5, 5),
    ([1, 9, 8, 7, 6, 5, 6, 7], {"start_from_epoch": 3, "patience": 2}, 8, 7, 5, 5),
    ([1, 1, 1, 1], {"patience": 2}, 3, 2, 0, 1),
    ([5, 4, 6, 6], {"baseline": 4.5, "patience": 1, "min_delta": 1}, 2, 1, 0, 5),
]


@pytest.mark.parametrize(("values", "options", "ran", "stopped", "restored", "best"), STOPS)
def test_early_stopping_as_keras(
    values: list, options: dict, ran: int, stopped: int, restored: int, best: float
):
    """Twice with one callback: every fit starts anew."""
    callback = EarlyStopping("val_loss", restore_best_weights=True, **options)
    for _ in range(2):
        model = Fake()
        callback.set_model(model)
        callback.on_train_begin()
        done = 0
        for model.epoch, value in enumerate(values):
            callback.on_epoch_end(model.epoch, {"val_loss": value})
            done += 1
            if model.stop_training:
                break
        callback.on_train_end()
        found = (done, callback.stopped_epoch, model.epoch, callback.best)
        assert found == (ran, stopped, restored, best)


# Figures, options, and the rate after each epoch, as Keras 3.15's callback sets it from 1.
RATES = [
    ([3, 2, 1, 1, 1, 1, 1, 1], {"patience": 2}, [1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01]),
    ([3, 2, 1, 1, 1, 1], {"patience": 1, "factor": 0.5}, [1, 1, 1, 0.5, 0.25, 0.125]),
    (
        [3, 2, 1, 1, 1, 1, 1, 1, 1],
        {"patience": 1, "factor": 0.5, "cooldown": 2},
        [1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125],
    ),
    (
        [3, 2, 1, 1, 1, 1, 1, 1, 1],
        {"patience": 2, "factor": 0.5, "cooldown": 1},
        [1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.125],
    ),
    ([1] * 5, {"patience": 1, "factor": 0.25, "min_lr": 0.1}, [1, 0.25, 0.1, 0.1, 0.1]),
    (
        [3, 2.9, 2.8, 2.7, 2.6, 2.5, 2.4],
        {"patience": 2, "factor": 0.5, "min_delta": 0.25},
        [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25],
    ),
    (
        [1, 2, 3, 3, 3, 4, 4],
        {"patience": 1, "factor": 0.5, "mode": "max"},
        [1, 1, 1, 0.5, 0.25, 0.25, 0.125],
    ),
    ([1] * 4, {"patience": 0, "factor": 0.5}, [1, 0.5, 0.25, 0.125]),
]


@pytest.mark.parametrize(("values", "options", "rates"), RATES)
def test_reduce_on_plateau_as_keras(values: list, options: dict, rates: list):
    callback = ReduceLROnPlateau("val_loss", **options)
    for _ in range(2):
        model, found = Fake(), []
        callback.set_model(model)
        callback.on_train_begin()
        for epoch, value in enumerate(values):
            logs = {"val_loss": value}
            callback.on_epoch_end(epoch, logs)
            found.append(model.optimizer.learning_rate)
            assert logs["learning_rate"] == [1.0, *found][epoch]  # the rate of this epoch
        assert found == pytest.approx(rates, rel=1e-12)


def test_nan_is_never_the_best():
    """Not even as the first value, after which Keras would call nothing better."""
    model, callback = Fake(), EarlyStopping("val_loss", patience=9, restore_best_weights=True)
    callback.set_model(model)
    callback.on_train_begin()
    for model.epoch, value in enumerate([np.nan, 3.0, np.nan, 2.0, np.nan]):
        callback.on_epoch_end(model.epoch, {"val_loss": value})
    callback.on_train_end()
    assert (model.epoch, callback.best, callback.wait) == (3, 2.0, 1)


def test_best_weights_are_copies():
    """Changing what get_weights returned, or the model, does not change them."""
    model = compiled()
    callback = EarlyStopping("loss", restore_best_weights=True)
    callback.set_model(model)
    callback.on_train_begin()
    before = [w.copy() for w in model.get_weights()]
    callback.on_epoch_end(0, {"loss": 1.0})
    for weight in model.weights:
        weight.assign(np.full(weight.shape, 7.0))
    callback.on_train_end()
    for found, expected in zip(model.get_weights(), before, strict=True):
        assert found.tobytes() == expected.tobytes()
    assert callback.best_weights is not None
    assert not any(
        np.shares_memory(kept, weight.value)
        for kept, weight in zip(callback.best_weights, model.weights, strict=True)
    )


# ---- which way is better


def compiled(metrics: Any = (), units: int = 2, loss: str = "mse") -> Sequential:
    cnnlite.set_random_seed(1)
    model = Sequential([Input((3,)), layers.Dense(units)])
    model.compile(optimizers.SGD(0.1), loss, metrics=list(metrics))
    return model


@pytest.mark.parametrize(
    ("monitor", "metrics", "less"),
    [
        ("loss", [], True),
        ("val_loss", [], True),
        ("accuracy", ["accuracy"], False),
        ("val_accuracy", ["accuracy"], False),
        ("val_mse", ["mse"], True),
    ],
)
def test_auto_mode(monitor: str, metrics: list, less: bool):
    callback = EarlyStopping(monitor)
    callback.set_model(compiled(metrics, loss="categorical_crossentropy"))
    assert callback.improves(1.0, 2.0) is less
    assert callback.improves(2.0, 1.0) is not less
    assert not callback.improves(1.0, 1.0)
    assert callback.improves(1.0, None)


def test_auto_mode_of_several_outputs():
    x = Input((3,))
    y = [layers.Dense(2, "softmax", name="a")(x), layers.Dense(1, name="b")(x)]
    model = cnnlite.Model(x, y)
    losses = {"a": "categorical_crossentropy", "b": "mse"}
    model.compile("sgd", losses, metrics={"a": ["accuracy"]})
    for monitor, less in (("val_a_accuracy", False), ("val_a_loss", True), ("b_loss", True)):
        callback = EarlyStopping(monitor)
        callback.set_model(model)
        assert callback.improves(1.0, 2.0) is less


def test_auto_mode_that_cannot_tell():
    class Own(cnnlite.metrics.Metric):
        def values(self, y_true, y_pred):
            return cnnlite.ops.categorical_accuracy(y_pred, y_true)

    model = compiled([Own(name="own")])
    x = np.ones((4, 3))
    with pytest.raises(ValueError, match=r"EarlyStopping: cannot tell.*'own'.*mode=.max"):
        model.fit(x, x[:, :2], verbose=0, callbacks=[EarlyStopping("own")])
    assert model.fit(
        x, x[:, :2], epochs=2, verbose=0, callbacks=[EarlyStopping("own", mode="max")]
    ).epoch


def test_unknown_mode_warns():
    with pytest.warns(CnnliteWarning, match="EarlyStopping: mode 'down'"):
        assert EarlyStopping(mode="down").mode == "auto"


@pytest.mark.parametrize("kind", [EarlyStopping, ReduceLROnPlateau])
def test_an_absent_figure_warns_and_names_what_is_there(kind: Any):
    model = compiled(["mse"])
    x = np.ones((4, 3))
    with pytest.warns(CnnliteWarning, match=f"{kind.__name__}.*'val_loss'.*loss, mse"):
        history = model.fit(x, x[:, :2], epochs=2, verbose=0, callbacks=[kind()])
    assert len(history.epoch) == 2


# ---- in fit

RNG = np.random.default_rng(5)
X = RNG.normal(size=(40, 3)).astype("float32")
Y = (X @ RNG.normal(size=(3, 2)) + RNG.normal(size=(40, 2))).astype("float32")
VALIDATION = (X[30:], Y[30:])


def best_of(**ends: Any) -> tuple[Sequential, EarlyStopping]:
    """Train with a rate that makes the loss jump; return the model and the callback."""
    model = compiled()
    stop = EarlyStopping(patience=50, restore_best_weights=True)
    rate = [0.05, 0.05, 9.0, 0.001, 0.001]
    jump = cnnlite.callbacks.LearningRateScheduler(lambda epoch: rate[epoch % 5])
    callbacks = [stop, jump, *ends.pop("callbacks", [])]
    model.fit(X[:30], Y[:30], epochs=5, verbose=0, validation_data=VALIDATION, callbacks=callbacks)
    return model, stop


class Leave(cnnlite.callbacks.Callback):
    """Ends the training in the fourth epoch: by an exception, Ctrl-C or stop_training."""

    def __init__(self, how: Any) -> None:
        super().__init__()
        self.how = how

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self.model.optimizer.iterations == 4:  # the last epoch, one batch each
            if isinstance(self.how, type):
                raise self.how("of the test")
            self.model.stop_training = True


@pytest.mark.parametrize("how", [None, "stop", RuntimeError, KeyboardInterrupt, SystemExit])
def test_best_weights_on_every_way_out(how: Any):
    """The end of epochs, stop_training of another, an exception, Ctrl-C: the best come back."""
    kept: dict[float, bytes] = {}

    class Keep(cnnlite.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            kept[logs["val_loss"]] = b"".join(w.tobytes() for w in self.model.get_weights())

    models: list[Sequential] = []

    class Mine(Keep):
        def on_train_begin(self, logs=None):
            models.append(self.model)

    ends = [Mine()] if how is None else [Mine(), Leave(how)]
    if isinstance(how, type):
        with pytest.raises(how, match="of the test"):
            best_of(callbacks=ends)
    else:
        best_of(callbacks=ends)
    found = b"".join(w.tobytes() for w in models[0].get_weights())
    assert found == kept[min(kept)]
    assert list(kept).index(min(kept)) != len(kept) - 1  # or the test would show nothing
    assert np.isfinite(models[0].evaluate(*VALIDATION, verbose=0))  # usable


def test_the_best_of_an_older_fit_does_not_come_back():
    """An exception before this callback heard of the new training."""
    stop = EarlyStopping("loss", restore_best_weights=True)
    model = compiled()
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[stop])
    model.fit(X, Y, epochs=2, verbose=0)
    before = [w.tobytes() for w in model.get_weights()]

    class Fail(cnnlite.callbacks.Callback):
        def on_train_begin(self, logs=None):
            raise KeyError("of the test")

    with pytest.raises(KeyError, match="of the test"):
        model.fit(X, Y, verbose=0, callbacks=[Fail(), stop])
    assert [w.tobytes() for w in model.get_weights()] == before


def test_verbose(capsys: pytest.CaptureFixture):
    model = compiled()
    stop = EarlyStopping("loss", min_delta=1e9, verbose=1, restore_best_weights=True)
    model.fit(X, Y, epochs=5, verbose=0, callbacks=[stop])
    assert capsys.readouterr().out == (
        "Epoch 2: early stopping\nRestoring the best weights, those of: Epoch 1.\n"
    )


# ---- every n steps


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({"every_n_steps": 4}, [4, 8, 12, 16, 20, 24, 28]),
        ({"every_n_steps": 4, "first_step": 1}, [1, 5, 9, 13, 17, 21, 25, 29]),
        ({"every_n_steps": 7, "first_step": 10, "last_step": 24}, [10, 17, 24]),
        ({"every_n_steps": 5, "start_from_epoch": 2}, [25, 30]),
    ],
)
def test_evaluation_every_n_steps(options: dict, steps: list[int]):
    """Ten batches an epoch, three epochs: looked at on the validation data at these steps."""
    seen: list[int] = []
    values: list[float] = []

    class Looking(EarlyStopping):
        def _look(self, value, epoch, may_stop):
            seen.append(self.model.optimizer.iterations)
            values.append(value)
            assert value == self.model.evaluate(*VALIDATION, verbose=0)
            super()._look(value, epoch, may_stop)

    stop = Looking(patience=99, restore_best_weights=True, **options)
    plain, model = compiled(), compiled()
    arguments = {"epochs": 3, "verbose": 0, "validation_data": VALIDATION, "batch_size": 3}
    model.fit(X[:30], Y[:30], callbacks=[stop], **arguments)
    assert seen == steps
    assert stop.best_step == steps[int(np.argmin(values))]
    assert model.evaluate(*VALIDATION, verbose=0) == min(values)
    # The training itself goes on as if nobody looked.
    without = plain.fit(X[:30], Y[:30], **arguments).history
    assert model.history is not None and model.history.history == without


def test_patience_counts_the_evaluations():
    model = compiled()
    stop = EarlyStopping(min_delta=1e9, patience=3, every_n_steps=2)
    model.fit(X[:30], Y[:30], 3, epochs=3, verbose=0, validation_data=VALIDATION, callbacks=[stop])
    assert model.optimizer is not None
    assert model.optimizer.iterations == 8  # best at 2; 4, 6 and 8 are not better


def test_every_n_steps_on_a_figure_of_the_training():
    model = compiled()
    stop = EarlyStopping("loss", min_delta=1e9, patience=1, every_n_steps=2)
    model.fit(X, Y, 3, epochs=3, verbose=0, callbacks=[stop])
    assert model.optimizer is not None and model.optimizer.iterations == 4


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: EarlyStopping(every_n_steps=0), ValueError, "every_n_steps.*0"),
        (lambda: EarlyStopping(every_n_steps=2, last_step=1.5), ValueError, "last_step.*1.5"),
        (lambda: EarlyStopping(first_step=2), ValueError, "first_step needs every_n_steps"),
        (lambda: ReduceLROnPlateau(factor=1.0), ValueError, "factor.*1.0"),
        (
            lambda: compiled().fit(X, Y, verbose=0, callbacks=[EarlyStopping(every_n_steps=1)]),
            ValueError,
            "validation_data",
        ),
    ],
)
def test_bad_calls(call: Any, error: type[Exception], match: str):
    with pytest.raises(error, match=match):
        call()


def test_early_stopping_on_real_data():
    """Handwritten digits, few and a wide network: it overfits, stops, and gets its best back."""
    (x, y), _ = cnnlite.datasets.mnist5k.load_data()
    x = x.reshape(len(x), -1).astype("float32") / 255
    cnnlite.set_random_seed(0)
    model = Sequential([Input((784,)), layers.Dense(64, "relu"), layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    stop = EarlyStopping(patience=3, restore_best_weights=True)
    held = x[1000:2000], y[1000:2000]
    history = model.fit(
        x[:600], y[:600], epochs=200, verbose=0, validation_data=held, callbacks=[stop]
    ).history
    losses = history["val_loss"]
    assert len(losses) < 200 and int(np.argmin(losses)) == len(losses) - 4
    loss, accuracy = model.evaluate(*held, verbose=0)
    assert loss == pytest.approx(min(losses), rel=1e-6)
    assert accuracy > 0.8
