"""onnxruntime: one model of a node or a few, run by a session.

A kernel's inputs are bound once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from bench.contestants.networks import initial_weights
from bench.job import Job

Arrays = dict[str, np.ndarray]

THREADS = int(os.environ["OMP_NUM_THREADS"])
OPSET, IR_VERSION = 21, 10


def about() -> dict[str, Any]:
    return {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__, "threads": THREADS}


def prepare(work: dict[str, Any], arrays: Arrays) -> Job:
    return PREPARE[work["kind"]](work, arrays)


class Graph:
    """Nodes one after another, each named by its first output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, array: np.ndarray) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, operation: str, *inputs: str | np.ndarray | None, **attributes: Any) -> str:
        name = f"{operation}{len(self.nodes)}"
        names = [
            self.constant(i) if isinstance(i, np.ndarray) else "" if i is None else i
            for i in inputs
        ]
        self.nodes.append(helper.make_node(operation, names, [name], **attributes))
        return name

    def session(self, output: str, inputs: Arrays) -> onnxruntime.InferenceSession:
        """Return a session that computes ``output``."""
        floats = TensorProto.FLOAT
        graph = helper.make_graph(
            self.nodes,
            "row",
            [helper.make_tensor_value_info(n, floats, a.shape) for n, a in inputs.items()],
            [helper.make_tensor_value_info(output, floats, None)],
            self.constants,
        )
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def job(self, output: str, inputs: Arrays, restore: Any = lambda y: y) -> Job:
        """Return the job of computing ``output``; ``restore`` gives it cnnlite's layout."""
        session = self.session(output, inputs)
        binding = session.io_binding()
        kept = {n: onnxruntime.OrtValue.ortvalue_from_numpy(a) for n, a in inputs.items()}
        for name, value in kept.items():
            binding.bind_ortvalue_input(name, value)
        binding.bind_output(output)

        def outputs() -> Arrays:
            return {"y": np.ascontiguousarray(restore(binding.copy_outputs_to_cpu()[0]))}

        return Job(lambda: session.run_with_iobinding(binding), outputs=outputs)


def _matmul(work: dict[str, Any], arrays: Arrays) -> Job:
    """``b`` is a constant, as a layer's weights are."""
    graph, inputs = Graph(), {"a": arrays["a"]}
    if "bias" not in arrays:
        return graph.job(graph.add("MatMul", "a", arrays["b"]), inputs)
    y = graph.add("Gemm", "a", arrays["b"], arrays["bias"])
    return graph.job(graph.add("Relu", y), inputs)


def _images(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))


def _conv(graph: Graph, x: str, w: np.ndarray, bias: np.ndarray | None, **attributes: Any) -> str:
    return graph.add("Conv", x, w.transpose(3, 2, 0, 1), bias, **attributes)


def _conv2d(work: dict[str, Any], arrays: Arrays) -> Job:
    (top, bottom), (left, right) = work["padding"]
    graph = Graph()
    y = _conv(
        graph,
        "x",
        arrays["w"],
        arrays["bias"],
        strides=work["strides"],
        pads=[top, left, bottom, right],
        group=work["groups"],
    )
    return graph.job(y, {"x": _images(arrays["x"])}, lambda y: y.transpose(0, 2, 3, 1))


# ONNX's order of the gates, by Keras's.
GATES = {"lstm": (0, 3, 1, 2), "gru": (0, 1, 2), "simple_rnn": (0,)}
OPERATIONS = {"lstm": "LSTM", "gru": "GRU", "simple_rnn": "RNN"}


def _recurrent(work: dict[str, Any], arrays: Arrays) -> Job:
    x, w, u, bias, _ = arrays.values()
    kind, units = work["kind"], len(u)

    def gates(a: np.ndarray) -> np.ndarray:
        """(..., gates of units) in ONNX's order."""
        by_gate = a.reshape(*a.shape[:-1], -1, units)[..., GATES[kind], :]
        return by_gate.reshape(a.shape)

    both = np.zeros((2, u.shape[1]), np.float32)
    both[: 1 if bias.ndim == 1 else 2] = bias
    graph = Graph()
    settings = {"linear_before_reset": 1} if kind == "gru" else {}
    y = graph.add(
        OPERATIONS[kind],
        "x",
        gates(w).T[None],
        gates(u).T[None],
        gates(both).reshape(1, -1),
        hidden_size=units,
        **settings,
    )
    # (T, directions, N, U) to (N, T, U)
    inputs = {"x": np.ascontiguousarray(x.swapaxes(0, 1))}
    return graph.job(y, inputs, lambda y: y[:, 0].swapaxes(0, 1))


def _softmax(work: dict[str, Any], arrays: Arrays) -> Job:
    graph = Graph()
    return graph.job(graph.add("Softmax", "x"), arrays)


POOL = {"kernel_shape": (2, 2), "strides": (2, 2)}


def _lenet5(graph: Graph, weights: Iterator[np.ndarray]) -> str:
    y = "x"
    for pads in ((2, 2, 2, 2), (0, 0, 0, 0)):
        y = graph.add("Relu", _conv(graph, y, next(weights), next(weights), pads=pads))
        y = graph.add("MaxPool", y, **POOL)
    y = graph.add("Flatten", y)
    first = next(weights)  # its rows are pixels of 16 channels; ONNX's, channels of pixels
    rows = first.reshape(-1, 16, first.shape[1]).swapaxes(0, 1).reshape(first.shape)
    y = graph.add("Relu", graph.add("Gemm", y, rows, next(weights)))
    y = graph.add("Relu", graph.add("Gemm", y, next(weights), next(weights)))
    return graph.add("Gemm", y, next(weights), next(weights))


def _cnn_bn(graph: Graph, weights: Iterator[np.ndarray]) -> str:
    y = "x"
    for _ in range(3):
        for _ in range(2):
            y = _conv(graph, y, next(weights), None, pads=(1, 1, 1, 1))
            y = graph.add("BatchNormalization", y, *islice(weights, 4), epsilon=1e-3)
            y = graph.add("Relu", y)
        y = graph.add("MaxPool", y, **POOL)
    y = graph.add("Flatten", graph.add("GlobalAveragePool", y))
    return graph.add("Gemm", y, next(weights), next(weights))


NETWORKS = {"lenet5": _lenet5, "cnn_bn": _cnn_bn}


def _predict(work: dict[str, Any], arrays: Arrays) -> Job:
    graph = Graph()
    y = graph.add("Softmax", NETWORKS[work["network"]](graph, iter(initial_weights(arrays))))
    inputs = {"x": _images(arrays["x"][: work["batch"]])}
    session = graph.session(y, inputs)
    # A new image comes as an array each time, and so must the answer: nothing is bound.
    return Job(
        lambda: session.run(None, inputs), outputs=lambda: {"y": session.run(None, inputs)[0]}
    )


PREPARE = {
    "matmul": _matmul,
    "conv2d": _conv2d,
    **dict.fromkeys(GATES, _recurrent),
    "softmax": _softmax,
    "predict": _predict,
}
