"""The machine's limits, measured with the threads and the SIMD level in use.

The benchmark's yardsticks; no operation uses them.
"""

cimport numpy as cnp

import numpy as np

from cnnlite.kernels.native.dispatch cimport cnn_kernel, dim, f32, run, table

cdef extern from "cnn.h":
    struct cnn_probe_fma:
        float *sums
        double *flops
        ptrdiff_t rounds

    struct cnn_probe_triad:
        float *a
        const float *b
        const float *c
        float s
        ptrdiff_t n, block

    ctypedef struct probe_kernels "const struct cnn_table":
        cnn_kernel *probe_fma
        cnn_kernel *probe_triad

cnp.import_array()


cdef inline probe_kernels *kernels() noexcept:
    return <probe_kernels *>table


cdef double ALL_THREADS = 1e6  # nanoseconds: long enough to be shared, too short to be cut


def fma(ptrdiff_t tiles, ptrdiff_t rounds):
    """Do fused multiply-adds from registers alone; return how many operations (FLOP).

    Parameters
    ----------
    tiles : int
        Equal parts of the work; a multiple of the number of threads.
    rounds : int
        Length of a part.
    """
    cdef cnn_probe_fma a
    cdef cnp.ndarray sums = np.empty(tiles, np.float32)
    cdef cnp.ndarray flops = np.empty(tiles)
    a.sums, a.flops, a.rounds = f32(sums), <double *>cnp.PyArray_DATA(flops), rounds
    run(kernels().probe_fma, &a, tiles, ALL_THREADS)
    return float(flops.sum())


def triad(cnp.ndarray a, cnp.ndarray b, cnp.ndarray c, float s, ptrdiff_t block=16384):
    """Compute ``a = b + s * c`` on contiguous float32 vectors in blocks; return the bytes moved.

    As in STREAM, they are three arrays: that a store first reads its line is not counted.
    """
    cdef cnn_probe_triad t
    t.a, t.b, t.c, t.s = f32(a), f32(b), f32(c), s
    t.n, t.block = dim(a, 0), block
    run(kernels().probe_triad, &t, (t.n + block - 1) // block, ALL_THREADS)
    return 12 * t.n
