"""Model files: round trips."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Model, Sequential, layers, losses, metrics, optimizers
from cnnlite.models import load_model
from tests.models.network import LABELS, X, network
from tests.models.saved import SMALL_X, Y, small
from tests.weights import bits


@pytest.mark.parametrize("way", ["file", "deepcopy", "pickle"])
def test_training_goes_on_as_if_it_had_never_stopped(path: Path, way: str):
    """After a round trip: equal predictions, and equal bits after more training."""
    whole, first = network(), network()
    whole.fit(X, LABELS, 5, epochs=2, verbose=0)
    first.fit(X, LABELS, 5, epochs=2, verbose=0)
    if way == "file":
        first.save(path)
        second: Any = load_model(path)
    else:
        second = copy.deepcopy(first) if way == "deepcopy" else pickle.loads(pickle.dumps(first))
    assert type(second) is Model and second.name == first.name
    assert bits(second) == bits(first)
    assert [w.name for w in second.weights] == [w.name for w in first.weights]
    assert second.predict(X, verbose=0).tobytes() == first.predict(X, verbose=0).tobytes()
    assert second.optimizer.iterations == 6
    a = whole.fit(X, LABELS, 5, epochs=2, verbose=0).history
    b = second.fit(X, LABELS, 5, epochs=2, verbose=0).history
    assert a == b and bits(second) == bits(whole)
    assert bits(first) != bits(whole)  # copies share nothing


@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.SGD(0.25),
        optimizers.SGD(0.1, momentum=0.9, nesterov=True, name="mine"),
        optimizers.Adam(0.01, beta_1=0.8, beta_2=0.99, epsilon=1e-5),
    ],
    ids=["sgd", "nesterov", "adam"],
)
def test_optimizers_and_slots(path: Path, optimizer: optimizers.Optimizer):
    """Class, arguments, the rate of the day, iterations and slots."""
    model = small(optimizer=optimizer)
    model.optimizer.learning_rate = 0.125
    model.save(path)
    other = load_model(path).optimizer
    assert type(other) is type(optimizer) and other.get_config() == optimizer.get_config()
    assert other.learning_rate == 0.125 and other.iterations == 2
    assert list(other.slots) == list(optimizer.slots)
    for slot, arrays in optimizer.slots.items():
        for a, b in zip(arrays, other.slots[slot], strict=True):
            assert a.numpy().tobytes() == b.numpy().tobytes() and a.numpy().any()


@pytest.mark.parametrize(
    ("loss", "metric", "y"),
    [
        ("mse", ["accuracy", "mse"], Y),
        (losses.CategoricalCrossentropy(from_logits=True), [metrics.CategoricalAccuracy()], Y),
        (
            losses.BinaryCrossentropy(name="bce"),
            [metrics.BinaryAccuracy("half", threshold=0.25)],
            Y,
        ),
        (losses.SparseCategoricalCrossentropy(), ["sparse_categorical_accuracy"], LABELS),
    ],
)
def test_compile_settings(path: Path, loss: Any, metric: Any, y: Any):
    """Losses and metrics with their arguments: evaluate gives the same numbers and names."""
    model = small(loss=loss, metrics=metric)
    model.save(path)
    other = load_model(path)
    found = [m.evaluate(SMALL_X, y, verbose=0, return_dict=True) for m in (model, other)]
    assert found[0] == found[1] and len(found[0]) == 1 + len(metric)


def test_models_in_every_state(path: Path):
    """Unbuilt, uncompiled, compiled but never trained, without a loss."""
    unbuilt = Sequential([layers.Flatten(), layers.Dense(3, name="only")], name="later")
    unbuilt.compile("adam", "mse")
    unbuilt.save(path)
    other = load_model(path)
    assert type(other) is Sequential and not other.built and other.name == "later"
    assert other.fit(SMALL_X, Y, verbose=0).history["loss"]
    assert other.layers[1].name == "only"
    plain = Sequential([Input((2,)), layers.Dense(3)])
    plain.save(path)
    assert load_model(path).optimizer is None and bits(load_model(path)) == bits(plain)
    plain.compile("sgd")
    plain.save(path)
    assert load_model(path).loss is None
    empty = Sequential()
    empty.save(path)
    assert load_model(path).layers == []


def test_structures(path: Path):
    """Shared layers, nested models, several inputs and outputs, frozen layers, float64."""
    a, b = Input((2,), name="left"), Input((2,))
    shared = layers.Dense(2, "tanh", trainable=False)
    inner = Sequential([layers.Dense(2), layers.Dropout(0.1, seed=3)])
    model = Model([a, b], [layers.Add()([shared(a), inner(shared(b))]), shared(shared(a))])
    model.save(path)
    other = load_model(path)
    assert other.count_params() == model.count_params() == 12
    assert [type(n.layer) for n in other.graph.nodes] == [type(n.layer) for n in model.graph.nodes]
    assert other.get_layer(shared.name).trainable is False and other.inputs[0].name == "left"
    found = [m.predict([SMALL_X, SMALL_X + 1], verbose=0) for m in (model, other)]
    assert [y.tobytes() for y in found[0]] == [y.tobytes() for y in found[1]]
    twice = layers.Dense(2)
    stack = Sequential([Input((2,)), twice, layers.ReLU(), twice])
    stack.compile("adam", "mse")
    stack.fit(SMALL_X, SMALL_X, verbose=0)
    stack.save(path)
    assert bits(load_model(path)) == bits(stack)
    with cnnlite.using_backend("reference"):
        wide = Sequential([Input((2,), dtype="float64"), layers.Dense(3, dtype="float64")])
        wide.save(path)
        assert load_model(path).predict(SMALL_X, verbose=0).dtype == np.float64


def test_freezing_after_training_does_not_spoil_the_file(path: Path):
    """Slots of other weights than those that now train are left out, and loading works."""
    model = small()
    model.layers[0].trainable = False
    model.save(path)
    other = load_model(path)
    assert bits(other) == bits(model)
    frozen = bits(other)[:2]
    other.fit(SMALL_X, LABELS, verbose=0)
    assert bits(other)[:2] == frozen


def test_weights_alone(path: Path):
    """save_weights into another model of the architecture; a model file serves as well."""
    model, other = small(), small()
    other.set_weights([w * 0 for w in other.get_weights()])
    model.save_weights(path)
    other.load_weights(path)
    assert bits(other) == bits(model)
    other.set_weights([w * 0 for w in other.get_weights()])
    model.save(path)
    other.load_weights(path)
    assert bits(other) == bits(model)
