"""What layers refuse: arguments, shapes, mixtures of arrays and symbolic tensors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cnnlite import layers, ops
from cnnlite.errors import ShapeError

IMAGE, ROWS = (2, 6, 6, 4), (3, 5)

BAD_CONSTRUCTORS = [
    (lambda: layers.Dense(0), "units.*0"),
    (lambda: layers.Dense(-3), "units.*-3"),
    (lambda: layers.Dense(2.0), "units.*2.0"),
    (lambda: layers.Dense(True), "units.*True"),
    (lambda: layers.Dense(np.arange(2)), "units"),
    (lambda: layers.Dense("3"), "units.*'3'"),
    (lambda: layers.Dense(3, "swosh"), "activation.*'swosh'"),
    (lambda: layers.Dense(3, lambda x: x), "derivative.*backward"),
    (lambda: layers.Dense(3, kernel_initializer="diagonal"), "initializer.*'diagonal'"),
    (lambda: layers.Dense(3, dtype="float16"), "dtype.*'float16'"),
    (lambda: layers.Dense(3, name=3), "name.*3"),
    (lambda: layers.Conv2D(0, 3), "filters.*0"),
    (lambda: layers.Conv2D(4, 0), "kernel_size.*0"),
    (lambda: layers.Conv2D(4, (3, 3, 3)), r"kernel_size.*\(3, 3, 3\)"),
    (lambda: layers.Conv2D(4, 3, strides=0), "strides.*0"),
    (lambda: layers.Conv2D(4, 3, padding="causal"), "padding.*'causal'"),
    (lambda: layers.Conv2D(4, 3, padding=1), "padding.*1"),
    (lambda: layers.Conv2D(4, 3, dilation_rate=0), "dilation_rate.*0"),
    (lambda: layers.Conv2D(4, 3, groups=3), "groups must divide filters.*4.*3"),
    (lambda: layers.Conv2D(4, 3, groups=0), "groups.*0"),
    (lambda: layers.Conv2D(4, 3, data_format="channels_first"), "channels_last.*transpose"),
    (lambda: layers.MaxPooling2D(0), "pool_size.*0"),
    (lambda: layers.MaxPooling2D(2, strides=(0, 1)), "strides"),
    (lambda: layers.AveragePooling2D(2, padding="full"), "padding.*'full'"),
    (lambda: layers.MaxPooling2D(data_format="channels_first"), "channels_last"),
    (lambda: layers.Dropout(1.0), "rate.*1.0"),
    (lambda: layers.Dropout(-0.1), "rate.*-0.1"),
    (lambda: layers.Dropout("0.5"), "rate.*'0.5'"),
    (lambda: layers.Dropout(True), "rate.*True"),
    (lambda: layers.Dropout(0.5, seed="a"), "seed.*'a'"),
    (lambda: layers.Dropout(0.5, seed=-1), "seed.*-1"),
    (lambda: layers.Activation("swosh"), "activation.*'swosh'"),
    (lambda: layers.Softmax(axis="x"), "axis.*'x'"),
    (lambda: layers.ReLU(max_value=-1), "max_value.*-1"),
    (lambda: layers.LeakyReLU(-0.5), "negative_slope.*-0.5"),
    (lambda: layers.ELU("a"), "alpha.*'a'"),
    (lambda: layers.Input(5), "Input.*5"),
    (lambda: layers.Input(), "Input.*None"),
    (lambda: layers.Input("ab"), "Input.*'ab'"),
    (lambda: layers.Input((0,)), r"Input.*\(0,\)"),
    (lambda: layers.Input((-1, 3)), r"Input.*-1"),
    (lambda: layers.Input((True,)), r"Input.*True"),
    (lambda: layers.Input((3,), dtype="float16"), "float16"),
    (lambda: layers.Concatenate(axis="a"), "axis.*'a'"),
]


@pytest.mark.parametrize(("make", "match"), BAD_CONSTRUCTORS, ids=[m for _, m in BAD_CONSTRUCTORS])
def test_bad_constructors(make: Callable[[], Any], match: str):
    """A wrong argument is an error at once, which names the argument and what was given."""
    with pytest.raises((ValueError, TypeError), match=match) as error:
        make()
    assert str(error.value).rstrip().endswith(".")


BAD_SHAPES = [
    (lambda: layers.Dense(3), (4,), "dense"),
    (lambda: layers.Conv2D(4, 3), (2, 6, 6), "conv2d.*4 dimensions"),
    (lambda: layers.Conv2D(4, 7), IMAGE, r"window of \(7, 7\)"),
    (lambda: layers.Conv2D(4, 3, groups=4), (2, 6, 6, 6), "groups must divide the channels"),
    (lambda: layers.MaxPooling2D(), (2, 6), "max_pooling2d.*4 dimensions"),
    (lambda: layers.AveragePooling2D(8), IMAGE, r"window of \(8, 8\)"),
    (lambda: layers.Subtract(), [ROWS], "subtract.*2 inputs"),
    (lambda: layers.Add(), [ROWS, (3, 4)], "do not broadcast"),
    (lambda: layers.Concatenate(axis=2), [IMAGE, (2, 6, 5, 4), (2, 5, 6, 4)], "axis 2 alone"),
    (lambda: layers.Concatenate(axis=0), [ROWS, ROWS], "batch"),
    (lambda: layers.Concatenate(axis=5), [ROWS, ROWS], "axis.*5"),
    (lambda: layers.Concatenate(), [ROWS, IMAGE], "axis 1 alone"),
]


@pytest.mark.parametrize("symbolic", [True, False], ids=["symbolic", "arrays"])
@pytest.mark.parametrize(("make", "shape", "match"), BAD_SHAPES, ids=[m for *_, m in BAD_SHAPES])
def test_calls_on_shapes_that_do_not_fit(
    make: Callable[[], layers.Layer], shape: Any, match: str, symbolic: bool
):
    """The same error names the layer and the shape, on the graph and on arrays."""
    shapes = shape if isinstance(shape, list) else [shape]
    xs = [layers.Input(s[1:]) if symbolic else np.zeros(s) for s in shapes]
    with pytest.raises(ShapeError, match=match) as error:
        make()(xs if isinstance(shape, list) else xs[0])
    assert re.search(r"\d", str(error.value))


@pytest.mark.parametrize(
    ("make", "first", "then"),
    [
        (lambda: layers.Dense(3), (2, 4), (2, 5)),
        (lambda: layers.Conv2D(3, 2), (2, 4, 4, 2), (2, 4, 4, 3)),
    ],
)
@pytest.mark.parametrize("symbolic", [True, False], ids=["symbolic", "arrays"])
def test_a_built_layer_keeps_its_channels(make: Any, first: tuple, then: tuple, symbolic: bool):
    """Weights made for one number of channels are refused another."""
    layer = make()
    layer(np.zeros(first))
    with pytest.raises(ShapeError, match="built for"):
        layer(layers.Input(then[1:]) if symbolic else np.zeros(then))


def test_arrays_and_symbolic_tensors_do_not_mix():
    with pytest.raises(TypeError, match="mixture"):
        layers.Add()([layers.Input((3,)), np.zeros((2, 3))])


def test_a_layer_of_one_input_refuses_two():
    with pytest.raises(ShapeError, match="one input"):
        layers.Dense(2)([np.zeros((2, 3)), np.zeros((2, 3))])
    with pytest.raises(ShapeError, match="one input"):
        layers.Dense(2)([layers.Input((3,)), layers.Input((3,))])


def test_a_symbolic_tensor_is_no_array():
    with pytest.raises(TypeError, match="no values"):
        np.asarray(layers.Input((3,)))
    with pytest.raises(TypeError, match="no values"):
        ops.relu(layers.Input((3,)))
