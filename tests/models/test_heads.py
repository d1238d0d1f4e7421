"""Several inputs and outputs, weights, penalties and masks: figures from Keras 3.15.

The same models, with the weights of ``numbers``, were run by Keras 3.15 (torch back end);
the figures it reported, to six digits, stand here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Model, constraints, layers, optimizers, regularizers
from cnnlite.errors import CnnliteWarning


def numbers(*shape: int) -> np.ndarray:
    """Return numbers that another library can make too."""
    flat = np.sin(np.arange(np.prod(shape)) * 1.7 + len(shape)) * 0.8
    return flat.reshape(shape).astype("float32")


X, Z = numbers(7, 3), numbers(7, 2)[::-1].copy()
A, B = np.array([0, 1, 2, 1, 0, 2, 2]), numbers(7, 2) * 2
W, V = np.arange(1, 8) / 4, np.array([1, 0, 2, 0, 1, 0, 3.0])
SPARSE = "sparse_categorical_crossentropy"


def with_numbers(model: Any) -> Any:
    model.set_weights([numbers(*w.shape) for w in model.get_weights()])
    return model


def two_outputs(as_dict: bool = False) -> Model:
    cnnlite.set_random_seed(1)  # of the orders in which fit takes samples
    x, z = Input((3,), name="x"), Input((2,), name="z")
    h = layers.Concatenate()([x, z])
    a, b = layers.Dense(3, "softmax", name="a")(h), layers.Dense(2, name="b")(h)
    return with_numbers(Model([x, z], {"a": a, "b": b} if as_dict else [a, b]))


def close(found: dict[str, float], expected: dict[str, float]) -> None:
    assert found == pytest.approx(expected, rel=2e-5)


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


def sequences(**layer: Any) -> Model:
    x = Input((4, 3))
    return with_numbers(Model(x, layers.Dense(2, **layer)(x)))


S, T = numbers(5, 4, 3), numbers(5, 4, 2)[::-1] * 2
STEPS = np.abs(numbers(5, 4))


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


# ---- penalties and constraints


def regularized() -> Model:
    x = Input((3,))
    first = layers.Dense(4, "relu", activity_regularizer=regularizers.L2(0.05))
    last = layers.Dense(2)
    y = last(first(x))
    first.kernel.regularizer = regularizers.L1(0.01)
    first.bias.regularizer = regularizers.L2(0.1)
    last.kernel.regularizer = regularizers.L1L2(0.01, 0.02)
    return with_numbers(Model(x, y))


@pytest.mark.parametrize(
    ("size", "losses", "errors", "sums"),
    [
        (7, [2.36505, 2.1118], [2.02741, 1.79423], [6.26634, 1.73605, 4.44424, 0.770599]),
        (3, [2.22916, 1.78974], [1.90329, 1.50376], [6.13459, 1.50567, 4.27013, 0.287122]),
    ],
)
def test_penalties_on_weights_and_activity(size: int, losses: list, errors: list, sums: list):
    """In the reported loss and not in the metrics; two epochs of gradient descent."""
    model = regularized()
    model.compile(optimizers.SGD(0.1), "mse", metrics=["mse"])
    found = model.evaluate(X, B, 3, verbose=0, return_dict=True)
    close(found, {"loss": 2.36505, "mse": 2.02741})
    history = model.fit(X, B, size, epochs=2, shuffle=False, verbose=0).history
    assert history["loss"] == pytest.approx(losses, rel=2e-5)
    assert history["mse"] == pytest.approx(errors, rel=2e-5)
    assert [float(np.abs(w).sum()) for w in model.get_weights()] == pytest.approx(sums, rel=2e-5)
    assert sum(model.losses) > 0


def test_a_penalty_on_all_weights():
    """model.regularize adds to the layers' own: alpha sum |w|, with or without biases."""
    model = regularized()
    model.compile(optimizers.SGD(0.0), "mse")
    before = model.evaluate(X, B, verbose=0)
    w1, b1, w2, b2 = (float(np.abs(w).sum()) for w in model.get_weights())
    model.regularize(regularizers.L1(0.005), biases=True)
    assert model.evaluate(X, B, verbose=0) == pytest.approx(
        before + 0.005 * (w1 + b1 + w2 + b2), rel=1e-6
    )
    model.regularize(None)
    model.regularize(regularizers.L1(0.005))
    assert model.fit(X, B, verbose=0).history["loss"][0] == pytest.approx(
        before + 0.005 * (w1 + w2), rel=1e-6
    )
    model.regularize(None)
    assert model.evaluate(X, B, verbose=0) == pytest.approx(before, rel=1e-6)


