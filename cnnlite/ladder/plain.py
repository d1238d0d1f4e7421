"""Plain Python: loops over lists of floats, as the formulas have them.

Only a slice is computed, sized to take some tenths of a second, and its time extrapolated:
every unit of work (an output, a channel, a row, a step) takes as many operations as any other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from cnnlite.ladder.job import Job
from cnnlite.ladder.operations import EPSILON, OPERATIONS

Arrays = dict[str, np.ndarray]
Shape = dict[str, int]
Units = Callable[[int], list[float]]  # computes so many units; returns their numbers, flat

SLICE_SECONDS = 0.3


def about() -> dict[str, Any]:
    """Return versions and settings."""
    return {}


def prepare(name: str, shape: Shape, arrays: Arrays, options: dict[str, Any]) -> Job:
    """Return the job of an operation, on a slice of it.

    Parameters
    ----------
    name : str
    shape : dict
    arrays : dict
    options : dict
        ``seconds``: what the slice takes at least, where the whole takes so long.

    Returns
    -------
    Job

    Examples
    --------
    >>> a, b = np.float32([[1, 2]]), np.float32([[3], [4]])
    >>> job = prepare("matmul", {"M": 1, "K": 2, "N": 1}, {"a": a, "b": b}, {})
    >>> job.run()
    >>> job.result(), job.fraction
    (array([11.]), 1.0)
    """
    units, total, select = PREPARE[name](shape, arrays)
    seconds = options.get("seconds", SLICE_SECONDS)
    count = 1
    while count < total:
        start = perf_counter()
        units(count)
        took = perf_counter() - start
        if took >= seconds:
            break
        # Aim a little beyond; a first guess from next to nothing is a bad one.
        count = min(total, max(2 * count, int(1.1 * count * min(seconds / max(took, 1e-9), 50))))
    latest: list[list[float]] = [[]]

    def run() -> None:
        latest[0] = units(count)

    return Job(
        run,
        result=lambda: np.array(latest[0]),
        part=lambda whole: np.asarray(select(whole, count)).ravel(),
        fraction=count / total,
    )


def matmul(shape: Shape, arrays: Arrays) -> tuple[Units, int, Any]:
    """A unit is one number of the product, row by row."""
    a, b, width, inner = arrays["a"].tolist(), arrays["b"].tolist(), shape["N"], shape["K"]

    def units(count: int) -> list[float]:
        y = []
        for at in range(count):
            row, column = a[at // width], at % width
            total = 0.0
            for k in range(inner):
                total += row[k] * b[k][column]
            y.append(total)
        return y

    return units, shape["M"] * width, lambda y, count: y.reshape(-1)[:count]


def conv2d(shape: Shape, arrays: Arrays) -> tuple[Units, int, Any]:
    """A unit is one output.  The zeros around the image are there, so all have nine taps."""
    height, width, channels, filters = (shape[k] for k in "HWCF")
    w = arrays["w"].tolist()
    framed: dict[int, Any] = {}  # image by image, when it is needed

    def image(n: int) -> Any:
        if n not in framed:
            framed[n] = np.pad(arrays["x"][n], ((1, 1), (1, 1), (0, 0))).tolist()
        return framed[n]

    def units(count: int) -> list[float]:
        y = []
        for at in range(count):
            pixel, f = divmod(at, filters)
            line, q = divmod(pixel, width)
            n, p = divmod(line, height)
            x = image(n)
            total = 0.0
            for i in range(3):
                for j in range(3):
                    seen, tap = x[p + i][q + j], w[i][j]
                    for c in range(channels):
                        total += seen[c] * tap[c][f]
            y.append(total)
        return y

    outputs = shape["N"] * height * width * filters
    return units, outputs, lambda y, count: y.reshape(-1)[:count]


def maxpool2d(shape: Shape, arrays: Arrays) -> tuple[Units, int, Any]:
    """A unit is one line of outputs, its maxima and their places."""
    rows, columns, channels = shape["H"] // 2, shape["W"] // 2, shape["C"]
    lines: dict[int, Any] = {}

    def line(at: int) -> Any:
        if at not in lines:
            n, row = divmod(at, rows)
            lines[at] = arrays["x"][n, 2 * row : 2 * row + 2].tolist()
        return lines[at]

    def units(count: int) -> list[float]:
        y: list[float] = []
        places = []
        for at in range(count):
            x = line(at)
            for column in range(columns):
                for c in range(channels):
                    best, place = x[0][2 * column][c], 0
                    for tap in (1, 2, 3):
                        value = x[tap // 2][2 * column + tap % 2][c]
                        if value > best:
                            best, place = value, tap
                    y.append(best)
                    places.append(place)
        return y

    select = _first(columns * channels)
    return units, shape["N"] * rows, select


def batchnorm(shape: Shape, arrays: Arrays) -> tuple[Units, int, Any]:
    """A unit is one channel: its mean and variance need all pixels."""
    x, channels = arrays["x"].reshape(-1, shape["C"]), shape["C"]
    gamma, beta = arrays["gamma"].tolist(), arrays["beta"].tolist()
    columns: dict[int, list[float]] = {}

    def column(c: int) -> list[float]:
        if c not in columns:
            columns[c] = x[:, c].tolist()
        return columns[c]

    def units(count: int) -> list[float]:
        y = []
        for c in range(count):
            values = column(c)
            mean = squares = 0.0
            for value in values:
                mean += value
            mean /= len(values)
            for value in values:
                off = value - mean
                squares += off * off
            scale = gamma[c] / math.sqrt(squares / len(values) + EPSILON)
            shift = beta[c]
            for value in values:
                normal = (value - mean) * scale + shift
                y.append(normal if normal > 0 else 0.0)
        return y

    return units, channels, lambda y, count: y.reshape(-1, channels)[:, :count].T


def softmax(shape: Shape, arrays: Arrays) -> tuple[Units, int, Any]:
    """A unit is one row."""
    rows: dict[int, list[float]] = {}

    def row(r: int) -> list[float]:
        if r not in rows:
            rows[r] = arrays["x"][r].tolist()
        return rows[r]

    def units(count: int) -> list[float]:
        y = []
        for r in range(count):
            x = row(r)
            largest = x[0]
            for value in x:
                if value > largest:
                    largest = value
            powers, total = [], 0.0
            for value in x:
                power = math.exp(value - largest)
                powers.append(power)
                total += power
            for power in powers:
                y.append(power / total)
        return y

    return units, shape["R"], _first(shape["K"])


def lstm(shape: Shape, arrays: Arrays) -> tuple[Units, int, Any]:
    """A unit is one step of one sequence."""
    steps, features, units_ = (shape[k] for k in "TFU")
    w, u, bias = (arrays[k].tolist() for k in ("w", "u", "bias"))
    x = arrays["x"].reshape(-1, features)

    def sigmoid(value: float) -> float:
        return 1 / (1 + math.exp(-value))

    def units(count: int) -> list[float]:
        y: list[float] = []
        h = c = [0.0] * units_
        for at in range(count):
            if at % steps == 0:
                h = c = [0.0] * units_
            seen = x[at].tolist()
            z = []
            for column in range(4 * units_):
                total = bias[column]
                for k in range(features):
                    total += seen[k] * w[k][column]
                for k in range(units_):
                    total += h[k] * u[k][column]
                z.append(total)
            before, h, c = c, [], []
            for k in range(units_):
                i, f = sigmoid(z[k]), sigmoid(z[units_ + k])
                g, o = math.tanh(z[2 * units_ + k]), sigmoid(z[3 * units_ + k])
                c.append(f * before[k] + i * g)
                h.append(o * math.tanh(c[k]))
            y += h
        return y

    return units, shape["N"] * steps, _first(units_)


def _first(numbers: int) -> Any:
    """Units of so many numbers lie one after the other in the output."""
    return lambda y, count: y.reshape(-1)[: count * numbers]


PREPARE: dict[str, Callable[[Shape, Arrays], tuple[Units, int, Any]]] = {
    function.__name__: function
    for function in (matmul, conv2d, maxpool2d, batchnorm, lstm, softmax)
}
assert set(PREPARE) == set(OPERATIONS)
