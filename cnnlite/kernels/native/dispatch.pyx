"""Owns the table of C kernels: chooses the SIMD level, runs tiles on threads."""

import os

from cpython.exc cimport PyErr_CheckSignals

from cnnlite.kernels cimport threads

from cnnlite.errors import BackendError

cdef extern from "cnn.h":
    cnn_table *cnn_level(int i) nogil

cdef extern from "<stdlib.h>":
    int posix_memalign(void **memory, size_t alignment, size_t size) nogil
    void free(void *memory) nogil

cdef extern from "team.h":
    struct cnn_job:
        cnn_kernel *kernel
        const void *args
        ptrdiff_t first, last
        char *scratch
        size_t stride
        int threads
        bint even, oversubscribed, backwards

    int cnn_team_run(const cnn_job *job) noexcept nogil
    int cnn_run_alone(const cnn_job *job) noexcept nogil

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


# Phases of less work stay on one thread: the team meets after each.
cdef double SMALLEST_SHARED_PHASE_NS = 3e3
# A signal (Ctrl-C) waits for at most about this long; longer work is cut in batches.
cdef double LONGEST_BATCH_NS = 5e7


cdef int run(
    cnn_kernel *kernel, const void *args, ptrdiff_t tiles, double nanoseconds,
    size_t scratch_bytes=0, bint interruptible=True,
) except -1:
    return run_phases(
        kernel, args, tiles, 1, NULL, nanoseconds, scratch_bytes, interruptible, False
    )


cdef int run_phases(
    cnn_kernel *kernel, const void *args, ptrdiff_t tiles, ptrdiff_t phases, ptrdiff_t *phase,
    double nanoseconds, size_t scratch_bytes, bint interruptible, bint there_and_back,
) except -1:
    cdef bint shared = phases == 1 or nanoseconds > phases * SMALLEST_SHARED_PHASE_NS
    cdef int team = threads.team(nanoseconds) if shared and tiles > 1 else 1
    cdef size_t stride = (scratch_bytes + 63) & ~<size_t>63
    cdef Workspace workspace = borrow(stride * team) if stride else None
    cdef ptrdiff_t units = tiles * phases, batches = 1, batch, unit, last
    cdef cnn_job job
    job.kernel, job.args, job.threads, job.stride = kernel, args, team, stride
    job.scratch = workspace.data if stride else NULL
    job.backwards = False
    job.even, job.oversubscribed = threads.even_shares(), threads.is_oversubscribed(team)
    if interruptible and nanoseconds > LONGEST_BATCH_NS:
        # Each with a tile for every thread: two long tiles in a batch each would run in turn.
        batches = max(1, min(units // team, <ptrdiff_t>(nanoseconds / LONGEST_BATCH_NS) + 1))
    try:
        for batch in range(batches):
            with nogil:
                unit, last = units * batch // batches, units * (batch + 1) // batches
                while unit < last:
                    if phase != NULL:
                        phase[0] = unit // tiles
                        job.backwards = there_and_back and phase[0] % 2
                    job.first = unit % tiles
                    job.last = min(tiles, job.first + last - unit)
                    run_job(&job)
                    unit += job.last - job.first
            if batches > 1:
                PyErr_CheckSignals()
    finally:
        if stride:
            release(workspace)
    return 0


cdef inline void run_job(const cnn_job *job) noexcept nogil:
    if job.threads > 1:
        threads.note_team(cnn_team_run(job))
    else:
        cnn_run_alone(job)


cdef class Workspace:
    def __dealloc__(self):
        free(self.data)


# Workspaces not in use.  Each belongs to one call at a time; the GIL guards the list.  One
# that is too small makes room for a larger, so a training soon allocates no more.
cdef list idle = []
cdef Py_ssize_t made = 0


def workspaces_made():
    """How many blocks of memory the kernels have allocated so far."""
    return made


cdef Workspace borrow(size_t nbytes):
    global made
    cdef Workspace workspace
    cdef void *memory = NULL
    if idle:
        workspace = idle.pop()
        if workspace.size >= nbytes:
            return workspace
    if posix_memalign(&memory, 64, nbytes) != 0:
        raise MemoryError(f"cnnlite: no memory for a workspace of {nbytes} bytes")
    made += 1
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
