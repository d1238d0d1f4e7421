"""fit, evaluate and predict by Keras's definitions: splits, means, order, hooks, output."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Sequential, layers, optimizers
from cnnlite.callbacks import Callback
from cnnlite.errors import ShapeError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3)).astype("float32")
Y = RNG.normal(size=(10, 2)).astype("float32")
LABELS = RNG.integers(0, 2, 10)


def make(rate: float = 0.1, loss: str = "mse", metrics: Any = None, seed: int = 1) -> Sequential:
    cnnlite.set_random_seed(seed)
    last = "softmax" if "crossentropy" in loss else None
    model = Sequential([Input((3,)), layers.Dense(2, last)])
    model.compile(optimizers.SGD(rate), loss, metrics=metrics)
    return model


def mse(model: Sequential, x: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean((model.predict(x, verbose=0).astype("float64") - y) ** 2))


def bits(model: Any) -> list[bytes]:
    return [w.tobytes() for w in model.get_weights()]


# ---- means


def test_loss_is_weighted_by_the_size_of_batches():
    """With a last batch of 2, the epoch's loss is the mean over samples, not over batches."""
    model = make(rate=0.0)
    per_sample = [mse(model, X[i : i + 1], Y[i : i + 1]) for i in range(10)]
    history = model.fit(X, Y, batch_size=4, verbose=0).history
    assert history["loss"][0] == pytest.approx(np.mean(per_sample), rel=1e-6)
    assert model.evaluate(X, Y, batch_size=4, verbose=0) == pytest.approx(
        np.mean(per_sample), rel=1e-6
    )


def test_metrics_start_anew_in_each_epoch():
    """An epoch's loss knows nothing of the epochs before it."""
    model = make(rate=0.5)
    losses = model.fit(X, Y, batch_size=10, epochs=3, shuffle=False, verbose=0).history["loss"]
    other = make(rate=0.5)
    for loss in losses:
        assert other.evaluate(X, Y, batch_size=10, verbose=0) == pytest.approx(loss, rel=1e-6)
        other.fit(X, Y, batch_size=10, shuffle=False, verbose=0)
    assert losses[0] > losses[1] > losses[2]


def test_sample_weight_weighs_the_loss_and_not_the_metrics():
    """loss = sum(w l) / N; metrics count every sample once, as Keras's `metrics` do."""
    model = make(0.0, "sparse_categorical_crossentropy", ["accuracy"])
    weights = np.arange(10, dtype="float32")
    p = model.predict(X, verbose=0).astype("float64")
    rows = -np.log(p[np.arange(10), LABELS])
    accuracy = np.mean(p.argmax(1) == LABELS)
    assert 0 < accuracy < 1
    expected = [np.dot(weights, rows) / 10, accuracy]
    for size in (10, 4):
        found = model.evaluate(X, LABELS, size, sample_weight=weights, verbose=0)
        assert found == pytest.approx(expected, rel=1e-6)
        fitted = model.fit(X, LABELS, size, sample_weight=weights, verbose=0).history
        assert [v[0] for v in fitted.values()] == pytest.approx(expected, rel=1e-6)


def test_weights_of_zero_do_not_train():
    """A sample of weight 0 has no influence on the weights."""
    model, other = make(), make()
    weights = np.r_[np.ones(5), np.zeros(5)]
    changed = Y.copy()
    changed[5:] += 100
    model.train_on_batch(X, Y, sample_weight=weights)
    other.train_on_batch(X, changed, sample_weight=weights)
    assert bits(model) == bits(other)


@pytest.mark.parametrize("size", [1, 3, 4, 10, 11, None])
def test_partial_batches_evaluate_and_predict_as_full_ones(size: int | None):
    model = make(metrics=["mse"])
    whole = model.evaluate(X, Y, batch_size=10, verbose=0)
    assert model.evaluate(X, Y, batch_size=size, verbose=0) == pytest.approx(whole, rel=1e-6)
    np.testing.assert_allclose(
        model.predict(X, batch_size=size, verbose=0), model(X), rtol=1e-6, atol=1e-7
    )


@pytest.mark.parametrize("name", ["accuracy", "acc"])
@pytest.mark.parametrize(
    ("units", "loss", "y"),
    [
        (1, "binary_crossentropy", LABELS),
        (2, "sparse_categorical_crossentropy", LABELS),
        (2, "categorical_crossentropy", np.eye(2)[LABELS]),
    ],
)
def test_accuracy_is_resolved_from_the_shapes(name: str, units: int, loss: str, y: Any):
    """Binary for one unit, sparse for class numbers, categorical for one-hot targets."""
    cnnlite.set_random_seed(2)
    last = "sigmoid" if units == 1 else "softmax"
    model = Sequential([Input((3,)), layers.Dense(units, last)])
    model.compile("sgd", loss, metrics=[name])
    p = model.predict(X, verbose=0)
    guess = (p[:, 0] > 0.5).astype(int) if units == 1 else p.argmax(1)
    expected = np.mean(guess == LABELS)
    assert 0 < expected < 1
    logs = model.evaluate(X, y, verbose=0, return_dict=True)
    assert list(logs) == ["loss", name]
    assert logs[name] == pytest.approx(expected, rel=1e-6)


