"""The arena: few plans in one block, no growth over steps, nothing of it escapes."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from typing import Any

import numpy as np
import psutil
import pytest

import cnnlite
from cnnlite import Input, layers, optimizers
from cnnlite.kernels.native import dispatch
from cnnlite.models.arena import MAX_PLANS
from tests.models.network import LABELS, X, bits, network, plans

# ---- the arena


def test_at_most_eight_plans_in_one_block():
    """The least recently used plan goes; all live in the one block, old blocks are freed."""
    model = network()
    for n in range(1, 13):
        model.predict(X[:n], verbose=0)
        assert len(plans(model)) == min(n, MAX_PLANS)
        block = model._arena._memories[None]
        assert plans(model)[-1].memory is block
        assert all(plan.memory is block or plan.memory is None for plan in plans(model))
        assert all(
            np.shares_memory(a, block)
            for plan in plans(model)
            if plan.memory is block
            for a in plan.arrays.values()
        )
    kept = {plan.inputs["x0"].shape[0] for plan in plans(model)}
    assert kept == set(range(5, 13))
    before = plans(model)
    model.predict(X[:5], verbose=0)
    model.predict(X[:4], verbose=0)  # now 6 is the least recently used
    assert {p.inputs["x0"].shape[0] for p in plans(model)} == {4, 5, *range(7, 13)}
    assert sum(plan in before for plan in plans(model)) == 7


def test_results_do_not_depend_on_which_plans_came_before():
    """After larger and smaller batches through the same block, equal bits."""
    model = network()
    first = {n: model.predict(X[:n], verbose=0).tobytes() for n in (3, 12, 1, 7)}
    assert {n: model.predict(X[:n], verbose=0).tobytes() for n in (7, 1, 12, 3)} == first


def test_compiling_anew_and_changing_layers_forgets_plans():
    model = network()
    model.fit(X, LABELS, verbose=0)
    model.compile(optimizers.SGD(0.5), "sparse_categorical_crossentropy")
    assert plans(model) == []
    model.layers[1].trainable = False
    frozen = model.layers[1].get_weights()
    model.fit(X, LABELS, verbose=0)
    assert bits(frozen) == bits(model.layers[1].get_weights())
    model.layers[1].trainable = True
    model.fit(X, LABELS, verbose=0)
    assert bits(frozen) != bits(model.layers[1].get_weights())


def test_the_back_end_is_part_of_a_plan():
    """Another back end records plans of its own, and the results agree."""
    model = network()
    y = model.predict(X, verbose=0)
    with cnnlite.using_backend("reference"):
        other = model.predict(X, verbose=0)
    np.testing.assert_allclose(y, other, rtol=1e-4, atol=1e-6)


# ---- memory in steady state


def traced_step_peaks(step: Any, steps: int) -> tuple[list[int], int]:
    """Return what each step allocated at its peak, in bytes, and the growth over all."""
    gc.collect()
    tracemalloc.start()
    try:
        start = tracemalloc.get_traced_memory()[0]
        peaks = []
        for _ in range(steps):
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            step()
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
        gc.collect()
        return peaks, tracemalloc.get_traced_memory()[0] - start
    finally:
        tracemalloc.stop()


def test_a_step_allocates_no_large_array(monkeypatch: pytest.MonkeyPatch):
    """With kernels that do nothing, 50 steps allocate under 64 KiB each and nothing stays.

    The reference's kernels allocate by their nature, so what is measured is the
    library around the kernels: plans, arena, loop.  One activation has 400 KiB.
    """
    from cnnlite.models import plan as plan_module

    monkeypatch.delenv("CNNLITE_POISON", raising=False)  # poisoning copies the arena
    monkeypatch.setattr(plan_module, "kernel", lambda *a: lambda *args, **kwargs: None)
    model = network()
    x = np.repeat(X, 35, axis=0)  # (420, 8, 8, 2)
    y = np.repeat(LABELS, 35)
    data = model._dataset(x, y, None, "test")
    model._start_training()
    order = model._order(len(data), 0)
    model._train_step(data, order, len(data))
    peaks, growth = traced_step_peaks(lambda: model._train_step(data, order, len(data)), 50)
    assert max(peaks) < 64 * 1024
    assert growth < 4096


def test_memory_is_flat_over_thousands_of_steps():
    """2,000 steps with changing batch sizes, evaluations and predictions: no growth."""
    cnnlite.set_random_seed(0)
    model = cnnlite.Sequential(
        [Input((8,)), layers.Dense(8, "relu"), layers.Dropout(0.2), layers.Dense(3, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = X[:, 0, :, 0]

    def epoch() -> None:
        model.fit(x, LABELS, batch_size=1, epochs=10, verbose=0)
        model.fit(x, LABELS, batch_size=5, epochs=20, verbose=0, validation_split=0.3)
        for n in range(1, 12):
            model.predict(x[:n], verbose=0)

    epoch()
    gc.collect()
    tracemalloc.start()
    try:
        before = psutil.Process().memory_info().rss
        start = tracemalloc.get_traced_memory()[0]
        for _ in range(12):  # 12 * (120 + 40) steps
            epoch()
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - start
    finally:
        tracemalloc.stop()
    assert grown < 64 * 1024
    assert psutil.Process().memory_info().rss - before < 8 * 2**20


def test_kernels_allocate_nothing_after_a_few_steps():
    """Convolutions, direct and Winograd's, pooling, a recurrent layer: all find their workspace."""
    if cnnlite.get_backend() != "native":
        pytest.skip("the other back ends allocate by their nature")
    x = Input((12, 12, 16))
    h = layers.BatchNormalization()(layers.Conv2D(32, 3, padding="same", activation="relu")(x))
    h = layers.MaxPooling2D()(layers.Conv2D(24, 5, strides=2)(h))
    h = layers.LSTM(20)(layers.Reshape((4, 24))(h))
    model = cnnlite.Model(x, layers.Dense(3)(h))
    model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    images, y = rng.normal(size=(32, 12, 12, 16)), rng.normal(size=(32, 3))
    with cnnlite.threads(2):
        for _ in range(4):
            model.train_on_batch(images, y)
        before = dispatch.workspaces_made()
        for _ in range(20):
            model.train_on_batch(images, y)
        assert dispatch.workspaces_made() == before > 0


