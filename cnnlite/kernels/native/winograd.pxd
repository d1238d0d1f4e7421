"""Convolutions of 3 x 3 taps with a quarter of the products: csrc/winograd.h."""

from cnnlite.kernels.native.product cimport cnn_correlate, cnn_pack

# Whether Winograd's way is wanted, possible and faster for these sizes.
cdef bint suits(const cnn_correlate *args) noexcept

# Run args that way; pack describes the weights.
cdef int correlate(const cnn_correlate *args, cnn_pack *pack) except -1
