"""The base of all metrics: a state, what a batch adds to it, what it says in the end."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite import ops
from cnnlite.arguments import CheckedArguments
from cnnlite.errors import ShapeError
from cnnlite.losses.base import as_floats, checked_dtype, fitted_weights, floats, snake_name
from cnnlite.metrics.variables import HasVariables
from cnnlite.numeric import LABELS, as_numbers
from cnnlite.ops.core import Tensor

# Of one state, 400 MB: a larger one comes from a wrong argument, say a size as a class number.
MOST_VALUES = 50_000_000


class Metric(HasVariables, CheckedArguments):
    """A running figure over the batches of an epoch; the base: a mean of one value per row.

    A subclass is written in one of two ways.  With operations: ``values(y_true, y_pred)``,
    one value per row, of :mod:`cnnlite.ops`; their weighted mean is part of a model's plan.

    With NumPy, as Keras's are: ``__init__`` makes variables with :meth:`add_variable`,
    ``update_state(y_true, y_pred, sample_weight=None)`` adds a batch to them with
    ``assign`` and ``assign_add``, and ``result()`` returns a number, an array or a dict of
    numbers, by whose names the logs then have them.  ``reset_state()`` makes all variables
    zero; a metric that keeps other attributes writes its own.  Such a metric is
    ``dynamic``: a model hands it copies of the targets, as they were given, and of the
    predictions after each batch.

    Parameters
    ----------
    dtype : str, optional
        Kept for Keras's sake: a state is always float64.
    name : str, optional

    Examples
    --------
    >>> class TruePositives(Metric):
    ...     def __init__(self, name="true_positives", **kwargs):
    ...         super().__init__(name=name, **kwargs)
    ...         self.hits = self.add_variable(shape=(), initializer="zeros", name="hits")
    ...
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         hits = np.logical_and(y_true == 1, y_pred > 0.5)
    ...         if sample_weight is not None:
    ...             hits = hits * np.reshape(sample_weight, (-1, 1))
    ...         self.hits.assign_add(np.sum(hits))
    ...
    ...     def result(self):
    ...         return self.hits / 1
    >>> import cnnlite
    >>> model = cnnlite.Sequential([cnnlite.Input((1,)), cnnlite.layers.Dense(1, "sigmoid")])
    >>> model.set_weights([[[4.0]], [0.0]])
    >>> model.compile("sgd", "binary_crossentropy", metrics=[TruePositives()])
    >>> x, y = np.array([[1.0], [-1.0], [2.0]]), np.array([[1], [1], [1]])
    >>> model.evaluate(x, y, verbose=0, return_dict=True)["true_positives"]
    2.0
    """

    dynamic = False  # update_state computes outside of cnnlite.ops
    sparse: bool | None = False  # targets are class numbers; None: either will do
    elementwise = False  # each element counts by itself, and may have a weight of its own

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        ways = {"update_state", "values", "record", "dynamic"}
        # The first class that says how decides: the class itself, a mixin, or a base.
        found = next(vars(base).keys() & ways for base in cls.__mro__ if vars(base).keys() & ways)
        if found == {"update_state"}:
            cls.dynamic = True
            if "sparse" not in vars(cls):
                cls.sparse = None

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or snake_name(type(self))
        self.dtype = checked_dtype(dtype, self.name)
        self._variables = []
        self.state: np.ndarray = np.zeros(2)  # weighted sum, sum of weights

    def build(self, y_pred_shape: Any) -> None:
        """Make the state where its size depends on the predictions; may be called again."""

    def values(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no values(y_true, y_pred).")

    def record(self, y_true: Tensor, y_pred: Tensor, weights: Tensor | None = None) -> None:
        """Add a batch with operations, in a plan or eagerly; a weight for each row, or None."""
        ops.mean_update(self.state, self.values(y_true, y_pred), weights)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch.

        Parameters
        ----------
        y_true, y_pred : array-like
        sample_weight : array-like, optional
            One number per sample or per row; metrics of elements take one for each too.

        Examples
        --------
        >>> from cnnlite.metrics import SparseCategoricalAccuracy
        >>> metric = SparseCategoricalAccuracy()
        >>> metric.update_state([0, 1], [[0.9, 0.1], [0.8, 0.2]])
        >>> metric.result()
        0.5
        """
        y_pred, y_true = as_floats(y_pred, self.dtype, self.name), np.asarray(y_true)
        if y_pred.ndim == 1 and y_true.ndim == 2 and y_true.shape[1] == 1:
            y_pred = y_pred[:, None]  # rows of one value, as the targets are
        y_true = self.prepare(y_true, y_pred.shape, y_pred.dtype)
        weights = sample_weight
        if self.elementwise and (y_pred.ndim == 1 or np.ndim(weights) == y_pred.ndim > 1):
            y_pred, y_true = y_pred[..., None], y_true[..., None]  # a row each
        elif y_pred.ndim == 1:
            y_pred, y_true = y_pred[None], y_true[None]
            weights = None if weights is None else np.sum(weights)[None]
        self.build(y_pred.shape)
        shape = y_pred.shape[:-1]
        weights = fitted_weights(weights, shape, y_pred.dtype, self.name)
        self.record(y_true, y_pred, spread_weights(weights, shape))

    def prepare(self, y_true: Any, y_pred_shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Return targets as the metric takes them, for predictions of this shape.

        An axis of length 1 is added or dropped.

        Raises
        ------
        ShapeError, TypeError, ValueError
            If they do not fit, or what should be class numbers are none.
        """
        y = as_numbers(y_true, f"{self.name}: targets", LABELS)
        sparse = self.sparse
        if sparse is None:
            sparse = y.shape != y_pred_shape
        shape = y_pred_shape[:-1] if sparse else y_pred_shape
        fitted = y
        if y.ndim == len(shape) + 1 and y.shape[-1] == 1:
            fitted = y[..., 0]
        elif y.ndim == len(shape) - 1 and shape[-1] == 1:
            fitted = y[..., None]
        if fitted.shape != shape:
            raise ShapeError(
                f"{self.name}: targets do not fit the predictions. "
                f"Got {y.shape} and {y_pred_shape}. Make the targets {shape}."
            )
        if sparse:
            self.check_labels(fitted, y_pred_shape[-1])
        return np.ascontiguousarray(fitted, dtype=np.int32 if sparse else dtype)

    def check_labels(self, labels: np.ndarray, classes: int) -> None:
        """Raise unless targets are class numbers; one that the predictions lack is a miss."""
        if labels.size == 0:
            return
        if labels.dtype.kind == "f" and not np.array_equal(labels, np.floor(labels)):
            raise ValueError(f"{self.name}: class numbers must be whole. Got fractions or NaN.")
        limits = np.iinfo(np.int32)
        if not (limits.min <= labels.min() and labels.max() <= limits.max):
            raise ValueError(
                f"{self.name}: class numbers must fit 32 bits. Got {labels.min()}..{labels.max()}."
            )

    def result(self) -> Any:
        """Return the figure so far; 0 before the first value."""
        total, count = self.state
        return float(total / count) if count else 0.0

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Add a batch and return the figure so far."""
        self.check_made()
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """Return the arguments from which :meth:`from_config` makes an equal metric."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """Return a new metric from what :meth:`get_config` gave."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class Mean(Metric):
    """The weighted mean of the values themselves.

    Parameters
    ----------
    name, dtype
        As every metric takes them.

    Examples
    --------
    >>> mean = Mean()
    >>> mean([1.0, 3.0], [1.0, 3.0])
    2.5
    """

    dynamic = False

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Add values, one per sample or more; a sample's weight counts for all of its values."""
        values = np.atleast_1d(floats(values, self.dtype))
        weights = fitted_weights(sample_weight, values.shape, values.dtype, self.name)
        self.add(values, spread_weights(weights, values.shape))

    def add(self, values: np.ndarray, weights: np.ndarray | None) -> None:
        """Add values with a weight for each."""
        ops.mean_update(self.state, values, weights)

    def record_values(self, values: Tensor, weights: Tensor | None = None) -> None:
        """Add values as a loss counts them: weighted sum over the number of rows."""
        ops.mean_update(self.state, values, weights, count_rows=True)

    def __call__(self, values: Any, sample_weight: Any = None) -> Any:  # type: ignore[override]
        """Add values and return the figure so far."""
        self.update_state(values, sample_weight)
        return self.result()


class Sum(Mean):
    """The weighted sum of the values themselves.

    Parameters
    ----------
    name, dtype
        As every metric takes them.

    Examples
    --------
    >>> total = Sum()
    >>> total([1.0, 3.0], [1.0, 3.0])
    10.0
    """

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def add(self, values: np.ndarray, weights: np.ndarray | None) -> None:
        """Add values, each times its weight."""
        ops.mean_update(self.state, values.ravel(), None if weights is None else weights.ravel())

    def result(self) -> float:
        """Return the sum so far."""
        return float(self.state[0])


def spread_weights(weights: np.ndarray | None, shape: tuple) -> np.ndarray | None:
    """Return weights of the first axes for all rows of the shape."""
    if weights is None:
        return None
    column = weights.reshape(weights.shape + (1,) * (len(shape) - weights.ndim))
    return np.ascontiguousarray(np.broadcast_to(column, shape))
