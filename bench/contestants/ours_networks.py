"""cnnlite's training steps and predictions, through the public interface.

A training step is timed as part of ``fit``: gathering the shuffled batch, the step, the
running loss.  The checks and the shuffling that ``fit`` does once an epoch are shared
among its steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.job import Job
from cnnlite import Input, Sequential, applications, optimizers
from cnnlite.layers import LSTM, Conv2D, Dense, Dropout, Flatten, MaxPooling2D


def _mlp() -> Sequential:
    return Sequential(
        [
            Input((784,)),
            Dense(256, activation="relu"),
            Dense(128, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )


def _cnn() -> Sequential:
    return Sequential(
        [
            Input((28, 28, 1)),
            Conv2D(32, 3, activation="relu"),
            Conv2D(64, 3, activation="relu"),
            MaxPooling2D(2),
            Dropout(0.25),
            Flatten(),
            Dense(128, activation="relu"),
            Dropout(0.5),
            Dense(10, activation="softmax"),
        ]
    )


def _toy() -> Sequential:
    return Sequential([Input((2,)), Dense(3, activation="sigmoid"), Dense(1, activation="sigmoid")])


def _lstm() -> Sequential:
    return Sequential([Input((28, 28)), LSTM(128), Dense(10, activation="softmax")])


CLASSES = "sparse_categorical_crossentropy"
NETWORKS: dict[str, tuple[Callable[[], Sequential], Callable[[], Any], str]] = {
    "lenet5": (applications.lenet5, lambda: optimizers.SGD(0.01, momentum=0.9), CLASSES),
    "mlp": (_mlp, optimizers.Adam, CLASSES),
    "cnn": (_cnn, optimizers.Adam, CLASSES),
    "lstm": (_lstm, optimizers.Adam, CLASSES),
    "toy": (_toy, lambda: optimizers.SGD(0.1), "mean_squared_error"),
}


def train(work: dict[str, Any], arrays: dict[str, np.ndarray]) -> Job:
    make, optimizer, loss = NETWORKS[work["network"]]
    model = make()
    model.compile(optimizer(), loss)
    x, y, batch = arrays["x"], arrays["y"], work["batch"]
    if work["same_batch"]:
        x, y = x[:batch], y[:batch]
        return Job(lambda: model.train_on_batch(x, y))
    return Job(lambda: model.fit(x, y, batch_size=batch, verbose=0), units=len(x) // batch)


def predict(work: dict[str, Any], arrays: dict[str, np.ndarray]) -> Job:
    make, _, _ = NETWORKS[work["network"]]
    model = make()
    x = arrays["x"][: work["batch"]]
    return Job(lambda: model(x))
