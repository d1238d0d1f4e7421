"""The back ends under test: each at every SIMD level, in every dtype."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

from cnnlite.kernels import threads
from cnnlite.kernels.native import dispatch, winograd
from cnnlite.kernels.registry import BACKENDS

ON_CPU = tuple(backend for backend in BACKENDS if backend != "cuda")  # which has tests/cuda

# What each back end must hold; the reference serves what is not listed.
CYTHON = (
    "matmul",
    "bias_gradient",
    "conv2d_forward",
    "conv2d_backward_input",
    "conv2d_backward_weight",
    "maxpool2d_forward",
    "maxpool2d_backward",
    "averagepool2d_forward",
    "averagepool2d_backward",
    "lstm_forward",
    "lstm_backward",
)


@dataclass(frozen=True)
class Variant:
    """A back end, the SIMD level it runs at ("plain" if it has none), and a dtype."""

    backend: str
    level: str
    dtype: str

    def __str__(self) -> str:
        return f"{self.backend}-{self.level}-{self.dtype}"

    @staticmethod
    def dtypes(backend: str) -> tuple[str, ...]:
        return importlib.import_module(f"cnnlite.kernels.{backend}").DTYPES

    def kernels(self) -> dict[str, Callable[..., None]]:
        """Return the functions that this back end itself holds, by operation."""
        return importlib.import_module(f"cnnlite.kernels.{self.backend}").KERNELS

    def use(self) -> None:
        """Switch to the SIMD level and to direct convolutions; tests/conftest.py switches back.

        Winograd's way has a bound of its own: tests/kernels/test_winograd.py.
        """
        if (self.backend, self.dtype) == ("numba", "float64"):
            # The parallel versions are compiled from the same source; those of float64 as well
            # would take four minutes more.  `python -m tests.thread_bits numba plain` runs them.
            threads.set_num_threads(1)
        if self.level != "plain":
            dispatch.set_level(self.level)
            winograd.set_winograd(False)


def places() -> list[tuple[str, str]]:
    """Return (back end, level) of all that this machine can run.

    tests/kernels/test_backends.py asserts what each holds, so a missing one fails there.
    """
    found = [("native", level) for level in dispatch.levels()]
    for backend in ("cython", "numba"):
        if importlib.util.find_spec(f"cnnlite.kernels.{backend}") is not None:
            found.append((backend, "plain"))
    return found


def variants() -> list[Variant]:
    return [
        Variant(backend, level, dtype)
        for backend, level in places()
        for dtype in Variant.dtypes(backend)
    ]
