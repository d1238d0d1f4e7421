"""What the kernels over rows share: softmax, losses, accuracies (csrc/rows.h)."""

cimport numpy as cnp

from cnnlite.kernels.native.dispatch cimport cnn_kernel, dim, f32, run

cdef extern from "rows.h":
    enum cnn_loss:
        CNN_SQUARED_ERROR
        CNN_ABSOLUTE_ERROR
        CNN_ABSOLUTE_PERCENTAGE_ERROR
        CNN_SQUARED_LOGARITHMIC_ERROR
        CNN_HUBER
        CNN_LOG_COSH
        CNN_HINGE
        CNN_SQUARED_HINGE
        CNN_POISSON
        CNN_KL_DIVERGENCE
        CNN_BINARY_CROSSENTROPY
        CNN_SIGMOID_CROSSENTROPY
        CNN_CATEGORICAL_HINGE
        CNN_COSINE_SIMILARITY

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
        const cnp.int32_t *ignore_class
        cnn_loss function
        float delta
        float threshold
        ptrdiff_t top_k
        int accumulate

    ptrdiff_t cnn_row_tiles(ptrdiff_t rows, ptrdiff_t K)

# Picoseconds on one core (Zen 4, AVX-512): per row, for its sums and its logarithm;
# per element that is only read and written, and per exponential or logarithm.
cdef enum:
    ROW_PS = 15000
    STREAM_PS = 200
    EXP_PS = 600


cdef inline cnn_rows over(cnp.ndarray x) noexcept:
    """The arguments of a kernel over the rows of x (rows, K); the rest is zero."""
    return cnn_rows(
        y=NULL, value=NULL, x=f32(x), dy=NULL, target=NULL, labels=NULL, weights=NULL,
        rows=dim(x, 0), K=dim(x, 1), ignore_class=NULL, function=CNN_SQUARED_ERROR, delta=0,
        threshold=0, top_k=0, accumulate=False,
    )


cdef inline int run_rows(cnn_kernel *kernel, cnn_rows *args, double element_ps) except -1:
    cdef double nanoseconds = args.rows * (ROW_PS + args.K * element_ps) / 1000
    return run(kernel, args, cnn_row_tiles(args.rows, args.K), nanoseconds)
