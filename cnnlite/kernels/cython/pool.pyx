"""Pooling over two dimensions as plain loops; see the reference for the definitions.

The window of output (oh, ow) starts at the pixel (p, q):

    p = oh * SH - top,    q = ow * SW - left

and its tap (i, j) is the pixel (p + i, q + j), where that lies inside the image.
"""

from libc.math cimport INFINITY

cimport openmp
from cython.parallel cimport parallel, prange

from cnnlite.kernels cimport threads
from cnnlite.kernels.cython.common cimport place, real

# One tap of one output on one core, for the choice between one thread and all.
cdef double NS = 0.5


def maxpool2d_forward(y, argmax, x, *, pool_size, strides, padding):
    maximum(y, argmax, x, pool_size, strides, padding)


def maxpool2d_backward(dx, dy, argmax, *, pool_size, strides, padding, accumulate=False):
    maximum_gradient(dx, dy, argmax, pool_size, strides, padding, accumulate)


def averagepool2d_forward(y, x, *, pool_size, strides, padding):
    average(y, x, pool_size, strides, padding)


def averagepool2d_backward(dx, dy, *, pool_size, strides, padding, accumulate=False):
    average_gradient(dx, dy, pool_size, strides, padding, accumulate)


def maximum(
    real[:, :, :, ::1] y, place[:, :, :, ::1] argmax, const real[:, :, :, ::1] x,
    pool_size, strides, padding,
):
    """y[n, oh, ow, c] = maximum over the window of x[n, p + i, q + j, c]."""
    cdef Py_ssize_t N = y.shape[0], OH = y.shape[1], OW = y.shape[2], C = y.shape[3]
    cdef Py_ssize_t H = x.shape[1], W = x.shape[2]
    cdef Py_ssize_t KH = pool_size[0], KW = pool_size[1], SH = strides[0], SW = strides[1]
    cdef Py_ssize_t top = padding[0][0], left = padding[1][0]
    cdef Py_ssize_t row, n, oh, ow, i, j, p, q, c
    cdef int team = threads.team(NS * N * OH * OW * C * KH * KW)

    with nogil, parallel(num_threads=team):
        if openmp.omp_get_thread_num() == 0:
            threads.note_team(openmp.omp_get_num_threads())
        for row in prange(N * OH, schedule="static"):
            n = row // OH
            oh = row % OH
            p = oh * SH - top
            for ow in range(OW):
                q = ow * SW - left
                for c in range(C):
                    y[n, oh, ow, c] = -INFINITY
                    argmax[n, oh, ow, c] = <place>(max(0, -p) * KW + max(0, -q))
                for i in range(max(0, -p), min(KH, H - p)):
                    for j in range(max(0, -q), min(KW, W - q)):
                        challenge(
                            &y[n, oh, ow, 0], &argmax[n, oh, ow, 0],
                            &x[n, p + i, q + j, 0], <place>(i * KW + j), C,
                        )


cdef inline void challenge(
    real *best, place *argmax, const real *x, place tap, Py_ssize_t C
) noexcept nogil:
    """Let the pixel x under a tap win over the best so far, channel by channel.

    On pointers, because the compiler makes vectors of this loop, and not of one over
    memoryviews: a store of a byte might change anything, the views included.
    """
    cdef Py_ssize_t c
    cdef bint wins
    cdef real new, old
    cdef place before
    for c in range(C):
        new, old, before = x[c], best[c], argmax[c]
        # A greater value wins over a number, and so does a NaN.
        wins = (not new <= old) & (old == old)
        best[c] = new if wins else old
        argmax[c] = tap if wins else before


