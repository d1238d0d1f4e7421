"""The native back end: SIMD C from csrc through thin Cython; float32; the default."""

from __future__ import annotations

from cnnlite.kernels.native.conv2d import (
    conv2d_backward_input,
    conv2d_backward_weight,
    conv2d_forward,
)
from cnnlite.kernels.native.elementwise import unary, unary_backward
from cnnlite.kernels.native.images import (
    flip2d,
    pad2d,
    translate2d_backward,
    translate2d_forward,
    upsample2d_backward,
    upsample2d_forward,
)
from cnnlite.kernels.native.join import concatenate, split
from cnnlite.kernels.native.losses import (
    categorical_crossentropy_backward,
    categorical_crossentropy_forward,
    elementwise_loss_backward,
    elementwise_loss_forward,
    label_mask,
    loss_weights,
    map_targets,
    row_loss_backward,
    row_loss_forward,
    softmax_crossentropy_backward,
    softmax_crossentropy_forward,
    sparse_categorical_crossentropy_backward,
    sparse_categorical_crossentropy_forward,
    sparse_softmax_crossentropy_backward,
    sparse_softmax_crossentropy_forward,
)
from cnnlite.kernels.native.metrics import (
    binary_accuracy,
    categorical_accuracy,
    mean_update,
    sparse_categorical_accuracy,
    weighted_mean,
)
from cnnlite.kernels.native.optimizers import average_update, clip_scales, update
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
from cnnlite.kernels.native.product import batch_matmul, matmul
from cnnlite.kernels.native.random import (
    dropout_backward,
    dropout_forward,
    random_normal,
    random_uniform,
)
from cnnlite.kernels.native.recurrent import (
    gru_backward,
    gru_forward,
    lstm_backward,
    lstm_forward,
    simple_rnn_backward,
    simple_rnn_forward,
)
from cnnlite.kernels.native.rows import (
    bias_gradient,
    log_softmax_backward,
    log_softmax_forward,
    softmax_backward,
    softmax_forward,
)
from cnnlite.kernels.native.tensor import (
    binary,
    cast,
    differs,
    fill,
    gather,
    logical,
    reduce,
    scatter_add,
    transpose,
    where,
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
        log_softmax_forward,
        log_softmax_backward,
        sparse_softmax_crossentropy_forward,
        sparse_softmax_crossentropy_backward,
        softmax_crossentropy_forward,
        softmax_crossentropy_backward,
        sparse_categorical_crossentropy_forward,
        sparse_categorical_crossentropy_backward,
        categorical_crossentropy_forward,
        categorical_crossentropy_backward,
        elementwise_loss_forward,
        elementwise_loss_backward,
        row_loss_forward,
        row_loss_backward,
        map_targets,
        label_mask,
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
        transpose,
        reduce,
        batch_matmul,
        where,
        logical,
        differs,
        gather,
        scatter_add,
        cast,
        fill,
        update,
        clip_scales,
        average_update,
        lstm_forward,
        lstm_backward,
        gru_forward,
        gru_backward,
        simple_rnn_forward,
        simple_rnn_backward,
    )
}
