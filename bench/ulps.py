"""``python -m bench ulps``: the largest error of an elementary function over all 2^32 floats.

At each SIMD level up to the one in use (``CNNLITE_SIMD`` caps it).  Errors are counted in
units in the last place of the exact result, which float64 gives to far more digits than are
needed.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from cnnlite.kernels import native
from cnnlite.kernels.native import dispatch
from cnnlite.ops.rectifiers import SELU

CHUNK = 1 << 16  # its arrays stay in the second-level cache


def unary(x: np.ndarray, function: str, parameters: tuple[float, ...] = ()) -> np.ndarray:
    """Return what the native kernel gives for an array of float32."""
    y = np.full_like(x, np.nan)
    native.KERNELS["unary"](y, x, function=function, parameters=parameters)
    return y


def ulp_errors(got: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Return |got - exact| in units in the last place of float32 at ``exact`` (float64)."""
    power = (exact.view(np.int64) & 0x7FF << 52).view(np.float64)  # 2^e <= |exact| < 2^(e + 1)
    return np.abs(got - exact) / np.maximum(power * 2.0**-23, 2.0**-149)


def exact_sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(np.isnan(x), np.nan, np.where(x >= 0, 1, e) / (1 + e))


def exact_erf(x: np.ndarray) -> np.ndarray:
    y = np.where(np.abs(x) < 2**-13, 2 / math.sqrt(math.pi) * x * (1 - x * x / 3), np.sign(x))
    middle = (np.abs(x) >= 2**-13) & (np.abs(x) < 6)
    y[middle] = [math.erf(v) for v in x[middle].tolist()]
    return y


def exact_normal(x: np.ndarray) -> np.ndarray:
    """Phi(x), but 0 below -15, where x Phi(x) is 0 in float32."""
    y = np.where(
        np.abs(x) < 2**-9, 0.5 + x * (1 - x * x / 6) / math.sqrt(2 * math.pi), np.heaviside(x, 1)
    )
    middle = (np.abs(x) >= 2**-9) & (np.abs(x) < 15)
    y[middle] = [math.erfc(v) / 2 for v in (x[middle] / -math.sqrt(2)).tolist()]
    return y


class Function(NamedTuple):
    exact: Callable[[np.ndarray], np.ndarray]  # of float64
    kernel: str = ""  # its name in the kernel, if another
    parameters: tuple[float, ...] = ()


FUNCTIONS = {
    "exponential": Function(np.exp),
    "log": Function(np.log),
    "sigmoid": Function(exact_sigmoid),
    "tanh": Function(np.tanh),
    "erf": Function(exact_erf),
    "gelu": Function(lambda x: x * exact_normal(x)),
    "gelu_tanh": Function(
        lambda x: x * exact_sigmoid(math.sqrt(8 / math.pi) * (x + 0.044715 * x**3))
    ),
    "silu": Function(lambda x: x * exact_sigmoid(x)),
    "softplus": Function(lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))),
    "softsign": Function(lambda x: x / (1 + np.abs(x))),
    "hard_sigmoid": Function(lambda x: np.clip(x + 3, 0, 6) / 6),
    "elu": Function(lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x), "elu", (1.0, 1.0)),
    "selu": Function(
        lambda x: SELU[1] * np.where(x < 0, SELU[0] * np.expm1(np.minimum(x, 0)), x), "elu", SELU
    ),
}


def worst(name: str, x: np.ndarray, levels: Sequence[str]) -> list[tuple[float, float]]:
    """Return (largest error, where) over the numbers x, for each level.

    Raises
    ------
    AssertionError
        If the kernel gives NaN or an infinity where the exact result is none, or the reverse.
    """
    function = FUNCTIONS[name]
    with np.errstate(all="ignore"):
        exact = function.exact(x.astype(np.float64))
        rounded = exact.astype(np.float32)
    usual = np.isfinite(rounded)
    found, before = [], dispatch.level()
    try:
        for level in levels:
            dispatch.set_level(level)
            got = unary(x, function.kernel or name, function.parameters)
            np.testing.assert_array_equal(got[~usual], rounded[~usual], err_msg=f"{name} {level}")
            errors = ulp_errors(got[usual], exact[usual])
            at = int(errors.argmax()) if errors.size else 0
            found.append((float(errors[at]), float(x[usual][at])) if errors.size else (0, math.nan))
    finally:
        dispatch.set_level(before)
    return found


def main(argv: list[str]) -> int:
    """Run ``python -m bench ulps``; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench ulps", description=__doc__)
    parser.add_argument("functions", nargs="*", metavar="FUNCTION", help=", ".join(FUNCTIONS))
    parser.add_argument("--step", type=int, default=1, help="look at every so manieth float")
    arguments = parser.parse_args(argv)
    if unknown := [name for name in arguments.functions if name not in FUNCTIONS]:
        parser.error(f"no such function: {unknown[0]!r}. Choose from {', '.join(FUNCTIONS)}.")
    if arguments.step < 1:
        parser.error(f"--step must be at least 1. Got {arguments.step}.")
    levels = dispatch.levels()[: dispatch.levels().index(dispatch.level()) + 1]
    print(f"Largest errors over every float whose bits are a multiple of {arguments.step}")
    for name in arguments.functions or FUNCTIONS:
        largest, span = [(0.0, math.nan)] * len(levels), CHUNK * arguments.step
        for first in range(0, 1 << 32, span):
            bits = np.arange(first, min(first + span, 1 << 32), arguments.step, dtype=np.uint64)
            found = worst(name, bits.astype(np.uint32).view(np.float32), levels)
            largest = [max(pair, key=lambda f: f[0]) for pair in zip(largest, found, strict=True)]
            if first >> 26 != (first + span) >> 26:
                print(f"\r{name:12} {first / (1 << 32):4.0%}", end="", flush=True)
        print(end="\r")
        for level, (error, where) in zip(levels, largest, strict=True):
            print(f"{name:12} {level:8} {error:.3f} ulp at x = {where!r}")
    return 0