def maximum_gradient(
    real[:, :, :, ::1] dx, const real[:, :, :, ::1] dy, const place[:, :, :, ::1] argmax,
    pool_size, strides, padding, bint accumulate,
):
    """Every dy[n, oh, ow, c] goes to the tap argmax[n, oh, ow, c]; a thread takes images."""
    cdef Py_ssize_t N = dy.shape[0], OH = dy.shape[1], OW = dy.shape[2], C = dy.shape[3]
    cdef Py_ssize_t H = dx.shape[1], W = dx.shape[2]
    cdef Py_ssize_t KH = pool_size[0], KW = pool_size[1], SH = strides[0], SW = strides[1]
    cdef Py_ssize_t top = padding[0][0], left = padding[1][0]
    cdef Py_ssize_t n, oh, ow, tap, p, q, c
    cdef int team = threads.team(NS * N * (OH * OW + H * W) * C)

    with nogil, parallel(num_threads=team):
        if openmp.omp_get_thread_num() == 0:
            threads.note_team(openmp.omp_get_num_threads())
        for n in prange(N, schedule="static"):
            if not accumulate:
                for p in range(H):
                    for q in range(W):
                        for c in range(C):
                            dx[n, p, q, c] = 0
            for oh in range(OH):
                for ow in range(OW):
                    for c in range(C):
                        tap = argmax[n, oh, ow, c]
                        if tap < 0 or tap >= KH * KW:
                            continue  # no place in the window, as the reference sees it
                        p = oh * SH - top + tap // KW
                        q = ow * SW - left + tap % KW
                        if 0 <= p < H and 0 <= q < W:
                            dx[n, p, q, c] += dy[n, oh, ow, c]


def average(real[:, :, :, ::1] y, const real[:, :, :, ::1] x, pool_size, strides, padding):
    """y[n, oh, ow, c] = mean over the window, inside the image, of x[n, p + i, q + j, c]."""
    cdef Py_ssize_t N = y.shape[0], OH = y.shape[1], OW = y.shape[2], C = y.shape[3]
    cdef Py_ssize_t H = x.shape[1], W = x.shape[2]
    cdef Py_ssize_t KH = pool_size[0], KW = pool_size[1], SH = strides[0], SW = strides[1]
    cdef Py_ssize_t top = padding[0][0], left = padding[1][0]
    cdef Py_ssize_t row, n, oh, ow, i, j, p, q, c
    cdef real count
    cdef int team = threads.team(NS * N * OH * OW * C * KH * KW)

    with nogil, parallel(num_threads=team):
        if openmp.omp_get_thread_num() == 0:
            threads.note_team(openmp.omp_get_num_threads())
        for row in prange(N * OH, schedule="static"):
            n = row // OH
            oh = row % OH
            p = oh * SH - top
            for ow in range(OW):
                q = ow * SW - left
                for c in range(C):
                    y[n, oh, ow, c] = 0
                for i in range(max(0, -p), min(KH, H - p)):
                    for j in range(max(0, -q), min(KW, W - q)):
                        for c in range(C):
                            y[n, oh, ow, c] += x[n, p + i, q + j, c]
                count = (min(KH, H - p) - max(0, -p)) * (min(KW, W - q) - max(0, -q))
                for c in range(C):
                    y[n, oh, ow, c] = y[n, oh, ow, c] / count


def average_gradient(
    real[:, :, :, ::1] dx, const real[:, :, :, ::1] dy,
    pool_size, strides, padding, bint accumulate,
):
    """Every pixel of a window gets dy[n, oh, ow, c] / count; a thread takes images."""
    cdef Py_ssize_t N = dy.shape[0], OH = dy.shape[1], OW = dy.shape[2], C = dy.shape[3]
    cdef Py_ssize_t H = dx.shape[1], W = dx.shape[2]
    cdef Py_ssize_t KH = pool_size[0], KW = pool_size[1], SH = strides[0], SW = strides[1]
    cdef Py_ssize_t top = padding[0][0], left = padding[1][0]
    cdef Py_ssize_t n, oh, ow, i, j, p, q, c
    cdef real count
    cdef int team = threads.team(NS * N * OH * OW * C * KH * KW)

    with nogil, parallel(num_threads=team):
        if openmp.omp_get_thread_num() == 0:
            threads.note_team(openmp.omp_get_num_threads())
        for n in prange(N, schedule="static"):
            if not accumulate:
                for p in range(H):
                    for q in range(W):
                        for c in range(C):
                            dx[n, p, q, c] = 0
            for oh in range(OH):
                p = oh * SH - top
                for ow in range(OW):
                    q = ow * SW - left
                    count = (min(KH, H - p) - max(0, -p)) * (min(KW, W - q) - max(0, -q))
                    for i in range(max(0, -p), min(KH, H - p)):
                        for j in range(max(0, -q), min(KW, W - q)):
                            for c in range(C):
                                dx[n, p + i, q + j, c] += dy[n, oh, ow, c] / count
