"""The base of all layers: weights, names, and calling on arrays or on the graph."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from cnnlite import config, initializers
from cnnlite.errors import ShapeError
from cnnlite.layers.context import Context
from cnnlite.layers.symbolic import Node, Shape, SymbolicTensor
from cnnlite.ops import Parameter
from cnnlite.ops.core import Tensor
from cnnlite.shapes import is_int

_names: Counter[str] = Counter()


class _Source(threading.local):
    """Where this thread's new weights come from; None: their initializers."""

    take: Callable[[tuple[int, ...], str, str], np.ndarray] | None = None


_source = _Source()


def unique_name(stem: str) -> str:
    """Return ``stem``, ``stem_1``, ``stem_2``, ...

    Examples
    --------
    >>> first, second = unique_name("example"), unique_name("example")
    >>> second
    'example_1'
    """
    count = _names[stem]
    _names[stem] += 1
    return f"{stem}_{count}" if count else stem


def _snake_case(name: str) -> str:
    """Return a class's name as Keras writes it: MaxPooling2D is max_pooling2d."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


class Layer:
    """A function with weights, its derivative written beside it.

    A subclass defines

    - ``build(input_shape)``: makes the weights with :meth:`add_weight`;
    - ``call(x, *, ctx, training, mask)``: computes with :mod:`cnnlite.ops`, and
      keeps what the derivative needs with ``ctx.save(...)``;
    - ``backward(dy, *, ctx)``: writes the gradients of the weights to
      ``out=ctx.grad(weight)`` and returns the gradient of ``x`` (a list for
      several inputs; it may return None where ``ctx.needs_dx`` is false);
    - ``compute_output_shape(input_shape)``, where it differs from the input's;
    - ``get_config()``, with the arguments of its constructor.

    Parameters
    ----------
    trainable : bool
        Whether an optimizer changes the weights.
    dtype : {"float32", "float64"}, optional
        Default: ``cnnlite.config.floatx()``.
    name : str, optional
        Default: the class's name in snake case, numbered.
    input_shape : sequence of int, optional
        Shape of one sample, for the first layer of a Sequential model.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import layers, ops
    >>> class Double(layers.Layer):
    ...     def call(self, x, *, ctx, training=False, mask=None):
    ...         return ops.add(x, x)
    ...     def backward(self, dy, *, ctx):
    ...         return ops.add(dy, dy)
    >>> Double()(np.ones((1, 2), "float32"))
    array([[2., 2.]], dtype=float32)
    """

    several_inputs = False  # True: a list passed to the layer is a list of inputs
    dynamic = False  # True: `call` computes outside of cnnlite.ops, so it runs anew each step

    def __init__(
        self,
        *,
        trainable: bool = True,
        dtype: str | None = None,
        name: str | None = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(f"{type(self).__name__}: name must be a string. Got {name!r}.")
        self.name = unique_name(_snake_case(type(self).__name__)) if name is None else name
        self.dtype = config.checked_dtype(dtype or config.floatx(), self.name)
        self.built = False
        self.sample_shape = None if input_shape is None else tuple(input_shape)
        self._trainable = trainable
        self._parameters: list[Parameter] = []

    # -- weights

    def add_weight(
        self,
        shape: Sequence[int],
        initializer: Any = "glorot_uniform",
        trainable: bool = True,
        name: str = "weight",
    ) -> Parameter:
        """Make a weight; call it in ``build``.

        Parameters
        ----------
        shape : sequence of int
        initializer : str or Initializer
        trainable : bool
        name : str
        """
        label = f"{self.name}/{name}"
        if _source.take is not None:
            value = _source.take(tuple(shape), self.dtype, label)
        else:
            value = initializers.get(initializer)(tuple(shape), self.dtype)
            # A function of the user's may return any array, and keep it.
            value = np.array(value, dtype=self.dtype, order="C")
        if value.shape != tuple(shape):
            raise ShapeError(
                f"{label}: the initializer returned another shape. "
                f"Got {value.shape}. Make it {tuple(shape)}."
            )
        parameter = Parameter(value, label, trainable)
        self._parameters.append(parameter)
        return parameter

    @staticmethod
    @contextmanager
    def weights_from(take: Callable[[tuple[int, ...], str, str], np.ndarray]) -> Iterator[None]:
        """Context manager: layers built inside get their weights from ``take(shape, dtype, name)``.

        Loading a file uses it, so that no weight is allocated that the file lacks.
        """
        before, _source.take = _source.take, take
        try:
            yield
        finally:
            _source.take = before

    @property
    def trainable(self) -> bool:
        """Whether an optimizer changes the weights; may be set at any time before compile."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)

    @property
    def weights(self) -> list[Parameter]:
        """All parameters, trainable or not."""
        return list(self._parameters)

    @property
    def trainable_weights(self) -> list[Parameter]:
        return [p for p in self._parameters if p.trainable and self._trainable]

    @property
    def non_trainable_weights(self) -> list[Parameter]:
        return [p for p in self._parameters if not (p.trainable and self._trainable)]

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of all weights."""
        return [p.numpy() for p in self._parameters]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Copy arrays into the weights, in the order of :meth:`get_weights`."""
        assign_all(self._parameters, weights, self.name)

    def count_params(self) -> int:
        """Return the number of values in all weights."""
        return sum(p.value.size for p in self._parameters)

    # -- what subclasses define

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape (a list of shapes for several inputs)."""

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no call(x, *, ctx, training, mask).")

    def backward(self, dy: Tensor, *, ctx: Context) -> Any:
        raise NotImplementedError(
            f"{self.name}: {type(self).__name__} cannot be trained: it has no "
            "backward(dy, *, ctx). Write one that returns the gradient of the input."
        )

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the output's shape, None for the batch."""
        check_single(input_shape, self)
        return input_shape

    def multiply_adds(self, input_shape: Any) -> int:
        """Return the multiplications with a weight that one sample takes."""
        return 0

    # -- calling

    def __call__(self, x: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Call on symbolic tensors (extends the graph) or on arrays (computes now)."""
        listed = isinstance(x, list | tuple) and (
            self.several_inputs or any(isinstance(t, SymbolicTensor | np.ndarray) for t in x)
        )
        inputs = list(x) if listed else [x]
        symbolic = [isinstance(t, SymbolicTensor) for t in inputs]
        if all(symbolic) and inputs:
            shapes = [t.shape for t in inputs]
            self.ensure_built(shapes if listed else shapes[0])
            shape = self.compute_output_shape(shapes if listed else shapes[0])
            return Node(self, inputs, listed, shape, training).output
        if any(symbolic):
            raise TypeError(
                f"{self.name}: called on a mixture of symbolic tensors and arrays. "
                "Pass only one kind."
            )
        arrays = [np.ascontiguousarray(t, dtype=self.dtype) for t in inputs]
        shapes = [a.shape for a in arrays]
        self.ensure_built(shapes if listed else shapes[0])
        self.compute_output_shape(shapes if listed else shapes[0])  # checks them
        y: Any = self.call(
            arrays if listed else arrays[0], ctx=Context(), training=bool(training), mask=mask
        )
        return y.copy() if any(np.may_share_memory(y, a) for a in (*arrays, *inputs)) else y

    def ensure_built(self, input_shape: Any) -> None:
        """Build on first use."""
        if not self.built:
            self.build(input_shape)
            self.built = True

    # -- configuration

    def get_config(self) -> dict[str, Any]:
        """Return the arguments from which :meth:`from_config` makes an equal layer."""
        config: dict[str, Any] = {"name": self.name, "dtype": self.dtype}
        if not self._trainable:
            config["trainable"] = False
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """Return a new layer from what :meth:`get_config` gave."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


def assign_all(parameters: Sequence[Parameter], arrays: Sequence[Any], where: str) -> None:
    """Copy arrays into parameters, all or none."""
    arrays = [np.asarray(a) for a in arrays]
    if any(a.dtype.kind not in "fiub" for a in arrays):
        raise TypeError(
            f"{where}: set_weights: weights must be numbers. "
            f"Got dtypes {', '.join(str(a.dtype) for a in arrays)}."
        )
    wanted, given = [p.shape for p in parameters], [a.shape for a in arrays]
    if wanted != given:
        raise ShapeError(
            f"{where}: set_weights: the arrays do not fit the weights. "
            f"Got {given}. Make it {wanted}."
        )
    for parameter, array in zip(parameters, arrays, strict=True):
        parameter.assign(array)


def check_single(input_shape: Any, layer: Layer) -> None:
    """Raise if a layer of one input was called on several."""
    if isinstance(input_shape, list):
        raise ShapeError(
            f"{layer.name}: {type(layer).__name__} takes one input. "
            f"Got {len(input_shape)}, of shapes {input_shape}."
        )


def check_rank(input_shape: Shape, rank: int, layer: Layer, meaning: str) -> None:
    """Raise unless a layer's input has the rank it needs."""
    check_single(input_shape, layer)
    if len(input_shape) != rank:
        raise ShapeError(
            f"{layer.name}: {type(layer).__name__} needs {rank} dimensions, {meaning}. "
            f"Got shape {tuple(input_shape)}."
        )


def positive(value: Any, where: str) -> int:
    """Return a size given to a layer's constructor, or raise."""
    if not is_int(value) or value < 1:
        raise ShapeError(f"{where} must be a positive integer. Got {value!r}.")
    return int(value)
