"""Variables of metrics that compute with NumPy, as Keras's metrics have them."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cnnlite import initializers
from cnnlite.errors import ShapeError
from cnnlite.ops import Parameter

# What a metric may keep as a plain attribute; anything else is no state of it.
_PLAIN = (np.ndarray, np.number, int, float, str, list, dict, tuple, type(None))


class Variable(np.lib.mixins.NDArrayOperatorsMixin, Parameter):
    """A number or an array that a metric adds batches to; in arithmetic, its values.

    :meth:`HasVariables.add_variable` makes one.

    Examples
    --------
    >>> hits = Variable(np.zeros(()), "hits", trainable=False)
    >>> hits.assign_add(np.sum([1, 0, 1]))
    >>> hits += 1
    >>> float(hits), hits / 2
    (3.0, np.float64(1.5))
    """

    __slots__ = ()
    __hash__ = object.__hash__

    def assign_add(self, value: Any) -> None:
        """Add ``value``, of the variable's shape (or a number), in place."""
        self.assign(self.value + np.asarray(value))

    def assign_sub(self, value: Any) -> None:
        """Take ``value``, of the variable's shape (or a number), away in place."""
        self.assign(self.value - np.asarray(value))

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = (), **options: Any
    ) -> Any:
        arrays = [_values(x) for x in inputs]
        if not out:
            return getattr(ufunc, method)(*arrays, **options)
        getattr(ufunc, method)(*arrays, out=tuple(_values(x) for x in out), **options)
        for target in out:
            if isinstance(target, Variable):
                target.version += 1
        return out[0] if len(out) == 1 else out

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, index: Any) -> Any:
        return np.array(self.value[index])


class HasVariables:
    """What a metric does with its variables, and with the metrics inside it."""

    name: str
    state: np.ndarray
    dynamic: bool
    _variables: list[Variable]

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any,
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """Make a variable of the metric's state; call it in ``__init__``.

        Parameters
        ----------
        shape : sequence of int
            ``()`` for a number.
        initializer : str or Initializer
            Of its first value; ``reset_state`` makes it zero, whatever this is.
        dtype : dtype, optional
            Default: float64, as the states of all metrics are.
        aggregation : str
            Taken for Keras's sake: there is one process, so nothing to aggregate.
        name : str, optional

        Raises
        ------
        RuntimeError
            Before ``super().__init__()``.
        """
        self.check_made()
        label = f"{self.name}/{name or 'variable'}"
        shape = tuple(shape)
        made = initializers.get(initializer)
        value = np.array(made(shape, np.dtype(dtype or np.float64)), dtype=dtype or np.float64)
        if value.shape != shape:
            raise ShapeError(
                f"{label}: the initializer returned another shape. "
                f"Got {value.shape}. Make it {shape}."
            )
        variable = Variable(value, label, trainable=False)
        self._variables.append(variable)
        return variable

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: Any = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Make a variable, as :meth:`add_variable` does."""
        return self.add_variable(shape, initializer, dtype, name=name)

    def check_made(self) -> None:
        """Raise where a subclass's ``__init__`` has not called its base's yet."""
        if "_variables" not in vars(self):
            raise RuntimeError(
                f"{type(self).__name__}: the base's __init__ has not run. Begin __init__ with "
                "super().__init__(name=name)."
            )

    @property
    def variables(self) -> list[Variable]:
        """The state's variables: the metric's own, then those of the metrics inside it.

        One that has made none has its ``state`` here.
        """
        own = self._variables
        if not own and not self._inside():
            own = [Variable(self.state, f"{self.name}/state", trainable=False)]
        return [*own, *(v for metric in self._inside() for v in metric.variables)]

    def _inside(self) -> list[Any]:
        """Return the metrics kept as attributes, or in lists, tuples and dicts there."""
        found = _kept(list(vars(self).values()))
        return list(dict.fromkeys(m for m in found if isinstance(m, HasVariables)))

    def reset_state(self) -> None:
        """Start anew: everything is zero."""
        self.state[...] = 0
        for variable in self._variables:
            variable.assign(np.zeros_like(variable.value))
        for metric in self._inside():
            metric.reset_state()

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(vars(self).get(name), Variable) and not isinstance(value, Variable):
            raise TypeError(
                f"{self.name}: {name} is a variable, and this would put something else in its "
                f"place. Got {value!r}. Write self.{name}.assign(...)."
            )
        super().__setattr__(name, value)

    # -- copies of the state

    def gathered(self) -> dict[str, Any]:
        """Return a copy of the state; that of a dynamic metric may be any plain attribute."""
        found: dict[str, Any] = {"state": self.state.copy()}
        if self._variables:
            found["variables"] = [v.numpy() for v in self._variables]
        if self.dynamic:
            found["attributes"] = {
                name: copy.deepcopy(value)
                for name, value in vars(self).items()
                if isinstance(value, _PLAIN)
                and name not in ("state", "name", "dtype")
                and not _has_variables(value)
            }
        if self._inside():
            found["inside"] = [metric.gathered() for metric in self._inside()]
        return found

    def take_back(self, gathered: dict[str, Any]) -> None:
        """Take back what :meth:`gathered` returned."""
        if self.state.shape == np.shape(gathered["state"]):
            self.state[...] = gathered["state"]  # in place: plans hold the array
        else:
            self.state = gathered["state"]
        kept = gathered.get("variables", [])
        since = [np.zeros_like(v.value) for v in self._variables[len(kept) :]]  # made after it
        for variable, value in zip(self._variables, [*kept, *since], strict=True):
            variable.assign(value)
        for name, value in gathered.get("attributes", {}).items():
            known = getattr(self, name, None)
            if _has_variables(known):
                continue
            setattr(
                self, name, type(known)(value) if type(known) is tuple else copy.deepcopy(value)
            )
        for metric, value in zip(self._inside(), gathered.get("inside", []), strict=True):
            metric.take_back(value)


def check_update_state(metric: Any) -> None:
    """Raise unless a model can call a dynamic metric's ``update_state``."""
    try:
        inspect.signature(metric.update_state).bind(None, None, sample_weight=None)
    except TypeError:
        given = inspect.signature(metric.update_state)
        raise TypeError(
            f"{metric.name}: {type(metric).__name__}.update_state must take "
            f"(y_true, y_pred, sample_weight=None). Got {given}."
        ) from None


def figures(metric: Any, name: str) -> dict[str, Any]:
    """Return a metric's result as the logs have it: by its name, or by the names of a dict.

    Raises
    ------
    TypeError
        If a result is neither a number nor an array of numbers.

    Examples
    --------
    >>> from cnnlite.metrics import Mean
    >>> figures(Mean(), "mean")
    {'mean': 0.0}
    """
    result = metric.result()
    named = result if isinstance(result, dict) else {name: result}
    return {key: _figure(value, name) for key, value in named.items()}


def _figure(value: Any, where: str) -> Any:
    if type(value) is float:
        return value
    array = np.array(value) if value is not None else np.array("")
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{where}: result() must return a number, an array of numbers or a dict of them. "
            f"Got {value!r}."
        )
    return float(array) if array.ndim == 0 else array


def _has_variables(value: Any) -> bool:
    return any(isinstance(v, Variable | HasVariables) for v in _kept([value]))


def _values(x: Any) -> Any:
    return x.value if isinstance(x, Variable) else x


def _kept(values: Any) -> Iterator[Any]:
    """Yield the values, and those in lists, tuples and dicts among them."""
    for value in values:
        yield value
        if isinstance(value, list | tuple):
            yield from _kept(value)
        elif isinstance(value, dict):
            yield from _kept(value.values())
