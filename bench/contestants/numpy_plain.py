"""NumPy as most people would write it: short, whole-array expressions."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.job import Job, empty

Arrays = dict[str, np.ndarray]


def about() -> dict[str, Any]:
    return {"numpy": np.__version__, "blas": _blas()}


def _blas() -> dict[str, Any]:
    config: Any = np.show_config(mode="dicts")
    return config["Build Dependencies"]["blas"]


def prepare(work: dict[str, Any], arrays: Arrays) -> Job:
    return PREPARE[work["kind"]](work, arrays)


def _matmul(work: dict[str, Any], arrays: Arrays) -> Job:
    a, b, bias = arrays["a"], arrays["b"], arrays.get("bias")
    if work["eager"]:
        return Job(lambda: a @ b, outputs=lambda: {"y": a @ b})
    y = empty(len(a), b.shape[1])

    def with_bias_and_relu() -> None:
        np.matmul(a, b, out=y)
        np.add(y, bias, out=y)
        np.maximum(y, 0, out=y)

    plain = bias is None
    return Job(
        (lambda: np.matmul(a, b, out=y)) if plain else with_bias_and_relu,
        outputs=lambda: {"y": y},
    )


def windows(x: np.ndarray, kernel: Any, strides: Any) -> np.ndarray:
    """Return the windows of x as a view (N, OH, OW, C, KH, KW)."""
    views = np.lib.stride_tricks.sliding_window_view(x, tuple(kernel), axis=(1, 2))
    return views[:, :: strides[0], :: strides[1]]


def _conv2d(work: dict[str, Any], arrays: Arrays) -> Job:
    x, w, bias, dy = (arrays[k] for k in ("x", "w", "bias", "dy"))
    strides, padding = work["strides"], work["padding"]
    kernel = w.shape[:2]
    around = ((0, 0), *padding, (0, 0))
    out: Arrays = {}

    def forward() -> None:
        seen = windows(np.pad(x, around), kernel, strides)
        out["y"] = np.tensordot(seen, w, axes=((4, 5, 3), (0, 1, 2))) + bias

    def backward_weight() -> None:
        seen = windows(np.pad(x, around), kernel, strides)
        dw = np.tensordot(seen, dy, axes=((0, 1, 2), (0, 1, 2)))  # (C, KH, KW, F)
        out["dw"] = dw.transpose(1, 2, 0, 3)
        out["db"] = dy.sum(axis=(0, 1, 2))

    def backward_input() -> None:
        # A convolution of dy, spread by the strides, with the weights turned round.
        (n, h, wd, _), (kh, kw) = x.shape, kernel
        spread = np.zeros((n, h + kh - 1, wd + kw - 1, dy.shape[3]), dy.dtype)
        top, left = kh - 1 - padding[0][0], kw - 1 - padding[1][0]
        spread[:, top :: strides[0], left :: strides[1]][:, : dy.shape[1], : dy.shape[2]] = dy
        turned = w[::-1, ::-1]
        seen = windows(spread, kernel, (1, 1))
        out["dx"] = np.tensordot(seen, turned, axes=((4, 5, 3), (0, 1, 3)))

    calls = {
        "forward": forward,
        "backward_weight": backward_weight,
        "backward_input": backward_input,
    }
    chosen = [calls[p] for p in work["passes"]]

    def run() -> None:
        for call in chosen:
            call()

    return Job(run, outputs=lambda: out)


def _maxpool2d(work: dict[str, Any], arrays: Arrays) -> Job:
    """Every one of several equal maxima gets the gradient: shorter, and right without ties."""
    x, dy = arrays["x"], arrays["dy"]
    (n, oh, ow, c), (kh, kw) = dy.shape, work["pool_size"]
    seen = x.reshape(n, oh, kh, ow, kw, c)
    out: Arrays = {}

    def run() -> None:
        out["y"] = seen.max(axis=(2, 4))
        taken = seen == out["y"][:, :, None, :, None]
        out["dx"] = (taken * dy[:, :, None, :, None]).reshape(x.shape)

    return Job(run, outputs=lambda: out)


def _eager(work: dict[str, Any], arrays: Arrays) -> Job:
    x = arrays["x"]
    return Job(lambda: np.maximum(x, 0), outputs=lambda: {"y": np.maximum(x, 0)})


def _plan(work: dict[str, Any], arrays: Arrays) -> Job:
    """The nearest thing to replaying an operation: into an array that is there."""
    x = arrays["x"]
    y, zero = empty(*x.shape), np.zeros_like(x)
    return Job(lambda: np.maximum(x, zero, out=y), outputs=lambda: {"y": y})


PREPARE = {
    "matmul": _matmul,
    "conv2d": _conv2d,
    "maxpool2d": _maxpool2d,
    "eager": _eager,
    "plan": _plan,
}
