"""fit, evaluate and predict on batches that somebody else makes: generators and PyDataset."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Sequential, layers
from cnnlite.errors import CnnliteWarning, ShapeError
from tests.models.streams import Parts, W, X, Y, batches, endless, make
from tests.weights import bits

# ---- the same training as from arrays


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("source", ["generator", "dataset", "workers", "list of batches"])
def test_one_epoch_is_that_of_arrays(source: str, weights: bool):
    """Equal bits and figures, sample weights included; the last batch is smaller."""
    arrays, model = (make(weighted_metrics=["mse"]) for _ in range(2))
    given = {"sample_weight": W} if weights else {}
    expected = arrays.fit(X, Y, 6, shuffle=False, verbose=0, **given).history
    streams: dict[str, Any] = {
        "generator": lambda: batches(6, weights),
        "dataset": lambda: Parts(weights),
        "workers": lambda: Parts(weights, workers=3, max_queue_size=2),
        "list of batches": lambda: tuple_free(list(batches(6, weights))),
    }
    make_stream = streams[source]
    history = model.fit(make_stream(), shuffle=False, verbose=0).history
    assert history == expected and bits(model) == bits(arrays)
    assert model.evaluate(make_stream(), verbose=0) == arrays.evaluate(X, Y, 6, verbose=0, **given)


def tuple_free(items: list[Any]) -> Any:
    """Return an iterable that is no list (a list would be several inputs)."""

    class Iterable:
        def __iter__(self) -> Iterator[Any]:
            return iter(items)

    return Iterable()


def test_predict_over_streams():
    model = make()
    whole = model.predict(X, 6, verbose=0)
    assert model.predict((x for x, _ in batches()), verbose=0).tobytes() == whole.tobytes()
    assert model.predict(batches(), verbose=0).tobytes() == whole.tobytes()
    assert model.predict(Parts(workers=2), verbose=0).tobytes() == whole.tobytes()
    assert model.predict(endless(), steps=8, verbose=0).shape == (40, 2)


# ---- epochs and passes


def test_an_endless_generator_goes_on_over_epochs():
    """steps_per_epoch cuts it; the second epoch begins where the first ended."""
    model, other = make(), make()
    history = model.fit(endless(), steps_per_epoch=3, epochs=4, verbose=0).history
    assert len(history["loss"]) == 4
    stream = endless()
    for _ in range(12):
        other.train_on_batch(*next(stream))
    assert bits(model) == bits(other)


def test_a_generator_that_ends_early_warns():
    model = make()
    with pytest.warns(CnnliteWarning, match="fit: the data ended after 1 of 3 batches"):
        history = model.fit(batches(), steps_per_epoch=3, epochs=2, verbose=0).history
    assert len(history["loss"]) == 2
    assert model.optimizer is not None and model.optimizer.iterations == 4
    with pytest.raises(ValueError, match="the data gave no batch"):
        model.fit(iter(()), verbose=0)
    with pytest.raises(ValueError, match="the data gave no batch"):
        model.predict(iter(()), verbose=0)


def test_arrays_with_steps_per_epoch():
    """Passes go on over epochs, and begin anew where they end."""
    model, other = make(), make()
    options: dict[str, Any] = {"batch_size": 6, "shuffle": False, "verbose": 0}
    losses = model.fit(X, Y, steps_per_epoch=3, epochs=4, **options).history["loss"]
    other.fit(X, Y, epochs=3, **options)
    assert len(losses) == 4 and bits(model) == bits(other)  # 12 steps, either way


def test_hooks_and_order_of_a_dataset():
    """Begin and end around each pass; shuffle permutes the batches, and repeats by the seed."""
    data = Parts()
    make().fit(data, epochs=3, verbose=0)
    assert data.hooks == ["begin", "end"] * 3
    passes = [data.asked[i : i + 4] for i in (0, 4, 8)]
    assert all(sorted(p) == [0, 1, 2, 3] for p in passes) and len({*map(tuple, passes)}) > 1
    again, plain = Parts(workers=2), Parts()
    make().fit(again, epochs=3, verbose=0)
    assert sorted(again.asked) == sorted(data.asked)  # made ahead, in several threads
    make().fit(plain, epochs=2, shuffle=False, verbose=0)
    assert plain.asked == [0, 1, 2, 3] * 2
    data = Parts()
    make().fit(data, epochs=4, steps_per_epoch=3, shuffle=False, verbose=0)
    assert data.asked == [0, 1, 2, 3] * 3 and data.hooks == ["begin", "end"] * 3


def test_a_dataset_without_end():
    class Endless(Parts):
        @property
        def num_batches(self):
            return None

        def __getitem__(self, i):
            return super().__getitem__(i % 3)

    data = Endless()
    make().fit(data, epochs=2, steps_per_epoch=5, verbose=0)
    assert data.asked == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0] or len(data.asked) == 10
    assert data.hooks == ["begin"]


def test_no_thread_outlives_fit():
    """Workers end with the training, after an exception and a stop too."""

    class Stop(cnnlite.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    class Fail(cnnlite.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyError("of the test")

    def workers() -> list[str]:
        names = [thread.name for thread in threading.enumerate()]
        return [name for name in names if name.startswith("cnnlite-batches")]

    model = make()
    for steps in (None, 3):
        model.fit(Parts(workers=2), verbose=0, callbacks=[Stop()], steps_per_epoch=steps)
        assert workers() == []
        with pytest.raises(KeyError, match="of the test"):
            model.fit(Parts(workers=2), verbose=0, callbacks=[Fail()], steps_per_epoch=steps)
        assert workers() == []


def test_an_error_in_the_data_comes_out():
    class Broken(Parts):
        def __getitem__(self, i):
            raise OSError(f"no batch {i}")

    for count in (1, 2):
        with pytest.raises(OSError, match="no batch"):
            make().fit(Broken(workers=count), verbose=0)


# ---- validation


def test_validation_of_streams():
    """An endless generator with validation_steps goes on from epoch to epoch; it is not closed."""
    model, other = make(), make()
    stream = endless()
    history = model.fit(
        X,
        Y,
        20,
        epochs=3,
        verbose=0,
        shuffle=False,
        validation_data=stream,
        validation_steps=3,
    ).history
    numbers = [0, 1, 2, 3, 0, 1, 2, 3, 0]  # batches of 5, three an epoch
    for epoch in range(3):
        other.fit(X, Y, 20, verbose=0, shuffle=False)
        rows = np.concatenate([np.arange(5 * n, 5 * n + 5) for n in numbers[3 * epoch :][:3]])
        wanted = other.evaluate(X[rows], Y[rows], verbose=0)
        assert history["val_loss"][epoch] == pytest.approx(wanted, rel=1e-6)
    assert next(stream)[0].tobytes() == X[5:10].tobytes()


def test_a_generator_is_not_closed_by_evaluate_and_predict():
    model, stream = make(), endless()
    for first in (0, 10, 0):
        found = model.evaluate(stream, steps=2, verbose=0)
        wanted = model.evaluate(X[first : first + 10], Y[first : first + 10], verbose=0)
        assert found == pytest.approx(wanted, rel=1e-6)
    model.fit(stream, steps_per_epoch=1, verbose=0)
    assert model.predict(stream, steps=1, verbose=0).shape == (5, 2)


def test_validation_freq_and_steps():
    """Every second epoch, or those named; the first batches alone with validation_steps."""
    data = {"validation_data": (X[:7], Y[:7]), "verbose": 0, "epochs": 5}
    history = make(rate=0.0).fit(X, Y, validation_freq=2, **data).history
    assert len(history["loss"]) == 5 and len(history["val_loss"]) == 2
    assert len(make().fit(X, Y, validation_freq=[1, 4, 5], **data).history["val_loss"]) == 3
    model = make(rate=0.0)
    found = model.fit(X, Y, validation_steps=2, validation_batch_size=3, **data).history
    wanted = model.evaluate(X[:6], Y[:6], verbose=0)
    assert found["val_loss"][0] == pytest.approx(wanted, rel=1e-6)


def test_validation_split_with_weights_and_order():
    """The last rows validate with their weights; evaluated in order."""
    model = make(rate=0.0)
    seen: list[np.ndarray] = []
    step = model._test_step

    def watch(data: Any, samples: Any) -> None:
        seen.append(data.inputs[0][samples])
        step(data, samples)

    model._test_step = watch  # type: ignore[method-assign]
    history = model.fit(X, Y, 4, sample_weight=W, validation_split=0.3, verbose=0, epochs=2).history
    assert np.concatenate(seen).tobytes() == np.concatenate([X[14:], X[14:]]).tobytes()
    wanted = model.evaluate(X[14:], Y[14:], sample_weight=W[14:], verbose=0)
    assert history["val_loss"][0] == pytest.approx(wanted, rel=1e-6)


# ---- memory


def resident() -> int:
    with open("/proc/self/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * 4096


@pytest.mark.parametrize("workers", [1, 2])
def test_memory_stays_flat_over_thousands_of_steps(workers: int):
    """Streams of batches of several sizes, epochs with validation: nothing piles up."""

    class Many(cnnlite.utils.PyDataset):
        def __len__(self):
            return 400

        def __getitem__(self, i):
            n = 16 + i % 4
            return np.ones((n, 64), "float32"), np.ones((n, 8), "float32")

    model = Sequential([Input((64,)), layers.Dense(64, "relu"), layers.Dense(8)])
    model.compile("adam", "mse", metrics=["mae"])
    data = Many(workers=workers)

    def epochs(count: int) -> int:
        model.fit(data, epochs=count, verbose=0, validation_data=data, validation_steps=20)
        gc.collect()
        return resident()

    before = epochs(2)
    after = epochs(6)
    # One 16 by 64 batch a step that stayed would be 10 MB.
    assert after - before < 2_000_000


# ---- errors

BAD = [
    (lambda m: m.fit(batches(), Y), ValueError, "fit: x gives whole batches"),
    (lambda m: m.fit(batches(), sample_weight=W), ValueError, "leave y and sample_weight out"),
    (lambda m: m.fit(batches(), validation_split=0.2), ValueError, "needs arrays"),
    (lambda m: m.fit(x for x, _ in batches()), ValueError, "no targets"),
    (lambda m: m.fit((x, y, W, 1) for x, y in batches()), ShapeError, r"\(x, y\).*4 things"),
    (lambda m: m.fit(batches(), steps_per_epoch=0), ValueError, "steps_per_epoch.*0"),
    (lambda m: m.fit(X, Y, validation_steps=-1), ValueError, "validation_steps.*-1"),
    (lambda m: m.fit(X, Y, validation_freq=0), ValueError, "validation_freq.*0"),
    (lambda m: m.fit(X, Y, validation_freq="all"), ValueError, "validation_freq.*'all'"),
    (lambda m: m.evaluate(batches(), steps=0), ValueError, "evaluate: steps.*0"),
    (lambda m: m.predict(batches(), steps=1.5), ValueError, r"predict: steps.*1\.5"),
    (lambda m: m.fit((X[:3, :2], Y[:3]) for _ in range(2)), ShapeError, r"\(3, 2\).*\(batch, 3\)"),
    (lambda m: m.fit((X[:3], Y[:2]) for _ in range(2)), ShapeError, "3 samples.*2"),
]


@pytest.mark.parametrize(("call", "error", "match"), BAD, ids=[m for *_, m in BAD])
def test_bad_calls(call: Any, error: type[Exception], match: str):
    model = make()
    before = bits(model)
    with pytest.raises(error, match=match):
        call(model)
    assert bits(model) == before


def test_a_generator_that_ends_in_an_earlier_epoch_ends_the_training():
    """With a warning, and the history so far: three batches, then one, then none."""
    model = cnnlite.Sequential([cnnlite.Input((2,)), cnnlite.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    with pytest.warns(CnnliteWarning, match="the data ended after"):
        history = model.fit(((x, y) for _ in range(4)), steps_per_epoch=3, epochs=3, verbose=0)
    assert history.epoch == [0, 1]
