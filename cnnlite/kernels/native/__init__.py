"""The native back end: SIMD C from csrc through thin Cython; float32; the default."""

from __future__ import annotations

from cnnlite.kernels.native.conv2d import (
    conv2d_backward_input,
    conv2d_backward_weight,
    conv2d_forward,
)
from cnnlite.kernels.native.product import matmul

DTYPES = ("float32",)
KERNELS: dict = {
    "matmul": matmul,
    "conv2d_forward": conv2d_forward,
    "conv2d_backward_input": conv2d_backward_input,
    "conv2d_backward_weight": conv2d_backward_weight,
}
