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
    HARD_SIGMOID


cdef inline int function_named(name) except -1:
    return {
        None: LINEAR, "relu": RELU, "sigmoid": SIGMOID, "tanh": TANH,
        "hard_sigmoid": HARD_SIGMOID,
    }[name]


cdef inline real activated(real s, int function) noexcept nogil:
    cdef double e
    if function == RELU:
        return 0 if s < 0 else s  # NaN stays NaN
    if function == SIGMOID:
        e = exp(-fabs(s))  # never overflows
        return <real>((1 if s >= 0 else e) / (1 + e))
    if function == TANH:
        return <real>tanh(s)
    if function == HARD_SIGMOID:
        return 0 if s <= -3 else 1 if s >= 3 else (s + 3) / 6
    return s


# dy f'(x) from y = f(x); NaN in y gives NaN.
cdef inline real derived(real dy, real y, int function) noexcept nogil:
    if function == RELU:
        return dy if y > 0 else y * 0
    if function == SIGMOID:
        return dy * (y * (1 - y))
    if function == TANH:
        return dy * (1 - y * y)
    if function == HARD_SIGMOID:
        return dy / 6 if 0 < y < 1 else y * 0
    return dy
