"""What one node of the graph keeps in one step, between ``call`` and ``backward``."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnlite import ops
from cnnlite.errors import CnnliteWarning
from cnnlite.ops import Buffer, Gradient, Parameter
from cnnlite.random_state import next_seed, splitmix64

if TYPE_CHECKING:
    from cnnlite.layers.base import Layer

_DRAWS = 256  # streams of random numbers that one node may use in a step


class Clock:
    """The seeds and the step number that a model's random operations read.

    Each is a (2,) uint64 array whose address never changes, so that a plan reads
    the step of the day.  A layer with a seed of its own has an array of its own.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._arrays: dict[int | None, np.ndarray] = {None: ops.clock(seed)}

    def array(self, seed: int | None) -> np.ndarray:
        """Return the array for the model's seed (None) or a layer's own."""
        if seed not in self._arrays:
            self._arrays[seed] = ops.clock(splitmix64(seed or 0), self.step)
        return self._arrays[seed]

    @property
    def step(self) -> int:
        return int(self._arrays[None][1])

    @step.setter
    def step(self, value: int) -> None:
        for array in self._arrays.values():
            array[1] = value


class StepState:
    """What the nodes of one step share: the gradients so far, the clock, the penalties.

    Parameters
    ----------
    clock : Clock, optional
    penalties : (1,) float64 array, optional
        What each penalty on an activity adds itself to, times the batch's size.
        None: they are not wanted.
    """

    def __init__(self, clock: Clock | None = None, penalties: Any = None) -> None:
        self.clock = Clock(next_seed()) if clock is None else clock
        self.penalties = penalties
        self._gradients: dict[int, Gradient] = {}

    def gradient(self, parameter: Parameter) -> Gradient:
        """Return where the gradient of ``parameter`` goes, made on first use."""
        found = self._gradients.get(id(parameter))
        if found is None:
            found = self._gradients[id(parameter)] = empty_gradient(parameter)
        return found

    def gradients(self, parameters: Iterable[Parameter]) -> list[Any]:
        """Return the gradient arrays of ``parameters``, all of them written.

        Raises
        ------
        ValueError
            If the layer of one of them wrote none.
        """
        found = []
        for parameter in parameters:
            gradient = self._gradients.get(id(parameter))
            if gradient is None or not gradient.accumulate:
                raise ValueError(
                    f"{parameter.name}: its layer's backward wrote no gradient. Pass "
                    "out=ctx.grad(weight) to an operation there, or make the weight with "
                    "trainable=False."
                )
            found.append(gradient.array)
        return found


def empty_gradient(like: Any) -> Gradient:
    """Return a gradient for an array of this shape and dtype, not yet written."""
    make: Any = Buffer if ops.is_recording() else np.empty
    return Gradient(make(like.shape, like.dtype))


@functools.cache
def accepts(function: Callable, name: str) -> bool:
    """Return whether a function takes ``name`` as a keyword."""
    parameters = inspect.signature(function).parameters
    found = parameters.get(name)
    if found is not None:
        return found.kind is not inspect.Parameter.POSITIONAL_ONLY
    return any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())


def takes_ctx(layer: Any) -> bool:
    """Return whether a layer's ``call`` computes with a context; else it only calls layers.

    One that takes any keyword (``**kwargs``) does if its class has a ``backward``.
    """
    cls: Any = type(layer)
    return _takes_ctx(cls)


@functools.cache
def _takes_ctx(cls: Any) -> bool:
    if "ctx" in inspect.signature(cls.call).parameters:
        return True
    own = any("backward" in vars(c) for c in cls.__mro__ if c.__module__ != "cnnlite.layers.base")
    return own and accepts(cls.call, "ctx")


