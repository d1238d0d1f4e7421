"""Plans and the arena: the bits of eager calls, no overlap, no growth, nothing escapes."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from typing import Any

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cnnlite
from cnnlite import Input, Model, layers, losses, ops, optimizers
from cnnlite.layers.context import Context, StepState
from cnnlite.models.arena import MAX_PLANS
from cnnlite.models.plan import ALIGNMENT, Life, place, record
from tests.processes import output_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 8, 8, 2)).astype("float32")
LABELS = RNG.integers(0, 3, 12)


def network(seed: int = 1, loss: Any = "sparse_categorical_crossentropy") -> Model:
    """Return a compiled model with fork, join, a shared layer and dropout."""
    cnnlite.set_random_seed(seed)
    x = Input((8, 8, 2))
    shared = layers.Conv2D(4, 3, padding="same", activation="relu")
    h = layers.Conv2D(4, 3, padding="same", activation="tanh")(x)
    h = layers.Add()([h, shared(h), shared(shared(h))])
    h = layers.Concatenate()([layers.MaxPooling2D()(h), layers.AveragePooling2D(2)(h)])
    h = layers.Dropout(0.3)(layers.Flatten()(h))
    h = layers.Dropout(0.5, seed=9)(layers.Dense(6, "sigmoid")(h))
    model = Model(x, layers.Dense(3, "softmax")(h))
    model.compile(optimizers.Adam(0.01), loss)
    return model


def bits(arrays: Any) -> list[bytes]:
    return [a.tobytes() for a in arrays]


def plans(model: Model) -> list[Any]:
    return list(model._arena._plans.values())


# ---- the same bits as without a plan


def eager_step(model: Model, x: np.ndarray, y: np.ndarray) -> None:
    """Train one step as a plan would, but with eager operations."""
    assert model.optimizer is not None and model.loss is not None
    model.optimizer.build(model.trainable_weights)
    model.optimizer.begin_step()
    model._clock.step += 1
    state = StepState(model._clock)
    made = model.graph.forward([x], state, training=True)
    (p,), contexts = made.outputs, made.contexts
    ctx = Context(state)
    model.loss.call(y, p, ctx=ctx)
    model.graph.backward([model.loss.backward(None, ctx=ctx)], contexts)
    model.optimizer.apply(state.gradients(model.optimizer.weights))


@pytest.mark.parametrize(
    "loss",
    [losses.MeanSquaredError(), losses.BinaryCrossentropy(), losses.CategoricalCrossentropy()],
    ids=lambda loss: loss.name,
)
def test_a_plan_trains_to_the_bits_of_eager_operations(loss: losses.Loss):
    """Five steps with dropout: placing, in-place work and dead steps change nothing."""
    planned, eager = network(loss=loss), network(loss=loss)
    y = np.eye(3, dtype="float32")[LABELS]
    for _ in range(5):
        planned.train_on_batch(X, y)
        eager_step(eager, X, y)
    fused = loss.name == "categorical_crossentropy"  # its plan computes p - t at once
    for a, b in zip(planned.get_weights(), eager.get_weights(), strict=True):
        if fused:
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
        else:
            assert a.tobytes() == b.tobytes()


def test_a_plan_predicts_the_bits_of_eager_operations():
    model = network()
    (expected,) = model.graph.forward([X], StepState(model._clock), training=False).outputs
    assert model.predict(X, verbose=0).tobytes() == expected.tobytes()


POISONED = """
import hashlib, numpy as np
from tests.models.test_plans import X, LABELS, network
model = network()
losses = model.fit(X, LABELS, 5, epochs=3, validation_split=0.25, verbose=0).history
parts = [*model.get_weights(), model.predict(X, 5, verbose=0), np.array(list(losses.values()))]
assert all(np.isfinite(p).all() for p in parts)
print(hashlib.sha256(b"".join(p.tobytes() for p in parts)).hexdigest())
"""


def test_poison_changes_no_bit():
    """With NaN in every buffer not yet written or no longer alive, training is the same."""
    import os

    backend = os.environ.get("CNNLITE_BACKEND", "")
    found = [output_of(POISONED, CNNLITE_BACKEND=backend, CNNLITE_POISON=p) for p in "01"]
    assert len(found[0]) == 64 and found[0] == found[1]


def test_poison_finds_a_read_of_a_dead_buffer(monkeypatch: pytest.MonkeyPatch):
    """A plan whose lives are too short reads NaN: the mode can fail."""
    monkeypatch.setenv("CNNLITE_POISON", "1")

    def program(plan: Any) -> None:
        x = plan.input("x", (4,), "float32")
        h = ops.relu(x)
        plan.output("y", ops.add(ops.tanh(h), h))

    plan = record(program)
    for life in plan._lives.values():
        life.host = None
        life.end = min(life.end, life.start)
    for life in plan._lives.values():
        if life.buffer in (plan.inputs["x"], plan.outputs["y"]):
            life.end = len(plan.steps)
    plan.nbytes = place(list(plan._lives.values()))
    plan.bind(np.zeros(plan.nbytes, np.uint8))
    plan.arrays["x"][...] = 1
    plan.run()
    assert np.isnan(plan.arrays["y"]).any()


# ---- placing

sizes = st.integers(0, 4000)
spans = st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted)


@given(st.lists(st.tuples(sizes, spans), max_size=40))
@settings(max_examples=150, deadline=None)
def test_place_never_overlaps_what_lives_together(items: list):
    """No two lives that meet in time share a byte; all starts are aligned; size is bounded."""
    lives = [Life(ops.Buffer((n,), "uint8"), a, b) for n, (a, b) in items]
    total = place(lives)
    for i, one in enumerate(lives):
        assert one.offset % ALIGNMENT == 0 and one.offset + one.buffer.nbytes <= total
        for two in lives[:i]:
            if one.start <= two.end and two.start <= one.end:
                a, b = one.span(), two.span()
                assert (
                    a.stop <= b.start
                    or b.stop <= a.start
                    or 0
                    in (
                        one.buffer.nbytes,
                        two.buffer.nbytes,
                    )
                )
    rounded = [-(-life.buffer.nbytes // ALIGNMENT) * ALIGNMENT for life in lives]
    needed = max(
        (
            sum(life.buffer.nbytes for life in lives if life.start <= t <= life.end)
            for t in range(31)
        ),
        default=0,
    )
    assert needed <= total <= sum(rounded)


def test_lives_one_after_the_other_share_one_place():
    lives = [Life(ops.Buffer((1000,), "float32"), i, i) for i in range(20)]
    assert place(lives) == 4000
    assert {life.offset for life in lives} == {0}


def test_a_chain_needs_no_more_than_two_buffers():
    """Inference keeps only what is still needed, however deep the network."""
    x = Input((100,))
    h = x
    for _ in range(30):
        h = layers.Dense(100, "relu")(h)
    model = Model(x, h)
    model.predict(np.ones((10, 100)), verbose=0)
    assert model._arena.nbytes <= 4 * (10 * 100 * 4 + ALIGNMENT)


# ---- passes


def test_steps_whose_results_nobody_reads_are_dropped():
    """The first layer's input gradient, and an unread operation, are no part of the plan."""

    def program(plan: Any) -> None:
        x = plan.input("x", (4,), "float32")
        ops.tanh(ops.tanh(x))
        plan.output("y", ops.relu(x))

    assert record(program).operations == ["unary"]
    model = network()
    model.train_on_batch(X, LABELS)
    (plan,) = plans(model)
    assert plan.operations.count("conv2d_backward_input") == 3  # the shared layer's calls
    assert plan.operations.count("conv2d_backward_weight") == 4
    assert plan.operations[-1] == "update"
    assert "softmax_backward" not in plan.operations


