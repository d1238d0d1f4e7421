"""Concatenation and its gradient on csrc/kernels/join.c."""

cimport numpy as cnp

from cnnlite.kernels.native.dispatch cimport (
    Workspace, borrow, cnn_kernel, dim, f32, release, run, table, tiles_of,
)

cdef extern from "cnn.h":
    enum: CNN_JOIN_TILE

    struct cnn_part:
        float *data
        ptrdiff_t width
        ptrdiff_t start

    struct cnn_join:
        float *whole
        const cnn_part *parts
        ptrdiff_t count
        ptrdiff_t size
        ptrdiff_t width
        int accumulate

    ctypedef struct join_kernels "const struct cnn_table":
        cnn_kernel *concatenate
        cnn_kernel *split

cnp.import_array()


cdef inline join_kernels *kernels() noexcept:
    return <join_kernels *>table


cdef double NS_PER_ELEMENT = 0.15  # one Zen 4 core, in its caches


cdef ptrdiff_t width_of(cnp.ndarray array, int axis):
    """The product of the dimensions from the axis on."""
    cdef ptrdiff_t width = 1
    cdef int i
    for i in range(axis, cnp.PyArray_NDIM(array)):
        width *= dim(array, i)
    return width


cdef cnn_join cut(cnp.ndarray whole, arrays, int axis, cnn_part *parts):
    cdef cnn_join a
    cdef cnp.ndarray array
    cdef cnn_part *part = parts
    a.whole, a.parts, a.count = f32(whole), parts, len(arrays)
    a.size, a.width, a.accumulate = cnp.PyArray_SIZE(whole), 0, 0
    for array in arrays:
        part.data, part.width, part.start = f32(array), width_of(array, axis), a.width
        a.width += part.width
        part += 1
    return a


def concatenate(cnp.ndarray y, xs, *, axis):
    cdef Workspace workspace = borrow(len(xs) * sizeof(cnn_part))
    cdef cnn_join a = cut(y, xs, axis, <cnn_part *>workspace.data)
    run(kernels().concatenate, &a, tiles_of(a.size, CNN_JOIN_TILE), NS_PER_ELEMENT * a.size)
    release(workspace)


def split(dxs, cnp.ndarray dy, *, axis, accumulate=False):
    cdef Workspace workspace = borrow(len(dxs) * sizeof(cnn_part))
    cdef cnn_join a = cut(dy, dxs, axis, <cnn_part *>workspace.data)
    a.accumulate = accumulate
    run(kernels().split, &a, tiles_of(a.size, CNN_JOIN_TILE), NS_PER_ELEMENT * a.size)
    release(workspace)
