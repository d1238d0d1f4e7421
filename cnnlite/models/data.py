"""The arrays given to fit, evaluate and predict: checked once, then read batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnlite.errors import ShapeError
from cnnlite.losses import Loss


def as_inputs(x: Any, shapes: Sequence[tuple], dtypes: Sequence[str], where: str) -> list:
    """Return a model's inputs as contiguous arrays of its dtypes, checked against its shapes."""
    several = isinstance(x, list | tuple) and any(hasattr(a, "ndim") for a in x)
    arrays = list(x) if several else [x]
    if len(arrays) != len(shapes):
        raise ShapeError(
            f"{where}: the model has {len(shapes)} inputs. Got {len(arrays)} arrays. "
            "Pass a list with one array per input."
        )
    checked = []
    for given, shape, dtype in zip(arrays, shapes, dtypes, strict=True):
        a = np.asarray(given)
        if a.dtype.kind not in "fiub":
            raise TypeError(f"{where}: x must be numbers. Got dtype {a.dtype}.")
        fits = a.ndim == len(shape) and all(
            n is None or n == m for n, m in zip(shape[1:], a.shape[1:], strict=True)
        )
        if not fits:
            hint = ""
            if a.ndim == len(shape) - 1 and shape[-1] == 1:
                hint = " Add the last axis: x[..., None]."
            elif tuple(a.shape) == tuple(shape[1:]):
                hint = " Add the batch axis: x[None]."
            raise ShapeError(
                f"{where}: x does not fit the model's input. Got shape {a.shape}. "
                f"Make it ({', '.join(['batch', *map(str, shape[1:])])}).{hint}"
            )
        checked.append(np.ascontiguousarray(a, dtype=dtype))
    if len({len(a) for a in checked}) > 1:
        raise ShapeError(f"{where}: the inputs differ in samples. Got {[len(a) for a in checked]}.")
    return checked


class Dataset:
    """Inputs, targets and weights of equal length.

    Parameters
    ----------
    inputs : list of arrays
    targets : array, optional
    weights : array, optional
        One number per row of the predictions.
    """

    def __init__(
        self,
        inputs: list[np.ndarray],
        targets: np.ndarray | None = None,
        weights: np.ndarray | None = None,
    ) -> None:
        self.inputs, self.targets, self.weights = inputs, targets, weights

    def __len__(self) -> int:
        return len(self.inputs[0])

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by the names of a plan's inputs."""
        named = {f"x{i}": a for i, a in enumerate(self.inputs)}
        if self.targets is not None:
            named["y"] = self.targets
        if self.weights is not None:
            named["weights"] = self.weights
        return named

    def part(self, samples: slice) -> Dataset:
        """Return some of the samples, without copying."""

        def cut(a: np.ndarray | None) -> np.ndarray | None:
            return None if a is None else a[samples]

        return Dataset([a[samples] for a in self.inputs], cut(self.targets), cut(self.weights))

    def fill(self, arrays: dict[str, np.ndarray], samples: slice | np.ndarray) -> None:
        """Copy samples, a range or a list of numbers, into a plan's input arrays."""
        for name, a in self.arrays().items():
            if isinstance(samples, slice):
                np.copyto(arrays[name], a[samples])
            else:
                # mode="clip" writes straight to out; the numbers are known to be valid.
                np.take(a, samples, axis=0, out=arrays[name], mode="clip")


def make_dataset(
    inputs: list[np.ndarray],
    y: Any,
    sample_weight: Any,
    output_shape: tuple,
    dtype: str,
    loss: Loss,
    where: str,
) -> Dataset:
    """Return a data set of checked targets and weights."""
    if y is None:
        raise ValueError(f"{where}: no targets. Got y=None. Pass y, one target per sample.")
    n = len(inputs[0])
    targets = loss.prepare(y, (n, *output_shape[1:]), dtype, f"{where}: {loss.name}")
    if len(targets) != n:
        raise ShapeError(f"{where}: x has {n} samples but y has {len(targets)}.")
    weights = None
    if sample_weight is not None:
        weights = _as_weights(sample_weight, n, output_shape, dtype, where)
    return Dataset(inputs, targets, weights)


def _as_weights(value: Any, n: int, output_shape: tuple, dtype: str, where: str) -> np.ndarray:
    """Return weights of shape (N, ...), one per row of the predictions."""
    w = np.asarray(value)
    if w.dtype.kind not in "fiub":
        raise TypeError(f"{where}: sample_weight must be numbers. Got dtype {w.dtype}.")
    w = w.astype(dtype)
    rows = (n, *output_shape[1:-1])
    if w.shape != rows[: w.ndim] or w.ndim < 1:
        raise ShapeError(
            f"{where}: sample_weight does not fit. Got shape {w.shape}. Make it ({n},)."
        )
    return np.ascontiguousarray(
        np.broadcast_to(w.reshape(w.shape + (1,) * (len(rows) - w.ndim)), rows)
    )


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
