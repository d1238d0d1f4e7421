"""Vectors looked up by number."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from cnnlite import ops
from cnnlite.arguments import array
from cnnlite.errors import CnnliteWarning
from cnnlite.layers.base import Layer, check_single, positive
from cnnlite.layers.context import Context
from cnnlite.layers.symbolic import Shape, SymbolicTensor
from cnnlite.ops.core import Tensor
from cnnlite.ops.gather import check_ids


class Embedding(Layer):
    """Turn whole numbers into vectors: ``y = embeddings[x]``.

    Input (N, ...) of whole numbers 0..input_dim - 1, output (N, ..., output_dim).

    Parameters
    ----------
    input_dim : int
        How many vectors there are: the largest number plus one.
    output_dim : int
        Length of a vector.
    embeddings_initializer : str or Initializer
    embeddings_regularizer : str or Regularizer, optional
    embeddings_constraint : str or Constraint, optional
    mask_zero : bool
        Whether 0 stands for no value: the output gets a mask, 0 where the number is 0.
    weights : (input_dim, output_dim) array, optional
        The vectors to start with.

    Raises
    ------
    ValueError
        When called on arrays, or when a model gets them: for a number out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layer = layers.Embedding(3, 2, weights=np.array([[0, 0], [1, 2], [3, 4]]))
    >>> layer([[2, 1]])
    array([[[3., 4.],
            [1., 2.]]], dtype=float32)
    """

    input_dtype = "int32"
    unsaved = ("weights", "input_length")

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        **kwargs: Any,
    ) -> None:
        length = kwargs.pop("input_length", None)
        super().__init__(**kwargs)
        if length is not None:
            warnings.warn(
                f"{self.name}: input_length is not needed, and not used. "
                f"Got {length!r}. Leave it out.",
                CnnliteWarning,
                stacklevel=2,
            )
        self.input_dim = positive(input_dim, f"{self.name}: input_dim")
        self.output_dim = positive(output_dim, f"{self.name}: output_dim")
        self.mask_zero = bool(mask_zero)
        self.supports_masking = self.mask_zero
        self.take_options(
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
        )
        if weights is not None:
            self.ensure_built(None)
            given = weights if isinstance(weights, list) and len(weights) == 1 else [weights]
            self.set_weights([np.asarray(w) for w in given])

    def build(self, input_shape: Any) -> None:
        self.embeddings = self.make_weight("embeddings", (self.input_dim, self.output_dim))

    def __call__(
        self, x: Any, training: bool | None = None, mask: Any = None, **kwargs: Any
    ) -> Any:
        if isinstance(x, SymbolicTensor):
            if x.node is None:  # a model checks what it is given for this input
                x.limit = self.input_dim if x.limit is None else min(x.limit, self.input_dim)
        elif not isinstance(x, list | tuple) or not any(isinstance(t, SymbolicTensor) for t in x):
            check_ids(array(x, f"{self.name}: x"), self.input_dim, self.name)
        return super().__call__(x, training, mask, **kwargs)

    def _ids(self, x: Any) -> Tensor:
        return x if x.dtype == np.int32 else ops.cast(x, "int32")

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        ids = self._ids(x)
        ctx.save(ids)
        return ops.gather(self.embeddings, ids)

    def backward(self, dy: Tensor, *, ctx: Context) -> None:
        (ids,) = ctx.saved
        ops.scatter_add(dy, ids, self.input_dim, out=ctx.grad(self.embeddings))

    def compute_mask(self, x: Any, mask: Any, *, ctx: Context) -> Any:
        return ops.not_equal(self._ids(x), 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_single(input_shape, self)
        return (*input_shape, self.output_dim)
