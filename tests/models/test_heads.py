"""Several inputs and outputs, weights of samples, steps and classes: figures from Keras 3.15."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Model, layers, optimizers, regularizers
from cnnlite.errors import CnnliteWarning
from tests.models.keras_models import (
    SPARSE,
    STEPS,
    A,
    B,
    S,
    T,
    V,
    W,
    X,
    Z,
    close,
    sequences,
    two_outputs,
    with_numbers,
)

PLAIN = {
    "loss": 5.07567, "a_loss": 1.86018, "b_loss": 3.21548, "a_accuracy": 0.285714, "b_mae": 1.59179,
}  # fmt: skip
WEIGHTED = {"loss": 6.16937, "a_loss": 2.05498, "b_loss": 4.11439}
CASES = [
    ({"loss": [SPARSE, "mse"], "metrics": [["accuracy"], ["mae"]]}, None, PLAIN),
    ({"loss": {"b": "mse", "a": SPARSE}, "metrics": {"b": ["mae"], "a": "accuracy"}}, None, PLAIN),
    (
        {"loss": [SPARSE, "mse"], "metrics": [["accuracy"], ["mae"]]},
        [W, V],
        {**PLAIN, **WEIGHTED},
    ),
    (
        {"loss": [SPARSE, "mse"], "loss_weights": [2.0, 0.25], "metrics": ["accuracy", "mae"]},
        None,
        {**PLAIN, "loss": 4.52424},
    ),
    (
        {
            "loss": [SPARSE, "mse"],
            "metrics": [["accuracy"], None],
            "weighted_metrics": [["accuracy"], ["mae", "mse"]],
        },
        [W, V],
        {
            **WEIGHTED,
            "a_accuracy": 0.285714,
            "a_weighted_accuracy": 0.178571,
            "b_mae": 1.77318,
            "b_mse": 4.11439,
        },
    ),
    (
        {
            "loss": {"a": SPARSE, "b": "mse"},
            "loss_weights": {"b": 0.5},
            "metrics": {"b": ["mae"]},
            "weighted_metrics": {"a": "accuracy"},
        },
        {"a": W, "b": V},
        {**WEIGHTED, "loss": 4.11217, "a_accuracy": 0.178571, "b_mae": 1.59179},
    ),
    # One loss alone is not reported twice.
    (
        {"loss": {"a": SPARSE}, "metrics": {"a": ["accuracy"]}},
        None,
        {"loss": 1.86018, "a_accuracy": 0.285714},
    ),
]


@pytest.mark.filterwarnings("ignore:.*no loss depends on b/kernel")
@pytest.mark.parametrize(("settings", "weights", "expected"), CASES)
@pytest.mark.parametrize("eagerly", [False, True])
def test_figures_of_two_outputs(settings: dict, weights: Any, expected: dict, eagerly: bool):
    """Names, sums and means, in batches of 3, 3 and 1, in a plan and without."""
    model = two_outputs(as_dict=True)
    model.compile("sgd", run_eagerly=eagerly, **settings)
    targets = {"a": A, "b": B}
    weights = dict(zip("ab", weights, strict=True)) if isinstance(weights, list) else weights
    found = model.evaluate([X, Z], targets, 3, verbose=0, return_dict=True, sample_weight=weights)
    close(found, expected)
    assert next(iter(found)) == "loss" and model.metrics_names == list(found)
    values = model.evaluate([X, Z], targets, 3, verbose=0, sample_weight=weights)
    assert values == list(found.values())
    history = model.fit(
        {"x": X, "z": Z}, targets, 7, verbose=0, sample_weight=weights, shuffle=False
    ).history
    close({name: value for name, (value,) in history.items()}, expected)


@pytest.mark.parametrize("as_dict", [False, True])
def test_inputs_and_outputs_as_lists_or_dicts(as_dict: bool):
    """fit, evaluate, predict take and give either; the bits are the same."""
    model = two_outputs(as_dict)
    model.compile("sgd", [SPARSE, "mse"])
    x = {"z": Z, "x": X} if as_dict else [X, Z]
    y = {"b": B, "a": A} if as_dict else (A, B)
    model.fit(x, y, epochs=2, verbose=0, batch_size=3)
    reference = two_outputs()
    reference.compile("sgd", [SPARSE, "mse"])
    reference.fit([X, Z], [A, B], epochs=2, verbose=0, batch_size=3)
    found, wanted = model.predict(x, verbose=0), reference.predict([X, Z], verbose=0)
    assert (list(found) == ["a", "b"]) if as_dict else isinstance(found, list)
    values = list(found.values()) if as_dict else found
    for one, other in zip(values, wanted, strict=True):
        assert one.tobytes() == other.tobytes()


# ---- weights of samples, steps and classes


def test_weights_of_steps():
    """sample_weight (N, T): one number for each step; (N,) counts for all steps of a sample."""
    model = sequences()
    model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mse"])

    def figures(**options: Any) -> Any:
        return model.evaluate(S, T, 2, verbose=0, return_dict=True, **options)

    close(figures(), {"loss": 1.68402, "mae": 1.16707, "mse": 1.68402})
    close(figures(sample_weight=STEPS), {"loss": 0.86122, "mae": 1.16707, "mse": 1.65596})
    spread = np.repeat(W[:5, None], 4, axis=1)
    assert figures(sample_weight=W[:5]) == figures(sample_weight=spread)


def test_class_weight():
    """A class that is not named counts 1; the weights reach weighted_metrics alone."""
    x = Input((3,))
    model = with_numbers(Model(x, layers.Dense(3, "softmax")(x)))
    model.compile(optimizers.SGD(0.0), SPARSE, metrics=["accuracy"], weighted_metrics=["accuracy"])
    weights = {0: 2.0, 2: 0.5}
    history = model.fit(X, A, 3, verbose=0, class_weight=weights).history
    expected = {"loss": 1.36422, "accuracy": 0.285714, "weighted_accuracy": 0.4}
    close({name: value for name, (value,) in history.items()}, expected)
    each = np.array([weights.get(int(label), 1.0) for label in A])
    by_sample = model.fit(X, A, 3, verbose=0, sample_weight=each).history
    assert set(by_sample) == set(history)
    for name, values in history.items():
        assert by_sample[name] == pytest.approx(values, rel=1e-6)
    logs = model.train_on_batch(X, A, class_weight=weights, return_dict=True)
    close(logs, expected)


def test_class_weight_of_one_hot_and_binary_targets():
    x = Input((3,))
    weights = {0: 3.0, 1: 0.5}
    for units, last, loss, y in (
        (2, "softmax", "categorical_crossentropy", np.eye(2)[A % 2]),
        (1, "sigmoid", "binary_crossentropy", A % 2),
    ):
        model = with_numbers(Model(x, layers.Dense(units, last)(x)))
        model.compile(optimizers.SGD(0.0), loss)
        each = np.array([weights[int(label)] for label in A % 2])
        by_class = model.fit(X, y, 3, verbose=0, class_weight=weights).history["loss"]
        by_sample = model.fit(X, y, 3, verbose=0, sample_weight=each).history["loss"]
        plain = model.fit(X, y, 3, verbose=0).history["loss"]
        assert by_class == pytest.approx(by_sample, rel=1e-6)
        assert by_class != pytest.approx(plain, rel=1e-3)


@pytest.mark.parametrize("penalized", [False, True])
def test_an_output_without_a_loss(penalized: bool):
    """Its own weights stay, with a warning; a penalty on its activity alone trains them."""
    x = Input((3,))
    h = layers.Dense(4, "tanh", name="h")(x)
    penalty = regularizers.L2(0.1) if penalized else None
    a = layers.Dense(2, name="a")(h)
    b = layers.Dense(2, name="b", activity_regularizer=penalty)(h)
    model = with_numbers(Model(x, {"a": a, "b": b}))
    model.compile("adam", {"a": "mse"})
    before = {w.name: w.numpy() for w in model.weights}
    if penalized:
        model.fit(X, {"a": B}, verbose=0)
    else:
        with pytest.warns(CnnliteWarning, match="no loss depends on b/kernel, b/bias, left"):
            model.fit(X, {"a": B}, verbose=0)
    moved = {w.name for w in model.weights if not np.array_equal(w.numpy(), before[w.name])}
    trained = {"h/kernel", "h/bias", "a/kernel", "a/bias"}
    assert moved == (trained | {"b/kernel", "b/bias"} if penalized else trained)
    again = cnnlite.models.saving.from_bytes(cnnlite.models.saving.to_bytes(model))
    assert again.optimizer is not None and again.optimizer.iterations == 1
    assert len(again.optimizer.weights) == len(moved)


# ---- errors

TWO: dict[str, Any] = {"loss": {"a": SPARSE, "b": "mse"}}
BAD = [
    (TWO, {"y": {"a": A, "c": B}}, r"targets.*no 'c'.*'a', 'b'"),
    (TWO, {"y": {"a": A}}, "no targets for the output 'b'"),
    (TWO, {"y": [A]}, "2 outputs.*1 arrays"),
    (TWO, {"y": {"a": A, "b": B[:3]}}, "7 samples.*3"),
    (TWO, {"x": [X]}, "2 inputs.*1 arrays"),
    (TWO, {"x": {"x": X}}, "input 'z' is missing"),
    (TWO, {"x": {"x": X, "w": Z}}, "no 'w'.*'x', 'z'"),
    (TWO, {"x": [X, Z[:3]]}, r"inputs differ in samples.*\[7, 3\]"),
    (TWO, {"class_weight": {0: 1.0}}, "class_weight needs a model of one output"),
    (TWO, {"sample_weight": {"a": W, "c": V}}, "sample_weight.*no 'c'"),
    (TWO, {"sample_weight": [W, V[:3]]}, r"sample_weight does not fit.*\(3,\)"),
    ({"loss": {"a": SPARSE, "c": "mse"}}, {}, "loss.*no 'c'"),
    ({"loss": [SPARSE]}, {}, "loss: needs 2 entries.*'a', 'b'.*Got 1"),
    ({**TWO, "loss_weights": [1.0]}, {}, "loss_weights: needs 2 entries"),
    ({**TWO, "metrics": {"c": ["mae"]}}, {}, "metrics.*no 'c'"),
    ({**TWO, "metrics": ["mae"]}, {}, "metrics: needs 2 entries"),
]


@pytest.mark.parametrize(("settings", "changes", "match"), BAD, ids=[m for *_, m in BAD])
def test_bad_calls(settings: dict, changes: dict, match: str):
    model = two_outputs(as_dict=True)
    model.compile("sgd", **settings)
    given = {"x": [X, Z], "y": {"a": A, "b": B}, "verbose": 0, **changes}
    with pytest.raises((ValueError, TypeError), match=match):
        model.fit(**given)


def test_a_loss_weight_that_is_no_number_is_refused_by_compile():
    with pytest.raises(TypeError, match=r"loss_weights: a needs a number.*'x'"):
        two_outputs(as_dict=True).compile("sgd", **{**TWO, "loss_weights": {"a": "x"}})


def test_class_weight_together_with_sample_weight():
    x = Input((3,))
    model = Model(x, layers.Dense(3, "softmax")(x))
    model.compile("sgd", SPARSE)
    with pytest.raises(ValueError, match="not both"):
        model.fit(X, A, class_weight={0: 2.0}, sample_weight=W)
    with pytest.raises(TypeError, match=r"class_weight must be a dict.*\[1\.0"):
        model.fit(X, A, class_weight=[1.0, 2.0])  # type: ignore[arg-type]
