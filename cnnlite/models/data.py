"""The arrays given to fit, evaluate and predict: checked once, then read batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnlite.arguments import number
from cnnlite.errors import ShapeError
from cnnlite.layers.symbolic import SymbolicTensor
from cnnlite.models.structure import by_name
from cnnlite.numeric import FEATURES, LABELS, as_numbers

if TYPE_CHECKING:
    from cnnlite.models.heads import Head


def entries(value: Any, names: Sequence[str | None], where: str, what: str) -> list[Any]:
    """Return the arrays in a value: one, a list with one per name, or a dict by name."""
    listed = isinstance(value, list | tuple)
    several = listed and (len(names) > 1 or any(hasattr(a, "ndim") for a in value))
    if not several and not isinstance(value, dict):
        value = [value]
    if not isinstance(value, dict) and len(value) != len(names):
        raise ShapeError(
            f"{where}: the model has {len(names)} {what}. Got {len(value)} arrays. "
            "Pass a list with one array for each, or a dict by name."
        )
    return by_name(value, names, f"{where}: {what}")


def as_inputs(
    x: Any, tensors: Sequence[SymbolicTensor], names: Sequence[str | None], where: str
) -> list[np.ndarray]:
    """Return a model's inputs as contiguous arrays of its dtypes, checked against its shapes."""
    arrays = entries(x, names, where, "inputs")
    checked = []
    for given, tensor, name in zip(arrays, tensors, names, strict=True):
        if given is None:
            raise ValueError(f"{where}: the input {name!r} is missing. Pass an array for it.")
        checked.append(_as_input(given, tensor, where))
    if len(checked) > 1 and len({len(a) for a in checked}) > 1:
        raise ShapeError(f"{where}: the inputs differ in samples. Got {[len(a) for a in checked]}.")
    return checked


def _as_input(given: Any, tensor: SymbolicTensor, where: str) -> np.ndarray:
    a, shape = as_numbers(given, f"{where}: x", FEATURES), tensor.shape
    fits = a.ndim == len(shape) and (
        a.shape[1:] == shape[1:]
        or all(n is None or n == m for n, m in zip(shape[1:], a.shape[1:], strict=True))
    )
    if not fits:
        wanted = ", ".join(["batch", *("any" if n is None else str(n) for n in shape[1:])])
        raise ShapeError(
            f"{where}: x does not fit the model's input. Got shape {a.shape}. "
            f"Make it ({wanted}).{_reshaping(a.shape, shape[1:])}"
        )
    if shape[0] is not None and where != "predict" and len(a) % shape[0]:
        raise ShapeError(
            f"{where}: the model's batches have {shape[0]} samples. Got {len(a)} samples. "
            f"Pass a multiple of {shape[0]}."
        )
    dtype = np.dtype(tensor.dtype)
    if dtype.kind in "iu" and a.size:
        limits = np.iinfo(dtype)
        if a.dtype.kind == "f" and not np.array_equal(a, np.floor(a)):
            raise TypeError(f"{where}: this input takes whole numbers. Got fractions or NaN.")
        if not (limits.min <= a.min() and a.max() <= limits.max):
            raise ValueError(
                f"{where}: this input takes {dtype}, {limits.min}..{limits.max}. "
                f"Got {a.min()}..{a.max()}."
            )
    if tensor.limit is not None and a.size and not (a.min() >= 0 and a.max() < tensor.limit):
        raise ValueError(
            f"{where}: this input takes numbers of an Embedding's vectors, 0..{tensor.limit - 1}. "
            f"Got {a.min()}..{a.max()}."
        )
    return np.ascontiguousarray(a, dtype=dtype)


def _reshaping(given: tuple[int, ...], sample: tuple[int | None, ...]) -> str:
    """Return what makes an array of this shape one of samples, as a sentence, or nothing.

    Examples
    --------
    >>> from cnnlite.models.data import _reshaping
    >>> _reshaping((28, 28), (28, 28, 1))
    ' One sample needs two axes more: x[None, ..., None].'
    """

    def matches(shape: tuple[int, ...]) -> bool:
        return len(shape) == len(sample) and all(
            n is None or n == m for n, m in zip(sample, shape, strict=True)
        )

    if matches(given):
        return " Add the batch axis: x[None]."
    if matches((*given[1:], 1)):
        return " Add the last axis: x[..., None]."
    if matches((*given, 1)):
        return " One sample needs two axes more: x[None, ..., None]."
    known = [n for n in sample if n is not None]
    if len(given) > 1 and len(known) == len(sample) and prod(given[1:]) == prod(known):
        return f" Its samples have as many numbers: x.reshape({', '.join(map(str, (-1, *known)))})."
    return ""


