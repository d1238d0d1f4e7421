"""Losses: Keras's figures, every reduction, gradients, what they refuse."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from cnnlite import losses, ops, using_backend
from cnnlite.errors import DtypeError, ShapeError
from cnnlite.kernels.native import dispatch
from cnnlite.layers.context import Context
from tests.keras_figures import LOSSES, array

REDUCTIONS = ("sum_over_batch_size", "sum", "mean_with_sample_weight")


def described(case: tuple) -> str:
    options = ",".join(f"{k}={v}" for k, v in case[1].items())
    return f"{case[0]}-{options}-{case[2]}-{case[3]}"


every_loss = pytest.mark.parametrize("case", LOSSES, ids=described)


def weights_of(case: tuple, y_pred: np.ndarray) -> Any:
    if case[1].get("axis") == 1:
        return None
    return array("w3" if y_pred.ndim == 3 else "w", str(y_pred.dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_loss
def test_figures_of_keras(case: tuple, dtype: str):
    """The value of each row, and the three reductions with sample weights."""
    name, options, t, p, rows, numbers = case
    y_true, y_pred = array(t, dtype), array(p, dtype)
    # Keras computed in float32: log 2 and 1e-7 are rounded there, logarithms near 0 cancel.
    close = {"rtol": 2e-5, "atol": 2e-6}
    if dtype == "float64" and name == "BinaryCrossentropy" and p in ("edge", "loose"):
        close["rtol"] = 0.02  # there 1 - (1 - 1e-7) is 1.19e-7, whose logarithm is 1% off
    with using_backend("native" if dtype == "float32" else "reference"):
        loss = getattr(losses, name)(**options, reduction="none")
        np.testing.assert_allclose(loss(y_true, y_pred), rows, **close)
        for reduction, number in zip(REDUCTIONS, numbers, strict=True):
            loss = getattr(losses, name)(**options, reduction=reduction)
            got = loss(y_true, y_pred, weights_of(case, y_pred))
            np.testing.assert_allclose(got, number, **close)
            assert isinstance(got, float)


@every_loss
def test_functions_give_the_values_of_rows(case: tuple):
    """losses.huber(y_true, y_pred, delta) and the like; names lead to the classes."""
    name, options, t, p, rows, _ = case
    cls = getattr(losses, name)
    function = next(f for f, c in losses.CLASS_OF.items() if c is cls)
    values = function(array(t), array(p), **options)
    ignored = options.get("ignore_class")
    np.testing.assert_allclose(values, rows, rtol=2e-5, atol=2e-6)
    assert ignored is None or np.all(values[array(t) == ignored] == 0)
    assert type(losses.get(function)) is type(losses.get(function.__name__)) is cls
    assert type(losses.get(name)) is type(losses.get(cls)) is cls


@every_loss
def test_configurations_make_equal_losses(case: tuple):
    loss = getattr(losses, case[0])(**case[1], reduction="sum", name="mine")
    config = json.loads(json.dumps(losses.serialize(loss)))
    again = losses.get(config)
    assert type(again) is type(loss) and again.get_config() == loss.get_config()
    assert again.name == "mine" and again.reduction == "sum"
    assert again(array(case[2]), array(case[3])) == loss(array(case[2]), array(case[3]))


def away_from_kinks(case: tuple, rng: np.random.Generator) -> np.ndarray:
    """Predictions in float64 near those of the case, inside every clip."""
    x = array(case[3], "float64")
    if case[0] in ("BinaryCrossentropy", "KLDivergence", "Poisson") and not case[1].get(
        "from_logits"
    ):
        return rng.uniform(0.1, 0.9, x.shape)
    if "Crossentropy" in case[0] and not case[1].get("from_logits"):
        return rng.uniform(0.2, 0.9, x.shape)
    return x + rng.uniform(0.01, 0.2, x.shape)


@every_loss
@pytest.mark.parametrize("weighted", [False, True])
def test_gradients(case: tuple, weighted: bool):
    """backward() against central differences of the weighted mean of call(), in float64."""
    rng = np.random.default_rng(3)
    loss = getattr(losses, case[0])(**case[1])
    y_pred = away_from_kinks(case, rng)
    with using_backend("reference"):
        y_true = loss.prepare(array(case[2], "float64"), y_pred.shape, y_pred.dtype)
        ctx = Context()
        values = np.asarray(loss.call(y_true, y_pred, ctx=ctx))
        weights = rng.uniform(0.5, 2, values.shape) if weighted else None
        analytic = np.asarray(loss.backward(weights, ctx=ctx))

        def total(x: np.ndarray) -> float:
            each = np.asarray(loss.call(y_true, x, ctx=Context()))
            return float((each if weights is None else each * weights).sum() / each.size)

        numeric, h = np.empty_like(y_pred), 1e-6
        for i in np.ndindex(y_pred.shape):
            shifted = [y_pred.copy(), y_pred.copy()]
            shifted[0][i] += h
            shifted[1][i] -= h
            numeric[i] = (total(shifted[0]) - total(shifted[1])) / (2 * h)
    norms = np.linalg.norm(analytic) + np.linalg.norm(numeric)
    assert np.linalg.norm(analytic - numeric) <= 1e-6 * max(norms, 1e-3)


@pytest.mark.parametrize("level", dispatch.levels())
@every_loss
def test_native_gives_the_reference_s_gradient(case: tuple, level: str):
    """float32 at every SIMD level; the kernels' own bounds are tested with the kernels."""
    dispatch.set_level(level)
    loss = getattr(losses, case[0])(**case[1])
    y_pred = array(case[3])
    y_true = loss.prepare(array(case[2]), y_pred.shape, y_pred.dtype)
    found = []
    for backend in ("native", "reference"):
        with using_backend(backend):
            ctx = Context()
            loss.call(y_true, y_pred, ctx=ctx)
            found.append(np.asarray(loss.backward(None, ctx=ctx)))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=1e-6)


