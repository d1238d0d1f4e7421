"""The cython back end: plain typed loops, parallel over the cores, no SIMD by hand.

The loops to read next to the formulas of the reference; float32 and float64 from
one source.  Every output element is computed by one thread in one order, so the
bits do not depend on the number of threads.
"""

from __future__ import annotations

from cnnlite.kernels.cython.conv2d import (
    conv2d_backward_input,
    conv2d_backward_weight,
    conv2d_forward,
)
from cnnlite.kernels.cython.lstm import lstm_backward, lstm_forward
from cnnlite.kernels.cython.matmul import bias_gradient, matmul
from cnnlite.kernels.cython.pool import (
    averagepool2d_backward,
    averagepool2d_forward,
    maxpool2d_backward,
    maxpool2d_forward,
)

DTYPES = ("float32", "float64")
KERNELS = {
    function.__name__: function
    for function in (
        matmul,
        bias_gradient,
        conv2d_forward,
        conv2d_backward_input,
        conv2d_backward_weight,
        maxpool2d_forward,
        maxpool2d_backward,
        averagepool2d_forward,
        averagepool2d_backward,
        lstm_forward,
        lstm_backward,
    )
}
