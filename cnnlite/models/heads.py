"""Heads: what each output of a model is trained and measured by."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnnlite import losses, metrics, ops
from cnnlite.layers.context import Context, StepState
from cnnlite.layers.symbolic import SymbolicTensor
from cnnlite.losses.own import check_trainable
from cnnlite.metrics import Metric
from cnnlite.metrics.variables import figures
from cnnlite.models.structure import by_name
from cnnlite.ops.core import Tensor

_CROSSENTROPY = ("crossentropy", "ce")
_PLAIN = "sum_over_batch_size"  # the reduction that losses and their gradients have built in


class Head:
    """One output with its loss and its metrics.

    Parameters
    ----------
    index : int
        Its place among the model's outputs.
    tensor : SymbolicTensor
    loss : Loss or None
    weight : float
        What the loss counts in the sum of all outputs' losses.
    unweighted, weighted : list of Metric
        Measured without and with the sample weights.
    label : str
        What precedes the metrics' names: the output's name and "_" if there are several.
    undecided : bool
        Whether ``loss`` may change, to the cross-entropy that the targets turn out to need.

    Attributes
    ----------
    log_names : list of str
        What the logs call each metric.
    """

    def __init__(
        self,
        index: int,
        tensor: SymbolicTensor,
        loss: losses.Loss | None,
        weight: float,
        unweighted: list[metrics.Metric],
        weighted: list[metrics.Metric],
        label: str,
        undecided: bool = False,
    ) -> None:
        self.index, self.tensor, self.loss, self.weight = index, tensor, loss, weight
        self.unweighted, self.weighted, self.label = unweighted, weighted, label
        self.undecided = undecided
        self.log_names: list[str] = []
        self.mean = metrics.Mean(f"{label}loss")
        self._ctx: Context | None = None
        self._rows: tuple[int, ...] = ()
        self._mask: Any = None  # of the rows that the loss counts
        for metric in self.metrics:
            metric.build(tensor.shape)

    @property
    def metrics(self) -> list[Metric]:
        return [*self.unweighted, *self.weighted]

    @property
    def dynamic(self) -> bool:
        """Whether the loss computes outside of operations, so that no plan can hold it."""
        return self.loss is not None and self.loss.dynamic

    @property
    def sparse(self) -> bool:
        """Whether the targets are class numbers."""
        if self.loss is not None:
            return self.loss.sparse
        return any(getattr(m, "sparse", False) for m in self.metrics)

    def record(
        self, y_true: Tensor, y_pred: Tensor, weights: Any, mask: Any, state: StepState
    ) -> None:
        """Compute the loss and the metrics of a batch with operations."""
        if self.loss is not None:
            self._ctx = Context(state)
            values = self.loss.call(y_true, y_pred, ctx=self._ctx)
            self._rows = tuple(values.shape)
            self._mask = self.loss.compute_mask(y_true, mask, y_pred.dtype)
            self.mean.record_values(values, self._row_weights(weights, 1.0))
        for kind, given in ((self.unweighted, None), (self.weighted, weights)):
            recorded = [metric for metric in kind if not metric.dynamic]
            if recorded:
                both = _product(given, mask, y_pred)
                for metric in recorded:
                    metric.record(y_true, y_pred, both)

    def outputs_for_python(self, y_pred: Tensor, mask: Any) -> dict[str, Tensor]:
        """Return what :meth:`update_in_python` reads after the plan ran, by name."""
        if not any(metric.dynamic for metric in self.metrics):
            return {}
        found = {f"out{self.index}": y_pred}
        return found if mask is None else {**found, f"mask{self.index}": mask}

    def update_in_python(
        self, arrays: dict[str, np.ndarray], given: tuple[int, ...] | None = None
    ) -> None:
        """Update the metrics that compute outside of operations.

        They get copies, as nothing of the arena escapes, and targets whose samples have the
        shape in which they were given.
        """
        for kind, name in ((self.unweighted, ""), (self.weighted, f"w{self.index}")):
            for metric in kind:
                if metric.dynamic and f"y{self.index}" in arrays:
                    weights, mask = arrays.get(name), arrays.get(f"mask{self.index}")
                    if mask is not None:
                        weights = mask * (1.0 if weights is None else weights)
                    y_true, y_pred = arrays[f"y{self.index}"].copy(), arrays[f"out{self.index}"]
                    if given is not None:
                        y_true = y_true.reshape(len(y_true), *given)
                    weights = None if weights is None else np.array(weights)
                    metric.update_state(y_true, y_pred.copy(), sample_weight=weights)

    def results(self) -> dict[str, Any]:
        """Return the metrics' figures by their names in the logs."""
        found: dict[str, Any] = {}
        for name, metric in zip(self.log_names, self.metrics, strict=True):
            found |= figures(metric, name)
        return found

    def backward(self, weights: Any) -> Tensor | None:
        """Return the gradient of the weighted loss to the output; after :meth:`record`."""
        if self.loss is None or self._ctx is None:
            return None
        return self.loss.backward(self._row_weights(weights, self.weight), ctx=self._ctx)

    def _row_weights(self, weights: Any, scale: float) -> Any:
        """Return what each row counts in the mean over all rows; None: each the same."""
        assert self.loss is not None
        if self.loss.reduction == _PLAIN and self._mask is None and scale == 1:
            return weights
        return ops.loss_weights(
            weights,
            self._mask,
            rows=self._rows,
            reduction=str(self.loss.reduction),
            scale=scale,
            dtype=self.tensor.dtype,
        )


