"""What the native modules share: the kernel table, threads over tiles, workspace."""

cimport numpy as cnp
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

cdef extern from "cnn.h":
    ctypedef void cnn_kernel(const void *args, ptrdiff_t tile, void *scratch) noexcept nogil

    ctypedef struct cnn_table "const struct cnn_table":
        const char *level
        ptrdiff_t vector_floats
        # the kernels of csrc's lists
        cnn_kernel *pack
        cnn_kernel *matmul
        cnn_kernel *batch_matmul
        cnn_kernel *correlate
        cnn_kernel *depthwise
        cnn_kernel *scatter
        cnn_kernel *weight_gradient
        cnn_kernel *depthwise_weight_gradient
        cnn_kernel *sum_slices
        cnn_kernel *maxpool2d_forward
        cnn_kernel *maxpool2d_backward
        cnn_kernel *averagepool2d_forward
        cnn_kernel *averagepool2d_backward
        cnn_kernel *pad2d
        cnn_kernel *upsample2d_forward
        cnn_kernel *upsample2d_backward
        cnn_kernel *flip2d
        cnn_kernel *translate2d_forward
        cnn_kernel *translate2d_backward
        cnn_kernel *recurrent_pack
        cnn_kernel *lstm_forward
        cnn_kernel *lstm_backward
        cnn_kernel *gru_forward
        cnn_kernel *gru_backward
        cnn_kernel *simple_rnn_forward
        cnn_kernel *simple_rnn_backward
        cnn_kernel *random_uniform
        cnn_kernel *random_normal
        cnn_kernel *dropout_forward
        cnn_kernel *dropout_backward
        cnn_kernel *penalty_forward
        cnn_kernel *penalty_backward
        cnn_kernel *orthogonal_penalty_forward
        cnn_kernel *orthogonal_penalty_backward
        cnn_kernel *project_norms
        cnn_kernel *update
        cnn_kernel *average_update
        cnn_kernel *concatenate
        cnn_kernel *split
        cnn_kernel *probe_fma
        cnn_kernel *probe_triad
        cnn_kernel *unary
        cnn_kernel *unary_backward
        cnn_kernel *batchnorm_moments
        cnn_kernel *batchnorm_statistics
        cnn_kernel *batchnorm_apply
        cnn_kernel *batchnorm_sums
        cnn_kernel *norm_gradients
        cnn_kernel *batchnorm_input_gradient
        cnn_kernel *layernorm_forward
        cnn_kernel *layernorm_backward
        cnn_kernel *lrn_forward
        cnn_kernel *lrn_backward
        cnn_kernel *softmax_forward
        cnn_kernel *softmax_backward
        cnn_kernel *log_softmax_forward
        cnn_kernel *log_softmax_backward
        cnn_kernel *softmax_crossentropy_forward
        cnn_kernel *softmax_crossentropy_backward
        cnn_kernel *categorical_crossentropy_forward
        cnn_kernel *sparse_categorical_crossentropy_forward
        cnn_kernel *categorical_crossentropy_backward
        cnn_kernel *elementwise_loss_forward
        cnn_kernel *elementwise_loss_backward
        cnn_kernel *row_loss_forward
        cnn_kernel *row_loss_backward
        cnn_kernel *sparse_categorical_accuracy
        cnn_kernel *categorical_accuracy
        cnn_kernel *binary_accuracy
        cnn_kernel *top_k_accuracy
        cnn_kernel *accuracy
        cnn_kernel *threshold_update
        cnn_kernel *class_update
        cnn_kernel *confusion_update
        cnn_kernel *regression_update
        cnn_kernel *bias_gradient
        cnn_kernel *bias_gradient_sum
        cnn_kernel *weighted_mean
        cnn_kernel *mean_update
        cnn_kernel *loss_weights
        cnn_kernel *map_targets
        cnn_kernel *targets_are_binary
        cnn_kernel *label_mask
        cnn_kernel *binary
        cnn_kernel *where
        cnn_kernel *logical
        cnn_kernel *transpose
        cnn_kernel *reduce
        cnn_kernel *gather
        cnn_kernel *scatter_add
        cnn_kernel *cast
        cnn_kernel *fill
        cnn_kernel *differs

    enum cnn_function:
        CNN_LINEAR
        CNN_RELU
        CNN_SIGMOID
        CNN_TANH
        CNN_LEAKY_RELU
        CNN_ELU
        CNN_GELU
        CNN_GELU_TANH
        CNN_HARD_SIGMOID
        CNN_SILU
        CNN_SOFTPLUS
        CNN_SOFTSIGN
        CNN_EXPONENTIAL

# The table of the level in use.
cdef cnn_table *table

# Run tiles 0..tiles-1 of a kernel on the threads that work of about this many
# nanoseconds (on one core) deserves; each thread gets scratch_bytes of its own.
# Ctrl-C takes effect between batches of tiles, unless the work is to be all or nothing.
cdef int run(
    cnn_kernel *kernel, const void *args, ptrdiff_t tiles, double nanoseconds,
    size_t scratch_bytes=*, bint interruptible=*,
) except -1


cdef class Workspace:
    """Memory for one call, 64-byte aligned; uninitialised."""
    cdef char *data
    cdef size_t size

# Borrow at least this many bytes; give them back with release().
cdef Workspace borrow(size_t nbytes)
cdef void release(Workspace workspace)


# Arrays come as ndarrays, not as typed memoryviews: taking four memoryviews costs
# 1.1 us a call, four pointers 10 ns, and a plan's whole budget is 1 us an operation.
cdef inline float *f32(cnp.ndarray a) noexcept:
    return <float *>cnp.PyArray_DATA(a) if a is not None else NULL


cdef inline double *f64(cnp.ndarray a) noexcept:
    return <double *>cnp.PyArray_DATA(a) if a is not None else NULL


cdef inline uint8_t *u8(cnp.ndarray a) noexcept:
    return <uint8_t *>cnp.PyArray_DATA(a) if a is not None else NULL


cdef inline int32_t *i32(cnp.ndarray a) noexcept:
    return <int32_t *>cnp.PyArray_DATA(a)


cdef inline int64_t *i64(cnp.ndarray a) noexcept:
    return <int64_t *>cnp.PyArray_DATA(a) if a is not None else NULL


cdef inline uint64_t *u64(cnp.ndarray a) noexcept:
    return <uint64_t *>cnp.PyArray_DATA(a) if a is not None else NULL


# Tiles of so many elements in so many.
cdef inline ptrdiff_t tiles_of(ptrdiff_t size, ptrdiff_t tile) noexcept:
    return (size + tile - 1) // tile


cdef inline ptrdiff_t dim(cnp.ndarray a, int axis) noexcept:
    return cnp.PyArray_DIM(a, axis)


# The code of an activation that an epilogue applies; None is the linear one.
cdef inline cnn_function function_code(name) except *:
    if name is None:
        return CNN_LINEAR
    if name == "relu":
        return CNN_RELU
    if name == "sigmoid":
        return CNN_SIGMOID
    if name == "tanh":
        return CNN_TANH
    raise KeyError(name)
