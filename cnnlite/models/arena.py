"""The one block of memory in which all plans of a model work."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from cnnlite.kernels.registry import device
from cnnlite.models.device_plan import bring_all_home
from cnnlite.models.plan import Plan

MAX_PLANS = 8  # the least recently used goes


class Arena:
    """Keeps a model's plans and the memory that they share.

    Nothing in it survives from one run to the next, so plans of any shapes use
    the same bytes.  It grows to the largest plan; a plan bound to memory that has
    since been replaced is bound anew when next used.
    """

    def __init__(self) -> None:
        self._memories: dict[str | None, Any] = {}  # of the host (None) and of devices
        self._plans: OrderedDict[Hashable, Plan] = OrderedDict()

    def plan(self, key: Hashable, make: Callable[[], Plan]) -> Plan:
        """Return the bound plan for ``key``, recording it if there is none."""
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = make()
            while len(self._plans) > MAX_PLANS:
                self._plans.popitem(last=False)
        self._plans.move_to_end(key)
        memory = self._memories.get(plan.where)
        if memory is None or plan.nbytes > memory.nbytes:
            for other in self._plans.values():
                if other.where == plan.where:
                    other.unbind()  # its views would keep the old memory
            del memory
            self._memories.pop(plan.where, None)
            memory = self._memories[plan.where] = _allocated(plan.nbytes, plan.where)
        if plan.memory is not memory:
            plan.bind(memory)
        if plan.where is None:  # it reads and writes weights that a device may have newer ones of
            bring_all_home()
        return plan

    def clear(self) -> None:
        """Forget every plan and give the memory back."""
        self.__init__()  # type: ignore[misc]

    @property
    def nbytes(self) -> int:
        """Size of the memory, in bytes."""
        return sum(memory.nbytes for memory in self._memories.values())


def _allocated(nbytes: int, where: str | None) -> Any:
    """Return uninitialised bytes of the host or of a device."""
    return _aligned(nbytes) if where is None else device(where).empty(nbytes)


def _aligned(nbytes: int) -> np.ndarray:
    """Return uninitialised bytes that start at a multiple of 64."""
    raw = np.empty(nbytes + 64, dtype=np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + nbytes]
