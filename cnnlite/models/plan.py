"""Plans: a model's operations for one batch shape, recorded once and replayed.

While a plan records, every operation of :mod:`cnnlite.ops` appends a step.  Then

1. passes rewrite the steps (fuse pairs of operations, drop dead ones),
2. :meth:`Plan.lay_out` finds when each buffer is alive and gives it an offset in
   the arena, so that buffers that are never alive together share memory,
3. :meth:`Plan.bind` makes views into a given arena and one call per step.

From then on a step costs one Python call.  Layers know nothing of all this.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnlite import ops
from cnnlite.config import flag
from cnnlite.kernels.registry import device, get_backend, kernel, offers
from cnnlite.models import passes
from cnnlite.ops import Buffer

ALIGNMENT = 64  # bytes: a cache line, and the widest vector


@dataclass(eq=False)  # a step is itself alone; comparing would compare its arrays
class Step:
    """One recorded call of a kernel."""

    name: str
    dtype: np.dtype
    outputs: tuple
    inputs: tuple
    params: dict[str, Any]


def arrays_in(values: tuple) -> Iterator[Any]:
    """Yield the arrays and buffers among a step's arguments, sequences opened."""
    for value in values:
        if isinstance(value, list | tuple):
            yield from value
        elif value is not None:
            yield value


class Plan:
    """A recorded sequence of operations.

    Attributes
    ----------
    inputs, outputs : dict of str to Buffer
        What the caller fills before :meth:`run` and reads after it.
    nbytes : int
        Size of the arena that the plan needs, in bytes, once laid out.
    arrays : dict of str to numpy.ndarray
        The inputs and outputs as views into the arena, once bound.  They are
        overwritten by the next run: copy what leaves the model.
    """

    def __init__(self, backend: str) -> None:
        self.backend = backend
        self.where: str | None = None  # the device that its memory is on; None: the host
        self.steps: list[Step] = []
        self.inputs: dict[str, Buffer] = {}
        self.outputs: dict[str, Buffer] = {}
        self.nbytes = 0
        self.arrays: dict[str, np.ndarray] = {}
        self.memory: np.ndarray | None = None
        self._calls: list[Callable[[], None]] = []
        self._lives: dict[Buffer, Life] = {}
        self._poisoned = False

    def append(
        self, name: str, dtype: np.dtype, outputs: tuple, inputs: tuple, params: dict[str, Any]
    ) -> None:
        """Record one call; the operations of :mod:`cnnlite.ops` do it."""
        self.steps.append(Step(name, dtype, outputs, inputs, params))

    def input(self, name: str, shape: tuple[int, ...], dtype: Any) -> Buffer:
        """Declare an array that the caller fills before each run."""
        self.inputs[name] = buffer = Buffer(shape, dtype)
        return buffer

    def output(self, name: str, buffer: Any) -> None:
        """Declare an array that the caller reads after each run."""
        self.outputs[name] = buffer

    def finish(self) -> None:
        """End the recording: run the passes and place the buffers."""
        kept = {b.base for b in self.outputs.values()}
        passes.fuse_softmax_crossentropy(self.steps, kept)
        passes.mask_before_unpooling(self.steps, kept)
        passes.fuse_relu_into_batchnorm(self.steps, kept)
        if offers(self.backend, "conv2d_batchnorm"):
            passes.fuse_batchnorm_into_conv(self.steps, kept)
        passes.drop_dead(self.steps, kept)
        self.lay_out()

    def lay_out(self) -> None:
        """Give every buffer a place in the arena by the time it is alive."""
        pinned = {b.base for b in (*self.inputs.values(), *self.outputs.values())}
        last = len(self.steps)
        lives = {b.base: Life(b.base, 0, last) for b in self.inputs.values()}
        for index, step in enumerate(self.steps):
            for array in arrays_in((*step.outputs, *step.inputs)):
                if type(array) is Buffer:
                    life = lives.setdefault(array.base, Life(array.base, index, index))
                    life.end = max(life.end, index)
        for buffer in self.outputs.values():
            lives[buffer.base].end = last
        passes.work_in_place(self.steps, lives, pinned)
        self.nbytes = place([life for life in lives.values() if life.host is None])
        self._lives = lives

    def bind(self, memory: np.ndarray) -> None:
        """Make views into ``memory`` (bytes) and the list of calls that run() makes."""
        views: dict[int, Any] = {}

        def bound(value: Any) -> Any:
            if isinstance(value, list | tuple):
                return [bound(v) for v in value]
            if type(value) is not Buffer:
                return value
            if id(value) not in views:
                start = self._lives[value.base].place()
                raw = memory[start : start + value.nbytes]
                views[id(value)] = raw.view(value.dtype).reshape(value.shape)
            return views[id(value)]

        self._calls = [
            functools.partial(
                kernel(step.name, step.dtype, self.backend),
                *map(bound, step.outputs),
                *map(bound, step.inputs),
                **step.params,
            )
            for step in self.steps
        ]
        self.arrays = {k: bound(b) for k, b in (*self.inputs.items(), *self.outputs.items())}
        self.memory, self._poisoned = memory, flag("CNNLITE_POISON")

    def unbind(self) -> None:
        """Let go of the memory; :meth:`bind` must come before the next run."""
        self._calls, self.arrays, self.memory = [], {}, None

    def run(self) -> None:
        """Replay the steps on what the input arrays hold now."""
        if self._poisoned:
            self._run_poisoned()
            return
        for call in self._calls:
            call()

    def _run_poisoned(self) -> None:
        """Run with NaN in every buffer that is not yet written or no longer alive.

        Bytes of 0xFF are NaN as floats, 255 and -1 as integers.
        """
        assert self.memory is not None
        hosts = [life for life in self._lives.values() if life.host is None]
        inputs = {buffer.base for buffer in self.inputs.values()}
        fresh = np.full_like(self.memory, 0xFF)
        for life in hosts:
            if life.buffer in inputs:
                fresh[life.span()] = self.memory[life.span()]
        self.memory[...] = fresh
        for index, call in enumerate(self._calls):
            call()
            for life in hosts:
                if life.end == index:
                    self.memory[life.span()] = 0xFF

    @property
    def operations(self) -> list[str]:
        """The names of the recorded kernels, in order."""
        return [step.name for step in self.steps]