# ---- nothing of the arena escapes


def test_what_leaves_a_model_stays_as_it_was():
    """Predictions, weights, logs and layer results kept across later calls do not change."""
    model = network()
    kept: list[Any] = [
        model.predict(X, verbose=0),
        model.predict_on_batch(X),
        model(X),
        model(X, training=True),
        *model.get_weights(),
        *(w.numpy() for w in model.weights),
        model.layers[1](X),
        np.asarray(model.weights[0]),
    ]
    history = model.fit(X, LABELS, 4, epochs=2, verbose=0).history
    logs = {k: list(v) for k, v in history.items()}
    before = bits(kept)
    block = model._arena._memories[None]
    assert not any(np.may_share_memory(a, block) for a in kept)
    assert not any(np.may_share_memory(a, w.value) for a in kept for w in model.weights)
    model.fit(-X, LABELS, 12, epochs=3, verbose=0)
    model.predict(10 * X, verbose=0)
    model(X * 0)
    assert bits(kept) == before
    assert {k: list(v) for k, v in history.items()} == logs


def test_inputs_are_not_kept_or_changed():
    """The user's arrays stay as they were, and changing them later changes nothing."""
    model = network()
    x, y = X.copy(), LABELS.copy()
    model.fit(x, y, 4, verbose=0)
    assert x.tobytes() == X.tobytes() and y.tobytes() == LABELS.tobytes()
    expected = model.predict(x, verbose=0)
    kept = expected.copy()
    x[...] = 7
    assert expected.tobytes() == kept.tobytes()


def test_two_threads_in_one_model_while_another_trains():
    """Predictions from two threads equal those from one; the second model trains as alone."""
    model, other, alone = network(1), network(2), network(2)
    batches = [X[:n] for n in (3, 12, 7)]
    expected = [model.predict(x, verbose=0).tobytes() for x in batches]
    alone.fit(X, LABELS, 4, epochs=6, verbose=0)
    wrong: list[Any] = []

    def predict() -> None:
        try:
            for _ in range(15):
                found = [model.predict(x, verbose=0).tobytes() for x in batches]
                if found != expected:
                    wrong.append("differs")
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=predict) for _ in range(2)]
    threads.append(threading.Thread(target=lambda: other.fit(X, LABELS, 4, epochs=6, verbose=0)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert not wrong
    assert bits(other.get_weights()) == bits(alone.get_weights())
