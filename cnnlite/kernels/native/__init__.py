"""The native back end: SIMD C from csrc through thin Cython; float32; the default."""

from __future__ import annotations

from cnnlite.kernels.native import join, optimizers, pool, product, random

DTYPES = ("float32",)
KERNELS = {
    name: function
    for module in (product, pool, join, random, optimizers)
    for name, function in module.KERNELS.items()
}
