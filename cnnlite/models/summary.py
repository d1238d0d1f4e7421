"""The table that model.summary() prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnlite.layers.input_layer import InputLayer
from cnnlite.layers.symbolic import ModelCall, Node
from cnnlite.models.units import calls as calls_of
from cnnlite.models.units import in_order

if TYPE_CHECKING:
    from cnnlite.models.model import Model

HEADER = ("Layer (type)", "Output shape", "Parameters", "Multiply-adds")


def input_shapes(node) -> object:
    """Return the shape (or list of shapes) that a node's layer was called on."""
    shapes = [t.shape for t in node.inputs]
    return shapes if node.listed else shapes[0]


def multiply_adds(model: Model) -> int:
    """Return the multiplications with a weight that one sample takes."""
    return sum(node.layer.multiply_adds(input_shapes(node)) for node in model.graph.nodes)


def _work(call: Node | ModelCall) -> int:
    """Return the multiplications with a weight that one call takes for one sample."""
    if isinstance(call, ModelCall):
        return multiply_adds(call.layer)
    return call.layer.multiply_adds(input_shapes(call))


def _add_rows(
    rows: list[tuple[str, ...]], model: Model, expand: bool, indent: str, seen: set[int]
) -> None:
    """Add the rows of a model's calls; ``seen`` are the layers whose weights are counted."""
    graph = model.graph
    calls: dict[int, list[Any]] = {id(t.source): [t.source] for t in graph.inputs}
    for call in calls_of(graph):
        calls.setdefault(id(call.layer), []).append(call)
    for layer in in_order(graph):
        for call in calls[id(layer)]:
            count = 0 if id(layer) in seen else layer.count_params()
            seen.add(id(layer))
            name = f"{indent}{layer.name} ({type(layer).__name__})"
            shapes = " ".join(_shape(t.shape) for t in call.outputs if t is not None)
            work = "0" if isinstance(call, InputLayer) else f"{_work(call):,}"
            rows.append((name, shapes, f"{count:,}", work))
            if expand and isinstance(call, ModelCall):
                _add_rows(rows, layer, expand, indent + "  ", seen)


def summary(
    model: Model, print_fn: Callable[[str], object] = print, expand_nested: bool = False
) -> None:
    """Print one row per call of a layer, in the order of ``model.layers``, then totals."""
    rows: list[tuple[str, ...]] = []
    _add_rows(rows, model, expand_nested, "", set())
    widths = [max(len(r[i]) for r in [HEADER, *rows]) for i in range(4)]
    line = "-" * (sum(widths) + 6)

    def text(row: tuple[str, ...]) -> str:
        left = [row[i].ljust(widths[i]) for i in (0, 1)]
        right = [row[i].rjust(widths[i]) for i in (2, 3)]
        return "  ".join(left + right)

    print_fn(f'Model: "{model.name}"')
    print_fn(line)
    print_fn(text(HEADER))
    print_fn(line)
    for row in rows:
        print_fn(text(row))
    print_fn(line)
    trainable = int(sum(np.prod(p.shape) for p in model.trainable_weights))
    total = model.count_params()
    nbytes = sum(p.value.nbytes for p in model.weights)
    print_fn(f"Parameters: {total:,} ({_bytes(nbytes)})")
    if trainable != total:
        print_fn(f"Trainable: {trainable:,}; not trainable: {total - trainable:,}")
    print_fn(f"Multiply-adds of one sample: {multiply_adds(model):,}")


def _shape(shape: tuple) -> str:
    return (
        "("
        + ", ".join(
            "batch" if d == 0 and n is None else "any" if n is None else str(n)
            for d, n in enumerate(shape)
        )
        + ")"
    )


def _bytes(n: int) -> str:
    return f"{n / 1024:.1f} KiB" if n < 2**20 else f"{n / 2**20:.1f} MiB"
