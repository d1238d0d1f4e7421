"""What recurrent operations share: checks, and the products over all steps at once.

The sums of a step's gates are ``x W + bias + h U``.  The input's share of all steps is
one product before the recurrence; the gradients of W, U, the bias and x are products
after it.  Dropout multiplies x and h by arrays that stay the same in all steps, one for
all gates or one for each.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cnnlite.errors import ShapeError
from cnnlite.ops.arithmetic import add, multiply
from cnnlite.ops.core import Output, Tensor, check_out, tensor, view
from cnnlite.ops.elementwise import concatenate, split
from cnnlite.ops.product import ACTIVATIONS, bias_gradient, matmul

# What a step can apply: all have their derivative from the output.
FUNCTIONS = (*ACTIVATIONS, "hard_sigmoid")


class Inputs(NamedTuple):
    """The checked arguments that all recurrent operations have."""

    x: Tensor  # (N, T, F)
    kernel: Tensor  # (F, G U)
    recurrent_kernel: Tensor  # (U, G U)
    mask: Tensor | None  # (N, T) uint8
    input_dropout: Tensor | None  # (N, 1 or G, F)
    recurrent_dropout: Tensor | None  # (N, G, U)
    units: int

    def state(self, value: Any, where: str) -> Tensor | None:
        """Return a state, or its gradient, of shape (N, U); None stays."""
        if value is None:
            return None
        return of_shape(value, where, (self.x.shape[0], self.units), self.x.dtype)

    def saved(self, value: Any, where: str, gates: int = 1) -> Tensor:
        """Return what the forward pass kept of every step, (N, T, gates U)."""
        shape = (*self.x.shape[:2], gates * self.units)
        return of_shape(value, where, shape, self.x.dtype)

    def output_gradient(self, dy: Any, where: str, return_sequences: bool) -> Tensor | None:
        """Return dy, (N, T, U) or (N, U), as the kernels take it: (N, T or 1, U)."""
        if dy is None:
            return None
        n, t = self.x.shape[:2]
        shape = (n, t, self.units) if return_sequences else (n, self.units)
        dy = of_shape(dy, where, shape, self.x.dtype)
        return view(dy, (n, t if return_sequences else 1, self.units))


def of_shape(value: Any, where: str, shape: tuple[int, ...], dtype: Any) -> Tensor:
    """Return a tensor that must have this shape."""
    found = tensor(value, where, len(shape), dtype)
    if found.shape != shape:
        raise ShapeError(f"{where} must have shape {shape}. Got {found.shape}.")
    return found


def inputs_of(
    where: str,
    gates: int,
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    mask: Any,
    input_dropout: Any,
    recurrent_dropout: Any,
) -> Inputs:
    """Check what every recurrent operation is given."""
    x = tensor(x, f"{where}: x", 3)
    kernel = tensor(kernel, f"{where}: kernel", 2, x.dtype)
    recurrent_kernel = tensor(recurrent_kernel, f"{where}: recurrent_kernel", 2, x.dtype)
    n, t, features = x.shape
    units = recurrent_kernel.shape[0]
    if units < 1 or recurrent_kernel.shape[1] != gates * units:
        raise ShapeError(
            f"{where}: recurrent_kernel must be (units, {gates} units). "
            f"Got {recurrent_kernel.shape}."
        )
    if kernel.shape != (features, gates * units):
        raise ShapeError(
            f"{where}: kernel does not fit {features} features of x and {units} units. "
            f"Got {kernel.shape}. Make it {(features, gates * units)}."
        )
    if mask is not None:
        mask = tensor(mask, f"{where}: mask", 2, np.uint8, integer=True)
        if mask.shape != (n, t):
            raise ShapeError(f"{where}: mask must have shape {(n, t)}. Got {mask.shape}.")
    if input_dropout is not None:
        input_dropout = tensor(input_dropout, f"{where}: input_dropout", 3, x.dtype)
        if input_dropout.shape not in ((n, 1, features), (n, gates, features)):
            raise ShapeError(
                f"{where}: input_dropout must have shape {(n, 1, features)} or "
                f"{(n, gates, features)}. Got {input_dropout.shape}."
            )
    if recurrent_dropout is not None:
        name = f"{where}: recurrent_dropout"
        recurrent_dropout = of_shape(recurrent_dropout, name, (n, gates, units), x.dtype)
    return Inputs(x, kernel, recurrent_kernel, mask, input_dropout, recurrent_dropout, units)


def activation_name(name: str | None, where: str) -> str | None:
    """Return the activation as kernels take it: None for the linear one."""
    if name in (None, "linear"):
        return None
    if name not in FUNCTIONS:
        raise ValueError(
            f"{where} cannot be part of a recurrence. Got {name!r}. "
            f"Choose one of linear, {', '.join(FUNCTIONS)}."
        )
    return name


def functions_of(where: str, activation: Any, recurrent_activation: Any) -> dict[str, Any]:
    """Return the kernels' parameters for both activations."""
    return {
        "activation": activation_name(activation, f"{where}: activation"),
        "recurrent_activation": activation_name(
            recurrent_activation, f"{where}: recurrent_activation"
        ),
    }


