"""Layers that combine several inputs element by element, and joining them."""

from __future__ import annotations

from typing import Any

from cnnlite import ops
from cnnlite.errors import ShapeError
from cnnlite.layers.base import Layer
from cnnlite.layers.context import Context
from cnnlite.layers.symbolic import Shape
from cnnlite.ops.core import Tensor
from cnnlite.shapes import broadcast_shape, is_int, normalize_axis


def check_several(input_shape: Any, layer: Layer, count: int | None = None) -> None:
    """Raise unless a layer was called on a list of inputs, of ``count`` if that is given."""
    wrong = not isinstance(input_shape, list) or not input_shape
    if wrong or (count is not None and len(input_shape) != count):
        needed = "inputs" if count is None else f"{count} inputs"
        raise ShapeError(
            f"{layer.name}: {type(layer).__name__} needs a list of {needed}. "
            f"Got shape {input_shape}."
        )


def common_batch(input_shape: list[Shape], layer: Layer) -> int | None:
    """Return the size of the batch, the same in every input, or raise."""
    sizes = {shape[0] for shape in input_shape if len(shape)} - {None}
    if len(sizes) > 1:
        raise ShapeError(f"{layer.name}: the inputs' batches differ. Got {input_shape}.")
    return sizes.pop() if sizes else None


class _Merge(Layer):
    """Base of the layers that combine inputs element by element.

    The inputs' shapes broadcast, the batch aside; one of fewer dimensions gets axes of
    size 1 after its batch.  The output has a mask if every input has one: a step counts
    if it counts in any of them.
    """

    several_inputs = True
    supports_masking = True

    def compute_output_shape(self, input_shape: Any) -> Shape:
        check_several(input_shape, self)
        shape: Shape = tuple(input_shape[0][1:])
        for other in input_shape[1:]:
            shape = broadcast_shape(shape, tuple(other[1:]), self.name)
        return (common_batch(input_shape, self), *shape)

    def compute_mask(self, x: Any, mask: Any, *, ctx: Context) -> Any:
        return None if mask is None else _any_of(mask)

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        rank = max(len(t.shape) for t in x)
        wide = [ops.reshape(t, (t.shape[0], *[1] * (rank - len(t.shape)), *t.shape[1:])) for t in x]
        y, kept = self.combine(wide, mask)
        ctx.save([t.shape for t in x], [t.shape for t in wide], kept)
        return y

    def backward(self, dy: Tensor, *, ctx: Context) -> list[Tensor]:
        shapes, wide, kept = ctx.saved
        dxs = self.parts(dy, len(shapes), kept)
        return [
            ops.reshape(ops.reduce_to(dx, w), shape)
            for dx, w, shape in zip(dxs, wide, shapes, strict=True)
        ]

    def combine(self, xs: list[Tensor], mask: Any) -> tuple[Tensor, Any]:
        """Return the result, and what :meth:`parts` needs."""
        raise NotImplementedError

    def parts(self, dy: Tensor, count: int, kept: Any) -> list[Tensor]:
        """Return the gradients of the inputs as they were broadcast."""
        raise NotImplementedError


def _any_of(masks: list[Tensor | None]) -> Tensor | None:
    """Return where any mask is 1; None if an input has none, for all of it counts."""
    total = masks[0]
    for other in masks[1:]:
        total = None if total is None or other is None else ops.logical_or(total, other)
    return total


def _total(xs: list[Tensor]) -> Tensor:
    total = xs[0]
    for other in xs[1:]:
        total = ops.add(total, other)
    return total


class Add(_Merge):
    """Sum of the inputs, whose shapes broadcast.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.Add()([[[1, 2]], [[3, 4]]])
    array([[4., 6.]], dtype=float32)
    """

    def combine(self, xs: list[Tensor], mask: Any) -> tuple[Tensor, Any]:
        return _total(xs), None

    def parts(self, dy: Tensor, count: int, kept: Any) -> list[Tensor]:
        return [dy] * count


