"""One step of a recurrent network: SimpleRNNCell, LSTMCell and GRUCell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnlite import ops
from cnnlite.arguments import number, seed
from cnnlite.errors import ShapeError
from cnnlite.layers.activation import checked_activation
from cnnlite.layers.base import Layer, positive
from cnnlite.layers.context import Context
from cnnlite.layers.symbolic import Shape
from cnnlite.ops.core import Tensor
from cnnlite.ops.recurrent import FUNCTIONS

Masks = tuple[Any, Any]  # what x and h are multiplied with in all steps, None for nothing


def recurrent_activation(activation: Any, where: str) -> str:
    """Return an activation's name, which must be one that a recurrence can apply."""
    name = checked_activation(activation, where)
    if name != "linear" and name not in FUNCTIONS:
        raise ValueError(
            f"{where}: a recurrent layer cannot apply this activation. Got {name!r}. "
            f"Choose one of linear, {', '.join(FUNCTIONS)}."
        )
    return name


class Cell(Layer):
    """Base of the cells: weights, dropout, and the call ``cell(x, states)``.

    ``call`` takes ``[x, *states]`` and returns ``[output, *new_states]``; ``backward``
    takes and returns the gradients of these.
    """

    several_inputs = True
    gates = 1
    state_count = 1
    operation = ""
    units: int
    activation: str
    use_bias: bool
    dropout: float
    recurrent_dropout: float
    seed: int | None
    recurrent_initializer: Any
    bias_initializer: Any
    bias_regularizer: Any
    bias_constraint: Any

    def set_up(self, given: dict[str, Any]) -> None:
        """Take the constructor's arguments, which all cells share."""
        self.units = positive(given["units"], f"{self.name}: units")
        self.activation = recurrent_activation(given["activation"], self.name)
        self.use_bias = bool(given["use_bias"])
        for rate in ("dropout", "recurrent_dropout"):
            value = number(given[rate], f"{self.name}: {rate}", 0, 1, open_ends="[)")
            setattr(self, rate, value)
        self.seed = seed(given["seed"], f"{self.name}: seed")
        ends = ("_initializer", "_regularizer", "_constraint")
        self.take_options(**{k: v for k, v in given.items() if k.endswith(ends)})

    @property
    def state_size(self) -> int | list[int]:
        """Units of the state, a list where it has two parts."""
        return self.units if self.state_count == 1 else [self.units] * self.state_count

    @property
    def output_size(self) -> int:
        """Units of the output."""
        return self.units

    def build(self, input_shape: Any) -> None:
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        self._check(shape)
        columns = self.gates * self.units
        self.kernel = self.make_weight("kernel", (shape[-1], columns))
        self.recurrent_kernel = self.make_weight("recurrent_kernel", (self.units, columns))
        self.bias = self.make_bias() if self.use_bias else None

    # take_options names them recurrent_..., make_weight asks by the weight's name.
    recurrent_kernel_initializer = property(lambda self: self.recurrent_initializer)
    recurrent_kernel_regularizer = property(lambda self: self.recurrent_regularizer)
    recurrent_kernel_constraint = property(lambda self: self.recurrent_constraint)

    def make_bias(self) -> Any:
        return self.make_weight("bias", (self.gates * self.units,))

    def _check(self, shape: Shape) -> None:
        if len(shape) != 2 or shape[-1] is None:
            raise ShapeError(f"{self.name}: a step must be (batch, features). Got {tuple(shape)}.")
        if self.built and shape[-1] != self.kernel.shape[0]:
            raise ShapeError(
                f"{self.name}: built for {self.kernel.shape[0]} features. Got {tuple(shape)}."
            )

    def get_initial_state(self, batch_size: int) -> list[np.ndarray]:
        """Return zeros: one array (batch_size, units) for each part of the state."""
        return [np.zeros((batch_size, self.units), self.dtype) for _ in range(self.state_count)]

    def __call__(self, x: Any, states: Any = None, training: bool | None = None) -> Any:  # type: ignore[override]
        """Return the output and the list of new states, from a step's x and the states."""
        if states is None:
            raise TypeError(f"{self.name}: a cell needs its states. Pass cell(x, states).")
        given = list(states) if isinstance(states, list | tuple) else [states]
        output, *new = super().__call__([x, *given], training=training)
        return output, new

    def dropout_masks(self, n: int, features: int, ctx: Context, training: bool) -> Masks:
        """Return what x and h of n sequences are multiplied with, the same in all steps.

        Each gate has masks of its own where h has dropout; else x has one for all.
        """
        if not training:
            return None, None
        for_x = self.gates if self.recurrent_dropout else 1

        def draw(shape: tuple[int, ...], rate: float) -> Tensor | None:
            if not rate:
                return None
            ones = ops.full(shape, 1.0, self.dtype)
            return ops.dropout_forward(ones, rate, **ctx.draw(self.seed))[0]

        x = draw((n, for_x, features), self.dropout)
        return x, draw((n, self.gates, self.units), self.recurrent_dropout)

    def functions(self) -> dict[str, Any]:
        """Return the operation's parameters."""
        return {"activation": self.activation}

    def call(  # type: ignore[override]
        self, x: Any, *, ctx: Context, training: bool = False, masks: Masks | None = None
    ) -> list[Tensor]:
        step, *states = x
        if len(states) != self.state_count:
            raise ShapeError(
                f"{self.name}: its state has {self.state_count} parts. Got {len(states)}."
            )
        if masks is None:
            masks = self.dropout_masks(step.shape[0], step.shape[1], ctx, training)
        dropout = {"input_dropout": masks[0], "recurrent_dropout": masks[1]}
        forward = getattr(ops, f"{self.operation}_cell_forward")
        found = forward(
            step, *states, self.kernel, self.recurrent_kernel, self.bias,
            **self.functions(), **dropout,
        )  # fmt: skip
        found = list(found) if isinstance(found, tuple) else [found]
        new, kept = found[: self.state_count], found[self.state_count :]
        ctx.save(step, states, kept or new, dropout)
        return [new[0], *new]

    def backward(self, dy: Any, *, ctx: Context) -> list[Tensor | None]:
        step, states, kept, dropout = ctx.saved
        output, *news = dy
        if output is not None:
            news[0] = output if news[0] is None else ops.add(output, news[0])
        ends = [
            ops.full(s.shape, 0.0, self.dtype) if d is None else d
            for d, s in zip(news, states, strict=True)
        ]
        backward = getattr(ops, f"{self.operation}_cell_backward")
        dx, _, _, _, *d_states = backward(
            *ends, step, *states, self.kernel, self.recurrent_kernel, *kept,
            **self.functions(), **dropout, needs_dx=ctx.needs_dx, **self.outs(ctx),
        )  # fmt: skip
        return [dx, *d_states]

    def outs(self, ctx: Context) -> dict[str, Any]:
        """Return where the gradients of the weights go, as an operation takes it."""
        return {
            "use_bias": self.use_bias,
            "kernel_out": ctx.grad(self.kernel),
            "recurrent_kernel_out": ctx.grad(self.recurrent_kernel),
            "bias_out": None if self.bias is None else ctx.grad(self.bias),
        }

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        self._check(shape)
        return [(shape[0], self.units)] * (1 + self.state_count)

    def multiply_adds(self, input_shape: Any) -> int:
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        return self.gates * self.units * (shape[-1] + self.units)


