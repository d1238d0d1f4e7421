"""Losses, and what each row of a batch counts in them (csrc/losses.h)."""

cimport numpy as cnp

from cnnlite.kernels.native.dispatch cimport dim, f32, run, table, u8

cnp.import_array()

cdef extern from "losses.h":
    enum cnn_reduction:
        CNN_SUM_OVER_BATCH_SIZE
        CNN_MEAN_WITH_SAMPLE_WEIGHT
        CNN_SUM

    struct cnn_loss_weights:
        float *y
        const float *weights
        const cnp.uint8_t *mask
        ptrdiff_t rows
        ptrdiff_t weight_rows
        ptrdiff_t mask_rows
        double scale
        cnn_reduction reduction


cdef cnn_reduction reduction_code(name) except *:
    if name == "sum_over_batch_size":
        return CNN_SUM_OVER_BATCH_SIZE
    if name == "mean_with_sample_weight":
        return CNN_MEAN_WITH_SAMPLE_WEIGHT
    if name == "sum":
        return CNN_SUM
    raise KeyError(name)


cdef inline ptrdiff_t rows_each(ptrdiff_t rows, cnp.ndarray a) noexcept:
    """How many rows share an element of a, or 1."""
    return rows // dim(a, 0) if a is not None and dim(a, 0) else 1


def loss_weights(
    cnp.ndarray y, cnp.ndarray weights, cnp.ndarray mask, *, reduction, scale
):
    cdef ptrdiff_t rows = dim(y, 0)
    cdef cnn_loss_weights args = cnn_loss_weights(
        y=f32(y), weights=f32(weights), mask=u8(mask), rows=rows,
        weight_rows=rows_each(rows, weights), mask_rows=rows_each(rows, mask),
        scale=scale, reduction=reduction_code(reduction),
    )
    run(table.loss_weights, &args, 1, 0)
