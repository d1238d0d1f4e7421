"""Under a recorder, operations compute nothing and give buffers of the right shapes."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from cnnlite import ops
from cnnlite.errors import DtypeError, ShapeError
from cnnlite.models.plan import record
from tests.ops.case import Case, assert_same_bits, results
from tests.ops.cases import CASES

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


class Recorder:
    """Keeps what operations append."""

    def __init__(self) -> None:
        self.steps: list[tuple] = []

    def append(self, *step: Any) -> None:
        self.steps.append(step)


def planned(case: Case, constants: tuple[str, ...] = ()) -> list[np.ndarray]:
    """Return what a plan of this one operation computes; ``constants`` are baked in."""

    def program(plan: Any) -> None:
        given = {
            k: a if k in constants else plan.input(k, a.shape, a.dtype)
            for k, a in case.arrays.items()
        }
        for i, result in enumerate(results(case.call(*given.values()))):
            plan.output(str(i), result)

    plan = record(program)
    plan.bind(np.full(plan.nbytes, 0xFF, np.uint8))
    for name, array in case.arrays.items():
        if name not in constants:
            plan.arrays[name][...] = array
    plan.run()
    return [plan.arrays[str(i)].copy() for i in range(len(plan.outputs))]


@every_case
def test_buffers_have_the_shapes_of_the_results(case: Case):
    """Recorded, an operation gives buffers that look like the arrays it gives eagerly."""
    recorder = Recorder()
    buffers = [ops.Buffer(a.shape, a.dtype) for a in case.arrays.values()]
    with ops.recording(recorder):
        recorded = results(case.call(*buffers))
    assert recorder.steps
    for buffer, array in zip(recorded, results(case.call(*case.arrays.values())), strict=True):
        assert type(buffer) is ops.Buffer
        assert (buffer.shape, buffer.dtype, buffer.ndim) == (array.shape, array.dtype, array.ndim)
        assert (buffer.size, buffer.nbytes) == (array.size, array.nbytes)


@every_case
def test_a_plan_of_one_operation_gives_its_bits(case: Case):
    """Recording, placing and replaying an operation changes no bit of its result."""
    expected = results(case.call(*case.arrays.values()))
    assert_same_bits(planned(case), expected)
    for name in case.arrays:
        if len(case.arrays) > 1:
            assert_same_bits(planned(case, constants=(name,)), expected)


@every_case
def test_recording_checks_as_eager_calls_do(case: Case):
    """A buffer of the wrong dtype or rank is refused while recording."""
    for name, array in case.arrays.items():
        for bad, expected in (
            (ops.Buffer(array.shape, np.complex64), DtypeError),
            (ops.Buffer((1, 1, 1, *array.shape), array.dtype), ShapeError),
        ):
            if expected is ShapeError and (len(case.arrays) == 1 and array.ndim < 4):
                continue  # any rank will do
            if expected is ShapeError and name in case.any_rank:
                continue
            buffers = [
                bad if k == name else ops.Buffer(a.shape, a.dtype) for k, a in case.arrays.items()
            ]
            with ops.recording(Recorder()), pytest.raises(expected) as error:
                case.call(*buffers)
            assert str(error.value).startswith(case.where)


def test_a_buffer_refuses_numpy():
    """NumPy on a buffer says what to do instead of computing on nothing."""
    with pytest.raises(TypeError, match="dynamic = True"):
        np.add(ops.Buffer((2,), "float32"), 1)


def test_views_share_their_base():
    """reshape of a buffer is a view: another shape, the same memory, no step."""
    recorder = Recorder()
    with ops.recording(recorder):
        buffer = ops.Buffer((2, 6), "float32")
        seen = ops.reshape(ops.reshape(buffer, (3, 4)), (-1,))
    assert seen.shape == (12,) and seen.base is buffer and not recorder.steps


def test_recording_ends_with_its_block_and_stays_in_its_thread():
    """An error ends it too; another thread computes meanwhile; None suspends it."""
    assert not ops.is_recording()
    seen = []
    with pytest.raises(ZeroDivisionError), ops.recording(Recorder()):
        assert ops.is_recording()
        thread = threading.Thread(target=lambda: seen.append((ops.is_recording(), ops.relu([1]))))
        thread.start()
        thread.join()
        with ops.recording(None):
            assert ops.relu([-1, 2]).tolist() == [0, 2]
        assert ops.is_recording()
        raise ZeroDivisionError
    assert not ops.is_recording()
    assert seen[0][0] is False and seen[0][1].tolist() == [1]


def test_the_rate_and_the_step_are_read_on_every_replay():
    """What changes per step stands in arrays that a plan reads anew."""
    weight, rate, steps = np.ones(2, "float32"), np.full(1, 0.5), np.ones(1, np.int64)
    moments, variances = np.zeros(2, "float32"), np.zeros(2, "float32")
    clock = ops.clock(seed=1, step=1)

    def program(plan: Any) -> None:
        ops.update("sgd", [weight], [np.ones(2, "float32")], rate)
        ones = np.ones(2, "float32")
        slots = {"momentum": [moments], "velocity": [variances]}
        betas = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
        ops.update("adam", [ones], [np.ones(2, "float32")], rate, steps, slots=slots, **betas)
        plan.output("u", ops.random_uniform((4,), clock=clock))

    plan = record(program)
    plan.bind(np.zeros(plan.nbytes, np.uint8))
    plan.run()
    first = plan.arrays["u"].copy()
    assert weight.tolist() == [0.5, 0.5]
    rate[0], clock[1] = 0.25, 2
    plan.run()
    assert weight.tolist() == [0.25, 0.25]
    assert plan.arrays["u"].tobytes() != first.tobytes()
    assert plan.arrays["u"].tobytes() == ops.random_uniform((4,), clock=clock).tobytes()
