"""Softmax and the gradient of a bias (csrc/rows.h)."""

cimport numpy as cnp

from cnnlite.kernels.native.dispatch cimport (
    Workspace, borrow, cnn_kernel, dim, f32, release, run, table,
)
from cnnlite.kernels.native.rows cimport EXP_PS, STREAM_PS, cnn_rows, over, run_rows

cdef extern from "cnn.h":
    ctypedef struct rows_kernels "const struct cnn_table":
        cnn_kernel *softmax_forward
        cnn_kernel *softmax_backward
        cnn_kernel *log_softmax_forward
        cnn_kernel *log_softmax_backward
        cnn_kernel *bias_gradient
        cnn_kernel *bias_gradient_sum

cnp.import_array()

cdef extern from "rows.h":
    struct cnn_bias_gradient:
        float *db
        float *partial
        const float *dy
        ptrdiff_t rows
        ptrdiff_t F
        int accumulate

    ptrdiff_t cnn_bias_slices(ptrdiff_t rows, ptrdiff_t F)
    ptrdiff_t cnn_bias_blocks(ptrdiff_t F)


cdef inline rows_kernels *kernels() noexcept:
    return <rows_kernels *>table


def softmax_forward(cnp.ndarray y, cnp.ndarray x):
    cdef cnn_rows args = over(x)
    args.y = f32(y)
    run_rows(kernels().softmax_forward, &args, EXP_PS)


def softmax_backward(cnp.ndarray dx, cnp.ndarray dy, cnp.ndarray y, *, accumulate=False):
    cdef cnn_rows args = over(y)
    args.y, args.dy, args.accumulate = f32(dx), f32(dy), accumulate
    run_rows(kernels().softmax_backward, &args, STREAM_PS)


def log_softmax_forward(cnp.ndarray y, cnp.ndarray x):
    cdef cnn_rows args = over(x)
    args.y = f32(y)
    run_rows(kernels().log_softmax_forward, &args, EXP_PS)


def log_softmax_backward(cnp.ndarray dx, cnp.ndarray dy, cnp.ndarray y, *, accumulate=False):
    cdef cnn_rows args = over(y)
    args.y, args.dy, args.accumulate = f32(dx), f32(dy), accumulate
    run_rows(kernels().log_softmax_backward, &args, EXP_PS)


def bias_gradient(cnp.ndarray db, cnp.ndarray dy, *, accumulate=False):
    cdef cnn_bias_gradient args = cnn_bias_gradient(
        db=f32(db), partial=NULL, dy=f32(dy), rows=dim(dy, 0), F=dim(dy, 1), accumulate=accumulate
    )
    cdef ptrdiff_t slices = cnn_bias_slices(args.rows, args.F)
    cdef ptrdiff_t tiles = slices * cnn_bias_blocks(args.F)
    cdef double nanoseconds = dy.size * 0.1
    cdef Workspace workspace
    if slices == 1:
        run(kernels().bias_gradient, &args, tiles, nanoseconds)
        return
    workspace = borrow(slices * args.F * sizeof(float))
    args.partial = <float *>workspace.data
    run(kernels().bias_gradient, &args, tiles, nanoseconds)
    run(kernels().bias_gradient_sum, &args, 1, 0)
    release(workspace)