class Dataset:
    """Inputs, targets and weights of equal length.

    Parameters
    ----------
    inputs : list of arrays
    targets, weights : list of arrays or None, optional
        For each output of the model; weights are one number per row of it.
    given : dict of int to tuple, optional
        For each output that has targets, the shape of a sample's as they were passed, which
        may have an axis of length 1 more or less.

    Attributes
    ----------
    arrays : dict of str to numpy.ndarray
        All arrays, by the names of a plan's inputs.
    spec : tuple
        Their names, shapes of a sample and dtypes: what a plan depends on.
    """

    def __init__(
        self,
        inputs: list[np.ndarray],
        targets: Sequence[np.ndarray | None] = (),
        weights: Sequence[np.ndarray | None] = (),
        given: dict[int, tuple[int, ...]] | None = None,
    ) -> None:
        self.inputs, self.targets, self.weights = inputs, list(targets), list(weights)
        self.given = given or {}
        self.arrays: dict[str, np.ndarray] = {}
        # Each step looks its plan up by spec, and a dtype's text is hashed faster than a dtype.
        self.spec: tuple[Any, ...] = ()
        for letter, arrays in (("x", self.inputs), ("y", self.targets), ("w", self.weights)):
            for i, a in enumerate(arrays):
                if a is not None:
                    self.arrays[f"{letter}{i}"] = a
                    self.spec += (letter, i, a.shape[1:], a.dtype.str)

    def __len__(self) -> int:
        return len(self.inputs[0])

    def part(self, samples: slice) -> Dataset:
        """Return some of the samples, without copying."""

        def cut(arrays: Sequence[np.ndarray | None]) -> list[np.ndarray | None]:
            return [None if a is None else a[samples] for a in arrays]

        inputs = [a[samples] for a in self.inputs]
        return Dataset(inputs, cut(self.targets), cut(self.weights), self.given)

    def fill(self, arrays: dict[str, np.ndarray], samples: slice | np.ndarray) -> None:
        """Copy samples, a range or a list of numbers, into a plan's input arrays."""
        for name, a in self.arrays.items():
            if isinstance(samples, slice):
                arrays[name][...] = a[samples]
            else:
                # mode="clip" writes straight to out; the numbers are known to be valid.
                a.take(samples, axis=0, out=arrays[name], mode="clip")


def as_targets(
    inputs: list[np.ndarray],
    y: Any,
    sample_weight: Any,
    class_weight: Any,
    heads: Sequence[Head],
    names: Sequence[str],
    where: str,
) -> Dataset:
    """Return a data set of checked targets and weights, one for each head that has a loss."""
    trained = [h for h in heads if h.loss is not None or h.metrics]
    if y is None:
        raise ValueError(f"{where}: no targets. Got y=None. Pass y, one target per sample.")
    given = targets_for(y, heads, names, where)
    if sample_weight is not None and class_weight is not None:
        raise ValueError(f"{where}: pass class_weight or sample_weight, not both.")
    if class_weight is not None and len(heads) > 1:
        raise ValueError(f"{where}: class_weight needs a model of one output. Got {len(heads)}.")
    weights: list[Any] = [None] * len(heads)
    if isinstance(sample_weight, list | tuple | dict) and len(heads) > 1:
        weights = _for_heads(sample_weight, heads, trained, names, f"{where}: sample_weight")
    elif sample_weight is not None:
        weights = [sample_weight] * len(heads)
    n = len(inputs[0])
    targets: list[np.ndarray | None] = []
    for i, head in enumerate(heads):
        target = None
        if head in trained:
            if given[i] is None:
                raise ValueError(f"{where}: no targets for the output {names[i]!r}.")
            target = _as_target(given[i], n, head, where)
            if class_weight is not None:
                weights[i] = _class_weights(class_weight, target, where)
        targets.append(target)
        if weights[i] is not None:
            weights[i] = None if target is None else _as_weights(weights[i], n, head.tensor, where)
    shapes = {i: np.shape(y)[1:] for i, y in enumerate(given) if targets[i] is not None}
    return Dataset(inputs, targets, weights, shapes)


def targets_for(y: Any, heads: Sequence[Head], names: Sequence[str], where: str) -> list[Any]:
    """Return the targets given for each head, None for those that nothing is asked of."""
    trained = [h for h in heads if h.loss is not None or h.metrics]
    given = _for_heads(y, heads, trained, names, f"{where}: targets")
    return [
        as_numbers(one, f"{where}: targets", LABELS) if head in trained and one is not None else one
        for head, one in zip(heads, given, strict=True)
    ]


