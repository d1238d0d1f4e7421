"""The base of all losses: what targets they take, how rows become one number."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from cnnlite import arguments, ops
from cnnlite.arguments import CheckedArguments
from cnnlite.errors import DtypeError, ShapeError
from cnnlite.layers.context import Context, accepts
from cnnlite.losses.advice import advice
from cnnlite.numeric import LABELS, as_numbers
from cnnlite.ops.core import Tensor

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


class Loss(CheckedArguments):
    """A loss with its derivative beside it.

    A subclass defines ``call(y_true, y_pred, *, ctx)``, which computes one value
    per row with :mod:`cnnlite.ops` and keeps what it needs with ``ctx.save``, and
    ``backward(weights, *, ctx)``, which returns the gradient to ``y_pred`` of the
    mean ``sum_r weights_r loss_r / rows`` (weights may be None: ones).  One that computes
    with NumPy instead sets ``dynamic = True``.  Without ``ctx`` and ``backward``, a loss can
    be called, and be passed to ``compile`` as a metric, but not be trained with.

    Parameters
    ----------
    name : str, optional
    reduction : str or None
        How the values of the rows become one number: ``"sum_over_batch_size"`` and
        ``"mean"`` take their mean, ``"sum"`` their sum, ``"mean_with_sample_weight"``
        divides by the sum of the sample weights; ``"none"`` and None leave an array.
    dtype : str, optional
        What a call computes in; default: what the predictions are in.

    Examples
    --------
    >>> class HalfSquaredError(Loss):
    ...     def call(self, y_true, y_pred, *, ctx):
    ...         ctx.save(y_true, y_pred)
    ...         return ops.elementwise_loss_forward(y_pred, y_true, "squared_error")
    ...
    ...     def backward(self, weights, *, ctx):
    ...         y_true, y_pred = ctx.saved
    ...         return ops.elementwise_loss_backward(y_pred, y_true, "squared_error", weights)
    >>> HalfSquaredError(reduction="sum")([[0.0], [0.0]], [[1.0], [3.0]])
    10.0
    """

    dynamic = False  # True: `call` computes outside of cnnlite.ops, so it runs anew each step
    sparse = False  # targets are class numbers
    axis = -1  # of the prediction: what a row is

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: str | None = None,
    ) -> None:
        self.name = name or snake_name(type(self))
        self.reduction = arguments.one_of(reduction, REDUCTIONS, f"{self.name}: reduction")
        self.dtype = checked_dtype(dtype, self.name)

    def call(self, y_true: Tensor, y_pred: Tensor, *, ctx: Context) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no call(y_true, y_pred, *, ctx).")

    def backward(self, weights: Tensor | None, *, ctx: Context) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no backward(weights, *, ctx).")

    def compute_mask(self, y_true: Tensor, mask: Tensor | None, dtype: Any = None) -> Tensor | None:
        """Return which rows count (uint8), given the mask of the predictions, or None: all."""
        return mask

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss of a batch: a number, or with the reduction "none" an array.

        Parameters
        ----------
        y_true, y_pred : array-like
        sample_weight : array-like, optional
            One number per row, or per sample.

        Examples
        --------
        >>> from cnnlite.losses import MeanSquaredError
        >>> MeanSquaredError()([[0.0, 0.0]], [[1.0, 3.0]])
        5.0
        >>> MeanSquaredError(reduction="none")([[0.0], [1.0]], [[1.0], [3.0]], [1.0, 0.5])
        array([1., 2.], dtype=float32)
        """
        values, mask = self.values(y_true, y_pred)
        weights = fitted_weights(sample_weight, values.shape, values.dtype, self.name)
        if self.reduction in (None, "none"):
            counted = ops.loss_weights(weights, mask, rows=values.shape, reduction="sum")
            counted = np.asarray(counted, values.dtype) / max(values.size, 1)
            return values if weights is None and mask is None else ops.multiply(values, counted)
        counts = ops.loss_weights(
            weights, mask, rows=values.shape, reduction=self.reduction, dtype=values.dtype
        )
        return float(np.asarray(ops.weighted_mean(values, counts))[0])

    def values(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, Any]:
        """Return the loss of each row, and the mask of those that count or None."""
        y_pred, y_true = as_floats(y_pred, self.dtype, self.name), np.asarray(y_true)
        if y_pred.ndim == 0:
            raise ShapeError(f"{self.name}: predictions must be an array. Got a number.")
        if y_pred.ndim == 1 and y_true.ndim == 2 and y_true.shape[1] == 1:
            y_pred = y_pred[:, None]  # rows of one value, as the targets are
        alone = y_pred.ndim == 1  # one row
        if alone:
            y_pred, y_true = y_pred[None], y_true[None]
        elif y_true.ndim and len(y_true) != len(y_pred):
            raise ShapeError(
                f"{self.name}: targets and predictions differ in samples. "
                f"Got {y_true.shape} and {y_pred.shape}."
            )
        y_true = self.prepare(y_true, y_pred.shape, y_pred.dtype)
        known = {"ctx": Context()} if accepts(type(self).call, "ctx") else {}
        found = np.asarray(self.call(y_true, y_pred, **known))
        mask = self.compute_mask(y_true, None, y_pred.dtype)
        return (found.reshape(()), None) if alone else (found, mask)

    def prepare(self, y_true: Any, shape: tuple, dtype: Any, name: str | None = None) -> np.ndarray:
        """Return targets as this loss takes them, for predictions of this shape.

        A last axis of length 1 is added or dropped where only that makes them fit.

        Raises
        ------
        ShapeError, ValueError
            If they do not fit, or a class number is outside of the prediction.
        """
        where = name or self.name
        y = as_numbers(y_true, f"{where}: targets", LABELS)
        if self.sparse:
            return self._prepare_labels(y, tuple(shape), where)
        given = y.shape
        if y.ndim == len(shape) - 1 and shape[-1] == 1:
            y = y[..., None]
        elif y.ndim == len(shape) + 1 and y.shape[-1] == 1:
            y = y[..., 0]
        if y.ndim != len(shape) or tuple(y.shape[1:]) != tuple(shape[1:]):
            raise ShapeError(
                f"{where}: targets do not fit the predictions. Got {given} and {tuple(shape)}."
                + advice(given, tuple(shape), type(self).__name__, False)
            )
        return np.ascontiguousarray(y, dtype=dtype)

    def _prepare_labels(self, y: np.ndarray, shape: tuple, where: str) -> np.ndarray:
        axis, given = self.axis % len(shape), y.shape
        if y.ndim == len(shape) + 1 and y.shape[-1] == 1:
            y = y[..., 0]
        if y.ndim == len(shape) and y.shape[axis] == 1:
            y = y.squeeze(axis)
        wanted = shape[:axis] + shape[axis + 1 :]
        if y.ndim != len(shape) - 1 or tuple(y.shape[1:]) != wanted[1:]:
            raise ShapeError(
                f"{where}: targets must be one class number per row of the predictions. "
                f"Got {given} and {shape}." + advice(y.shape, shape, type(self).__name__, True)
            )
        check_classes(y, shape[axis], where, getattr(self, "ignore_class", None))
        if y.dtype.kind == "f" and not np.array_equal(y, np.floor(y)):
            raise ValueError(f"{where}: class numbers must be whole. Got fractions.")
        return np.ascontiguousarray(y, dtype=np.int32)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments from which :meth:`from_config` makes an equal loss."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Return a new loss from what :meth:`get_config` gave."""
        return cls(**config)


