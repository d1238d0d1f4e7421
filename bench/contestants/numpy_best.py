"""The best hand-written NumPy: im2col with BLAS in blocks that fit the cache, strided views.

All arrays are made beforehand and written in place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.contestants import numpy_recurrent, numpy_streams
from bench.contestants.numpy_plain import about as about
from bench.contestants.numpy_plain import windows
from bench.job import Job, empty

Arrays = dict[str, np.ndarray]

# Columns of so many bytes at a time, which the product then reads from the caches.  For
# 3x3 on N64 32x32 64->64 forward, 0.25, 1 and 4 MB took 55 ms, 16 MB 67, no blocks 74;
# backward on 8x8 256->256 wants the larger ones (one Zen 4 core, 2026-11-22).
BLOCK_BYTES = 4 << 20


def prepare(work: dict[str, Any], arrays: Arrays) -> Job:
    return PREPARE[work["kind"]](work, arrays)


class Im2col:
    """Convolution as products with a matrix of columns, one row per window.

    The backward pass uses the columns that the forward pass laid out.
    """

    def __init__(self, arrays: Arrays, strides: Any, padding: Any, backward: bool) -> None:
        self.x, self.w, self.bias, self.dy = (arrays[k] for k in ("x", "w", "bias", "dy"))
        (n, h, wd, c), (kh, kw, _, f) = self.x.shape, self.w.shape
        self.strides = strides
        _, self.oh, self.ow, _ = self.dy.shape
        (top, bottom), (left, right) = padding
        framed = (n, h + top + bottom, wd + left + right, c)
        self.inside = np.s_[:, top : top + h, left : left + wd]
        self.framed, self.dframed = np.zeros(framed, np.float32), empty(*framed)
        self.windows = windows(self.framed, (kh, kw), strides).transpose(0, 1, 2, 4, 5, 3)
        image = self.oh * self.ow * kh * kw * c * 4
        self.images = min(n, max(1, BLOCK_BYTES // image))
        kept = n if backward else self.images
        self.columns = empty(kept, self.oh, self.ow, kh, kw, c)
        self.part = empty(self.images, self.oh, self.ow, c)
        self.is_product = (kh, kw) == (1, 1) and tuple(strides) == (1, 1) and framed == self.x.shape
        if self.is_product:
            self.columns = self.x.reshape(n, self.oh, self.ow, kh, kw, c)
        self.rows_w = self.w.reshape(-1, f)
        self.ones = np.ones(self.dy.size // f, np.float32)
        self.out = {
            "y": empty(*self.dy.shape),
            "dw": empty(*self.w.shape),
            "db": empty(f),
            "dx": empty(*self.x.shape),
        }

    def blocks(self) -> list[slice]:
        n = len(self.x)
        return [slice(i, min(i + self.images, n)) for i in range(0, n, self.images)]

    def forward(self) -> None:
        y, f = self.out["y"], self.w.shape[3]
        if not self.is_product:
            self.framed[self.inside] = self.x
        for block in self.blocks():
            kept = block if len(self.columns) == len(self.x) else slice(block.stop - block.start)
            columns = self.columns[kept]
            if not self.is_product:
                np.copyto(columns, self.windows[block])
            rows = y[block].reshape(-1, f)
            np.matmul(columns.reshape(len(rows), -1), self.rows_w, out=rows)
            np.add(rows, self.bias, out=rows)

    def backward_weight(self) -> None:
        dy = self.dy.reshape(-1, self.w.shape[3])
        columns = self.columns.reshape(len(dy), -1)
        np.matmul(columns.T, dy, out=self.out["dw"].reshape(self.rows_w.shape))
        np.matmul(self.ones, dy, out=self.out["db"])

    def backward_input(self) -> None:
        """One product per tap, added where that tap looked.

        One product for all taps and adding its columns (col2im) took as long on wide
        layers, and twice as long on LeNet's second.
        """
        dx, f = self.out["dx"], self.w.shape[3]
        if self.is_product:
            np.matmul(self.dy.reshape(-1, f), self.rows_w.T, out=dx.reshape(-1, dx.shape[3]))
            return
        (kh, kw), (sh, sw) = self.w.shape[:2], self.strides
        self.dframed[...] = 0
        for block in self.blocks():
            rows = self.dy[block].reshape(-1, f)
            part = self.part[: block.stop - block.start]
            for i in range(kh):
                for j in range(kw):
                    np.matmul(rows, self.w[i, j].T, out=part.reshape(len(rows), -1))
                    seen = np.s_[block, i : i + sh * self.oh : sh, j : j + sw * self.ow : sw]
                    self.dframed[seen] += part
        dx[...] = self.dframed[self.inside]


def _conv2d(work: dict[str, Any], arrays: Arrays) -> Job:
    conv = Im2col(arrays, work["strides"], work["padding"], backward=len(work["passes"]) > 1)
    calls = [getattr(conv, p) for p in work["passes"]]

    def run() -> None:
        for call in calls:
            call()

    return Job(run, outputs=lambda: conv.out)


def _maxpool2d(work: dict[str, Any], arrays: Arrays) -> Job:
    """One strided view per place in the window; ties as in numpy_plain."""
    x, dy = arrays["x"], arrays["dy"]
    (_, oh, ow, _), (kh, kw) = dy.shape, work["pool_size"]
    y, dx, taken = empty(*dy.shape), empty(*x.shape), empty(*dy.shape, dtype=bool)
    places = [
        np.s_[:, i : i + kh * oh : kh, j : j + kw * ow : kw] for i in range(kh) for j in range(kw)
    ]
    views = [(x[p], dx[p]) for p in places]

    def run() -> None:
        np.maximum(views[0][0], views[1][0], out=y)
        for seen, _ in views[2:]:
            np.maximum(y, seen, out=y)
        for seen, gradient in views:
            np.equal(seen, y, out=taken)
            np.multiply(dy, taken, out=gradient)

    return Job(run, outputs=lambda: {"y": y, "dx": dx})


PREPARE = {
    "conv2d": _conv2d,
    "maxpool2d": _maxpool2d,
    "lstm": numpy_recurrent.lstm,
    "batchnorm": numpy_streams.batchnorm,
    "layernorm": numpy_streams.layernorm,
    "softmax": numpy_streams.softmax,
    "update": numpy_streams.update,
}