def _for_heads(
    value: Any, heads: Sequence[Head], trained: list[Head], names: Sequence[str], where: str
) -> list[Any]:
    """Return one value per head; a list may leave out the heads that nothing is asked of."""
    if isinstance(value, list | tuple) and len(heads) > 1 and len(value) == len(trained):
        found = iter(value)
        return [next(found) if head in trained else None for head in heads]
    return entries(value, names, where, "outputs")


def _as_target(y: Any, n: int, head: Head, where: str) -> np.ndarray:
    """Return targets as the head's loss (or, without one, its metrics) takes them."""
    shape = head.tensor.shape
    if head.loss is not None:
        # The sizes that may vary are those of the targets.
        given = np.shape(y)
        known = [
            m if m is not None else (given[d] if d < len(given) else 1)
            for d, m in enumerate(shape[1:], 1)
        ]
        label = f"{where}: {head.loss.name}"
        target = head.loss.prepare(y, (n, *known), head.tensor.dtype, label)
    else:
        target = _measured(y, n, head)
    if len(target) != n:
        raise ShapeError(f"{where}: x has {n} samples but y has {len(target)}.")
    return target


def _measured(y: Any, n: int, head: Head) -> np.ndarray:
    """Return targets as the metrics of a head without a loss take them."""
    shape, dtype = head.tensor.shape, head.tensor.dtype
    recorded = [metric for metric in head.metrics if not metric.dynamic]
    known = [m for m in shape[1:] if m is not None]
    if recorded and len(np.atleast_1d(y)) == n and len(known) == len(shape) - 1:
        return recorded[0].prepare(y, (n, *known), dtype)
    return np.ascontiguousarray(y, dtype=np.int32 if head.sparse else dtype)


def _class_weights(given: Any, target: np.ndarray, where: str) -> np.ndarray:
    """Return each sample's weight by its class; a class without one counts 1."""
    if not isinstance(given, dict):
        raise TypeError(
            f"{where}: class_weight must be a dict of class number to weight. Got {given!r}."
        )
    y = target
    if y.ndim > 1:
        y = y.argmax(-1) if y.shape[-1] > 1 else y[..., 0]
    if y.ndim > 1:
        raise ValueError(f"{where}: class_weight needs one class per sample. Got {target.shape}.")
    labels = np.round(y).astype(np.int64)
    weights = np.ones(len(y))
    for label, weight in given.items():
        plain = isinstance(label, int | float | np.number | np.bool_)
        if not plain or not float(label).is_integer():
            raise TypeError(
                f"{where}: class_weight must have class numbers as keys. Got {label!r}. "
                "Number the classes as the targets do, from 0."
            )
        what = f"{where}: class_weight of class {label!r}"
        weights[labels == int(label)] = number(weight, what, open_ends="()")
    return weights


def _as_weights(value: Any, n: int, tensor: SymbolicTensor, where: str) -> np.ndarray:
    """Return weights of shape (N, ...), one per row of the predictions."""
    w = as_numbers(value, f"{where}: sample_weight").astype(tensor.dtype)
    if w.ndim == 2 and w.shape[1] == 1 and len(tensor.shape) == 2:
        w = w[:, 0]  # as Keras takes them
    rows = (n, *tensor.shape[1:-1])
    fits = 1 <= w.ndim <= len(rows) and all(
        r is None or r == m for r, m in zip(rows, w.shape, strict=False)
    )
    if not fits:
        raise ShapeError(
            f"{where}: sample_weight does not fit. Got shape {w.shape}. Make it ({n},)."
        )
    if w.ndim < len(rows) and None in rows:
        return np.ascontiguousarray(w)  # each batch spreads them over its own sizes
    known = [m if r is None else r for r, m in zip(rows, (*w.shape, *rows[w.ndim :]), strict=True)]
    spread = w.reshape(w.shape + (1,) * (len(rows) - w.ndim))
    return np.ascontiguousarray(np.broadcast_to(spread, [m or 0 for m in known]))


def split_validation(data: Dataset, fraction: float) -> tuple[Dataset, Dataset]:
    """Split off the last ``fraction`` of the samples, as Keras does: before any shuffling."""
    if not isinstance(fraction, int | float | np.number) or not 0 < fraction < 1:
        raise ValueError(f"fit: validation_split must lie in [0, 1). Got {fraction!r}.")
    cut = int(len(data) * (1 - fraction))
    if cut == 0 or cut == len(data):
        raise ValueError(
            f"fit: validation_split={fraction} of {len(data)} samples leaves one part empty."
        )
    return data.part(slice(0, cut)), data.part(slice(cut, None))
