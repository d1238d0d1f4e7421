"""What the native modules share: the kernel table, threads over tiles, workspace."""

cimport numpy as cnp
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

cdef extern from "cnn.h":
    ctypedef void cnn_kernel(const void *args, ptrdiff_t tile, void *scratch) noexcept nogil

    # Each module declares the kernels that it calls, as its own view of this struct: a new
    # kernel then concerns its module alone.
    ctypedef struct cnn_table "const struct cnn_table":
        const char *level
        ptrdiff_t vector_floats

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
        CNN_LOG
        CNN_ERF

# The table of the level in use.
cdef cnn_table *table

# Run tiles 0..tiles-1 of a kernel on the threads that work of about this many
# nanoseconds (on one core) deserves; each thread gets scratch_bytes of its own.
# Ctrl-C takes effect between batches of tiles, unless the work is to be all or nothing.
cdef int run(
    cnn_kernel *kernel, const void *args, ptrdiff_t tiles, double nanoseconds,
    size_t scratch_bytes=*, bint interruptible=*,
) except -1

# The same, in phases one after the other, each of so many tiles; phase[0] is its number.
cdef int run_phases(
    cnn_kernel *kernel, const void *args, ptrdiff_t tiles, ptrdiff_t phases, ptrdiff_t *phase,
    double nanoseconds, size_t scratch_bytes, bint interruptible, bint there_and_back,
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