def one_step(value: Any, where: str) -> Tensor:
    """Return (N, K) as a sequence of one step."""
    value = tensor(value, where, 2)
    return view(value, (value.shape[0], 1, value.shape[1]))


def output_of(i: Inputs, out: Any, return_sequences: bool, where: str) -> tuple[Output, Tensor]:
    """Return y's output and the array (N, T or 1, U) that a kernel writes."""
    n, t = i.x.shape[:2]
    shape = (n, t, i.units) if return_sequences else (n, i.units)
    y = Output(out, shape, i.x.dtype, where, reads=i[:6])
    return y, view(y.array, (n, t if return_sequences else 1, i.units))


def state_output(i: Inputs, out: Any, where: str, start: Tensor | None = None) -> Output:
    """Return the output of a state (N, U), which may be written over the initial state."""
    return Output(out, (i.x.shape[0], i.units), i.x.dtype, where, reads=i[:6], alias=(start,))


def fresh(i: Inputs, gates: int = 1) -> Tensor:
    """Return a new array (N, T, gates U)."""
    return Output(None, (*i.x.shape[:2], gates * i.units), i.x.dtype, "recurrent").array


def _per_gate(array: Tensor) -> list[Tensor]:
    """Cut (N, G, K) into G arrays (N, 1, K)."""
    return split(array, [1] * array.shape[1], axis=1)


def input_sums(i: Inputs, bias: Tensor | None) -> Tensor:
    """Return ``x W + bias`` of every step: (N, T, G U)."""
    if i.input_dropout is None:
        return matmul(i.x, i.kernel, bias=bias)
    drops = _per_gate(i.input_dropout)
    if len(drops) == 1:
        return matmul(multiply(i.x, drops[0]), i.kernel, bias=bias)
    sizes = [i.units] * len(drops)
    kernels = split(i.kernel, sizes, axis=1)
    biases = [None] * len(drops) if bias is None else split(bias, sizes)
    sums = [
        matmul(multiply(i.x, drop), kernel, bias=b)
        for drop, kernel, b in zip(drops, kernels, biases, strict=True)
    ]
    return concatenate(sums)


def product_gradient(left: Tensor, dz: Tensor, out: Any = None) -> Tensor:
    """Return ``sum over n, t of left^T dz``, (K, columns), for (N, T, K) and (N, T, columns)."""
    steps = left.shape[0] * left.shape[1]
    return matmul(
        view(left, (steps, left.shape[2])),
        view(dz, (steps, dz.shape[2])),
        transpose_a=True,
        out=out,
    )


def dropped_gradient(left: Tensor, dz: Tensor, dropout: Tensor | None, out: Any = None) -> Tensor:
    """Return the gradient of a matrix whose columns of gate g multiply ``left * dropout[:, g]``."""
    if dropout is None:
        return product_gradient(left, dz, out)
    drops = _per_gate(dropout)
    if len(drops) == 1:
        return product_gradient(multiply(left, drops[0]), dz, out)
    parts = split(dz, [dz.shape[2] // len(drops)] * len(drops))
    gradients = [
        product_gradient(multiply(left, drop), part)
        for drop, part in zip(drops, parts, strict=True)
    ]
    return concatenate(gradients, axis=1, out=out)


def input_gradient(i: Inputs, dz: Tensor, out: Any) -> Tensor:
    """Return dx (N, T, F) from the gradient of every step's sums."""
    if i.input_dropout is None:
        return matmul(dz, i.kernel, transpose_b=True, out=out)
    drops = _per_gate(i.input_dropout)
    if len(drops) == 1:
        return multiply(matmul(dz, i.kernel, transpose_b=True), drops[0], out=out)
    sizes = [i.units] * len(drops)
    parts = zip(drops, split(dz, sizes), split(i.kernel, sizes, axis=1), strict=True)
    shares = [multiply(matmul(part, w, transpose_b=True), drop) for drop, part, w in parts]
    total = shares[0]
    for share in shares[1:-1]:
        total = add(total, share)
    return add(total, shares[-1], out=out)


def gradients(
    i: Inputs,
    dz: Tensor,
    *,
    needs_dx: bool,
    use_bias: bool,
    out: Any,
    kernel_out: Any,
    bias_out: Any,
) -> tuple[Tensor | None, Tensor, Tensor | None]:
    """Return dx, dW and the bias's gradient from that of every step's sums."""
    dkernel = dropped_gradient(i.x, dz, i.input_dropout, kernel_out)
    dbias = bias_gradient(dz, out=bias_out) if use_bias else None
    return input_gradient(i, dz, out) if needs_dx else None, dkernel, dbias


def check_outs(
    i: Inputs, where: str, out: Any, kernel_out: Any, recurrent_kernel_out: Any, bias_out: Any,
    bias_shape: tuple[int, ...],
) -> None:  # fmt: skip
    """Raise, before any work, unless what the gradients go to fits them."""
    for name, array, shape in (
        ("", out, i.x.shape),
        (": kernel_out", kernel_out, i.kernel.shape),
        (": recurrent_kernel_out", recurrent_kernel_out, i.recurrent_kernel.shape),
        (": bias_out", bias_out, bias_shape),
    ):
        check_out(array, shape, i.x.dtype, where + name)
