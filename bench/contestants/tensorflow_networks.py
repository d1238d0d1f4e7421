"""TensorFlow's training steps and predictions: Keras's layers inside a ``tf.function``.

That spares ``fit``'s callbacks, metrics and progress.  The loss takes logits.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bench.contestants.networks import CLASSES, NETWORKS, initial_weights
from bench.job import Job, fastest

Arrays = dict[str, np.ndarray]


class _Trainer:
    """A network with its optimizer, and the step that every way of running shares."""

    def __init__(self, work: dict[str, Any], arrays: Arrays) -> None:
        make, optimizer, loss = NETWORKS[work["network"]]
        self.has_logits = loss == CLASSES
        self.model = make(keras, None)
        self.model.set_weights(initial_weights(arrays))
        self.optimizer = optimizer(keras)
        self.optimizer.build(self.model.trainable_variables)
        if self.has_logits:
            self.loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        else:
            self.loss = keras.losses.MeanSquaredError()

    def step(self, x: Any, y: Any) -> None:
        with tf.GradientTape() as tape:
            loss = self.loss(y, self.model(x, training=True))
        weights = self.model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))

    def predict(self, x: Any) -> Any:
        y = self.model(x, training=False)
        return tf.nn.softmax(y) if self.has_logits else y


def _functions(function: Any) -> list[Any]:
    """The function in TensorFlow's own graph, and compiled by XLA."""
    return [tf.function(function, jit_compile=jit) for jit in (False, True)]


def train(work: dict[str, Any], arrays: Arrays, by_epochs: bool) -> Job:
    """Steps called one by one, or epochs: all steps of one in a loop inside the graph."""
    trainer = _Trainer(work, arrays)
    x, y, batch = tf.constant(arrays["x"]), tf.constant(arrays["y"]), work["batch"]
    one = x[:batch], y[:batch]
    steps = len(x) // batch

    def step(chosen: Any) -> None:
        trainer.step(tf.gather(x, chosen), tf.gather(y, chosen))

    def epoch(order: Any) -> None:
        for chosen in order:
            step(chosen)

    def way(function: Any) -> Job:
        if work["same_batch"]:
            return Job(lambda: function(*one))

        def run() -> None:
            order = tf.reshape(tf.random.shuffle(tf.range(steps * batch)), (steps, batch))
            if by_epochs:
                function(order)
                return
            for chosen in order:
                function(chosen)

        return Job(run, steps)

    def outputs() -> Arrays:
        fresh = _Trainer(work, arrays)
        before = fresh.predict(one[0]).numpy()
        fresh.step(*one)
        return {"before": before, "after": fresh.predict(one[0]).numpy()}

    function = trainer.step if work["same_batch"] else epoch if by_epochs else step
    return fastest([way(f) for f in _functions(function)], outputs)


def predict(work: dict[str, Any], arrays: Arrays) -> Job:
    trainer, x = _Trainer(work, arrays), tf.constant(arrays["x"][: work["batch"]])
    ways = [Job(lambda f=f: f(x).numpy()) for f in _functions(trainer.predict)]
    return fastest(ways, lambda: {"y": trainer.predict(x).numpy()})
