"""The rungs of the ladder, from the lowest up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Rung", "probes", "rungs"]

LEVELS = ("baseline", "avx2", "avx512")
LEVEL_NAMES = {"baseline": "baseline", "avx2": "AVX2", "avx512": "AVX-512"}


@dataclass(frozen=True)
class Rung:
    """One way to compute an operation.

    Attributes
    ----------
    key : str
    label : str
        For tables and figures.
    module : str
        Where its code is: a module with ``prepare`` and ``about``.
    threads : int
    options : dict
        For ``prepare``.
    family : str
        Whose code it is: python, numpy, numba, cython, native, cuda, torch.
    below : str
        The rung that it is compared with, where that is not the one just below.
    skip : str
        Why it need not be tried; empty: try it.
    """

    key: str
    label: str
    module: str
    threads: int
    family: str
    options: dict[str, Any] = field(default_factory=dict)
    below: str = ""
    skip: str = ""


def _own(module: str) -> str:
    return f"cnnlite.ladder.{module}"


def _backend(key: str, label: str, backend: str, threads: int, skip: str = "") -> Rung:
    options = {"backend": backend, "threads": threads}
    family = "numpy" if backend == "reference" else backend
    return Rung(key, label, _own("backends"), threads, family, options, skip=skip)


def rungs(operation: str, threads: int, levels: Sequence[str] = LEVELS) -> list[Rung]:
    """Return the rungs of an operation, from the lowest up.

    Parameters
    ----------
    operation : str
    threads : int
        What "all threads" are.
    levels : sequence of str
        The SIMD levels that this CPU can run.

    Returns
    -------
    list of Rung

    Examples
    --------
    >>> [rung.key for rung in rungs("softmax", 2)][:4]
    ['python', 'reference', 'numpy', 'numba-1']
    """
    alone = "with --threads 1 it is the rung on one thread, below" if threads == 1 else ""
    return [
        Rung("python", "plain Python loops", _own("plain"), 1, "python"),
        _backend("reference", "NumPy reference", "reference", threads),
        Rung("numpy", "best hand-written NumPy", _own("handwritten"), threads, "numpy"),
        _backend("numba-1", "Numba", "numba", 1),
        _backend("numba-all", "Numba, parallel", "numba", threads, alone),
        _backend("cython", "plain Cython with prange", "cython", threads),
        *_native(operation, 1, levels, ""),
        *_native(operation, threads, levels, alone),
        _backend("cuda", "CUDA", "cuda", threads),
        Rung("torch", "PyTorch", _own("pytorch"), threads, "torch", {"threads": threads}),
    ]


def _native(operation: str, threads: int, levels: Sequence[str], skip: str) -> list[Rung]:
    """The native back end at every SIMD level; for convolutions then Winograd's way."""
    end = "all" if threads > 1 or skip else "1"
    made = []

    def add(key: str, label: str, skip: str, **options: Any) -> None:
        options |= {"backend": "native", "threads": threads}
        # All threads are compared with one, at the lowest level, and then level with level.
        below = "native-baseline-1" if key == "native-baseline-all" else ""
        made.append(Rung(key, label, _own("backends"), threads, "native", options, below, skip))

    for level in LEVELS:
        name = LEVEL_NAMES[level]
        lacking = "" if level in levels else f"this CPU cannot run {name}"
        add(f"native-{level}-{end}", f"native, {name}", skip or lacking, level=level)
    if operation == "conv2d":
        best = LEVEL_NAMES[levels[-1]]
        add(f"native-winograd-{end}", f"native, {best}, Winograd", skip, winograd=True)
    return made


def probes(levels: Sequence[str], threads: int) -> list[Rung]:
    """Return the probes of the machine's limits, which take their turns like rungs.

    Examples
    --------
    >>> [probe.key for probe in probes(["avx2"], 2)]
    ['peak-avx2-1', 'bandwidth-1', 'peak-avx2-2', 'bandwidth-2']
    """
    made = []
    for count in sorted({1, threads}):
        for level in (*levels, None):
            key = f"peak-{level}-{count}" if level else f"bandwidth-{count}"
            options = {"level": level, "threads": count}
            made.append(Rung(key, key, _own("machine"), count, "machine", options))
    return made