def check_classes(labels: np.ndarray, classes: int, where: str, ignored: int | None = None) -> None:
    """Raise unless each class number is one of the predictions' classes, or is ignored."""
    counted = labels if ignored is None else labels[labels != ignored]
    if counted.size and not (counted.min() >= 0 and counted.max() < classes):
        raise ValueError(
            f"{where}: class numbers must lie in 0..{classes - 1}, as the predictions have "
            f"{classes} classes. Got {counted.min()}..{counted.max()}."
        )


def as_floats(values: Any, dtype: Any, where: str) -> np.ndarray:
    """Return predictions as floats, or raise where they are no numbers."""
    kind = np.asarray(values).dtype
    if kind.kind not in "fiub":
        raise TypeError(f"{where}: predictions must be numbers. Got dtype {kind}.")
    return floats(values, dtype)


def floats(values: Any, dtype: Any = None) -> np.ndarray:
    """Return predictions as floats: arrays of floats as they are, all else as float32."""
    array = np.asarray(values)
    if dtype is not None:
        return array.astype(dtype, copy=False)
    known = hasattr(values, "dtype") and array.dtype.kind == "f"
    return array if known else array.astype(np.float32)


def fitted_weights(weights: Any, shape: tuple, dtype: Any, where: str) -> np.ndarray | None:
    """Return sample weights for values of this shape: of it, or of its first axes.

    A number counts for all; an axis of length 1 too many is dropped, one within is spread.
    """
    if weights is None:
        return None
    w = np.asarray(weights)
    if w.dtype.kind not in "fiub":
        raise DtypeError(f"{where}: sample_weight must be numbers. Got dtype {w.dtype}.")
    given = w.shape
    if w.ndim == len(shape) + 1 and w.shape[-1] == 1:
        w = w[..., 0]
    if w.ndim in (0, len(shape)):
        try:
            w = np.broadcast_to(w, shape)
        except ValueError:
            w = w[:0]
    if w.shape != tuple(shape[: w.ndim]) or (w.ndim == 0 and shape != ()):
        raise ShapeError(
            f"{where}: sample_weight does not fit. Got {given} for values {tuple(shape)}. "
            f"Make it {tuple(shape[:1])} or {tuple(shape)}."
        )
    return np.ascontiguousarray(w, dtype=dtype)


def checked_dtype(dtype: Any, where: str) -> str | None:
    """Return the name of a dtype given as an argument, None as it is, or raise."""
    if dtype is None:
        return None
    try:
        name = np.dtype(dtype).name
    except TypeError:
        name = ""
    if name not in ("float32", "float64"):
        raise DtypeError(f'{where}: dtype must be "float32" or "float64". Got {dtype!r}.')
    return name


def snake_name(cls: type) -> str:
    """Return a class's name as Keras writes it: ``kl_divergence``, ``auc``, ``f1_score``."""
    name = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", cls.__name__)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
