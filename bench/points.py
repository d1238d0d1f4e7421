"""``python -m bench points``: how Winograd's convolution rounds on several sets of points.

In NumPy, all of it in float32, against float64: one patch of F(4x4, 3x3) after the other, over 64
channels of normal numbers.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.polynomial import polynomial

CHANNELS, PATCHES = 64, 4000
USED = (0.0, 0.5**0.5, -(0.5**0.5), 2**0.5, -(2**0.5))  # csrc/winograd.h's
SETS = {
    "0, +-1, +-2": (0, 1, -1, 2, -2),
    "0, +-1, +-1/2": (0, 1, -1, 0.5, -0.5),
    "0, +-1, 1/2, -2": (0, 1, -1, 0.5, -2),
    "0, +-3/4, +-3/2": (0, 0.75, -0.75, 1.5, -1.5),
    "0, +-sqrt(1/2), +-sqrt(2)": USED,
}


def cook_toom(points: Sequence[float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return A' (4, 6), G (6, 3) and B' (6, 6), derived from five points and infinity."""
    a, g, b = np.zeros((4, 6)), np.zeros((6, 3)), np.zeros((6, 6))
    for i, x in enumerate(points):
        others = [y for y in points if y != x]
        a[:, i] = x ** np.arange(4)
        g[i] = x ** np.arange(3) / np.prod([x - y for y in others])
        b[i, :5] = polynomial.polyfromroots(others)
    a[3, 5] = g[5, 2] = 1
    b[5] = polynomial.polyfromroots(points)
    return a, g, b


def rounding(points: Sequence[float]) -> tuple[float, float]:
    """Return the root mean square error over the direct sum's, and the largest over the values'."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((PATCHES, CHANNELS, 6, 6), np.float32)
    w = rng.standard_normal((CHANNELS, 3, 3), np.float32)
    a, g, b = (m.astype(np.float32) for m in cook_toom(points))
    filters = g @ w @ g.T
    sums, direct = np.zeros((PATCHES, 6, 6), np.float32), np.zeros((PATCHES, 4, 4), np.float32)
    exact = np.zeros(direct.shape)
    for c in range(CHANNELS):
        sums += (b @ x[:, c] @ b.T) * filters[c]
        for i, j in np.ndindex(3, 3):
            seen = x[:, c, i : i + 4, j : j + 4]
            direct += seen * w[c, i, j]
            exact += seen.astype(np.float64) * float(w[c, i, j])
    error = a @ sums @ a.T - exact
    size = np.sqrt(np.mean(exact**2))
    return (
        float(np.sqrt(np.mean(error**2) / np.mean((direct - exact) ** 2))),
        float(np.abs(error).max() / size),
    )


def main(argv: list[str]) -> int:
    """Run ``python -m bench points``; return the exit status."""
    argparse.ArgumentParser(prog="python -m bench points", description=__doc__).parse_args(argv)
    print(f"{'points, with infinity':28} error over the direct sum's   largest, of the values'")
    for name, points in SETS.items():
        ratio, largest = rounding(points)
        print(f"{name:28} {ratio:26.1f} {largest:25.1e}")
    return 0
