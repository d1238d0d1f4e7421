"""The best hand-written NumPy for an LSTM: one product for all steps' inputs, all else in place.

Arrays are kept by steps, (T, N, ...), so that every step's part is contiguous.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.job import Job, empty

Arrays = dict[str, np.ndarray]


class Lstm:
    """An LSTM with Keras's order of gates: input, forget, candidate, output."""

    def __init__(self, arrays: Arrays) -> None:
        self.given = arrays
        x, self.w, self.u, self.bias, self.dy = arrays.values()
        (n, self.steps, f), units = x.shape, len(self.u)
        # sigmoid(z) = tanh(z / 2) / 2 + 1/2: with halved weights one tanh serves all gates.
        self.halves = np.full(4 * units, 0.5, np.float32)
        self.halves[2 * units : 3 * units] = 1
        self.half_w, self.half_u = empty(*self.w.shape), empty(*self.u.shape)
        self.x, self.z, self.dz = (empty(self.steps, n, k) for k in (f, 4 * units, 4 * units))
        self.h, self.c, self.tanh_c = (empty(self.steps, n, units) for _ in range(3))
        self.part, self.slope = empty(n, 4 * units), empty(n, 4 * units)
        self.term, self.dh, self.dc = (empty(n, units) for _ in range(3))
        self.dx, self.dw, self.du = (
            empty(self.steps, n, f),
            empty(f, 4 * units),
            empty(*self.u.shape),
        )
        self.db, self.ones = empty(4 * units), np.ones(self.steps * n, np.float32)

    def gates(self, z: np.ndarray) -> list[np.ndarray]:
        return np.split(z, 4, axis=1)

    def sigmoids(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The columns of the input and forget gates, and of the output gate."""
        units = len(self.u)
        return z[:, : 2 * units], z[:, 3 * units :]

    def forward(self) -> None:
        np.multiply(self.w, self.halves, out=self.half_w)
        np.multiply(self.u, self.halves, out=self.half_u)
        np.copyto(self.x, self.given["x"].swapaxes(0, 1))
        rows = self.z.reshape(-1, self.z.shape[2])
        np.matmul(self.x.reshape(len(rows), -1), self.half_w, out=rows)
        np.add(rows, self.bias * self.halves, out=rows)
        for t in range(self.steps):
            z, c = self.z[t], self.c[t]
            if t:
                z += np.matmul(self.h[t - 1], self.half_u, out=self.part)
            np.tanh(z, out=z)
            for gates in self.sigmoids(z):
                gates *= 0.5
                gates += 0.5
            i, f, g, o = self.gates(z)
            np.multiply(i, g, out=c)
            if t:
                c += np.multiply(f, self.c[t - 1], out=self.term)
            np.tanh(c, out=self.tanh_c[t])
            np.multiply(o, self.tanh_c[t], out=self.h[t])

    def backward(self) -> None:
        self.dh[...] = self.dc[...] = 0
        for t in reversed(range(self.steps)):
            (i, f, g, o), tanh_c = self.gates(self.z[t]), self.tanh_c[t]
            di, df, dg, do = self.gates(self.dz[t])
            dh, dc, term = self.dh, self.dc, self.term
            dh += self.dy[:, t]
            np.multiply(tanh_c, tanh_c, out=term)
            np.subtract(1, term, out=term)
            term *= o
            term *= dh
            dc += term
            np.multiply(dh, tanh_c, out=do)
            np.multiply(dc, g, out=di)
            np.multiply(dc, i, out=dg)
            if t:
                np.multiply(dc, self.c[t - 1], out=df)
            else:
                df[...] = 0
            self.through_gates(t)
            dc *= f
            np.matmul(self.dz[t], self.u.T, out=dh)
        rows = self.dz.reshape(-1, self.dz.shape[2])
        later = rows[len(self.dh) :]
        np.matmul(self.x.reshape(len(rows), -1).T, rows, out=self.dw)
        np.matmul(self.h[:-1].reshape(len(later), -1).T, later, out=self.du)
        np.matmul(self.ones, rows, out=self.db)
        np.matmul(rows, self.w.T, out=self.dx.reshape(len(rows), -1))

    def through_gates(self, t: int) -> None:
        """The derivatives s (1 - s) of the sigmoids and 1 - g^2 of the candidate's tanh."""
        z, slope, units = self.z[t], self.slope, len(self.u)
        np.multiply(z, z, out=slope)
        for gates, slopes in zip(self.sigmoids(z), self.sigmoids(slope), strict=True):
            np.subtract(gates, slopes, out=slopes)
        candidate = slope[:, 2 * units : 3 * units]
        np.subtract(1, candidate, out=candidate)
        self.dz[t] *= slope


def lstm(work: dict[str, Any], arrays: Arrays) -> Job:
    layer = Lstm(arrays)

    def both() -> None:
        layer.forward()
        layer.backward()

    def outputs() -> Arrays:
        y = layer.h.swapaxes(0, 1)
        if not work["backward"]:
            return {"y": y}
        dx = layer.dx.swapaxes(0, 1)
        return {"y": y, "dx": dx, "dw": layer.dw, "du": layer.du, "db": layer.db}

    return Job(both if work["backward"] else layer.forward, outputs=outputs)
