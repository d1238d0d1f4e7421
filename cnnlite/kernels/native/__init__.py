"""The native back end: SIMD C from csrc through thin Cython; float32; the default."""

from __future__ import annotations

from cnnlite.kernels.native.join import concatenate, split
from cnnlite.kernels.native.optimizers import adam_update, sgd_update
from cnnlite.kernels.native.pool import (
    averagepool2d_backward,
    averagepool2d_forward,
    maxpool2d_backward,
    maxpool2d_forward,
)
from cnnlite.kernels.native.product import (
    conv2d_backward_input,
    conv2d_backward_weight,
    conv2d_forward,
    matmul,
)
from cnnlite.kernels.native.random import (
    dropout_backward,
    dropout_forward,
    random_normal,
    random_uniform,
)

DTYPES = ("float32",)
KERNELS = {
    function.__name__: function
    for function in (
        matmul,
        conv2d_forward,
        conv2d_backward_input,
        conv2d_backward_weight,
        maxpool2d_forward,
        maxpool2d_backward,
        averagepool2d_forward,
        averagepool2d_backward,
        concatenate,
        split,
        dropout_forward,
        dropout_backward,
        random_uniform,
        random_normal,
        sgd_update,
        adam_update,
    )
}
