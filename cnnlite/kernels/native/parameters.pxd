"""Lists of parameters, cut into tiles for the kernels that take all of them."""

cimport numpy as cnp

from cnnlite.kernels.native.dispatch cimport Workspace

cdef extern from "cnn.h":
    enum: CNN_PARAMETER_TILE

    struct cnn_parameter:
        float *w
        float *slot[3]
        float *g
        float scale, decay
        ptrdiff_t size
        ptrdiff_t first_tile

    struct cnn_penalty:
        const cnn_parameter *parameters
        ptrdiff_t count
        double *partial
        double l1, l2
        float of_sign, of_w
        int accumulate

    double cnn_sum(const double *partial, ptrdiff_t n)


cdef struct Cut:
    cnn_parameter *parameters
    ptrdiff_t count, size, tiles

# The arrays that are not empty, in a workspace to be released; weights, slots and
# gradients are lists of arrays, or None.
cdef Workspace cut(Cut *c, weights, first, second, third, gradients)
