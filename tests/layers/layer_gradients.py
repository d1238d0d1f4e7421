"""The check of a layer's gradients by central differences, for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnnlite import layers
from cnnlite.layers.context import Clock, Context, StepState
from tests.gradient_check import assert_gradient, central_difference

ACTIVATIONS = ["linear", "relu", "sigmoid", "tanh", "softmax"]


def spread(*shape: int) -> np.ndarray:
    """Return distinct values, 0.02 or more apart and 0.01 or more from 0: no kink is near."""
    size = int(np.prod(shape))
    values = 0.02 * (np.arange(size) - size // 2) + 0.01
    return np.random.default_rng(size).permutation(values).reshape(shape)


def check(
    layer: layers.Layer,
    *inputs: np.ndarray,
    training: bool = False,
    mask: Any = None,
    may_vanish: bool = False,
    **arguments: Any,
) -> None:
    """Check the gradients of all weights and inputs of ``sum(r * layer(inputs))``.

    With ``may_vanish``, masks may leave an input no part in the result.
    """
    listed = layer.several_inputs or len(inputs) > 1
    xs: Any = list(inputs) if listed else inputs[0]
    shapes: Any = [x.shape for x in inputs] if listed else inputs[0].shape
    layer.ensure_built(shapes)
    arguments |= {} if mask is None else {"mask": mask}
    for weight in layer.weights:  # biases start at 0: move them, away from symmetry
        weight.assign(
            weight.numpy() + 0.1 * np.cos(np.arange(weight.value.size) + 1).reshape(weight.shape)
        )
    clock = Clock(5)
    clock.step = 3
    r = np.random.default_rng(1)

    def run() -> tuple[list[np.ndarray], Context]:
        ctx = Context(StepState(clock), node=2, layer=layer)
        y = layer.call(xs, ctx=ctx, training=training, **arguments)
        return y if isinstance(y, list) else [y], ctx

    ys, ctx = run()
    promised = layer.compute_output_shape(
        shapes, **{k: v for k, v in arguments.items() if k != "mask"}
    )
    for y, shape in zip(ys, promised if isinstance(promised, list) else [promised], strict=True):
        assert y.dtype == np.float64 and y.shape == shape
    weights_of_sum = [r.normal(size=y.shape) for y in ys]

    def value() -> float:
        return float(sum((y * w).sum() for y, w in zip(run()[0], weights_of_sum, strict=True)))

    dys = [w.copy() for w in weights_of_sum]
    dx = layer.backward(dys if isinstance(promised, list) else dys[0], ctx=ctx)
    for i, (x, d) in enumerate(zip(inputs, dx if listed else [dx], strict=True)):
        if x.dtype == np.float64:
            numeric = central_difference(value, x)
            if may_vanish and not numeric.any():
                assert not d.any()
                continue
            assert_gradient(d, numeric, f"input {i}")
    for weight in layer.trainable_weights:
        gradient = ctx.step.gradients([weight])[0]
        if weight.name.endswith("key/bias"):  # it adds the same to all of a query's scores
            assert np.abs(gradient).max() < 1e-12
            continue
        assert_gradient(gradient, central_difference(value, weight.value), weight.name)


def f64(cls: type, *args: Any, **kwargs: Any) -> Any:
    """Return a maker of float64 layers, named by its arguments in the test's id."""
    text = ", ".join([*map(repr, args), *(f"{k}={v!r}" for k, v in kwargs.items())])
    return Maker(lambda: cls(*args, dtype="float64", **kwargs), f"{cls.__name__}({text})")


class Maker:
    def __init__(self, make: Callable[[], Any], text: str) -> None:
        self.make, self.text = make, text
