"""Layers around layers: both directions of time, and the same layer at every step."""

from __future__ import annotations

from typing import Any

from cnnlite import ops
from cnnlite.errors import ShapeError
from cnnlite.layers.base import Layer
from cnnlite.layers.configuration import remade
from cnnlite.layers.context import Context
from cnnlite.layers.rnn import RNN, cut_steps, join_steps, total
from cnnlite.layers.rnn_stacked import flat_sizes, flat_states, in_form
from cnnlite.ops.core import Tensor
from cnnlite.serialization import serialize

MERGE_MODES = ("concat", "sum", "mul", "ave", None)


def flip_steps(x: Tensor | None) -> Tensor | None:
    """Return (N, T, ...) with the steps in the opposite order."""
    if x is None or x.shape[1] < 2:
        return x
    return join_steps(cut_steps(x)[::-1])


def _copy(layer: RNN, prefix: str, **changes: Any) -> RNN:
    """Return a new layer of the same configuration, named after its direction."""
    name = f"{prefix}_{layer.name.removeprefix(prefix + '_')}"
    return remade(layer, **changes, name=name)


class Bidirectional(Layer):
    """Run a recurrent layer forwards and a copy of it backwards, and merge the outputs.

    Parameters
    ----------
    layer : RNN, LSTM, GRU or SimpleRNN
        Copied, with new weights.
    merge_mode : {"concat", "sum", "mul", "ave", None}
        None: both outputs, in a list.
    weights : list of arrays, optional
        The first half for the layer forwards.
    backward_layer : RNN, LSTM, GRU or SimpleRNN, optional
        Instead of a copy; its ``go_backwards`` must be the opposite of the layer's.

    References
    ----------
    Schuster and Paliwal 1997.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layer = layers.Bidirectional(layers.LSTM(4, return_sequences=True))
    >>> layer(np.ones((2, 3, 5), "float32")).shape
    (2, 3, 8)
    """

    supports_masking = True

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for what, given in (("layer", layer), ("backward_layer", backward_layer)):
            if not isinstance(given, RNN) and not (given is None and what == "backward_layer"):
                raise TypeError(f"{self.name}: {what} must be a recurrent layer. Got {given!r}.")
        if merge_mode not in MERGE_MODES:
            raise ValueError(
                f"{self.name}: no such merge_mode. Got {merge_mode!r}. "
                f"Choose one of {', '.join(map(repr, MERGE_MODES))}."
            )
        self.merge_mode = merge_mode
        self.own_backward_layer = backward_layer is not None
        self.forward_layer = _copy(layer, "forward")
        self.backward_layer = backward_layer or _copy(layer, "backward", go_backwards=True)
        both = self.forward_layer, self.backward_layer
        if both[0].go_backwards == both[1].go_backwards:
            raise ValueError(
                f"{self.name}: both layers go in the same direction, go_backwards="
                f"{both[0].go_backwards}. Set the opposite in one of them."
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(both[0], name) != getattr(both[1], name):
                raise ValueError(
                    f"{self.name}: the layers differ in {name}. Got {getattr(both[0], name)} "
                    f"and {getattr(both[1], name)}. Make them equal."
                )
        for one in both:
            one.zero_output_for_mask = one.return_sequences
        self.stateful = layer.stateful
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        if weights is not None and not isinstance(weights, list | tuple):
            raise TypeError(f"{self.name}: weights must be a list of arrays. Got {weights!r}.")
        self._initial_weights = None if weights is None else list(weights)

    def get_config(self) -> dict[str, Any]:
        config = {"layer": serialize(self.forward_layer), "merge_mode": self.merge_mode}
        if self.own_backward_layer:
            config["backward_layer"] = serialize(self.backward_layer)
        config |= {"name": self.name, "dtype": self.dtype}
        return config if self._trainable else {**config, "trainable": False}

    def __call__(  # type: ignore[override]
        self,
        x: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool | None = None,
    ) -> Any:
        """Call on a sequence, or on ``[sequence, *states forwards, *states backwards]``."""
        if initial_state is not None:
            x = [x, *flat_states(initial_state)]
        y = super().__call__(x, training=training, mask=mask)
        if not self.return_state:
            return y
        form = self.forward_layer.state_size
        forms = 2 * (list(form) if isinstance(form, list | tuple) else [form])
        outputs = len(y) - len(flat_sizes(forms, self.name))
        return [*y[:outputs], *in_form(forms, y[outputs:])]

    def _shares(self, values: Any) -> tuple[Any, Any]:
        """Cut what stands for ``[x, *states]`` into the parts of both layers."""
        if not isinstance(values, list):
            return values, values
        x, *states = values
        half = len(states) // 2
        if not states:
            return x, x
        if len(states) != 2 * len(self.forward_layer.sizes):
            raise ShapeError(
                f"{self.name}: the initial state has {2 * len(self.forward_layer.sizes)} parts. "
                f"Got {len(states)}."
            )
        return [x, *states[:half]], [x, *states[half:]]

    def build(self, input_shape: Any) -> None:
        shares = self._shares(input_shape)
        self.forward_layer.ensure_built(shares[0])
        self.backward_layer.ensure_built(shares[1])
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)

    def reset_state(self) -> None:
        """Set the states of both layers to 0."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def compute_output_shape(self, input_shape: Any) -> Any:
        layers = (self.forward_layer, self.backward_layer)
        found = [
            one.compute_output_shape(shape)
            for one, shape in zip(layers, self._shares(input_shape), strict=True)
        ]
        states = [s for shapes in found for s in shapes[1:]] if self.return_state else []
        one, other = (f[0] if self.return_state else f for f in found)
        if self.merge_mode is None:
            return [one, other, *states]
        if self.merge_mode == "concat":
            one = (*one[:-1], one[-1] + other[-1])
        elif one != other:
            raise ShapeError(f"{self.name}: the outputs differ in shape. Got {one} and {other}.")
        return [one, *states] if self.return_state else one

    def compute_mask(self, x: Any, mask: Any, *, ctx: Context) -> Any:
        mask = mask[0] if isinstance(mask, list) else mask
        mask = mask if self.return_sequences else None
        if self.merge_mode is None:
            return [mask, mask]
        return [mask] if self.return_state else mask

    def multiply_adds(self, input_shape: Any) -> int:
        one, other = self._shares(input_shape)
        return self.forward_layer.multiply_adds(one) + self.backward_layer.multiply_adds(other)

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Any:
        listed = isinstance(x, list)
        mask = mask[0] if isinstance(mask, list) else mask
        layers = (self.forward_layer, self.backward_layer)
        children = [ctx.child(one, ctx.needs_dx) for one in layers]
        found = [
            child.call(share, training=training, mask=mask)
            for child, share in zip(children, self._shares(x), strict=True)
        ]
        states = [s for values in found for s in values[1:]] if self.return_state else []
        one, other = (f[0] if self.return_state else f for f in found)
        if self.return_sequences:
            other = flip_steps(other)
        ctx.save(children, one, other, listed)
        if self.merge_mode is None:
            return [one, other, *states]
        y = self._merge(one, other)
        return [y, *states] if self.return_state else y

    def _merge(self, one: Tensor, other: Tensor) -> Tensor:
        if self.merge_mode == "concat":
            return ops.concatenate([one, other])
        if self.merge_mode == "mul":
            return ops.multiply(one, other)
        y = ops.add(one, other)
        return ops.multiply(y, _number(0.5, self.dtype)) if self.merge_mode == "ave" else y

    def _part(self, dy: Any, one: Tensor, other: Tensor) -> tuple[Any, Any]:
        """Return the gradients of both outputs from that of the merged one."""
        if dy is None:
            return None, None
        if self.merge_mode == "concat":
            parts = ops.split(dy, [one.shape[-1], other.shape[-1]])
            return parts[0], parts[1]
        if self.merge_mode == "mul":
            return ops.multiply(dy, other), ops.multiply(dy, one)
        if self.merge_mode == "ave":
            dy = ops.multiply(dy, _number(0.5, self.dtype))
        return dy, dy

    def backward(self, dy: Any, *, ctx: Context) -> Any:
        children, one, other, listed = ctx.saved
        if self.merge_mode is None:
            d_one, d_other, *d_states = dy
        else:
            d, *d_states = dy if self.return_state else [dy]
            d_one, d_other = self._part(d, one, other)
        if self.return_sequences:
            d_other = flip_steps(d_other)
        half = len(d_states) // 2
        found = []
        for child, d, states in (
            (children[0], d_one, d_states[:half]),
            (children[1], d_other, d_states[half:]),
        ):
            dx = child.backward([d, *states] if self.return_state else d)
            found.append(dx if isinstance(dx, list) else [dx])
        total_dx = total(found[0][0], found[1][0])
        return [total_dx, *found[0][1:], *found[1][1:]] if listed else total_dx


def _number(value: float, dtype: str) -> Any:
    return ops.full((1,), value, dtype)


class TimeDistributed(Layer):
    """Apply a layer to every step of (N, T, ...), as if the steps were samples.

    Parameters
    ----------
    layer : Layer

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layers.TimeDistributed(layers.Dense(3))(np.ones((2, 4, 5), "float32")).shape
    (2, 4, 3)
    """

    supports_masking = True

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise TypeError(f"{self.name}: layer must be a layer. Got {layer!r}.")
        self.layer = layer

    def _step(self, input_shape: Any) -> Any:
        if isinstance(input_shape, list) or len(input_shape) < 3:
            raise ShapeError(
                f"{self.name}: TimeDistributed needs (batch, steps, ...). Got shape {input_shape}."
            )
        return (None, *input_shape[2:])

    def build(self, input_shape: Any) -> None:
        self.layer.ensure_built(self._step(input_shape))

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = self.layer.compute_output_shape(self._step(input_shape))
        if isinstance(shape, list):
            raise ShapeError(f"{self.name}: the layer must have one output. Got {len(shape)}.")
        return (*input_shape[:2], *shape[1:])

    def multiply_adds(self, input_shape: Any) -> int:
        return (input_shape[1] or 1) * self.layer.multiply_adds(self._step(input_shape))

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        n, t = x.shape[:2]
        child = ctx.child(self.layer, ctx.needs_dx)
        y = child.call(ops.reshape(x, (n * t, *x.shape[2:])), training=training)
        ctx.save(child, x.shape)
        return ops.reshape(y, (n, t, *y.shape[1:]))

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        child, shape = ctx.saved
        rows = ops.reshape(dy, (shape[0] * shape[1], *dy.shape[2:]))
        dx = child.backward(rows)
        return None if dx is None else ops.reshape(dx, shape)
