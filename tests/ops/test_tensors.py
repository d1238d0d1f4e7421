"""Broadcasting, reductions, transposes, lookups, masks: meanings, bad input, gradients."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import ops
from cnnlite.errors import DtypeError, ShapeError


def zeros(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.zeros(shape, dtype)


BAD_CALLS: list[tuple[str, Callable[[], Any], type[Exception], str]] = [
    ("broadcast", lambda: ops.add(zeros(2, 3), zeros(2, 4)), ShapeError, "3 against 4"),
    ("axes", lambda: ops.add(zeros(*[1] * 9), 1.0), ShapeError, "9 dimensions; at most 8"),
    ("dtypes", lambda: ops.add(zeros(2), zeros(2, dtype="float64")), DtypeError, "float64"),
    ("number", lambda: ops.multiply(2.0, "a"), DtypeError, "multiply: b"),
    ("reduce_to", lambda: ops.reduce_to(zeros(2, 3), (2,)), ShapeError, "3 against 2"),
    ("reduce_to", lambda: ops.reduce_to(zeros(1, 3), (2, 3)), ShapeError, r"\(2, 3\) does not"),
    ("axis", lambda: ops.sum(zeros(2, 3), 2), ShapeError, "sum: axis.*Got 2"),
    ("axis twice", lambda: ops.mean(zeros(2, 3), (0, -2)), ShapeError, "twice"),
    ("axis text", lambda: ops.max(zeros(2, 3), "a"), ShapeError, "max: axis.*'a'"),
    ("axes", lambda: ops.transpose(zeros(2, 3), (0, 0)), ShapeError, r"permutation.*\(0, 0\)"),
    ("axes", lambda: ops.transpose(zeros(2, 3), (0,)), ShapeError, "permutation"),
    ("axes", lambda: ops.transpose(zeros(2, 3), 1), ShapeError, "permutation"),
    ("int64", lambda: ops.transpose(zeros(2, dtype="int64")), DtypeError, "int32 or uint8"),
    ("cast", lambda: ops.cast(zeros(2), "float16"), DtypeError, "dtype must be.*'float16'"),
    ("cast", lambda: ops.cast(zeros(2), "no type"), DtypeError, "'no type'"),
    ("full", lambda: ops.full((2,), 1.5, "int32"), ValueError, "value is no int32. Got 1.5"),
    ("full", lambda: ops.full((2,), 256, "uint8"), ValueError, "Got 256"),
    ("full", lambda: ops.full((2,), "a"), TypeError, "must be a number. Got 'a'"),
    ("full", lambda: ops.full((-2,), 1), ShapeError, r"full: shape.*\(-2,\)"),
    ("mask", lambda: ops.where(zeros(2), zeros(2), 0), DtypeError, "where: mask"),
    ("mask", lambda: ops.where([1, 0], zeros(3), 0), ShapeError, "2 against 3"),
    ("value", lambda: ops.where([1, 0], zeros(2), None), TypeError, "where: value"),
    ("uint8", lambda: ops.not_equal(zeros(2, dtype="uint8"), -1), ValueError, "no uint8"),
    ("int32", lambda: ops.not_equal(zeros(2, dtype="int32"), 0.5), ValueError, "no int32"),
    ("scalar", lambda: ops.any_not_equal(zeros(), 0), ShapeError, "scalar"),
    ("id", lambda: ops.gather(zeros(3, 2), [0, 3]), ValueError, r"0\.\.3 for 3 rows"),
    ("id", lambda: ops.gather(zeros(3, 2), [-1]), ValueError, r"-1\.\.-1"),
    ("id", lambda: ops.scatter_add(zeros(1, 2), [3], 3), ValueError, r"3\.\.3 for 3 rows"),
    ("fraction", lambda: ops.gather(zeros(3, 2), [0.5]), DtypeError, "ids"),
    ("rows", lambda: ops.scatter_add(zeros(1, 2), [0], -1), ShapeError, "Got -1"),
    ("ids", lambda: ops.scatter_add(zeros(2, 2), [0], 3), ShapeError, r"ids \(1,\)"),
    ("inner", lambda: ops.batch_matmul(zeros(2, 3, 4), zeros(2, 3, 4)), ShapeError, "inner sizes"),
    ("batch", lambda: ops.batch_matmul(zeros(2, 3, 4), zeros(3, 4, 3)), ShapeError, "batches"),
    ("rank", lambda: ops.batch_matmul(zeros(2, 3, 4), zeros(4, 3)), ShapeError, "equally many"),
    ("rank", lambda: ops.batch_matmul(zeros(3), zeros(3)), ShapeError, "2 or more"),
    (
        "heads",
        lambda: ops.batch_matmul(zeros(3, 3), zeros(3, 3), heads=(1, 2, 1)),
        ShapeError,
        "4 dimensions",
    ),
    (
        "heads",
        lambda: ops.batch_matmul(zeros(3, 3), zeros(3, 3), heads=(1, 3, 1)),
        ShapeError,
        r"\(1, 3, 1\)",
    ),
]


@pytest.mark.parametrize(("call", "error", "match"), [case[1:] for case in BAD_CALLS])
def test_bad_calls(call: Callable[[], Any], error: type[Exception], match: str):
    """Each mistake has its exception, and its message says where and what."""
    with pytest.raises(error, match=match) as caught:
        call()
    assert re.match(r"[a-z_]+: ", str(caught.value)) and str(caught.value).endswith(".")


SHAPES = [
    ((2, 3, 4), (3, 4)),
    ((2, 3, 4), (3, 1)),
    ((2, 1, 4), (3, 1)),
    ((1, 4), (2, 3, 1)),
    ((2, 3), ()),
    ((3,), (3,)),
]


@pytest.mark.parametrize(("a_shape", "b_shape"), SHAPES)
def test_gradient_of_broadcasting(a_shape: tuple, b_shape: tuple, rng: np.random.Generator):
    """reduce_to gives the gradient of a sum by central differences; exact, for it is linear."""
    a, b = (rng.integers(-9, 9, s).astype("float32") for s in (a_shape, b_shape))
    y = ops.add(a, b)
    r = rng.integers(-9, 9, y.shape).astype("float32")
    for x, make in ((a, lambda x: ops.add(x, b)), (b, lambda x: ops.add(a, x))):
        numeric = np.empty(x.shape, "float32")
        for i in np.ndindex(x.shape):
            step = np.zeros(x.shape, "float32")
            step[i] = 1
            numeric[i] = ((make(x + step) - make(x - step)) * r).sum() / 2
        np.testing.assert_array_equal(ops.reduce_to(r, x.shape), numeric)
        into = ops.Gradient(np.full(x.shape, np.nan, "float32"))
        ops.reduce_to(r, x.shape, out=into)
        ops.reduce_to(r, x.shape, out=into)
        np.testing.assert_array_equal(into.array, 2 * numeric)


def test_reduce_to_the_same_shape_is_no_work():
    """The array itself comes back, unless it is to be written somewhere."""
    dy, out = np.ones((2, 3), "float32"), np.zeros((2, 3), "float32")
    assert ops.reduce_to(dy, (2, 3)) is dy
    assert ops.reduce_to(dy, (2, 3), out=out) is out and out.all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_take_the_dtype_of_the_array(dtype: str):
    x = np.array([1, 2], dtype)
    with cnnlite.using_backend("reference" if dtype == "float64" else "native"):
        for result in (ops.add(x, 1), ops.subtract(3, x), ops.divide(x, 2.0)):
            assert result.dtype == dtype
    assert ops.subtract(3, x.astype("float32")).tolist() == [2, 1]


def test_maximum_and_its_derivative_treat_ties_and_nan():
    a, b = [1.0, 2.0, 3.0, np.nan, 1.0], [3.0, 2.0, 1.0, 1.0, np.nan]
    np.testing.assert_array_equal(ops.maximum(a, b), [3, 2, 3, np.nan, np.nan])
    np.testing.assert_array_equal(ops.minimum(a, b), [1, 2, 1, np.nan, np.nan])
    np.testing.assert_array_equal(ops.greater_equal(a, b), [0, 1, 1, np.nan, np.nan])


def test_reductions_keep_axes_on_request():
    x = np.arange(24, dtype="float32").reshape(2, 3, 4)
    for function in (ops.sum, ops.mean, ops.max):
        judge = getattr(np, function.__name__)
        for axis in (None, 0, -1, (0, 2), [1], ()):
            for keepdims in (False, True):
                expected = judge(
                    x, tuple(axis) if isinstance(axis, list) else axis, keepdims=keepdims
                )
                np.testing.assert_array_equal(function(x, axis, keepdims=keepdims), expected)


def test_a_long_sum_is_exact_to_a_few_roundings():
    """A million tenths: added one by one in float32 they would be off by 958."""
    x = np.full(1_000_000, 0.1, "float32")
    assert abs(float(ops.sum(x)) - 1e5) < 0.1


def test_casts_saturate():
    """Fractions are cut off, NaN is 0, what is out of range becomes the nearest."""
    x = np.array([-1.9, 255.9, 256, np.nan, np.inf, -np.inf], "float32")
    for backend in ("native", "reference"):
        with cnnlite.using_backend(backend):
            assert ops.cast(x, "uint8").tolist() == [0, 255, 255, 0, 255, 0]
            big = ops.cast(x, "int32").tolist()
            assert big == [-1, 255, 256, 0, 2**31 - 1, -(2**31)]
            assert ops.cast(np.array([0, 1], "uint8"), "float64").dtype == np.float64


def test_integers_pass_through_transpose_and_masks():
    ids = np.array([[3, 0], [0, 5]], "int32")
    assert ops.transpose(ids).tolist() == [[3, 0], [0, 5]]
    assert ops.transpose(ids).dtype == np.int32
    mask = ops.not_equal(ids, 0)
    assert mask.dtype == np.uint8 and mask.tolist() == [[1, 0], [0, 1]]
    assert ops.any_not_equal(ids, 0).tolist() == [1, 1]
    assert ops.logical_and(mask, [[1], [0]]).tolist() == [[1, 0], [0, 0]]
    assert ops.full((2,), 7, "int32").tolist() == [7, 7]


def test_nan_differs_from_every_value():
    assert ops.not_equal([np.nan, 0.0], 0).tolist() == [1, 0]


def test_an_id_out_of_range_in_a_plan_reads_nothing():
    """Its row is NaN, and its gradient goes nowhere."""
    from cnnlite.models.plan import record

    table = np.arange(6, dtype="float32").reshape(3, 2)

    def program(plan: Any) -> None:
        ids = plan.input("ids", (4,), "int32")
        plan.output("y", ops.gather(table, ids))
        plan.output("d", ops.scatter_add(np.ones((4, 2), "float32"), ids, 3))

    plan = record(program)
    plan.bind(np.zeros(plan.nbytes, np.uint8))
    plan.arrays["ids"][...] = [2, -1, 3, 2**31 - 1]
    plan.run()
    nan = np.nan
    np.testing.assert_array_equal(plan.arrays["y"], [[4, 5], [nan, nan], [nan, nan], [nan, nan]])
    np.testing.assert_array_equal(plan.arrays["d"], [[0, 0], [0, 0], [1, 1]])


@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_batches_of_products(transpose_a: bool, transpose_b: bool, rng: np.random.Generator):
    """Any number of leading axes; whole numbers make the products exact."""
    for batch in ((), (3,), (2, 3), (2, 1, 2)):
        a = rng.integers(-4, 5, (*batch, 5, 4)).astype("float32")
        b = rng.integers(-4, 5, (*batch, 4, 6)).astype("float32")
        given = (
            a.swapaxes(-1, -2) if transpose_a else a,
            b.swapaxes(-1, -2) if transpose_b else b,
        )
        flags = {"transpose_a": transpose_a, "transpose_b": transpose_b}
        np.testing.assert_array_equal(ops.batch_matmul(*given, **flags), a @ b)
