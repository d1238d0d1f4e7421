"""cnnlite's training steps and predictions, through the public interface.

A training step is timed as part of ``fit``: gathering the shuffled batch, the step, the
running loss.  The checks and the shuffling that ``fit`` does once an epoch are shared
among its steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import cnnlite
from bench.contestants.networks import CLASSES, NETWORKS, initial_weights
from bench.job import Job

Arrays = dict[str, np.ndarray]


def new_model(network: str) -> Any:
    """Return a network with weights of its own, compiled."""
    make, optimizer, loss = NETWORKS[network]
    model = make(cnnlite, "softmax")
    name = "sparse_categorical_crossentropy" if loss == CLASSES else "mean_squared_error"
    model.compile(optimizer(cnnlite), name)
    return model


def _model(work: dict[str, Any], arrays: Arrays) -> Any:
    model = new_model(work["network"])
    model.set_weights(initial_weights(arrays))
    return model


def train(work: dict[str, Any], arrays: Arrays) -> Job:
    model = _model(work, arrays)
    x, y, batch = arrays["x"], arrays["y"], work["batch"]
    one = x[:batch], y[:batch]

    def outputs() -> Arrays:
        """What a new network says of a batch, and what it does after one step with it."""
        fresh = _model(work, arrays)
        before = fresh(one[0])
        fresh.train_on_batch(*one)
        return {"before": before, "after": fresh(one[0])}

    if work["same_batch"]:
        return Job(lambda: model.train_on_batch(*one), outputs=outputs)
    steps = len(x) // batch
    return Job(lambda: model.fit(x, y, batch_size=batch, verbose=0), steps, outputs)


def predict(work: dict[str, Any], arrays: Arrays) -> Job:
    model = _model(work, arrays)
    x = arrays["x"][: work["batch"]]
    return Job(lambda: model(x), outputs=lambda: {"y": model(x)})
