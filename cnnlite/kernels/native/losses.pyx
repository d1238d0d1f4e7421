"""Losses, and what each row of a batch counts in them (csrc/rows.h, csrc/losses.h)."""

cimport numpy as cnp

from cnnlite.kernels.native.dispatch cimport cnn_kernel, dim, f32, i32, run, table, tiles_of, u8
from cnnlite.kernels.native.rows cimport *

cdef extern from "cnn.h":
    ctypedef struct losses_kernels "const struct cnn_table":
        cnn_kernel *elementwise_loss_forward
        cnn_kernel *elementwise_loss_backward
        cnn_kernel *row_loss_forward
        cnn_kernel *row_loss_backward
        cnn_kernel *softmax_crossentropy_forward
        cnn_kernel *softmax_crossentropy_backward
        cnn_kernel *categorical_crossentropy_forward
        cnn_kernel *sparse_categorical_crossentropy_forward
        cnn_kernel *categorical_crossentropy_backward
        cnn_kernel *targets_are_binary
        cnn_kernel *map_targets
        cnn_kernel *label_mask
        cnn_kernel *loss_weights

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

    struct cnn_map_targets:
        float *y
        const float *target
        ptrdiff_t n
        float scale
        float shift

    struct cnn_binary:
        int *binary
        const float *target
        ptrdiff_t n

    struct cnn_label_mask:
        cnp.uint8_t *y
        const cnp.int32_t *labels
        const cnp.uint8_t *mask
        ptrdiff_t rows
        cnp.int32_t ignore_class

    ptrdiff_t CNN_MAP_TILE


cdef inline losses_kernels *kernels() noexcept:
    return <losses_kernels *>table


FUNCTIONS = {
    "squared_error": CNN_SQUARED_ERROR,
    "absolute_error": CNN_ABSOLUTE_ERROR,
    "absolute_percentage_error": CNN_ABSOLUTE_PERCENTAGE_ERROR,
    "squared_logarithmic_error": CNN_SQUARED_LOGARITHMIC_ERROR,
    "huber": CNN_HUBER,
    "log_cosh": CNN_LOG_COSH,
    "hinge": CNN_HINGE,
    "squared_hinge": CNN_SQUARED_HINGE,
    "poisson": CNN_POISSON,
    "kl_divergence": CNN_KL_DIVERGENCE,
    "binary_crossentropy": CNN_BINARY_CROSSENTROPY,
    "sigmoid_crossentropy": CNN_SIGMOID_CROSSENTROPY,
    "categorical_hinge": CNN_CATEGORICAL_HINGE,
    "cosine_similarity": CNN_COSINE_SIMILARITY,
}


cdef cnn_rows dense(cnp.ndarray x, cnp.ndarray target, function=None, delta=0) except *:
    cdef cnn_rows args = over(x)
    args.target, args.delta = f32(target), delta
    if function is not None:
        args.function = FUNCTIONS[function]
    return args


cdef double cost(function) except -1:
    """Picoseconds an element."""
    return STREAM_PS if function.endswith(("squared_error", "absolute_error", "hinge")) else EXP_PS


cdef int run_sparse(
    cnn_kernel *kernel, cnn_rows *args, cnp.ndarray labels, ignore_class, double element_ps
) except -1:
    cdef cnp.int32_t ignored = 0 if ignore_class is None else ignore_class
    args.labels = i32(labels)
    args.ignore_class = NULL if ignore_class is None else &ignored
    return run_rows(kernel, args, element_ps)


def elementwise_loss_forward(
    cnp.ndarray loss, cnp.ndarray x, cnp.ndarray target, *, function, delta
):
    cdef cnn_rows args = dense(x, target, function, delta)
    args.value = f32(loss)
    run_rows(kernels().elementwise_loss_forward, &args, cost(function))


def elementwise_loss_backward(
    cnp.ndarray dx, cnp.ndarray x, cnp.ndarray target, cnp.ndarray weights, *, function, delta,
    accumulate=False
):
    cdef cnn_rows args = dense(x, target, function, delta)
    args.y, args.weights, args.accumulate = f32(dx), f32(weights), accumulate
    run_rows(kernels().elementwise_loss_backward, &args, cost(function))


def row_loss_forward(cnp.ndarray loss, cnp.ndarray x, cnp.ndarray target, *, function):
    cdef cnn_rows args = dense(x, target, function)
    args.value = f32(loss)
    run_rows(kernels().row_loss_forward, &args, STREAM_PS)


