"""GoogLeNet (Inception v1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnlite.applications.parts import classifier, conv_bn, network
from cnnlite.layers import (
    AveragePooling2D,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    LocalResponseNormalization,
    MaxPooling2D,
)
from cnnlite.layers.symbolic import SymbolicTensor
from cnnlite.models import Model

# Table 1 of the paper: filters of 1x1; 3x3 reduce, 3x3; 5x5 reduce, 5x5; pool projection.
# None is a pooling that halves the maps.
_MODULES: dict[str, tuple[int, ...] | None] = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "pool3": None,
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "pool4": None,
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


@network
def googlenet(
    input_shape: Sequence[int] = (224, 224, 3),
    classes: int = 1000,
    include_top: bool = True,
    weights: None = None,
    auxiliary: bool = False,
    batch_norm: bool = False,
) -> Model:
    """Return GoogLeNet: 22 layers, 6,998,552 parameters, 1.58 G multiply-adds.

    Nine modules of parallel 1x1, 3x3 and 5x5 convolutions and a pooling, joined along
    the channels; 1x1 convolutions keep the larger ones cheap.

    Parameters
    ----------
    input_shape : (H, W, C)
    classes : int
    include_top : bool
        False leaves the classifiers out.
    weights : None
        None are shipped.
    auxiliary : bool
        Return three outputs: the classifier's, and those of the two auxiliary
        classifiers, on modules 4a and 4d, which the paper trains with weight 0.3.
    batch_norm : bool
        Batch normalization in place of biases and of local response normalization:
        7,005,832 trainable parameters.

    Returns
    -------
    Model
        Not compiled.

    Raises
    ------
    ValueError
        If ``weights`` is not None, or ``auxiliary`` is asked for without the top.

    References
    ----------
    Szegedy et al., "Going deeper with convolutions", CVPR 2015.

    Examples
    --------
    >>> from cnnlite import applications
    >>> applications.googlenet((64, 64, 3), include_top=False).output_shape
    (None, 2, 2, 1024)
    """
    if auxiliary and not include_top:
        raise ValueError(
            "googlenet: auxiliary=True adds classifiers, and include_top=False leaves them out. "
            "Pass one of the two."
        )
    conv = _conv_with_norm if batch_norm else _conv
    image = Input(tuple(input_shape))
    x = MaxPooling2D(3, 2, "same")(conv(image, 64, 7, 2))
    if not batch_norm:
        x = LocalResponseNormalization()(x)
    x = conv(conv(x, 64, 1), 192, 3)
    if not batch_norm:
        x = LocalResponseNormalization()(x)
    x = MaxPooling2D(3, 2, "same")(x)
    ends = {}
    for name, filters in _MODULES.items():
        x = MaxPooling2D(3, 2, "same")(x) if filters is None else _module(x, filters, conv)
        ends[name] = x
    if not include_top:
        return Model(image, x, name="googlenet")
    y = classifier(x, classes, dropout=0.4)
    if not auxiliary:
        return Model(image, y, name="googlenet")
    sides = [_auxiliary(ends[name], classes, conv) for name in ("4a", "4d")]
    return Model(image, [y, *sides], name="googlenet")


def _conv(x: SymbolicTensor, filters: int, size: int, strides: int = 1) -> SymbolicTensor:
    return Conv2D(
        filters, size, strides, "same", activation="relu", kernel_initializer="he_normal"
    )(x)


def _conv_with_norm(x: SymbolicTensor, filters: int, size: int, strides: int = 1) -> Any:
    return conv_bn(x, filters, size, strides)


def _module(x: SymbolicTensor, filters: Sequence[int], conv: Any) -> SymbolicTensor:
    """Return the four branches of a module, joined (figure 2b of the paper)."""
    one, reduce3, three, reduce5, five, pooled = filters
    branches = [
        conv(x, one, 1),
        conv(conv(x, reduce3, 1), three, 3),
        conv(conv(x, reduce5, 1), five, 5),
        conv(MaxPooling2D(3, 1, "same")(x), pooled, 1),
    ]
    return Concatenate()(branches)


def _auxiliary(x: SymbolicTensor, classes: int, conv: Any) -> SymbolicTensor:
    """Return the probabilities of an auxiliary classifier (section 5 of the paper)."""
    x = Flatten()(conv(AveragePooling2D(5, 3)(x), 128, 1))
    x = Dropout(0.7)(Dense(1024, activation="relu")(x))
    return Dense(classes, activation="softmax")(x)
