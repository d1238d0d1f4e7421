"""Softmax, losses, metrics and the gradient of a bias (csrc/rows.h)."""

cimport numpy as cnp

from cnnlite.kernels.native.dispatch cimport (
    Workspace,
    borrow,
    cnn_kernel,
    dim,
    f32,
    f64,
    i32,
    release,
    run,
    table,
)

cnp.import_array()

cdef extern from "rows.h":
    struct cnn_rows:
        float *y
        float *value
        const float *x
        const float *dy
        const float *target
        const cnp.int32_t *labels
        const float *weights
        ptrdiff_t rows
        ptrdiff_t K
        float threshold
        int accumulate

    struct cnn_bias_gradient:
        float *db
        float *partial
        const float *dy
        ptrdiff_t rows
        ptrdiff_t F
        int accumulate

    struct cnn_mean:
        float *y
        double *state
        const float *values
        const float *weights
        ptrdiff_t rows
        int count_rows

    ptrdiff_t cnn_row_tiles(ptrdiff_t rows, ptrdiff_t K)
    ptrdiff_t cnn_bias_slices(ptrdiff_t rows, ptrdiff_t F)
    ptrdiff_t cnn_bias_blocks(ptrdiff_t F)

# Nanoseconds on one core (Zen 4, AVX-512): per row, for its sums and its logarithm;
# per element that is only read and written, and per exponential or logarithm.
cdef double ROW_NS = 15
cdef double STREAM_NS = 0.2
cdef double EXP_NS = 0.6


cdef inline cnn_rows over(cnp.ndarray x) noexcept:
    """The arguments of a kernel over the rows of x (rows, K); the rest is zero."""
    return cnn_rows(
        y=NULL, value=NULL, x=f32(x), dy=NULL, target=NULL, labels=NULL, weights=NULL,
        rows=dim(x, 0), K=dim(x, 1), threshold=0, accumulate=False,
    )


cdef int run_rows(cnn_kernel *kernel, cnn_rows *args, double element_ns) except -1:
    cdef double nanoseconds = args.rows * (ROW_NS + args.K * element_ns)
    return run(kernel, args, cnn_row_tiles(args.rows, args.K), nanoseconds)


def softmax_forward(cnp.ndarray y, cnp.ndarray x):
    cdef cnn_rows args = over(x)
    args.y = f32(y)
    run_rows(table.softmax_forward, &args, EXP_NS)


def softmax_backward(cnp.ndarray dx, cnp.ndarray dy, cnp.ndarray y, *, accumulate=False):
    cdef cnn_rows args = over(y)
    args.y, args.dy, args.accumulate = f32(dx), f32(dy), accumulate
    run_rows(table.softmax_backward, &args, STREAM_NS)


def softmax_crossentropy_forward(
    cnp.ndarray loss, cnp.ndarray p, cnp.ndarray x, cnp.ndarray target
):
    cdef cnn_rows args = over(x)
    args.value, args.y, args.target = f32(loss), f32(p), f32(target)
    run_rows(table.softmax_crossentropy_forward, &args, EXP_NS)


def sparse_softmax_crossentropy_forward(
    cnp.ndarray loss, cnp.ndarray p, cnp.ndarray x, cnp.ndarray labels
):
    cdef cnn_rows args = over(x)
    args.value, args.y, args.labels = f32(loss), f32(p), i32(labels)
    run_rows(table.softmax_crossentropy_forward, &args, EXP_NS)


def sparse_categorical_crossentropy_forward(
    cnp.ndarray loss, cnp.ndarray p, cnp.ndarray labels
):
    cdef cnn_rows args = over(p)
    args.value, args.labels = f32(loss), i32(labels)
    run_rows(table.sparse_categorical_crossentropy_forward, &args, STREAM_NS)


def softmax_crossentropy_backward(
    cnp.ndarray dx, cnp.ndarray p, cnp.ndarray target, cnp.ndarray weights, *, accumulate=False
):
    cdef cnn_rows args = over(p)
    args.y, args.target, args.weights, args.accumulate = (
        f32(dx), f32(target), f32(weights), accumulate
    )
    run_rows(table.softmax_crossentropy_backward, &args, STREAM_NS)


def sparse_softmax_crossentropy_backward(
    cnp.ndarray dx, cnp.ndarray p, cnp.ndarray labels, cnp.ndarray weights, *, accumulate=False
):
    cdef cnn_rows args = over(p)
    args.y, args.labels, args.weights, args.accumulate = (
        f32(dx), i32(labels), f32(weights), accumulate
    )
    run_rows(table.softmax_crossentropy_backward, &args, STREAM_NS)


def categorical_crossentropy_forward(cnp.ndarray loss, cnp.ndarray p, cnp.ndarray target):
    cdef cnn_rows args = over(p)
    args.value, args.target = f32(loss), f32(target)
    run_rows(table.categorical_crossentropy_forward, &args, EXP_NS)


