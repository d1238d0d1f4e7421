"""Write docs/backend-table.md: which back end offers which operation, dtype and SIMD level.

Run ``python docs/backend_table.py`` from the repository's root, with the extra ``numba``
installed; a GPU is not needed.  All of it is read from the tables that the registry reads.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

from cnnlite.kernels import registry

TARGET = Path(__file__).parent / "backend-table.md"
SHORT = {"float32": "f32", "float64": "f64"}
# How wide the vectors are that a back end computes with, and who decides.
LEVELS = {
    "native": "baseline (SSE2, NEON), AVX2, AVX-512: chosen when the program starts",
    "cython": "what the C compiler makes of plain loops for any CPU of its kind",
    "numba": "this CPU's own, AVX2 or AVX-512: chosen when a kernel is compiled",
    "cuda": "none: threads of a GPU",
    "reference": "NumPy's",
}


def offered(backend: str) -> dict[str, str]:
    """Return the dtypes that a back end computes each operation in, by operation."""
    module = importlib.import_module(f"cnnlite.kernels.{backend}")
    dtypes = getattr(module, "DTYPES", registry.DTYPES)
    return dict.fromkeys(module.KERNELS, " ".join(SHORT[dtype] for dtype in dtypes))


def table() -> Iterator[str]:
    """Yield the lines of the page."""
    found = {backend: offered(backend) for backend in registry.BACKENDS}
    yield "# Operations, back ends, dtypes, SIMD levels"
    yield ""
    yield "Written by `python docs/backend_table.py`, from the code; do not edit it by hand."
    yield "What a back end lacks, in an operation or a dtype, the reference computes, and says so."
    yield ""
    yield "| back end | operations | SIMD level |"
    yield "|---|---|---|"
    for backend, operations in found.items():
        yield f"| {backend} | {len(operations)} | {LEVELS[backend]} |"
    yield ""
    yield f"| operation | {' | '.join(found)} |"
    yield "|---" * (len(found) + 1) + "|"
    for operation in found["reference"]:
        cells = [operations.get(operation, "") for operations in found.values()]
        yield f"| {operation} | {' | '.join(cells)} |"


def main() -> None:
    TARGET.write_text("\n".join(table()) + "\n")
    print(f"Wrote {TARGET}.")


if __name__ == "__main__":
    main()