def test_the_gradient_of_a_penalty_on_all_weights():
    """One step of rate r moves each weight by -r alpha sign(w) more than without."""
    plain, model = (with_numbers(sequences()) for _ in range(2))
    model.regularize(regularizers.L1(0.5), biases=True)
    starts = model.get_weights()
    for one in (plain, model):
        one.compile(optimizers.SGD(0.1), "mse")
        one.train_on_batch(S, T)
    for start, a, b in zip(starts, plain.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(b - a, -0.1 * 0.5 * np.sign(start), atol=1e-6)


def test_constraints_after_each_step():
    """Projected once the optimizer has moved the weights."""
    x = Input((3,))
    layer = layers.Dense(2)
    model = with_numbers(Model(x, layer(x)))
    layer.kernel.constraint, layer.bias.constraint = constraints.MaxNorm(0.5), constraints.NonNeg()
    model.compile(optimizers.SGD(0.1), "mse")
    model.train_on_batch(X, B)
    kernel = [[0.335243, -0.224153], [-0.289304, 0.28473], [0.232196, -0.344506]]
    np.testing.assert_allclose(model.get_weights()[0], kernel, atol=2e-6)
    np.testing.assert_allclose(model.get_weights()[1], [0.604582, 0.291016], atol=2e-6)
    model.fit(X, B, 2, epochs=3, verbose=0)
    assert np.linalg.norm(model.get_weights()[0], axis=0).max() <= 0.5 + 1e-6


def test_frozen_layers_do_not_move():
    x = Input((3,))
    first, last = layers.Dense(4, "relu"), layers.Dense(2)
    model = with_numbers(Model(x, last(first(x))))
    model.compile("adam", "mse")
    model.fit(X, B, verbose=0)
    first.trainable = False
    model.compile("adam", "mse")
    before = [w.tobytes() for w in model.get_weights()]
    model.fit(X, B, verbose=0)
    after = [w.tobytes() for w in model.get_weights()]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, False, False]
    model.trainable = False
    model.compile("adam", "mse")
    before = [w.tobytes() for w in model.get_weights()]
    with pytest.warns(CnnliteWarning, match="no weight is trainable"):
        history = model.fit(X, B, verbose=0).history
    assert [w.tobytes() for w in model.get_weights()] == before
    assert history["loss"][0] == pytest.approx(model.evaluate(X, B, verbose=0), rel=1e-6)


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


# ---- masks


class Mark(layers.Layer):
    """Hands the model's second input, 1 for each step that counts, on as the mask."""

    several_inputs = True
    supports_masking = True

    def call(self, x, *, ctx, training=False, mask=None):
        return x[0]

    def backward(self, dy, *, ctx):
        return [dy, None]

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def compute_mask(self, x, mask, *, ctx):
        return x[1]


class PerStep(layers.Dense):
    """A Dense layer that hands the mask on."""

    supports_masking = True


MASK = np.ones((5, 4), "uint8")
MASK[0, 2:] = MASK[1, 1:] = MASK[3] = 0
PADDED = S * MASK[..., None]


def masked(**settings: Any) -> Model:
    cnnlite.set_random_seed(1)
    x, steps = Input((4, 3)), Input((4,), dtype="uint8")
    model = with_numbers(Model([x, steps], PerStep(2)(Mark()([x, steps]))))
    model.compile(optimizers.SGD(0.1), "mse", metrics=["mae"], weighted_metrics=["mse"], **settings)
    return model


@pytest.mark.parametrize("eagerly", [False, True])
def test_masks_in_loss_and_metrics(eagerly: bool):
    """Steps of mask 0 count nowhere; the loss is a mean over a batch's other steps."""
    model = masked(run_eagerly=eagerly)
    found = model.evaluate([PADDED, MASK], T, 2, verbose=0, return_dict=True)
    close(found, {"loss": 1.78994, "mae": 1.172, "mse": 1.74047})
    found = model.evaluate([PADDED, MASK], T, 2, verbose=0, return_dict=True, sample_weight=STEPS)
    rows = np.mean((model.predict([PADDED, MASK], verbose=0) - T) ** 2, axis=-1)
    # By the definition, sum(w m v) / sum(w m): Keras on torch scales its weights twice here.
    mse = np.sum(STEPS * MASK * rows) / np.sum(STEPS * MASK)
    close(found, {"loss": 0.810441, "mae": 1.172, "mse": mse})
    logs = model.train_on_batch([PADDED, MASK], T, sample_weight=STEPS, return_dict=True)
    assert logs["loss"] is not None
    model.reset_metrics()
    model = masked(run_eagerly=eagerly)
    logs = model.train_on_batch([PADDED, MASK], T, sample_weight=STEPS, return_dict=True)
    close(logs, {"loss": 0.830876, "mae": 1.172003, "mse": 1.701143})
    kernel = [[0.708818, -0.432933], [-0.606175, 0.577587], [0.483452, -0.693253]]
    np.testing.assert_allclose(model.get_weights()[0], kernel, atol=2e-6)
    np.testing.assert_allclose(model.get_weights()[1], [0.645376, 0.314924], atol=2e-6)