def row_loss_backward(
    cnp.ndarray dx, cnp.ndarray x, cnp.ndarray target, cnp.ndarray weights, *, function,
    accumulate=False
):
    cdef cnn_rows args = dense(x, target, function)
    args.y, args.weights, args.accumulate = f32(dx), f32(weights), accumulate
    run_rows(kernels().row_loss_backward, &args, EXP_PS)


def softmax_crossentropy_forward(
    cnp.ndarray loss, cnp.ndarray p, cnp.ndarray x, cnp.ndarray target
):
    cdef cnn_rows args = dense(x, target)
    args.value, args.y = f32(loss), f32(p)
    run_rows(kernels().softmax_crossentropy_forward, &args, EXP_PS)


def sparse_softmax_crossentropy_forward(
    cnp.ndarray loss, cnp.ndarray p, cnp.ndarray x, cnp.ndarray labels, *, ignore_class=None
):
    cdef cnn_rows args = over(x)
    args.value, args.y = f32(loss), f32(p)
    run_sparse(kernels().softmax_crossentropy_forward, &args, labels, ignore_class, EXP_PS)


def softmax_crossentropy_backward(
    cnp.ndarray dx, cnp.ndarray p, cnp.ndarray target, cnp.ndarray weights, *, accumulate=False
):
    cdef cnn_rows args = dense(p, target)
    args.y, args.weights, args.accumulate = f32(dx), f32(weights), accumulate
    run_rows(kernels().softmax_crossentropy_backward, &args, STREAM_PS)


def sparse_softmax_crossentropy_backward(
    cnp.ndarray dx, cnp.ndarray p, cnp.ndarray labels, cnp.ndarray weights, *, ignore_class=None,
    accumulate=False
):
    cdef cnn_rows args = over(p)
    args.y, args.weights, args.accumulate = f32(dx), f32(weights), accumulate
    run_sparse(kernels().softmax_crossentropy_backward, &args, labels, ignore_class, STREAM_PS)


def categorical_crossentropy_forward(cnp.ndarray loss, cnp.ndarray p, cnp.ndarray target):
    cdef cnn_rows args = dense(p, target)
    args.value = f32(loss)
    run_rows(kernels().categorical_crossentropy_forward, &args, EXP_PS)


def sparse_categorical_crossentropy_forward(
    cnp.ndarray loss, cnp.ndarray p, cnp.ndarray labels, *, ignore_class=None
):
    cdef cnn_rows args = over(p)
    args.value = f32(loss)
    run_sparse(
        kernels().sparse_categorical_crossentropy_forward, &args, labels, ignore_class, STREAM_PS
    )


def categorical_crossentropy_backward(
    cnp.ndarray dp, cnp.ndarray p, cnp.ndarray target, cnp.ndarray weights, *, accumulate=False
):
    cdef cnn_rows args = dense(p, target)
    args.y, args.weights, args.accumulate = f32(dp), f32(weights), accumulate
    run_rows(kernels().categorical_crossentropy_backward, &args, STREAM_PS)


def sparse_categorical_crossentropy_backward(
    cnp.ndarray dp, cnp.ndarray p, cnp.ndarray labels, cnp.ndarray weights, *, ignore_class=None,
    accumulate=False
):
    cdef cnn_rows args = over(p)
    args.y, args.weights, args.accumulate = f32(dp), f32(weights), accumulate
    run_sparse(kernels().categorical_crossentropy_backward, &args, labels, ignore_class, STREAM_PS)


def map_targets(cnp.ndarray y, cnp.ndarray target, *, scale, shift, only_binary):
    cdef int binary = 1
    cdef cnn_binary question = cnn_binary(binary=&binary, target=f32(target), n=target.size)
    cdef cnn_map_targets args = cnn_map_targets(
        y=f32(y), target=f32(target), n=target.size, scale=scale, shift=shift
    )
    if only_binary:
        run(kernels().targets_are_binary, &question, 1, 0)
    if not binary:
        args.scale, args.shift = 1, 0
    run(kernels().map_targets, &args, tiles_of(args.n, CNN_MAP_TILE), args.n * 0.2)


def label_mask(cnp.ndarray y, cnp.ndarray labels, cnp.ndarray mask, *, ignore_class):
    cdef cnn_label_mask args = cnn_label_mask(
        y=u8(y), labels=i32(labels), mask=u8(mask), rows=dim(y, 0), ignore_class=ignore_class
    )
    run(kernels().label_mask, &args, 1, 0)


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
    run(kernels().loss_weights, &args, 1, 0)
