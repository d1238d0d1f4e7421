"""LeNet-5."""

from __future__ import annotations

from collections.abc import Sequence

from cnnlite.applications.parts import network
from cnnlite.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
from cnnlite.models import Sequential


@network
def lenet5(input_shape: Sequence[int] = (28, 28, 1), classes: int = 10) -> Sequential:
    """Return LeNet-5: 61,706 parameters for 28 x 28 digits.

    Six 5x5 filters (padded, so that 28 x 28 gives the paper's 28 x 28 maps), 2x2
    maximum pooling, sixteen 5x5 filters, pooling, two dense layers of 120 and 84,
    softmax.  As usual today, ReLU stands for the paper's scaled tanh, maximum for
    its trainable average pooling, and softmax for its Gaussian connections.

    Parameters
    ----------
    input_shape : (H, W, C)
    classes : int

    Returns
    -------
    Sequential
        Not compiled.

    References
    ----------
    LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document
    recognition", Proc. IEEE 86(11), 1998.

    Examples
    --------
    >>> from cnnlite import applications
    >>> applications.lenet5().count_params()
    61706
    """
    return Sequential(
        [
            Input(tuple(input_shape)),
            Conv2D(6, 5, padding="same", activation="relu"),
            MaxPooling2D(2),
            Conv2D(16, 5, activation="relu"),
            MaxPooling2D(2),
            Flatten(),
            Dense(120, activation="relu"),
            Dense(84, activation="relu"),
            Dense(classes, activation="softmax"),
        ],
        name="lenet5",
    )
