"""AlexNet, in one tower and as first published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnlite.applications.parts import network
from cnnlite.layers import (
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    LocalResponseNormalization,
    MaxPooling2D,
    ZeroPadding2D,
)
from cnnlite.models import Sequential


@network
def alexnet(
    input_shape: Sequence[int] | None = None,
    classes: int = 1000,
    include_top: bool = True,
    weights: None = None,
    original: bool = False,
) -> Sequential:
    """Return AlexNet: five convolutions and three dense layers.

    In one tower (Krizhevsky 2014), 64-192-384-256-256 filters, it has 61,100,840
    parameters and 0.71 G multiply-adds.  The network of 2012 was split over two GPUs:
    96-256-384-384-256 filters, three of the convolutions in two groups, and local
    response normalization: 60,965,224 parameters, 0.72 G multiply-adds.

    Parameters
    ----------
    input_shape : (H, W, 3), optional
        Default: 224 x 224; 227 x 227 for the original.
    classes : int
    include_top : bool
        False leaves the dense layers out.
    weights : None
        None are shipped.
    original : bool
        The network of 2012 instead of the one-tower one.

    Returns
    -------
    Sequential
        Not compiled.

    Raises
    ------
    ValueError
        If ``weights`` is not None.

    References
    ----------
    Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural
    networks", NIPS 2012.  Krizhevsky, "One weird trick for parallelizing convolutional
    neural networks", arXiv 1404.5997, 2014.

    Examples
    --------
    >>> from cnnlite import applications
    >>> applications.alexnet((64, 64, 3), 10, include_top=False).output_shape
    (None, 1, 1, 256)
    """
    size = 227 if original else 224
    stack: list[Any] = [Input((size, size, 3) if input_shape is None else tuple(input_shape))]
    stack += _original_features() if original else _features()
    if include_top:
        # The original drops before the first two dense layers' outputs go on, as here.
        stack += [
            Flatten(),
            Dropout(0.5),
            Dense(4096, activation="relu"),
            Dropout(0.5),
            Dense(4096, activation="relu"),
            Dense(classes, activation="softmax"),
        ]
    return Sequential(stack, name="alexnet")


def _features() -> list[Any]:
    return [
        ZeroPadding2D(2),
        Conv2D(64, 11, strides=4, activation="relu"),
        MaxPooling2D(3, 2),
        Conv2D(192, 5, padding="same", activation="relu"),
        MaxPooling2D(3, 2),
        Conv2D(384, 3, padding="same", activation="relu"),
        Conv2D(256, 3, padding="same", activation="relu"),
        Conv2D(256, 3, padding="same", activation="relu"),
        MaxPooling2D(3, 2),
    ]


def _original_features() -> list[Any]:
    return [
        Conv2D(96, 11, strides=4, activation="relu"),
        LocalResponseNormalization(),
        MaxPooling2D(3, 2),
        Conv2D(256, 5, padding="same", groups=2, activation="relu"),
        LocalResponseNormalization(),
        MaxPooling2D(3, 2),
        Conv2D(384, 3, padding="same", activation="relu"),
        Conv2D(384, 3, padding="same", groups=2, activation="relu"),
        Conv2D(256, 3, padding="same", groups=2, activation="relu"),
        MaxPooling2D(3, 2),
    ]
