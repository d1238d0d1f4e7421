"""The native back end: SIMD C from csrc through thin Cython; float32; the default."""

from __future__ import annotations

DTYPES = ("float32",)
KERNELS: dict = {}
