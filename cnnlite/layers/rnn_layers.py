"""SimpleRNN, LSTM and GRU: one operation for all steps."""

from __future__ import annotations

from typing import Any

from cnnlite import ops
from cnnlite.layers.context import Context
from cnnlite.layers.naming import snake_case
from cnnlite.layers.rnn import RNN
from cnnlite.layers.rnn_cells import Cell, GRUCell, LSTMCell, SimpleRNNCell
from cnnlite.ops.core import Tensor

_OF_LAYER = (
    "return_sequences", "return_state", "go_backwards", "stateful", "unroll",
)  # fmt: skip


class _Recurrent(RNN):
    """An RNN whose cell has an operation over whole sequences."""

    cell: Cell
    cell_class: type[Cell]

    def set_up(self, arguments: dict[str, Any]) -> None:
        """Take the constructor's arguments: the cell's, and the layer's own."""
        kwargs = arguments["kwargs"]
        own = {name: arguments[name] for name in _OF_LAYER}
        names = [k for k in arguments if k not in (*_OF_LAYER, "self", "kwargs", "__class__")]
        options = {k: arguments[k] for k in names if k not in ("activity_regularizer", "use_cudnn")}
        if "dtype" in kwargs:
            options["dtype"] = kwargs["dtype"]
        cudnn = arguments.get("use_cudnn", "auto")
        if not isinstance(cudnn, bool) and not (isinstance(cudnn, str) and cudnn == "auto"):
            raise ValueError(
                f'{type(self).__name__}: use_cudnn must be "auto", True or False. Got {cudnn!r}.'
            )
        # Under the layer's name, as errors in its arguments are the layer's.
        stem = kwargs.get("name") or snake_case(type(self).__name__)
        cell = self.cell_class(name=stem, **options)
        activity = arguments["activity_regularizer"]
        super().__init__(cell, **own, activity_regularizer=activity, **kwargs)
        cell.name = f"{self.name}_cell"

    def __getattr__(self, name: str) -> Any:
        # The cell's arguments are the layer's: layer.units, layer.kernel_initializer, ...
        cell = vars(self).get("cell")
        if cell is None or name.startswith("__") or hasattr(type(self), name):
            return super().__getattr__(name)
        return getattr(cell, name)

    def _options(self) -> dict[str, Any]:
        return {
            **self.cell.functions(),
            "return_sequences": self.return_sequences,
            "go_backwards": self.go_backwards,
            "zero_output_for_mask": self.zero_output_for_mask,
        }

    def run(
        self, x: Tensor, start: list[Any], mask: Any, ctx: Context, training: bool
    ) -> tuple[Tensor, list[Tensor], Any]:
        cell = self.cell
        masks = cell.dropout_masks(x.shape[0], x.shape[2], ctx, training)
        given = {"mask": mask, "input_dropout": masks[0], "recurrent_dropout": masks[1]}
        forward = getattr(ops, f"{cell.operation}_forward")
        y, *found = forward(
            x, cell.kernel, cell.recurrent_kernel, cell.bias, *start, **given, **self._options()
        )
        states, kept = found[: cell.state_count], found[cell.state_count :]
        return y, states, (x, kept, given)

    def run_back(
        self, x_shape: Any, dy: Any, d_states: list[Any], kept: Any, ctx: Context
    ) -> tuple[Tensor | None, list[Tensor]]:
        x, saved, given = kept
        cell = self.cell
        ends = dict(zip(("dh", "dc"), d_states, strict=False))
        backward = getattr(ops, f"{cell.operation}_backward")
        dx, _, _, _, *starts = backward(
            dy, x, cell.kernel, cell.recurrent_kernel, *saved, **ends, **given,
            **self._options(), needs_dx=ctx.needs_dx, **cell.outs(ctx),
        )  # fmt: skip
        return dx, starts


class SimpleRNN(_Recurrent):
    """Simple recurrent network: ``h' = activation(x W + h U + bias)`` in every step.

    Input (N, T, features); output (N, units), or (N, T, units) with
    ``return_sequences``; with ``return_state`` a list of the output and the final h.

    Parameters
    ----------
    units, activation, use_bias, ..., dropout, recurrent_dropout, seed : as of \
:class:`SimpleRNNCell`
    return_sequences, return_state, go_backwards, stateful, unroll : bool
        As of :class:`RNN`.

    References
    ----------
    Elman 1990; Goodfellow et al. 2016, section 10.2.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.SimpleRNN(4)(np.ones((2, 3, 5), "float32")).shape
    (2, 4)
    """

    cell_class = SimpleRNNCell

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.set_up(locals())


class LSTM(_Recurrent):
    """Long short-term memory.

    In every step the gates i, f, o and the candidate g are functions of
    ``x W + h U + bias``; then ``c' = f c + i g`` and ``h' = o tanh(c')``.

    Input (N, T, features); output (N, units), or (N, T, units) with
    ``return_sequences``; with ``return_state`` a list of the output and the final h and c.

    Parameters
    ----------
    units, activation, recurrent_activation, ..., unit_forget_bias, seed : as of :class:`LSTMCell`
    return_sequences, return_state, go_backwards, stateful, unroll : bool
        As of :class:`RNN`.
    use_cudnn : {"auto", True, False}
        Accepted for Keras's sake; it changes nothing.

    References
    ----------
    Hochreiter and Schmidhuber 1997; Gers et al. 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layer = layers.LSTM(4, return_sequences=True, return_state=True)
    >>> y, h, c = layer(np.ones((2, 3, 5), "float32"))
    >>> y.shape, bool((y[:, -1] == h).all())
    ((2, 3, 4), True)
    """

    cell_class = LSTMCell

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        self.set_up(locals())
        self.use_cudnn = use_cudnn


class GRU(_Recurrent):
    """Gated recurrent unit.

    In every step the gates update u and reset r and the candidate g are functions of
    ``x W + h U + bias``, g of what r leaves of h; then ``h' = u h + (1 - u) g``.

    Input (N, T, features); output (N, units), or (N, T, units) with
    ``return_sequences``; with ``return_state`` a list of the output and the final h.

    Parameters
    ----------
    units, activation, recurrent_activation, ..., seed : as of :class:`GRUCell`
    return_sequences, return_state, go_backwards, stateful, unroll : bool
        As of :class:`RNN`.
    reset_after : bool
        Apply the reset gate after the candidate's product with h, not before.
    use_cudnn : {"auto", True, False}
        Accepted for Keras's sake; it changes nothing.

    References
    ----------
    Cho et al. 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.GRU(4)(np.ones((2, 3, 5), "float32")).shape
    (2, 4)
    """

    cell_class = GRUCell

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        self.set_up(locals())
        self.use_cudnn = use_cudnn
