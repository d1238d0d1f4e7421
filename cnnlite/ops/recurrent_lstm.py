"""Long short-term memory: whole sequences, and one step."""

from __future__ import annotations

from typing import Any

from cnnlite.ops.core import Tensor, run, tensor, view
from cnnlite.ops.recurrent import (
    check_outs,
    dropped_gradient,
    fresh,
    functions_of,
    gradients,
    input_sums,
    inputs_of,
    of_shape,
    one_step,
    output_of,
    state_output,
)


def lstm_forward(
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    h0: Any = None,
    c0: Any = None,
    *,
    mask: Any = None,
    input_dropout: Any = None,
    recurrent_dropout: Any = None,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
    return_sequences: bool = True,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    save: bool = True,
    out: Any = None,
    h_out: Any = None,
    c_out: Any = None,
) -> tuple[Tensor, ...]:
    """LSTM over sequences: gates i, f, candidate g, o of ``x W + h U + bias``, then

    ``c' = f c + i g`` and ``h' = o tanh(c')``, step after step.

    Parameters
    ----------
    x : (N, T, F) array
    kernel, recurrent_kernel : (F, 4 U) and (U, 4 U) arrays
        W and U; columns of i, f, g, o in this order.
    bias : (4 U,) array, optional
    h0, c0 : (N, U) arrays, optional
        The initial state; zeros by default.
    mask : (N, T) array of whole numbers, optional
        A step with 0 leaves the state as it is; its output is the one before it (at first
        0), or 0 with ``zero_output_for_mask``.
    input_dropout : (N, 1, F) or (N, 4, F) array, optional
        What x is multiplied with in all steps, for all gates or for each.
    recurrent_dropout : (N, 4, U) array, optional
        The same for h, for each gate.
    activation, recurrent_activation : {"linear", "relu", "sigmoid", "tanh", "hard_sigmoid"}
        Of the candidate and the cell, and of the gates i, f and o.
    return_sequences : bool
        All outputs, or the last.
    go_backwards : bool
        From the last step to the first; outputs are in this order.
    save : bool
        Whether to return what :func:`lstm_backward` needs.
    out, h_out, c_out : arrays, optional
        Where y, h and c go; the last two may be h0 and c0.

    Returns
    -------
    y : (N, T, U) or (N, U) array
    h, c : (N, U) arrays
        The final state.
    gates, states, cells : (N, T, 4 U), (N, T, U) and (N, T, U) arrays, with ``save``
        i, f, g, o of every step; h and c before it.

    References
    ----------
    Hochreiter and Schmidhuber 1997; Gers et al. 2000 (forget gate).

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> x, w, u = np.ones((1, 2, 3), "f4"), np.ones((3, 4), "f4"), np.zeros((1, 4), "f4")
    >>> y, h, c = ops.lstm_forward(x, w, u, save=False)
    >>> y.shape, round(float(c[0, 0]), 4)
    ((1, 2, 1), 1.8508)
    """
    return _forward(
        "lstm", x, kernel, recurrent_kernel, bias, h0, c0, mask, input_dropout,
        recurrent_dropout, functions_of("lstm", activation, recurrent_activation),
        return_sequences, go_backwards, zero_output_for_mask, save, out, h_out, c_out,
    )  # fmt: skip


def _forward(
    where: str, x: Any, kernel: Any, recurrent_kernel: Any, bias: Any, h0: Any, c0: Any,
    mask: Any, input_dropout: Any, recurrent_dropout: Any, functions: dict[str, Any],
    return_sequences: bool, go_backwards: bool, zero_output_for_mask: bool, save: bool,
    out: Any, h_out: Any, c_out: Any,
) -> tuple[Tensor, ...]:  # fmt: skip
    i = inputs_of(where, 4, x, kernel, recurrent_kernel, mask, input_dropout, recurrent_dropout)
    if bias is not None:
        bias = of_shape(bias, f"{where}: bias", (4 * i.units,), i.x.dtype)
    h0, c0 = i.state(h0, f"{where}: h0"), i.state(c0, f"{where}: c0")
    y, steps = output_of(i, out, return_sequences, where)
    h, c = state_output(i, h_out, where, h0), state_output(i, c_out, where, c0)
    z = input_sums(i, bias)
    saved = (z, fresh(i), fresh(i)) if save else (None, None, None)  # the gates in z's place
    run(
        "lstm_forward",
        i.x.dtype,
        (*saved, steps, h.array, c.array),
        (z, h0, c0, i.recurrent_kernel, i.recurrent_dropout, i.mask),
        **functions,
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
    )
    results = (y.deliver(), h.deliver(), c.deliver())
    return (*results, *saved) if save else results


