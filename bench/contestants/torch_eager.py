"""PyTorch with its defaults and its usual idioms, eager or compiled.

Imports PyTorch, NumPy and this package's plain files only: it runs under another
interpreter, which need not have cnnlite.  Results of ``torch.matmul`` go to an array
that is there; convolutions and pooling have no such argument and allocate.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from bench.contestants import imports, torch_networks, torch_recurrent, torch_streams
from bench.contestants.torch_layouts import from_image, image
from bench.job import Job, fastest

Arrays = dict[str, np.ndarray]

# Rather an error than to go on uncompiled.
torch._dynamo.config.fail_on_recompile_limit_hit = True


def about() -> dict[str, Any]:
    return {
        "torch": torch.__version__,
        "numpy": np.__version__,
        "threads": torch.get_num_threads(),
        "build": torch.__config__.show().splitlines(),
    }


def prepare(
    work: dict[str, Any], arrays: Arrays, channels_last: bool = False, compiled: bool = False
) -> Job:
    torch.compiler.reset()  # what earlier rows compiled counts against a limit
    kind = work["kind"]
    if kind == "import":
        return imports.job("import torch")
    if kind == "train":
        return torch_networks.train(work, arrays, channels_last, compiled)
    if kind == "predict":
        return torch_networks.predict(work, arrays, channels_last, compiled)
    if kind in torch_recurrent.LAYERS:
        return torch_recurrent.prepare(work, arrays)
    if kind in torch_streams.PREPARE:
        return torch_streams.PREPARE[kind](arrays, _compiled if compiled else _as_it_is)
    if kind in IMAGES:
        return _of_images(work, arrays, channels_last, compiled)
    tensors = {name: torch.from_numpy(a) for name, a in arrays.items()}
    return _matmul(work, tensors) if kind == "matmul" else _eager(tensors)


def _of_images(work: dict[str, Any], arrays: Arrays, channels_last: bool, compiled: bool) -> Job:
    """Compiled code is timed in the faster of the two layouts."""
    make = IMAGES[work["kind"]]
    if not compiled:
        return make(work, arrays, channels_last, _as_it_is)
    jobs = [make(work, arrays, last, _compiled) for last in (False, True)]
    return fastest(jobs)


def _as_it_is(function: Any) -> Any:
    return function


def _compiled(function: Any) -> Any:
    return torch.compile(function, dynamic=False)


def _without_gradients(run: Any) -> Any:
    return torch.inference_mode()(run)


def _matmul(work: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Job:
    a, b, bias = tensors["a"], tensors["b"], tensors.get("bias")
    if work["eager"]:
        return Job(lambda: a @ b, outputs=lambda: {"y": (a @ b).numpy()})
    y = torch.zeros(len(a), b.shape[1])

    def plain() -> None:
        torch.mm(a, b, out=y)

    def with_bias_and_relu() -> None:
        torch.addmm(bias, a, b, out=y)
        y.relu_()

    run = plain if bias is None else with_bias_and_relu
    return Job(_without_gradients(run), outputs=lambda: {"y": y.numpy()})


def _eager(tensors: dict[str, torch.Tensor]) -> Job:
    x = tensors["x"]
    return Job(lambda: torch.relu(x), outputs=lambda: {"y": torch.relu(x).numpy()})


def _conv2d(work: dict[str, Any], arrays: Arrays, channels_last: bool, made: Any) -> Job:
    layout = torch.channels_last if channels_last else torch.contiguous_format
    x, dy = (image(arrays[k], channels_last) for k in ("x", "dy"))
    w = torch.from_numpy(arrays["w"]).permute(3, 2, 0, 1).contiguous(memory_format=layout)
    bias = torch.from_numpy(arrays["bias"])
    strides = tuple(work["strides"])
    (top, bottom), (left, right) = work["padding"]
    if top != bottom or left != right:
        raise ValueError("PyTorch pads both sides alike")
    pads = (top, left)
    latest: dict[str, Any] = {}
    backward = [p for p in work["passes"] if p != "forward"]
    wanted = {"dw": w, "db": bias} if "backward_weight" in backward else {}
    if "backward_input" in backward:
        wanted["dx"] = x
    for leaf in wanted.values():
        leaf.requires_grad_()

    groups = work["groups"]
    forward = made(lambda x, w, bias: functional.conv2d(x, w, bias, strides, pads, groups=groups))

    def run() -> None:
        y = latest["y"] = forward(x, w, bias)
        if wanted:
            latest["gradients"] = torch.autograd.grad(y, tuple(wanted.values()), dy)

    def outputs() -> Arrays:
        found = dict(zip(wanted, latest.get("gradients", ()), strict=True))
        out = {"y": from_image(latest["y"])}
        if "dw" in found:
            out["dw"] = found["dw"].permute(2, 3, 1, 0).contiguous().numpy()
            out["db"] = found["db"].numpy()
        if "dx" in found:
            out["dx"] = from_image(found["dx"])
        return out

    return Job(run if wanted else _without_gradients(run), outputs=outputs)


def _maxpool2d(work: dict[str, Any], arrays: Arrays, channels_last: bool, made: Any) -> Job:
    x, dy = (image(arrays[k], channels_last) for k in ("x", "dy"))
    size, strides = tuple(work["pool_size"]), tuple(work["strides"])
    x.requires_grad_()
    latest: dict[str, torch.Tensor] = {}

    forward = made(lambda x: functional.max_pool2d(x, size, strides))

    def run() -> None:
        y = latest["y"] = forward(x)
        (latest["dx"],) = torch.autograd.grad(y, x, dy)

    return Job(run, outputs=lambda: {k: from_image(t) for k, t in latest.items()})


IMAGES = {"conv2d": _conv2d, "maxpool2d": _maxpool2d, "batchnorm": torch_streams.batchnorm}