@pytest.mark.parametrize(
    ("loss", "y", "fused"),
    [
        ("sparse_categorical_crossentropy", LABELS, "sparse_softmax_crossentropy_backward"),
        ("categorical_crossentropy", np.eye(3)[LABELS], "softmax_crossentropy_backward"),
    ],
)
def test_softmax_and_crossentropy_are_fused(loss: str, y: np.ndarray, fused: str):
    """One operation instead of two; a probability that fell to 0 still learns."""
    model = network(loss=loss)
    model.train_on_batch(X, y)
    assert fused in plans(model)[0].operations
    stuck = cnnlite.Sequential([Input((1,)), layers.Dense(3, "softmax", use_bias=False)])
    stuck.set_weights([[[-200.0, 100.0, 100.0]]])
    stuck.compile(optimizers.SGD(1.0), loss)
    target = np.zeros(1, int) if loss.startswith("sparse") else np.eye(3)[:1]
    stuck.train_on_batch(np.ones((1, 1)), target)
    np.testing.assert_allclose(stuck.get_weights()[0], [[-199.0, 99.5, 99.5]], rtol=1e-6)


def test_a_sigmoid_before_crossentropy_is_not_fused():
    """Only softmax's own gradient is; another activation keeps both operations."""
    x = Input((4,))
    model = Model(x, layers.Dense(3, "sigmoid")(x))
    model.compile("sgd", "categorical_crossentropy")
    model.train_on_batch(X[:, 0, :2].reshape(12, 4), np.eye(3)[LABELS])
    operations = plans(model)[0].operations
    assert "categorical_crossentropy_backward" in operations and "unary_backward" in operations


# ---- the arena


def test_at_most_eight_plans_in_one_block():
    """The least recently used plan goes; all live in the one block, old blocks are freed."""
    model = network()
    for n in range(1, 13):
        model.predict(X[:n], verbose=0)
        assert len(plans(model)) == min(n, MAX_PLANS)
        block = model._arena._memory
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
    model.layers[0].trainable = False
    frozen = model.layers[0].get_weights()
    model.fit(X, LABELS, verbose=0)
    assert bits(frozen) == bits(model.layers[0].get_weights())
    model.layers[0].trainable = True
    model.fit(X, LABELS, verbose=0)
    assert bits(frozen) != bits(model.layers[0].get_weights())


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
        model.layers[0](X),
        np.asarray(model.weights[0]),
    ]
    history = model.fit(X, LABELS, 4, epochs=2, verbose=0).history
    logs = {k: list(v) for k, v in history.items()}
    before = bits(kept)
    block = model._arena._memory
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


def test_a_float64_model_trains():
    """Every array of the plan is float64, and the loss falls."""
    with cnnlite.using_backend("reference"):
        cnnlite.set_random_seed(2)
        model = cnnlite.Sequential(
            [
                Input((8, 8, 2), dtype="float64"),
                layers.Conv2D(3, 3, activation="relu", dtype="float64"),
                layers.MaxPooling2D(dtype="float64"),
                layers.Flatten(dtype="float64"),
                layers.Dropout(0.2, dtype="float64"),
                layers.Dense(3, "softmax", dtype="float64"),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy")
        before = model.evaluate(X, LABELS, verbose=0)
        model.fit(X, LABELS, epochs=10, verbose=0)
        assert model.evaluate(X, LABELS, verbose=0) < before
        plan = plans(model)[0]
        assert {b.dtype.name for b in plan._lives} <= {"float64", "int32", "uint8"}
        assert model.predict(X, verbose=0).dtype == np.float64
