"""A case: one operation with its shapes, arguments, work and tolerance.

The same objects serve the tests, which compare back ends, and the benchmarks,
which time them.  The families of cases stand in :mod:`bench.products`,
:mod:`bench.windows`, :mod:`bench.rows`, :mod:`bench.elements` and so on; the lists in
:mod:`bench.cases`.

Tolerances follow rounding, operation by operation.  ``u`` is the unit roundoff
of the dtype: one rounding of z costs at most ``u |z|``.  A sum of n terms costs
at most ``n u`` times the sum of their absolute values, in whatever order it is
added up (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section
3.1); terms in u squared are covered by counting one or two roundings more.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from cnnlite.kernels import reference


class Arguments(NamedTuple):
    """What a kernel is called with: ``kernel(*outputs, *inputs, **params)``.

    Each of outputs and inputs is an array, a list of arrays, or None.  Outputs
    that are only written hold NaN, or a number that no kernel writes, so an
    element that stays unwritten shows.
    """

    outputs: list[Any]
    inputs: list[Any]
    params: dict[str, Any]


def mapped(function: Callable[[np.ndarray], Any], value: Any) -> Any:
    """Apply ``function`` to an array, or to each array of a list; None stays None."""
    if value is None:
        return None
    if isinstance(value, list):
        return [mapped(function, v) for v in value]
    return function(value)


def is_float(array: np.ndarray) -> bool:
    return array.dtype.kind == "f"


def unwritten(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return an output array as a kernel first sees it."""
    dtype = np.dtype(dtype)
    return np.full(shape, np.nan if dtype.kind == "f" else np.iinfo(dtype).max, dtype)


def roundoff(dtype: Any) -> float:
    """Return u: half the distance from 1 to the next larger number."""
    return float(np.finfo(dtype).eps) / 2


def ulps(expected: np.ndarray, count: float, dtype: Any) -> np.ndarray:
    """Return ``count`` units in the last place of ``expected`` rounded to ``dtype``."""
    finite = np.where(np.isfinite(expected), expected, 0)
    return count * np.spacing(np.abs(finite).astype(dtype)).astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Base of the families; subclasses add shapes and parameters as fields."""

    operation: str
    name: str = ""  # benchmark cases: the row of the table of goals

    @property
    def exact_on_integers(self) -> bool:
        """Whether integer-valued inputs give exact results, so that bits compare."""
        return False

    def __str__(self) -> str:
        shown = [
            f"{f.name}={getattr(self, f.name)}"
            for f in fields(self)
            if f.name not in ("operation", "name") and getattr(self, f.name) != f.default
        ]
        return f"{self.operation}-{self.name or ','.join(shown).replace(' ', '')}"

    @property
    def terms(self) -> int:
        """Number of terms in the longest sum that one output element is."""
        return 1

    @property
    def accumulates(self) -> bool:
        """Whether the operation, with these parameters, can add to its output."""
        return "accumulate" in inspect.signature(reference.KERNELS[self.operation]).parameters

    def flops(self) -> int:
        """Floating-point operations, a product and a sum counting as two.

        0 where memory, not arithmetic, is the limit.
        """
        return 0

    def bytes(self, dtype: Any = np.float32) -> int:
        """Least traffic: every input read once, every output written once."""
        outputs, inputs, _ = self.arguments(np.random.default_rng(0), dtype)
        sizes: list[int] = []
        mapped(lambda a: sizes.append(a.nbytes), [*outputs, *inputs])
        return sum(sizes)

    def arguments(
        self, rng: np.random.Generator, dtype: Any, *, integers: bool = False
    ) -> Arguments:
        """Draw arguments; with ``integers``, small whole numbers."""
        raise NotImplementedError

    def tolerance(
        self, arguments: Arguments, expected: list[Any], dtype: Any, function_ulps: float
    ) -> list[Any]:
        """Bound, per output element, the error of a kernel that computes in ``dtype``.

        arguments : as before the call, in float64
        expected : the right outputs, in float64
        function_ulps : error of exp, log, tanh and sigmoid, in units in the last place

        The default holds for sums of products: every term is rounded once and
        takes part in fewer than ``terms`` sums; two more for a bias and for a
        factor applied at the end.
        """
        bound = (self.terms + 2) * roundoff(dtype)
        return [mapped(lambda total: bound * total, t) for t in self.magnitudes(arguments)]

    def magnitudes(self, arguments: Arguments) -> list[Any]:
        """Return the outputs of the operation on absolute values: ``|x| . |w|``."""
        outputs = [mapped(np.zeros_like, out) for out in arguments.outputs]
        inputs = [mapped(lambda a: np.abs(a) if is_float(a) else a, x) for x in arguments.inputs]
        params = {k: v for k, v in arguments.params.items() if k != "activation"}
        reference.KERNELS[self.operation](*outputs, *inputs, **params)
        return outputs


def draw(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: Any, integers: bool = False
) -> np.ndarray:
    """Standard normal numbers, or whole numbers from -4 to 4."""
    if integers:
        return rng.integers(-4, 5, shape, dtype=np.int8).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


# |f(a) - f(b)| <= LIPSCHITZ |a - b|: what an activation makes of its input's error.
LIPSCHITZ = {None: 1.0, "relu": 1.0, "sigmoid": 0.25, "tanh": 1.0}


def through_activation(
    bound: np.ndarray, activation: str | None, expected: np.ndarray, dtype: Any, count: float
) -> np.ndarray:
    """Carry an error bound through an activation, and add the activation's own error."""
    bound = LIPSCHITZ[activation] * bound
    if activation in ("sigmoid", "tanh"):
        bound = bound + ulps(expected, count, dtype)
    return bound
