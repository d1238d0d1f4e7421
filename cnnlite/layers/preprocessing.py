"""Layers that bring inputs to a scale that suits training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from cnnlite import ops
from cnnlite.errors import ShapeError
from cnnlite.layers.base import Layer, check_single
from cnnlite.layers.context import Context
from cnnlite.layers.symbolic import Shape
from cnnlite.ops.core import Tensor
from cnnlite.shapes import is_int, normalize_axis

EPSILON = 1e-7  # below this a standard deviation counts as this


class Rescaling(Layer):
    """Multiply by a number and add another: ``y = x * scale + offset``.

    Parameters
    ----------
    scale, offset : float, or array that broadcasts to the input

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.Rescaling(1 / 127.5, offset=-1)([[0, 127.5, 255]])
    array([[-1.,  0.,  1.]], dtype=float32)
    """

    supports_masking = True

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = _numbers(scale, f"{self.name}: scale")
        self.offset = _numbers(offset, f"{self.name}: offset")

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        y = ops.multiply(x, _operand(self.scale, x))
        return y if self.offset == 0 else ops.add(y, _operand(self.offset, x))

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        if not ctx.needs_dx:
            return None
        return ops.multiply(dy, _operand(self.scale, dy))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_single(input_shape, self)
        for name in ("scale", "offset"):
            shape = np.shape(getattr(self, name))
            pairs = list(zip(shape[::-1], input_shape[::-1], strict=False))
            if len(shape) > len(input_shape) or any(a not in (1, b) for a, b in pairs):
                raise ShapeError(
                    f"{self.name}: {name} does not broadcast to the input. "
                    f"Got shape {tuple(input_shape)}, {name} of shape {shape}."
                )
        return input_shape


def _numbers(value: Any, where: str) -> Any:
    """Return a number or an array of numbers as a float or nested lists of floats."""
    try:
        array = np.asarray(value)
        if array.dtype.kind in "fiu" and array.size and not np.isnan(array).any():
            return array.astype(np.float64).tolist()
    except (TypeError, ValueError):
        pass
    raise TypeError(f"{where} must be a number or an array of numbers. Got {value!r}.")


def _operand(value: Any, like: Tensor) -> Any:
    """Return a number as it is, nested lists of numbers as an array of that dtype."""
    return np.array(value, like.dtype) if isinstance(value, list) else value


class Normalization(Layer):
    """Bring features to mean 0 and variance 1: ``(x - mean) / max(sqrt(variance), 1e-7)``.

    Mean and variance are given, or measured by :meth:`adapt` before training; they are
    weights then, and not trained.

    Parameters
    ----------
    axis : int, sequence of int, or None
        The axes that have a mean and a variance for each place; None: one for all.
    mean, variance : float or array, optional
        They broadcast to the kept axes.
    invert : bool
        Undo it instead: ``mean + x * max(sqrt(variance), 1e-7)``.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers
    >>> layer = layers.Normalization()
    >>> layer.adapt(np.array([[0, 10], [2, 30]], "float32"))
    >>> layer([[0, 30], [1, 20]])
    array([[-1.,  1.],
           [ 0.,  0.]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        axis: Any = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        axes = () if axis is None else tuple(axis) if isinstance(axis, list | tuple) else (axis,)
        if not all(map(is_int, axes)):
            raise TypeError(
                f"{self.name}: axis must be an integer, several, or None. Got {axis!r}."
            )
        self.axis = axes
        if (mean is None) != (variance is None):
            raise ValueError(
                f"{self.name}: give both mean and variance, or neither. "
                f"Got mean={mean!r}, variance={variance!r}."
            )
        self.input_mean = self.input_variance = None
        if mean is not None:
            self.input_mean = _numbers(mean, f"{self.name}: mean")
            self.input_variance = _numbers(variance, f"{self.name}: variance")
            shapes = np.shape(self.input_mean), np.shape(self.input_variance)
            if shapes[0] != shapes[1] or len(shapes[0]) > len(axes):
                raise ShapeError(
                    f"{self.name}: mean and variance must have one shape, of no more dimensions "
                    f"than there are axes. Got {shapes[0]} and {shapes[1]} for axis {axes}."
                )
        self.invert = bool(invert)

    def build(self, input_shape: Shape) -> None:
        check_single(input_shape, self)
        ndim = len(input_shape)
        where = f"{self.name}: axis"
        self._kept = tuple(sorted(normalize_axis(a, ndim, where) for a in self.axis))
        kept = [input_shape[d] for d in self._kept]
        if None in kept:
            raise ShapeError(
                f"{self.name}: the kept axes must have known sizes. "
                f"Got shape {tuple(input_shape)}, axis {self.axis}."
            )
        self._sizes: tuple[int, ...] = tuple(n or 0 for n in kept)
        self._broadcast = tuple(
            (input_shape[d] or 0) if d in self._kept else 1 for d in range(ndim)
        )
        if self.input_mean is None:
            self.adapt_mean = self.add_weight(self._sizes, "zeros", trainable=False, name="mean")
            self.adapt_variance = self.add_weight(
                self._sizes, "ones", trainable=False, name="variance"
            )
            self._mean, self._variance = self.adapt_mean.value, self.adapt_variance.value
            self.adapt_variance.on_assign = self._update_divisor
        else:
            self._mean, self._variance = (
                self._given(np.asarray(value)) for value in (self.input_mean, self.input_variance)
            )
        # Plans keep its address, so it is written in place.
        self._divisor = np.empty(self._broadcast, self.dtype)
        self._update_divisor()

    def _given(self, value: np.ndarray) -> np.ndarray:
        """Return a constructor's mean or variance in the shape of the kept axes."""
        try:
            return np.array(np.broadcast_to(value, self._sizes), self.dtype)
        except ValueError:
            raise ShapeError(
                f"{self.name}: mean and variance do not fit the kept axes. "
                f"Got shape {value.shape}. Make it {self._sizes}."
            ) from None

    def _update_divisor(self) -> None:
        self._divisor[...] = np.maximum(np.sqrt(self._variance), EPSILON).reshape(self._broadcast)

    @property
    def mean(self) -> np.ndarray | None:
        """What is subtracted, with an axis of 1 where the input is averaged; None before build."""
        return self._mean.reshape(self._broadcast).copy() if self.built else None

    @property
    def variance(self) -> np.ndarray | None:
        """Whose root is divided by, in the shape of :attr:`mean`."""
        return self._variance.reshape(self._broadcast).copy() if self.built else None

    def adapt(self, data: Any) -> None:
        """Measure mean and variance, in float64 and exactly, in however many batches it comes.

        Parameters
        ----------
        data : array, or iterable of arrays
            All samples, or their batches (of a tuple, the first counts).  What was measured
            before is forgotten.

        Raises
        ------
        ValueError
            If mean and variance were given, or there is no data.
        """
        if self.input_mean is not None:
            raise ValueError(
                f"{self.name}: mean and variance were given, so there is nothing to adapt. "
                "Leave them out."
            )
        count, mean, squares = 0, np.zeros(()), np.zeros(())
        for batch in self._batches(data):
            self.ensure_built(batch.shape)  # of which only the kept axes matter
            if tuple(batch.shape[d] for d in self._kept) != self._sizes:
                raise ShapeError(
                    f"{self.name}: adapt: built for {self._sizes} along axes {self._kept}. "
                    f"Got data of shape {batch.shape}."
                )
            others = tuple(d for d in range(batch.ndim) if d not in self._kept)
            n = int(np.prod([batch.shape[d] for d in others]))
            if n == 0:
                continue
            # Chan, Golub, LeVeque 1979: the parts' means and sums of squares give the whole's.
            own = batch.mean(axis=others)
            part = np.square(batch - np.expand_dims(own, others)).sum(axis=others)
            squares = squares + part + np.square(own - mean) * (count * n / (count + n))
            mean = mean + (own - mean) * (n / (count + n))
            count += n
        if count == 0:
            raise ValueError(f"{self.name}: adapt: no data. Pass at least one sample.")
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(squares / count)

    def _batches(self, data: Any) -> Iterator[np.ndarray]:
        parts: Iterable[Any] = [data] if isinstance(data, np.ndarray) else data
        if isinstance(data, str | bytes | dict) or not hasattr(parts, "__iter__"):
            raise TypeError(
                f"{self.name}: adapt: data must be an array or an iterable of arrays. "
                f"Got {type(data).__name__}."
            )
        for part in parts:
            first = part[0] if isinstance(part, tuple) else part
            if not hasattr(first, "shape"):
                raise TypeError(
                    f"{self.name}: adapt: a batch must be an array. "
                    f"Got {type(first).__name__}. Pass np.array(data) or a list of arrays."
                )
            yield np.asarray(first, dtype=np.float64)

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        mean = self._mean.reshape(self._broadcast)
        if self.invert:
            return ops.add(ops.multiply(x, self._divisor), mean)
        return ops.divide(ops.subtract(x, mean), self._divisor)

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        if not ctx.needs_dx:
            return None
        return (ops.multiply if self.invert else ops.divide)(dy, self._divisor)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        check_single(input_shape, self)
        if self.built and len(input_shape) != len(self._broadcast):
            raise ShapeError(
                f"{self.name}: built for {len(self._broadcast)} dimensions. "
                f"Got shape {tuple(input_shape)}."
            )
        if self.built and any(input_shape[d] != self._broadcast[d] for d in self._kept):
            raise ShapeError(
                f"{self.name}: built for {self._sizes} along axes {self._kept}. "
                f"Got shape {tuple(input_shape)}."
            )
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return config | {"mean": self.input_mean, "variance": self.input_variance}
