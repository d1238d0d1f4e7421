"""Penalties and projections as operations: where they write, and what they refuse."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cnnlite import ops
from cnnlite.errors import DtypeError, ShapeError
from cnnlite.models.plan import record

X = np.array([[1.0, -2.0], [0.0, 0.5]], "float32")
GRAM = np.array([[4.0, -1.0], [-1.0, 1.0]], "float32")

PENALTIES: dict[str, Callable[..., Any]] = {
    "size": lambda **kw: ops.penalty_forward(X, l1=0.5, l2=0.25, **kw),  # 1.75 + 1.3125
    "orthogonal": lambda **kw: ops.orthogonal_penalty_forward(GRAM, **kw),  # |-1| / (2 * 1)
}
VALUES = {"size": 3.0625, "orthogonal": 0.5}


@pytest.mark.parametrize("name", PENALTIES)
def test_where_a_penalty_goes(name: str):
    """An array is added to; a Gradient is overwritten first and then added to."""
    penalty, value = PENALTIES[name], VALUES[name]
    fresh = penalty(scale=2.0)
    assert fresh.dtype == np.float64 and fresh.tolist() == [2 * value]
    total = np.array([1.0])
    assert penalty(out=total) is total
    assert total.tolist() == [1 + value]
    gradient = ops.Gradient(np.full(1, np.nan))
    penalty(out=gradient)
    assert gradient.array.tolist() == [value]
    penalty(out=gradient, scale=-0.5)
    assert gradient.array.tolist() == [value / 2]


@pytest.mark.parametrize("name", PENALTIES)
def test_a_plan_adds_penalties_anew_in_each_run(name: str):
    total = np.zeros(1)

    def program(plan: Any) -> None:
        gradient = ops.Gradient(ops.Buffer((1,), np.float64))
        PENALTIES[name](out=gradient)
        PENALTIES[name](out=gradient)
        PENALTIES[name](out=total)
        plan.output("sum", gradient.array)

    plan = record(program)
    plan.bind(np.full(plan.nbytes, 0xFF, np.uint8))
    for run in (1, 2):
        plan.run()
        assert plan.arrays["sum"].tolist() == [2 * VALUES[name]]
        assert total.tolist() == [run * VALUES[name]]


def test_several_arrays_are_one_penalty():
    """A list of arrays, a list of parameters, and a list of numbers, which is one array."""
    both = [X, np.array([3.0], "float32")]
    assert ops.penalty_forward(both, l1=1.0).tolist() == [6.5]
    parameters = [ops.Parameter(a, "w") for a in both]
    assert ops.penalty_forward(parameters, l2=1.0).tolist() == [14.25]
    assert ops.penalty_forward([1.0, -3.0], l1=1.0).tolist() == [4]


def test_gradients_of_penalties_add_up():
    gradient = ops.Gradient(np.full((2, 2), np.nan, "float32"))
    ops.penalty_backward(X, l1=0.5, out=gradient)
    ops.penalty_backward(X, l2=0.5, scale=2.0, out=gradient)
    assert gradient.array.tolist() == [[2.5, -4.5], [0.0, 1.5]]
    factors = ops.orthogonal_penalty_backward(GRAM, out=np.empty_like(GRAM))
    assert factors.tolist() == [[-0.125, -0.5], [-0.5, -0.5]]


def test_a_factor_of_zero_leaves_its_term_out():
    """0 times infinity is no NaN; NaN itself counts where its term does."""
    x = np.array([math.inf, math.nan, -math.inf], "float32")
    assert ops.penalty_backward(x, l2=1.0)[[0, 2]].tolist() == [math.inf, -math.inf]
    gradient = ops.penalty_backward(x, l1=2.0)
    assert gradient[[0, 2]].tolist() == [2, -2] and math.isnan(gradient[1])
    assert ops.penalty_forward(x[:1], l1=1.0).tolist() == [math.inf]
    assert ops.penalty_forward(x, l1=0.0).tolist() == [0]


def test_projection_of_a_parameter_in_a_plan():
    """A weight is projected where it stands, in each run."""
    weight = ops.Parameter(np.array([[3.0], [4.0]], "float32"), "w")
    plan = record(lambda plan: ops.project_norms(weight, 0, max_value=1.0))
    plan.bind(np.zeros(plan.nbytes, np.uint8))
    plan.run()
    np.testing.assert_allclose(weight.value, [[0.6], [0.8]], rtol=1e-6)
    weight.assign([[0.0], [2.0]])
    plan.run()
    np.testing.assert_allclose(weight.value, [[0], [1]], rtol=1e-6)


def test_axes_of_a_projection():
    """Negative, repeated and all axes; the same bits as from the front."""
    rng = np.random.default_rng(0)
    start = rng.normal(size=(3, 4, 5)).astype("float32")
    results = []
    for axes in ((0, 2), [-1, 0], (2, 0, 2)):
        results.append(start.copy())
        ops.project_norms(results[-1], axes, min_value=1.0, max_value=1.0)
        norms = np.sqrt(np.square(results[-1]).sum(axis=(0, 2)))
        np.testing.assert_allclose(norms, 1, rtol=1e-6)
    assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()


def _locked() -> np.ndarray:
    a = X.copy()
    a.flags.writeable = False
    return a


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: ops.penalty_forward(X, l1=math.nan), ValueError, "l1.*nan"),
        (lambda: ops.penalty_forward(X, l2="a"), TypeError, "l2.*'a'"),
        (lambda: ops.penalty_backward(X, scale=None), TypeError, "scale.*None"),
        (lambda: ops.penalty_forward([X, X.astype("f8")], l1=1), DtypeError, r"x\[1\].*float64"),
        (lambda: ops.penalty_forward([X, None], l1=1), TypeError, r"x\[1\]"),
        (lambda: ops.penalty_forward(X, out=np.zeros(2)), ShapeError, r"out.*\(2,\)"),
        (lambda: ops.penalty_forward(X, out=np.zeros(1, "f4")), ShapeError, "out.*float32"),
        (lambda: ops.penalty_forward(X, out=[0.0]), TypeError, "out.*list"),
        (lambda: ops.orthogonal_penalty_forward(X[:1]), ShapeError, r"square.*\(1, 2\)"),
        (lambda: ops.orthogonal_penalty_backward(X[0]), ShapeError, "1 dimensions"),
        (lambda: ops.orthogonal_penalty_backward(X.astype(int)), DtypeError, "int64"),
        (lambda: ops.project_norms([[1.0]], 0), TypeError, "list"),
        (lambda: ops.project_norms(X.astype(int), 0), DtypeError, "int64"),
        (lambda: ops.project_norms(X.copy()[:, ::2], 0), ValueError, "contiguous"),
        (lambda: ops.project_norms(_locked(), 0), ValueError, "writable"),
        (lambda: ops.project_norms(X.copy(), 2), ShapeError, "axes.*2"),
        (lambda: ops.project_norms(X.copy(), (0, "a")), ShapeError, "axes.*'a'"),
        (lambda: ops.project_norms(X.copy(), None), ShapeError, "axes.*None"),
        (lambda: ops.project_norms(X.copy(), 0, rate="a"), TypeError, "rate.*'a'"),
    ],
)
def test_bad_calls(call: Callable[[], Any], error: type[Exception], match: str):
    with pytest.raises(error, match=match) as caught:
        call()
    assert re.match(r"[a-z0-9_]+: ", str(caught.value))
