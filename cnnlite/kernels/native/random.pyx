"""Random numbers and dropout on csrc/kernels/random.c (Philox4x32-10).

Masks and uniform numbers are the reference's to the bit; normal numbers come from
the C library's log and cos, and may differ in the last place.
"""

cimport numpy as cnp
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from cnnlite.kernels.native.dispatch cimport cnn_kernel, f32, run, table, tiles_of, u64, u8

cdef extern from "cnn.h":
    enum: CNN_DROPOUT_TILE
    enum: CNN_NORMAL_TILE

    struct cnn_dropout:
        float *y
        uint8_t *mask
        const float *x
        const uint64_t *clock
        ptrdiff_t size
        double rate
        uint32_t stream
        int accumulate

    struct cnn_random:
        float *y
        const uint64_t *clock
        ptrdiff_t size
        double low, high, mean, stddev
        uint32_t stream
        int truncated

    ctypedef struct random_kernels "const struct cnn_table":
        cnn_kernel *dropout_forward
        cnn_kernel *dropout_backward
        cnn_kernel *random_uniform
        cnn_kernel *random_normal

cnp.import_array()


cdef inline random_kernels *kernels() noexcept:
    return <random_kernels *>table


# Nanoseconds per element, measured on one Zen 4 core with AVX-512.
cdef double NS_DRAW = 0.6, NS_KEEP = 0.1, NS_NORMAL = 17


def dropout_forward(
    cnp.ndarray y, cnp.ndarray mask, cnp.ndarray x, cnp.ndarray clock, *, rate, stream
):
    cdef cnn_dropout a
    a.y, a.mask, a.x, a.clock = f32(y), u8(mask), f32(x), u64(clock)
    a.size, a.rate, a.stream = cnp.PyArray_SIZE(y), rate, stream
    run(kernels().dropout_forward, &a, tiles_of(a.size, CNN_DROPOUT_TILE), NS_DRAW * a.size)


def dropout_backward(
    cnp.ndarray dx, cnp.ndarray dy, cnp.ndarray mask, *, rate, accumulate=False
):
    cdef cnn_dropout a
    a.y, a.mask, a.x = f32(dx), u8(mask), f32(dy)
    a.size, a.rate, a.accumulate = cnp.PyArray_SIZE(dx), rate, accumulate
    run(kernels().dropout_backward, &a, tiles_of(a.size, CNN_DROPOUT_TILE), NS_KEEP * a.size)


def random_uniform(cnp.ndarray y, cnp.ndarray clock, *, low, high, stream):
    cdef cnn_random a
    a.y, a.clock, a.size = f32(y), u64(clock), cnp.PyArray_SIZE(y)
    a.low, a.high, a.stream = low, high, stream
    run(kernels().random_uniform, &a, tiles_of(a.size, CNN_DROPOUT_TILE), NS_DRAW * a.size)


def random_normal(cnp.ndarray y, cnp.ndarray clock, *, mean, stddev, truncated, stream):
    cdef cnn_random a
    a.y, a.clock, a.size = f32(y), u64(clock), cnp.PyArray_SIZE(y)
    a.mean, a.stddev, a.truncated, a.stream = mean, stddev, truncated, stream
    run(kernels().random_normal, &a, tiles_of(a.size, CNN_NORMAL_TILE), NS_NORMAL * a.size)
