"""Operations take arrays of any strides, byte order and owner, and give the same bits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cnnlite import ops
from tests.ops.case import Case, assert_same_bits, results
from tests.ops.cases import CASES, OTHERS

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
cases_with_out = pytest.mark.parametrize(
    "case", [c for c in CASES if c.has_out], ids=lambda case: case.name
)


def every_second(a: np.ndarray) -> np.ndarray:
    """Return a view with gaps along every axis."""
    wide = np.full([2 * n for n in a.shape], 99, a.dtype)
    wide[(slice(None, None, 2),) * a.ndim] = a
    return wide[(slice(None, None, 2),) * a.ndim]


def reversed_in_memory(a: np.ndarray) -> np.ndarray:
    """Return a view with negative strides."""
    back = (slice(None, None, -1),) * a.ndim
    return np.ascontiguousarray(a[back])[back]


def read_only(a: np.ndarray) -> np.ndarray:
    a = a.copy()
    a.flags.writeable = False
    return a


def big_endian(a: np.ndarray) -> np.ndarray:
    return a.astype(a.dtype.newbyteorder(">"))


def unaligned(a: np.ndarray) -> np.ndarray:
    """Return an array whose address is odd."""
    raw = np.zeros(a.nbytes + 1, np.uint8)[1:]
    raw[...] = np.frombuffer(a.tobytes(), np.uint8)
    return raw.view(a.dtype).reshape(a.shape)


def unwritten(like: np.ndarray) -> np.ndarray:
    """Return an array for results that holds none yet."""
    return np.full_like(like, np.nan if like.dtype.kind == "f" else 77)


LAYOUTS = [every_second, reversed_in_memory, np.asfortranarray, read_only, big_endian, unaligned]


def test_every_public_operation_has_a_case():
    """A new operation must join the table, or say that it is none on arrays."""
    assert {case.name for case in CASES} | OTHERS == set(ops.__all__)


@every_case
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__)
def test_memory_layout_does_not_change_a_bit(
    case: Case, layout: Callable[[np.ndarray], np.ndarray]
):
    """Each input alone, then all of them, in another layout: the result keeps its bits."""
    expected = case.call(*case.arrays.values())
    for changed in [*([name] for name in case.arrays), list(case.arrays)]:
        given = {k: layout(a) if k in changed else a for k, a in case.arrays.items()}
        before = {k: a.tobytes() for k, a in given.items()}
        assert_same_bits(case.call(*given.values()), expected)
        assert {k: a.tobytes() for k, a in given.items()} == before


@every_case
def test_lists_are_float32_arrays(case: Case):
    """Nested Python lists give the bits of the same float32 arrays."""
    lists = [a.tolist() for a in case.arrays.values()]
    assert_same_bits(case.call(*lists), case.call(*case.arrays.values()))


@every_case
def test_results_are_fresh_contiguous_arrays(case: Case):
    """A result shares no memory with an input and is contiguous, aligned and writable."""
    for result in results(case.call(*case.arrays.values())):
        assert not any(np.may_share_memory(result, a) for a in case.arrays.values())
        assert result.flags.c_contiguous and result.flags.aligned and result.flags.writeable


@every_case
def test_float64_stays_float64(case: Case):
    """float64 inputs give float64 results, close to those of float32."""
    with ops_reference():
        arrays = [a.astype(np.float64) if k in case.floats else a for k, a in case.arrays.items()]
        wide, narrow = results(case.call(*arrays)), results(case.call(*case.arrays.values()))
    for a, b in zip(wide, narrow, strict=True):
        assert a.dtype == (np.float64 if b.dtype == np.float32 else b.dtype)
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


@every_case
def test_a_batch_of_none(case: Case):
    """An empty batch gives an empty result, and zero gradients of weights and biases."""
    given = [a[:0] if k in case.batched else a for k, a in case.arrays.items()]
    full = results(case.call(*case.arrays.values()))
    for empty, whole in zip(results(case.call(*given)), full, strict=True):
        if whole.shape[0] == 3 and case.name != "conv2d_backward_weight":
            assert empty.shape == (0, *whole.shape[1:])
        else:
            assert empty.shape == whole.shape
            assert not empty.any()
        assert empty.dtype == whole.dtype


# ---- out=


@cases_with_out
def test_out_receives_the_result(case: Case):
    """`out=` is filled with the bits of the result, and is what the call returns."""
    expected = case.call(*case.arrays.values())
    out = unwritten(results(expected)[0])
    given = case.call(*case.arrays.values(), out=out)
    assert results(given)[0] is out
    assert_same_bits(given, expected)


@cases_with_out
@pytest.mark.parametrize("layout", [every_second, reversed_in_memory, np.asfortranarray])
def test_out_may_have_any_strides(case: Case, layout: Callable[[np.ndarray], np.ndarray]):
    """A strided `out=` receives the same values, and nothing outside of it changes."""
    expected = case.call(*case.arrays.values())
    out = layout(unwritten(results(expected)[0]))
    given = results(case.call(*case.arrays.values(), out=out))[0]
    assert given is out
    assert np.ascontiguousarray(out).tobytes() == results(expected)[0].tobytes()
    if layout is every_second:
        assert out.base is not None
        assert np.count_nonzero(out.base == 99) == out.base.size - out.size


@cases_with_out
def test_out_may_lie_over_an_input(case: Case):
    """An `out=` that shares memory with an input, in place or shifted, changes no bit."""
    expected = results(case.call(*case.arrays.values()))[0]
    for name in case.arrays:
        for shift in (0, 1):
            arrays = {k: a.copy() for k, a in case.arrays.items()}
            memory = np.zeros(max(arrays[name].nbytes, expected.nbytes) + 8, np.uint8)
            inside = memory[: arrays[name].nbytes].view(arrays[name].dtype)
            inside = inside.reshape(arrays[name].shape)
            inside[...] = arrays[name]
            arrays[name] = inside
            start = shift * expected.itemsize
            out = memory[start : start + expected.nbytes].view(expected.dtype)
            case.call(*arrays.values(), out=out.reshape(expected.shape))
            assert out.tobytes() == expected.tobytes(), (name, shift)


@cases_with_out
def test_a_gradient_is_written_first_and_added_to_later(case: Case):
    """`out=Gradient(...)`: the first call overwrites NaN, the second one adds."""
    if case.name in ("matmul", "dropout_forward", "maxpool2d_forward", "conv2d_forward"):
        call = {
            "matmul": lambda a, b, bias, out=None: ops.matmul(a, b, out=out),
            "conv2d_forward": lambda x, w, b, out=None: ops.conv2d_forward(
                x, w[:, :, :, :4], strides=1, padding="same", groups=2, out=out
            ),
        }.get(case.name, case.call)
    else:
        call = case.call
    expected = results(call(*case.arrays.values()))[0]
    if expected.dtype.kind != "f":
        return  # masks and whole numbers have no gradients
    gradient = ops.Gradient(unwritten(expected))
    call(*case.arrays.values(), out=gradient)
    assert gradient.array.tobytes() == expected.tobytes()
    call(*case.arrays.values(), out=gradient)
    np.testing.assert_allclose(gradient.array, 2 * expected, rtol=1e-6, atol=1e-6)


def ops_reference():
    """float64 is the reference's alone; ask for it instead of falling to it."""
    from cnnlite.kernels.registry import using_backend

    return using_backend("reference")
