"""Convolutions of 3 x 3 taps with a quarter of the products: csrc/winograd.h."""

from cnnlite.kernels.native.product cimport cnn_correlate, cnn_pack

# Whether Winograd's way is wanted, possible and faster for these sizes.  A correlate's outputs
# must lie side by side.
cdef bint suits(const cnn_correlate *args) noexcept

# Run args that way; pack describes the weights.
cdef int correlate(const cnn_correlate *args, cnn_pack *pack) except -1

# The gradient of of's weights, of shape (3, 3, channels, filters), of the gradient of its output.
cdef int weight_gradient(
    const cnn_correlate *of, float *dw, const float *dy, bint accumulate
) except -1
