"""Residual networks of 18 to 152 layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cnnlite.applications.parts import classifier, conv_bn, network
from cnnlite.layers import Activation, Add, Input, MaxPooling2D
from cnnlite.layers.symbolic import SymbolicTensor
from cnnlite.models import Model

_EPSILON = 1e-5  # of batch normalization, as the authors' own models have it


def _basic(x: SymbolicTensor, filters: int, strides: int) -> SymbolicTensor:
    """Return the residual of two 3x3 convolutions."""
    x = conv_bn(x, filters, 3, strides, epsilon=_EPSILON)
    return conv_bn(x, filters, 3, activation="linear", epsilon=_EPSILON)


def _bottleneck(x: SymbolicTensor, filters: int, strides: int) -> SymbolicTensor:
    """Return the residual of 1x1, 3x3, 1x1, the last with four times the filters.

    The stride is the 3x3's.  On the first 1x1, as first published, it would skip three
    quarters of the maps; resnet50 would have 3.86 G multiply-adds instead of 4.1.
    """
    x = conv_bn(x, filters, 1, epsilon=_EPSILON)
    x = conv_bn(x, filters, 3, strides, epsilon=_EPSILON)
    return conv_bn(x, 4 * filters, 1, activation="linear", epsilon=_EPSILON)


_Block = Callable[[SymbolicTensor, int, int], SymbolicTensor]

_NETWORKS: dict[str, tuple[_Block, tuple[int, ...]]] = {
    "resnet18": (_basic, (2, 2, 2, 2)),
    "resnet34": (_basic, (3, 4, 6, 3)),
    "resnet50": (_bottleneck, (3, 4, 6, 3)),
    "resnet101": (_bottleneck, (3, 4, 23, 3)),
    "resnet152": (_bottleneck, (3, 8, 36, 3)),
}


def _resnet(name: str, input_shape: Sequence[int], classes: int, include_top: bool) -> Model:
    residual, depths = _NETWORKS[name]
    image = Input(tuple(input_shape))
    x = conv_bn(image, 64, 7, 2, epsilon=_EPSILON)
    x = MaxPooling2D(3, 2, "same")(x)
    for stage, depth in enumerate(depths):
        for block in range(depth):
            strides = 2 if stage and block == 0 else 1
            y = residual(x, 64 * 2**stage, strides)
            if strides > 1 or x.shape[-1] != y.shape[-1]:  # the shortcut is a projection
                channels = y.shape[-1] or 0
                x = conv_bn(x, channels, 1, strides, activation="linear", epsilon=_EPSILON)
            x = Activation("relu")(Add()([x, y]))
    return Model(image, classifier(x, classes) if include_top else x, name=name)


@network
def resnet18(
    input_shape: Sequence[int] = (224, 224, 3),
    classes: int = 1000,
    include_top: bool = True,
    weights: None = None,
) -> Model:
    """Return ResNet-18: 11,689,512 parameters, 1.8 G multiply-adds.

    Blocks of two 3x3 convolutions learn a residual that is added to their input;
    convolutions have no bias, each is followed by batch normalization.

    Parameters
    ----------
    input_shape : (H, W, C)
    classes : int
    include_top : bool
        False leaves the classifier out.
    weights : None
        None are shipped.

    Returns
    -------
    Model
        Not compiled.

    Raises
    ------
    ValueError
        If ``weights`` is not None.

    References
    ----------
    He, Zhang, Ren, Sun, "Deep residual learning for image recognition", arXiv
    1512.03385, 2015, table 1.

    Examples
    --------
    >>> from cnnlite import applications
    >>> applications.resnet18((32, 32, 3), include_top=False).output_shape
    (None, 1, 1, 512)
    """
    return _resnet("resnet18", input_shape, classes, include_top)


@network
def resnet34(
    input_shape: Sequence[int] = (224, 224, 3),
    classes: int = 1000,
    include_top: bool = True,
    weights: None = None,
) -> Model:
    """Return ResNet-34: 21,797,672 parameters, 3.7 G multiply-adds; see :func:`resnet18`.

    Examples
    --------
    >>> from cnnlite import applications
    >>> applications.resnet34((32, 32, 3), 10).output_shape
    (None, 10)
    """
    return _resnet("resnet34", input_shape, classes, include_top)


@network
def resnet50(
    input_shape: Sequence[int] = (224, 224, 3),
    classes: int = 1000,
    include_top: bool = True,
    weights: None = None,
) -> Model:
    """Return ResNet-50: 25,557,032 parameters, 4.1 G multiply-adds; see :func:`resnet18`.

    Its blocks are bottlenecks of 1x1, 3x3 and 1x1 convolutions, the stride on the 3x3.

    Examples
    --------
    >>> from cnnlite import applications
    >>> applications.resnet50((32, 32, 3), include_top=False).output_shape
    (None, 1, 1, 2048)
    """
    return _resnet("resnet50", input_shape, classes, include_top)


@network
def resnet101(
    input_shape: Sequence[int] = (224, 224, 3),
    classes: int = 1000,
    include_top: bool = True,
    weights: None = None,
) -> Model:
    """Return ResNet-101: 44,549,160 parameters, 7.8 G multiply-adds; see :func:`resnet50`.

    Examples
    --------
    >>> from cnnlite import applications
    >>> applications.resnet101((32, 32, 3), 10).output_shape
    (None, 10)
    """
    return _resnet("resnet101", input_shape, classes, include_top)


@network
def resnet152(
    input_shape: Sequence[int] = (224, 224, 3),
    classes: int = 1000,
    include_top: bool = True,
    weights: None = None,
) -> Model:
    """Return ResNet-152: 60,192,808 parameters, 11.5 G multiply-adds; see :func:`resnet50`.

    Examples
    --------
    >>> from cnnlite import applications
    >>> applications.resnet152((32, 32, 3), 10).output_shape
    (None, 10)
    """
    return _resnet("resnet152", input_shape, classes, include_top)
