"""What one node of the graph keeps in one step, between ``call`` and ``backward``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnlite import ops
from cnnlite.ops import Buffer, Gradient, Parameter
from cnnlite.random_state import next_seed, splitmix64

if TYPE_CHECKING:
    from cnnlite.layers.base import Layer

_DRAWS = 256  # streams of random numbers that one node may use in a step


class Clock:
    """The seeds and the step number that a model's random operations read.

    Each is a (2,) uint64 array whose address never changes, so that a plan reads
    the step of the day.  A layer with a seed of its own has an array of its own.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._arrays: dict[int | None, np.ndarray] = {None: ops.clock(seed)}

    def array(self, seed: int | None) -> np.ndarray:
        """Return the array for the model's seed (None) or a layer's own."""
        if seed not in self._arrays:
            self._arrays[seed] = ops.clock(splitmix64(seed or 0), self.step)
        return self._arrays[seed]

    @property
    def step(self) -> int:
        return int(self._arrays[None][1])

    @step.setter
    def step(self, value: int) -> None:
        for array in self._arrays.values():
            array[1] = value


class StepState:
    """What the nodes of one step share: the gradients so far and the clock."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = Clock(next_seed()) if clock is None else clock
        self._gradients: dict[int, Gradient] = {}

    def gradient(self, parameter: Parameter) -> Gradient:
        """Return where the gradient of ``parameter`` goes, made on first use."""
        found = self._gradients.get(id(parameter))
        if found is None:
            make: Any = Buffer if ops.is_recording() else np.empty
            found = Gradient(make(parameter.shape, parameter.dtype))
            self._gradients[id(parameter)] = found
        return found

    def gradients(self, parameters: Iterable[Parameter]) -> list[Any]:
        """Return the gradient arrays of ``parameters``, all of them written.

        Raises
        ------
        ValueError
            If the layer of one of them wrote none.
        """
        found = []
        for parameter in parameters:
            gradient = self._gradients.get(id(parameter))
            if gradient is None or not gradient.accumulate:
                raise ValueError(
                    f"{parameter.name}: its layer's backward wrote no gradient. Pass "
                    "out=ctx.grad(weight) to an operation there, or make the weight with "
                    "trainable=False."
                )
            found.append(gradient.array)
        return found


class Context:
    """What one node keeps in one step; a layer used twice gets two.

    Attributes
    ----------
    saved : tuple
        What ``call`` gave to :meth:`save`, for ``backward``.
    needs_dx : bool
        Whether anyone wants the gradient of the node's input.

    Examples
    --------
    >>> from cnnlite.layers.context import Context
    >>> ctx = Context()
    >>> ctx.save(1, 2)
    >>> ctx.saved
    (1, 2)
    """

    def __init__(self, step: StepState | None = None, node: int = 0, needs_dx: bool = True) -> None:
        self.step = StepState() if step is None else step
        self.needs_dx = needs_dx
        self.saved: tuple = ()
        self._node = node
        self._draws = [0]  # shared with children: streams are counted per node

    def save(self, *values: Any) -> None:
        """Keep ``values`` for ``backward``."""
        self.saved = values

    def grad(self, parameter: Parameter) -> Gradient:
        """Return where the gradient of ``parameter`` goes; pass it as ``out=``."""
        return self.step.gradient(parameter)

    def draw(self, seed: int | None = None) -> dict[str, Any]:
        """Return the ``clock`` and ``stream`` arguments of the node's next random draw."""
        self._draws[0] += 1
        if self._draws[0] > _DRAWS:
            raise ValueError(f"a node draws random numbers over {_DRAWS} times in one step.")
        stream = self._node * _DRAWS + self._draws[0] - 1
        return {"clock": self.step.clock.array(seed), "stream": stream}

    def child(self, layer: Layer) -> Context:
        """Return a new context for one call of a sublayer; keep it for ``backward``."""
        made = Context(self.step, self._node)
        made._draws = self._draws
        return made
