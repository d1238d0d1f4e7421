"""Gated recurrent unit: whole sequences, and one step."""

from __future__ import annotations

from typing import Any

from cnnlite.ops.core import Tensor, run, tensor, view
from cnnlite.ops.elementwise import concatenate, split
from cnnlite.ops.product import bias_gradient
from cnnlite.ops.recurrent import (
    Inputs,
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


def gru_forward(
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    h0: Any = None,
    *,
    reset_after: bool = True,
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
) -> tuple[Tensor, ...]:
    """GRU over sequences: gates update u, reset r, candidate g of ``x W + h U + bias``, then

    ``h' = u h + (1 - u) g``, step after step.

    Parameters
    ----------
    x : (N, T, F) array
    kernel, recurrent_kernel : (F, 3 U) and (U, 3 U) arrays
        W and U; columns of u, r, g in this order.
    bias : (2, 3 U) array, optional
        Of ``x W`` and of ``h U``; without ``reset_after`` (3 U,), of ``x W``.
    h0 : (N, U) array, optional
    reset_after : bool
        The candidate's share of h is ``r (h U_g + b)``, or without it ``(r h) U_g``.
    h_out : array, optional
        Where h goes; may be h0.

    The other parameters are those of :func:`lstm_forward`, with three gates.

    Returns
    -------
    y : (N, T, U) or (N, U) array
    h : (N, U) array
        The final state.
    gates, states, inner : (N, T, 3 U), (N, T, U) and (N, T, U) arrays, with ``save``
        u, r, g of every step, h before it, and what r meets of it.

    References
    ----------
    Cho et al. 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> x, w, u = np.ones((1, 2, 3), "f4"), np.ones((3, 3), "f4"), np.zeros((1, 3), "f4")
    >>> y, h = ops.gru_forward(x, w, u, save=False)
    >>> y.shape, round(float(h[0, 0]), 4)
    ((1, 2, 1), 0.0921)
    """
    return _forward(
        "gru", x, kernel, recurrent_kernel, bias, h0, reset_after, mask, input_dropout,
        recurrent_dropout, functions_of("gru", activation, recurrent_activation),
        return_sequences, go_backwards, zero_output_for_mask, save, out, h_out,
    )  # fmt: skip


def _biases(i: Inputs, bias: Any, reset_after: bool, where: str) -> tuple[Any, Any]:
    """Return the biases of x W and of h U, each (3 U,) or None."""
    if bias is None:
        return None, None
    size = 3 * i.units
    bias = of_shape(bias, f"{where}: bias", (2, size) if reset_after else (size,), i.x.dtype)
    if not reset_after:
        return bias, None
    first, second = split(bias, [1, 1], axis=0)
    return view(first, (size,)), view(second, (size,))


def _forward(
    where: str, x: Any, kernel: Any, recurrent_kernel: Any, bias: Any, h0: Any,
    reset_after: bool, mask: Any, input_dropout: Any, recurrent_dropout: Any,
    functions: dict[str, Any], return_sequences: bool, go_backwards: bool,
    zero_output_for_mask: bool, save: bool, out: Any, h_out: Any,
) -> tuple[Tensor, ...]:  # fmt: skip
    i = inputs_of(where, 3, x, kernel, recurrent_kernel, mask, input_dropout, recurrent_dropout)
    of_x, of_h = _biases(i, bias, reset_after, where)
    h0 = i.state(h0, f"{where}: h0")
    y, steps = output_of(i, out, return_sequences, where)
    h = state_output(i, h_out, where, h0)
    z = input_sums(i, of_x)
    saved = (z, fresh(i), fresh(i)) if save else (None, None, None)  # the gates in z's place
    run(
        "gru_forward",
        i.x.dtype,
        (*saved, steps, h.array),
        (z, h0, i.recurrent_kernel, of_h, i.recurrent_dropout, i.mask),
        **functions,
        reset_after=reset_after,
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
    )
    results = (y.deliver(), h.deliver())
    return (*results, *saved) if save else results


def gru_backward(
    dy: Any,
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    gates: Any,
    states: Any,
    inner: Any,
    *,
    dh: Any = None,
    reset_after: bool = True,
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
    """Back-propagate through the time of :func:`gru_forward`.

    Parameters
    ----------
    dy : (N, T, U) or (N, U) array, or None
        Gradient of y; None for 0.
    x, kernel, recurrent_kernel : as in the forward pass
    gates, states, inner : what it saved
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
    >>> x, w, u = np.ones((1, 2, 3), "f4"), np.ones((3, 3), "f4"), np.zeros((1, 3), "f4")
    >>> y, h, *saved = ops.gru_forward(x, w, u)
    >>> ops.gru_backward(np.ones_like(y), x, w, u, *saved)[3].shape
    (2, 3)
    """
    return _backward(
        "gru_backward", dy, x, kernel, recurrent_kernel, gates, states, inner, dh, reset_after,
        mask, input_dropout, recurrent_dropout,
        functions_of("gru_backward", activation, recurrent_activation), return_sequences,
        go_backwards, zero_output_for_mask, use_bias, needs_dx, out, kernel_out,
        recurrent_kernel_out, bias_out,
    )  # fmt: skip


def _backward(
    where: str, dy: Any, x: Any, kernel: Any, recurrent_kernel: Any, gates: Any, states: Any,
    inner: Any, dh: Any, reset_after: bool, mask: Any, input_dropout: Any,
    recurrent_dropout: Any, functions: dict[str, Any], return_sequences: bool,
    go_backwards: bool, zero_output_for_mask: bool, use_bias: bool, needs_dx: bool, out: Any,
    kernel_out: Any, recurrent_kernel_out: Any, bias_out: Any,
) -> tuple[Tensor | None, ...]:  # fmt: skip
    i = inputs_of(where, 3, x, kernel, recurrent_kernel, mask, input_dropout, recurrent_dropout)
    shape = (2, 3 * i.units) if reset_after else (3 * i.units,)
    check_outs(i, where, out, kernel_out, recurrent_kernel_out, bias_out, shape)
    dy = i.output_gradient(dy, f"{where}: dy", return_sequences)
    dh = i.state(dh, f"{where}: dh")
    gates = i.saved(gates, f"{where}: gates", 3)
    states, inner = i.saved(states, f"{where}: states"), i.saved(inner, f"{where}: inner")
    dz, dr = fresh(i, 3), fresh(i, 3) if reset_after else None
    dh0 = state_output(i, None, where)
    run(
        "gru_backward",
        i.x.dtype,
        (dz, dr, dh0.array),
        (dy, dh, gates, states, inner, i.recurrent_kernel, i.recurrent_dropout, i.mask),
        **functions,
        reset_after=reset_after,
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
    )
    two = use_bias and dr is not None
    dx, dkernel, dbias = gradients(
        i, dz, needs_dx=needs_dx, use_bias=use_bias and not two, kernel_out=kernel_out,
        bias_out=bias_out, out=out,
    )  # fmt: skip
    if dr is not None:
        drecurrent = dropped_gradient(states, dr, i.recurrent_dropout, recurrent_kernel_out)
    else:
        drecurrent = _without_reset_after(i, states, inner, dz, recurrent_kernel_out)
    if two:
        rows = [view(bias_gradient(d), (1, 3 * i.units)) for d in (dz, dr)]
        dbias = concatenate(rows, axis=0, out=bias_out)
    return dx, dkernel, drecurrent, dbias, dh0.array


def _without_reset_after(i: Inputs, states: Tensor, inner: Tensor, dz: Tensor, out: Any) -> Tensor:
    """Return dU where update and reset see h, and the candidate sees ``inner``."""
    both, candidate = split(dz, [2 * i.units, i.units])
    dropout = i.recurrent_dropout
    if dropout is not None:
        dropout = split(dropout, [2, 1], axis=1)[0]
    parts = [dropped_gradient(states, both, dropout), dropped_gradient(inner, candidate, None)]
    return concatenate(parts, axis=1, out=out)


def gru_cell_forward(
    x: Any,
    h: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    *,
    reset_after: bool = True,
    input_dropout: Any = None,
    recurrent_dropout: Any = None,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
    out: Any = None,
) -> tuple[Tensor, ...]:
    """One step of a GRU; see :func:`gru_forward`.

    Parameters
    ----------
    x : (N, F) array
    h : (N, U) array

    The other parameters are those of :func:`gru_forward`.

    Returns
    -------
    h : (N, U) array
        The next state.
    gates, inner : (N, 3 U) and (N, U) arrays
        For :func:`gru_cell_backward`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> x, w, u = np.ones((1, 3), "f4"), np.ones((3, 3), "f4"), np.zeros((1, 3), "f4")
    >>> h, gates, inner = ops.gru_cell_forward(x, [[1]], w, u)
    >>> round(float(h[0, 0]), 4)
    0.9998
    """
    where = "gru_cell"
    _, new, gates, _, inner = _forward(
        where, one_step(x, f"{where}: x"), kernel, recurrent_kernel, bias,
        tensor(h, f"{where}: h", 2), reset_after, None, input_dropout, recurrent_dropout,
        functions_of(where, activation, recurrent_activation), False, False, False, True, None,
        out,
    )  # fmt: skip
    return new, *(view(a, (a.shape[0], a.shape[2])) for a in (gates, inner))


def gru_cell_backward(
    dh: Any,
    x: Any,
    h: Any,
    kernel: Any,
    recurrent_kernel: Any,
    gates: Any,
    inner: Any,
    *,
    reset_after: bool = True,
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
    """Gradients of :func:`gru_cell_forward`.

    Parameters
    ----------
    dh : (N, U) array
        Gradient of the next state.
    x, h, kernel, recurrent_kernel : as in the forward pass
    gates, inner : what it returned

    Returns
    -------
    dx : (N, F) array or None
    dkernel, drecurrent_kernel, dbias : arrays of the weights' shapes (dbias or None)
    dh0 : (N, U) array
        Gradient of h.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> x, w, u = np.ones((1, 3), "f4"), np.ones((3, 3), "f4"), np.zeros((1, 3), "f4")
    >>> h, gates, inner = ops.gru_cell_forward(x, [[1]], w, u)
    >>> ops.gru_cell_backward([[1]], x, [[1]], w, u, gates, inner)[0].shape
    (1, 3)
    """
    where = "gru_cell_backward"
    dx, *others = _backward(
        where, None, one_step(x, f"{where}: x"), kernel, recurrent_kernel,
        one_step(gates, f"{where}: gates"), one_step(h, f"{where}: h"),
        one_step(inner, f"{where}: inner"), tensor(dh, f"{where}: dh", 2), reset_after, None,
        input_dropout, recurrent_dropout,
        functions_of(where, activation, recurrent_activation), False, False, False, use_bias,
        needs_dx, None, kernel_out, recurrent_kernel_out, bias_out,
    )  # fmt: skip
    return (dx if dx is None else view(dx, (dx.shape[0], dx.shape[2])), *others)
