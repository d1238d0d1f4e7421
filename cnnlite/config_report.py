"""What is really in use: versions, CPU, SIMD level, threads, back ends."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

import cnnlite
from cnnlite.errors import BackendError
from cnnlite.kernels import registry, threads
from cnnlite.kernels.native import dispatch, winograd  # type: ignore[attr-defined]

__all__ = ["show_config"]


def cpu_name() -> str:
    """Return the CPU's model name, as the operating system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("model name", "Model")):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def numba_state() -> str:
    """Return Numba's version and, once it is in use, its threading layer."""
    try:
        version = importlib.metadata.version("numba")
    except importlib.metadata.PackageNotFoundError:
        return 'not installed; pip install "cnnlite-engine[numba]"'
    compiling = sys.modules.get("cnnlite.kernels.numba.compiling")
    return f"{version}, threads by {compiling.threading_layer()}" if compiling else version


def cuda_state() -> str:
    """Return the version of Numba's CUDA target, and the GPU or why there is none."""
    try:
        version = importlib.metadata.version("numba-cuda")
    except importlib.metadata.PackageNotFoundError:
        return 'not installed; pip install "cnnlite-engine[cuda]"'
    try:
        return f"{version}, {registry.device('cuda').name()}"
    except BackendError as error:
        return f"{version}; {error}"


def report() -> list[tuple[str, str]]:
    """Return (what, value) of the configuration in use."""
    others = [name for name in dispatch.levels() if name != dispatch.level()]
    return [
        ("cnnlite", cnnlite.__version__),
        ("Python", f"{platform.python_version()} on {sys.platform} {platform.machine()}"),
        ("NumPy", np.__version__),
        ("CPU", cpu_name()),
        ("SIMD level", f"{dispatch.level()} (also here: {', '.join(others) or 'none'})"),
        ("Winograd", "on" if winograd.get_winograd() else "off"),
        ("threads", threads.explain_num_threads()),
        ("numba", numba_state()),
        ("CUDA", cuda_state()),
        ("back end", registry.get_backend()),
    ]


def show_config(print_fn: Callable[[str], object] = print) -> None:
    """Print the configuration, and which back end really serves each operation and dtype.

    Parameters
    ----------
    print_fn : callable
        Takes one line.

    Examples
    --------
    >>> import cnnlite
    >>> cnnlite.show_config(lambda line: None)
    """
    for what, value in report():
        print_fn(f"{what + ':':12} {value}")
    table: dict[str, dict[str, str]] = {}
    for operation, dtype, backend in registry.kernel_table():
        level = f" {dispatch.level()}" if backend == "native" else ""
        table.setdefault(operation, {})[dtype] = backend + level
    width = max(map(len, table))
    print_fn(f"{'operation':{width}}  {'float32':16}  float64")
    for operation, served in table.items():
        print_fn(f"{operation:{width}}  {served['float32']:16}  {served['float64']}")