# ---- validation


def test_validation_split_takes_the_last_samples_before_shuffling():
    """The last 30% validate in every epoch; the first 70% train in any order."""
    model = make()
    history = model.fit(X, Y, validation_split=0.3, epochs=2, batch_size=7, verbose=0).history
    assert history["val_loss"][-1] == pytest.approx(mse(model, X[7:], Y[7:]), rel=1e-6)
    other = make()
    given = (X[7:], Y[7:])
    same = other.fit(X[:7], Y[:7], validation_data=given, epochs=2, batch_size=7, verbose=0)
    assert same.history == history and bits(other) == bits(model)


def test_validation_data_with_weights_and_its_own_batch_size():
    model = make()
    weights = np.arange(10, dtype="float32")
    fitted = model.fit(
        X[:5],
        Y[:5],
        validation_data=(X, Y, weights),
        validation_batch_size=3,
        verbose=0,
    )
    expected = model.evaluate(X, Y, sample_weight=weights, verbose=0)
    assert fitted.history["val_loss"][0] == pytest.approx(expected, rel=1e-6)


def test_validation_does_not_touch_training():
    """With or without it, the weights and the training metrics have the same bits."""
    plain, validated = make(), make()
    a = plain.fit(X, Y, 4, epochs=3, verbose=0).history
    b = validated.fit(X, Y, 4, epochs=3, validation_data=(X[:3], Y[:3]), verbose=0).history
    assert a["loss"] == b["loss"] and bits(plain) == bits(validated)


# ---- history, hooks


def test_history_keys_and_epochs():
    """loss, metrics and the same with val_, in that order; epochs count from initial_epoch."""
    model = make(metrics=["mse"])
    history = model.fit(X, Y, epochs=5, initial_epoch=2, validation_split=0.2, verbose=0)
    assert list(history.history) == ["loss", "mse", "val_loss", "val_mse"]
    assert all(len(values) == 3 for values in history.history.values())
    assert all(type(v) is float for values in history.history.values() for v in values)
    assert history.epoch == [2, 3, 4]
    assert model.history is history and history.model is model
    assert model.metrics_names == ["loss", "mse"]
    assert model.fit(X, Y, epochs=2, initial_epoch=2, verbose=0).history == {}


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


# ---- shuffling


def orders(model: Sequential, **options: Any) -> list[list[int]]:
    """Return the samples of each epoch in the order in which they were trained on."""
    seen: list[int] = []
    step = model._train_step

    def watch(data: Any, samples: Any, size: int) -> None:
        numbers = range(*samples.indices(len(data))) if isinstance(samples, slice) else samples
        seen.extend(int(i) for i in numbers)
        step(data, samples, size)

    model._train_step = watch  # type: ignore[method-assign]
    model.fit(X, Y, 4, verbose=0, **options)
    return [seen[i : i + 10] for i in range(0, len(seen), 10)]


def test_shuffling_is_a_permutation_that_changes_and_repeats():
    """Every epoch and every call has another order; the seed alone decides which."""
    model = make(seed=3)
    first = orders(model, epochs=4)
    assert all(sorted(order) == list(range(10)) for order in first)
    assert len({tuple(order) for order in first}) == 4
    again = [orders(model, epochs=1)[0] for _ in range(2)]
    assert len({tuple(order) for order in [*first, *again]}) == 6
    assert orders(make(seed=3), epochs=4) == first
    assert orders(make(seed=4), epochs=4) != first
    assert orders(make(), epochs=2, shuffle=False) == [list(range(10))] * 2


def test_epochs_in_one_call_or_in_several_are_the_same_training():
    """Four epochs at once, or two and two: equal bits, orders included."""
    whole, parts = make(), make()
    a = whole.fit(X, Y, 4, epochs=4, verbose=0).history["loss"]
    b = parts.fit(X, Y, 4, epochs=2, verbose=0).history["loss"]
    b += parts.fit(X, Y, 4, epochs=4, initial_epoch=2, verbose=0).history["loss"]
    assert a == b and bits(whole) == bits(parts)


# ---- output


