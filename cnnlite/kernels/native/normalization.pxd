cimport numpy as cnp

from cnnlite.kernels.native.product cimport cnn_norm

# What a convolution does to normalize its filters by statistics that are given; memory holds
# 2 (C + 16) floats.
cdef cnn_norm norm_of(
    cnp.ndarray mean, cnp.ndarray variance, cnp.ndarray gamma, cnp.ndarray beta, epsilon,
    float *memory,
) except *
