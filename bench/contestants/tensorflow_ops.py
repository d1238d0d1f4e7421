"""TensorFlow: each kernel a ``tf.function``, in its own graph or compiled by XLA.

The faster of the two is timed.  A function's results are tensors of its own; only what
``outputs`` returns is copied.
"""

from __future__ import annotations

import os
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bench.contestants import tensorflow_networks
from bench.job import Job, fastest

Arrays = dict[str, np.ndarray]

THREADS = int(os.environ["OMP_NUM_THREADS"])
tf.config.threading.set_intra_op_parallelism_threads(THREADS)
tf.config.threading.set_inter_op_parallelism_threads(THREADS)


def about() -> dict[str, Any]:
    return {"tensorflow": tf.__version__, "keras": keras.__version__, "threads": THREADS}


def prepare(work: dict[str, Any], arrays: Arrays, by_epochs: bool = False) -> Job:
    kind = work["kind"]
    if kind == "train":
        return tensorflow_networks.train(work, arrays, by_epochs)
    if kind == "predict":
        return tensorflow_networks.predict(work, arrays)
    if kind == "update":
        return _update(arrays)
    tensors = {name: tf.constant(a) for name, a in arrays.items()}
    return _job(*KERNELS[kind](work, tensors))


def _job(function: Any, *arguments: Any) -> Job:
    """The job of a function that returns its results by name."""

    def way(jit: bool) -> Job:
        compiled, latest = tf.function(function, jit_compile=jit), {}
        return Job(
            lambda: latest.update(compiled(*arguments)),
            outputs=lambda: {name: np.ascontiguousarray(t) for name, t in latest.items()},
        )

    return fastest([way(False), way(True)])


def _gradients(forward: Any, names: str, arguments: Any, dy: Any) -> dict[str, Any]:
    """Return y, and the gradients of the arguments named."""
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        y = forward(*arguments)
    found = tape.gradient(y, arguments, output_gradients=dy)
    return {"y": y} | dict(zip(names.split(), found, strict=False))


def _matmul(work: dict[str, Any], tensors: dict[str, Any]) -> Any:
    def product(a: Any, b: Any, bias: Any = None) -> dict[str, Any]:
        y = tf.matmul(a, b)
        return {"y": y if bias is None else tf.nn.relu(tf.nn.bias_add(y, bias))}

    return product, *tensors.values()


def _conv2d(work: dict[str, Any], tensors: dict[str, Any]) -> Any:
    x, w, bias, dy = (tensors[k] for k in ("x", "w", "bias", "dy"))
    strides, pads, passes = work["strides"], work["padding"], work["passes"]
    depthwise = work["groups"] > 1
    steps = [1, *strides, 1] if depthwise else strides
    explicit = [[0, 0], *pads, [0, 0]]
    kernel = w.shape[:2]
    # SAME pads as explicitly given where the strides are 1 and the window is odd.
    same = [[k // 2, k // 2] for k in kernel] == pads and tuple(strides) == (1, 1)
    padding = "SAME" if same else "VALID"

    def forward(x: Any, w: Any, bias: Any) -> Any:
        if not same and any(map(any, pads)):
            x = tf.pad(x, explicit)
        if depthwise:
            y = tf.nn.depthwise_conv2d(x, tf.transpose(w, (0, 1, 3, 2)), steps, padding)
        else:
            y = tf.nn.conv2d(x, w, steps, padding)
        return tf.nn.bias_add(y, bias)

    def run(x: Any, w: Any, bias: Any, dy: Any) -> dict[str, Any]:
        if len(passes) == 1:
            return {"y": forward(x, w, bias)}
        if "backward_input" in passes:
            return _gradients(forward, "dx dw db", [x, w, bias], dy)
        return _gradients(lambda w, bias: forward(x, w, bias), "dw db", [w, bias], dy)

    return run, x, w, bias, dy


def _maxpool2d(work: dict[str, Any], tensors: dict[str, Any]) -> Any:
    size, strides = work["pool_size"], work["strides"]

    def run(x: Any, dy: Any) -> dict[str, Any]:
        return _gradients(lambda x: tf.nn.max_pool2d(x, size, strides, "VALID"), "dx", [x], dy)

    return run, tensors["x"], tensors["dy"]


def _batchnorm(work: dict[str, Any], tensors: dict[str, Any]) -> Any:
    """The fused operation that Keras's layer calls, with the moving averages' update."""
    x, dy, gamma, beta = (tensors[k] for k in ("x", "dy", "gamma", "beta"))
    mean, variance = (tf.Variable(tf.ones_like(gamma)) for _ in range(2))

    def forward(x: Any, gamma: Any, beta: Any) -> Any:
        h, m, v = tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, epsilon=1e-3)
        for moving, now in ((mean, m), (variance, v)):
            moving.assign(0.99 * moving + 0.01 * now)
        return tf.nn.relu(h)

    def run(x: Any, gamma: Any, beta: Any, dy: Any) -> dict[str, Any]:
        return _gradients(forward, "dx dgamma dbeta", [x, gamma, beta], dy)

    return run, x, gamma, beta, dy


def _layernorm(work: dict[str, Any], tensors: dict[str, Any]) -> Any:
    x, dy, gamma, beta = (tensors[k] for k in ("x", "dy", "gamma", "beta"))

    def forward(x: Any, gamma: Any, beta: Any) -> Any:
        return keras.ops.layer_normalization(x, gamma, beta, epsilon=1e-3)

    def run(x: Any, gamma: Any, beta: Any, dy: Any) -> dict[str, Any]:
        return _gradients(forward, "dx dgamma dbeta", [x, gamma, beta], dy)

    return run, x, gamma, beta, dy


def _update(arrays: Arrays) -> Job:
    gradients = [tf.constant(a) for name, a in arrays.items() if name[0] == "g"]

    def fresh(jit: bool) -> tuple[Any, dict[str, Any]]:
        weights = {name: tf.Variable(a) for name, a in arrays.items() if name[0] == "w"}
        variables = list(weights.values())
        optimizer = keras.optimizers.Adam()
        optimizer.build(variables)
        pairs = list(zip(gradients, variables, strict=True))
        step = tf.function(lambda: optimizer.apply_gradients(pairs), jit_compile=jit)
        return step, weights

    def way(jit: bool) -> Job:
        def outputs() -> Arrays:
            step, weights = fresh(jit)
            step()
            step()
            return {name: w.numpy() for name, w in weights.items()}

        return Job(fresh(jit)[0], outputs=outputs)

    return fastest([way(False), way(True)])


LAYERS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "simple_rnn": keras.layers.SimpleRNN}


def _recurrent(work: dict[str, Any], tensors: dict[str, Any]) -> Any:
    x, w, u, bias, dy = tensors.values()
    layer = LAYERS[work["kind"]](u.shape[0], return_sequences=True)
    layer.build(x.shape)
    layer.set_weights([w, u, bias])

    def run(x: Any, dy: Any) -> dict[str, Any]:
        if not work["backward"]:
            return {"y": layer(x)}
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        wanted = [x, *layer.trainable_variables]
        found = tape.gradient(y, wanted, output_gradients=dy)
        return dict(zip(("y", "dx", "dw", "du", "db"), (y, *found), strict=True))

    return run, x, dy


KERNELS = {
    "matmul": _matmul,
    "conv2d": _conv2d,
    "maxpool2d": _maxpool2d,
    "batchnorm": _batchnorm,
    **dict.fromkeys(LAYERS, _recurrent),
    "layernorm": _layernorm,
    "softmax": lambda work, tensors: (lambda x: {"y": tf.nn.softmax(x)}, tensors["x"]),
}
