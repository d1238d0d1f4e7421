"""Owns the table of C kernels: chooses the SIMD level, runs tiles on threads."""

import os

cimport openmp
from cython.parallel cimport parallel

from cnnlite.kernels cimport threads

from cnnlite.errors import BackendError

cdef extern from "cnn.h":
    cnn_table *cnn_level(int i) nogil

cdef extern from "<stdlib.h>":
    int posix_memalign(void **memory, size_t alignment, size_t size) nogil
    void free(void *memory) nogil

cnp.import_array()

LEVELS = ("baseline", "avx2", "avx512")


def levels():
    """Return the names of the SIMD levels that this CPU can run, the slowest first."""
    names = []
    while cnn_level(len(names)) != NULL:
        names.append(cnn_level(len(names)).level.decode())
    return names


def level():
    """Return the name of the SIMD level in use."""
    return table.level.decode()


def set_level(name, where="set_level"):
    """Use the kernels of the SIMD level ``name`` from now on.

    Raises
    ------
    BackendError
        If the name is unknown, or this CPU cannot run that level.
    """
    global table
    if name not in LEVELS:
        raise BackendError(
            f"{where}: no such SIMD level. Got {name!r}. Choose one of {', '.join(LEVELS)}."
        )
    if name not in levels():
        raise BackendError(
            f"{where}: this CPU (or its operating system) cannot run {name!r}. "
            f"Choose one of {', '.join(levels())}."
        )
    table = cnn_level(levels().index(name))


cdef int run(
    cnn_kernel *kernel, const void *args, ptrdiff_t tiles, double nanoseconds,
    size_t scratch_bytes=0,
) except -1:
    cdef int team = threads.team(nanoseconds)
    cdef size_t stride = (scratch_bytes + 63) & ~<size_t>63
    cdef Workspace workspace = borrow(stride * team) if stride else None
    cdef char *scratch = workspace.data if stride else NULL
    cdef ptrdiff_t tile = 0
    cdef int rank = 0, size = 0
    with nogil:
        if team == 1 or tiles == 1:  # a region of one thread would cost 1 us all the same
            for tile in range(tiles):
                kernel(args, tile, scratch)
        else:
            with parallel(num_threads=team):
                # Maybe fewer than asked for; then each has a larger share.
                rank, size = openmp.omp_get_thread_num(), openmp.omp_get_num_threads()
                if rank == 0:
                    threads.note_team(size)
                for tile in range(tiles * rank // size, tiles * (rank + 1) // size):
                    kernel(args, tile, scratch + rank * stride)
    if stride:
        release(workspace)
    return 0


cdef class Workspace:
    def __dealloc__(self):
        free(self.data)


# Workspaces not in use.  Each belongs to one call at a time; the GIL guards the list.
cdef list idle = []


cdef Workspace borrow(size_t nbytes):
    cdef Workspace workspace
    cdef void *memory = NULL
    if idle:
        workspace = idle.pop()
        if workspace.size >= nbytes:
            return workspace
    if posix_memalign(&memory, 64, nbytes) != 0:
        raise MemoryError(f"cnnlite: no memory for a workspace of {nbytes} bytes")
    workspace = Workspace()
    workspace.data = <char *>memory
    workspace.size = nbytes
    return workspace


cdef void release(Workspace workspace):
    idle.append(workspace)


def _start():
    *_, best = levels()
    set_level(os.environ.get("CNNLITE_SIMD") or best, "CNNLITE_SIMD")


_start()