def test_verbose_0_prints_nothing(capsys: pytest.CaptureFixture):
    model = make()
    model.fit(X, Y, verbose=0, validation_split=0.2)
    model.evaluate(X, Y, verbose=0)
    model.predict(X, verbose=0)
    assert capsys.readouterr() == ("", "")


def test_verbose_1_draws_a_bar_per_epoch(capsys: pytest.CaptureFixture):
    model = make(metrics=["mse"])
    model.fit(X, Y, 4, epochs=2, verbose=1, validation_split=0.2)
    out, err = capsys.readouterr()
    assert err == ""
    assert "Epoch 1/2: 100%" in out and "Epoch 2/2: 100%" in out and "2/2" in out
    assert out.count("val_mse:") >= 2
    model.evaluate(X, Y)
    model.predict(X)
    out = capsys.readouterr().out
    assert "Evaluate: 100%" in out and "Predict: 100%" in out


def test_verbose_2_prints_a_line_per_epoch(capsys: pytest.CaptureFixture):
    model = make()
    losses = model.fit(X, Y, 4, epochs=2, verbose=2).history["loss"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" - ")[0] for line in lines] == ["Epoch 1/2", "Epoch 2/2"]
    assert [line.split("loss: ")[1] for line in lines] == [f"{loss:.4f}" for loss in losses]


def test_the_bar_is_closed_after_an_error(capsys: pytest.CaptureFixture):
    class Fail(Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("of the user's")

    class FailEarly(Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise RuntimeError("of the user's")

    model = make()
    for callback in (Fail(), FailEarly()):
        with pytest.raises(RuntimeError, match="of the user's"):
            model.fit(X, Y, 4, callbacks=[callback])
        assert capsys.readouterr().out.endswith("\n")
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])


# ---- errors

BAD = [
    (lambda m: Sequential([Input((3,)), layers.Dense(2)]).fit(X, Y), ValueError, "not compiled"),
    (lambda m: m.compile("sgd") or m.fit(X, Y), ValueError, "no loss"),
    (lambda m: m.fit(None, Y), ValueError, "fit.*x=None"),
    (lambda m: m.fit(X, None), ValueError, "fit.*y=None"),
    (lambda m: m.fit(X), ValueError, "fit.*y=None"),
    (lambda m: m.fit(X[:0], Y[:0]), ShapeError, "no samples"),
    (lambda m: m.fit(X, Y[:, :1]), ShapeError, r"\(10, 1\).*\(10, 2\)"),
    (lambda m: m.fit(X, Y[:9]), ShapeError, "10 samples.*9"),
    (lambda m: m.fit(X, np.array([["a", "b"]] * 10)), TypeError, "targets must be numbers"),
    (lambda m: m.fit(X[:, :2], Y), ShapeError, r"\(10, 2\).*\(batch, 3\)"),
    (lambda m: m.fit(X, Y, batch_size=0), ValueError, "batch_size.*0"),
    (lambda m: m.fit(X, Y, batch_size=2.5), ValueError, "batch_size.*2.5"),
    (lambda m: m.fit(X, Y, batch_size=True), ValueError, "batch_size.*True"),
    (lambda m: m.fit(X, Y, epochs=-1), ValueError, "epochs.*-1"),
    (lambda m: m.fit(X, Y, epochs=1.5), ValueError, "epochs.*1.5"),
    (lambda m: m.fit(X, Y, initial_epoch=-1), ValueError, "initial_epoch.*-1"),
    (lambda m: m.fit(X, Y, verbose=3), ValueError, "verbose.*3"),
    (lambda m: m.fit(X, Y, verbose="quiet"), ValueError, "verbose.*'quiet'"),
    (lambda m: m.fit(X, Y, validation_split=1.0), ValueError, "validation_split.*1.0"),
    (lambda m: m.fit(X, Y, validation_split=-0.1), ValueError, "validation_split.*-0.1"),
    (lambda m: m.fit(X, Y, validation_split=0.95), ValueError, "empty"),
    (lambda m: m.fit(X, Y, validation_split="a"), ValueError, "validation_split.*'a'"),
    (lambda m: m.fit(X, Y, validation_data=(X[:0], Y[:0])), ShapeError, "validation_data.*no s"),
    (lambda m: m.fit(X, Y, validation_data=X), ValueError, "validation_data must be"),
    (lambda m: m.fit(X, Y, validation_data=(X, Y[:3])), ShapeError, "validation_data.*10.*3"),
    (lambda m: m.fit(X, Y, validation_batch_size=0), ValueError, "validation_batch_size.*0"),
    (lambda m: m.fit(X, Y, sample_weight=np.ones(9)), ShapeError, r"sample_weight.*\(9,\).*\(10,"),
    (lambda m: m.fit(X, Y, sample_weight=np.ones((10, 2))), ShapeError, "sample_weight"),
    (lambda m: m.fit(X, Y, sample_weight=2.0), ShapeError, "sample_weight"),
    (lambda m: m.fit(X, Y, sample_weight=["a"] * 10), TypeError, "sample_weight"),
    (lambda m: m.fit(X, Y, callbacks=["stop"]), TypeError, "callbacks.*'stop'"),
    (lambda m: m.fit(X, Y, callbacks=[Callback]), TypeError, "callbacks"),
    (lambda m: m.evaluate(X, Y[:3]), ShapeError, "evaluate.*10.*3"),
    (lambda m: m.evaluate(X, Y, batch_size=-1), ValueError, "evaluate: batch_size.*-1"),
    (lambda m: m.predict(X, batch_size=0), ValueError, "predict: batch_size.*0"),
    (lambda m: m.train_on_batch(X), ValueError, "train_on_batch.*y=None"),
    (lambda m: m.compile("sgd", "mse", metrics=["area"]) or m.fit(X, Y), ValueError, "'area'"),
    (
        lambda m: m.compile("sgd", "mse", metrics=["sparse_categorical_accuracy"]) or m.fit(X, Y),
        ValueError,
        "different targets",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "match"), BAD, ids=[f"{m}" for *_, m in BAD])
