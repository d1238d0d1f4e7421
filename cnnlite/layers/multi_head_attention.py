"""Multi-head attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnnlite import arguments, ops
from cnnlite.errors import ShapeError
from cnnlite.layers.attention import HIDDEN, causal_mask
from cnnlite.layers.base import Layer, positive
from cnnlite.layers.context import Context
from cnnlite.layers.merge import common_batch
from cnnlite.layers.projection import Projection
from cnnlite.ops.core import Tensor
from cnnlite.serialization import serialize
from cnnlite.shapes import is_int


class MultiHeadAttention(Layer):
    """Attention in several heads, each with projections of its own.

    ``softmax(Q K^T / sqrt(key_dim)) V`` for every head, with Q, K and V projected from
    query (N, T, D), key (N, S, C) and value (N, S, E); the heads' results, side by side, are
    projected to the output, (N, T, D) or (N, T, *output_shape).

    Parameters
    ----------
    num_heads, key_dim : int
    value_dim : int, optional
        Default: ``key_dim``.
    dropout : float
        Share of the attention weights that is dropped in training.
    use_bias : bool
    output_shape : int or sequence of int, optional
        Default: the query's features.
    attention_axes : (1,), optional
        Only that: the steps.
    sliding_window : int, optional
        A step sees those less than so many steps away alone.
    flash_attention : None or False
        There is one way of computing.
    kernel_initializer, bias_initializer : str or Initializer
    kernel_regularizer, bias_regularizer : str or Regularizer, optional
    activity_regularizer : str or Regularizer, optional
        Penalty on the output of every projection.
    kernel_constraint, bias_constraint : str or Constraint, optional
    use_gate : False
    seed : int, optional
        Of dropout; default: the model's.

    Notes
    -----
    The weights are query/kernel (D, heads, key_dim), query/bias (heads, key_dim), the same
    for key and value, and attention_output/kernel (heads, value_dim, *output_shape) with its
    bias.  A query that sees no step gets the bias of the output alone.

    References
    ----------
    Vaswani et al. 2017, section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> x = np.ones((2, 5, 8), "float32")
    >>> layers.MultiHeadAttention(num_heads=2, key_dim=4)(x, x).shape
    (2, 5, 8)
    """

    several_inputs = True
    supports_masking = True
    projection_regularizer: Any

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = positive(num_heads, f"{self.name}: num_heads")
        self.key_dim = positive(key_dim, f"{self.name}: key_dim")
        self.value_dim = positive(
            key_dim if value_dim is None else value_dim, f"{self.name}: value_dim"
        )
        self.dropout = arguments.number(dropout, f"{self.name}: dropout", 0, 1, open_ends="[)")
        self.use_bias = bool(use_bias)
        self.output_shape = self._checked_sizes(output_shape)
        axes = attention_axes if isinstance(attention_axes, list | tuple) else [attention_axes]
        if attention_axes is not None and [a if is_int(a) else None for a in axes] != [1]:
            raise ValueError(
                f"{self.name}: attention_axes: only the steps, axis 1. Got {attention_axes!r}."
            )
        if flash_attention or use_gate:
            raise ValueError(
                f"{self.name}: flash_attention and use_gate are not available. "
                f"Got {flash_attention!r}, {use_gate!r}. Leave them out."
            )
        self.attention_axes = None if attention_axes is None else (1,)
        self.flash_attention, self.use_gate = flash_attention, use_gate
        self.sliding_window = sliding_window
        if sliding_window is not None:
            self.sliding_window = positive(sliding_window, f"{self.name}: sliding_window")
        self.seed = arguments.seed(seed, f"{self.name}: seed")
        self.take_options(
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        # It counts for the projections, not for what comes out.
        self.projection_regularizer, self.activity_regularizer = self.activity_regularizer, None

    def _checked_sizes(self, output_shape: Any) -> tuple[int, ...] | None:
        if output_shape is None:
            return None
        sizes = output_shape if isinstance(output_shape, list | tuple) else (output_shape,)
        if not sizes:
            raise ShapeError(f"{self.name}: output_shape must be sizes. Got {output_shape!r}.")
        return tuple(positive(n, f"{self.name}: output_shape") for n in sizes)

    # -- building

    def build(self, input_shape: Any) -> None:
        query, value, key = self._check(input_shape)
        sizes = self.output_shape or (query[-1],)
        keys, values = (self.num_heads, self.key_dim), (self.num_heads, self.value_dim)
        self.query_dense = self._projection("query", 1, keys, query)
        self.key_dense = self._projection("key", 1, keys, key)
        self.value_dense = self._projection("value", 1, values, value)
        self.output_dense = self._projection("attention_output", 2, sizes, (*query[:-1], *values))

    def _projection(self, name: str, in_axes: int, sizes: Any, shape: Any) -> Projection:
        options = {
            f"{role}_{kind}": getattr(self, f"{role}_{kind}")
            for role in ("kernel", "bias")
            for kind in ("initializer", "regularizer", "constraint")
        }
        made = Projection(
            in_axes,
            sizes,
            self.use_bias,
            options,
            activity_regularizer=self.projection_regularizer,
            dtype=self.dtype,
            name=f"{self.name}/{name}",
            trainable=self.trainable,
        )
        made.ensure_built(shape)
        return made

    def _check(self, input_shape: Any) -> tuple:
        """Return the shapes of query, value and key, or raise."""
        if not isinstance(input_shape, list) or len(input_shape) not in (3, 4):
            raise ShapeError(
                f"{self.name}: MultiHeadAttention needs a query and a value. Got {input_shape}."
            )
        query, value, key = (tuple(shape) for shape in input_shape[:3])
        if not len(query) == len(value) == len(key) == 3:
            raise ShapeError(
                f"{self.name}: query, value and key must be (batch, steps, features). "
                f"Got shapes {input_shape[:3]}."
            )
        common_batch(input_shape[:3], self)
        if value[1] != key[1] and value[1] is not None and key[1] is not None:
            raise ShapeError(
                f"{self.name}: the steps of value and key differ. Got {value} and {key}."
            )
        if self.built:
            for shape, dense in (
                (query, self.query_dense),
                (value, self.value_dense),
                (key, self.key_dense),
            ):
                if shape[2] != dense.kernel.shape[0]:
                    raise ShapeError(
                        f"{dense.name}: built for {dense.kernel.shape[0]} features. "
                        f"Got shape {shape}."
                    )
        return query, value, key

    def compute_output_shape(
        self, input_shape: Any, return_attention_scores: bool = False, **arguments: Any
    ) -> Any:
        query, value, _ = self._check(input_shape)
        output = (*query[:2], *(self.output_shape or query[2:]))
        scores = (query[0], self.num_heads, query[1], value[1])
        return [output, scores] if return_attention_scores else output

    def multiply_adds(self, input_shape: Any) -> int:
        query, value, key = self._check(input_shape)
        inner = (*query[:2], self.num_heads, self.value_dim)
        pairs = (
            (self.query_dense, query),
            (self.key_dense, key),
            (self.value_dense, value),
            (self.output_dense, inner),
        )
        return sum(dense.multiply_adds(shape) for dense, shape in pairs)

    # -- calling

    def __call__(  # type: ignore[override]
        self,
        query: Any,
        value: Any = None,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
        mask: Any = None,
    ) -> Any:
        """Attend from the query to the value.

        Parameters
        ----------
        query : (N, T, D), value : (N, S, E), key : (N, S, C) array or symbolic tensor
            The key is the value by default.
        query_mask, value_mask, key_mask : (N, T), (N, S), (N, S) arrays, optional
            With arrays; in a graph the tensors bring their masks along.
        attention_mask : (N, T, S), (T, S) or (N, heads, T, S) array or symbolic tensor, optional
            1 where a query may attend to a key.
        return_attention_scores : bool
            Return the attention weights (N, heads, T, S) too, from before dropout.
        training : bool, optional
        use_causal_mask : bool
            Step t of the query sees the steps 0..t alone.
        """
        if isinstance(query, list):  # the inputs as this method put them: [q, v, k(, mask)]
            inputs, given = query, mask
        else:
            if value is None:
                raise TypeError(f"{self.name}: call it with a query and a value. Got one argument.")
            inputs = [query, value, value if key is None else key]
            if attention_mask is not None:
                inputs.append(attention_mask)
            masks = [query_mask, value_mask, key_mask, None]
            given = masks if any(m is not None for m in masks) else None
        arguments: dict[str, Any] = {}
        if return_attention_scores:
            arguments["return_attention_scores"] = True
        if use_causal_mask:
            arguments["use_causal_mask"] = True
        return super().__call__(inputs, training, given, **arguments)

    def compute_mask(self, x: Any, mask: Any, *, ctx: Context) -> Any:
        return None if mask is None else mask[0]

    def call(
        self,
        x: Any,
        *,
        ctx: Context,
        training: bool = False,
        mask: Any = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        children = [
            ctx.child(dense, ctx.needs_dx)
            for dense in (self.query_dense, self.key_dense, self.value_dense)
        ]
        # (N, T, heads, size) each: the products below read them as they lie.
        q, k, v = (c.call(t) for c, t in zip(children, (x[0], x[2], x[1]), strict=True))
        q = ops.multiply(q, 1 / math.sqrt(self.key_dim))
        scores = ops.batch_matmul(q, k, transpose_b=True, heads=(1, 2, 2))  # (N, heads, T, S)
        seen = self._seen(x, mask, use_causal_mask)
        if seen is not None:
            scores = ops.where(seen, scores, HIDDEN)
        weights = ops.softmax(scores)
        if seen is not None:  # a query that sees nothing has no weights, rather than equal ones
            weights = ops.where(seen, weights, 0.0)
        dropped, chosen = weights, None
        if training and self.dropout:
            dropped, chosen = ops.dropout_forward(weights, self.dropout, **ctx.draw(self.seed))
        inner = ops.batch_matmul(dropped, v, heads=(2, 1, 2))  # (N, T, heads, value_dim)
        output = ctx.child(self.output_dense)
        y = output.call(inner)
        ctx.save(
            children,
            output,
            q,
            k,
            v,
            weights,
            dropped,
            chosen,
            inner,
            len(x),
            return_attention_scores,
        )
        return [y, weights] if return_attention_scores else y

    def _seen(self, x: Any, mask: Any, causal: bool) -> Any:
        """The mask of scores, of a shape that broadcasts to (N, heads, T, S); or None."""
        n, queries, keys = x[0].shape[0], x[0].shape[1], x[1].shape[1]
        of_query, of_value, of_key = (list(mask or ()) + [None] * 3)[:3]
        found = [None if of_query is None else ops.reshape(of_query, (n, 1, queries, 1))]
        found += [
            None if m is None else ops.reshape(m, (n, 1, 1, keys))
            for m in (of_value, None if of_key is of_value else of_key)
        ]
        constant = causal_mask(queries, keys) if causal else np.ones((queries, keys), np.uint8)
        if self.sliding_window is not None:
            apart = np.abs(np.arange(queries)[:, None] - np.arange(keys))
            constant = constant * (apart < self.sliding_window).astype(np.uint8)
        if causal or self.sliding_window is not None:
            found.append(constant[None, None])
        if len(x) == 4:
            found.append(self._attention_mask(x[3], (queries, keys)))
        total = None
        for part in found:
            if part is not None:
                total = part if total is None else ops.logical_and(total, part)
        return total

    def _attention_mask(self, given: Tensor, sizes: tuple[int, int]) -> Tensor:
        shape = tuple(given.shape)
        if len(shape) not in (2, 3, 4) or shape[-2:] != sizes:
            raise ShapeError(
                f"{self.name}: attention_mask must be (batch, T, S), (T, S) or "
                f"(batch, heads, T, S). Got {shape} for T, S = {sizes}."
            )
        lead = {2: (1, 1), 3: (shape[0], 1), 4: shape[:2]}[len(shape)]
        return ops.reshape(ops.not_equal(given, 0), (*lead, *sizes))

    def backward(self, dy: Any, *, ctx: Context) -> list[Any]:
        children, output, q, k, v, weights, dropped, chosen, inner, inputs, several = ctx.saved
        dy, dw = dy if several else (dy, None)
        if dy is None:  # nothing depends on the output, only on the weights of attention
            dy = ops.full((*inner.shape[:2], *self.output_dense.sizes), 0, inner.dtype)
        d_inner = output.backward(dy)
        dv = ops.batch_matmul(dropped, d_inner, transpose_a=True, heads=(2, 1, 2))
        of_output = ops.batch_matmul(d_inner, v, transpose_b=True, heads=(1, 2, 2))
        if chosen is not None:
            of_output = ops.dropout_backward(of_output, chosen, self.dropout)
        dw = of_output if dw is None else ops.add(dw, of_output)
        # Hidden steps have weight 0, so no gradient of their scores.
        ds = ops.softmax_backward(dw, weights)
        dq = ops.batch_matmul(ds, k, heads=(2, 1, 2))
        dk = ops.batch_matmul(ds, q, transpose_a=True, heads=(2, 1, 2))
        dq = ops.multiply(dq, 1 / math.sqrt(self.key_dim))
        to_q, to_k, to_v = (c.backward(d) for c, d in zip(children, (dq, dk, dv), strict=True))
        return [to_q, to_v, to_k, None][:inputs]

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.projection_regularizer is not None:
            config["activity_regularizer"] = serialize(self.projection_regularizer)
        return config
