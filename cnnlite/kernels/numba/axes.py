"""What a convolution does along an axis of the image."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from numba import types

from cnnlite.kernels.numba.compiling import Kind

__all__ = ["A", "Axis"]


class Axis(NamedTuple):
    """What a convolution does along one axis.

    Of its ``size`` outputs, output q stands at ``offset + q spacing``, and its tap m of
    ``taps`` sees the image at ``start + q stride + m dilation``.
    """

    size: int
    offset: int
    spacing: int
    start: int
    stride: int
    taps: int
    dilation: int


A = Annotated[Axis, Kind(types.NamedUniTuple(types.intp, 7, Axis), 0)]
