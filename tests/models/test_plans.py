"""Plans: the bits of eager calls, poison, placing without overlap, passes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cnnlite
from cnnlite import Input, Model, layers, losses, ops, optimizers
from cnnlite.errors import CnnliteWarning
from cnnlite.layers.context import Context, StepState
from cnnlite.models.plan import ALIGNMENT, Life, place, record
from tests.models.network import LABELS, X, network, plans
from tests.processes import output_of

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
from tests.models.network import X, LABELS, network
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


def normalized(frozen: bool) -> Model:
    """Batch normalization before ReLU: behind a convolution, and frozen or not, and pooled."""
    cnnlite.set_random_seed(3)
    x = Input((8, 8, 2))
    h = layers.Conv2D(5, 3, use_bias=False)(x)
    h = layers.ReLU()(layers.BatchNormalization()(h))
    h = layers.BatchNormalization(trainable=not frozen)(layers.Conv2D(4, 3)(h))
    h = layers.Flatten()(layers.Activation("relu")(h))
    y = layers.Dense(3)(layers.Activation("gelu")(h))
    model = Model(x, y)
    model.compile(optimizers.SGD(0.05), losses.MeanSquaredError())
    return model


@pytest.mark.parametrize("frozen", [False, True])
def test_relu_is_fused_into_batch_normalization_with_the_same_bits(frozen: bool):
    planned, eager = normalized(frozen), normalized(frozen)
    y = np.eye(3, dtype="float32")[LABELS]
    for _ in range(3):
        planned.train_on_batch(X, y)
        eager_step(eager, X, y)
    for a, b in zip(planned.get_weights(), eager.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()
    (plan,) = plans(planned)
    assert "unary" in plan.operations  # gelu stays
    unary = [s.params["function"] for s in plan.steps if s.name.startswith("unary")]
    assert unary == ["gelu", "gelu"]
    (expected,) = eager.graph.forward([X], StepState(eager._clock), training=False).outputs
    assert planned.predict(X, verbose=0).tobytes() == expected.tobytes()
    unary = [s.params["function"] for s in plans(planned)[-1].steps if s.name == "unary"]
    assert unary == ["gelu"]


def test_batch_normalization_is_fused_into_convolutions_with_the_same_bits():
    model = normalized(frozen=False)
    model.train_on_batch(X, np.eye(3, dtype="float32")[LABELS])
    (expected,) = model.graph.forward([X], StepState(model._clock), training=False).outputs
    assert model.predict(X, verbose=0).tobytes() == expected.tobytes()
    training, predicting = (plan.operations for plan in plans(model))
    assert "conv2d_batchnorm" not in training
    assert predicting.count("conv2d_batchnorm") == 2
    assert not {"conv2d_forward", "batchnorm_inference"} & set(predicting)


def test_batch_normalization_is_not_fused_where_the_convolution_has_another_use():
    x = Input((8, 8, 2))
    h = layers.Conv2D(4, 3)(x)
    used = Model(x, layers.Add()([layers.BatchNormalization()(h), h]))
    activated = layers.BatchNormalization()(layers.Conv2D(4, 3, activation="relu")(x))
    for model in (used, Model(x, activated)):
        model.predict(X, verbose=0)
        assert "conv2d_batchnorm" not in plans(model)[0].operations


def test_a_back_end_without_the_fused_operation_is_asked_for_its_parts():
    model = normalized(frozen=False)
    with cnnlite.using_backend("cython"), pytest.warns(CnnliteWarning):
        model.predict(X, verbose=0)
    assert "conv2d_forward" in plans(model)[0].operations


@pytest.mark.parametrize("other", ["output", "reader"])
def test_relu_is_not_fused_where_what_it_reads_has_another_use(other: str):
    def program(plan: Any) -> None:
        h, _, _ = ops.batchnorm_forward(plan.input("x", (6, 3), "float32"))
        y = ops.relu(h)
        plan.output("y", ops.add(y, h) if other == "reader" else y)
        if other == "output":
            plan.output("h", h)

    assert "unary" in record(program).operations
