"""What recurrent networks share: a launch for each step, which multiplies and goes on at once.

A step needs what all blocks of threads have computed in the step before, and blocks wait for
each other between launches alone.  So each step is a launch, which multiplies the state with
the weights of all gates and, with the sums still at hand, computes gates and new state.  Back
through time it is a launch as well: it multiplies the sums' gradients that the launch of the
later step has left with the turned weights, which makes the state's gradient, and computes its
own step's.  A last launch makes the gradient of the initial state.

A launch costs the host about what the step costs the device, and more with each argument.  So
what is not given is an empty tuple, which costs nothing, to a kernel that is made without it;
and arrays are passed whole, with the step's number.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numba import cuda

from cnnlite.kernels.cuda.elementwise import FUNCTIONS, STEPS
from cnnlite.kernels.cuda.launching import device_function, kernel
from cnnlite.kernels.cuda.memory import flat, given, scratch
from cnnlite.kernels.cuda.recurrent_product import THREADS, Kind
from cnnlite.kernels.cuda.vectors import load, store

__all__ = [
    "activation", "activation_gradient", "copy", "each_step", "masking", "nothing", "optional",
    "repeated_of", "step_of", "turned",
]  # fmt: skip


@device_function
def nothing(*_):
    """Stand for what a kernel is made without."""


@device_function
def step_of(s, steps, backwards):
    """Return the step of the input that is computed as number s."""
    return steps - 1 - s if backwards else s


class Masking(NamedTuple):
    """What a step does for sequences that have it, and for those that do not.

    ``used(mask, n, t)``; ``show(y, n, s, u, h, use)`` writes an output; ``reached(repeated, dy,
    n, s, steps, u, use)`` returns the gradient that comes by y.
    """

    used: Callable
    show: Callable
    reached: Callable


@device_function
def _always(mask, n, t):
    return True


@device_function
def _used(mask, n, t):
    return mask[n, t] != 0


@device_function
def _show(y, n, s, u, h, use):
    y[n, min(s, y.shape[1] - 1), u] = h


@device_function
def _show_zero(y, n, s, u, h, use):
    y[n, min(s, y.shape[1] - 1), u] = h if use else y.dtype.type(0)


@device_function
def _show_again(y, n, s, u, h, use):
    last = y.shape[1] - 1
    if not use:
        h = y[n, min(s - 1, last), u] if s > 0 else y.dtype.type(0)
    y[n, min(s, last), u] = h


@device_function
def _of_output(dy, n, s, steps, u):
    if dy.size and (dy.shape[1] == steps or s == steps - 1):
        return dy[n, min(s, dy.shape[1] - 1), u]
    return dy.dtype.type(0)


@device_function
def _reached(repeated, dy, n, s, steps, u, use):
    return _of_output(dy, n, s, steps, u) if use else dy.dtype.type(0)


@device_function
def _reached_again(repeated, dy, n, s, steps, u, use):
    """Return the gradient; where a step is left out, keep it for the one that was repeated."""
    total = _of_output(dy, n, s, steps, u)
    if s < steps - 1:
        total += repeated[n, u]
    zero = dy.dtype.type(0)
    repeated[n, u] = zero if use else total
    return total if use else zero


def masking(kind: Kind) -> Masking:
    """Return what the kernels do about the mask, if there is one."""
    if not kind.masked:
        return Masking(_always, _show, _reached)
    if kind.zero:
        return Masking(_used, _show_zero, _reached)
    return Masking(_used, _show_again, _reached_again)


@functools.cache
def activation(name: str | None) -> Callable:
    """Return ``f(x)``; None is the linear function."""
    if name is None:
        return device_function(lambda x: x)
    value = device_function(FUNCTIONS[name][0])
    return device_function(lambda x: value(x, ()))


@functools.cache
def activation_gradient(name: str | None) -> Callable:
    """Return ``f(dy, y)``, the gradient of x where y is ``activation(name)`` of it."""
    if name is None:
        return device_function(lambda dy, _: dy)
    slope, step = device_function(FUNCTIONS[name][1]), name in STEPS

    @device_function
    def gradient(dy, y):
        by = slope(y, ())
        return by if step and by == 0 else by * dy

    return gradient


def optional(array: Any) -> Any:
    """Return what stands for an array in a launch: an empty tuple for None."""
    return () if array is None else array


def repeated_of(kind: Kind, h: Any) -> Any:
    """Return room for the gradients of outputs that are repeated, where any are."""
    return scratch(h.shape, h.dtype) if kind.masked and not kind.zero else ()


def each_step(order: Iterable[int], kind: Kind, h: Any, *launches: tuple[Any, tuple]) -> None:
    """Launch kernels (kernel, arguments) with each step's number, for states like h (N, U)."""
    if not h.size:
        return
    rows, units = h.shape
    blocks = (-(-rows // kind.tile.rows), -(-units // kind.tile.units))
    for s in order:
        for step, arguments in launches:
            step.launch(blocks, THREADS, *arguments, s)


@kernel
def _copy(to, start, of, begin, count):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        to[start + i] = of[begin + i] if of.size else to.dtype.type(0)


def copy(to: Any, start: int, of: Any, begin: int, count: int) -> None:
    """Copy so many elements, or zeros where ``of`` is None."""
    _copy.over(count, flat(to), start, flat(given(of, to.dtype)), begin, count)


@kernel
def _turn(to, of, columns):
    rows = of.size // columns
    for i in range(cuda.grid(1), of.size, cuda.gridsize(1)):
        store(to, i, load(of, i % rows * columns + i // rows))


def turned(weights: Any) -> Any:
    """Return the transpose (G U, U) of the weights of all gates."""
    rows, columns = weights.shape
    to = scratch((columns, rows), np.dtype(weights.dtype))
    _turn.over(weights.size, to, weights, columns)
    return to
