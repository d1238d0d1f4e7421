"""cnnlite.

Kernels are called as a plan calls them, on outputs that are there already: that is how
they run in training.  Only an "eager" product goes through :mod:`cnnlite.ops`, whose
checks and allocation are then part of the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.contestants import imports, ours_networks, ours_plans
from bench.job import Job, empty
from cnnlite import ops
from cnnlite.kernels import registry, threads
from cnnlite.kernels.native import dispatch

Arrays = dict[str, np.ndarray]


def about() -> dict[str, Any]:
    backend = registry.get_backend()
    return {
        "numpy": np.__version__,
        "backend": backend,
        "level": dispatch.level(),
        "threads": threads.explain_num_threads(),
        "computed by the reference": [
            name
            for name, dtype, used in registry.kernel_table()
            if dtype == "float32" and used != backend
        ],
    }


def prepare(work: dict[str, Any], arrays: Arrays) -> Job:
    return PREPARE[work["kind"]](work, arrays)


def _kernel(name: str) -> registry.Kernel:
    return registry.kernel(name, np.dtype(np.float32))


def _matmul(work: dict[str, Any], arrays: Arrays) -> Job:
    a, b, bias = arrays["a"], arrays["b"], arrays.get("bias")
    if work["eager"]:
        return Job(lambda: ops.matmul(a, b), outputs=lambda: {"y": ops.matmul(a, b)})
    y = empty(len(a), b.shape[1])
    kernel, activation = _kernel("matmul"), work["activation"]
    return Job(
        lambda: kernel(y, a, b, bias, transpose_a=False, transpose_b=False, activation=activation),
        outputs=lambda: {"y": y},
    )


def _conv2d(work: dict[str, Any], arrays: Arrays) -> Job:
    x, w, bias, dy = (arrays[k] for k in ("x", "w", "bias", "dy"))
    out = {
        "y": empty(*dy.shape),
        "dw": empty(*w.shape),
        "db": empty(*bias.shape),
        "dx": empty(*x.shape),
    }
    y, dw, db, dx = out.values()
    params = {k: work[k] for k in ("strides", "padding", "groups")} | {"dilation": (1, 1)}
    forward, backward_weight, backward_input = (
        _kernel(f"conv2d_{p}") for p in ("forward", "backward_weight", "backward_input")
    )
    passes = {
        "forward": lambda: forward(y, x, w, bias, activation=None, **params),
        "backward_weight": lambda: backward_weight(dw, db, dy, x, **params),
        "backward_input": lambda: backward_input(dx, dy, w, **params),
    }
    return Job(_in_turn([passes[p] for p in work["passes"]]), outputs=lambda: out)


def _maxpool2d(work: dict[str, Any], arrays: Arrays) -> Job:
    x, dy = arrays["x"], arrays["dy"]
    y, argmax, dx = empty(*dy.shape), empty(*dy.shape, dtype=np.uint8), empty(*x.shape)
    params = {k: work[k] for k in ("pool_size", "strides", "padding")}
    forward, backward = _kernel("maxpool2d_forward"), _kernel("maxpool2d_backward")

    def run() -> None:
        forward(y, argmax, x, **params)
        backward(dx, dy, argmax, **params)

    return Job(run, outputs=lambda: {"y": y, "dx": dx})


def _in_turn(calls: list[Any]) -> Any:
    if len(calls) == 1:
        return calls[0]

    def run() -> None:
        for call in calls:
            call()

    return run


def _eager(work: dict[str, Any], arrays: Arrays) -> Job:
    x = arrays["x"]
    return Job(lambda: ops.relu(x), outputs=lambda: {"y": ops.relu(x)})


PREPARE = {
    "matmul": _matmul,
    "conv2d": _conv2d,
    "maxpool2d": _maxpool2d,
    "eager": _eager,
    **ours_plans.PREPARE,
    "train": ours_networks.train,
    "predict": ours_networks.predict,
    "import": lambda work, arrays: imports.job(work["cnnlite"]),
}
