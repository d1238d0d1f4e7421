"""Inception-v4."""

from __future__ import annotations

from collections.abc import Sequence

from cnnlite.applications.parts import classifier, conv_bn, network
from cnnlite.layers import AveragePooling2D, Concatenate, Input, MaxPooling2D
from cnnlite.layers.symbolic import SymbolicTensor
from cnnlite.models import Model


@network
def inception_v4(
    input_shape: Sequence[int] = (299, 299, 3),
    classes: int = 1000,
    include_top: bool = True,
    weights: None = None,
) -> Model:
    """Return Inception-v4: 42,679,816 parameters, 12.25 G multiply-adds.

    Inception modules without residual links.  Inception-ResNet-v2, of the same paper,
    is another network: its modules have residual links, and it has 55.8 M parameters.

    Parameters
    ----------
    input_shape : (H, W, C)
        At least 75 x 75.
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
    Szegedy, Ioffe, Vanhoucke, Alemi, "Inception-v4, Inception-ResNet and the impact of
    residual connections on learning", arXiv 1602.07261, 2016, figures 3 to 9 and table 1.
    Figure 5 gives 1x7 twice where the factors of a 7x7 are 1x7 and 7x1, which is meant.

    Examples
    --------
    >>> from cnnlite import applications
    >>> applications.inception_v4((75, 75, 3), include_top=False).output_shape
    (None, 1, 1, 1536)
    """
    image = Input(tuple(input_shape))
    x = _stem(image)
    for _ in range(4):
        x = _inception_a(x)
    x = _reduction_a(x)
    for _ in range(7):
        x = _inception_b(x)
    x = _reduction_b(x)
    for _ in range(3):
        x = _inception_c(x)
    return Model(
        image, classifier(x, classes, dropout=0.2) if include_top else x, name="inception_v4"
    )


def _join(*branches: SymbolicTensor) -> SymbolicTensor:
    return Concatenate()(list(branches))


def _pooled(x: SymbolicTensor, filters: int) -> SymbolicTensor:
    return conv_bn(AveragePooling2D(3, 1, "same")(x), filters, 1)


def _stem(x: SymbolicTensor) -> SymbolicTensor:
    """Figure 3: 299 x 299 x 3 to 35 x 35 x 384."""
    x = conv_bn(x, 32, 3, 2, "valid")
    x = conv_bn(x, 32, 3, 1, "valid")
    x = conv_bn(x, 64, 3)
    x = _join(MaxPooling2D(3, 2)(x), conv_bn(x, 96, 3, 2, "valid"))
    left = conv_bn(conv_bn(x, 64, 1), 96, 3, 1, "valid")
    right = conv_bn(conv_bn(conv_bn(x, 64, 1), 64, (7, 1)), 64, (1, 7))
    x = _join(left, conv_bn(right, 96, 3, 1, "valid"))
    return _join(conv_bn(x, 192, 3, 2, "valid"), MaxPooling2D(3, 2)(x))


def _inception_a(x: SymbolicTensor) -> SymbolicTensor:
    """Figure 4, on 35 x 35 x 384."""
    one = conv_bn(x, 96, 1)
    three = conv_bn(conv_bn(x, 64, 1), 96, 3)
    five = conv_bn(conv_bn(conv_bn(x, 64, 1), 96, 3), 96, 3)
    return _join(_pooled(x, 96), one, three, five)


def _reduction_a(x: SymbolicTensor) -> SymbolicTensor:
    """Figure 7 with k = 192, l = 224, m = 256, n = 384: to 17 x 17 x 1024."""
    three = conv_bn(x, 384, 3, 2, "valid")
    five = conv_bn(conv_bn(conv_bn(x, 192, 1), 224, 3), 256, 3, 2, "valid")
    return _join(MaxPooling2D(3, 2)(x), three, five)


def _inception_b(x: SymbolicTensor) -> SymbolicTensor:
    """Figure 5, on 17 x 17 x 1024."""
    seven = conv_bn(conv_bn(conv_bn(x, 192, 1), 224, (1, 7)), 256, (7, 1))
    twice = conv_bn(conv_bn(conv_bn(x, 192, 1), 192, (1, 7)), 224, (7, 1))
    twice = conv_bn(conv_bn(twice, 224, (1, 7)), 256, (7, 1))
    return _join(_pooled(x, 128), conv_bn(x, 384, 1), seven, twice)


def _reduction_b(x: SymbolicTensor) -> SymbolicTensor:
    """Figure 8: to 8 x 8 x 1536."""
    three = conv_bn(conv_bn(x, 192, 1), 192, 3, 2, "valid")
    seven = conv_bn(conv_bn(conv_bn(x, 256, 1), 256, (1, 7)), 320, (7, 1))
    return _join(MaxPooling2D(3, 2)(x), three, conv_bn(seven, 320, 3, 2, "valid"))


def _inception_c(x: SymbolicTensor) -> SymbolicTensor:
    """Figure 6, on 8 x 8 x 1536."""
    short = conv_bn(x, 384, 1)
    long = conv_bn(conv_bn(conv_bn(x, 384, 1), 448, (1, 3)), 512, (3, 1))
    return _join(
        _pooled(x, 256),
        conv_bn(x, 256, 1),
        conv_bn(short, 256, (1, 3)),
        conv_bn(short, 256, (3, 1)),
        conv_bn(long, 256, (3, 1)),
        conv_bn(long, 256, (1, 3)),
    )
