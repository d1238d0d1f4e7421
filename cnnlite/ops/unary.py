"""What functions of one array have in common: one kernel, and one of the gradient."""

from __future__ import annotations

from typing import Any

from cnnlite.ops.core import Output, Tensor, run, same_shape, tensor

# Whose gradient is computed from the input of the forward pass; the others' from the output.
FROM_INPUT = ("gelu", "gelu_tanh", "silu", "softsign", "log", "erf")


def unary(where: str, x: Any, out: Any, function: str, parameters: tuple = ()) -> Tensor:
    """Return ``function(x)``; errors begin with ``where``."""
    x = tensor(x, f"{where}: x")
    y = Output(out, x.shape, x.dtype, where, alias=(x,))
    run("unary", x.dtype, (y.array,), (x,), function=function, parameters=parameters)
    return y.deliver()


def unary_backward(
    where: str, dy: Any, kept: Any, out: Any, function: str, parameters: tuple = ()
) -> Tensor:
    """Return ``dy function'(x)``, computed from what :data:`FROM_INPUT` says was kept."""
    where += "_backward"
    name = "x" if function in FROM_INPUT else "y"
    dy, kept = tensor(dy, f"{where}: dy"), tensor(kept, f"{where}: {name}")
    same_shape(where, dy, kept, f"dy and {name}")
    dx = Output(out, dy.shape, dy.dtype, where, reads=(kept,), alias=(dy,), adds=True)
    params = {"function": function, "parameters": parameters, "accumulate": dx.accumulate}
    run("unary_backward", dy.dtype, (dx.array,), (dy, kept), **params)
    return dx.deliver()