def test_bad_calls(call: Any, error: type[Exception], match: str):
    """The error says where and what, before anything is trained."""
    model = make()
    before = bits(model)
    with pytest.raises(error, match=match):
        call(model)
    assert bits(model) == before


@pytest.mark.parametrize(
    ("y", "error", "match"),
    [
        (np.full(10, 2), ValueError, r"0\.\.1.*2\.\.2"),
        (np.full(10, -1), ValueError, "-1"),
        (np.full(10, 0.5), ValueError, "whole"),
        (np.full(10, np.nan), ValueError, "nan"),
        (np.full(10, 2**40), ValueError, "1099511627776"),
        (np.eye(2)[LABELS], ShapeError, '"categorical_crossentropy"'),
        (LABELS[:4], ShapeError, "10 samples.*4"),
    ],
)
def test_labels_out_of_range(y: np.ndarray, error: type[Exception], match: str):
    """Class numbers are checked before the first step, in any dtype."""
    model = make(loss="sparse_categorical_crossentropy")
    before = bits(model)
    with pytest.raises(error, match=match):
        model.fit(X, y, verbose=0)
    assert bits(model) == before


@pytest.mark.parametrize("shape", [(10,), (10, 1)])
@pytest.mark.parametrize("dtype", ["int64", "uint8", "float32", "bool"])
def test_labels_of_any_number_type(shape: tuple, dtype: str):
    """(N,) and (N, 1), integers or whole floats: the same training."""
    model, other = (make(loss="sparse_categorical_crossentropy") for _ in range(2))
    model.fit(X, LABELS, verbose=0)
    other.fit(X, LABELS.reshape(shape).astype(dtype), verbose=0)
    assert bits(model) == bits(other)


def test_one_hot_labels_hint():
    model = make(loss="categorical_crossentropy")
    with pytest.raises(ShapeError, match="sparse_categorical_crossentropy"):
        model.fit(X, LABELS)


def test_batches_one_by_one():
    """train_on_batch steps as fit does; predict_on_batch as predict; dicts on request."""
    fitted, stepped = make(metrics=["mse"]), make(metrics=["mse"])
    fitted.fit(X, Y, 5, shuffle=False, verbose=0)
    for part in (slice(0, 5), slice(5, 10)):
        logs = stepped.train_on_batch(X[part], Y[part], return_dict=True)
    assert list(logs) == ["loss", "mse"]
    assert bits(fitted) == bits(stepped)
    assert stepped.predict_on_batch(X).tobytes() == stepped.predict(X, verbose=0).tobytes()
    stepped.reset_metrics()
    loss, metric = stepped.test_on_batch(X, Y)
    assert [loss, metric] == pytest.approx(stepped.evaluate(X, Y, verbose=0), rel=1e-6)


def test_figures_of_one_batch_are_its_own():
    """Each call begins anew, as in Keras: 1 and 9 are the squares of 1 and 3."""
    model = cnnlite.Sequential([Input((1,)), layers.Dense(1, kernel_initializer="zeros")])
    model.compile(optimizers.SGD(0.0), "mse")
    one = np.ones((1, 1))
    for call in (model.train_on_batch, model.test_on_batch):
        assert [call(one, np.full((1, 1), y)) for y in (1.0, 3.0)] == [1.0, 9.0]
