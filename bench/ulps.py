"""``python -m bench ulps``: the largest error of an elementary function over all 2^32 floats.

Errors are counted in units in the last place of the exact result, which NumPy's float64
functions give to far more digits than are needed.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import numpy as np

from cnnlite.kernels import native
from cnnlite.kernels.native import dispatch

CHUNK = 1 << 22


def unary(x: np.ndarray, function: str, parameters: tuple[float, ...] = ()) -> np.ndarray:
    """Return what the native kernel gives for an array of float32."""
    y = np.full_like(x, np.nan)
    native.KERNELS["unary"](y, x, function=function, parameters=parameters)
    return y


def ulp_errors(got: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Return |got - exact| in units in the last place of float32 at ``exact`` (float64)."""
    _, exponent = np.frexp(exact)
    unit = np.ldexp(1.0, np.maximum(exponent - 24, -149))
    return np.abs(got.astype(np.float64) - exact) / unit


def exact_sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x.astype(np.float64)))
    return np.where(np.isnan(x), np.nan, np.where(x >= 0, 1, e) / (1 + e))


def exact_softplus(x: np.ndarray) -> np.ndarray:
    wide = x.astype(np.float64)
    return np.maximum(wide, 0) + np.log1p(np.exp(-np.abs(wide)))


def exact_elu(x: np.ndarray) -> np.ndarray:
    return np.where(x < 0, np.expm1(np.minimum(x, 0).astype(np.float64)), x)


# Name, the kernel's parameters, the exact function.
FUNCTIONS: dict[str, tuple[tuple[float, ...], Callable[[np.ndarray], np.ndarray]]] = {
    "exponential": ((), lambda x: np.exp(x.astype(np.float64))),
    "sigmoid": ((), exact_sigmoid),
    "tanh": ((), lambda x: np.tanh(x.astype(np.float64))),
    "softplus": ((), exact_softplus),
    "elu": ((1.0, 1.0), exact_elu),
}


def worst(function: str, x: np.ndarray) -> tuple[float, float]:
    """Return (largest error, where) over the numbers x.

    Raises
    ------
    AssertionError
        If the kernel gives NaN or an infinity where the exact result is none, or the reverse.
    """
    parameters, exact_function = FUNCTIONS[function]
    with np.errstate(all="ignore"):
        got, exact = unary(x, function, parameters), exact_function(x)
        rounded = exact.astype(np.float32)
    usual = np.isfinite(rounded)
    np.testing.assert_array_equal(got[~usual], rounded[~usual], err_msg=f"{function}: {x[~usual]}")
    if not usual.any():
        return 0.0, math.nan
    errors = ulp_errors(got[usual], exact[usual])
    at = int(errors.argmax())
    return float(errors[at]), float(x[usual][at])


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
    print(f"SIMD level {dispatch.level()}, every float whose bits are a multiple of ", end="")
    print(arguments.step)
    for function in arguments.functions or FUNCTIONS:
        largest, where, span = 0.0, math.nan, CHUNK * arguments.step
        for first in range(0, 1 << 32, span):
            bits = np.arange(first, min(first + span, 1 << 32), arguments.step, dtype=np.uint64)
            error, at = worst(function, bits.astype(np.uint32).view(np.float32))
            if error > largest:
                largest, where = error, at
            done = min(1.0, (first + span) / (1 << 32))
            print(f"\r{function:12} {done:4.0%}", end="", flush=True)
        print(f"\r{function:12} {largest:.3f} ulp at x = {where!r}")
    return 0
