"""fit and evaluate: means, metrics, validation, shuffling, what they print."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Sequential, layers, metrics, optimizers
from cnnlite.callbacks import Callback
from tests.models.small_model import LABELS, X, Y, make, mse
from tests.weights import bits

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


# ---- history


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


# ---- batches one by one


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


@pytest.mark.parametrize("verbose", [1, 2])
@pytest.mark.parametrize("metric", [metrics.F1Score, metrics.ConfusionMatrix])
def test_a_figure_that_is_an_array_is_printed(metric: Any, verbose: int, capsys: Any):
    """An F1Score has one number for each class unless it is averaged."""
    model = cnnlite.Sequential([cnnlite.Input((2,)), layers.Dense(3, "softmax")])
    model.compile("sgd", "categorical_crossentropy", metrics=[metric()])
    x, y = np.ones((3, 2)), np.eye(3)
    history = model.fit(x, y, verbose=verbose, validation_data=(x, y)).history
    model.evaluate(x, y, verbose=verbose)
    fitted, evaluated = capsys.readouterr().out.rstrip().split("Evaluate", 1)
    name = metric().name
    assert f" {name}: [" in fitted and f" val_{name}: [" in fitted
    assert f" {name}: [" in evaluated
    assert history[name][0].shape in [(3,), (3, 3)]
