"""Accuracies per row, means of such values, and counts (csrc/rows.h, csrc/counts.h)."""

cimport numpy as cnp

from cnnlite.kernels.native.dispatch cimport cnn_kernel, dim, f32, f64, i32, run, table
from cnnlite.kernels.native.rows cimport EXP_PS, STREAM_PS, cnn_rows, over, run_rows

cdef extern from "cnn.h":
    ctypedef struct metrics_kernels "const struct cnn_table":
        cnn_kernel *sparse_categorical_accuracy
        cnn_kernel *categorical_accuracy
        cnn_kernel *binary_accuracy
        cnn_kernel *weighted_mean
        cnn_kernel *mean_update
        cnn_kernel *top_k_accuracy
        cnn_kernel *accuracy
        cnn_kernel *threshold_update
        cnn_kernel *class_update
        cnn_kernel *confusion_update
        cnn_kernel *regression_update

cnp.import_array()

cdef extern from "rows.h":
    struct cnn_mean:
        float *y
        double *state
        const float *values
        const float *weights
        ptrdiff_t rows
        int count_rows
        double scale

cdef extern from "counts.h":
    struct cnn_counts:
        double *state
        const float *x
        const float *target
        const cnp.int32_t *labels
        const float *weights
        const float *thresholds
        ptrdiff_t rows
        ptrdiff_t K
        ptrdiff_t T
        ptrdiff_t top_k
        ptrdiff_t class_id
        ptrdiff_t classes
        float threshold
        int by_maximum
        int per_label
        int clip


cdef inline metrics_kernels *kernels() noexcept:
    return <metrics_kernels *>table


def sparse_categorical_accuracy(cnp.ndarray matches, cnp.ndarray p, cnp.ndarray labels):
    cdef cnn_rows args = over(p)
    args.value, args.labels = f32(matches), i32(labels)
    run_rows(kernels().sparse_categorical_accuracy, &args, STREAM_PS)


def categorical_accuracy(cnp.ndarray matches, cnp.ndarray p, cnp.ndarray target):
    cdef cnn_rows args = over(p)
    args.value, args.target = f32(matches), f32(target)
    run_rows(kernels().categorical_accuracy, &args, STREAM_PS)


def binary_accuracy(cnp.ndarray matches, cnp.ndarray p, cnp.ndarray target, *, threshold):
    cdef cnn_rows args = over(p)
    args.value, args.target, args.threshold = f32(matches), f32(target), threshold
    run_rows(kernels().binary_accuracy, &args, STREAM_PS)


def weighted_mean(cnp.ndarray y, cnp.ndarray values, cnp.ndarray weights):
    cdef cnn_mean args = cnn_mean(
        y=f32(y), state=NULL, values=f32(values), weights=f32(weights), rows=values.size,
        count_rows=False, scale=1,
    )
    run(kernels().weighted_mean, &args, 1, 0)


def mean_update(
    cnp.ndarray state, cnp.ndarray values, cnp.ndarray weights, *, count_rows=False, scale=1.0
):
    cdef cnn_mean args = cnn_mean(
        y=NULL, state=f64(state), values=f32(values), weights=f32(weights), rows=values.size,
        count_rows=count_rows, scale=scale,
    )
    run(kernels().mean_update, &args, 1, 0)


def sparse_top_k_categorical_accuracy(
    cnp.ndarray matches, cnp.ndarray p, cnp.ndarray labels, *, k
):
    cdef cnn_rows args = over(p)
    args.value, args.labels, args.top_k = f32(matches), i32(labels), k
    run_rows(kernels().top_k_accuracy, &args, EXP_PS)


def top_k_categorical_accuracy(cnp.ndarray matches, cnp.ndarray p, cnp.ndarray target, *, k):
    cdef cnn_rows args = over(p)
    args.value, args.target, args.top_k = f32(matches), f32(target), k
    run_rows(kernels().top_k_accuracy, &args, EXP_PS)


def accuracy(cnp.ndarray matches, cnp.ndarray p, cnp.ndarray target):
    cdef cnn_rows args = over(p)
    args.value, args.target = f32(matches), f32(target)
    run_rows(kernels().accuracy, &args, EXP_PS)


cdef cnn_counts counts(
    cnp.ndarray state, cnp.ndarray p, cnp.ndarray target, cnp.ndarray weights
) noexcept:
    """The arguments of a count over the rows of p (rows, K); the rest is zero."""
    return cnn_counts(
        state=f64(state), x=f32(p), target=f32(target), labels=NULL, weights=f32(weights),
        thresholds=NULL, rows=dim(p, 0), K=dim(p, 1), T=0, top_k=0, class_id=-1,
        classes=dim(state, 0), threshold=0, by_maximum=False, per_label=False, clip=False,
    )


def threshold_update(
    cnp.ndarray state, cnp.ndarray p, cnp.ndarray target, cnp.ndarray weights,
    cnp.ndarray thresholds, *, top_k, class_id, per_label, clip
):
    cdef cnn_counts args = counts(state, p, target, weights)
    args.thresholds, args.T = f32(thresholds), thresholds.size
    args.top_k = 0 if top_k is None else top_k
    args.class_id = -1 if class_id is None else class_id
    args.per_label, args.clip = per_label, clip
    run(kernels().threshold_update, &args, 1, 0)


def class_update(
    cnp.ndarray state, cnp.ndarray p, cnp.ndarray target, cnp.ndarray weights, *, threshold
):
    cdef cnn_counts args = counts(state, p, target, weights)
    args.by_maximum = threshold is None
    args.threshold = 0 if threshold is None else threshold
    run(kernels().class_update, &args, 1, 0)


def confusion_update(
    cnp.ndarray state, cnp.ndarray p, cnp.ndarray target, cnp.ndarray labels,
    cnp.ndarray weights, *, threshold
):
    cdef cnn_counts args = counts(state, p, target, weights)
    if labels is not None:
        args.labels = i32(labels)
    args.threshold = threshold
    run(kernels().confusion_update, &args, 1, 0)


def regression_update(
    cnp.ndarray state, cnp.ndarray p, cnp.ndarray target, cnp.ndarray weights
):
    cdef cnn_counts args = counts(state, p, target, weights)
    run(kernels().regression_update, &args, 1, 0)
