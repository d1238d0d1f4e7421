"""Pooling on csrc/kernels/pool.c: vectors along the channels, tiles of one row."""

cimport numpy as cnp

from cnnlite.kernels.native.dispatch cimport cnn_kernel, dim, f32, run, table

cdef extern from "cnn.h":
    enum: CNN_POOL_SLACK

    struct cnn_pool2d:
        float *y
        const float *x
        float *dx
        const float *dy
        void *argmax
        ptrdiff_t H, W, C, OH, OW, KH, KW, SH, SW, top, left
        int argmax_is_int32
        int accumulate

    ctypedef struct pool_kernels "const struct cnn_table":
        cnn_kernel *maxpool2d_forward
        cnn_kernel *maxpool2d_backward
        cnn_kernel *averagepool2d_forward
        cnn_kernel *averagepool2d_backward

cnp.import_array()


cdef inline pool_kernels *kernels() noexcept:
    return <pool_kernels *>table


# Measured on one Zen 4 core with AVX-512, 64 channels, in its caches.
cdef double NS_PER_TAP = 0.06  # of one output


cdef cnn_pool2d geometry(cnp.ndarray image, cnp.ndarray windows, pool_size, strides, padding):
    cdef cnn_pool2d a
    a.H, a.W, a.C = dim(image, 1), dim(image, 2), dim(image, 3)
    a.OH, a.OW = dim(windows, 1), dim(windows, 2)
    a.KH, a.KW = pool_size
    a.SH, a.SW = strides
    a.top, a.left = padding[0][0], padding[1][0]
    a.accumulate = 0
    return a


cdef void take_argmax(cnn_pool2d *a, cnp.ndarray argmax):
    a.argmax = cnp.PyArray_DATA(argmax)
    a.argmax_is_int32 = cnp.PyArray_ITEMSIZE(argmax) == 4


cdef double nanoseconds(const cnn_pool2d *a, cnp.ndarray windows):
    return NS_PER_TAP * cnp.PyArray_SIZE(windows) * a.KH * a.KW


def maxpool2d_forward(
    cnp.ndarray y, cnp.ndarray argmax, cnp.ndarray x, *, pool_size, strides, padding
):
    cdef cnn_pool2d a = geometry(x, y, pool_size, strides, padding)
    a.y, a.x = f32(y), f32(x)
    take_argmax(&a, argmax)
    run(
        kernels().maxpool2d_forward, &a, dim(y, 0) * a.OH, nanoseconds(&a, y),
        a.OW * a.C + CNN_POOL_SLACK,
    )


def maxpool2d_backward(
    cnp.ndarray dx, cnp.ndarray dy, cnp.ndarray argmax,
    *, pool_size, strides, padding, accumulate=False,
):
    cdef cnn_pool2d a = geometry(dx, dy, pool_size, strides, padding)
    a.dx, a.dy, a.accumulate = f32(dx), f32(dy), accumulate
    take_argmax(&a, argmax)
    run(
        kernels().maxpool2d_backward, &a, dim(dx, 0) * a.H, nanoseconds(&a, dy),
        a.OW * a.C + CNN_POOL_SLACK,
    )


def averagepool2d_forward(cnp.ndarray y, cnp.ndarray x, *, pool_size, strides, padding):
    cdef cnn_pool2d a = geometry(x, y, pool_size, strides, padding)
    a.y, a.x = f32(y), f32(x)
    run(kernels().averagepool2d_forward, &a, dim(y, 0) * a.OH, nanoseconds(&a, y))


def averagepool2d_backward(
    cnp.ndarray dx, cnp.ndarray dy, *, pool_size, strides, padding, accumulate=False
):
    cdef cnn_pool2d a = geometry(dx, dy, pool_size, strides, padding)
    a.dx, a.dy, a.accumulate = f32(dx), f32(dy), accumulate
    run(kernels().averagepool2d_backward, &a, dim(dx, 0) * a.H, nanoseconds(&a, dy))