def lstm_backward(
    dy: Any,
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    gates: Any,
    states: Any,
    cells: Any,
    *,
    dh: Any = None,
    dc: Any = None,
    mask: Any = None,
    input_dropout: Any = None,
    recurrent_dropout: Any = None,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
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
    """Back-propagate through the time of :func:`lstm_forward`.

    Parameters
    ----------
    dy : (N, T, U) or (N, U) array, or None
        Gradient of y; None for 0.
    x, kernel, recurrent_kernel : as in the forward pass
    gates, states, cells : what it saved
    dh, dc : (N, U) arrays, optional
        Gradients of the final state.
    use_bias, needs_dx : bool
        Whether to compute the gradients of the bias and of x.
    out, kernel_out, recurrent_kernel_out, bias_out : arrays, optional
        Where the gradients of x, W, U and the bias go.

    The other parameters are those of the forward pass.

    Returns
    -------
    dx : (N, T, F) array or None
    dkernel, drecurrent_kernel, dbias : arrays of the weights' shapes (dbias or None)
    dh0, dc0 : (N, U) arrays

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> x, w, u = np.ones((1, 2, 3), "f4"), np.ones((3, 4), "f4"), np.zeros((1, 4), "f4")
    >>> y, h, c, *saved = ops.lstm_forward(x, w, u)
    >>> ops.lstm_backward(np.ones_like(y), x, w, u, *saved)[2].shape
    (1, 4)
    """
    return _backward(
        "lstm_backward", dy, x, kernel, recurrent_kernel, gates, states, cells, dh, dc, mask,
        input_dropout, recurrent_dropout,
        functions_of("lstm_backward", activation, recurrent_activation), return_sequences,
        go_backwards, zero_output_for_mask, use_bias, needs_dx, out, kernel_out,
        recurrent_kernel_out, bias_out,
    )  # fmt: skip


def _backward(
    where: str, dy: Any, x: Any, kernel: Any, recurrent_kernel: Any, gates: Any, states: Any,
    cells: Any, dh: Any, dc: Any, mask: Any, input_dropout: Any, recurrent_dropout: Any,
    functions: dict[str, Any], return_sequences: bool, go_backwards: bool,
    zero_output_for_mask: bool, use_bias: bool, needs_dx: bool, out: Any, kernel_out: Any,
    recurrent_kernel_out: Any, bias_out: Any,
) -> tuple[Tensor | None, ...]:  # fmt: skip
    i = inputs_of(where, 4, x, kernel, recurrent_kernel, mask, input_dropout, recurrent_dropout)
    shape = (4 * i.units,)
    check_outs(i, where, out, kernel_out, recurrent_kernel_out, bias_out, shape)
    dy = i.output_gradient(dy, f"{where}: dy", return_sequences)
    dh, dc = i.state(dh, f"{where}: dh"), i.state(dc, f"{where}: dc")
    gates = i.saved(gates, f"{where}: gates", 4)
    states, cells = i.saved(states, f"{where}: states"), i.saved(cells, f"{where}: cells")
    dz = fresh(i, 4)
    dh0, dc0 = state_output(i, None, where), state_output(i, None, where)
    run(
        "lstm_backward",
        i.x.dtype,
        (dz, dh0.array, dc0.array),
        (dy, dh, dc, gates, cells, i.recurrent_kernel, i.recurrent_dropout, i.mask),
        **functions,
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
    )
    dx, dkernel, dbias = gradients(
        i, dz, needs_dx=needs_dx, use_bias=use_bias, kernel_out=kernel_out, bias_out=bias_out,
        out=out,
    )  # fmt: skip
    drecurrent = dropped_gradient(states, dz, i.recurrent_dropout, recurrent_kernel_out)
    return dx, dkernel, drecurrent, dbias, dh0.array, dc0.array


def lstm_cell_forward(
    x: Any,
    h: Any,
    c: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    *,
    input_dropout: Any = None,
    recurrent_dropout: Any = None,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
    out: Any = None,
    c_out: Any = None,
) -> tuple[Tensor, ...]:
    """One step of an LSTM; see :func:`lstm_forward`.

    Parameters
    ----------
    x : (N, F) array
    h, c : (N, U) arrays

    The other parameters are those of :func:`lstm_forward`.

    Returns
    -------
    h, c : (N, U) arrays
        The next state.
    gates : (N, 4 U) array
        i, f, candidate and o, for :func:`lstm_cell_backward`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> x, w, u = np.ones((1, 3), "f4"), np.ones((3, 4), "f4"), np.zeros((1, 4), "f4")
    >>> h, c, gates = ops.lstm_cell_forward(x, [[0]], [[1]], w, u)
    >>> round(float(c[0, 0]), 4)
    1.9004
    """
    where = "lstm_cell"
    steps = one_step(x, f"{where}: x")
    _, new_h, new_c, gates, _, _ = _forward(
        where, steps, kernel, recurrent_kernel, bias, tensor(h, f"{where}: h", 2),
        tensor(c, f"{where}: c", 2), None, input_dropout, recurrent_dropout,
        functions_of(where, activation, recurrent_activation), False, False, False, True, None,
        out, c_out,
    )  # fmt: skip
    return new_h, new_c, view(gates, (gates.shape[0], gates.shape[2]))


def lstm_cell_backward(
    dh: Any,
    dc: Any,
    x: Any,
    h: Any,
    c: Any,
    kernel: Any,
    recurrent_kernel: Any,
    gates: Any,
    *,
    input_dropout: Any = None,
    recurrent_dropout: Any = None,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
    use_bias: bool = True,
    needs_dx: bool = True,
    kernel_out: Any = None,
    recurrent_kernel_out: Any = None,
    bias_out: Any = None,
) -> tuple[Tensor | None, ...]:
    """Gradients of :func:`lstm_cell_forward`.

    Parameters
    ----------
    dh, dc : (N, U) arrays
        Gradients of the next state.
    x, h, c, kernel, recurrent_kernel : as in the forward pass
    gates : (N, 4 U) array
        What it returned.

    Returns
    -------
    dx : (N, F) array or None
    dkernel, drecurrent_kernel, dbias : arrays of the weights' shapes (dbias or None)
    dh0, dc0 : (N, U) arrays
        Gradients of h and c.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> x, w, u = np.ones((1, 3), "f4"), np.ones((3, 4), "f4"), np.zeros((1, 4), "f4")
    >>> h, c, gates = ops.lstm_cell_forward(x, [[0]], [[1]], w, u)
    >>> dx, *_ = ops.lstm_cell_backward([[1]], [[0]], x, [[0]], [[1]], w, u, gates)
    >>> dx.shape
    (1, 3)
    """
    where = "lstm_cell_backward"
    steps = one_step(x, f"{where}: x")
    dx, *others = _backward(
        where, None, steps, kernel, recurrent_kernel, one_step(gates, f"{where}: gates"),
        one_step(h, f"{where}: h"), one_step(c, f"{where}: c"),
        tensor(dh, f"{where}: dh", 2), tensor(dc, f"{where}: dc", 2), None, input_dropout,
        recurrent_dropout, functions_of(where, activation, recurrent_activation), False, False,
        False, use_bias, needs_dx, None, kernel_out, recurrent_kernel_out, bias_out,
    )  # fmt: skip
    return (dx if dx is None else view(dx, (dx.shape[0], dx.shape[2])), *others)