def _product(weights: Any, mask: Any, y_pred: Tensor) -> Any:
    """Return weights times mask, one per row of the predictions."""
    if mask is None:
        return weights
    rows = tuple(y_pred.shape[:-1])
    # "sum" multiplies by the number of rows, which the scale takes back.
    count = max(math.prod(rows), 1)
    return ops.loss_weights(
        weights, mask, rows=rows, reduction="sum", scale=1 / count, dtype=y_pred.dtype
    )


def make_heads(
    tensors: list[SymbolicTensor],
    names: list[str],
    loss: Any,
    loss_weights: Any,
    unweighted: Any,
    weighted: Any,
) -> list[Head]:
    """Return a head for each output, from what ``compile`` was given.

    Parameters
    ----------
    tensors : list of SymbolicTensor
    names : list of str
        The outputs' names, which dicts are keyed by.
    loss, loss_weights, unweighted, weighted
        One for all, a list with an entry per output, or a dict by name.
    """
    several = len(tensors) > 1
    one = loss is None or isinstance(loss, str | losses.Loss | type) or callable(loss)
    given = [loss] * len(tensors) if one else by_name(loss, names, "compile: loss")
    if loss_weights is None:
        weights: list[Any] = [1.0] * len(tensors)
    else:
        weights = by_name(loss_weights, names, "compile: loss_weights")
    plain = _metrics_of(unweighted, names, "compile: metrics")
    counted = _metrics_of(weighted, names, "compile: weighted_metrics")
    heads = []
    for i, (tensor, name) in enumerate(zip(tensors, names, strict=True)):
        found, undecided = _found_loss(given[i], tensor.shape)
        if found is not None and found.reduction in (None, "none"):
            raise ValueError(
                f"compile: the loss {found.name} has reduction={found.reduction!r}, and training "
                'needs one number. Use "sum_over_batch_size" or "sum".'
            )
        uncounted, weighed = (
            [metrics.get(m, None if undecided else found, tensor.shape) for m in wanted]
            for wanted in (plain[i], counted[i])
        )
        label = f"{name}_" if several else ""
        weight = _checked_weight(weights[i], name)
        heads.append(Head(i, tensor, found, weight, uncounted, weighed, label, undecided))
    _name_metrics(heads)
    return heads


def as_losses(given: Any) -> Any:
    """Return what compile was given as loss, a list or dict of them or one, as losses."""
    if isinstance(given, dict):
        return {name: as_loss(one) for name, one in given.items()}
    if isinstance(given, list | tuple):
        return [as_loss(one) for one in given]
    return as_loss(given)