class SimpleRNNCell(Cell):
    """A step of the simple recurrent network: ``h' = activation(x W + h U + bias)``.

    Parameters
    ----------
    units : int
    activation : {"tanh", "relu", "sigmoid", "hard_sigmoid", "linear"}
    use_bias : bool
    kernel_initializer, recurrent_initializer, bias_initializer : str or Initializer
    kernel_regularizer, recurrent_regularizer, bias_regularizer : str or Regularizer, optional
    kernel_constraint, recurrent_constraint, bias_constraint : str or Constraint, optional
    dropout, recurrent_dropout : float
        Rates, of x and of h, in training; one draw for a whole sequence.
    seed : int, optional

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> cell = layers.SimpleRNNCell(2, kernel_initializer="ones", activation="linear")
    >>> y, states = cell(np.ones((1, 3), "f4"), cell.get_initial_state(1))
    >>> y
    array([[3., 3.]], dtype=float32)
    """

    operation = "simple_rnn"

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        arguments = locals()
        super().__init__(**kwargs)
        self.set_up(arguments)


class LSTMCell(Cell):
    """A step of the long short-term memory; see :class:`LSTM`.

    Parameters
    ----------
    units, activation, use_bias, kernel_initializer, ... : as of :class:`SimpleRNNCell`
    recurrent_activation : {"sigmoid", "hard_sigmoid", "tanh", "relu", "linear"}
        Of the gates.
    unit_forget_bias : bool
        Start the forget gate's bias at 1 (Jozefowicz et al. 2015).

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> cell = layers.LSTMCell(2)
    >>> y, (h, c) = cell(np.ones((1, 3), "f4"), cell.get_initial_state(1))
    >>> y.shape, c.shape
    ((1, 2), (1, 2))
    """

    gates = 4
    state_count = 2
    operation = "lstm"

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        arguments = locals()
        super().__init__(**kwargs)
        self.set_up(arguments)
        self.recurrent_activation = _gate_activation(recurrent_activation, self.name)
        self.unit_forget_bias = bool(unit_forget_bias)

    def make_bias(self) -> Any:
        if not self.unit_forget_bias:
            return super().make_bias()
        u = self.units

        def forget_one(shape: Sequence[int], dtype: Any = None) -> np.ndarray:
            parts = [self.bias_initializer((n,), dtype) for n in (u, u, 2 * u)]
            parts[1] = np.ones(u, dtype)
            return np.concatenate(parts)

        return self.add_weight(
            (4 * u,), forget_one, name="bias",
            regularizer=self.bias_regularizer, constraint=self.bias_constraint,
        )  # fmt: skip

    def functions(self) -> dict[str, Any]:
        return {"activation": self.activation, "recurrent_activation": self.recurrent_activation}


class GRUCell(Cell):
    """A step of the gated recurrent unit; see :class:`GRU`.

    Parameters
    ----------
    units, activation, use_bias, kernel_initializer, ... : as of :class:`LSTMCell`
    reset_after : bool
        Apply the reset gate after the candidate's product with h, not before.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> cell = layers.GRUCell(2)
    >>> y, states = cell(np.ones((1, 3), "f4"), cell.get_initial_state(1))
    >>> y.shape, cell.bias.shape
    ((1, 2), (2, 6))
    """

    gates = 3
    operation = "gru"

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        arguments = locals()
        super().__init__(**kwargs)
        self.set_up(arguments)
        self.recurrent_activation = _gate_activation(recurrent_activation, self.name)
        self.reset_after = bool(reset_after)

    def make_bias(self) -> Any:
        size = self.gates * self.units
        return self.make_weight("bias", (2, size) if self.reset_after else (size,))

    def functions(self) -> dict[str, Any]:
        return {
            "activation": self.activation,
            "recurrent_activation": self.recurrent_activation,
            "reset_after": self.reset_after,
        }


def _gate_activation(activation: Any, name: str) -> str:
    return recurrent_activation(activation, f"{name}: recurrent_activation")
