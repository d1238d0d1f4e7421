"""Where the elements of a result lie in two arrays that other steps lead through.

A thread knows the number of its element in the result; where it finds what belongs to it
follows axis by axis, from a table of the axes' lengths and of the steps along them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from cnnlite.kernels.cuda.indices import Divisor, divided, divisor
from cnnlite.kernels.cuda.launching import device_function
from cnnlite.kernels.cuda.memory import numbers

__all__ = ["Axis", "broadcast", "merged", "table", "walked"]

Axis = tuple[int, int, int]  # length, steps in the first and in the second array


def merged(axes: Iterable[Axis]) -> list[Axis]:
    """Return the axes, the last one first, with neighbours that both arrays go through as one."""
    found: list[Axis] = []
    for length, first, second in reversed(list(axes)):
        if found and (first, second) == (found[-1][0] * found[-1][1], found[-1][0] * found[-1][2]):
            found[-1] = (found[-1][0] * length, *found[-1][1:])
        elif length != 1:
            found.append((length, first, second))
    return found


def table(axes: Iterable[Axis]) -> Any:
    """Return such axes as an array of the device."""
    return numbers(*(n for length, *steps in axes for n in (*divisor(length), *steps)))


@device_function
def walked(at, table):
    """Return where element ``at`` lies in both arrays: there as here, if the table is empty."""
    if not table.size:
        return at, at
    first = second = 0
    for n in range(0, table.size, 5):
        outer, place = divided(at, Divisor(table[n], table[n + 1], table[n + 2]))
        first += place * table[n + 3]
        second += place * table[n + 4]
        at = outer
    return first, second


@functools.lru_cache(4096)
def broadcast(shape: tuple[int, ...], a: tuple[int, ...], b: tuple[int, ...]) -> Any:
    """Return the table of two arrays of these shapes, repeated to the shape of the result."""
    axes: list[Axis] = []
    step_a = step_b = 1
    for back in range(1, len(shape) + 1):
        of_a = a[-back] if back <= len(a) else 1
        of_b = b[-back] if back <= len(b) else 1
        axes.append((shape[-back], step_a * (of_a > 1), step_b * (of_b > 1)))
        step_a, step_b = step_a * of_a, step_b * of_b
    found = merged(reversed(axes))
    return table([] if [steps for _, *steps in found] == [[1, 1]] else found)
