"""The numba back end: loops in Python that Numba compiles for this CPU when they are first used.

Every operation, in float32 and float64, from one source: :mod:`.compiling` says how a loop
over tiles becomes a parallel and a serial function with the same bits, :mod:`.simd` and
:mod:`.functions` hold the vocabulary that the kernels are written in.
"""

from __future__ import annotations

from cnnlite.kernels import reference
from cnnlite.kernels.numba import (
    broadcast,
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
    optimizers,
    penalties,
    pool,
    random,
    reductions,
    response_normalization,
    row_losses,
    simple_rnn,
    softmax,
    targets,
    tensor,
    walks,
)
from cnnlite.kernels.numba.compiling import compile_ahead

__all__ = ["DTYPES", "KERNELS", "compile_ahead"]

_MODULES = (
    matmul,
    conv2d,
    pool,
    images,
    elementwise,
    broadcast,
    join,
    normalization,
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
    penalties,
    walks,
    reductions,
    tensor,
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
