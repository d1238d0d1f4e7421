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
LEVELS = ("baseline", "avx2", "avx512")
BESIDE = ("numba", "cython")  # back ends that may be shown beside the one compared


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
    peer : str, optional
        It runs in this environment of :mod:`bench.peers`.
    level : str, optional
        The SIMD level that it keeps to, whatever cnnlite's is.
    backend : str, optional
        The back end of cnnlite that it keeps to.
    needs_simd : str, optional
        It crashes on a CPU without that SIMD level.
    inference_only : bool
        It has no part in rows that want gradients.
    spins : bool
        Its idle threads go on computing for a while, so the next turn must wait.
    """

    module: str
    kinds: frozenset[str]
    options: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    peer: str | None = None
    level: str | None = None
    backend: str | None = None
    needs_simd: str | None = None
    inference_only: bool = False
    spins: bool = False

    @property
    def is_variant(self) -> bool:
        """Whether it is cnnlite, or the machine, in another way than the one compared."""
        return bool(self.level or self.backend)


def at_level(name: str, level: str) -> str:
    """Return the name of a contestant that keeps to one SIMD level."""
    return f"{name}-{level}"


KERNELS = frozenset({"matmul", "conv2d", "maxpool2d"})
WINDOWS = frozenset({"conv2d", "maxpool2d"})
NETWORKS = frozenset({"train", "predict"})
SEQUENCES = frozenset({"lstm", "gru", "simple_rnn"})
NORMS = frozenset({"batchnorm"})
STREAMS = frozenset({"layernorm", "softmax", "update"})

KERAS = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}

OUR_KERNELS = KERNELS | NETWORKS | SEQUENCES | NORMS | STREAMS | {"eager", "plan"}

CONTESTANTS = {
    OURS: Contestant("ours", OUR_KERNELS | {"import"}),
    "numpy": Contestant("numpy_plain", KERNELS | {"eager", "plan"}, spins=True),
    # OpenBLAS takes its Haswell kernels on CPUs that it does not know, at half the peak.
    "numpy-skylakex": Contestant(
        "numpy_plain",
        frozenset({"matmul"}),
        environment={"OPENBLAS_CORETYPE": "SKYLAKEX"},
        needs_simd="avx512",
        spins=True,
    ),
    "numpy-best": Contestant("numpy_best", WINDOWS | NORMS | STREAMS | {"lstm"}, spins=True),
    "torch": Contestant(
        "torch_eager",
        KERNELS | NETWORKS | SEQUENCES | NORMS | STREAMS | {"eager", "import"},
        peer="torch",
    ),
    "torch-nhwc": Contestant(
        "torch_eager", WINDOWS | NETWORKS | NORMS, {"channels_last": True}, peer="torch"
    ),
    "torch-compiled": Contestant(
        "torch_eager",
        WINDOWS | NETWORKS | NORMS | STREAMS,
        {"compiled": True},
        # Processes that stay after compiling would disturb the others' turns.
        {"TORCHINDUCTOR_COMPILE_THREADS": "1"},
        peer="torch",
    ),
    "tensorflow": Contestant(
        "tensorflow_ops",
        KERNELS | NETWORKS | SEQUENCES | NORMS | STREAMS,
        environment=KERAS,
        peer="tensorflow",
    ),
    # Keras's steps_per_execution: nothing happens between the steps of an epoch, no callback.
    "tensorflow-epoch": Contestant(
        "tensorflow_ops", frozenset({"train"}), {"by_epochs": True}, KERAS, peer="tensorflow"
    ),
    "onnxruntime": Contestant(
        "onnx_sessions",
        SEQUENCES | {"matmul", "conv2d", "softmax", "predict"},
        peer="onnxruntime",
        inference_only=True,
        spins=True,
    ),
    MACHINE: Contestant("machine", frozenset({"fma", "triad"})),
    # Where --simd names more levels than one: cnnlite at the others, and what they can reach.
    **{at_level(OURS, x): Contestant("ours", OUR_KERNELS, level=x) for x in LEVELS},
    **{at_level(MACHINE, x): Contestant("machine", frozenset({"fma"}), level=x) for x in LEVELS},
    # Where --beside names them: other back ends; what one lacks, the reference may not do for it.
    **{
        f"{OURS}-{x}": Contestant("ours", OUR_KERNELS, {}, {"CNNLITE_STRICT": "1"}, backend=x)
        for x in BESIDE
    },
}
PEERS = [n for n, c in CONTESTANTS.items() if not c.is_variant and n not in (OURS, MACHINE)]
