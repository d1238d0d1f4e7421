"""Compile every kernel of the device for a GPU that is not there: ``python -m tests.cuda.ptx``.

Without a GPU, and without the simulator, but with NVIDIA's compiler (``pip install
"numba-cuda[cu12]"``), every operation is called with all its cases; a launch compiles the
kernel for compute capability 9.0 instead of running it.  With ``ptxas`` in reach, registers,
shared memory and spills of each are printed.  Exit status 1 if one does not compile.
"""

from __future__ import annotations

import contextlib
import importlib.util
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numba.cuda.dispatcher
import numpy as np
from numba import cuda

from bench.case import mapped
from bench.cases import EDGES
from cnnlite.kernels.cuda import KERNELS, launching, memory
from tests.comparison import call, seeded

CAPABILITY = (9, 0)


def ptxas() -> str | None:
    found = importlib.util.find_spec("nvidia.cuda_nvcc")
    for folder in found.submodule_search_locations if found else ():
        program = Path(folder) / "bin" / "ptxas"
        if program.exists():
            return str(program)
    return None


class Compiler:
    """Stands in for launches."""

    def __init__(self) -> None:
        self.done: dict[tuple, str] = {}
        self.failed: list[str] = []
        self.operation = ""

    def launch(self, kernel, blocks, threads, *arguments) -> None:
        types = tuple(numba.typeof(a) for a in arguments)
        key = (id(kernel), types)
        if key in self.done:
            return
        name = kernel.__qualname__
        try:
            ptx, _ = cuda.compile_ptx(kernel.__wrapped__, types, cc=CAPABILITY)
            self.done[key] = ptx
            print(f"{self.operation:40} {name:50} {resources(ptx, kernel.registers)}", flush=True)
        except Exception as error:
            self.done[key] = ""
            self.failed.append(f"{self.operation}: {name}{types}: {error}")
            print(f"{self.operation:40} {name:50} FAILED {str(error)[:2000]}", flush=True)


PTXAS = ptxas()


def resources(ptx: str, registers: int | None) -> str:
    if PTXAS is None:
        return ""
    with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
        file.write(ptx)
        file.flush()
        command = [PTXAS, "-v", "-arch=sm_90", file.name, "-o", "/dev/null"]
        if registers:
            command.insert(1, f"-maxrregcount={registers}")
        said = subprocess.run(command, capture_output=True, text=True).stderr
    used = re.findall(r"Used (\d+) registers", said)
    shared = re.findall(r"(\d+) bytes smem", said)
    spills = re.findall(r"(\d+) bytes spill stores", said)
    stack = re.findall(r"(\d+) bytes stack", said)
    return (
        f"registers {max(map(int, used), default=0)}, shared {max(map(int, shared), default=0)}, "
        f"stack {max(map(int, stack), default=0)}, spills {max(map(int, spills), default=0)}"
    )


def main(names: list[str]) -> int:
    compiler = Compiler()
    numba.cuda.dispatcher.get_current_device = lambda: SimpleNamespace(
        compute_capability=CAPABILITY
    )
    launching.kernel.launch = lambda self, *given: compiler.launch(self, *given)
    cuda.device_array = lambda shape, dtype=np.float64: np.empty(shape, dtype)
    cuda.to_device = np.asarray
    memory.borrowed = lambda arguments, outputs: contextlib.nullcontext(
        [mapped(np.copy, list(a)) if isinstance(a, list | tuple) else a for a in arguments]
    )
    start = time.perf_counter()
    for case in EDGES:
        if case.operation in KERNELS and (not names or case.operation in names):
            compiler.operation = case.operation
            for dtype in (np.float32, np.float64):
                call(KERNELS[case.operation], case.arguments(seeded(case), dtype))
    print(
        f"{len(compiler.done)} versions of kernels in {time.perf_counter() - start:.0f} s, "
        f"{len(compiler.failed)} failed"
    )
    return 1 if compiler.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