class Average(_Merge):
    """Mean of the inputs, whose shapes broadcast.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.Average()([[[1, 2]], [[3, 4]]])
    array([[2., 3.]], dtype=float32)
    """

    def combine(self, xs: list[Tensor], mask: Any) -> tuple[Tensor, Any]:
        return ops.divide(_total(xs), len(xs)), None

    def parts(self, dy: Tensor, count: int, kept: Any) -> list[Tensor]:
        return [ops.divide(dy, count)] * count


class Subtract(_Merge):
    """The first of two inputs minus the second; their shapes broadcast.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.Subtract()([[[1, 2]], [[3, 5]]])
    array([[-2., -3.]], dtype=float32)
    """

    def compute_output_shape(self, input_shape: Any) -> Shape:
        check_several(input_shape, self, 2)
        return super().compute_output_shape(input_shape)

    def combine(self, xs: list[Tensor], mask: Any) -> tuple[Tensor, Any]:
        return ops.subtract(*xs), None

    def parts(self, dy: Tensor, count: int, kept: Any) -> list[Tensor]:
        return [dy, ops.multiply(dy, -1.0)]


def _step_mask(mask: Tensor) -> Tensor:
    """A mask of steps (N, T) as (N, T, 1), to go with (N, T, F)."""
    return ops.reshape(mask, (*mask.shape, 1))


class Multiply(_Merge):
    """Product of the inputs, whose shapes broadcast.

    A step that an input's mask leaves out counts as 1; one that all leave out gives 0.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.Multiply()([[[1, 2]], [[3, 4]]])
    array([[3., 8.]], dtype=float32)
    """

    def combine(self, xs: list[Tensor], mask: Any) -> tuple[Tensor, Any]:
        masks = [None if m is None else _step_mask(m) for m in mask or [None] * len(xs)]
        xs = [x if m is None else ops.where(m, x, 1.0) for x, m in zip(xs, masks, strict=True)]
        before = [xs[0]]  # products of the first inputs
        for other in xs[1:]:
            before.append(ops.multiply(before[-1], other))
        counts = _any_of(masks)
        y = before[-1] if counts is None else ops.where(counts, before[-1], 0.0)
        return y, (xs, before, masks, counts)

    def parts(self, dy: Tensor, count: int, kept: Any) -> list[Tensor]:
        xs, before, masks, counts = kept
        if counts is not None:
            dy = ops.where(counts, dy, 0.0)
        found: list[Tensor] = []
        for i in range(count - 1, 0, -1):
            found.append(ops.multiply(dy, before[i - 1]))
            dy = ops.multiply(dy, xs[i])
        found.append(dy)
        pairs = zip(found[::-1], masks, strict=True)
        return [dx if m is None else ops.where(m, dx, 0.0) for dx, m in pairs]


class Maximum(_Merge):
    """Largest of the inputs, whose shapes broadcast; NaN wins.

    A step that an input's mask leaves out does not count; one that all leave out has the
    first input's value.  The gradient goes to the first of equal numbers.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.Maximum()([[[1, 5]], [[3, 4]]])
    array([[3., 5.]], dtype=float32)
    """

    _least = -float("inf")

    def combine(self, xs: list[Tensor], mask: Any) -> tuple[Tensor, Any]:
        masks = self._masks(mask, len(xs))
        xs = [
            x if m is None else ops.where(m, x, self._least) for x, m in zip(xs, masks, strict=True)
        ]
        best = [xs[0]]
        for other in xs[1:]:
            best.append(self._better(best[-1], other))
        return best[-1], (xs, best, masks)

    @staticmethod
    def _masks(mask: Any, count: int) -> list[Tensor | None]:
        """The inputs' masks; the first one's holds as well where all leave a step out."""
        masks = [None if m is None else _step_mask(m) for m in mask or [None] * count]
        known = [m for m in masks if m is not None]
        if len(known) == count:
            others = known[0]
            for m in known[1:]:
                others = ops.logical_or(others, m)
            masks[0] = ops.logical_or(known[0], ops.logical_not(others))
        return masks

    def _better(self, a: Tensor, b: Tensor) -> Tensor:
        return ops.maximum(a, b)

    def _first_wins(self, a: Tensor, b: Tensor) -> Tensor:
        return ops.greater_equal(a, b)

    def parts(self, dy: Tensor, count: int, kept: Any) -> list[Tensor]:
        xs, best, masks = kept
        found: list[Tensor] = []
        for i in range(count - 1, 0, -1):
            # 1 where the best before wins; NaN where either is NaN.
            before = ops.multiply(dy, self._first_wins(best[i - 1], xs[i]))
            found.append(ops.subtract(dy, before))
            dy = before
        found.append(dy)
        pairs = zip(found[::-1], masks, strict=True)
        return [dx if m is None else ops.where(m, dx, 0.0) for dx, m in pairs]


