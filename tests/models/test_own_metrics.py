"""Metrics of the user's own, written as Keras's documentation teaches it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Model, Sequential, callbacks, layers, metrics

RNG = np.random.default_rng(3)
X = RNG.normal(size=(10, 3)).astype("float32")
Y = (X[:, :1] < 0.5).astype("float32")


class TruePositives(metrics.Metric):
    """Keras's own example, in NumPy."""

    def __init__(self, name: str = "hits", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.hits = self.add_variable(shape=(), initializer="zeros", name="hits")

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = np.logical_and(y_true == 1, y_pred > 0.45).astype(self.dtype or "float32")
        if sample_weight is not None:
            values = values * np.reshape(sample_weight, (-1, 1))
        self.hits.assign(self.hits + np.sum(values))

    def result(self):
        return self.hits


class Spread(metrics.Metric):
    """Two variables and a metric inside; several figures."""

    def __init__(self, name: str = "spread", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.squares = self.add_weight((), "ones", name="squares")
        self.largest = metrics.Sum()
        self.batches = 0

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = y_true - y_pred
        self.total.assign_add(error.sum())
        self.squares.assign_add(np.square(error).sum())
        self.largest.update_state(np.abs(error).max())
        self.batches += 1

    def result(self):
        return {"total": self.total, "squares": self.squares, "largest": self.largest.result()}


def network(**settings: Any) -> Sequential:
    cnnlite.set_random_seed(4)
    model = Sequential([Input((3,)), layers.Dense(4, "tanh"), layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", **settings)
    return model


def history(threads: int = 1, **settings: Any) -> dict[str, list[Any]]:
    model = network(metrics=[TruePositives(), Spread(), "mse"], **settings)
    with cnnlite.threads(threads):
        return model.fit(X, Y, 4, epochs=3, validation_split=0.3, verbose=0).history


def test_a_model_measures_with_it():
    """After each batch, on the batch's predictions; from zero in every epoch."""
    model = network(metrics=[TruePositives()], weighted_metrics=[TruePositives("weighted")])
    weights = RNG.uniform(0.5, 2, size=10).astype("float32")
    model.fit(X, Y, 4, epochs=2, verbose=0, sample_weight=weights)
    hits = (Y == 1) & (model.predict(X, verbose=0) > 0.45)
    assert hits.sum() > 0
    logs = model.evaluate(X, Y, 4, sample_weight=weights, verbose=0, return_dict=True)
    assert logs["hits"] == hits.sum() and type(logs["hits"]) is float
    assert logs["weighted"] == pytest.approx((hits[:, 0] * weights).sum(), rel=1e-6)
    assert model.evaluate(X, Y, 4, verbose=0)[1] == hits.sum()  # not twice as many


def test_history_has_each_epoch_s_figures():
    found = history()
    assert list(found) == [
        "loss", "hits", "total", "squares", "largest", "mse",
        "val_loss", "val_hits", "val_total", "val_squares", "val_largest", "val_mse",
    ]  # fmt: skip
    assert all(type(v) is float for values in found.values() for v in values)
    # Seven samples are trained on, three held out: squares over mean of squares.
    np.testing.assert_allclose(found["squares"], np.multiply(found["mse"], 7), rtol=1e-6)
    np.testing.assert_allclose(found["val_squares"], np.multiply(found["val_mse"], 3), rtol=1e-6)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("eagerly", [False, True])
def test_same_bits_in_a_plan_eagerly_and_on_any_number_of_threads(threads: int, eagerly: bool):
    assert history(threads, run_eagerly=eagerly) == history()


def test_an_evaluation_within_an_epoch_leaves_the_running_figures():
    """Variables, plain attributes and the metrics inside come back."""
    spread = Spread()
    model = network(metrics=[spread])
    seen = []

    def evaluated(batch: int, logs: Any) -> None:
        before = ({k: float(v) for k, v in spread.result().items()}, spread.batches)
        model.evaluate(X[:5], Y[:5], verbose=0)
        after = ({k: float(v) for k, v in spread.result().items()}, spread.batches)
        seen.append((before, after))

    calls = [callbacks.LambdaCallback(on_train_batch_end=evaluated)]
    model.fit(X, Y, 4, verbose=0, callbacks=calls)
    assert len(seen) == 3 and all(before == after for before, after in seen)
    assert seen[0][0] != seen[1][0]


def test_a_killed_training_goes_on_with_its_variables(tmp_path: Any):
    """BackupAndRestore writes them in the middle of an epoch, and reads them back."""

    class Killed(Exception):
        pass

    def kill(batch: int, logs: Any) -> None:
        if batch == 2:
            raise Killed

    def run(*extra: Any) -> Any:
        model = network(metrics=[TruePositives(), Spread()])
        backup = callbacks.BackupAndRestore(tmp_path / "state", save_freq=2)
        return model.fit(X, Y, 2, epochs=1, verbose=0, callbacks=[backup, *extra]).history

    with pytest.raises(Killed):
        run(callbacks.LambdaCallback(on_train_batch_begin=kill))
    whole = network(metrics=[TruePositives(), Spread()]).fit(X, Y, 2, verbose=0).history
    assert run() == whole


def test_targets_come_in_the_shape_in_which_they_were_given():
    """As Keras 3.15 gives them: (4,) stays (4,) beside predictions (4, 1), (4, 1) stays too."""
    shapes: list[Any] = []

    class Shapes(TruePositives):
        def update_state(self, y_true, y_pred, sample_weight=None):
            shapes.append((y_true.shape, y_pred.shape))

    for y in (np.ones(4), np.ones((4, 1))):
        for units, loss in ((1, "mse"), (3, "sparse_categorical_crossentropy")):
            model = Sequential([Input((3,)), layers.Dense(units)])
            model.compile("sgd", loss, metrics=[Shapes()])
            model.fit(X[:4], y, verbose=0)
    assert shapes == [((4,), (4, 1)), ((4,), (4, 3)), ((4, 1), (4, 1)), ((4, 1), (4, 3))]


def test_what_it_gets_is_its_own():
    """Copies: keeping a batch, or writing to it, changes nothing."""
    kept: list[Any] = []

    class Keeping(TruePositives):
        def update_state(self, y_true, y_pred, sample_weight=None):
            kept.append((y_pred, y_pred.copy()))
            y_true[...] = 7

    model, plain = network(metrics=[Keeping()]), network()
    losses = [m.fit(X, Y, 5, epochs=2, verbose=0).history["loss"] for m in (model, plain)]
    assert losses[0] == losses[1] and len(kept) == 4
    assert all(np.array_equal(a, b) for a, b in kept)


def test_a_subclass_of_mean_hands_its_values_on():
    """Keras's idiom: update_state of Mean, with values of one's own."""

    class LargestError(metrics.Mean):
        def update_state(self, y_true, y_pred, sample_weight=None):
            super().update_state(np.abs(y_true - y_pred).max(axis=-1), sample_weight)

    model = network(metrics=[LargestError("largest")])
    figure = model.evaluate(X, Y, 4, verbose=0, return_dict=True)["largest"]
    assert figure == pytest.approx(np.abs(model.predict(X, verbose=0) - Y).mean(), rel=1e-6)


def test_update_state_of_a_mixin_counts():
    class Counting:
        def update_state(self, y_true, y_pred, sample_weight=None):
            self.hits.assign_add(len(y_true))  # type: ignore[attr-defined]

    class Count(Counting, TruePositives):
        pass

    assert Count.dynamic
    assert network(metrics=[Count()]).evaluate(X, Y, 4, verbose=0)[1] == 10


def test_two_outputs_with_masks_and_weights():
    """A mask and sample weights arrive as one weight for each step."""
    x = Input((4,), dtype="int32")
    h = layers.Embedding(5, 3, mask_zero=True)(x)
    model = Model(x, layers.Dense(1)(layers.LSTM(3, return_sequences=True)(h)))
    seen: list[Any] = []

    class Weights(TruePositives):
        def update_state(self, y_true, y_pred, sample_weight=None):
            seen.append(sample_weight)

    model.compile("sgd", "mse", weighted_metrics=[Weights()])
    ids = np.array([[1, 2, 0, 0], [1, 2, 3, 4]])
    model.evaluate(ids, np.zeros((2, 4, 1)), sample_weight=np.array([2.0, 3.0]), verbose=0)
    np.testing.assert_array_equal(seen[0], [[2, 2, 0, 0], [3, 3, 3, 3]])


# ---- by itself


def test_variables():
    spread = Spread()
    assert [v.name for v in spread.variables] == ["spread/total", "spread/squares", "sum/state"]
    spread.update_state(np.float32([1.0]), np.float32([3.0]))
    assert [float(np.sum(v)) for v in spread.variables] == [-2, 5, 3]
    spread.reset_state()  # to zeros, whatever the initializer was, as Keras 3.15's
    assert [float(np.sum(v)) for v in spread.variables] == [0, 0, 0]
    mean = metrics.Mean()
    mean.update_state([1.0, 3.0])
    for variable in mean.variables:
        variable.assign(np.zeros(variable.shape))
    assert mean.result() == 0


def test_arithmetic_of_a_variable():
    row = TruePositives().add_variable((2,), "ones")
    row.assign_sub([0.5, 1.0])
    row += 1
    np.testing.assert_array_equal(row, [1.5, 1.0])
    np.testing.assert_array_equal(2 / row + row * [1, 2], [2 / 1.5 + 1.5, 4])
    assert len(row) == 2 and row[1] == 1.0 and bool(row[0] > row[1]) and int(row[0]) == 1
    assert np.sqrt(row).sum() == pytest.approx(1.5**0.5 + 1)
    assert row.dtype == np.float64
    before = row.numpy()
    row.assign_add([1, 1])
    np.testing.assert_array_equal(before, [1.5, 1.0])


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda m: m.hits.assign([1, 2]), ValueError, r"another shape. Got \(2,\)"),
        (lambda m: m.hits.assign_add([1, 2]), ValueError, r"another shape. Got \(2,\)"),
        (lambda m: setattr(m, "hits", 0.0), TypeError, r"hits is a variable.*hits.assign"),
        (lambda m: m.add_weight(name="q"), ValueError, "no such initializer. Got None"),
        (lambda m: m.add_variable((2,), "nought"), ValueError, "no such initializer"),
    ],
)
def test_mistakes_with_variables(make: Any, error: Any, match: str):
    with pytest.raises(error, match=match):
        make(TruePositives())


class NoWeights(TruePositives):
    def update_state(self, y_true, y_pred):
        pass


class NoResult(TruePositives):
    def result(self):
        pass


class Words(TruePositives):
    def result(self):
        return {"hits": "many"}


class NoBase(metrics.Metric):
    def __init__(self) -> None:
        self.hits = self.add_variable((), "zeros")


class NoBaseCall(metrics.Metric):
    def __init__(self) -> None:
        pass


@pytest.mark.parametrize(
    ("metric", "error", "match"),
    [
        (NoWeights, TypeError, r"hits: NoWeights.update_state must take .*Got \(y_true, y_pred\)"),
        (NoResult, TypeError, r"hits: result\(\) must return a number.*Got None"),
        (Words, TypeError, r"hits: result\(\) must return a number.*Got 'many'"),
        (NoBase, RuntimeError, r"NoBase: the base's __init__ has not run.*super"),
        (NoBaseCall, RuntimeError, r"NoBaseCall: the base's __init__ has not run.*super"),
    ],
)
def test_a_wrong_metric_says_what_is_wrong(metric: Any, error: Any, match: str):
    with pytest.raises(error, match=match):
        network(metrics=[metric]).fit(X, Y, verbose=0)


def test_the_names_that_an_unknown_metric_is_told_are_each_there_once():
    with pytest.raises(ValueError, match=r"no such metric. Got 'acuracy'") as caught:
        metrics.get("acuracy")
    names = str(caught.value).split("one of ")[1].split(", pass")[0].split(", ")
    assert sorted(set(names)) == sorted(names) and "accuracy" in names
    assert all(isinstance(metrics.get(name), metrics.Metric) for name in names)


class MeanError(metrics.Metric):
    """The weighted mean of the absolute error, whatever axes of length 1 there are."""

    def __init__(self, name: str = "error", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", shape=(), initializer="zeros")
        self.weight = self.add_weight(name="weight", shape=(), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = np.abs(y_true.reshape(-1) - y_pred.reshape(-1))
        weight = np.ones(len(error)) if sample_weight is None else sample_weight
        self.total.assign_add(np.sum(error * weight))
        self.weight.assign_add(np.sum(weight))

    def result(self):
        return self.total / self.weight


def test_the_figures_of_keras():
    """Keras 3.15 gives these, for the same class with its torch back end."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(10, 3)).astype("f4"), rng.normal(size=(10, 1)).astype("f4")
    weights = rng.uniform(size=10).astype("f4")

    def model() -> Sequential:
        made = Sequential([Input((3,)), layers.Dense(1)])
        made.set_weights([np.ones((3, 1)), np.zeros(1)])
        made.compile(
            cnnlite.optimizers.SGD(0.1),
            "mse",
            metrics=[MeanError()],
            weighted_metrics=[MeanError("counted")],
        )
        return made

    def batches() -> Any:
        for first in range(0, 10, 4):
            part = slice(first, first + 4)
            yield x[part], y[part], weights[part]

    expected = {
        "loss": [1.93705, 0.90813],
        "error": [1.73057, 1.2603],
        "counted": [1.82322, 1.27578],
        "val_loss": [1.48455, 1.36429],
        "val_error": [1.07964, 1.00593],
        "val_counted": [1.07964, 1.00593],
    }
    history = (
        model()
        .fit(
            x,
            y,
            4,
            epochs=2,
            shuffle=False,
            sample_weight=weights,
            validation_data=(x[:3], y[:3]),
            verbose=0,
        )
        .history
    )
    assert list(history) == list(expected)
    for name, values in expected.items():
        assert history[name] == pytest.approx(values, abs=1e-5)
    streamed = model().fit(batches(), verbose=0).history
    for name, values in streamed.items():
        assert values == pytest.approx(expected[name][:1], abs=1e-5)
    trained = model().train_on_batch(x, y, weights)
    assert trained == pytest.approx([2.25112, 1.81756, 1.95878], abs=1e-5)


class Lengths(metrics.Metric):
    """Makes its variables at the first batch, whose shape they have."""

    def __init__(self, name: str = "lengths", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.sums: Any = None
        self.more: list[Any] = []

    def update_state(self, y_true, y_pred, sample_weight=None):
        if self.sums is None:
            self.sums = self.add_variable(y_pred.shape[1:], "zeros", name="sums")
            self.more.append(self.add_variable((), "zeros", name="count"))
        self.sums.assign_add(np.sum(y_pred, axis=0))
        self.more[0].assign_add(len(y_pred))

    def result(self):
        return 0.0 if self.sums is None else float(np.sum(self.sums) / self.more[0])


def test_variables_that_the_first_batch_makes():
    """The first evaluation leaves them, at zero, and the second computes the same."""
    metric = Lengths()
    model = network(metrics=[metric])
    expected = float(np.mean(model.predict(X, verbose=0)))
    for _ in range(2):
        assert model.evaluate(X, Y, 4, verbose=0)[1] == pytest.approx(expected, rel=1e-6)
        assert [v.numpy().sum() for v in metric.variables] == [0, 0]
    model.fit(X, Y, verbose=0, validation_data=(X, Y))
