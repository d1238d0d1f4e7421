"""Several cells as one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from cnnlite.layers.base import Layer
from cnnlite.layers.context import Context
from cnnlite.ops.core import Tensor


def flat_sizes(state_size: Any, where: str) -> list[int]:
    """Return a cell's state_size, an int or nested lists of them, as one list."""
    if isinstance(state_size, int) and not isinstance(state_size, bool):
        return [state_size]
    if not isinstance(state_size, list | tuple):
        raise TypeError(
            f"{where}: a cell needs state_size, an integer or a list of them. Got {state_size!r}."
        )
    return [n for size in state_size for n in flat_sizes(size, where)]


def in_form(state_size: Any, values: Sequence[Any]) -> list[Any]:
    """Return states, one after another, in the form of a cell's state_size.

    Examples
    --------
    >>> in_form([[4, 4], 3], ["h", "c", "s"])
    [['h', 'c'], 's']
    """
    left = iter(values)

    def pack(size: Any) -> Any:
        return [pack(s) for s in size] if isinstance(size, list | tuple) else next(left)

    return pack(state_size if isinstance(state_size, list | tuple) else [state_size])


def flat_states(value: Any) -> list[Any]:
    """Return the tensors in nested lists of states."""
    if isinstance(value, list | tuple):
        return [state for v in value for state in flat_states(v)]
    return [value]


class StackedRNNCells(Layer):
    """Several cells as one: each takes the output of the one before it.

    Parameters
    ----------
    cells : list of cells

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> cells = layers.StackedRNNCells([layers.LSTMCell(4), layers.GRUCell(3)])
    >>> cells.state_size, layers.RNN(cells)(np.ones((1, 2, 5), "float32")).shape
    ([[4, 4], 3], (1, 3))
    """

    several_inputs = True

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(cells, list | tuple) or not cells:
            raise ValueError(f"{self.name}: cells must be a list of cells. Got {cells!r}.")
        self.cells = list(cells)
        for cell in self.cells:
            if not isinstance(cell, Layer):
                raise TypeError(f"{self.name}: a cell must be a layer. Got {cell!r}.")
            flat_sizes(getattr(cell, "state_size", None), self.name)

    @property
    def state_size(self) -> list[Any]:
        """The cells' sizes, in a list."""
        return [cell.state_size for cell in self.cells]  # type: ignore[attr-defined]

    @property
    def output_size(self) -> int:
        """That of the last cell."""
        return self._output_size(self.cells[-1])

    def _output_size(self, cell: Any) -> int:
        return getattr(cell, "output_size", None) or flat_sizes(cell.state_size, self.name)[0]

    def _features(self, features: int) -> list[int]:
        """Return the features that each cell is given."""
        return [features, *(self._output_size(cell) for cell in self.cells[:-1])]

    def build(self, input_shape: Any) -> None:
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        for cell, features in zip(self.cells, self._features(shape[-1]), strict=True):
            cell.ensure_built((shape[0], features))

    def dropout_masks(self, n: int, features: int, ctx: Context, training: bool) -> list[Any]:
        """Return the masks of each cell that has them, else None."""
        return [
            cell.dropout_masks(n, size, ctx, training) if hasattr(cell, "dropout_masks") else None
            for cell, size in zip(self.cells, self._features(features), strict=True)
        ]

    def _parts(self, values: list[Any]) -> list[list[Any]]:
        """Cut the states of all cells into those of each."""
        counts = [len(flat_sizes(cell.state_size, self.name)) for cell in self.cells]  # type: ignore[attr-defined]
        places = [sum(counts[:k]) for k in range(len(counts) + 1)]
        return [values[a:b] for a, b in pairwise(places)]

    def call(  # type: ignore[override]
        self, x: Any, *, ctx: Context, training: bool = False, masks: list[Any] | None = None
    ) -> list[Tensor]:
        step, *states = x
        if masks is None:
            masks = self.dropout_masks(step.shape[0], step.shape[-1], ctx, training)
        children, found = [], []
        for cell, own, mask in zip(self.cells, self._parts(states), masks, strict=True):
            child = ctx.child(cell)
            given = {} if mask is None else {"masks": mask}
            step, *new = child.call([step, *own], training=training, **given)
            children.append(child)
            found += new
        ctx.save(children)
        return [step, *found]

    def backward(self, dy: Any, *, ctx: Context) -> list[Any]:
        (children,) = ctx.saved
        d, *states = dy
        found: list[Any] = []
        for child, own in zip(reversed(children), reversed(self._parts(states)), strict=True):
            d, *before = child.backward([d, *own])
            found = [*before, *found]
        return [d, *found]

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        sizes = flat_sizes(self.state_size, self.name)
        return [(shape[0], self.output_size), *((shape[0], size) for size in sizes)]

    def multiply_adds(self, input_shape: Any) -> int:
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        features = self._features(shape[-1])
        return sum(
            c.multiply_adds((shape[0], f)) for c, f in zip(self.cells, features, strict=True)
        )
