"""Two-dimensional convolution as seven plain loops; see the reference for the formulas.

Tap (i, j) of output (oh, ow) reads the pixel (p, q):

    p = oh * SH + i * DH - top,    q = ow * SW + j * DW - left

Group g owns the channels g * CG + c, 0 <= c < CG, and the filters f from g * FG to
(g + 1) * FG - 1.  The innermost loop always runs along the last axis of two arrays.
"""

import numpy as np

cimport openmp
from cython.parallel cimport parallel, prange

from cnnlite.kernels cimport threads
from cnnlite.kernels.cython.common cimport activated, function_named, real

from cnnlite.kernels.cython.matmul import bias_gradient

# One multiply-add on one core, for the choice between one thread and all.
cdef double NS = 0.2

# Channels of one tap that a thread sums together: their part of dw stays in its L1
# cache (16 * 256 filters * 4 bytes = 16 KB), and dy is read once for all of them.
cdef enum:
    CHANNELS = 16


def conv2d_forward(y, x, w, bias, *, strides, padding, dilation, groups, activation=None):
    forward(y, x, w, bias, strides, padding, dilation, groups, function_named(activation))


def conv2d_backward_input(dx, dy, w, *, strides, padding, dilation, groups, accumulate=False):
    # (KH, KW, CG, F) -> (KH, KW, F, CG): the innermost loop runs along channels here.
    turned = np.ascontiguousarray(w.transpose(0, 1, 3, 2))
    backward_input(dx, dy, turned, strides, padding, dilation, groups, accumulate)


def conv2d_backward_weight(
    dw, db, dy, x, *, strides, padding, dilation, groups, accumulate=False
):
    if db is not None:  # first, so that last_team_size() tells of the larger part
        N, OH, OW, F = dy.shape
        bias_gradient(db, dy.reshape(N * OH * OW, F), accumulate=accumulate)
    backward_weight(dw, dy, x, strides, padding, dilation, groups, accumulate)


def forward(
    real[:, :, :, ::1] y, const real[:, :, :, ::1] x, const real[:, :, :, ::1] w,
    const real[::1] bias, strides, padding, dilation, Py_ssize_t groups, int function,
):
    """y[n, oh, ow, f] = bias[f] + sum over i, j, c of x[n, p, q, c] w[i, j, c, f]."""
    cdef Py_ssize_t N = y.shape[0], OH = y.shape[1], OW = y.shape[2], F = y.shape[3]
    cdef Py_ssize_t H = x.shape[1], W = x.shape[2]
    cdef Py_ssize_t KH = w.shape[0], KW = w.shape[1], CG = w.shape[2], FG = F // groups
    cdef Py_ssize_t SH = strides[0], SW = strides[1], DH = dilation[0], DW = dilation[1]
    cdef Py_ssize_t top = padding[0][0], left = padding[1][0]
    cdef Py_ssize_t row, n, oh, ow, i, j, p, q, g, c, f
    cdef bint has_bias = bias is not None
    cdef int team = threads.team(NS * N * OH * OW * KH * KW * CG * F)

    with nogil, parallel(num_threads=team):
        if openmp.omp_get_thread_num() == 0:
            threads.note_team(openmp.omp_get_num_threads())
        for row in prange(N * OH, schedule="static"):
            n = row // OH
            oh = row % OH
            for ow in range(OW):
                for f in range(F):
                    y[n, oh, ow, f] = bias[f] if has_bias else 0
                for i in range(KH):
                    p = oh * SH + i * DH - top
                    if p < 0 or p >= H:
                        continue
                    for j in range(KW):
                        q = ow * SW + j * DW - left
                        if q < 0 or q >= W:
                            continue
                        for g in range(groups):
                            for c in range(CG):
                                for f in range(g * FG, (g + 1) * FG):
                                    y[n, oh, ow, f] += x[n, p, q, g * CG + c] * w[i, j, c, f]
                if function:
                    for f in range(F):
                        y[n, oh, ow, f] = activated(y[n, oh, ow, f], function)