def test_what_is_under_the_mask_does_not_matter():
    """Targets and weights at steps of mask 0 may be anything: the same bits."""
    one, other = masked(), masked()
    spoiled = np.where(MASK[..., None] == 1, T, 1e6)
    a = one.fit([PADDED, MASK], T, 2, epochs=2, verbose=0).history
    b = other.fit([PADDED, MASK], spoiled, 2, epochs=2, verbose=0).history
    assert a == b
    for x, y in zip(one.get_weights(), other.get_weights(), strict=True):
        assert x.tobytes() == y.tobytes()


def test_a_batch_of_nothing_but_masked_steps():
    """A loss of 0 and no gradient, not NaN."""
    model = masked()
    before = [w.tobytes() for w in model.get_weights()]
    logs = model.train_on_batch([PADDED, np.zeros_like(MASK)], T, return_dict=True)
    assert logs == {"loss": 0.0, "mae": 0.0, "mse": 0.0}
    assert [w.tobytes() for w in model.get_weights()] == before


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
    ({**TWO, "loss_weights": {"a": "x"}}, {}, "loss_weights: a needs a number.*'x'"),
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


def test_class_weight_together_with_sample_weight():
    x = Input((3,))
    model = Model(x, layers.Dense(3, "softmax")(x))
    model.compile("sgd", SPARSE)
    with pytest.raises(ValueError, match="not both"):
        model.fit(X, A, class_weight={0: 2.0}, sample_weight=W)
    with pytest.raises(TypeError, match=r"class_weight must be a dict.*\[1\.0"):
        model.fit(X, A, class_weight=[1.0, 2.0])  # type: ignore[arg-type]


CROSSENTROPIES = [
    (1, A > 0, "binary_crossentropy"),
    (1, (A > 0)[:, None], "binary_crossentropy"),
    (3, A, SPARSE),
    (3, A[:, None], SPARSE),
    (3, np.eye(3)[A], "categorical_crossentropy"),
]


@pytest.mark.parametrize(("units", "y", "full_name"), CROSSENTROPIES)
@pytest.mark.parametrize("name", ["crossentropy", "ce", "CE"])
def test_crossentropy_is_chosen_by_the_shapes(tmp_path, units: int, y, full_name: str, name: str):
    """As Keras 3.15 chooses it: the logs are those of the loss's full name."""
    logs = []
    for loss in (name, full_name):
        cnnlite.set_random_seed(1)
        activation = "sigmoid" if units == 1 else "softmax"
        model = with_numbers(cnnlite.Sequential([Input((3,)), layers.Dense(units, activation)]))
        model.compile("sgd", loss, metrics=["accuracy"])
        assert model.metrics_names == ["loss", "accuracy"]  # before any targets are seen
        model.save(tmp_path / "before.safetensors")
        restored = cnnlite.load_model(tmp_path / "before.safetensors")
        for copy in (model, restored):
            history = copy.fit(X, y, batch_size=3, epochs=2, validation_data=(X, y), verbose=0)
            logs.append(history.history)
        model.save(tmp_path / "after.safetensors")
        model = cnnlite.load_model(tmp_path / "after.safetensors")
        logs.append(model.evaluate(X, y, verbose=0, return_dict=True))
    for chosen, named in zip(logs[:3], logs[3:], strict=True):
        assert chosen == named


def test_crossentropy_of_each_output():
    """One name serves outputs of different targets; a second set of targets must be alike."""
    model = two_outputs()
    model.compile("sgd", {"a": "ce", "b": "ce"}, metrics={"a": ["accuracy"]})
    chosen = np.eye(2)[A % 2]
    found = model.evaluate([X, Z], [A, chosen], verbose=0, return_dict=True)
    other = two_outputs()
    other.compile("sgd", [SPARSE, "categorical_crossentropy"], metrics=[["accuracy"], []])
    assert found == other.evaluate([X, Z], [A, chosen], verbose=0, return_dict=True)
    assert [loss.name for loss in model.loss] == [SPARSE, "categorical_crossentropy"]
    with pytest.raises(ValueError, match=SPARSE):
        model.evaluate([X, Z], [np.eye(3)[A], chosen], verbose=0)


def test_crossentropy_of_a_batch_where_an_output_has_no_loss():
    """The output without a loss has no targets."""
    model = two_outputs()
    model.compile("sgd", ["ce", None], metrics=[["accuracy"], None])
    logs = model.test_on_batch([X, Z], [A], return_dict=True)
    other = two_outputs()
    other.compile("sgd", [SPARSE, None], metrics=[["accuracy"], None])
    assert logs == other.test_on_batch([X, Z], [A], return_dict=True)
