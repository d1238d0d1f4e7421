"""Whole models: gradients through every loss, and training against hand-written NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Model, layers, losses, optimizers
from tests.gradient_check import assert_gradient, central_difference

N, CLASSES = 6, 4
RNG = np.random.default_rng(3)
IMAGES = RNG.normal(size=(N, 4, 4, 1))
LABELS = np.array([0, 3, 1, 2, 3, 0])
SOFT = RNG.dirichlet(np.ones(CLASSES), N)
BITS = np.array(RNG.integers(0, 2, (N, CLASSES)), "float64")
WEIGHTS = np.array([0.5, 2.0, 0.0, 1.0, 3.0, 0.25])


@pytest.fixture(autouse=True)
def _reference() -> Iterator[None]:
    with cnnlite.using_backend("reference"):
        cnnlite.set_random_seed(5)
        yield


def network(last: str | None) -> Model:
    """Return a float64 model with every layer: fork, join, a shared layer, pooling, dropout."""
    f64 = {"dtype": "float64"}
    x = Input((4, 4, 1), dtype="float64")
    shared = layers.Conv2D(2, 3, padding="same", activation="tanh", **f64)
    h = layers.Conv2D(2, 3, padding="same", activation="relu", **f64)(x)
    h = layers.Add(**f64)([h, shared(h), shared(shared(h))])
    left = layers.MaxPooling2D(2, **f64)(h)
    right = layers.AveragePooling2D(3, 2, "same", **f64)(h)
    h = layers.Concatenate(**f64)([left, right])
    h = layers.Dropout(0.0, **f64)(layers.Flatten(**f64)(h))
    h = layers.Dense(4, "sigmoid", **f64)(h)
    return Model(x, layers.Dense(CLASSES, last, **f64)(h))


LOSSES = [
    (losses.MeanSquaredError(), None, SOFT),
    (losses.CategoricalCrossentropy(), "softmax", SOFT),
    (losses.CategoricalCrossentropy(), "sigmoid", SOFT),
    (losses.CategoricalCrossentropy(from_logits=True), None, SOFT),
    (losses.SparseCategoricalCrossentropy(), "softmax", LABELS),
    (losses.SparseCategoricalCrossentropy(), "sigmoid", LABELS),
    (losses.SparseCategoricalCrossentropy(from_logits=True), None, LABELS),
    (losses.BinaryCrossentropy(), "sigmoid", BITS),
    (losses.BinaryCrossentropy(from_logits=True), None, BITS),
]


def gradients(model: Model, y: np.ndarray, weights: Any) -> list[np.ndarray]:
    """Return the gradients that one step of SGD at rate 1 subtracts; weights are restored."""
    before = model.get_weights()
    model.train_on_batch(IMAGES, y, sample_weight=weights)
    after = model.get_weights()
    model.set_weights(before)
    return [a - b for a, b in zip(before, after, strict=True)]


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    ("loss", "last", "y"),
    LOSSES,
    ids=[f"{loss.name}-{loss.get_config()}-{a}" for loss, a, _ in LOSSES],
)
def test_gradients_of_a_whole_model(loss: losses.Loss, last: str | None, y: Any, weights: Any):
    """Every weight's gradient against central differences of evaluate's loss."""
    model = network(last)
    model.compile(optimizers.SGD(1.0), loss)
    for w in model.weights:
        w.assign(w.numpy() + 0.05 * np.cos(np.arange(w.value.size) + 1).reshape(w.shape))

    def value() -> float:
        return model.evaluate(IMAGES, y, sample_weight=weights, verbose=0)

    for w, gradient in zip(model.weights, gradients(model, y, weights), strict=True):
        assert_gradient(gradient, central_difference(value, w.value), w.name)


def test_frozen_layers_do_not_move():
    """A layer with trainable=False keeps its bits; those before and after it learn."""
    model = network("softmax")
    frozen = next(layer for layer in model.layers if layer.weights)
    frozen.trainable = False
    model.compile(optimizers.SGD(1.0), "categorical_crossentropy")
    full = [w.name for w in model.trainable_weights]
    assert not any(name.startswith(frozen.name + "/") for name in full)
    before = {w.name: w.numpy() for w in model.weights}
    model.train_on_batch(IMAGES, SOFT)
    for w in model.weights:
        assert (w.numpy() == before[w.name]).all() == w.name.startswith(frozen.name + "/")


# ---- training against a hand-written loop

X = RNG.normal(size=(10, 3))
Y = RNG.integers(0, 2, 10)
W1, B1, W2, B2 = (RNG.normal(size=s) for s in ((3, 4), (4,), (4, 2), (2,)))


def loss_and_gradients(w: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> tuple[float, list]:
    """Return the cross-entropy of softmax(tanh(x W1 + b1) W2 + b2), and its gradients."""
    h = np.tanh(x @ w[0] + w[1])
    z = h @ w[2] + w[3]
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    t = np.eye(2)[y]
    dz = (p - t) / len(x)
    dh = dz @ w[2].T * (1 - h**2)
    loss = -np.mean(np.log(p[np.arange(len(x)), y]))
    return loss, [x.T @ dh, dh.sum(0), h.T @ dz, dz.sum(0)]


def sgd(w: list, g: list, state: dict, rate: float, momentum: float, nesterov: bool) -> None:
    for i in range(len(w)):
        v = state.setdefault(i, np.zeros_like(w[i]))
        v[...] = momentum * v - rate * g[i]
        w[i] = w[i] + (momentum * v - rate * g[i] if nesterov else v)


def adam(w: list, g: list, state: dict, rate: float, b1: float, b2: float, eps: float) -> None:
    state["t"] = t = state.get("t", 0) + 1
    for i in range(len(w)):
        m, v = state.setdefault(i, (np.zeros_like(w[i]), np.zeros_like(w[i])))
        m[...] = b1 * m + (1 - b1) * g[i]
        v[...] = b2 * v + (1 - b2) * g[i] ** 2
        w[i] = w[i] - rate * np.sqrt(1 - b2**t) / (1 - b1**t) * m / (np.sqrt(v) + eps)


OPTIMIZERS = {
    "sgd": (optimizers.SGD(0.3), lambda *a: sgd(*a, 0.3, 0.0, False)),
    "momentum": (optimizers.SGD(0.1, momentum=0.9), lambda *a: sgd(*a, 0.1, 0.9, False)),
    "nesterov": (
        optimizers.SGD(0.1, momentum=0.8, nesterov=True),
        lambda *a: sgd(*a, 0.1, 0.8, True),
    ),
    "adam": (optimizers.Adam(), lambda *a: adam(*a, 0.001, 0.9, 0.999, 1e-7)),
    "adam with options": (
        optimizers.Adam(0.02, beta_1=0.7, beta_2=0.95, epsilon=1e-3),
        lambda *a: adam(*a, 0.02, 0.7, 0.95, 1e-3),
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_equals_a_numpy_loop(name: str):
    """Nine steps over batches of 4, 4 and 2: losses and weights by the formulas, in float64."""
    optimizer, step = OPTIMIZERS[name]
    model = cnnlite.Sequential(
        [
            Input((3,), dtype="float64"),
            layers.Dense(4, "tanh", dtype="float64"),
            layers.Dense(2, "softmax", dtype="float64"),
        ]
    )
    model.set_weights([W1, B1, W2, B2])
    model.compile(
        optimizers.get({"class_name": type(optimizer).__name__, "config": optimizer.get_config()}),
        "sparse_categorical_crossentropy",
    )
    history = model.fit(X, Y, batch_size=4, epochs=3, shuffle=False, verbose=0).history
    w, state = [W1, B1, W2, B2], {}
    for epoch in range(3):
        total = 0.0
        for start in (0, 4, 8):
            part = slice(start, start + 4)
            loss, g = loss_and_gradients(w, X[part], Y[part])
            total += loss * len(X[part])
            step(w, g, state)
        assert history["loss"][epoch] == pytest.approx(total / 10, rel=1e-12)
    for ours, theirs in zip(model.get_weights(), w, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-13)
    assert model.optimizer is not None and model.optimizer.iterations == 9


def test_the_rate_may_change_between_steps():
    """A new learning rate holds from the next step on, in plans already recorded too."""
    model = cnnlite.Sequential([Input((3,)), layers.Dense(2)])
    model.compile(optimizers.SGD(0.0), "mse")
    before = model.get_weights()
    model.train_on_batch(X, np.zeros((10, 2)))
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    model.optimizer.learning_rate = 0.5
    model.train_on_batch(X, np.zeros((10, 2)))
    assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: optimizers.SGD(-1), "learning_rate.*-1"),
        (lambda: optimizers.SGD("fast"), "learning_rate.*'fast'"),
        (lambda: optimizers.SGD(float("nan")), "learning_rate.*nan"),
        (lambda: optimizers.SGD(momentum=1.5), "momentum.*1.5"),
        (lambda: optimizers.SGD(momentum=-0.1), "momentum.*-0.1"),
        (lambda: optimizers.Adam(beta_1=1), "beta_1.*1"),
        (lambda: optimizers.Adam(beta_2=-1), "beta_2.*-1"),
        (lambda: optimizers.Adam(epsilon=0), "epsilon.*0"),
        (lambda: optimizers.get("lbfgs"), "'lbfgs'.*sgd, rmsprop"),
        (lambda: optimizers.get(None), "None"),
        (lambda: losses.get("hinge2"), "'hinge2'"),
        (lambda: losses.get(None), "None"),
    ],
)
def test_bad_optimizers_and_losses(make: Any, match: str):
    with pytest.raises(ValueError, match=match):
        make()


def test_a_bare_function_is_no_loss():
    with pytest.raises(TypeError, match="Loss with call and backward"):
        losses.get(lambda y_true, y_pred: 0)


@pytest.mark.parametrize(
    ("loss", "last", "y"),
    LOSSES,
    ids=[f"{loss.name}-{loss.get_config()}-{a}" for loss, a, _ in LOSSES],
)
def test_a_loss_called_by_itself_is_evaluate_s(loss: losses.Loss, last: str | None, y: Any):
    """loss(y, p) and loss(y, p, weights) are what evaluate reports; sum(w l) / N."""
    model = network(last)
    model.compile("sgd", loss)
    p = model.predict(IMAGES, verbose=0)
    for weights in (None, WEIGHTS):
        ours = model.evaluate(IMAGES, y, sample_weight=weights, verbose=0)
        assert loss(y, p, weights) == pytest.approx(ours, rel=1e-12)
    rows = [loss(y[i : i + 1], p[i : i + 1]) for i in range(N)]
    assert loss(y, p, WEIGHTS) == pytest.approx(np.dot(rows, WEIGHTS) / N, rel=1e-12)