def backward_input(
    real[:, :, :, ::1] dx, const real[:, :, :, ::1] dy, const real[:, :, :, ::1] turned,
    strides, padding, dilation, Py_ssize_t groups, bint accumulate,
):
    """dx[n, p, q, c] = sum over i, j, f of dy[n, oh, ow, f] w[i, j, c, f].

    A thread fills rows p of dx: from p and i follows the row oh that read it.
    """
    cdef Py_ssize_t N = dx.shape[0], H = dx.shape[1], W = dx.shape[2], C = dx.shape[3]
    cdef Py_ssize_t OH = dy.shape[1], OW = dy.shape[2], F = dy.shape[3]
    cdef Py_ssize_t KH = turned.shape[0], KW = turned.shape[1]
    cdef Py_ssize_t CG = turned.shape[3], FG = F // groups
    cdef Py_ssize_t SH = strides[0], SW = strides[1], DH = dilation[0], DW = dilation[1]
    cdef Py_ssize_t top = padding[0][0], left = padding[1][0]
    cdef Py_ssize_t row, n, oh, ow, i, j, p, q, g, c, f
    cdef int team = threads.team(NS * N * OH * OW * KH * KW * CG * F)

    with nogil, parallel(num_threads=team):
        if openmp.omp_get_thread_num() == 0:
            threads.note_team(openmp.omp_get_num_threads())
        for row in prange(N * H, schedule="static"):
            n = row // H
            p = row % H
            for q in range(W):
                if not accumulate:
                    for c in range(C):
                        dx[n, p, q, c] = 0
                for i in range(KH):
                    oh = p + top - i * DH  # times the stride
                    if oh < 0 or oh % SH != 0 or oh // SH >= OH:
                        continue
                    oh = oh // SH
                    for j in range(KW):
                        ow = q + left - j * DW
                        if ow < 0 or ow % SW != 0 or ow // SW >= OW:
                            continue
                        ow = ow // SW
                        for g in range(groups):
                            for f in range(g * FG, (g + 1) * FG):
                                for c in range(CG):
                                    dx[n, p, q, g * CG + c] += (
                                        dy[n, oh, ow, f] * turned[i, j, f, c]
                                    )


def backward_weight(
    real[:, :, :, ::1] dw, const real[:, :, :, ::1] dy, const real[:, :, :, ::1] x,
    strides, padding, dilation, Py_ssize_t groups, bint accumulate,
):
    """dw[i, j, c, f] = sum over n, oh, ow of x[n, p, q, c] dy[n, oh, ow, f].

    A thread sums over all pixels for one tap (i, j) and CHANNELS channels of it.
    """
    cdef Py_ssize_t N = dy.shape[0], OH = dy.shape[1], OW = dy.shape[2], F = dy.shape[3]
    cdef Py_ssize_t H = x.shape[1], W = x.shape[2]
    cdef Py_ssize_t KH = dw.shape[0], KW = dw.shape[1], CG = dw.shape[2], FG = F // groups
    cdef Py_ssize_t SH = strides[0], SW = strides[1], DH = dilation[0], DW = dilation[1]
    cdef Py_ssize_t top = padding[0][0], left = padding[1][0]
    cdef Py_ssize_t blocks = (CG + CHANNELS - 1) // CHANNELS
    cdef Py_ssize_t part, first, last, n, oh, ow, i, j, p, q, g, c, f
    cdef int team = threads.team(NS * N * OH * OW * KH * KW * CG * F)

    with nogil, parallel(num_threads=team):
        if openmp.omp_get_thread_num() == 0:
            threads.note_team(openmp.omp_get_num_threads())
        for part in prange(KH * KW * blocks, schedule="static"):
            i = part // blocks // KW
            j = part // blocks % KW
            first = part % blocks * CHANNELS
            last = min(CG, first + CHANNELS)
            if not accumulate:
                for c in range(first, last):
                    for f in range(F):
                        dw[i, j, c, f] = 0
            for n in range(N):
                for oh in range(OH):
                    p = oh * SH + i * DH - top
                    if p < 0 or p >= H:
                        continue
                    for ow in range(OW):
                        q = ow * SW + j * DW - left
                        if q < 0 or q >= W:
                            continue
                        for g in range(groups):
                            for c in range(first, last):
                                for f in range(g * FG, (g + 1) * FG):
                                    dw[i, j, c, f] += x[n, p, q, g * CG + c] * dy[n, oh, ow, f]
