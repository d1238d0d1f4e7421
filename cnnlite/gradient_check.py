"""check_gradients: every derivative of a model or layer against differences of its value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnlite import config, ops
from cnnlite.errors import ShapeError
from cnnlite.kernels.registry import using_backend
from cnnlite.layers.base import Layer
from cnnlite.layers.context import Clock, Context, StepState
from cnnlite.layers.graph import Graph
from cnnlite.layers.input_layer import Input
from cnnlite.layers.symbolic import SymbolicTensor
from cnnlite.layers.weights import assign_all
from cnnlite.models import Model, architecture
from cnnlite.models.heads import Head, make_heads
from cnnlite.models.structure import flatten
from cnnlite.ops import Parameter
from cnnlite.serialization import custom_object_scope

__all__ = ["GradientReport", "GradientRow", "check_gradients"]

_HEADER = ("tensor", "shape", "checked", "|analytic|", "|numeric|", "error")


@dataclass(frozen=True)
class GradientRow:
    """One parameter or input.

    Attributes
    ----------
    name : str
    shape : tuple of int
    checked : int
        Elements that were moved.
    analytic, numeric : float
        Norms of the two gradients, over those elements.
    error : float
        ``|a - n| / (|a| + |n|)`` by norms; 0 where both are 0.
    """

    name: str
    shape: tuple[int, ...]
    checked: int
    analytic: float
    numeric: float
    error: float


@dataclass(frozen=True)
class GradientReport:
    """What :func:`check_gradients` found; prints as a table.

    Attributes
    ----------
    rows : list of GradientRow
    tolerance : float
    """

    rows: list[GradientRow]
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether every error is finite and within the tolerance."""
        return all(row.error <= self.tolerance for row in self.rows)

    def __str__(self) -> str:
        lines = [_HEADER]
        for row in self.rows:
            norms = (f"{row.analytic:.3e}", f"{row.numeric:.3e}")
            verdict = "" if row.error <= self.tolerance else "  <-- wrong"
            size = (str(row.shape), str(row.checked))
            lines.append((row.name, *size, *norms, f"{row.error:.1e}{verdict}"))
        widths = [max(len(line[i]) for line in lines) for i in range(len(_HEADER))]
        text = [
            "  ".join(t.ljust(w) for t, w in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        end = "passed" if self.passed else "FAILED"
        return "\n".join([*text, f"{end}: tolerance {self.tolerance:g}"])

    __repr__ = __str__


def check_gradients(
    target: Model | Layer,
    x: Any = None,
    y: Any = None,
    *,
    training: bool = True,
    tolerance: float = 1e-6,
    step: float = 1e-5,
    max_elements: int = 200,
    seed: int = 0,
) -> GradientReport:
    """Compare every gradient with central differences, in float64 on the reference back end.

    The model or layer itself is left as it is: a copy in float64 is checked.  Random
    numbers (dropout's masks) stay the same from one evaluation to the next.

    Parameters
    ----------
    target : Model or Layer
        A layer may be unbuilt.
    x : array, or list or dict of arrays, optional
        The inputs, a few samples.  Default: normal random numbers, for a built model
        whose inputs are floats.
    y : array, or list or dict of arrays, optional
        Targets of a compiled model: its loss is differentiated.  Without them it is a
        weighted sum of all outputs, with random weights.  Penalties count either way.
    training : bool
        Whether layers compute as in training or as in inference.
    tolerance : float
        Of ``|a - n| / (|a| + |n|)``, by the norms over one tensor.
    step : float
        An element is moved up and down by it.  The difference is off by about
        ``step^2`` (the third derivative) and by 1e-16 / ``step`` (rounding).
    max_elements : int
        Of a larger tensor, so many elements drawn at random are moved.
    seed : int
        Of all that is random here.

    Returns
    -------
    GradientReport

    Raises
    ------
    TypeError, ValueError
        If ``target`` is neither, the inputs are missing, or a layer has no backward.

    Notes
    -----
    At a kink (ReLU at 0, equal values in a pooling window) the derivative does not
    exist, and a correct gradient may fail: choose inputs away from it.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import check_gradients, layers
    >>> x = np.linspace(-1, 1, 6).reshape(2, 3)
    >>> report = check_gradients(layers.Dense(2, activation="tanh"), x)
    >>> report.passed, [row.name.split("/")[-1] for row in report.rows]
    (True, ['kernel', 'bias', 'input 0'])
    """
    with using_backend("reference"), _float64():
        check = _Check(target, x, y, training, seed)
        rng = np.random.default_rng(seed)
        rows = [
            check.row(name, parameter, step, max_elements, rng)
            for name, parameter in check.parameters()
        ]
    return GradientReport(rows, float(tolerance))


@contextmanager
def _float64() -> Iterator[None]:
    """Make float64 the dtype of layers that name none: those that a user's layer makes itself."""
    before = config.floatx()
    config.set_floatx("float64")
    try:
        yield
    finally:
        config.set_floatx(before)


class _Moved(Layer):
    """Adds a weight to an input, so that the input's gradient is a weight's."""

    def build(self, input_shape: Any) -> None:
        self.offset = self.add_weight(input_shape, "zeros", name="offset")

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Any:
        return ops.add(x, self.offset)

    def backward(self, dy: Any, *, ctx: Context) -> Any:
        ops.add(dy, np.zeros_like(dy), out=ctx.grad(self.offset))
        return dy


class _Check:
    """A float64 copy of the target, whose value and gradients can be computed again and again."""

    def __init__(self, target: Any, x: Any, y: Any, training: bool, seed: int) -> None:
        self.training = training
        self.clock = Clock(seed)
        self.clock.step = 1
        inputs, outputs, self.xs, model = _copy(target, x, seed)
        floats = [t.dtype == "float64" for t in inputs]
        batched = [
            Input(a.shape[1:], len(a), t.dtype) for a, t in zip(self.xs, inputs, strict=True)
        ]
        self.moved = [_Moved(name=f"input {i}") for i, f in enumerate(floats) if f]
        movers = iter(self.moved)
        ends = [next(movers)(t) if f else t for t, f in zip(batched, floats, strict=True)]
        self.graph = Graph(batched, Graph(inputs, outputs).apply(ends))
        self.layers = self.graph.layers
        self.regularized = _penalties(target, self.layers)
        self.heads: list[Head] = []
        self.targets: list[Any] = []
        if y is not None:
            self.heads, self.targets = _heads(target, self.graph, model, y, self.xs)
        rng = np.random.default_rng(seed)
        self.weights_of_sum = [rng.normal(size=v.shape) for v in self.forward()[0].outputs]

    def parameters(self) -> Iterator[tuple[str, Parameter]]:
        moved = {layer.offset for layer in self.moved}
        trained = dict.fromkeys(p for layer in self.layers for p in layer.trainable_weights)
        yield from ((p.name, p) for p in trained if p not in moved)
        yield from ((layer.name, layer.offset) for layer in self.moved)

    def forward(self) -> tuple[Any, StepState]:
        """Run the copy; state that a step would change (running statistics) is put back."""
        step = StepState(self.clock, np.zeros(1))
        kept = [(p, p.numpy()) for layer in self.layers for p in layer.non_trainable_weights]
        made = self.graph.forward(self.xs, step, self.training, gradients=True)
        for parameter, value in kept:
            parameter.value[...] = value
        return made, step

    def value(self) -> float:
        return self._value(*self.forward())

    def _value(self, made: Any, step: StepState) -> float:
        assert step.penalties is not None
        total = float(step.penalties[0]) / max(len(self.xs[0]), 1)
        total += sum(regularizer(p.value) for p, regularizer in self.regularized)
        if not self.heads:
            pairs = zip(made.outputs, self.weights_of_sum, strict=True)
            return total + sum(float((a * r).sum()) for a, r in pairs)
        for head in self.heads:
            if head.loss is not None:
                head.mean.reset_state()
                i = head.index
                head.record(self.targets[i], made.outputs[i], None, made.masks[i], step)
                total += head.weight * head.mean.result()
        return total

    def gradient(self, parameter: Parameter) -> np.ndarray:
        made, step = self.forward()
        self._value(made, step)
        dys: Sequence[Any] = self.weights_of_sum
        if self.heads:
            dys = [head.backward(None) for head in self.heads]
        self.graph.backward(dys, made.contexts)
        for p, regularizer in self.regularized:
            regularizer.backward(p, out=step.gradient(p))
        return step.gradients([parameter])[0]

    def row(
        self,
        name: str,
        parameter: Parameter,
        step: float,
        max_elements: int,
        rng: np.random.Generator,
    ) -> GradientRow:
        value = parameter.value.reshape(-1)
        places = np.arange(value.size)
        if value.size > max_elements:
            places = np.sort(rng.choice(value.size, max_elements, replace=False))
        analytic = self.gradient(parameter).reshape(-1)[places]
        numeric = np.empty(len(places))
        for i, place in enumerate(places):
            numeric[i] = _difference(self.value, value, int(place), step)
        size = float(np.linalg.norm(analytic) + np.linalg.norm(numeric))
        error = float(np.linalg.norm(analytic - numeric))
        return GradientRow(
            name,
            parameter.shape,
            len(places),
            float(np.linalg.norm(analytic)),
            float(np.linalg.norm(numeric)),
            error / size if size != 0 else 0.0,
        )


def _difference(value: Callable[[], float], array: np.ndarray, place: int, step: float) -> float:
    """Return the central difference of ``value()`` by one element, which is put back."""
    kept = array[place]
    array[place] = kept + step
    above = value()
    array[place] = kept - step
    below = value()
    array[place] = kept
    return (above - below) / (2 * step)


def _copy(
    target: Any, x: Any, seed: int
) -> tuple[list[SymbolicTensor], list[SymbolicTensor], list[np.ndarray], Model | None]:
    """Return the inputs and outputs of a float64 copy, the arrays for it, and the copied model."""
    if isinstance(target, Model):
        if x is not None:
            target._build_for(x)
        names = target._structures[0].keys or [t.name for t in target.inputs]
        arrays = [x[n] for n in names] if isinstance(x, dict) else flatten(x)
        if x is None:
            arrays = _random_inputs(target.inputs, seed)
        described = _as_float64(architecture.graph_config(target))
        classes = {type(c).__name__: type(c) for c in architecture.with_sublayers(target.layers)}
        with custom_object_scope(classes):
            copy = architecture.build(described)
        assign_all(copy._stored_weights, [p.numpy() for p in target._stored_weights], copy.name)
        xs = [np.ascontiguousarray(a, t.dtype) for a, t in zip(arrays, copy.inputs, strict=True)]
        return copy.inputs, copy.outputs, xs, copy
    if not isinstance(target, Layer):
        raise TypeError(f"check_gradients: no Model or Layer. Got {target!r}.")
    if x is None:
        raise ValueError("check_gradients: a layer needs inputs. Pass x, a few samples.")
    classes = {type(c).__name__: type(c) for c in architecture.with_sublayers([target])}
    with custom_object_scope(classes):
        layer = type(target).from_config(_as_float64(target.get_config()))
    several = isinstance(x, list | tuple) and all(hasattr(a, "ndim") for a in x)
    dtype = target.input_dtype or "float64"
    xs = [np.asarray(a, dtype, order="C") for a in (x if several else [x])]
    if any(a.ndim < 1 for a in xs):
        raise ShapeError("check_gradients: x needs a batch axis. Got a scalar.")
    inputs = [Input(a.shape[1:], len(a), dtype) for a in xs]
    outputs = flatten(layer(inputs if several else inputs[0]))
    if target.built:
        layer.set_weights(target.get_weights())
    return inputs, outputs, xs, None


def _as_float64(described: Any) -> Any:
    """Return a configuration with every float32 in it replaced."""
    if isinstance(described, dict):
        return {
            k: "float64" if k == "dtype" and v == "float32" else _as_float64(v)
            for k, v in described.items()
        }
    return [_as_float64(v) for v in described] if isinstance(described, list) else described


def _random_inputs(tensors: Sequence[SymbolicTensor], seed: int) -> list[np.ndarray]:
    """Return three samples of normal numbers for each input; sizes that may vary are 4."""
    if any(t.dtype not in ("float32", "float64") for t in tensors):
        raise ValueError("check_gradients: an input takes integers. Pass x, a few samples.")
    rng = np.random.default_rng(seed)
    return [rng.normal(size=[t.shape[0] or 3, *(n or 4 for n in t.shape[1:])]) for t in tensors]


def _penalties(target: Any, layers: list[Layer]) -> list[tuple[Parameter, Any]]:
    """Return the copy's trainable weights with the regularizers that count for them."""
    trained = list(dict.fromkeys(p for layer in layers for p in layer.trainable_weights))
    found = [(p, p.regularizer) for p in trained if p.regularizer is not None]
    if isinstance(target, Model):
        ours = {p.name: p for p in trained}
        own = {id(p.regularizer) for p in target.trainable_weights}
        found += [(ours[p.name], r) for p, r in target._regularized() if id(r) not in own]
    return found


def _heads(
    target: Any, graph: Graph, copy: Model | None, y: Any, xs: list[np.ndarray]
) -> tuple[list[Head], list[Any]]:
    if copy is None or not target._settings:
        raise ValueError("check_gradients: y needs a compiled model. Call compile(...) first.")
    heads = make_heads(
        graph.outputs,
        target.output_names,
        target._settings["loss"],
        target._settings["loss_weights"],
        None,
        None,
    )
    ys = [y[n] for n in target.output_names] if isinstance(y, dict) else flatten(y)
    if len(heads) == 1 and len(ys) != 1:
        ys = [y]
    targets = [
        head.loss.prepare(t, (len(xs[0]), *head.tensor.shape[1:]), "float64")
        if head.loss is not None
        else None
        for head, t in zip(heads, ys, strict=True)
    ]
    return heads, targets
