"""Bad input to every operation: the right exception, and a message that says where and what."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from cnnlite import ops
from cnnlite.errors import DtypeError, ShapeError
from tests.ops.case import Case
from tests.ops.cases import CASES
from tests.ops.refusals import message_of

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
cases_with_floats = pytest.mark.parametrize(
    "case", [c for c in CASES if c.floats], ids=lambda case: case.name
)
cases_that_could_mix = pytest.mark.parametrize(
    "case", [c for c in CASES if len(c.floats) > 1], ids=lambda case: case.name
)


def fixed_ranks(case: Case) -> list[str]:
    """Return the arguments whose rank is their operation's, or another argument's."""
    return [
        name
        for name, array in case.arrays.items()
        if name not in case.any_rank and (len(case.arrays) > 1 or array.ndim >= 4)
    ]


cases_with_fixed_ranks = pytest.mark.parametrize(
    "case", [c for c in CASES if fixed_ranks(c)], ids=lambda case: case.name
)
cases_with_out = pytest.mark.parametrize(
    "case", [c for c in CASES if c.has_out], ids=lambda case: case.name
)


@cases_with_floats
def test_integers_where_floats_are_needed(case: Case):
    """An integer array is refused, by the name of the operation and the argument."""
    for name in case.floats:
        given = {k: a.astype(np.int64) if k == name else a for k, a in case.arrays.items()}
        with pytest.raises(DtypeError) as error:
            case.call(*given.values())
        text = message_of(error)
        assert text.startswith(case.where) and "int64" in text and "astype" in text


@cases_with_floats
@pytest.mark.parametrize("kind", ["complex64", "float16", "object", "U1", "bool", "M8[s]"])
def test_dtypes_that_no_operation_takes(case: Case, kind: str):
    """Complex, half, objects, text, booleans and dates: a DtypeError that names the dtype."""
    for name in case.floats:
        bad = np.zeros(case.arrays[name].shape, kind)
        given = {k: bad if k == name else a for k, a in case.arrays.items()}
        with pytest.raises(DtypeError, match=re.escape(str(bad.dtype))) as error:
            case.call(*given.values())
        assert message_of(error).startswith(case.where)


@cases_that_could_mix
def test_float32_and_float64_are_never_mixed(case: Case):
    """One argument of another precision is refused, not converted."""
    for name in case.floats:
        given = {k: a.astype(np.float64) if k == name else a for k, a in case.arrays.items()}
        with pytest.raises(DtypeError, match="float64") as error:
            case.call(*given.values())
        assert message_of(error).startswith(case.where)


@every_case
@pytest.mark.parametrize("bad", [None, "abc", [[1.0], [1.0, 2.0]], {"a": 1}, object()])
def test_what_is_no_array(case: Case, bad: Any):
    """None, text, ragged lists and other objects: a TypeError that names the argument."""
    for name in case.arrays:
        if bad is None and name in case.optional:
            continue
        given = {k: bad if k == name else a for k, a in case.arrays.items()}
        with pytest.raises(TypeError) as error:
            case.call(*given.values())
        assert message_of(error).startswith(case.where)


@every_case
def test_shapes_that_do_not_fit(case: Case):
    """One argument longer by one along each of its axes: a ShapeError, or another valid call."""
    refused = 0
    for name, array in case.arrays.items():
        for axis in range(array.ndim):
            longer = np.concatenate([array, array[(slice(None),) * axis + (slice(1),)]], axis)
            given = {k: longer if k == name else a for k, a in case.arrays.items()}
            try:
                case.call(*given.values())
            except ValueError as error:
                refused += 1
                assert isinstance(error, ShapeError)
                assert str(error).startswith(case.where)
                assert re.search(r"\d", str(error)), "it does not say what was received"
    assert refused or len(case.arrays) == 1 or case.name == "gather"  # it takes any table and ids


@cases_with_fixed_ranks
def test_arrays_of_another_rank(case: Case):
    """An axis too many on one argument: a ShapeError, where the rank is fixed by others."""
    for name in fixed_ranks(case):
        given = {k: a[None, None] if k == name else a for k, a in case.arrays.items()}
        with pytest.raises(ShapeError) as error:
            case.call(*given.values())
        assert message_of(error).startswith(case.where)


@cases_with_out
def test_out_that_does_not_fit(case: Case):
    """A wrong shape, dtype or type of `out=`, or a read-only one, is refused."""
    result = case.call(*case.arrays.values())
    result = result[0] if isinstance(result, tuple) else result
    locked = result.copy()
    locked.flags.writeable = False
    for bad, expected in (
        (np.empty((*result.shape, 1), result.dtype), ShapeError),
        (np.empty(result.shape, np.float64), ShapeError),
        (np.empty(result.shape, np.int32), ShapeError),
        (result.astype(">f4"), ShapeError),
        (result.tolist(), TypeError),
        (locked, ValueError),
    ):
        with pytest.raises(expected, match="out") as error:
            case.call(*case.arrays.values(), out=bad)
        assert message_of(error).startswith(case.where)


@every_case
def test_a_plan_s_buffer_outside_of_a_plan(case: Case):
    """A buffer has no values when nothing records: a TypeError, not a crash."""
    for name, array in case.arrays.items():
        buffer = ops.Buffer(array.shape, array.dtype)
        given = {k: buffer if k == name else a for k, a in case.arrays.items()}
        with pytest.raises(TypeError, match="Buffer") as error:
            case.call(*given.values())
        assert message_of(error).startswith(case.where)
