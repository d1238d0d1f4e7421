"""Arrays that end, or begin, where memory may not be touched.

One element read or written beyond such an array kills the process with SIGSEGV,
so whoever uses them does so in a process of its own:
``python -m tests.guarded BACKEND LEVEL`` runs all cases of a back end.
"""

from __future__ import annotations

import ctypes
import faulthandler
import mmap
import sys

import numpy as np

from bench.case import Arguments, mapped

_NONE, _READ, _READ_WRITE = 0, mmap.PROT_READ, mmap.PROT_READ | mmap.PROT_WRITE
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def _protect(address: int, size: int, protection: int) -> None:
    if size and _libc.mprotect(address, size, protection) != 0:
        raise OSError(ctypes.get_errno(), "mprotect failed")


def guarded(array: np.ndarray, *, at_end: bool, writable: bool) -> np.ndarray:
    """Return a copy of ``array`` between two inaccessible pages.

    It lies flush against the page after it (``at_end``) or before it, so that
    index -1 or index ``size`` is out of bounds for the processor too.  Without
    ``writable`` its own pages may only be read.
    """
    page = mmap.PAGESIZE
    middle = -(-array.nbytes // page) * page
    memory = mmap.mmap(-1, middle + 2 * page)
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    offset = page + (middle - array.nbytes if at_end else 0)
    copy: np.ndarray = np.ndarray(array.shape, array.dtype, memory, offset)
    copy[...] = array
    copy.flags.writeable = writable
    _protect(base, page, _NONE)
    _protect(base + page, middle, _READ_WRITE if writable else _READ)
    _protect(base + page + middle, page, _NONE)
    return copy


def placed(arguments: Arguments, *, at_end: bool) -> Arguments:
    """Return the arguments in guarded memory, the inputs read-only."""
    outputs, inputs = (
        mapped(lambda a, w=writable: guarded(a, at_end=at_end, writable=w), list(arrays))
        for arrays, writable in ((arguments.outputs, True), (arguments.inputs, False))
    )
    return Arguments(outputs, inputs, arguments.params)


def main(backend: str, level: str) -> None:
    """Run every case in guarded memory; results must not depend on the place."""
    from bench.cases import EDGES, SHARED
    from tests.backends import Variant
    from tests.comparison import assert_same_bits, call, copied, seeded

    faulthandler.enable()
    for dtype in Variant.dtypes(backend):
        variant = Variant(backend, level, dtype)
        variant.use()
        for case in EDGES + SHARED:
            kernel = variant.kernels().get(case.operation)
            if kernel is None:
                continue
            print(f"{variant}: {case}", file=sys.stderr, flush=True)  # the last one is to blame
            plain = case.arguments(seeded(case), np.dtype(dtype))
            for accumulate in (False, True)[: 1 + case.accumulates]:
                arguments = plain
                if accumulate:
                    start = mapped(np.zeros_like, list(plain.outputs))
                    params = plain.params | {"accumulate": True}
                    arguments = Arguments(start, plain.inputs, params)
                expected = call(kernel, copied(arguments))
                for at_end in (True, False):
                    got = call(kernel, placed(arguments, at_end=at_end))
                    assert_same_bits(got, expected)
    print("all inside")


if __name__ == "__main__":
    main(*sys.argv[1:])
