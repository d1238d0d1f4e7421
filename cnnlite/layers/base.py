"""The base of all layers: weights, names, and calling on arrays or on the graph."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnnlite import config
from cnnlite.arguments import array, flag
from cnnlite.errors import ShapeError
from cnnlite.layers.configuration import Configurable
from cnnlite.layers.context import Context, accepts, takes_ctx
from cnnlite.layers.naming import snake_case, unique_name
from cnnlite.layers.symbolic import (
    CARRIED_MASK,
    Node,
    Shape,
    SymbolicTensor,
    checked_sample_shape,
)
from cnnlite.layers.weights import LayerWeights
from cnnlite.ops import Parameter
from cnnlite.shapes import is_int
from cnnlite.unmade import NeedsInit


class Layer(LayerWeights, Configurable, NeedsInit):
    """A function with weights, its derivative written beside it.

    A subclass defines

    - ``build(input_shape)``: makes the weights with :meth:`add_weight`;
    - ``call(x, *, ctx, training, mask)``: computes with :mod:`cnnlite.ops`, and
      keeps what the derivative needs with ``ctx.save(...)``;
    - ``backward(dy, *, ctx)``: writes the gradients of the weights to
      ``out=ctx.grad(weight)`` and returns the gradient of ``x`` (a list for
      several inputs; it may return None where ``ctx.needs_dx`` is false);
    - ``compute_output_shape(input_shape)``, where it differs from the input's;
    - ``compute_mask(x, mask, *, ctx)``, where a mask is made or changed.

    A layer of several outputs returns a list from ``call`` and of shapes from
    ``compute_output_shape``; its ``backward`` gets a list, with None for an output
    that nothing depends on.

    A layer that only calls other layers (and uses + - * / on what they return) is written
    as in Keras: they are made in ``__init__`` and kept as attributes (or in lists or
    dicts), ``call(self, x)`` (or ``call(self, x, training=False, mask=None)``) has no ctx,
    and ``backward`` and ``build`` are not needed.  In a ``call`` with ctx, a layer inside
    is built by ``build`` with ``ensure_built``; ``call`` uses ``child = ctx.child(layer)``
    and ``child.call(x)``, ``backward`` uses ``child.backward(dy)``.

    Parameters
    ----------
    activity_regularizer : str or Regularizer, optional
        Penalty on the output, per sample.
    trainable : bool
        Whether an optimizer changes the weights.
    dtype : {"float32", "float64"}, optional
        Default: ``cnnlite.config.floatx()``.
    name : str, optional
        Default: the class's name in snake case, numbered.
    input_shape : sequence of int, optional
        Shape of one sample, for the first layer of a Sequential model.
    input_dim : int, optional
        Short for ``input_shape=(input_dim,)``.

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
    >>> class Twice(layers.Layer):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.first, self.second = Double(), Double()
    ...     def call(self, x):
    ...         return self.second(self.first(x))
    >>> Twice()(np.ones((1, 2), "float32"))
    array([[4., 4.]], dtype=float32)
    """

    several_inputs = False  # True: a list passed to the layer is a list of inputs
    supports_masking = False  # True: a mask of the input is passed on to the output
    dynamic = False  # True: `call` computes outside of cnnlite.ops, so it runs anew each step
    operator = False  # True: made by ``a + b`` and the like, so no model lists it
    set_by_init = frozenset({"name", "dtype", "built", "sample_shape", "_parameters", "_trainable"})
    input_dtype: str | None = None  # what arrays are cast to; None: the layer's dtype
    _building = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = _marks_built(cls.build)  # type: ignore[assignment,method-assign]

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: str | None = None,
        name: str | None = None,
        input_shape: Sequence[int] | None = None,
        **unknown: Any,
    ) -> None:
        # No named argument: many a class has an input_dim of its own.
        input_dim = unknown.pop("input_dim", None)
        if unknown:
            raise TypeError(
                f"{type(self).__name__}: there is no argument {next(iter(unknown))!r}. "
                f"help({type(self).__name__}) lists them."
            )
        self.name = unique_name(snake_case(type(self).__name__)) if name is None else name
        self.dtype = config.checked_dtype(config.floatx() if dtype is None else dtype, self.name)
        self.take_options(activity_regularizer=activity_regularizer)
        self.built = False
        if input_dim is not None:
            if input_shape is not None:
                raise TypeError(f"{self.name}: both input_dim and input_shape. Pass one of them.")
            input_shape = (positive(input_dim, f"{self.name}: input_dim"),)
        self.sample_shape = checked_sample_shape(input_shape, f"{self.name}: input_shape")
        self._trainable = flag(trainable, f"{self.name}: trainable")
        self._parameters: list[Parameter] = []
        self._carried: list[Parameter] = []
        self._first_node: Node | None = None

    # -- what subclasses define

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape (a list of shapes for several inputs)."""

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no call(x, *, ctx, training, mask).")

    def backward(self, dy: Any, *, ctx: Context) -> Any:
        raise NotImplementedError(
            f"{self.name}: {type(self).__name__} cannot be trained: it has no "
            "backward(dy, *, ctx). Write one that returns the gradient of the input."
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape, None for the batch; a list for several outputs."""
        if self._composite:
            return composite().output_shape(self, input_shape)
        check_single(input_shape, self)
        return input_shape

    def compute_mask(self, x: Any, mask: Any, *, ctx: Context) -> Any:
        """Return the output's mask, (N, T) uint8 with 1 for the steps that count, or None."""
        return mask

    def multiply_adds(self, input_shape: Any) -> int:
        """Return the multiplications with a weight that one sample takes."""
        return composite().multiply_adds(self, input_shape) if self._composite else 0

    # -- calling

    def __call__(
        self, x: Any, training: bool | None = None, mask: Any = None, **arguments: Any
    ) -> Any:
        """Call on symbolic tensors (extends the graph) or on arrays (computes now).

        Parameters
        ----------
        x : array, SymbolicTensor, or list of them for several inputs
        training : bool, optional
        mask : (N, T) array, optional
            For arrays; the graph carries its masks by itself.
        **arguments
            Further arguments that ``call`` takes; no tensors.
        """
        if isinstance(training, list | tuple | np.ndarray | SymbolicTensor):
            return composite().call_with_states(self, x, training)
        listed = isinstance(x, list | tuple) and (
            self.several_inputs or any(isinstance(t, SymbolicTensor | np.ndarray) for t in x)
        )
        inputs = list(x) if listed else [x]
        if not isinstance(training, bool | int | np.bool_):
            training = None  # as the model runs; also what stands for it while a model is traced
        symbolic = [isinstance(t, SymbolicTensor) for t in inputs]
        if inputs and all(symbolic):
            if mask is not None and mask is not CARRIED_MASK:
                raise TypeError(
                    f"{self.name}: the graph carries masks by itself. "
                    "Make them with Masking or Embedding(mask_zero=True), and leave mask= out."
                )
            shapes = [t.shape for t in inputs]
            shape = self._checked_shape(shapes if listed else shapes[0], arguments)
            if self._composite:
                composite().limit_inputs(self, inputs, shapes if listed else shapes[0])
            node = Node(self, inputs, listed, shape, training, arguments)
            self._first_node = self._first_node or node
            return node.outputs if node.several else node.output
        if any(symbolic):
            raise TypeError(
                f"{self.name}: called on a mixture of symbolic tensors and arrays. "
                "Pass only one kind."
            )
        dtype = self.input_dtype or self.dtype
        arrays = [array(t, f"{self.name}: x", dtype) for t in inputs]
        shapes = [a.shape for a in arrays]
        self._checked_shape(shapes if listed else shapes[0], arguments)
        y: Any = Context(layer=self).call(
            arrays if listed else arrays[0],
            training=bool(training),
            mask=_checked_mask(mask, self.name),
            **arguments,
        )

        def fresh(array: Any) -> Any:
            shared = any(np.may_share_memory(array, a) for a in (*arrays, *inputs))
            return array.copy() if shared else array

        return [fresh(array) for array in y] if isinstance(y, list | tuple) else fresh(y)

    def _checked_shape(self, input_shape: Any, arguments: dict[str, Any]) -> Any:
        """Build on first use; return the output's shape."""
        self.ensure_built(input_shape, arguments)
        if self._composite:
            return composite().output_shape(self, input_shape, arguments)
        function = type(self).compute_output_shape
        known = {name: v for name, v in arguments.items() if accepts(function, name)}
        return self.compute_output_shape(input_shape, **known)

    def ensure_built(self, input_shape: Any, arguments: dict[str, Any] | None = None) -> None:
        """Build on first use, for a call with these further arguments."""
        if not self.built:
            self.build(input_shape)
            if self._composite:
                composite().build(self, input_shape, arguments)
            self.built = True

    @property
    def _composite(self) -> bool:
        """Whether ``call`` is written as in Keras, without ctx."""
        return not takes_ctx(self)

    @property
    def output(self) -> Any:
        """The symbolic output of the layer's first call, to build further models from."""
        node = self._called()
        return node.outputs if node.several else node.output

    @property
    def input(self) -> Any:
        """The symbolic input of the layer's first call."""
        node = self._called()
        return node.inputs if node.listed else node.inputs[0]

    def _called(self) -> Node:
        if self._first_node is None:
            raise AttributeError(
                f"{self.name}: not called on a symbolic tensor yet, so it has no input and output."
            )
        return self._first_node

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


def _marks_built(build: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """Decorate ``build``: it makes the weights once, whoever calls it, all or none."""

    @functools.wraps(build)
    def marking(self: Layer, input_shape: Any) -> None:
        inside = self._building  # called by a subclass's build
        if self.built and not inside:
            raise ValueError(
                f"{self.name}: build: it has its weights already. Got shape {input_shape}. "
                "Make a new layer for other shapes."
            )
        self._building = True
        before = len(self._parameters), len(self._carried)
        try:
            build(self, input_shape)
        except BaseException:  # the next call makes them all
            del self._parameters[before[0] :], self._carried[before[1] :]
            raise
        finally:
            self._building = inside
        self.built = True

    return marking


def composite() -> Any:
    """Return the module that runs layers of layers; it builds on this one."""
    return importlib.import_module("cnnlite.layers.composite")


def _checked_mask(mask: Any, where: str) -> Any:
    """Return a mask given with arrays, or a list of them, as uint8."""
    if mask is None or isinstance(mask, list | tuple):
        return None if mask is None else [_checked_mask(m, where) for m in mask]
    array = np.asarray(mask)
    if array.dtype.kind not in "biu":
        raise TypeError(f"{where}: a mask must be of bool or integers. Got dtype {array.dtype}.")
    return np.ascontiguousarray(array != 0, dtype=np.uint8)


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
