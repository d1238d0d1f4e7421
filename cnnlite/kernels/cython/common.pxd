"""What the plain loops share: the type of their elements, and the activations."""

from libc.math cimport exp, fabs, tanh
from libc.stdint cimport int32_t, uint8_t

# The loops are compiled once for each.
ctypedef fused real:
    float
    double

# Places of maxima: one byte in windows of up to 256 taps.
ctypedef fused place:
    uint8_t
    int32_t

cdef enum:
    LINEAR
    RELU
    SIGMOID
    TANH


cdef inline int function_named(name) except -1:
    return {None: LINEAR, "relu": RELU, "sigmoid": SIGMOID, "tanh": TANH}[name]


cdef inline real activated(real s, int function) noexcept nogil:
    cdef double e
    if function == RELU:
        return 0 if s < 0 else s  # NaN stays NaN
    if function == SIGMOID:
        e = exp(-fabs(s))  # never overflows
        return <real>((1 if s >= 0 else e) / (1 + e))
    if function == TANH:
        return <real>tanh(s)
    return s
