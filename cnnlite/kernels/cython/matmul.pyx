"""Matrix product and the gradient of a bias, as plain loops."""

import numpy as np

cimport openmp
from cython.parallel cimport parallel, prange

from cnnlite.kernels cimport threads
from cnnlite.kernels.cython.common cimport activated, function_named, real

# One multiply-add on one core, for the choice between one thread and all.
cdef double NS = 0.2

# Columns that one thread sums at a time: four cache lines of float32.
cdef enum:
    COLUMNS = 64


def matmul(
    y, a, b, bias, *, transpose_a=False, transpose_b=False, activation=None, accumulate=False
):
    # The innermost loop runs along the rows of b, so these must be contiguous: a
    # transposed b is copied.  Of a, one element at a time is read: a view will do.
    product(
        y,
        a.T if transpose_a else a,
        np.ascontiguousarray(b.T) if transpose_b else b,
        bias,
        function_named(activation),
        accumulate,
    )


def product(
    real[:, ::1] y, const real[:, :] a, const real[:, ::1] b, const real[::1] bias,
    int function, bint accumulate,
):
    """y[m, n] = activation(bias[n] + sum over k of a[m, k] b[k, n])."""
    cdef Py_ssize_t M = y.shape[0], N = y.shape[1], K = a.shape[1], m, n, k
    cdef bint has_bias = bias is not None
    cdef int team = threads.team(NS * M * N * K)

    with nogil, parallel(num_threads=team):
        if openmp.omp_get_thread_num() == 0:
            threads.note_team(openmp.omp_get_num_threads())
        for m in prange(M, schedule="static"):
            if not accumulate:
                for n in range(N):
                    y[m, n] = bias[n] if has_bias else 0
            for k in range(K):
                for n in range(N):
                    y[m, n] += a[m, k] * b[k, n]
            if function:
                for n in range(N):
                    y[m, n] = activated(y[m, n], function)


def bias_gradient(db, dy, *, accumulate=False):
    column_sums(db, dy, accumulate)


def column_sums(real[::1] db, const real[:, ::1] dy, bint accumulate):
    """db[f] = sum over rows r of dy[r, f]; a thread takes COLUMNS columns at a time."""
    cdef Py_ssize_t R = dy.shape[0], F = dy.shape[1], block, r, f
    cdef int team = threads.team(NS * R * F)

    with nogil, parallel(num_threads=team):
        if openmp.omp_get_thread_num() == 0:
            threads.note_team(openmp.omp_get_num_threads())
        for block in prange((F + COLUMNS - 1) // COLUMNS, schedule="static"):
            if not accumulate:
                for f in range(block * COLUMNS, min(F, (block + 1) * COLUMNS)):
                    db[f] = 0
            for r in range(R):
                for f in range(block * COLUMNS, min(F, (block + 1) * COLUMNS)):
                    db[f] += dy[r, f]
