"""The best hand-written NumPy: what an expert would write, with BLAS where there is a product.

All arrays are made beforehand and written in place, in blocks that stay in a core's cache
from one ufunc to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cnnlite.ladder.job import Job, empty
from cnnlite.ladder.operations import EPSILON

Arrays = dict[str, np.ndarray]
Shape = dict[str, int]

# 3x3 on 64x32x32x64->64: 0.25 to 4 MB of columns at a time took 55 ms, 16 MB 67, all at once 74
# (one Zen 4 core, 2026-11).
COLUMN_BYTES = 4 << 20
BLOCK_FLOATS = 1 << 15  # 128 KB an array: some four of them fill half of an L2 cache


def about() -> dict[str, Any]:
    """Return versions and settings."""
    return {"numpy": np.__version__}


def prepare(name: str, shape: Shape, arrays: Arrays, options: dict[str, Any]) -> Job:
    """Return the job of an operation.

    Examples
    --------
    >>> job = prepare("softmax", {"R": 1, "K": 2}, {"x": np.zeros((1, 2), np.float32)}, {})
    >>> job.run()
    >>> job.result()
    array([[0.5, 0.5]], dtype=float32)
    """
    return PREPARE[name](shape, arrays)


def blocks(rows: int, columns: int) -> Iterator[slice]:
    """Cut rows into blocks of about ``BLOCK_FLOATS`` numbers."""
    step = max(1, BLOCK_FLOATS // columns)
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def matmul(shape: Shape, arrays: Arrays) -> Job:
    """The product goes straight to its array."""
    a, b, y = arrays["a"], arrays["b"], empty(shape["M"], shape["N"])
    return Job(lambda: np.matmul(a, b, out=y), result=lambda: y)


def conv2d(shape: Shape, arrays: Arrays) -> Job:
    """im2col: the windows of some images side by side in a matrix, then one product."""
    n, h, w, c, f = (shape[k] for k in "NHWCF")
    framed, y = np.zeros((n, h + 2, w + 2, c), np.float32), empty(n, h, w, f)
    sn, sh, sw, sc = framed.strides
    # (N, H, W, 3, 3, C): each pixel's window is a view of the framed image.
    windows = np.lib.stride_tricks.as_strided(
        framed, (n, h, w, 3, 3, c), (sn, sh, sw, sh, sw, sc), writeable=False
    )
    step = min(n, max(1, COLUMN_BYTES // (h * w * 9 * c * 4)))
    columns, filters = empty(step, h, w, 3, 3, c), arrays["w"].reshape(9 * c, f)

    def run() -> None:
        framed[:, 1:-1, 1:-1] = arrays["x"]
        for start in range(0, n, step):
            some = columns[: min(step, n - start)]
            np.copyto(some, windows[start : start + step])
            rows = y[start : start + step].reshape(-1, f)
            np.matmul(some.reshape(len(rows), 9 * c), filters, out=rows)

    return Job(run, result=lambda: y)


def maxpool2d(shape: Shape, arrays: Arrays) -> Job:
    """The maximum of four strided views, image by image; where it lay is not kept."""
    n, h, w, c = (shape[k] for k in "NHWC")
    x, y = arrays["x"], empty(n, h // 2, w // 2, c)
    (top, left) = (slice(0, h // 2 * 2, 2), slice(0, w // 2 * 2, 2))
    (bottom, right) = (slice(1, h // 2 * 2, 2), slice(1, w // 2 * 2, 2))

    def run() -> None:
        for image, best in zip(x, y, strict=True):
            np.maximum(image[top, left], image[top, right], out=best)
            np.maximum(best, image[bottom, left], out=best)
            np.maximum(best, image[bottom, right], out=best)

    return Job(run, result=lambda: y)


def batchnorm(shape: Shape, arrays: Arrays) -> Job:
    """Two passes for the moments, one for the output; sums of columns are products with ones.

    Up to 64 pixels make one row, for the inner loops of ufuncs over a few channels would be
    short.
    """
    channels = shape["C"]
    pixels = arrays["x"].size // channels
    many = next(k for k in (64, 32, 16, 8, 4, 2, 1) if pixels % k == 0)
    x, gamma, beta = arrays["x"].reshape(-1, many * channels), arrays["gamma"], arrays["beta"]
    y, ones, parts = empty(*x.shape), np.ones(len(x), np.float32), list(blocks(*x.shape))
    part = empty(parts[0].stop, x.shape[1])

    def total(wide: np.ndarray) -> np.ndarray:
        return wide.reshape(many, channels).sum(axis=0)

    def run() -> None:
        mean = total(ones @ x) / pixels
        center, squares = np.tile(mean, many), np.zeros(x.shape[1], np.float32)
        for block in parts:
            p = np.subtract(x[block], center, out=part[: block.stop - block.start])
            np.multiply(p, p, out=p)
            squares += ones[block] @ p
        scale = gamma / np.sqrt(total(squares) / pixels + np.float32(EPSILON))
        factor, shift = np.tile(scale, many), np.tile(beta - mean * scale, many)
        for block in parts:
            p = np.multiply(x[block], factor, out=y[block])
            p += shift
            np.maximum(p, 0, out=p)

    return Job(run, result=lambda: y.reshape(arrays["x"].shape))


class Lstm:
    """An LSTM by steps: arrays are (T, N, ...), so that every step's part is contiguous."""

    def __init__(self, shape: Shape, arrays: Arrays) -> None:
        n, self.steps, features, units = (shape[k] for k in "NTFU")
        self.given = arrays
        # sigmoid(z) = tanh(z / 2) / 2 + 1/2: with halved weights one tanh serves all gates.
        self.halves = np.full(4 * units, 0.5, np.float32)
        self.halves[2 * units : 3 * units] = 1
        self.w, self.u = empty(features, 4 * units), empty(units, 4 * units)
        self.x, self.z = empty(self.steps, n, features), empty(self.steps, n, 4 * units)
        self.h, self.c = empty(self.steps, n, units), empty(n, units)
        self.part, self.term = empty(n, 4 * units), empty(n, units)

    def run(self) -> None:
        """All steps."""
        np.multiply(self.given["w"], self.halves, out=self.w)
        np.multiply(self.given["u"], self.halves, out=self.u)
        np.copyto(self.x, self.given["x"].swapaxes(0, 1))
        rows = self.z.reshape(-1, self.z.shape[2])
        np.matmul(self.x.reshape(len(rows), -1), self.w, out=rows)
        rows += self.given["bias"] * self.halves
        self.c[...] = 0
        for t in range(self.steps):
            self.step(t)

    def step(self, t: int) -> None:
        """One step of all sequences."""
        z, c, units = self.z[t], self.c, len(self.u)
        if t:
            z += np.matmul(self.h[t - 1], self.u, out=self.part)
        np.tanh(z, out=z)
        for gates in (z[:, : 2 * units], z[:, 3 * units :]):
            gates *= 0.5
            gates += 0.5
        i, f, g, o = np.split(z, 4, axis=1)
        c *= f
        c += np.multiply(i, g, out=self.term)
        np.tanh(c, out=self.term)
        np.multiply(o, self.term, out=self.h[t])


def lstm(shape: Shape, arrays: Arrays) -> Job:
    """One product for all steps' inputs, one for each step's states, all else in place."""
    layer = Lstm(shape, arrays)
    return Job(layer.run, result=lambda: layer.h.swapaxes(0, 1))


def softmax(shape: Shape, arrays: Arrays) -> Job:
    """Row by row less its maximum, exponential, sum (a product with ones), quotient."""
    x = arrays["x"]
    y, ones, parts = empty(*x.shape), np.ones(x.shape[1], np.float32), list(blocks(*x.shape))

    def run() -> None:
        for block in parts:
            p = np.subtract(x[block], x[block].max(axis=1, keepdims=True), out=y[block])
            np.exp(p, out=p)
            p *= (1 / (p @ ones))[:, None]

    return Job(run, result=lambda: y)


PREPARE: dict[str, Callable[[Shape, Arrays], Job]] = {
    function.__name__: function
    for function in (matmul, conv2d, maxpool2d, batchnorm, lstm, softmax)
}
