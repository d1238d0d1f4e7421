"""The CUDA back end: kernels in Python that Numba compiles for an NVIDIA GPU.

Every operation, in float32 and float64.  Parameters and activations live on the device while
a plan runs (:mod:`.memory`); operations on arrays of the host copy them there and back.
"""

from __future__ import annotations

from cnnlite.kernels import reference
from cnnlite.kernels.cuda import (
    conv2d,
    counts,
    crossentropy,
    elementwise,
    gru,
    images,
    join,
    layer_normalization,
    losses,
    lstm,
    matmul,
    metrics,
    normalization,
    normalization_backward,
    optimizers,
    penalties,
    pool,
    random,
    reductions,
    response_normalization,
    row_losses,
    scatter,
    simple_rnn,
    softmax,
    targets,
    tensor,
    transpose,
)
from cnnlite.kernels.cuda import device as DEVICE
from cnnlite.kernels.cuda.launching import check

__all__ = ["DEVICE", "DTYPES", "KERNELS", "check"]

_MODULES = (
    matmul,
    conv2d,
    pool,
    images,
    elementwise,
    join,
    normalization,
    normalization_backward,
    layer_normalization,
    response_normalization,
    softmax,
    crossentropy,
    losses,
    row_losses,
    targets,
    metrics,
    counts,
    random,
    transpose,
    reductions,
    tensor,
    scatter,
    penalties,
    optimizers,
    lstm,
    gru,
    simple_rnn,
)
DTYPES = ("float32", "float64")
KERNELS = {
    name: getattr(module, name)
    for module in _MODULES
    for name in module.__all__
    if name in reference.KERNELS  # some modules lend helpers to others
}
