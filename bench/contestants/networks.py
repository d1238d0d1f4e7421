"""The networks of the training rows, for every library that speaks Keras.

``k`` is the library: cnnlite or Keras itself.  ``last`` is the activation of the last layer:
a loss of logits leaves it out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

CLASSES = "classes"  # sparse labels and cross-entropy
SQUARES = "squares"


def _lenet5(k: Any, last: str | None) -> Any:
    conv, pool, dense = k.layers.Conv2D, k.layers.MaxPooling2D, k.layers.Dense
    first = conv(6, 5, padding="same", activation="relu")
    return k.Sequential(
        [
            *(k.Input((28, 28, 1)), first, pool(2), conv(16, 5, activation="relu"), pool(2)),
            *(k.layers.Flatten(), dense(120, activation="relu"), dense(84, activation="relu")),
            dense(10, activation=last),
        ]
    )


def _mlp(k: Any, last: str | None) -> Any:
    dense = k.layers.Dense
    hidden = [dense(256, activation="relu"), dense(128, activation="relu")]
    return k.Sequential([k.Input((784,)), *hidden, dense(10, activation=last)])


def _cnn(k: Any, last: str | None) -> Any:
    conv, dense, dropout = k.layers.Conv2D, k.layers.Dense, k.layers.Dropout
    return k.Sequential(
        [
            k.Input((28, 28, 1)),
            *(conv(32, 3, activation="relu"), conv(64, 3, activation="relu")),
            *(k.layers.MaxPooling2D(2), dropout(0.25), k.layers.Flatten()),
            *(dense(128, activation="relu"), dropout(0.5), dense(10, activation=last)),
        ]
    )


def _cnn_bn(k: Any, last: str | None) -> Any:
    layers = [k.Input((32, 32, 3))]
    for filters in (64, 128, 256):
        for _ in range(2):
            layers.append(k.layers.Conv2D(filters, 3, padding="same", use_bias=False))
            layers += [k.layers.BatchNormalization(), k.layers.ReLU()]
        layers.append(k.layers.MaxPooling2D(2))
    layers += [k.layers.GlobalAveragePooling2D(), k.layers.Dense(10, activation=last)]
    return k.Sequential(layers)


def _lstm(k: Any, last: str | None) -> Any:
    return k.Sequential(
        [k.Input((28, 28)), k.layers.LSTM(128), k.layers.Dense(10, activation=last)]
    )


def _toy(k: Any, last: str | None) -> Any:
    dense = k.layers.Dense
    return k.Sequential(
        [k.Input((2,)), dense(3, activation="sigmoid"), dense(1, activation="sigmoid")]
    )


NETWORKS: dict[str, tuple[Callable[[Any, str | None], Any], Callable[[Any], Any], str]] = {
    "lenet5": (_lenet5, lambda k: k.optimizers.SGD(0.01, momentum=0.9), CLASSES),
    "mlp": (_mlp, lambda k: k.optimizers.Adam(), CLASSES),
    "cnn": (_cnn, lambda k: k.optimizers.Adam(), CLASSES),
    "cnn_bn": (_cnn_bn, lambda k: k.optimizers.SGD(0.01), CLASSES),
    "lstm": (_lstm, lambda k: k.optimizers.Adam(), CLASSES),
    "toy": (_toy, lambda k: k.optimizers.SGD(0.1), SQUARES),
}


def initial_weights(arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Return the weights of the row, in Keras's order: every contestant starts from them."""
    return [arrays[f"w{i}"] for i in range(sum(name[1:].isdigit() for name in arrays))]
