"""Recurrent layers of any cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnlite import ops
from cnnlite.errors import ShapeError
from cnnlite.layers.base import Layer
from cnnlite.layers.context import Context
from cnnlite.layers.rnn_stacked import StackedRNNCells, flat_sizes, flat_states, in_form
from cnnlite.ops.core import Tensor


def cut_steps(x: Tensor) -> list[Tensor]:
    """Cut (N, T, ...) into T arrays (N, ...)."""
    n, t = x.shape[:2]
    pieces = ops.split(x, [1] * t, axis=1) if t else []
    return [ops.reshape(piece, (n, *x.shape[2:])) for piece in pieces]


def join_steps(steps: Sequence[Tensor]) -> Tensor:
    """Join T arrays (N, ...) into (N, T, ...)."""
    rows = [ops.reshape(s, (s.shape[0], 1, *s.shape[1:])) for s in steps]
    return ops.concatenate(rows, axis=1)


def select(use: Any, new: Tensor, old: Tensor | None) -> Tensor:
    """Return new where a step counts, else old (None: 0).  ``use``: a mask and its opposite."""
    kept = ops.where(use[0], new, 0.0)
    return kept if old is None else ops.add(kept, ops.where(use[1], old, 0.0))


def total(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    """Return a + b, where None is 0."""
    return b if a is None else a if b is None else ops.add(a, b)


class RNN(Layer):
    """Apply a cell to every step of a sequence, (N, T, ...).

    A cell is a layer with ``state_size``, an integer or a list of them, and ``output_size``
    if that is not the first of them.  It is written in one of two ways:

    - of layers alone, as in Keras: ``call(self, inputs, states)``, inputs being (N, ...)
      and states a list, returns ``output, [new_state, ...]``.  It needs no ``backward``.
    - with operations: ``call(self, x, *, ctx, training=False)`` takes ``[inputs, *states]``
      and returns ``[output, *new_states]``; ``backward(self, dy, *, ctx)`` takes the
      gradients of these (None for 0) and returns those of ``[inputs, *states]``.

    Parameters
    ----------
    cell : Layer or list of layers
        A list is stacked: :class:`StackedRNNCells`.
    return_sequences : bool
        Return the outputs of all steps (N, T, units), else the last, (N, units).
    return_state : bool
        Return a list: the output, then the final state part by part; the parts of a
        stacked cell in a list of their own, ``output, [h, c], other``.
    go_backwards : bool
        From the last step to the first; outputs come in this order.
    stateful : bool
        Start each batch from the final state of the one before; :meth:`reset_state`
        forgets it.  The batch's size must be fixed.
    unroll : bool
        Accepted for Keras's sake; it changes nothing.
    zero_output_for_mask : bool
        At a masked step return 0 instead of the output of the step before.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layer = layers.RNN(layers.SimpleRNNCell(4), return_sequences=True)
    >>> layer(np.ones((2, 3, 5), "float32")).shape
    (2, 3, 4)

    A cell of layers, and the same with operations:

    >>> class Plain(layers.Layer):
    ...     def __init__(self, units, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.units = self.state_size = units
    ...         self.of_x, self.of_h = layers.Dense(units), layers.Dense(units, use_bias=False)
    ...     def call(self, inputs, states):
    ...         h = layers.Activation("tanh")(self.of_x(inputs) + self.of_h(states[0]))
    ...         return h, [h]
    >>> from cnnlite import ops
    >>> class Leaky(layers.Layer):
    ...     def __init__(self, units, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.units = self.state_size = units
    ...     def build(self, input_shape):
    ...         self.w = self.add_weight((input_shape[-1], self.units), name="w")
    ...     def call(self, x, *, ctx, training=False):
    ...         inputs, h = x
    ...         ctx.save(inputs)
    ...         new = ops.add(ops.multiply(h, 0.5), ops.matmul(inputs, self.w))
    ...         return [new, new]
    ...     def backward(self, dy, *, ctx):
    ...         (inputs,) = ctx.saved
    ...         given = [d for d in dy if d is not None]  # of the output and of the state
    ...         d = given[0] if len(given) == 1 else ops.add(*given)
    ...         ops.matmul(inputs, d, transpose_a=True, out=ctx.grad(self.w))
    ...         return [ops.matmul(d, self.w, transpose_b=True), ops.multiply(d, 0.5)]
    >>> import cnnlite
    >>> for cell in (Plain(2), Leaky(2)):
    ...     cnnlite.check_gradients(layers.RNN(cell), np.ones((2, 3, 5))).passed
    True
    True
    """

    supports_masking = True

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(cell, list | tuple):
            cell = StackedRNNCells(cell, dtype=self.dtype)
        if not isinstance(cell, Layer):
            raise TypeError(f"{self.name}: cell must be a layer. Got {cell!r}.")
        self.cell = cell
        self.sizes = flat_sizes(getattr(cell, "state_size", None), self.name)
        self.return_sequences = bool(return_sequences)
        self.return_state = bool(return_state)
        self.go_backwards = bool(go_backwards)
        self.stateful = bool(stateful)
        self.unroll = bool(unroll)
        self.zero_output_for_mask = bool(zero_output_for_mask)
        self.states: list[Any] = []

    @property
    def state_size(self) -> Any:
        """The cell's."""
        return self.cell.state_size  # type: ignore[attr-defined]

    @property
    def output_size(self) -> int:
        """Units of the output: the cell's ``output_size``, or else its first state's."""
        return getattr(self.cell, "output_size", None) or self.sizes[0]

    # -- calling

    def __call__(  # type: ignore[override]
        self,
        x: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool | None = None,
    ) -> Any:
        """Call on a sequence, or on ``[sequence, *initial_state]``."""
        if initial_state is not None:
            x = [x, *flat_states(initial_state)]
        y = super().__call__(x, training=training, mask=mask)
        return [y[0], *in_form(self.state_size, y[1:])] if self.return_state else y

    def build(self, input_shape: Any) -> None:
        shape = self._check(input_shape)
        self.cell.ensure_built((shape[0], *shape[2:]))
        if not self.stateful:
            return
        if shape[0] is None:
            raise ValueError(
                f"{self.name}: a stateful layer needs a fixed batch size. Got shape {shape}. "
                "Write Input(..., batch_size=n)."
            )
        self.states = [
            self.add_state((shape[0], size), f"state_{k}") for k, size in enumerate(self.sizes)
        ]

    def _check(self, input_shape: Any) -> Any:
        several = isinstance(input_shape, list)
        shape = input_shape[0] if several else input_shape
        given = input_shape[1:] if several else []
        if len(shape) < 3 or None in shape[2:]:
            mend = (
                " After a recurrent layer, give that one return_sequences=True; "
                "for series of plain numbers, pass x[..., None]."
            )
            raise ShapeError(
                f"{self.name}: {type(self).__name__} needs (batch, steps, features). "
                f"Got shape {tuple(shape)}.{mend if len(shape) == 2 else ''}"
            )
        if several and [s[1:] for s in given] != [(size,) for size in self.sizes]:
            raise ShapeError(
                f"{self.name}: the initial state does not fit. Got shapes {given}. "
                f"Make them {[(shape[0], size) for size in self.sizes]}."
            )
        if self.states and shape[0] != self.states[0].shape[0]:
            raise ShapeError(
                f"{self.name}: stateful, built for a batch of {self.states[0].shape[0]}. "
                f"Got shape {tuple(shape)}."
            )
        return shape

    def reset_state(self) -> None:
        """Set a stateful layer's state to 0."""
        for state in self.states:
            state.assign(state.value * 0)

    reset_states = reset_state

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = self._check(input_shape)
        steps = (shape[1],) if self.return_sequences else ()
        output = (shape[0], *steps, self.output_size)
        if not self.return_state:
            return output
        return [output, *((shape[0], size) for size in self.sizes)]

    def compute_mask(self, x: Any, mask: Any, *, ctx: Context) -> Any:
        mask = self._own_mask(mask) if self.return_sequences else None
        return [mask, *(None for _ in self.sizes)] if self.return_state else mask

    def _own_mask(self, mask: Any) -> Any:
        """Return the sequence's mask, not those of an initial state."""
        return mask[0] if isinstance(mask, list) else mask

    def multiply_adds(self, input_shape: Any) -> int:
        shape = self._check(input_shape)
        return (shape[1] or 1) * self.cell.multiply_adds((shape[0], *shape[2:]))

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Any:
        x, *given = x if isinstance(x, list) else [x]
        self._check([x.shape, *(s.shape for s in given)] if given else x.shape)
        start = given or list(self.states)
        output, states, kept = self.run(x, start, self._own_mask(mask), ctx, training)
        for parameter, state in zip(self.states, states, strict=True) if self.states else ():
            ops.concatenate([state], axis=0, out=parameter)  # a copy
        ctx.save(x.shape, len(given), kept)
        return [output, *states] if self.return_state else output

    def backward(self, dy: Any, *, ctx: Context) -> Any:
        x_shape, given, kept = ctx.saved
        output, *states = dy if self.return_state else [dy, *(None for _ in self.sizes)]
        dx, d_states = self.run_back(x_shape, output, states, kept, ctx)
        return [dx, *d_states] if given else dx

    # -- the loop over steps; the layers of known cells have operations for it instead

    def run(
        self, x: Tensor, start: list[Any], mask: Any, ctx: Context, training: bool
    ) -> tuple[Tensor, list[Tensor], Any]:
        """Return the output, the final state, and what :meth:`run_back` needs."""
        n, count = x.shape[:2]
        # Values that are added to 0 are copies: a stateful layer overwrites its own.
        zeros = [ops.full((n, size), 0.0, self.dtype) for size in self.sizes]
        states = [ops.add(a, z) for a, z in zip(start, zeros, strict=True)] if start else zeros
        nothing = ops.full((n, self.output_size), 0.0, self.dtype)
        used = self._used(mask)
        steps = cut_steps(x)
        constants: dict[str, Any] = {}
        if steps and hasattr(self.cell, "dropout_masks"):
            masks = self.cell.dropout_masks(n, x.shape[-1], ctx, training)
            constants = {"masks": masks}
        outputs, children, shown = [], [], nothing
        for t in reversed(range(count)) if self.go_backwards else range(count):
            child = ctx.child(self.cell)
            output, *new = child.call([steps[t], *states], training=training, **constants)
            if used is not None:
                output = select(used[t], output, None if self.zero_output_for_mask else shown)
                new = [select(used[t], a, b) for a, b in zip(new, states, strict=True)]
            states, shown = new, output
            outputs.append(output)
            children.append(child)
        kept = (children, used)
        if not self.return_sequences:
            return shown, states, kept
        empty = (n, 0, self.output_size)
        y = join_steps(outputs) if outputs else ops.full(empty, 0.0, self.dtype)
        return y, states, kept

    def _used(self, mask: Any) -> list[Any] | None:
        """Return for each step the mask (N, 1) and its opposite."""
        if mask is None or mask.shape[1] == 0:
            return None
        columns = ops.split(ops.cast(mask, self.dtype), [1] * mask.shape[1], axis=1)
        return [(ops.not_equal(m, 0.0), ops.not_equal(m, 1.0)) for m in columns]

    def run_back(
        self, x_shape: Any, dy: Any, d_states: list[Any], kept: Any, ctx: Context
    ) -> tuple[Tensor | None, list[Tensor]]:
        """Return the gradients of the sequence and of the initial state."""
        children, used = kept
        n, count = x_shape[:2]
        for weight in () if count else self.cell.trainable_weights:  # no step writes them
            ops.full(weight.shape, 0.0, weight.dtype, out=ctx.grad(weight))
        d_outputs: list[Any] = [None] * count
        if dy is not None and count:
            if self.return_sequences:
                d_outputs = list(cut_steps(dy))
            else:
                d_outputs[-1] = dy
        dxs: list[Any] = []
        shown = None  # what the output of an earlier step is given
        for s in reversed(range(count)):
            t = count - 1 - s if self.go_backwards else s
            d_output = total(d_outputs[s], shown)
            shown = None
            passed: list[Any] = [None] * len(d_states)
            if used is not None:
                use, unused = used[t]
                if d_output is not None:
                    if not self.zero_output_for_mask:
                        shown = ops.where(unused, d_output, 0.0)
                    d_output = ops.where(use, d_output, 0.0)
                passed = [None if d is None else ops.where(unused, d, 0.0) for d in d_states]
                d_states = [None if d is None else ops.where(use, d, 0.0) for d in d_states]
            dx, *d_states = children[s].backward([d_output, *d_states])
            d_states = [total(a, b) for a, b in zip(d_states, passed, strict=True)]
            dxs.append((t, dx))
        d_states = [
            ops.full((n, size), 0.0, self.dtype) if d is None else d
            for d, size in zip(d_states, self.sizes, strict=True)
        ]
        if not ctx.needs_dx:
            return None, d_states
        ordered = [dx for _, dx in sorted(dxs, key=lambda pair: pair[0])]
        dx = join_steps(ordered) if ordered else ops.full(x_shape, 0.0, self.dtype)
        return dx, d_states
