"""VGG with 16 and 19 layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnlite.applications.parts import network
from cnnlite.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from cnnlite.models import Sequential

_FILTERS = (64, 128, 256, 512, 512)


@network
def vgg16(
    input_shape: Sequence[int] = (224, 224, 3),
    classes: int = 1000,
    include_top: bool = True,
    weights: None = None,
) -> Sequential:
    """Return VGG-16: 138,357,544 parameters, 15.5 G multiply-adds.

    Thirteen 3x3 convolutions in five blocks, each halved by maximum pooling, and three
    dense layers (configuration D of the paper).

    Parameters
    ----------
    input_shape : (H, W, C)
    classes : int
    include_top : bool
        False leaves the dense layers out.
    weights : None
        None are shipped.

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
    Simonyan, Zisserman, "Very deep convolutional networks for large-scale image
    recognition", arXiv 1409.1556, 2014.

    Examples
    --------
    >>> from cnnlite import applications
    >>> applications.vgg16((32, 32, 3), include_top=False).output_shape
    (None, 1, 1, 512)
    """
    return _vgg("vgg16", (2, 2, 3, 3, 3), input_shape, classes, include_top)


@network
def vgg19(
    input_shape: Sequence[int] = (224, 224, 3),
    classes: int = 1000,
    include_top: bool = True,
    weights: None = None,
) -> Sequential:
    """Return VGG-19: 143,667,240 parameters, 19.6 G multiply-adds.

    As :func:`vgg16`, with four convolutions in each of the last three blocks
    (configuration E of the paper).

    Examples
    --------
    >>> from cnnlite import applications
    >>> len(applications.vgg19((32, 32, 3), include_top=False).layers)
    21
    """
    return _vgg("vgg19", (2, 2, 4, 4, 4), input_shape, classes, include_top)


def _vgg(
    name: str,
    depths: Sequence[int],
    input_shape: Sequence[int],
    classes: int,
    include_top: bool,
) -> Sequential:
    stack: list[Any] = [Input(tuple(input_shape))]
    for filters, depth in zip(_FILTERS, depths, strict=True):
        stack += [
            Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal")
            for _ in range(depth)
        ]
        stack.append(MaxPooling2D(2))
    if include_top:
        stack += [
            Flatten(),
            Dense(4096, activation="relu"),
            Dropout(0.5),
            Dense(4096, activation="relu"),
            Dropout(0.5),
            Dense(classes, activation="softmax"),
        ]
    return Sequential(stack, name=name)
