"""Networks whose plans run on the device, against the reference on the host."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import cnnlite
from cnnlite import layers
from cnnlite.kernels.cuda import device as memory
from cnnlite.kernels.registry import using_backend
from cnnlite.models.device_plan import DevicePlan

rng = np.random.default_rng(7)
IMAGES = rng.random((8, 8, 8, 1), dtype="float32")
SERIES = rng.normal(size=(8, 3, 2)).astype("float32")
LABELS = rng.integers(0, 3, 8)
# Single rounding errors of float32, and those of sums in another order, two steps long.
CLOSE = {"rtol": 1e-4, "atol": 1e-6}


@pytest.fixture(autouse=True)
def _every_operation_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNLITE_STRICT", "1")


def lenet() -> cnnlite.Sequential:
    return cnnlite.Sequential(
        [
            cnnlite.Input((8, 8, 1)),
            layers.Conv2D(3, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(4, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dropout(0.4),
            layers.Dense(3, "softmax", kernel_regularizer="l2"),
        ]
    )


def small() -> cnnlite.Sequential:
    return cnnlite.Sequential(
        [cnnlite.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3, "softmax")]
    )


def recurrent(cell: type[layers.Layer]) -> Callable[[], cnnlite.Sequential]:
    def make() -> cnnlite.Sequential:
        return cnnlite.Sequential(
            [
                cnnlite.Input((3, 2)),
                cell(4, return_sequences=True),
                cell(3),
                layers.Dense(3, "softmax"),
            ]
        )

    return make


def compiled(make: Callable[[], cnnlite.Sequential], momentum: float = 0.0) -> cnnlite.Sequential:
    cnnlite.set_random_seed(3)
    model = make()
    # Not Adam: it makes a step of the rate's size also of a gradient that is but rounding.
    sgd = cnnlite.optimizers.SGD(0.1, momentum=momentum)
    model.compile(sgd, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def trained(backend: str, make: Callable, x: np.ndarray) -> tuple[dict, np.ndarray, list]:
    """Train for two steps; return the history, predictions and weights."""
    with using_backend(backend):
        model = compiled(make, momentum=0.9)
        history = model.fit(x, LABELS, batch_size=4, epochs=1, verbose=0).history
        return history, model.predict(x, verbose=0), model.get_weights()


@pytest.mark.parametrize(
    ("make", "x"),
    [
        (lenet, IMAGES),
        (recurrent(layers.LSTM), SERIES),
        (recurrent(layers.GRU), SERIES),
        (recurrent(layers.SimpleRNN), SERIES),
    ],
    ids=["lenet", "lstm", "gru", "simple_rnn"],
)
def test_two_steps_of_training_as_on_the_reference(make: Callable, x: np.ndarray):
    """Dropout too: the device draws the masks of the CPU."""
    history, predictions, weights = trained("cuda", make, x)
    expected_history, expected_predictions, expected_weights = trained("reference", make, x)
    assert history.keys() == expected_history.keys()
    for name, values in history.items():
        np.testing.assert_allclose(values, expected_history[name], **CLOSE)
    np.testing.assert_allclose(predictions, expected_predictions, **CLOSE)
    for value, expected in zip(weights, expected_weights, strict=True):
        np.testing.assert_allclose(value, expected, **CLOSE)


def test_equal_bits_from_equal_seeds():
    _, _, first = trained("cuda", small, IMAGES)
    _, _, again = trained("cuda", small, IMAGES)
    assert [w.tobytes() for w in first] == [w.tobytes() for w in again]


def test_a_step_moves_the_batch_and_small_states_alone(monkeypatch: pytest.MonkeyPatch):
    """Weights and slots stay on the device until somebody looks at them."""
    moved: list[tuple[str, int]] = []

    def counted(name: str) -> Callable:
        original = getattr(memory, name)

        def count(there, here):
            moved.append((name, here.nbytes))
            original(there, here)

        return count

    with using_backend("cuda"):
        model = compiled(small)
        model.fit(IMAGES, LABELS, batch_size=4, epochs=1, verbose=0)
        for name in ("read", "write"):
            monkeypatch.setattr(memory, name, counted(name))
        model.train_on_batch(IMAGES[:4], LABELS[:4])
    batch = IMAGES[:4].nbytes
    assert ("write", batch) in moved
    small_ones = [size for _, size in moved if size != batch]
    assert max(small_ones) <= 16  # (total, count) of the loss and a metric, the step's number
    assert [name for name, _ in moved].count("read") == 2
    weights = model.get_weights()
    assert ("read", weights[0].nbytes) in moved


def test_a_step_launches_again_what_the_first_one_launched(monkeypatch: pytest.MonkeyPatch):
    with using_backend("cuda"):
        model = compiled(small)
        model.fit(IMAGES, LABELS, batch_size=4, epochs=1, verbose=0)
        plan = next(p for p in model._arena._plans.values() if p.steps[-1].name == "update")
        assert isinstance(plan, DevicePlan)
        monkeypatch.setattr(plan, "_calls", [])  # operations are not asked any more
        before = model.get_weights()
        model.fit(IMAGES, LABELS, batch_size=4, epochs=1, verbose=0)
    assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


def test_weights_follow_from_back_end_to_back_end():
    """Whoever trains goes on from what the last one left, also with the plans of before."""
    found = []
    for backends in (("reference",) * 6, ("reference", "cuda") * 3):
        model = compiled(small)
        for backend in backends:
            with using_backend(backend):
                model.fit(IMAGES, LABELS, batch_size=4, epochs=1, verbose=0)
                found.append(model.predict(IMAGES[:4], verbose=0))
    for one, other in zip(found[:6], found[6:], strict=True):
        np.testing.assert_allclose(other, one, **CLOSE)
    assert not np.allclose(found[0], found[-1], **CLOSE)


def test_weights_set_between_steps_count_in_the_next_one():
    with using_backend("cuda"):
        model = compiled(small)
        model.fit(IMAGES, LABELS, batch_size=4, epochs=1, verbose=0)
        model.set_weights([np.zeros_like(w) for w in model.get_weights()])
        np.testing.assert_allclose(model.predict(IMAGES, verbose=0), 1 / 3, rtol=1e-6)
        model.layers[-1].kernel.value[:, 0] = 1  # in place
        assert (model.predict(IMAGES, verbose=0)[:, 0] > 0.5).all()


def test_learning_rate_set_between_steps_counts_in_the_next_one():
    with using_backend("cuda"):
        model = compiled(small)
        model.fit(IMAGES, LABELS, batch_size=4, epochs=1, verbose=0)
        before = model.get_weights()
        model.optimizer.learning_rate = 0.0
        model.fit(IMAGES, LABELS, batch_size=4, epochs=1, verbose=0)
    assert [w.tobytes() for w in model.get_weights()] == [w.tobytes() for w in before]