def categorical_crossentropy_backward(
    cnp.ndarray dp, cnp.ndarray p, cnp.ndarray target, cnp.ndarray weights, *, accumulate=False
):
    cdef cnn_rows args = over(p)
    args.y, args.target, args.weights, args.accumulate = (
        f32(dp), f32(target), f32(weights), accumulate
    )
    run_rows(table.categorical_crossentropy_backward, &args, STREAM_NS)


def sparse_categorical_crossentropy_backward(
    cnp.ndarray dp, cnp.ndarray p, cnp.ndarray labels, cnp.ndarray weights, *, accumulate=False
):
    cdef cnn_rows args = over(p)
    args.y, args.labels, args.weights, args.accumulate = (
        f32(dp), i32(labels), f32(weights), accumulate
    )
    run_rows(table.categorical_crossentropy_backward, &args, STREAM_NS)


def sigmoid_crossentropy_forward(cnp.ndarray loss, cnp.ndarray x, cnp.ndarray target):
    cdef cnn_rows args = over(x)
    args.value, args.target = f32(loss), f32(target)
    run_rows(table.sigmoid_crossentropy_forward, &args, EXP_NS)


def sigmoid_crossentropy_backward(
    cnp.ndarray dx, cnp.ndarray x, cnp.ndarray target, cnp.ndarray weights, *, accumulate=False
):
    cdef cnn_rows args = over(x)
    args.y, args.target, args.weights, args.accumulate = (
        f32(dx), f32(target), f32(weights), accumulate
    )
    run_rows(table.sigmoid_crossentropy_backward, &args, EXP_NS)


def binary_crossentropy_forward(cnp.ndarray loss, cnp.ndarray p, cnp.ndarray target):
    cdef cnn_rows args = over(p)
    args.value, args.target = f32(loss), f32(target)
    run_rows(table.binary_crossentropy_forward, &args, EXP_NS)


def binary_crossentropy_backward(
    cnp.ndarray dp, cnp.ndarray p, cnp.ndarray target, cnp.ndarray weights, *, accumulate=False
):
    cdef cnn_rows args = over(p)
    args.y, args.target, args.weights, args.accumulate = (
        f32(dp), f32(target), f32(weights), accumulate
    )
    run_rows(table.binary_crossentropy_backward, &args, EXP_NS)


def mean_squared_error_forward(cnp.ndarray loss, cnp.ndarray x, cnp.ndarray target):
    cdef cnn_rows args = over(x)
    args.value, args.target = f32(loss), f32(target)
    run_rows(table.mean_squared_error_forward, &args, STREAM_NS)


def mean_squared_error_backward(
    cnp.ndarray dx, cnp.ndarray x, cnp.ndarray target, cnp.ndarray weights, *, accumulate=False
):
    cdef cnn_rows args = over(x)
    args.y, args.target, args.weights, args.accumulate = (
        f32(dx), f32(target), f32(weights), accumulate
    )
    run_rows(table.mean_squared_error_backward, &args, STREAM_NS)


def sparse_categorical_accuracy(cnp.ndarray matches, cnp.ndarray p, cnp.ndarray labels):
    cdef cnn_rows args = over(p)
    args.value, args.labels = f32(matches), i32(labels)
    run_rows(table.sparse_categorical_accuracy, &args, STREAM_NS)


def categorical_accuracy(cnp.ndarray matches, cnp.ndarray p, cnp.ndarray target):
    cdef cnn_rows args = over(p)
    args.value, args.target = f32(matches), f32(target)
    run_rows(table.categorical_accuracy, &args, STREAM_NS)


def binary_accuracy(cnp.ndarray matches, cnp.ndarray p, cnp.ndarray target, *, threshold):
    cdef cnn_rows args = over(p)
    args.value, args.target, args.threshold = f32(matches), f32(target), threshold
    run_rows(table.binary_accuracy, &args, STREAM_NS)


def bias_gradient(cnp.ndarray db, cnp.ndarray dy, *, accumulate=False):
    cdef cnn_bias_gradient args = cnn_bias_gradient(
        db=f32(db), partial=NULL, dy=f32(dy), rows=dim(dy, 0), F=dim(dy, 1), accumulate=accumulate
    )
    cdef ptrdiff_t slices = cnn_bias_slices(args.rows, args.F)
    cdef ptrdiff_t tiles = slices * cnn_bias_blocks(args.F)
    cdef double nanoseconds = dy.size * 0.1
    cdef Workspace workspace
    if slices == 1:
        run(table.bias_gradient, &args, tiles, nanoseconds)
        return
    workspace = borrow(slices * args.F * sizeof(float))
    args.partial = <float *>workspace.data
    run(table.bias_gradient, &args, tiles, nanoseconds)
    run(table.bias_gradient_sum, &args, 1, 0)
    release(workspace)


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
