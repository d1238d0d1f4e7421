"""The best hand-written NumPy for what streams through memory: norms, softmax, an optimizer.

All is done in place, on blocks that stay in a core's cache from one ufunc to the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bench.job import Job, empty

Arrays = dict[str, np.ndarray]

BLOCK_FLOATS = 1 << 15  # 128 KB an array: some four of them at a time fill half of an L2 cache


def blocks(rows: int, columns: int) -> Iterator[slice]:
    step = max(1, BLOCK_FLOATS // columns)
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def batchnorm(work: dict[str, Any], arrays: Arrays) -> Job:
    """Batch norm and ReLU; up to 64 pixels make one row, or the inner loops would be short."""
    channels = arrays["gamma"].size
    pixels = arrays["x"].size // channels
    many = next(k for k in (64, 32, 16, 8, 4, 2, 1) if pixels % k == 0)
    x, dy = (arrays[k].reshape(-1, many * channels) for k in ("x", "dy"))
    y, dx = empty(*x.shape), empty(*x.shape)
    ones = np.ones(len(x), np.float32)
    parts = list(blocks(*x.shape))
    part = empty(parts[0].stop, x.shape[1])
    moving_mean, moving_variance = np.zeros(channels, np.float32), np.ones(channels, np.float32)
    out = {"y": y.reshape(arrays["x"].shape), "dx": dx.reshape(arrays["x"].shape)}

    def total(wide: np.ndarray) -> np.ndarray:
        return wide.reshape(many, channels).sum(axis=0)

    def wide(a: np.ndarray) -> np.ndarray:
        return np.tile(a, many)

    def run() -> None:
        gamma, beta = arrays["gamma"], arrays["beta"]
        mean = total(ones @ x) / pixels
        center, squares = wide(mean), np.zeros(x.shape[1], np.float32)
        for block in parts:
            p = np.subtract(x[block], center, out=part[: block.stop - block.start])
            np.multiply(p, p, out=p)
            squares += ones[block] @ p
        variance = total(squares) / pixels
        inverse = 1 / np.sqrt(variance + np.float32(1e-3))
        moving_mean[...] = 0.99 * moving_mean + 0.01 * mean
        moving_variance[...] = 0.99 * moving_variance + 0.01 * variance
        factor, shift = wide(gamma * inverse), wide(beta - mean * gamma * inverse)
        sum_dy, sum_dyx = (np.zeros(x.shape[1], np.float32) for _ in range(2))
        for block in parts:
            seen, p = y[block], part[: block.stop - block.start]
            np.multiply(x[block], factor, out=seen)
            seen += shift
            np.maximum(seen, 0, out=seen)
            d = np.multiply(dy[block], seen > 0, out=dx[block])
            sum_dy += ones[block] @ d
            np.subtract(x[block], center, out=p)
            np.multiply(p, d, out=p)
            sum_dyx += ones[block] @ p
        out["dbeta"], out["dgamma"] = total(sum_dy), total(sum_dyx) * inverse
        slope = -gamma * inverse * inverse * out["dgamma"] / pixels
        level = -gamma * inverse * out["dbeta"] / pixels - mean * slope
        slope, level = wide(slope), wide(level)
        for block in parts:
            d, p = dx[block], part[: block.stop - block.start]
            d *= factor
            d += np.multiply(x[block], slope, out=p)
            d += level

    return Job(run, outputs=lambda: out)


def layernorm(work: dict[str, Any], arrays: Arrays) -> Job:
    x, dy, gamma, beta = (arrays[k] for k in ("x", "dy", "gamma", "beta"))
    columns = x.shape[1]
    y, dx, dgamma, dbeta = (empty(*s) for s in (x.shape, x.shape, gamma.shape, gamma.shape))
    parts = list(blocks(*x.shape))
    step = parts[0].stop
    normal, part, ones = empty(step, columns), empty(step, columns), np.ones(len(x), np.float32)
    mean_of = np.full(columns, 1 / columns, np.float32)

    def run() -> None:
        dgamma[...] = dbeta[...] = 0
        for block in parts:
            rows = block.stop - block.start
            h, p, d = normal[:rows], part[:rows], dx[block]
            np.subtract(x[block], (x[block] @ mean_of)[:, None], out=h)
            np.multiply(h, h, out=p)
            inverse = (1 / np.sqrt(p @ mean_of + np.float32(1e-3)))[:, None]
            h *= inverse
            np.multiply(h, gamma, out=y[block])
            y[block] += beta
            np.multiply(dy[block], h, out=p)
            dgamma[...] += ones[:rows] @ p
            dbeta[...] += ones[:rows] @ dy[block]
            p *= gamma
            along = (p @ mean_of)[:, None]
            np.multiply(dy[block], gamma, out=d)
            d -= (d @ mean_of)[:, None]
            d -= np.multiply(h, along, out=p)
            d *= inverse

    return Job(run, outputs=lambda: {"y": y, "dx": dx, "dgamma": dgamma, "dbeta": dbeta})


def softmax(work: dict[str, Any], arrays: Arrays) -> Job:
    x = arrays["x"]
    y, ones, parts = empty(*x.shape), np.ones(x.shape[1], np.float32), list(blocks(*x.shape))

    def run() -> None:
        for block in parts:
            p = np.subtract(x[block], x[block].max(axis=1, keepdims=True), out=y[block])
            np.exp(p, out=p)
            p *= (1 / (p @ ones))[:, None]

    return Job(run, outputs=lambda: {"y": y})


class Adam:
    """Keras's Adam over all weights as one flat array."""

    def __init__(self, arrays: Arrays) -> None:
        def flat(kind: str) -> np.ndarray:
            return np.concatenate([a.ravel() for name, a in arrays.items() if name[0] == kind])

        self.w, self.g = flat("w"), flat("g")
        self.m, self.v = empty(self.w.size), empty(self.w.size)
        self.part, self.root = empty(BLOCK_FLOATS), empty(BLOCK_FLOATS)
        self.step = 0

    def run(self) -> None:
        self.step += 1
        b1, b2 = 0.9, 0.999
        alpha = 1e-3 * (1 - b2**self.step) ** 0.5 / (1 - b1**self.step)
        for block in blocks(self.w.size, 1):
            w, g, m, v = (a[block] for a in (self.w, self.g, self.m, self.v))
            part, root = self.part[: len(w)], self.root[: len(w)]
            np.subtract(g, m, out=part)
            part *= 1 - b1
            m += part
            np.multiply(g, g, out=part)
            part -= v
            part *= 1 - b2
            v += part
            np.sqrt(v, out=root)
            root += 1e-7
            np.multiply(m, alpha, out=part)
            part /= root
            w -= part


def update(work: dict[str, Any], arrays: Arrays) -> Job:
    def outputs() -> Arrays:
        fresh = Adam(arrays)
        fresh.run()
        fresh.run()
        weights = {name: a for name, a in arrays.items() if name[0] == "w"}
        ends = np.cumsum([a.size for a in weights.values()])[:-1]
        pieces = zip(weights, np.split(fresh.w, ends), strict=True)
        return {name: piece.reshape(weights[name].shape) for name, piece in pieces}

    return Job(Adam(arrays).run, outputs=outputs)
