"""Layers of the user's own that compute: what to write in place of Keras's ``call``."""

from __future__ import annotations

from typing import Any


def refusal(where: str, name: str, error: Any) -> str:
    """Return the text of the error for a ``call`` without ctx that does more than call layers.

    Examples
    --------
    >>> print(refusal("mine: Mine.call", "Mine", "Got x."))
    mine: Mine.call has no ctx, so it runs on symbolic tensors and may only call layers. Got x.
    Write a call with ctx, and its derivative:
    <BLANKLINE>
        class Mine(cnnlite.layers.Layer):
            def call(self, x, *, ctx, training=False, mask=None):
                ctx.save(x)
                return ...  # with functions of cnnlite.ops, as ops.matmul(x, self.w)
    <BLANKLINE>
            def backward(self, dy, *, ctx):
                (x,) = ctx.saved
                ops.matmul(x, dy, transpose_a=True, out=ctx.grad(self.w))  # of each weight
                return ...  # gradient of x, as ops.matmul(dy, self.w, transpose_b=True)
    <BLANKLINE>
        def compute_output_shape(self, input_shape):
            return ...  # where it differs from the input's
    """
    return f"""{where} has no ctx, so it runs on symbolic tensors and may only call layers. {error}
Write a call with ctx, and its derivative:

    class {name}(cnnlite.layers.Layer):
        def call(self, x, *, ctx, training=False, mask=None):
            ctx.save(x)
            return ...  # with functions of cnnlite.ops, as ops.matmul(x, self.w)

        def backward(self, dy, *, ctx):
            (x,) = ctx.saved
            ops.matmul(x, dy, transpose_a=True, out=ctx.grad(self.w))  # of each weight
            return ...  # gradient of x, as ops.matmul(dy, self.w, transpose_b=True)

        def compute_output_shape(self, input_shape):
            return ...  # where it differs from the input's"""
