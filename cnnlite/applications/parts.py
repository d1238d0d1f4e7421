"""What the networks share: checks of arguments, the last layers, convolution with batch norm."""

from __future__ import annotations

from typing import Any

from cnnlite.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    GlobalAveragePooling2D,
)
from cnnlite.layers.symbolic import SymbolicTensor


def check_weights(weights: Any, where: str) -> None:
    """Raise unless no trained weights are asked for."""
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
