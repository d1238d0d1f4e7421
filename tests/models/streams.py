"""A model, its data, and the data as generators and as a PyDataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import cnnlite
from cnnlite import Input, Sequential, layers, optimizers

RNG = np.random.default_rng(1)
X = RNG.normal(size=(20, 3)).astype("float32")
Y = RNG.normal(size=(20, 2)).astype("float32")
W = RNG.random(20).astype("float32")


def make(rate: float = 0.1, **settings: Any) -> Sequential:
    cnnlite.set_random_seed(1)
    model = Sequential([Input((3,)), layers.Dense(2)])
    model.compile(optimizers.SGD(rate), "mse", **settings)
    return model


def batches(size: int = 6, weights: bool = False) -> Iterator[Any]:
    """Yield the data once, in order; the last batch is smaller."""
    for i in range(0, 20, size):
        part = slice(i, i + size)
        yield (X[part], Y[part], W[part]) if weights else (X[part], Y[part])


def endless(size: int = 5) -> Iterator[Any]:
    while True:
        yield from batches(size)


class Parts(cnnlite.utils.PyDataset):
    """The data in batches of 6, noting what is asked of it."""

    def __init__(self, weights: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.weights, self.asked, self.hooks = weights, [], []

    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> Any:
        self.asked.append(i)
        part = slice(6 * i, 6 * i + 6)
        return (X[part], Y[part], W[part]) if self.weights else (X[part], Y[part])

    def on_epoch_begin(self) -> None:
        self.hooks.append("begin")

    def on_epoch_end(self) -> None:
        self.hooks.append("end")
