"""The operations: their shapes, their arrays, what they count as, and the right result.

Needs NumPy alone, for it is loaded by the children of every interpreter; only the right
result is asked of the reference back end.

Tolerances follow rounding.  A sum of n terms in a dtype of unit roundoff u errs by at most
``n u`` times the sum of its terms' absolute values, and, where roundings are as good as
independent, by no more than ``8 sqrt(n) u`` times that but with a probability below 1e-12
(Higham and Mary 2019, "A new approach to probabilistic rounding error analysis").
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["OPERATIONS", "Operation", "parse", "written"]

Shape = dict[str, int]
Arrays = dict[str, np.ndarray]
Truth = tuple[np.ndarray, np.ndarray]  # the right result in float64, and how far off one may be

ROUNDOFF = float(np.finfo(np.float32).eps) / 2
EPSILON = 1e-3  # of batch normalization
EXP_FLOPS = 20  # reduction of the argument, a polynomial of degree 7, scaling
EXP_ULPS = 4  # the largest error that an exponential may have
MOST_BYTES = 2 << 30  # of the arrays of one child


@dataclass(frozen=True)
class Operation:
    """One operation of the ladder.

    Attributes
    ----------
    name : str
    title : str
        What is computed, in words.
    pattern : str
        The shape's letters, as ``--shape`` takes them.
    default : str
        A shape with which the command takes 20 to 60 seconds on two cores.
    kernels : tuple of str
        The operations of a back end that compute it.
    counted : str
        What counts as a floating-point operation, and as a byte.
    flops, nbytes : callable
        Of a shape: floating-point operations; least bytes to be read and written.
    arrays : callable
        Draws the inputs of a shape.
    output : callable
        The output's shape.
    truth : callable
        The right result of inputs, and the tolerance of each of its numbers.
    """

    name: str
    title: str
    pattern: str
    default: str
    kernels: tuple[str, ...]
    counted: str
    flops: Callable[[Shape], int]
    nbytes: Callable[[Shape], int]
    arrays: Callable[[Shape, np.random.Generator], Arrays]
    output: Callable[[Shape], tuple[int, ...]]
    truth: Callable[[Shape, Arrays], Truth]
    least: tuple[tuple[str, int], ...] = ()

    @property
    def letters(self) -> list[str]:
        """The names of the sizes, in order."""
        return re.findall("[A-Z]", self.pattern)


def written(operation: Operation, shape: Shape) -> str:
    """Return a shape as ``--shape`` takes it.

    Examples
    --------
    >>> written(OPERATIONS["lstm"], {"N": 2, "T": 3, "F": 4, "U": 5})
    '2x3x4->5'
    """
    return re.sub("[A-Z]", lambda letter: str(shape[letter[0]]), operation.pattern)


def parse(operation: Operation, text: str) -> Shape:
    """Read a shape.

    Parameters
    ----------
    operation : Operation
    text : str
        Positive integers in the operation's pattern; ``:`` may stand for ``->``, which a
        shell would take for a redirection.

    Returns
    -------
    dict
        Size by letter.

    Raises
    ------
    ValueError
        Says what was expected and gives an example.

    Examples
    --------
    >>> parse(OPERATIONS["conv2d"], "1x8x8x3:16")
    {'N': 1, 'H': 8, 'W': 8, 'C': 3, 'F': 16}
    >>> parse(OPERATIONS["matmul"], "512x512")
    Traceback (most recent call last):
        ...
    ValueError: ladder: --shape: matmul takes MxKxN, that is 3 positive integers. Got '512x512'. ...
    """
    plain = re.sub(r"\s", "", text).lower().replace("×", "x").replace("→", "->").replace(":", "->")
    found = re.fullmatch(re.sub("[A-Z]", "([0-9]{1,9})", operation.pattern), plain)
    where = f"ladder: --shape: {operation.name}"
    example = operation.default.replace("->", ":")
    if plain.endswith("-") and "->" in operation.pattern:
        raise ValueError(
            f"{where}: the size after -> is missing. Got {text!r}. The shell took > for a "
            f"redirection of the output: quote the shape, or write : for ->, as in {example}."
        )
    if found is None or 0 in map(int, found.groups()):
        raise ValueError(
            f"{where} takes {operation.pattern}, that is {len(operation.letters)} positive "
            f"integers. Got {text!r}. Write for instance --shape {example}."
        )
    shape = dict(zip(operation.letters, map(int, found.groups()), strict=True))
    for letter, least in operation.least:
        if shape[letter] < least:
            raise ValueError(
                f"{where}: {letter} is too small. Got {text!r}. Make {letter} at least {least}."
            )
    if operation.nbytes(shape) > MOST_BYTES:
        raise ValueError(
            f"{where}: its arrays would take {operation.nbytes(shape) / 2**30:.1f} GiB in each of "
            f"several processes. Got {text!r}. Stay below {MOST_BYTES >> 30} GiB."
        )
    return shape


def sum_error(terms: int) -> float:
    """Return the error that a float32 sum may have, relative to its terms' absolute values."""
    return min(terms, 8 * math.sqrt(terms)) * ROUNDOFF


