"""Functions of one or two arrays, element by element (csrc/elementwise.h)."""

cimport numpy as cnp

from cnnlite.kernels.native.dispatch cimport CNN_RELU, f32, function_code, run, table

cnp.import_array()

cdef extern from "elementwise.h":
    enum cnn_operator:
        CNN_ADD
        CNN_SUBTRACT
        CNN_MULTIPLY

    struct cnn_elementwise:
        float *y
        const float *a
        const float *b
        ptrdiff_t n
        int function
        int accumulate

    ptrdiff_t cnn_chunks(ptrdiff_t n)

# Nanoseconds per element on one core (Zen 4, AVX-512): what streams from the
# second-level cache, and what evaluates an exponential.
cdef double STREAM_NS = 0.1
cdef double EXP_NS = 0.5


cdef cnn_operator operator_code(name) except *:
    if name == "add":
        return CNN_ADD
    if name == "subtract":
        return CNN_SUBTRACT
    if name == "multiply":
        return CNN_MULTIPLY
    raise KeyError(name)


def unary(cnp.ndarray y, cnp.ndarray x, *, function):
    cdef cnn_elementwise args = cnn_elementwise(
        y=f32(y), a=f32(x), b=NULL, n=x.size, function=function_code(function), accumulate=False
    )
    cdef double element_ns = STREAM_NS if args.function == CNN_RELU else EXP_NS
    run(table.unary, &args, cnn_chunks(args.n), args.n * element_ns)


def unary_backward(cnp.ndarray dx, cnp.ndarray dy, cnp.ndarray y, *, function, accumulate=False):
    cdef cnn_elementwise args = cnn_elementwise(
        y=f32(dx), a=f32(dy), b=f32(y), n=dy.size,
        function=function_code(function), accumulate=accumulate,
    )
    run(table.unary_backward, &args, cnn_chunks(args.n), args.n * STREAM_NS)


def binary(cnp.ndarray y, cnp.ndarray a, cnp.ndarray b, *, function):
    cdef cnn_elementwise args = cnn_elementwise(
        y=f32(y), a=f32(a), b=f32(b), n=a.size,
        function=operator_code(function), accumulate=False,
    )
    run(table.binary, &args, cnn_chunks(args.n), args.n * STREAM_NS)
