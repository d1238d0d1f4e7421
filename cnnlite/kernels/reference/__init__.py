"""The reference back end: NumPy, readable, any floating dtype.

These functions *are* the kernel interface.  Another back end offers functions
of the same names and the same signatures; the registry refuses any other.

The contract of a kernel: outputs first, then inputs, then keyword-only
parameters.  It overwrites its outputs, returns nothing, checks nothing (the
operations in :mod:`cnnlite.ops` have checked) and allocates no result.  Arrays
are C-contiguous and of one floating dtype unless the docstring says otherwise.
Outputs never overlap inputs, except where a docstring says *may alias*.  A
gradient output has ``accumulate``: add to what the output holds instead of
overwriting it.

NaN propagates through every operation, forward and backward.
"""

from cnnlite.kernels.reference.conv2d import (
    conv2d_backward_input,
    conv2d_backward_weight,
    conv2d_batchnorm,
    conv2d_forward,
)
from cnnlite.kernels.reference.counts import (
    class_update,
    confusion_update,
    regression_update,
    threshold_update,
)
from cnnlite.kernels.reference.crossentropy import (
    categorical_crossentropy_backward,
    categorical_crossentropy_forward,
    softmax_crossentropy_backward,
    softmax_crossentropy_forward,
    sparse_categorical_crossentropy_backward,
    sparse_categorical_crossentropy_forward,
    sparse_softmax_crossentropy_backward,
    sparse_softmax_crossentropy_forward,
)
from cnnlite.kernels.reference.elementwise import binary, unary, unary_backward
from cnnlite.kernels.reference.gru import gru_backward, gru_forward
from cnnlite.kernels.reference.images import (
    flip2d,
    pad2d,
    translate2d_backward,
    translate2d_forward,
    upsample2d_backward,
    upsample2d_forward,
)
from cnnlite.kernels.reference.join import concatenate, split
from cnnlite.kernels.reference.losses import (
    elementwise_loss_backward,
    elementwise_loss_forward,
    label_mask,
    loss_weights,
    map_targets,
    row_loss_backward,
    row_loss_forward,
)
from cnnlite.kernels.reference.lstm import lstm_backward, lstm_forward
from cnnlite.kernels.reference.matmul import bias_gradient, matmul
from cnnlite.kernels.reference.metrics import (
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    mean_update,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
    weighted_mean,
)
from cnnlite.kernels.reference.normalization import (
    batchnorm_backward,
    batchnorm_forward,
    batchnorm_inference,
    batchnorm_update,
    layernorm_backward,
    layernorm_forward,
    lrn_backward,
    lrn_forward,
)
from cnnlite.kernels.reference.optimizers import average_update, clip_scales, update
from cnnlite.kernels.reference.penalties import (
    orthogonal_penalty_backward,
    orthogonal_penalty_forward,
    penalty_backward,
    penalty_forward,
    project_norms,
)
from cnnlite.kernels.reference.pool import (
    averagepool2d_backward,
    averagepool2d_forward,
    maxpool2d_backward,
    maxpool2d_forward,
)
from cnnlite.kernels.reference.random import (
    dropout_backward,
    dropout_forward,
    random_normal,
    random_uniform,
)
from cnnlite.kernels.reference.simple_rnn import simple_rnn_backward, simple_rnn_forward
from cnnlite.kernels.reference.softmax import (
    log_softmax_backward,
    log_softmax_forward,
    softmax_backward,
    softmax_forward,
)
from cnnlite.kernels.reference.tensor import (
    batch_matmul,
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

KERNELS = {
    function.__name__: function
    for function in (
        matmul,
        bias_gradient,
        conv2d_forward,
        conv2d_batchnorm,
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
        batchnorm_forward,
        batchnorm_inference,
        batchnorm_backward,
        batchnorm_update,
        layernorm_forward,
        layernorm_backward,
        lrn_forward,
        lrn_backward,
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
        accuracy,
        top_k_categorical_accuracy,
        sparse_top_k_categorical_accuracy,
        threshold_update,
        class_update,
        confusion_update,
        regression_update,
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
