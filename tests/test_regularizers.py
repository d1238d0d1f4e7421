"""Regularizers and constraints: Keras's figures, gradients, configurations, bad arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import constraints, ops, regularizers
from cnnlite.errors import ShapeError
from tests.gradient_check import assert_gradient, central_difference

W = [[1.0, -2.0, 0.5], [0.0, 3.0, -1.5]]
# Keras 3.15 gives these penalties and projections of W.
PENALTIES: list[tuple[str, float]] = [
    ("L1()", 0.08),
    ("L1(0.3)", 2.4),
    ("L2()", 0.165),
    ("L2(0.3)", 4.95),
    ("L1L2(0.3, 0.2)", 5.7),
    ("OrthogonalRegularizer()", 0.008783100843),
    ("OrthogonalRegularizer(0.5, 'columns')", 0.30594863),
]
PROJECTIONS: list[tuple[str, list[list[float]]]] = [
    ("MaxNorm()", [[1.0, -1.1094, 0.5], [0.0, 1.6641, -1.5]]),
    ("MaxNorm(1.0, 1)", [[0.436436, -0.872872, 0.218218], [0.0, 0.894427, -0.447214]]),
    ("MinMaxNorm()", [[1.0, -0.5547, 0.316228], [0.0, 0.83205, -0.948683]]),
    ("MinMaxNorm(0.5, 1.5, 0.3, 1)", [[0.896396, -1.79279, 0.448198], [0.0, 2.50249, -1.25125]]),
    (
        "MinMaxNorm(2.0, 3.0, axis=[0, 1])",
        [[0.738549, -1.4771, 0.369274], [0.0, 2.21565, -1.10782]],
    ),
    ("UnitNorm()", [[1.0, -0.5547, 0.316228], [0.0, 0.83205, -0.948683]]),
    ("UnitNorm(-1)", [[0.436436, -0.872872, 0.218218], [0.0, 0.894427, -0.447214]]),
    ("NonNeg()", [[1.0, 0.0, 0.5], [0.0, 3.0, 0.0]]),
]


def made(source: str) -> Any:
    return eval(source, {**vars(regularizers), **vars(constraints)})


@pytest.mark.parametrize(("source", "expected"), PENALTIES, ids=[s for s, _ in PENALTIES])
def test_penalties_are_keras_s(source: str, expected: float):
    regularizer = made(source)
    assert regularizer(W) == pytest.approx(expected, rel=1e-6)
    again = regularizers.deserialize(regularizers.serialize(regularizer))
    assert type(again) is type(regularizer) and again.get_config() == regularizer.get_config()


@pytest.mark.parametrize("source", [s for s, _ in PENALTIES])
def test_gradients_of_penalties(source: str):
    """Central differences away from kinks; scaled, and added to what stands there."""
    regularizer = made(source)
    x = np.random.default_rng(0).uniform(0.2, 1, (3, 4)) * [[1, -1, 1, -1]]
    with cnnlite.using_backend("reference"):
        numeric = central_difference(lambda: 50.0 * regularizer(x), x)
        gradient = ops.Gradient(np.full(x.shape, np.nan))
        regularizer.backward(x, out=gradient, scale=20.0)
        regularizer.backward(x, out=gradient, scale=30.0)
    assert_gradient(gradient.array, numeric, source)


@pytest.mark.parametrize(("source", "expected"), PROJECTIONS, ids=[s for s, _ in PROJECTIONS])
def test_projections_are_keras_s(source: str, expected: list[list[float]]):
    constraint, w = made(source), np.array(W, "float32")
    np.testing.assert_allclose(constraint(w), expected, rtol=1e-5)
    assert w.tolist() == W  # the copy was projected
    parameter = ops.Parameter(w, "w")
    constraint.apply(parameter)
    np.testing.assert_allclose(parameter.value, expected, rtol=1e-5)
    assert parameter.version == 1
    again = constraints.deserialize(constraints.serialize(constraint))
    assert type(again) is type(constraint) and again.get_config() == constraint.get_config()


def test_names():
    """Keras's strings, classes, and None; the names of classes as functions."""
    for name, kind in (("l1", "L1"), ("l2", "L2"), ("l1_l2", "L1L2"), ("L1L2", "L1L2")):
        assert type(regularizers.get(name)).__name__ == kind
    assert type(regularizers.get("orthogonal_regularizer")) is regularizers.OrthogonalRegularizer
    assert regularizers.get(regularizers.L2).l2 == 0.01 and regularizers.get(None) is None
    for name in ("max_norm", "min_max_norm", "non_neg", "unit_norm"):
        assert type(constraints.get(name)) is getattr(constraints, name)
    assert constraints.get(None) is None and constraints.serialize(None) is None


def test_one_row_has_no_pair():
    assert regularizers.OrthogonalRegularizer()([[1.0, 2.0]]) == 0


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: regularizers.L1(-1), ValueError, "l1.*-1"),
        (lambda: regularizers.L2(float("inf")), ValueError, "l2.*inf"),
        (lambda: regularizers.L1L2("a"), TypeError, "l1.*'a'"),
        (lambda: regularizers.L2(True), TypeError, "l2.*True"),
        (lambda: regularizers.OrthogonalRegularizer(mode="all"), ValueError, "'all'"),
        (lambda: regularizers.OrthogonalRegularizer()([1.0]), ShapeError, "matrix"),
        (lambda: regularizers.get("l3"), ValueError, "'l3'.*l1, l2"),
        (lambda: regularizers.get({"class_name": "eval"}), ValueError, "'eval'"),
        (lambda: regularizers.get(lambda w: 0), TypeError, "call and backward"),
        (lambda: regularizers.Regularizer()(W), NotImplementedError, "call"),
        (lambda: constraints.MaxNorm(-1), ValueError, "max_value.*-1"),
        (lambda: constraints.MaxNorm(axis="a"), ValueError, "axis.*'a'"),
        (lambda: constraints.MaxNorm(axis=2)(W), ShapeError, "axes.*2"),
        (lambda: constraints.MinMaxNorm(2.0, 1.0), ValueError, "exceed"),
        (lambda: constraints.MinMaxNorm(rate=2), ValueError, "rate.*2"),
        (lambda: constraints.get("norm"), ValueError, "'norm'.*max_norm"),
        (lambda: constraints.get(abs), TypeError, r"project\(w\)"),
        (lambda: constraints.Constraint()(W), NotImplementedError, "project"),
    ],
)
def test_bad_arguments(make: Callable[[], Any], error: type[Exception], match: str):
    with pytest.raises(error, match=match):
        make()
