"""What the networks share: checks of arguments, the last layers, convolution with batch norm."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from cnnlite.arguments import checks_arguments
from cnnlite.errors import ShapeError
from cnnlite.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    GlobalAveragePooling2D,
)
from cnnlite.layers.base import positive
from cnnlite.layers.symbolic import SymbolicTensor, checked_sample_shape

P = ParamSpec("P")
R = TypeVar("R")


def network(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function that builds a network: its arguments are checked in its name."""
    where = function.__name__
    signature = inspect.signature(function)

    @functools.wraps(function)
    def build(*args: P.args, **kwargs: P.kwargs) -> R:
        given = signature.bind_partial(*args, **kwargs)
        given.apply_defaults()
        shape = given.arguments["input_shape"]
        _check(where, shape, given.arguments["classes"], given.arguments.get("weights"))
        try:
            return function(*args, **kwargs)
        except ShapeError as error:
            raise ShapeError(
                f"{where}: input_shape does not fit the network. Got {shape!r}: {error}"
            ) from None

    return checks_arguments(where)(build)


def _check(where: str, shape: Any, classes: Any, weights: Any) -> None:
    """Raise unless shape and classes make a network, and no trained weights are asked for."""
    sizes = checked_sample_shape(shape, f"{where}: input_shape")
    if sizes is not None and len(sizes) != 3:
        raise ShapeError(
            f"{where}: input_shape must be (height, width, channels). Got {shape!r}. "
            "Write (224, 224, 3)."
        )
    positive(classes, f"{where}: classes")
    if weights is not None:
        raise ValueError(
            f"{where}: no trained weights are shipped. Got weights={weights!r}. Leave it None, and "
            "load your own into the model with model.load_weights(file)."
        )


def conv_bn(
    x: SymbolicTensor,
    filters: int,
    size: Any,
    strides: int = 1,
    padding: str = "same",
    *,
    activation: str = "relu",
    epsilon: float = 1e-3,
    initializer: str = "he_normal",
) -> SymbolicTensor:
    """Return x convolved without a bias, normalized, and activated."""
    x = Conv2D(filters, size, strides, padding, use_bias=False, kernel_initializer=initializer)(x)
    x = BatchNormalization(epsilon=epsilon)(x)
    return x if activation == "linear" else Activation(activation)(x)


def classifier(x: SymbolicTensor, classes: int, dropout: float = 0.0) -> SymbolicTensor:
    """Return class probabilities from maps: their means, dropout, one dense layer, softmax."""
    x = GlobalAveragePooling2D()(x)
    if dropout:
        x = Dropout(dropout)(x)
    return Dense(classes, activation="softmax")(x)
