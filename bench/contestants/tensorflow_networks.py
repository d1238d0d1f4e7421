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


def train(work: dict[str, Any], arrays: Arrays, by_epochs: bool) -> Job:
    """Steps called one by one, or epochs: all steps of one in a loop inside the graph."""
    x, y, batch = tf.constant(arrays["x"]), tf.constant(arrays["y"]), work["batch"]
    one = x[:batch], y[:batch]
    steps = 1 if work["same_batch"] else len(x) // batch

    def made(jit: bool) -> tuple[_Trainer, Any]:
        """A new network, and what trains it on batches of these indices."""
        trainer = _Trainer(work, arrays)

        def step(chosen: Any) -> None:
            trainer.step(tf.gather(x, chosen), tf.gather(y, chosen))

        def epoch(order: Any) -> None:
            for chosen in order:
                step(chosen)

        if work["same_batch"]:
            compiled = tf.function(lambda: trainer.step(*one), jit_compile=jit)
            return trainer, lambda order: compiled()
        compiled = tf.function(epoch if by_epochs else step, jit_compile=jit)

        def run(order: Any) -> None:
            if by_epochs:
                compiled(order)
                return
            for chosen in tf.unstack(order):
                compiled(chosen)

        return trainer, run

    def way(jit: bool) -> Job:
        _, train_on = made(jit)

        def run() -> None:
            shuffled = tf.random.shuffle(tf.range(steps * batch))
            train_on(tf.reshape(shuffled, (steps, batch)))

        def outputs() -> Arrays:
            trainer, train_on = made(jit)
            before = trainer.predict(one[0]).numpy()
            train_on(tf.range(batch)[None])
            return {"before": before, "after": trainer.predict(one[0]).numpy()}

        return Job(run, steps, outputs)

    return fastest([way(False), way(True)])


def predict(work: dict[str, Any], arrays: Arrays) -> Job:
    trainer, x = _Trainer(work, arrays), tf.constant(arrays["x"][: work["batch"]])

    def way(jit: bool) -> Job:
        function = tf.function(trainer.predict, jit_compile=jit)
        return Job(lambda: function(x).numpy(), outputs=lambda: {"y": function(x).numpy()})

    return fastest([way(False), way(True)])