class Minimum(Maximum):
    """Smallest of the inputs, whose shapes broadcast; NaN wins.

    Masks and equal numbers: as :class:`Maximum`.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.Minimum()([[[1, 5]], [[3, 4]]])
    array([[1., 4.]], dtype=float32)
    """

    _least = float("inf")

    def _better(self, a: Tensor, b: Tensor) -> Tensor:
        return ops.minimum(a, b)

    def _first_wins(self, a: Tensor, b: Tensor) -> Tensor:
        return ops.greater_equal(b, a)


class Concatenate(Layer):
    """Join inputs along an axis.

    Parameters
    ----------
    axis : int
        Default: the last.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.Concatenate()([[[1, 2]], [[3]]])
    array([[1., 2., 3.]], dtype=float32)
    """

    several_inputs = True
    supports_masking = True

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not is_int(axis):
            raise ShapeError(f"{self.name}: axis must be an integer. Got {axis!r}.")
        self.axis = int(axis)

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        axis = normalize_axis(self.axis, x[0].ndim, f"{self.name}: axis")
        ctx.save(axis, [t.shape[axis] for t in x])
        return ops.concatenate(x, axis)

    def backward(self, dy: Tensor, *, ctx: Context) -> list[Tensor]:
        axis, sizes = ctx.saved
        return ops.split(dy, sizes, axis)

    def compute_mask(self, x: Any, mask: Any, *, ctx: Context) -> Any:
        """A step counts if it counts in any input, along the joined axis if that is the steps'.

        An input without a mask counts everywhere.
        """
        if mask is None or all(m is None for m in mask):
            return None
        whole = [ops.full(t.shape, 1, "uint8") for t in x]
        masks = [
            w if m is None else m if len(m.shape) == len(w.shape) else _spread(m, w)
            for m, w in zip(mask, whole, strict=True)
        ]
        axis = normalize_axis(self.axis, x[0].ndim, f"{self.name}: axis")
        floats = [ops.cast(m, "float32") for m in masks]
        return ops.any_not_equal(ops.concatenate(floats, axis), 0)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        check_several(input_shape, self)
        first = list(input_shape[0])
        axis = normalize_axis(self.axis, len(first), f"{self.name}: axis")
        if axis == 0:
            raise ShapeError(f"{self.name}: inputs cannot be joined along the batch, axis 0.")
        for shape in input_shape[1:]:
            if len(shape) != len(first) or any(
                n != m and n is not None and m is not None
                for d, (n, m) in enumerate(zip(shape, first, strict=True))
                if d not in (0, axis)
            ):
                raise ShapeError(
                    f"{self.name}: shapes may differ along axis {axis} alone. Got {input_shape}."
                )
        sizes = [shape[axis] for shape in input_shape]
        for d in range(1, len(first)):  # a size that one input knows holds for all
            first[d] = next((s[d] for s in input_shape if s[d] is not None), None)
        first[0] = common_batch(input_shape, self)
        first[axis] = None if None in sizes else sum(sizes)
        return tuple(first)


def _spread(mask: Tensor, whole: Tensor) -> Tensor:
    """A mask of steps repeated to the shape of the whole input."""
    return ops.logical_and(ops.reshape(mask, (*mask.shape, 1)), whole)
