"""A plan whose arrays live in the memory of a device.

The arena is on the device.  What the plan reads of the host's, weights, slots, running
statistics, the rate, has a copy there that all plans share (:class:`Resident`).  A step sends
what the host changed, launches the kernels, and fetches the plan's outputs and the small
states that a progress bar shows; weights come home when somebody looks at them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from cnnlite.kernels.registry import device, kernel
from cnnlite.models.plan import Plan
from cnnlite.ops import Buffer, Parameter

SMALL = 4096  # bytes that are compared in less time than a copy to the device takes

_residents: WeakValueDictionary[tuple[str, int, int], Resident] = WeakValueDictionary()


class Resident:
    """The device's copy of an array of the host.

    Attributes
    ----------
    home : numpy.ndarray
        The host's array: the owner of its memory.
    bytes : array of the device
    is_ahead : bool
        The device has computed newer values.
    """

    def __init__(self, backend: str, home: np.ndarray) -> None:
        self._device = device(backend)
        self.home = home
        self.bytes = self._device.copy_of(_bytes_of(home))
        self.is_ahead = False
        self._sent: np.ndarray | None = home.copy() if home.nbytes <= SMALL else None
        self._may_differ = False
        self.parameter = Parameter.of(home)
        if self.parameter is not None:
            self.parameter.copy_elsewhere = self

    def bring_home(self) -> None:
        """Bring the host's values up to date, and expect them to be changed there."""
        if self.is_ahead:
            self._device.read(self.bytes, _bytes_of(self.home))
            self._device.finish()
            self.is_ahead = False
            if self._sent is not None:
                self._sent[...] = self.home
        self._may_differ = True

    def send(self) -> None:
        """Send what the host changed since."""
        if self.is_ahead:
            return
        if self._sent is not None:  # anybody may hold the array itself
            if self._sent.tobytes() == self.home.tobytes():
                return
            self._sent[...] = self.home
        elif not self._may_differ:
            return
        self._device.write(self.bytes, _bytes_of(self.home))
        self._may_differ = False


def bring_all_home() -> None:
    """Bring the host's arrays up to date, and expect a plan of the host to change them."""
    for resident in list(_residents.values()):
        resident.bring_home()


def _bytes_of(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1).view(np.uint8)


def _owner(array: np.ndarray) -> np.ndarray:
    """Return the array that owns the memory that this one views."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


class DevicePlan(Plan):
    """A plan whose arena is in the memory of the back end's device."""

    def __init__(self, backend: str) -> None:
        super().__init__(backend)
        self.where = backend
        self._residents: list[Resident] = []
        self._written: list[Resident] = []
        self._copies: list[tuple[np.ndarray, Any]] = []
        self._fetched: list[tuple[np.ndarray, Any]] = []
        self._launches: list[Callable[[], None]] = []

    def bind(self, memory: Any) -> None:
        """Make views into ``memory`` (bytes of the device), and copies of the host's arrays."""
        space = device(self.backend)
        views: dict[int, Any] = {}
        residents: dict[int, Resident] = {}
        written: dict[int, Resident] = {}

        def resident(array: np.ndarray) -> Resident:
            home = _owner(array)
            key = (self.backend, home.ctypes.data, home.nbytes)
            found = _residents.get(key)
            if found is None:
                found = _residents[key] = Resident(self.backend, home)
            residents[id(found)] = found
            return found

        def bound(value: Any, writes: bool = False) -> Any:
            if isinstance(value, list | tuple):
                return space.as_arrays([bound(v, writes) for v in value])
            if isinstance(value, np.ndarray):
                there = resident(value)
                if writes:
                    written[id(there)] = there
                start = value.ctypes.data - there.home.ctypes.data
                return space.view(there.bytes, start, value.shape, value.dtype)
            if type(value) is not Buffer:
                return value
            if id(value) not in views:
                start = self._lives[value.base].place()
                views[id(value)] = space.view(memory, start, value.shape, value.dtype)
            return views[id(value)]

        self._calls = [
            functools.partial(
                kernel(step.name, step.dtype, self.backend),
                *(bound(value, writes=True) for value in step.outputs),
                *map(bound, step.inputs),
                **step.params,
            )
            for step in self.steps
        ]
        staged = {
            name: (space.staging(buffer.shape, buffer.dtype), bound(buffer))
            for name, buffer in (*self.inputs.items(), *self.outputs.items())
        }
        self.arrays = {name: here for name, (here, _) in staged.items()}
        self._copies = [staged[name] for name in self.inputs]
        self._fetched = [staged[name] for name in self.outputs]
        self._residents, self._written = list(residents.values()), list(written.values())
        self.memory = memory

    def unbind(self) -> None:
        """Let go of the memory; :meth:`bind` must come before the next run."""
        super().unbind()
        self._residents, self._written, self._copies, self._fetched = [], [], [], []
        self._launches = []

    def run(self) -> None:
        """Replay the steps on what the input arrays hold now."""
        space = device(self.backend)
        for here, there in self._copies:
            space.write(there, here)
        for resident in self._residents:
            resident.send()
        with space.driver_errors("a network's step"):
            self._launch()
            for resident in self._written:
                resident.is_ahead = True
            for here, there in self._fetched:
                space.read(there, here)
            for resident in self._written:
                if resident.parameter is None:
                    resident.bring_home()
            space.finish()

    def _launch(self) -> None:
        """Run the operations; after the first time only what they have launched."""
        if self._launches:
            for launch in self._launches:
                launch()
            return
        with device(self.backend).kept_launches() as launches:
            for call in self._calls:
                call()
        self._launches = launches
