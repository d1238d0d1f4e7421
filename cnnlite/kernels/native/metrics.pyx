"""Accuracies per row, and means of such values (csrc/rows.h)."""

cimport numpy as cnp

from cnnlite.kernels.native.dispatch cimport f32, f64, i32, run, table
from cnnlite.kernels.native.rows cimport STREAM_PS, cnn_rows, over, run_rows

cnp.import_array()

cdef extern from "rows.h":
    struct cnn_mean:
        float *y
        double *state
        const float *values
        const float *weights
        ptrdiff_t rows
        int count_rows


def sparse_categorical_accuracy(cnp.ndarray matches, cnp.ndarray p, cnp.ndarray labels):
    cdef cnn_rows args = over(p)
    args.value, args.labels = f32(matches), i32(labels)
    run_rows(table.sparse_categorical_accuracy, &args, STREAM_PS)


def categorical_accuracy(cnp.ndarray matches, cnp.ndarray p, cnp.ndarray target):
    cdef cnn_rows args = over(p)
    args.value, args.target = f32(matches), f32(target)
    run_rows(table.categorical_accuracy, &args, STREAM_PS)


def binary_accuracy(cnp.ndarray matches, cnp.ndarray p, cnp.ndarray target, *, threshold):
    cdef cnn_rows args = over(p)
    args.value, args.target, args.threshold = f32(matches), f32(target), threshold
    run_rows(table.binary_accuracy, &args, STREAM_PS)


def weighted_mean(cnp.ndarray y, cnp.ndarray values, cnp.ndarray weights):
    cdef cnn_mean args = cnn_mean(
        y=f32(y), state=NULL, values=f32(values), weights=f32(weights), rows=values.size,
        count_rows=False,
    )
    run(table.weighted_mean, &args, 1, 0)


def mean_update(cnp.ndarray state, cnp.ndarray values, cnp.ndarray weights, *, count_rows=False):
    cdef cnn_mean args = cnn_mean(
        y=NULL, state=f64(state), values=f32(values), weights=f32(weights), rows=values.size,
        count_rows=count_rows,
    )
    run(table.mean_update, &args, 1, 0)
