"""The simple recurrent network: whole sequences, and one step."""

from __future__ import annotations

from typing import Any

from cnnlite.ops.core import Tensor, run, tensor, view
from cnnlite.ops.recurrent import (
    activation_name,
    check_outs,
    dropped_gradient,
    fresh,
    gradients,
    input_sums,
    inputs_of,
    of_shape,
    one_step,
    output_of,
    state_output,
)


def simple_rnn_forward(
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    h0: Any = None,
    *,
    mask: Any = None,
    input_dropout: Any = None,
    recurrent_dropout: Any = None,
    activation: str | None = "tanh",
    return_sequences: bool = True,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    save: bool = True,
    out: Any = None,
    h_out: Any = None,
) -> tuple[Tensor, ...]:
    """Simple recurrent network over sequences: ``h' = activation(x W + h U + bias)``.

    Parameters
    ----------
    x : (N, T, F) array
    kernel, recurrent_kernel : (F, U) and (U, U) arrays
    bias : (U,) array, optional
    h0 : (N, U) array, optional
    h_out : array, optional
        Where h goes; may be h0.

    The other parameters are those of :func:`lstm_forward`, with one gate.

    Returns
    -------
    y : (N, T, U) or (N, U) array
    h : (N, U) array
        The final state.
    gates, states : (N, T, U) arrays, with ``save``
        h' of every step and h before it, for :func:`simple_rnn_backward`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> x = np.array([[[1], [2]]], "f4")
    >>> y, h = ops.simple_rnn_forward(x, [[1]], [[10]], activation=None, save=False)
    >>> y[0, :, 0]
    array([ 1., 12.], dtype=float32)
    """
    return _forward(
        "simple_rnn", x, kernel, recurrent_kernel, bias, h0, mask, input_dropout,
        recurrent_dropout, activation, return_sequences, go_backwards, zero_output_for_mask,
        save, out, h_out,
    )  # fmt: skip


def _forward(
    where: str, x: Any, kernel: Any, recurrent_kernel: Any, bias: Any, h0: Any, mask: Any,
    input_dropout: Any, recurrent_dropout: Any, activation: Any, return_sequences: bool,
    go_backwards: bool, zero_output_for_mask: bool, save: bool, out: Any, h_out: Any,
) -> tuple[Tensor, ...]:  # fmt: skip
    i = inputs_of(where, 1, x, kernel, recurrent_kernel, mask, input_dropout, recurrent_dropout)
    if bias is not None:
        bias = of_shape(bias, f"{where}: bias", (i.units,), i.x.dtype)
    h0 = i.state(h0, f"{where}: h0")
    y, steps = output_of(i, out, return_sequences, where)
    h = state_output(i, h_out, where, h0)
    z = input_sums(i, bias)
    saved = (z, fresh(i)) if save else (None, None)  # the new states in z's place
    run(
        "simple_rnn_forward",
        i.x.dtype,
        (*saved, steps, h.array),
        (z, h0, i.recurrent_kernel, i.recurrent_dropout, i.mask),
        activation=activation_name(activation, f"{where}: activation"),
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
    )
    results = (y.deliver(), h.deliver())
    return (*results, *saved) if save else results


def simple_rnn_backward(
    dy: Any,
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    gates: Any,
    states: Any,
    *,
    dh: Any = None,
    mask: Any = None,
    input_dropout: Any = None,
    recurrent_dropout: Any = None,
    activation: str | None = "tanh",
    return_sequences: bool = True,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    use_bias: bool = True,
    needs_dx: bool = True,
    out: Any = None,
    kernel_out: Any = None,
    recurrent_kernel_out: Any = None,
    bias_out: Any = None,
) -> tuple[Tensor | None, ...]:
    """Back-propagate through the time of :func:`simple_rnn_forward`.

    Parameters
    ----------
    dy : (N, T, U) or (N, U) array, or None
        Gradient of y; None for 0.
    x, kernel, recurrent_kernel : as in the forward pass
    gates, states : what it saved
    dh : (N, U) array, optional
        Gradient of the final state.

    The other parameters are those of :func:`lstm_backward`.

    Returns
    -------
    dx : (N, T, F) array or None
    dkernel, drecurrent_kernel, dbias : arrays of the weights' shapes (dbias or None)
    dh0 : (N, U) array

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> x = np.array([[[1], [2]]], "f4")
    >>> y, h, *saved = ops.simple_rnn_forward(x, [[1]], [[10]], activation=None)
    >>> ops.simple_rnn_backward(y, x, [[1]], [[10]], *saved, activation=None)[1]
    array([[145.]], dtype=float32)
    """
    return _backward(
        "simple_rnn_backward", dy, x, kernel, recurrent_kernel, gates, states, dh, mask,
        input_dropout, recurrent_dropout, activation, return_sequences, go_backwards,
        zero_output_for_mask, use_bias, needs_dx, out, kernel_out, recurrent_kernel_out, bias_out,
    )  # fmt: skip


