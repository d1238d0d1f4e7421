"""Who is timed: a module for each way of computing, run in a process of its own.

A module offers ``about()``, what to write into the results, and ``prepare(work,
arrays, **options)``, which returns a :class:`bench.job.Job`.  ``work`` is a plain
dictionary, ``arrays`` holds NumPy arrays in cnnlite's layout: a module needs nothing
of cnnlite to take part, and may run under another interpreter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

OURS = "cnnlite"
MACHINE = "machine"


@dataclass(frozen=True)
class Contestant:
    """A module under ``bench.contestants``, and how it is started.

    Attributes
    ----------
    kinds : set of str
        The kinds of work that it takes part in.
    options : dict
        Keyword arguments of its ``prepare``.
    environment : dict of str to str
        Variables that its process gets.
    needs_torch : bool
        It runs under the interpreter that has PyTorch.
    needs_simd : str, optional
        It crashes on a CPU without that SIMD level.
    spins : bool
        Its idle threads go on computing for a while, so the next turn must wait.
    """

    module: str
    kinds: frozenset[str]
    options: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    needs_torch: bool = False
    needs_simd: str | None = None
    spins: bool = False


KERNELS = frozenset({"matmul", "conv2d", "maxpool2d"})
WINDOWS = frozenset({"conv2d", "maxpool2d"})
NETWORKS = frozenset({"train", "predict"})
SEQUENCES = frozenset({"lstm"})
NORMS = frozenset({"batchnorm"})

CONTESTANTS = {
    OURS: Contestant("ours", KERNELS | NETWORKS | SEQUENCES | NORMS | {"eager", "plan", "import"}),
    "numpy": Contestant("numpy_plain", KERNELS | {"eager", "plan"}, spins=True),
    # OpenBLAS takes its Haswell kernels on CPUs that it does not know, at half the peak.
    "numpy-skylakex": Contestant(
        "numpy_plain",
        frozenset({"matmul"}),
        environment={"OPENBLAS_CORETYPE": "SKYLAKEX"},
        needs_simd="avx512",
        spins=True,
    ),
    "numpy-best": Contestant("numpy_best", WINDOWS, spins=True),
    "torch": Contestant(
        "torch_eager",
        KERNELS | NETWORKS | SEQUENCES | NORMS | {"eager", "import"},
        needs_torch=True,
    ),
    "torch-nhwc": Contestant(
        "torch_eager", WINDOWS | NETWORKS | NORMS, {"channels_last": True}, needs_torch=True
    ),
    MACHINE: Contestant("machine", frozenset({"fma", "triad"})),
}
