"""Scalar products of two inputs along an axis of each."""

from __future__ import annotations

import math
from typing import Any

from cnnlite import ops
from cnnlite.errors import ShapeError
from cnnlite.layers.base import Layer
from cnnlite.layers.context import Context
from cnnlite.layers.merge import check_several, common_batch
from cnnlite.layers.symbolic import Shape
from cnnlite.ops.core import Tensor
from cnnlite.shapes import is_int

EPSILON = 1e-7  # the least norm that a vector is divided by


class Dot(Layer):
    """Scalar products: the sum over one axis of each of two inputs, for every sample.

    Inputs (N, ..., K, ...) and (N, ..., K, ...); output (N, the first one's other axes, the
    second one's other axes), with a last axis of 1 if there are none.

    Parameters
    ----------
    axes : int or (int, int)
        The axis of each input that is summed over; not 0, the batch.
    normalize : bool
        Divide the vectors along these axes by their length first: the result is the cosine
        of the angle between them.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.Dot(axes=1)([[[1, 2]], [[3, 4]]])
    array([[11.]], dtype=float32)
    """

    several_inputs = True
    supports_masking = True

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        both = isinstance(axes, list | tuple) and len(axes) == 2 and all(map(is_int, axes))
        if not is_int(axes) and not both:
            raise ShapeError(f"{self.name}: axes must be an integer or two of them. Got {axes!r}.")
        self.axes = int(axes) if is_int(axes) else tuple(int(a) for a in axes)
        self.normalize = bool(normalize)

    def _axes(self, input_shape: Any) -> tuple[int, int]:
        """Return the axes counted from the front, checked against two shapes."""
        check_several(input_shape, self, 2)
        given = self.axes if isinstance(self.axes, tuple) else (self.axes, self.axes)
        found = []
        for axis, shape in zip(given, input_shape, strict=True):
            if not -len(shape) <= axis < len(shape) or axis % len(shape) == 0:
                raise ShapeError(
                    f"{self.name}: axes must name an axis of each input, not the batch. "
                    f"Got {self.axes} for {input_shape}."
                )
            found.append(axis % len(shape))
        m, n = (shape[axis] for shape, axis in zip(input_shape, found, strict=True))
        if m != n and m is not None and n is not None:
            raise ShapeError(
                f"{self.name}: the axes to sum over differ, {m} against {n}. "
                f"Got {input_shape}, axes {self.axes}."
            )
        return found[0], found[1]

    def compute_output_shape(self, input_shape: Any) -> Shape:
        axes = self._axes(input_shape)
        a, b = (
            [n for i, n in enumerate(shape) if i not in (0, axis)]
            for shape, axis in zip(input_shape, axes, strict=True)
        )
        return (common_batch(input_shape, self), *([*a, *b] or [1]))

    def compute_mask(self, x: Any, mask: Any, *, ctx: Context) -> Any:
        return None

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        axes = self._axes([t.shape for t in x])
        vectors = [_to_rows(t, axis) for t, axis in zip(x, axes, strict=True)]  # (N, rows, K)
        kept = [_normalized(v) if self.normalize else (v, None) for v in vectors]
        (a, _), (b, _) = kept
        ctx.save(axes, [t.shape for t in x], kept)
        y = ops.batch_matmul(a, b, transpose_b=True)  # (N, rows of a, rows of b)
        return ops.reshape(y, self.compute_output_shape([t.shape for t in x]))  # type: ignore[arg-type]

    def backward(self, dy: Tensor, *, ctx: Context) -> list[Tensor]:
        axes, shapes, ((a, inverse_a), (b, inverse_b)) = ctx.saved
        dy = ops.reshape(dy, (dy.shape[0], a.shape[1], b.shape[1]))
        da = ops.batch_matmul(dy, b)
        db = ops.batch_matmul(dy, a, transpose_a=True)
        if self.normalize:
            da, db = _normalized_backward(da, a, inverse_a), _normalized_backward(db, b, inverse_b)
        pairs = zip((da, db), shapes, axes, strict=True)
        return [_from_rows(d, shape, axis) for d, shape, axis in pairs]


def _to_rows(x: Tensor, axis: int) -> Tensor:
    """Return (N, ..., K, ...) as (N, rows, K)."""
    others = [i for i in range(1, len(x.shape)) if i != axis]
    if axis != len(x.shape) - 1:
        x = ops.transpose(x, (0, *others, axis))
    return ops.reshape(x, (x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1]))


def _from_rows(d: Tensor, shape: tuple, axis: int) -> Tensor:
    """The inverse of :func:`_to_rows`."""
    others = [i for i in range(1, len(shape)) if i != axis]
    order = (0, *others, axis)
    d = ops.reshape(d, tuple(shape[i] for i in order))
    if axis == len(shape) - 1:
        return d
    return ops.transpose(d, tuple(order.index(i) for i in range(len(shape))))


def _normalized(x: Tensor) -> tuple[Tensor, Tensor]:
    """Divide (N, rows, K) along K by ``max(|x|, EPSILON)``; return it and the factor."""
    squares = ops.sum(ops.multiply(x, x), axis=-1, keepdims=True)
    inverse = ops.minimum(ops.divide_by_root(1.0, squares), 1 / EPSILON)
    return ops.multiply(x, inverse), inverse


def _normalized_backward(dy: Tensor, y: Tensor, inverse: Tensor) -> Tensor:
    """``dx = (dy - y sum(y dy)) / |x|``, or ``dy / EPSILON`` where ``|x|`` is less than that."""
    along = ops.sum(ops.multiply(dy, y), axis=-1, keepdims=True)
    # 1 where the length counts, 0 where the bound does.
    counts = ops.subtract(1.0, ops.greater_equal(inverse, 1 / EPSILON))
    inner = ops.multiply(y, ops.multiply(along, counts))
    return ops.multiply(ops.subtract(dy, inner), inverse)
