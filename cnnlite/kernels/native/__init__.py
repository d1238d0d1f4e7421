"""The native back end: SIMD C from csrc through thin Cython; float32; the default."""

from __future__ import annotations

from cnnlite.kernels.native.conv2d import (
    conv2d_backward_input,
    conv2d_backward_weight,
    conv2d_forward,
)
from cnnlite.kernels.native.elementwise import binary, unary, unary_backward
from cnnlite.kernels.native.images import (
    flip2d,
    pad2d,
    translate2d_backward,
    translate2d_forward,
    upsample2d_backward,
    upsample2d_forward,
)
from cnnlite.kernels.native.join import concatenate, split
from cnnlite.kernels.native.losses import loss_weights
from cnnlite.kernels.native.optimizers import adam_update, sgd_update
from cnnlite.kernels.native.parameters import (
    orthogonal_penalty_backward,
    orthogonal_penalty_forward,
    penalty_backward,
    penalty_forward,
    project_norms,
)
from cnnlite.kernels.native.pool import (
    averagepool2d_backward,
    averagepool2d_forward,
    maxpool2d_backward,
    maxpool2d_forward,
)
from cnnlite.kernels.native.product import matmul
from cnnlite.kernels.native.random import (
    dropout_backward,
    dropout_forward,
    random_normal,
    random_uniform,
)
from cnnlite.kernels.native.rows import (
    bias_gradient,
    binary_accuracy,
    binary_crossentropy_backward,
    binary_crossentropy_forward,
    categorical_accuracy,
    categorical_crossentropy_backward,
    categorical_crossentropy_forward,
    mean_squared_error_backward,
    mean_squared_error_forward,
    mean_update,
    sigmoid_crossentropy_backward,
    sigmoid_crossentropy_forward,
    softmax_backward,
    softmax_crossentropy_backward,
    softmax_crossentropy_forward,
    softmax_forward,
    sparse_categorical_accuracy,
    sparse_categorical_crossentropy_backward,
    sparse_categorical_crossentropy_forward,
    sparse_softmax_crossentropy_backward,
    sparse_softmax_crossentropy_forward,
    weighted_mean,
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
        pad2d,
        upsample2d_forward,
        upsample2d_backward,
        flip2d,
        translate2d_forward,
        translate2d_backward,
        unary,
        unary_backward,
        binary,
        concatenate,
        split,
        bias_gradient,
        softmax_forward,
        softmax_backward,
        sparse_softmax_crossentropy_forward,
        sparse_softmax_crossentropy_backward,
        softmax_crossentropy_forward,
        softmax_crossentropy_backward,
        sparse_categorical_crossentropy_forward,
        sparse_categorical_crossentropy_backward,
        categorical_crossentropy_forward,
        categorical_crossentropy_backward,
        sigmoid_crossentropy_forward,
        sigmoid_crossentropy_backward,
        binary_crossentropy_forward,
        binary_crossentropy_backward,
        mean_squared_error_forward,
        mean_squared_error_backward,
        weighted_mean,
        mean_update,
        loss_weights,
        sparse_categorical_accuracy,
        categorical_accuracy,
        binary_accuracy,
        dropout_forward,
        dropout_backward,
        random_uniform,
        random_normal,
        penalty_forward,
        penalty_backward,
        orthogonal_penalty_forward,
        orthogonal_penalty_backward,
        project_norms,
        sgd_update,
        adam_update,
    )
}
