"""The one block of memory in which all plans of a model work."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np

from cnnlite.models.plan import Plan

MAX_PLANS = 8  # the least recently used goes


class Arena:
    """Keeps a model's plans and the memory that they share.

    Nothing in it survives from one run to the next, so plans of any shapes use
    the same bytes.  It grows to the largest plan; a plan bound to memory that has
    since been replaced is bound anew when next used.
    """

    def __init__(self) -> None:
        self._memory = _aligned(0)
        self._plans: OrderedDict[Hashable, Plan] = OrderedDict()

    def plan(self, key: Hashable, make: Callable[[], Plan]) -> Plan:
        """Return the bound plan for ``key``, recording it if there is none."""
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = make()
            while len(self._plans) > MAX_PLANS:
                self._plans.popitem(last=False)
        self._plans.move_to_end(key)
        if plan.nbytes > self._memory.nbytes:
            for other in self._plans.values():
                other.unbind()  # its views would keep the old memory
            self._memory = _aligned(plan.nbytes)
        if plan.memory is not self._memory:
            plan.bind(self._memory)
        return plan

    def clear(self) -> None:
        """Forget every plan and give the memory back."""
        self.__init__()  # type: ignore[misc]

    @property
    def nbytes(self) -> int:
        """Size of the memory, in bytes."""
        return self._memory.nbytes


def _aligned(nbytes: int) -> np.ndarray:
    """Return uninitialised bytes that start at a multiple of 64."""
    raw = np.empty(nbytes + 64, dtype=np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + nbytes]
