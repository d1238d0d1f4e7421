"""Attention: steps of a sequence weighted by how well their keys fit a query."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite import arguments, ops
from cnnlite.errors import ShapeError
from cnnlite.layers.base import Layer
from cnnlite.layers.context import Context
from cnnlite.layers.merge import common_batch
from cnnlite.ops.core import Tensor

HIDDEN = -1e9  # what is added to the score of a step that does not count


def causal_mask(queries: int, keys: int) -> np.ndarray:
    """Return the (T, S) mask in which step t sees the steps 0..t.

    Examples
    --------
    >>> from cnnlite.layers.attention import causal_mask
    >>> causal_mask(2, 3)
    array([[1, 0, 0],
           [1, 1, 0]], dtype=uint8)
    """
    return np.tril(np.ones((queries, keys), np.uint8))


class Attention(Layer):
    """Dot-product attention: ``softmax(query key^T) value``.

    Inputs [query (N, T, D), value (N, S, E)] and optionally key (N, S, D), by default the
    value; output (N, T, E).

    Parameters
    ----------
    use_scale : bool
        Multiply the scores by a weight, which starts at 1.
    score_mode : {"dot", "concat"}
        "concat": ``w sum tanh(scale (query + key))`` instead of the scalar product, with a
        weight w that starts at 1.
    dropout : float
        Share of the attention weights that is dropped in training.
    seed : int, optional
        Of dropout; default: the model's.

    Call arguments
    --------------
    mask : list of (N, T) and (N, S) masks, or None in their place
        Of query and value: the value's hidden steps get no weight, the query's hidden steps
        give 0.
    return_attention_scores : bool
        Return the weights (N, T, S) too.
    use_causal_mask : bool
        Step t of the query sees the steps 0..t alone.

    References
    ----------
    Luong et al. 2015; Vaswani et al. 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> query, value = np.zeros((1, 1, 2)), np.array([[[1.0, 2.0], [3.0, 4.0]]])
    >>> layers.Attention()([query, value])  # equal scores: the mean
    array([[[2., 3.]]], dtype=float32)
    """

    several_inputs = True
    supports_masking = True

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                f'{self.name}: score_mode must be "dot" or "concat". Got {score_mode!r}.'
            )
        self.use_scale = bool(use_scale)
        self.score_mode = score_mode
        self.dropout = arguments.number(dropout, f"{self.name}: dropout", 0, 1, open_ends="[)")
        self.seed = arguments.seed(seed, f"{self.name}: seed")

    def build(self, input_shape: Any) -> None:
        self._check(input_shape)
        self.scale = self.add_weight((), "ones", name="scale") if self.use_scale else None
        self.concat_score_weight: Any = None
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def _check(self, input_shape: Any) -> tuple:
        """Return the shapes of query, value and key, or raise."""
        if not isinstance(input_shape, list) or len(input_shape) not in (2, 3):
            raise ShapeError(
                f"{self.name}: {type(self).__name__} needs a list [query, value] or "
                f"[query, value, key]. Got shape {input_shape}."
            )
        query, value = (tuple(shape) for shape in input_shape[:2])
        key = tuple(input_shape[2]) if len(input_shape) == 3 else value
        common_batch(input_shape, self)
        if not len(query) == len(value) == len(key) == 3:
            raise ShapeError(
                f"{self.name}: query, value and key must be (batch, steps, features). "
                f"Got shapes {input_shape}."
            )
        for what, a, b in (("features of query and key", query[2], key[2]),
                           ("steps of value and key", value[1], key[1])):  # fmt: skip
            if a != b and a is not None and b is not None:
                raise ShapeError(
                    f"{self.name}: the {what} differ, {a} against {b}. Got shapes {input_shape}."
                )
        return query, value, key

    def compute_output_shape(
        self, input_shape: Any, return_attention_scores: bool = False, **arguments: Any
    ) -> Any:
        query, value, key = self._check(input_shape)
        output = (common_batch(input_shape, self), query[1], value[2])
        return [output, (*output[:2], key[1])] if return_attention_scores else output

    def compute_mask(self, x: Any, mask: Any, *, ctx: Context) -> Any:
        return None if mask is None else mask[0]

    # -- scores

    def _scores(self, q: Tensor, k: Tensor) -> tuple[Tensor, tuple]:
        """Return the scores (N, T, S), and what :meth:`_scores_backward` needs."""
        if self.score_mode == "dot":
            products = ops.batch_matmul(q, k, transpose_b=True)
            if self.scale is None:
                return products, (None,)
            return ops.multiply(products, self.scale), (products,)
        sums = _pair_sums(q, k)  # (N, T, S, D)
        scaled = sums if self.scale is None else ops.multiply(sums, self.scale)
        bent = ops.tanh(scaled)
        total = ops.sum(bent, axis=-1)
        return ops.multiply(total, self.concat_score_weight), (sums, bent, total)

    def _scores_backward(
        self, ds: Tensor, q: Tensor, k: Tensor, kept: tuple, ctx: Context
    ) -> tuple[Tensor, Tensor]:
        if self.score_mode == "dot":
            if self.scale is not None:
                ops.reduce_to(ops.multiply(ds, kept[0]), (), out=ctx.grad(self.scale))
                ds = ops.multiply(ds, self.scale)
            return ops.batch_matmul(ds, k), ops.batch_matmul(ds, q, transpose_a=True)
        sums, bent, total = kept
        ops.reduce_to(ops.multiply(ds, total), (), out=ctx.grad(self.concat_score_weight))
        each = ops.multiply(ds, self.concat_score_weight)
        d = ops.tanh_backward(
            ops.multiply(_last_axis(each), ops.full(bent.shape, 1, bent.dtype)), bent
        )
        if self.scale is not None:
            ops.reduce_to(ops.multiply(d, sums), (), out=ctx.grad(self.scale))
            d = ops.multiply(d, self.scale)
        return ops.sum(d, axis=2), ops.sum(d, axis=1)

    # -- the layer

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
        q, v = x[:2]
        k = x[2] if len(x) == 3 else v
        q_mask, v_mask = (mask or (None, None))[:2]
        scores, kept = self._scores(q, k)
        seen = self._seen(v_mask, q.shape[1], k.shape[1], use_causal_mask)
        if seen is not None:
            bias = ops.where(seen, np.zeros(1, scores.dtype), HIDDEN)
            scores = ops.add(scores, bias)
        weights = ops.softmax(scores)
        dropped, chosen = weights, None
        if training and self.dropout:
            dropped, chosen = ops.dropout_forward(weights, self.dropout, **ctx.draw(self.seed))
        y = ops.batch_matmul(dropped, v)
        rows = None if q_mask is None else _last_axis(q_mask)
        if rows is not None:
            y = ops.where(rows, y, 0.0)
        ctx.save(x, kept, weights, dropped, chosen, rows, return_attention_scores)
        return [y, dropped] if return_attention_scores else y

    @staticmethod
    def _seen(v_mask: Any, queries: int, keys: int, causal: bool) -> Any:
        """The mask of scores, of a shape that broadcasts to (N, T, S); or None."""
        seen = None if v_mask is None else ops.reshape(v_mask, (v_mask.shape[0], 1, keys))
        if not causal:
            return seen
        past = causal_mask(queries, keys)[None]
        return past if seen is None else ops.logical_and(seen, past)

    def backward(self, dy: Any, *, ctx: Context) -> list[Tensor]:
        x, kept, weights, dropped, chosen, rows, several = ctx.saved
        q, v = x[:2]
        k = x[2] if len(x) == 3 else v
        dy, dw = dy if several else (dy, None)
        dv = None
        if dy is not None:
            if rows is not None:
                dy = ops.where(rows, dy, 0.0)
            dv = ops.batch_matmul(dropped, dy, transpose_a=True)
            of_output = ops.batch_matmul(dy, v, transpose_b=True)
            dw = of_output if dw is None else ops.add(dw, of_output)
        if chosen is not None:
            dw = ops.dropout_backward(dw, chosen, self.dropout)
        ds = ops.softmax_backward(dw, weights)
        dq, dk = self._scores_backward(ds, q, k, kept, ctx)
        if dv is None:
            dv = ops.full(v.shape, 0, v.dtype)
        return [dq, dv, dk] if len(x) == 3 else [dq, ops.add(dv, dk)]


def _last_axis(x: Tensor) -> Tensor:
    """``x`` with an axis of 1 at its end."""
    return ops.reshape(x, (*x.shape, 1))


def _pair_sums(q: Tensor, k: Tensor) -> Tensor:
    """Return the sum of every query and every key, (N, T, S, D)."""
    n, t, d = q.shape
    return ops.add(ops.reshape(q, (n, t, 1, d)), ops.reshape(k, (n, 1, k.shape[1], d)))


class AdditiveAttention(Attention):
    """Additive attention: scores ``sum scale tanh(query + key)``.

    Inputs, output, masks and call arguments: as :class:`Attention`.

    Parameters
    ----------
    use_scale : bool
        Weigh the features by a vector of weights; else they count alike.
    dropout : float

    References
    ----------
    Bahdanau et al. 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> query, value = np.zeros((1, 1, 2)), np.array([[[1.0, 2.0], [1.0, 2.0]]])
    >>> layers.AdditiveAttention()([query, value])
    array([[[1., 2.]]], dtype=float32)
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        query, *_ = self._check(input_shape)
        self.scale = self.add_weight((query[2],), name="scale") if self.use_scale else None

    def _scores(self, q: Tensor, k: Tensor) -> tuple[Tensor, tuple]:
        bent = ops.tanh(_pair_sums(q, k))
        weighed = bent if self.scale is None else ops.multiply(bent, self.scale)
        return ops.sum(weighed, axis=-1), (bent,)

    def _scores_backward(
        self, ds: Tensor, q: Tensor, k: Tensor, kept: tuple, ctx: Context
    ) -> tuple[Tensor, Tensor]:
        (bent,) = kept
        ds = _last_axis(ds)
        if self.scale is not None:
            ops.reduce_to(ops.multiply(bent, ds), self.scale.shape, out=ctx.grad(self.scale))
            each = ops.multiply(ds, self.scale)
        else:
            each = ops.multiply(ds, np.ones(bent.shape[-1:], bent.dtype))
        d = ops.tanh_backward(each, bent)
        return ops.sum(d, axis=2), ops.sum(d, axis=1)