def _draw(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> np.ndarray:
    return np.asarray(scale * rng.standard_normal(shape, np.float32), np.float32)


def _reference(name: str) -> Any:
    from cnnlite.kernels import reference

    return reference.KERNELS[name]


# Matrix product --------------------------------------------------------------------------------


def _matmul_arrays(s: Shape, rng: np.random.Generator) -> Arrays:
    return {"a": _draw(rng, s["M"], s["K"]), "b": _draw(rng, s["K"], s["N"])}


def _matmul_truth(s: Shape, arrays: Arrays) -> Truth:
    a, b = (arrays[k].astype(np.float64) for k in "ab")
    expected, size = (np.empty((s["M"], s["N"])) for _ in range(2))
    _reference("matmul")(expected, a, b, None)
    _reference("matmul")(size, np.abs(a), np.abs(b), None)
    return expected, sum_error(s["K"] + 2) * size


# Convolution -----------------------------------------------------------------------------------


SAME = {"strides": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}


def _conv2d_arrays(s: Shape, rng: np.random.Generator) -> Arrays:
    x = _draw(rng, s["N"], s["H"], s["W"], s["C"])
    return {"x": x, "w": _draw(rng, 3, 3, s["C"], s["F"])}


def _conv2d_truth(s: Shape, arrays: Arrays) -> Truth:
    x, w = (arrays[k].astype(np.float64) for k in "xw")
    expected, size = (np.empty(_conv2d_output(s)) for _ in range(2))
    _reference("conv2d_forward")(expected, x, w, None, **SAME)
    _reference("conv2d_forward")(size, np.abs(x), np.abs(w), None, **SAME)
    return expected, sum_error(9 * s["C"] + 2) * size


def _conv2d_output(s: Shape) -> tuple[int, ...]:
    return s["N"], s["H"], s["W"], s["F"]


# Maximum pooling -------------------------------------------------------------------------------


HALVES = {"pool_size": (2, 2), "strides": (2, 2), "padding": ((0, 0), (0, 0))}


def _maxpool2d_output(s: Shape) -> tuple[int, ...]:
    return s["N"], s["H"] // 2, s["W"] // 2, s["C"]


def _maxpool2d_truth(s: Shape, arrays: Arrays) -> Truth:
    expected = np.empty(_maxpool2d_output(s))
    places = np.empty(expected.shape, np.uint8)
    _reference("maxpool2d_forward")(expected, places, arrays["x"].astype(np.float64), **HALVES)
    return expected, np.zeros(())  # it picks, it does not compute


def _maxpool2d_bytes(s: Shape) -> int:
    outputs = math.prod(_maxpool2d_output(s))
    return 4 * (4 * outputs) + 4 * outputs + outputs  # pixels, maxima, their places


# Batch normalization ---------------------------------------------------------------------------


def _batchnorm_arrays(s: Shape, rng: np.random.Generator) -> Arrays:
    channels = s["C"]
    x = _draw(rng, s["N"], s["H"], s["W"], channels) + np.float32(0.5)
    gamma = rng.uniform(0.5, 2, channels).astype(np.float32)
    return {"x": x, "gamma": gamma, "beta": _draw(rng, channels)}


def _batchnorm_truth(s: Shape, arrays: Arrays) -> Truth:
    x, gamma, beta = (arrays[k].astype(np.float64) for k in ("x", "gamma", "beta"))
    rows = x.reshape(-1, s["C"])
    expected, mean, variance = np.empty_like(rows), np.empty(s["C"]), np.empty(s["C"])
    _reference("batchnorm_forward")(
        expected, mean, variance, rows, gamma, beta, None, epsilon=EPSILON, activation="relu"
    )
    # What errs: mean and variance, which are sums over all rows; then a few roundings each.
    of_sum = sum_error(len(rows))
    of_mean = of_sum * np.abs(rows).mean(axis=0) + ROUNDOFF * np.abs(mean)
    of_variance = of_sum * variance + of_mean**2
    scale = np.abs(gamma) / np.sqrt(variance + EPSILON)
    normalized = scale * np.abs(rows - mean)
    relative = of_variance / (variance + EPSILON) / 2 + 6 * ROUNDOFF
    bound = normalized * relative + scale * (of_mean + ROUNDOFF * np.abs(rows))
    bound += 4 * ROUNDOFF * (normalized + np.abs(beta) + scale * np.abs(mean))
    return expected.reshape(x.shape), bound.reshape(x.shape)


# LSTM ------------------------------------------------------------------------------------------


def _lstm_arrays(s: Shape, rng: np.random.Generator) -> Arrays:
    features, units = s["F"], s["U"]
    return {
        "x": _draw(rng, s["N"], s["T"], features),
        "w": _draw(rng, features, 4 * units, scale=1 / math.sqrt(features)),
        "u": _draw(rng, units, 4 * units, scale=1 / units),  # small: errors do not grow
        "bias": _draw(rng, 4 * units, scale=0.5),
    }


def _lstm_truth(s: Shape, arrays: Arrays) -> Truth:
    """The result, and a bound of its error that follows the recurrence step by step."""
    x, w, u, bias = (arrays[k].astype(np.float64) for k in ("x", "w", "u", "bias"))
    n, t, units = s["N"], s["T"], s["U"]
    z = x @ w + bias
    gates, y = np.empty((n, t, 4 * units)), np.empty((n, t, units))
    states, cells = np.empty_like(y), np.empty_like(y)
    last_h, last_c = np.empty((n, units)), np.empty((n, units))
    _reference("lstm_forward")(
        gates, states, cells, y, last_h, last_c, z, None, None, u, None, None
    )
    of_sums = sum_error(s["F"] + units + 4)
    size = np.abs(x) @ np.abs(w) + np.abs(bias)
    bound = np.empty_like(y)
    e_h, e_c = np.zeros((n, units)), np.zeros((n, units))
    of_function = 2 * EXP_ULPS * ROUNDOFF  # of a sigmoid or tanh, both at most 1
    for k in range(t):
        total = size[:, k] + np.abs(states[:, k]) @ np.abs(u)
        e_sums = of_sums * total + e_h @ np.abs(u)
        i, f, g, o = np.split(gates[:, k], 4, axis=1)
        of_i, of_f, of_g, of_o = np.split(e_sums, 4, axis=1)
        of_i, of_f, of_o = (e / 4 + of_function for e in (of_i, of_f, of_o))  # slope <= 1/4
        of_g = of_g + of_function
        cell, before = f * cells[:, k] + i * g, cells[:, k]
        e_c = np.abs(f) * e_c + np.abs(before) * of_f + np.abs(i) * of_g + np.abs(g) * of_i
        e_c = e_c + 4 * ROUNDOFF * (np.abs(f * before) + np.abs(i * g))
        e_h = np.abs(o) * (e_c + of_function) + np.abs(np.tanh(cell)) * of_o + 2 * ROUNDOFF
        bound[:, k] = e_h
    return y, bound


# Softmax ---------------------------------------------------------------------------------------


def _softmax_truth(s: Shape, arrays: Arrays) -> Truth:
    x = arrays["x"].astype(np.float64)
    expected = np.empty_like(x)
    _reference("softmax_forward")(expected, x)
    # Rounding x - max moves the exponent; each exponential errs, and so does their sum.
    of_power = ROUNDOFF * (x.max(axis=1, keepdims=True) - x) + 2 * EXP_ULPS * ROUNDOFF
    of_sum = (expected * of_power).sum(axis=1, keepdims=True) + sum_error(s["K"] + 2)
    return expected, expected * (of_power + of_sum + 4 * ROUNDOFF) + 1e-38


def _images(s: Shape) -> int:
    return s["N"] * s["H"] * s["W"]


OPERATIONS: dict[str, Operation] = {
    o.name: o
    for o in (
        Operation(
            "conv2d",
            "convolution 3 x 3, strides 1, zeros around the image",
            "NxHxWxC->F",
            "64x32x32x64->64",
            ("conv2d_forward",),
            "a product and a sum for each output, tap and channel; x and w read, y written",
            flops=lambda s: 2 * _images(s) * 9 * s["C"] * s["F"],
            nbytes=lambda s: 4 * (_images(s) * (s["C"] + s["F"]) + 9 * s["C"] * s["F"]),
            arrays=_conv2d_arrays,
            output=_conv2d_output,
            truth=_conv2d_truth,
        ),
        Operation(
            "matmul",
            "matrix product, (M, K) times (K, N)",
            "MxKxN",
            "1024x1024x1024",
            ("matmul",),
            "a product and a sum for each row, column and k; both read, the product written",
            flops=lambda s: 2 * s["M"] * s["K"] * s["N"],
            nbytes=lambda s: 4 * (s["M"] * s["K"] + s["K"] * s["N"] + s["M"] * s["N"]),
            arrays=_matmul_arrays,
            output=lambda s: (s["M"], s["N"]),
            truth=_matmul_truth,
        ),
        Operation(
            "maxpool2d",
            "maximum pooling 2 x 2, with the places of the maxima",
            "NxHxWxC",
            "64x64x64x64",
            ("maxpool2d_forward",),
            "three comparisons for each output; x read, the maxima and a byte each written",
            flops=lambda s: 3 * math.prod(_maxpool2d_output(s)),
            nbytes=_maxpool2d_bytes,
            arrays=lambda s, rng: {"x": _draw(rng, s["N"], s["H"], s["W"], s["C"])},
            output=_maxpool2d_output,
            truth=_maxpool2d_truth,
            least=(("H", 2), ("W", 2)),
        ),
        Operation(
            "batchnorm",
            "batch normalization in training, with ReLU",
            "NxHxWxC",
            "64x64x64x64",
            ("batchnorm_forward",),
            "7 for each number: 4 to the moments, 3 to y; x read twice (moments first), y written",
            flops=lambda s: 7 * _images(s) * s["C"],
            nbytes=lambda s: 12 * _images(s) * s["C"],
            arrays=_batchnorm_arrays,
            output=lambda s: (s["N"], s["H"], s["W"], s["C"]),
            truth=_batchnorm_truth,
        ),
        Operation(
            "lstm",
            "LSTM over whole sequences, with the product of the inputs",
            "NxTxF->U",
            "64x100x64->256",
            ("matmul", "lstm_forward"),
            "the products alone, of inputs and states; x and all weights read, y written",
            flops=lambda s: 8 * s["N"] * s["T"] * (s["F"] + s["U"]) * s["U"],
            nbytes=lambda s: (
                4 * (s["N"] * s["T"] * (s["F"] + s["U"]) + 4 * s["U"] * (s["F"] + s["U"] + 1))
            ),
            arrays=_lstm_arrays,
            output=lambda s: (s["N"], s["T"], s["U"]),
            truth=_lstm_truth,
        ),
        Operation(
            "softmax",
            "softmax of every row",
            "RxK",
            "16384x1000",
            ("softmax_forward",),
            f"an exponential as {EXP_FLOPS}, and 4 more for each number; x read, y written",
            flops=lambda s: (EXP_FLOPS + 4) * s["R"] * s["K"],
            nbytes=lambda s: 8 * s["R"] * s["K"],
            arrays=lambda s, rng: {"x": _draw(rng, s["R"], s["K"], scale=3)},
            output=lambda s: (s["R"], s["K"]),
            truth=_softmax_truth,
        ),
    )
}