def as_loss(identifier: Any) -> Any:
    """Return a loss that ``compile`` was given.

    "crossentropy" ("ce") stays a name, until predictions and targets tell which one it is.
    """
    if isinstance(identifier, str) and identifier.lower() in _CROSSENTROPY:
        return _CROSSENTROPY[0]
    return None if identifier is None else check_trainable(losses.get(identifier))


def crossentropy_for(output_shape: tuple, target_shape: tuple) -> losses.Loss:
    """Return the cross-entropy for targets of this shape, by Keras's rule.

    Examples
    --------
    >>> from cnnlite.models.heads import crossentropy_for
    >>> crossentropy_for((None, 1), (8,)).name
    'binary_crossentropy'
    >>> crossentropy_for((None, 10), (8,)).name
    'sparse_categorical_crossentropy'
    """
    if output_shape[-1] == 1:
        return losses.BinaryCrossentropy()
    if len(target_shape) < len(output_shape) or target_shape[-1] == 1:
        return losses.SparseCategoricalCrossentropy()
    return losses.CategoricalCrossentropy()


def _found_loss(given: Any, output_shape: tuple) -> tuple[losses.Loss | None, bool]:
    """Return a head's loss, and whether that is a guess until targets are seen."""
    found = as_loss(given)
    if found != _CROSSENTROPY[0]:
        return found, False
    return crossentropy_for(output_shape, output_shape), output_shape[-1] != 1


def _name_metrics(heads: list[Head]) -> None:
    """Give each metric its name in the logs: numbered where two would share one, as in Keras."""
    taken: set[str] = set()

    def free(name: str) -> str:
        found, number = name, 0
        while found in taken:
            number += 1
            found = f"{name}_{number}"
        taken.add(found)
        return found

    for head in heads:
        head.log_names = [free(f"{head.label}{m.name}") for m in head.unweighted]
    for head in heads:
        for metric in head.weighted:
            plain = f"{head.label}{metric.name}"
            weighted = f"{head.label}weighted_{metric.name}"
            head.log_names.append(free(weighted if plain in taken else plain))


def _checked_weight(value: Any, name: str) -> float:
    if value is None:
        return 1.0
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        mend = " Name metrics: compile(optimizer, loss, metrics=[...])."
        raise TypeError(
            f"compile: loss_weights: {name} needs a number. Got {value!r}."
            f"{mend if isinstance(value, str) else ''}"
        )
    return float(value)


def check_weights(given: Any) -> None:
    """Raise if a weight of an output is no number; metrics in their place are a common slip."""
    if isinstance(given, list | tuple):
        given = {f"output {i}": value for i, value in enumerate(given)}
    for name, value in given.items() if isinstance(given, dict) else ():
        _checked_weight(value, name)


def check_names(given: Any, what: str) -> None:
    """Raise if a string names no metric, in a list, in a dict by output, or alone."""
    pending = list(given.values()) if isinstance(given, dict) else [given]
    while pending:
        entry = pending.pop(0)
        if isinstance(entry, list | tuple):
            pending[:0] = entry
        elif isinstance(entry, str):
            try:
                metrics.get(entry)
            except ValueError as error:
                raise ValueError(f"compile: {what}: {error}") from None


def _metrics_of(given: Any, names: list[str], where: str) -> list[list[Any]]:
    """Return a list of metrics for each output."""
    if given is None:
        return [[] for _ in names]
    if not isinstance(given, list | tuple | dict):
        raise TypeError(f'{where} must be a list or a dict. Got {given!r}. Write ["accuracy"].')
    if len(names) == 1 and not isinstance(given, dict):
        flat = [m for entry in given for m in (entry if isinstance(entry, list) else [entry])]
        return [flat]
    entries = by_name(given, names, where)
    return [[] if e is None else list(e) if isinstance(e, list | tuple) else [e] for e in entries]
