"""Functions of an array, element by element, and their gradients (csrc/elementwise.h)."""

cimport numpy as cnp

from cnnlite.kernels.native.dispatch cimport (
    CNN_ELU, CNN_ERF, CNN_EXPONENTIAL, CNN_GELU, CNN_GELU_TANH, CNN_HARD_SIGMOID,
    CNN_LEAKY_RELU, CNN_LOG, CNN_RELU, CNN_SIGMOID, CNN_SILU, CNN_SOFTPLUS, CNN_SOFTSIGN,
    CNN_TANH, cnn_kernel, f32, run, table,
)

cdef extern from "cnn.h":
    ctypedef struct elementwise_kernels "const struct cnn_table":
        cnn_kernel *unary
        cnn_kernel *unary_backward

cnp.import_array()

cdef extern from "elementwise.h":
    struct cnn_elementwise:
        float *y
        const float *a
        const float *b
        ptrdiff_t n
        int function
        int accumulate
        float parameters[3]

    ptrdiff_t cnn_chunks(ptrdiff_t n)


cdef inline elementwise_kernels *kernels() noexcept:
    return <elementwise_kernels *>table


# Nanoseconds per element on one core (Zen 4, AVX-512): what streams from the
# second-level cache, and what evaluates an exponential.
cdef double STREAM_NS = 0.1
cdef double EXP_NS = 0.5

CODES = {
    "relu": CNN_RELU,
    "sigmoid": CNN_SIGMOID,
    "tanh": CNN_TANH,
    "leaky_relu": CNN_LEAKY_RELU,
    "elu": CNN_ELU,
    "gelu": CNN_GELU,
    "gelu_tanh": CNN_GELU_TANH,
    "hard_sigmoid": CNN_HARD_SIGMOID,
    "silu": CNN_SILU,
    "softplus": CNN_SOFTPLUS,
    "softsign": CNN_SOFTSIGN,
    "exponential": CNN_EXPONENTIAL,
    "log": CNN_LOG,
    "erf": CNN_ERF,
}
# Functions without an exponential, and derivatives with one.
CHEAP = {CNN_RELU, CNN_LEAKY_RELU, CNN_HARD_SIGMOID, CNN_SOFTSIGN}
DEAR = {CNN_GELU, CNN_GELU_TANH, CNN_SILU, CNN_SOFTPLUS, CNN_ERF}


cdef int set_parameters(cnn_elementwise *args, tuple parameters) except -1:
    cdef Py_ssize_t i
    for i in range(len(parameters)):
        args.parameters[i] = parameters[i]
    return 0


def unary(cnp.ndarray y, cnp.ndarray x, *, function, parameters=()):
    cdef int code = CODES[function]
    cdef cnn_elementwise args
    args.y, args.a, args.b, args.n = f32(y), f32(x), NULL, x.size
    args.function, args.accumulate = code, False
    set_parameters(&args, parameters)
    cdef double element_ns = STREAM_NS if code in CHEAP else EXP_NS
    run(kernels().unary, &args, cnn_chunks(args.n), args.n * element_ns)


def unary_backward(
    cnp.ndarray dx, cnp.ndarray dy, cnp.ndarray y, *, function, parameters=(), accumulate=False
):
    cdef int code = CODES[function]
    cdef cnn_elementwise args
    args.y, args.a, args.b, args.n = f32(dx), f32(dy), f32(y), dy.size
    args.function, args.accumulate = code, accumulate
    set_parameters(&args, parameters)
    cdef double element_ns = EXP_NS if code in DEAR else STREAM_NS
    run(kernels().unary_backward, &args, cnn_chunks(args.n), args.n * element_ns)
