"""A layer's weights: how they are made, listed, counted and set."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from cnnlite import constraints, initializers, regularizers
from cnnlite.arguments import array, flag
from cnnlite.errors import DtypeError, ShapeError
from cnnlite.layers.sublayers import layers_in
from cnnlite.ops import Parameter


class WeightNames:
    """Weights as Keras names them too: here every variable is a weight.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layer = layers.Dense(2)
    >>> layer.ensure_built((None, 3))
    >>> [variable.shape for variable in layer.trainable_variables]
    [(3, 2), (2,)]
    """

    weights: Any
    trainable_weights: Any
    non_trainable_weights: Any

    @property
    def variables(self) -> list[Parameter]:
        return self.weights

    @property
    def trainable_variables(self) -> list[Parameter]:
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Parameter]:
        return self.non_trainable_weights


def assign_all(parameters: Sequence[Parameter], arrays: Sequence[Any], where: str) -> None:
    """Copy arrays into parameters, all or none."""
    if isinstance(arrays, str) or not isinstance(arrays, Iterable):
        raise TypeError(f"{where}: set_weights needs a list of arrays. Got {arrays!r:.80}.")
    arrays = [array(a, f"{where}: set_weights: weights") for a in arrays]
    wanted, given = [p.shape for p in parameters], [a.shape for a in arrays]
    if wanted != given:
        raise ShapeError(
            f"{where}: set_weights: the arrays do not fit the weights. "
            f"Got {given}. Make it {wanted}."
        )
    for parameter, value in zip(parameters, arrays, strict=True):
        parameter.assign(value)


class _Source(threading.local):
    """Where this thread's new weights come from; None: their initializers."""

    take: Callable[[tuple[int, ...], str, str], np.ndarray] | None = None


_source = _Source()


class LayerWeights(WeightNames):
    """What :class:`cnnlite.layers.Layer` has to do with weights: its own and those inside it.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layer = layers.Dense(2)
    >>> layer.ensure_built((None, 3))
    >>> layer.count_params()
    8
    """

    name: str
    dtype: str
    _trainable: bool
    _parameters: list[Parameter]
    _carried: list[Parameter]

    def add_weight(
        self,
        shape: Sequence[int] | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
    ) -> Parameter:
        """Make a weight; call it in ``build``.

        Parameters
        ----------
        shape : sequence of int, optional
            Default: (), one number.
        initializer : str or Initializer, optional
            Default: "glorot_uniform".
        dtype : str, optional
            The layer's; another is refused.
        trainable : bool
        regularizer : str or Regularizer, optional
        constraint : str or Constraint, optional
        name : str, optional
        """
        label, shape = f"{self.name}/{name or 'weight'}", tuple(shape or ())
        _check_dtype(dtype, self.dtype, label)
        try:
            options = regularizers.get(regularizer), constraints.get(constraint)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{label}: {error}") from None
        if _source.take is not None:
            value = _source.take(shape, self.dtype, label)
        else:
            make = initializers.get("glorot_uniform" if initializer is None else initializer)
            value = make(shape, self.dtype)
            # A function of the user's may return any array, and keep it.
            value = np.array(value, dtype=self.dtype, order="C")
        if value.shape != shape:
            raise ShapeError(
                f"{label}: the initializer returned another shape. "
                f"Got {value.shape}. Make it {shape}."
            )
        parameter = Parameter(value, label, trainable)
        parameter.regularizer, parameter.constraint = options
        self._parameters.append(parameter)
        return parameter

    def make_weight(self, role: str, shape: Sequence[int], name: str | None = None) -> Parameter:
        """Make the weight whose options :meth:`take_options` set, say ``kernel_initializer``."""
        return self.add_weight(
            shape,
            getattr(self, f"{role}_initializer"),
            name=name or role,
            regularizer=getattr(self, f"{role}_regularizer", None),
            constraint=getattr(self, f"{role}_constraint", None),
        )

    def add_state(self, shape: Sequence[int], name: str) -> Parameter:
        """Make zeros that one batch leaves to the next: no weight, and not saved with a model."""
        state = Parameter(np.zeros(tuple(shape), self.dtype), f"{self.name}/{name}", False)
        self._carried.append(state)
        return state

    @property
    def carried_states(self) -> list[Parameter]:
        """What batches leave to each other in stateful layers: this one and those inside."""
        inside = [p for layer in self.sublayers for p in layer.carried_states]
        return list(dict.fromkeys([*self._carried, *inside]))

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
    def sublayers(self) -> list[Any]:
        """The layers kept as attributes, or in lists, tuples, dicts and models there."""
        return layers_in(self)

    @property
    def trainable(self) -> bool:
        """Whether an optimizer changes the weights; setting it sets the layers inside too."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = flag(value, f"{self.name}: trainable")
        for layer in self.sublayers:
            layer.trainable = value

    @property
    def weights(self) -> list[Parameter]:
        """All parameters, trainable or not: the layer's own, then those of the layers inside."""
        inside = [p for layer in self.sublayers for p in layer.weights]
        return list(dict.fromkeys([*self._parameters, *inside]))

    @property
    def trainable_weights(self) -> list[Parameter]:
        if not self._trainable:
            return []
        own = [p for p in self._parameters if p.trainable]
        inside = [p for layer in self.sublayers for p in layer.trainable_weights]
        return list(dict.fromkeys([*own, *inside]))

    @property
    def non_trainable_weights(self) -> list[Parameter]:
        trained = set(self.trainable_weights)
        return [p for p in self.weights if p not in trained]

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of all weights."""
        return [p.numpy() for p in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Copy arrays into the weights, in the order of :meth:`get_weights`."""
        assign_all(self.weights, weights, self.name)

    def count_params(self) -> int:
        """Return the number of values in all weights."""
        return sum(p.value.size for p in self.weights)


def _check_dtype(dtype: Any, layer_dtype: str, where: str) -> None:
    """Raise where a weight is asked for in another dtype than its layer computes in."""
    if dtype is None:
        return
    try:
        same = np.dtype(dtype) == np.dtype(layer_dtype)
    except TypeError:
        same = False
    if not same:
        raise DtypeError(
            f"{where}: a weight has its layer's dtype, {layer_dtype}. Got {dtype!r}. Leave it out."
        )