@dataclass
class Life:
    """From which step to which a buffer is alive, and where in the arena it lies."""

    buffer: Buffer
    start: int
    end: int
    offset: int = 0
    host: Life | None = None  # the life whose memory this one works in, in place

    def __post_init__(self) -> None:
        self.nbytes = self.buffer.nbytes

    def place(self) -> int:
        return self.offset if self.host is None else self.host.place()

    def span(self) -> slice:
        return slice(self.offset, self.offset + self.nbytes)


def place(lives: list[Life]) -> int:
    """Set each life's offset so that no two alive together overlap; return the size.

    Greedy by size: the largest first, each at the lowest offset that is free for
    the whole of its life (Pisarchyk and Lee 2020, "greedy by size").
    """
    placed: list[Life] = []
    total = 0
    for life in sorted(lives, key=lambda item: -item.buffer.nbytes):
        offset = 0
        neighbours = (p for p in placed if p.start <= life.end and life.start <= p.end)
        for other in sorted(neighbours, key=lambda item: item.offset):
            if offset + life.nbytes <= other.offset:
                break
            offset = max(offset, -(-(other.offset + other.nbytes) // ALIGNMENT) * ALIGNMENT)
        life.offset = offset
        placed.append(life)
        total = max(total, offset + life.nbytes)
    return total


def record(function: Callable[[Plan], None], backend: str | None = None) -> Plan:
    """Return the finished plan of the operations that ``function`` calls.

    It runs on ``backend``, or the one in use now, also where another is in use later.
    """
    backend = backend or get_backend()
    if device(backend) is None:
        plan = Plan(backend)
    else:
        from cnnlite.models.device_plan import DevicePlan  # which is a Plan

        plan = DevicePlan(backend)
    with ops.recording(plan):
        function(plan)
    plan.finish()
    return plan


class EagerPlan:
    """Stands in for a plan where a layer computes outside of operations: runs all anew."""

    nbytes = 0
    where = None

    def __init__(self, program: Callable[[Any], None], inputs: dict[str, np.ndarray]) -> None:
        self.arrays = inputs
        self.memory: np.ndarray | None = None
        self._program = program

    def bind(self, memory: np.ndarray) -> None:
        self.memory = memory

    def unbind(self) -> None:
        self.memory = None

    def input(self, name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        return self.arrays[name]

    def output(self, name: str, array: Any) -> None:
        self.arrays[name] = array

    def run(self) -> None:
        self._program(self)
