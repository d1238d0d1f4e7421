"""Cases small enough for the simulator, where an element takes a microsecond and more."""

from __future__ import annotations

import numpy as np

from bench.case import Case
from bench.cases import EDGES
from tests.comparison import leaves, seeded

LARGEST = 600  # elements in all arrays of a case
EACH = 8  # cases of an operation


def size(case: Case) -> int:
    arguments = case.arguments(seeded(case), np.float32)
    return sum(a.size for a in leaves([*arguments.outputs, *arguments.inputs]))


def small_cases() -> list[Case]:
    """Return some cases of every operation, spread over its options: one in so many."""
    by_operation: dict[str, list[Case]] = {}
    for case in EDGES:
        by_operation.setdefault(case.operation, []).append(case)
    chosen = []
    for cases in by_operation.values():
        sized = [(size(case), case) for case in cases]
        small = [case for n, case in sized if n <= LARGEST] or [min(sized, key=lambda x: x[0])[1]]
        chosen += small[:: -(-len(small) // EACH)]
    return chosen