class Context:
    """What one call of a layer keeps in one step; a layer used twice gets two.

    Attributes
    ----------
    layer : Layer
        Whose ``call`` and ``backward`` :meth:`call` and :meth:`backward` run.
    saved : tuple
        What ``call`` gave to :meth:`save`, for ``backward``.
    needs_dx : bool
        Whether anyone wants the gradient of the input.

    Examples
    --------
    >>> from cnnlite import layers
    >>> from cnnlite.layers.context import Context
    >>> ctx = Context(layer=layers.ReLU())
    >>> ctx.call([[-1.0, 2.0]])
    array([[0., 2.]], dtype=float32)
    >>> ctx.backward([[5.0, 5.0]])
    array([[0., 5.]], dtype=float32)
    """

    def __init__(
        self,
        step: StepState | None = None,
        node: int = 0,
        needs_dx: bool = True,
        layer: Layer | None = None,
    ) -> None:
        self.step = StepState() if step is None else step
        self.layer = layer
        self.needs_dx = needs_dx
        self.saved: tuple = ()
        self._node = node
        self._draws = [0]  # shared with children: streams are counted per node
        self._activity: Any = None  # the output, where a penalty on it counts

    def save(self, *values: Any) -> None:
        """Keep ``values`` for ``backward``."""
        self.saved = values

    def grad(self, parameter: Parameter) -> Gradient:
        """Return where the gradient of ``parameter`` goes; pass it as ``out=``."""
        return self.step.gradient(parameter)

    def draw(self, seed: int | None = None) -> dict[str, Any]:
        """Return the ``clock`` and ``stream`` arguments of the node's next random draw."""
        self._draws[0] += 1
        if self._draws[0] > _DRAWS:
            raise ValueError(f"a node draws random numbers over {_DRAWS} times in one step.")
        stream = self._node * _DRAWS + self._draws[0] - 1
        return {"clock": self.step.clock.array(seed), "stream": stream}

    def child(self, layer: Layer, needs_dx: bool = True) -> Context:
        """Return a new context for one call of a sublayer; keep it for ``backward``."""
        made = Context(self.step, self._node, needs_dx, layer)
        made._draws = self._draws
        return made

    @property
    def penalized(self) -> bool:
        """Whether a penalty on the output counts, so that it has a gradient in any case."""
        return self._activity is not None

    def call(self, x: Any, *, training: bool = False, mask: Any = None, **arguments: Any) -> Any:
        """Run the layer's ``call``, and count the penalty on its output."""
        from cnnlite.layers import composite

        layer = self._own_layer()
        function = type(layer).call
        given = {"training": training, "mask": mask}
        if takes_ctx(layer):
            known = {name: value for name, value in given.items() if accepts(function, name)}
            y = layer.call(x, ctx=self, **known, **arguments)
        else:
            y = composite.call(self, layer, x, training, mask, arguments)
        if layer.activity_regularizer is not None and self.step.penalties is not None:
            self._activity = y
            for array in _listed(y):  # per sample, and the total counts samples: 1/N * N
                layer.activity_regularizer.call(array, out=self.step.penalties)
        return y

    def backward(self, dy: Any) -> Any:
        """Run the layer's ``backward``, with the gradient of the penalty on its output added."""
        from cnnlite.layers import composite

        layer = self._own_layer()
        if self._activity is not None:
            several = isinstance(self._activity, list | tuple)
            pairs = zip(_listed(dy), _listed(self._activity), strict=True)
            dys = [_with_penalty(layer.activity_regularizer, d, y) for d, y in pairs]
            dy = dys if several else dys[0]
        if not takes_ctx(layer):
            return composite.backward(self, layer, dy)
        return layer.backward(dy, ctx=self)

    def mask(self, x: Any, mask: Any) -> Any:
        """Return the mask of the layer's output; one that arrives unsupported is dropped."""
        from cnnlite.layers import composite

        layer = self._own_layer()
        own = type(layer).compute_mask is not composite.Layer.compute_mask
        if not takes_ctx(layer) and not own:
            return composite.mask(self)
        if mask is not None and not layer.supports_masking:
            warnings.warn(
                f"{layer.name}: {type(layer).__name__} does not support masking, so the mask of "
                "its input ends here.",
                CnnliteWarning,
                stacklevel=2,
            )
            return None
        known = {"ctx": self} if accepts(type(layer).compute_mask, "ctx") else {}
        return layer.compute_mask(x, mask, **known)

    def _own_layer(self) -> Layer:
        if self.layer is None:
            raise ValueError("this context belongs to no layer. Make it with ctx.child(layer).")
        return self.layer


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _with_penalty(regularizer: Any, dy: Any, y: Any) -> Any:
    """Return ``dy`` plus the gradient of the penalty on ``y``, per sample."""
    total = empty_gradient(y)
    regularizer.backward(y, out=total, scale=1 / max(y.shape[0], 1))
    return total.array if dy is None else ops.add(dy, total.array)