def test_no_samples_cost_nothing():
    for name, options, t, p, *_ in LOSSES:
        loss = getattr(losses, name)(**options)
        assert loss(array(t)[:0], array(p)[:0]) == 0.0


def test_an_ignored_class_takes_no_part():
    """Its rows may hold anything; the mean is over the others (log 2 by hand)."""
    p = np.array([[0.5, 0.5], [np.nan, np.inf], [0.5, 0.5]], "float32")
    for logits in (False, True):
        loss = losses.SparseCategoricalCrossentropy(logits, ignore_class=255)
        assert loss([0, 255, 1], p) == pytest.approx(np.log(2), rel=1e-6)
        ctx = Context()
        loss.call(loss.prepare([0, 255, 1], p.shape, p.dtype), p, ctx=ctx)
        dy = np.asarray(loss.backward(None, ctx=ctx))
        assert np.all(dy[1] == 0) and np.all(dy[[0, 2]] != 0)
    assert losses.SparseCategoricalCrossentropy(ignore_class=0)([0, 0], p[:2]) == 0.0


def test_predictions_of_one_axis_are_one_row():
    """As Keras's functions take them: a number comes out."""
    assert losses.mean_squared_error([1.0, 2.0], [2.0, 4.0]) == 2.5
    assert losses.MeanSquaredError()([1.0, 2.0], [2.0, 4.0]) == 2.5


def test_sample_weights_of_every_fitting_shape():
    y, p = np.zeros((2, 2, 1), "float32"), np.ones((2, 2, 1), "float32")
    loss = losses.MeanSquaredError()
    for weights in (3, [3.0, 3.0], [[3.0], [3.0]], [[3, 3], [3, 3]], np.full((2, 2, 1), 3.0)):
        assert loss(y, p, weights) == 3.0
    none = losses.MeanSquaredError(reduction=None)
    np.testing.assert_array_equal(none(y, p, [1.0, 2.0]), [[1, 1], [2, 2]])


def test_hinges_turn_zeros_and_ones_into_signs_only_together():
    """One -1 in the batch, and a 0 stays a 0 (as in Keras)."""
    x = [[0.5], [0.5]]
    assert losses.Hinge()([[0.0], [1.0]], x) == 1.0  # (1.5 + 0.5) / 2
    assert losses.Hinge()([[-1.0], [0.0]], x) == 1.25  # (1.5 + 1) / 2


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: losses.MeanSquaredError("mean of all"), ValueError, "reduction.*'mean of all'"),
        (lambda: losses.MeanSquaredError(dtype="int8"), DtypeError, "dtype.*'int8'"),
        (lambda: losses.Huber("1"), TypeError, "delta.*'1'"),
        (lambda: losses.BinaryCrossentropy(label_smoothing=2), ValueError, "label_smoothing.*2"),
        (lambda: losses.CategoricalCrossentropy(axis=0.5), TypeError, "axis.*0.5"),
        (lambda: losses.SparseCategoricalCrossentropy(ignore_class="a"), TypeError, "'a'"),
        (lambda: losses.MeanSquaredError()([[1.0]], [[1.0, 2.0]]), ShapeError, r"\(1, 1\)"),
        (lambda: losses.MeanSquaredError()([["a"]], [[1.0]]), TypeError, "numbers"),
        (lambda: losses.MeanSquaredError()(1.0, 1.0), ShapeError, "number"),
        (lambda: losses.MeanSquaredError()([[1.0]], [[1.0]], [1.0, 2.0]), ShapeError, "weight"),
        (lambda: losses.MeanSquaredError()([[1.0]], [[1.0]], ["a"]), DtypeError, "weight"),
        (lambda: losses.CosineSimilarity(axis=0)([[1.0]], [[1.0]]), ShapeError, "axis.*0"),
        (lambda: losses.CosineSimilarity(axis=2)([[1.0]], [[1.0]]), ShapeError, "axis.*2"),
        (lambda: losses.get("cube"), ValueError, "'cube'"),
        (lambda: losses.get(None), ValueError, "None"),
        (lambda: losses.get({"class_name": "Own", "config": {}}), ValueError, "Own"),
        (lambda: losses.get(lambda a, b: a), TypeError, "bare function"),
        (lambda: losses.Loss()([[1.0]], [[1.0]]), NotImplementedError, "call"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], match: str):
    with pytest.raises(error, match=match):
        call()


class Cubed(losses.Loss):
    """A loss of the user's."""

    def call(self, y_true, y_pred, *, ctx):
        e = ops.subtract(y_pred, y_true)
        ctx.save(e)
        return ops.reshape(ops.multiply(ops.multiply(e, e), e), (-1,))

    def backward(self, weights, *, ctx):
        (e,) = ctx.saved
        return np.asarray(3 / len(e), e.dtype) * e * e


def test_a_loss_of_the_user_s():
    assert Cubed()([[0.0], [0.0]], [[1.0], [2.0]]) == 4.5
    made = losses.deserialize(losses.serialize(Cubed(reduction="sum")), {"Cubed": Cubed})
    assert type(made) is Cubed and made([[0.0]], [[2.0]]) == 8.0
