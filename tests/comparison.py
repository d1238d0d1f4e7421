"""How a kernel's results are compared with the right ones."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bench.case import Arguments, Case, is_float, mapped, roundoff

Kernel = Callable[..., None]

# Units in the last place that NumPy's own exp, log, tanh may err by (its log in
# float32 by 3.8, according to its release notes).
NUMPY_ULPS = 4.0


def seeded(case: Case, salt: int = 0) -> np.random.Generator:
    """Random numbers that depend on the case alone."""
    return np.random.default_rng([zlib.crc32(str(case).encode()), salt])


def call(kernel: Kernel, arguments: Arguments) -> list[Any]:
    kernel(*arguments.outputs, *arguments.inputs, **arguments.params)
    return arguments.outputs


def converted(arguments: Arguments, function: Callable[[np.ndarray], np.ndarray]) -> Arguments:
    """Return the arguments with ``function`` applied to every array."""
    return Arguments(
        mapped(function, list(arguments.outputs)),
        mapped(function, list(arguments.inputs)),
        dict(arguments.params),
    )


def copied(arguments: Arguments) -> Arguments:
    return converted(arguments, np.copy)


def widened(arguments: Arguments) -> Arguments:
    """Copy with every floating array in float64."""
    return converted(arguments, lambda a: a.astype(np.float64) if is_float(a) else a.copy())


def leaves(value: Any) -> Iterator[np.ndarray]:
    """Yield the arrays in an array, a list of such, or None."""
    found: list[np.ndarray] = []
    mapped(found.append, value)
    yield from found


def assert_same_bits(got: Any, expected: Any) -> None:
    for n, (a, b) in enumerate(zip(leaves(got), leaves(expected), strict=True)):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_array_equal(a, b, err_msg=f"output {n}", strict=True)
        assert a.tobytes() == b.tobytes(), f"output {n}: the signs of zeros or the NaNs differ"


def assert_within(got: Any, expected: Any, bounds: list[Any]) -> None:
    """Assert equal NaNs and infinities, and ``|got - expected| <= bound`` elsewhere.

    There is a bound for every array in ``expected``; whole numbers must be equal.
    """
    for n, (a, b, limit) in enumerate(zip(leaves(got), leaves(expected), bounds, strict=True)):
        if not is_float(a):
            np.testing.assert_array_equal(a, b, err_msg=f"output {n}")
            continue
        assert a.shape == b.shape
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b), err_msg=f"NaNs of output {n}")
        special = ~np.isfinite(a) | ~np.isfinite(b)
        np.testing.assert_array_equal(a[special], b[special], err_msg=f"infinities of output {n}")
        error = np.where(special, 0, np.abs(np.where(special, 0, a) - np.where(special, 0, b)))
        if not np.all(error <= limit):
            worst = np.unravel_index(np.argmax(error - limit), a.shape)
            place = tuple(map(int, worst))
            raise AssertionError(
                f"output {n}: {float(a[worst])!r} at {place} is {error[worst]:.3g} off "
                f"{float(b[worst])!r}, allowed {np.broadcast_to(limit, a.shape)[worst]:.3g}"
            )


def right_outputs(
    case: Case, judge: Kernel, arguments: Arguments, dtype: Any, function_ulps: float
) -> tuple[list[Any], list[Any]]:
    """Return what ``judge`` computes in float64, and how far a kernel may be from it.

    The bounds, one for each array, allow for the judge's own rounding as well.
    """
    before = widened(arguments)
    expected = call(judge, widened(arguments))
    of_kernel, of_judge = (
        [b for bound in case.tolerance(before, expected, d, ulps) for b in _each(bound)]
        for d, ulps in ((dtype, function_ulps), (np.float64, NUMPY_ULPS))
    )
    return expected, [a + b for a, b in zip(of_kernel, of_judge, strict=True)]


def _each(bound: Any) -> list[Any]:
    """Return the bounds of one output: an array, a list of them, or None."""
    if bound is None:
        return []
    return bound if isinstance(bound, list) else [bound]


def check(
    case: Case,
    kernel: Kernel,
    judge: Kernel,
    dtype: Any,
    *,
    function_ulps: float = NUMPY_ULPS,
) -> None:
    """Assert that ``kernel`` is right within the case's tolerance, and spares its inputs."""
    arguments = case.arguments(seeded(case), dtype)
    expected, bounds = right_outputs(case, judge, arguments, dtype, function_ulps)
    inputs = copied(arguments).inputs
    assert_within(call(kernel, arguments), expected, bounds)
    assert_same_bits(arguments.inputs, inputs)


def check_accumulation(
    case: Case,
    kernel: Kernel,
    judge: Kernel,
    dtype: Any,
    *,
    function_ulps: float = NUMPY_ULPS,
) -> None:
    """The same with ``accumulate``: the result is added to what the output holds."""
    rng = seeded(case, salt=1)
    drawn = case.arguments(rng, dtype)
    expected, bounds = right_outputs(case, judge, drawn, dtype, function_ulps)
    start = mapped(lambda a: rng.standard_normal(a.shape).astype(a.dtype), list(drawn.outputs))
    got = call(
        kernel,
        Arguments(mapped(np.copy, start), drawn.inputs, drawn.params | {"accumulate": True}),
    )
    u = roundoff(dtype) + roundoff(np.float64)
    total, limits = [], []
    for s, e, b in zip(leaves(start), leaves(expected), bounds, strict=True):
        total.append(s.astype(np.float64) + e)
        # The sum may start from what the output holds, so that takes part in every
        # rounding; else it is added at the end.
        limits.append(b + (case.terms + 1) * u * np.abs(s) + u * np.abs(total[-1]))
    assert_within(got, total, limits)