def _backward(
    where: str, dy: Any, x: Any, kernel: Any, recurrent_kernel: Any, gates: Any, states: Any,
    dh: Any, mask: Any, input_dropout: Any, recurrent_dropout: Any, activation: Any,
    return_sequences: bool, go_backwards: bool, zero_output_for_mask: bool, use_bias: bool,
    needs_dx: bool, out: Any, kernel_out: Any, recurrent_kernel_out: Any, bias_out: Any,
) -> tuple[Tensor | None, ...]:  # fmt: skip
    i = inputs_of(where, 1, x, kernel, recurrent_kernel, mask, input_dropout, recurrent_dropout)
    shape = (i.units,)
    check_outs(i, where, out, kernel_out, recurrent_kernel_out, bias_out, shape)
    dy = i.output_gradient(dy, f"{where}: dy", return_sequences)
    dh = i.state(dh, f"{where}: dh")
    gates, states = i.saved(gates, f"{where}: gates"), i.saved(states, f"{where}: states")
    dz, dh0 = fresh(i), state_output(i, None, where)
    run(
        "simple_rnn_backward",
        i.x.dtype,
        (dz, dh0.array),
        (dy, dh, gates, i.recurrent_kernel, i.recurrent_dropout, i.mask),
        activation=activation_name(activation, f"{where}: activation"),
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
    )
    dx, dkernel, dbias = gradients(
        i, dz, needs_dx=needs_dx, use_bias=use_bias, kernel_out=kernel_out, bias_out=bias_out,
        out=out,
    )  # fmt: skip
    drecurrent = dropped_gradient(states, dz, i.recurrent_dropout, recurrent_kernel_out)
    return dx, dkernel, drecurrent, dbias, dh0.array


def simple_rnn_cell_forward(
    x: Any,
    h: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    *,
    input_dropout: Any = None,
    recurrent_dropout: Any = None,
    activation: str | None = "tanh",
    out: Any = None,
) -> Tensor:
    """One step of a simple recurrent network; see :func:`simple_rnn_forward`.

    Parameters
    ----------
    x : (N, F) array
    h : (N, U) array

    The other parameters are those of :func:`simple_rnn_forward`.

    Returns
    -------
    (N, U) array
        The next state.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.simple_rnn_cell_forward([[2]], [[1]], [[1]], [[10]], activation=None)
    array([[12.]], dtype=float32)
    """
    where = "simple_rnn_cell"
    found = _forward(
        where, one_step(x, f"{where}: x"), kernel, recurrent_kernel, bias,
        tensor(h, f"{where}: h", 2), None, input_dropout, recurrent_dropout, activation, False,
        False, False, False, None, out,
    )  # fmt: skip
    return found[1]


def simple_rnn_cell_backward(
    dh: Any,
    x: Any,
    h: Any,
    kernel: Any,
    recurrent_kernel: Any,
    new_h: Any,
    *,
    input_dropout: Any = None,
    recurrent_dropout: Any = None,
    activation: str | None = "tanh",
    use_bias: bool = True,
    needs_dx: bool = True,
    kernel_out: Any = None,
    recurrent_kernel_out: Any = None,
    bias_out: Any = None,
) -> tuple[Tensor | None, ...]:
    """Gradients of :func:`simple_rnn_cell_forward`.

    Parameters
    ----------
    dh : (N, U) array
        Gradient of the next state.
    x, h, kernel, recurrent_kernel : as in the forward pass
    new_h : (N, U) array
        What it returned.

    Returns
    -------
    dx : (N, F) array or None
    dkernel, drecurrent_kernel, dbias : arrays of the weights' shapes (dbias or None)
    dh0 : (N, U) array
        Gradient of h.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.simple_rnn_cell_backward([[1]], [[2]], [[1]], [[1]], [[10]], [[0.6]])[0]
    array([[0.64]], dtype=float32)
    """
    where = "simple_rnn_cell_backward"
    dx, *others = _backward(
        where, None, one_step(x, f"{where}: x"), kernel, recurrent_kernel,
        one_step(new_h, f"{where}: new_h"), one_step(h, f"{where}: h"),
        tensor(dh, f"{where}: dh", 2), None, input_dropout, recurrent_dropout, activation,
        False, False, False, use_bias, needs_dx, None, kernel_out, recurrent_kernel_out,
        bias_out,
    )  # fmt: skip
    return (dx if dx is None else view(dx, (dx.shape[0], dx.shape[2])), *others)
