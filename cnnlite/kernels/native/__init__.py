"""The native back end: SIMD C from csrc through thin Cython; float32; the default."""

from __future__ import annotations

from cnnlite.kernels.native import elementwise, rows

DTYPES = ("float32",)

# Each module lists its operations by name in KERNELS.
KERNELS = {
    **elementwise.KERNELS,
    **rows.KERNELS,
}
