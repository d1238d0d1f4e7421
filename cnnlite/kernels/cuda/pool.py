"""Maximum and average pooling over two dimensions: a thread computes one element.

The backward passes ask which windows a pixel lies in, and add up what each of them sends: no
two threads add to the same place.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from numba import cuda

from cnnlite.kernels.cuda.indices import Divisor, divided, divisor
from cnnlite.kernels.cuda.launching import device_function, kernel, operation
from cnnlite.kernels.cuda.vectors import load, store

__all__ = [
    "averagepool2d_backward", "averagepool2d_forward", "maxpool2d_backward", "maxpool2d_forward",
]  # fmt: skip


class Axis(NamedTuple):
    """What pooling does along one axis: output q sees ``q stride - before`` and what follows."""

    outputs: int
    extent: int  # of the image
    window: int
    before: int
    stride: Divisor


class Geometry(NamedTuple):
    height: Axis
    across: Axis
    channels: int
    columns: Divisor  # elements of a row of what is computed
    rows: Divisor  # its rows in an image
    depth: Divisor  # its channels


def _geometry(y, x, of, pool_size, strides, padding):
    """Return the geometry of pooling x to y, for kernels that compute ``of``, one of both."""
    height, across = (
        Axis(y.shape[n + 1], x.shape[n + 1], pool_size[n], padding[n][0], divisor(strides[n]))
        for n in (0, 1)
    )
    _, rows, columns, channels = of.shape
    sizes = divisor(columns * channels), divisor(rows), divisor(channels)
    return Geometry(height, across, channels, *sizes)


@device_function
def _place(at, geometry):
    """Return the image, row, column and channel of an element."""
    row, column = divided(at, geometry.columns)
    n, i = divided(row, geometry.rows)
    j, channel = divided(column, geometry.depth)
    return n, i, j, channel


@device_function
def _under(q, axis):
    """Return the first pixel of a window that lies inside the image, and the end of them."""
    start = q * axis.stride.value - axis.before
    return max(0, start), min(axis.extent, start + axis.window)


@device_function
def _over(pixel, axis):
    """Return the first window that a pixel lies in, and the end of them."""
    place = pixel + axis.before
    first = 0
    if place >= axis.window:
        first = divided(place - axis.window, axis.stride)[0] + 1
    return first, min(axis.outputs, divided(place, axis.stride)[0] + 1)


@kernel
def _maximum(y, argmax, x, geometry):
    height, across = geometry.height, geometry.across
    for at in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        n, i, j, channel = _place(at, geometry)
        top, bottom = _under(i, height)
        left, right = _under(j, across)
        first = (top - i * height.stride.value + height.before) * across.window
        first -= j * across.stride.value - across.before
        best = load(x, _pixel(n, top, left, geometry) + channel)
        winner = first + left
        for h in range(top, bottom):
            for w in range(left, right):
                value = load(x, _pixel(n, h, w, geometry) + channel)
                if value > best or (math.isnan(value) and not math.isnan(best)):
                    best = value
                    winner = first + (h - top) * across.window + w
        store(y, at, best)
        store(argmax, at, argmax.dtype.type(winner))


@device_function
def _pixel(n, h, w, geometry):
    height, across = geometry.height, geometry.across
    return ((n * height.extent + h) * across.extent + w) * geometry.channels


@device_function
def _output(n, i, j, geometry):
    height, across = geometry.height, geometry.across
    return ((n * height.outputs + i) * across.outputs + j) * geometry.channels


@kernel
def _maximum_backward(dx, dy, argmax, geometry, accumulate):
    height, across = geometry.height, geometry.across
    for at in range(cuda.grid(1), dx.size, cuda.gridsize(1)):
        n, h, w, channel = _place(at, geometry)
        top, bottom = _over(h, height)
        left, right = _over(w, across)
        total = load(dx, at) if accumulate else dx.dtype.type(0)
        for i in range(top, bottom):
            row = (h + height.before - i * height.stride.value) * across.window
            for j in range(left, right):
                offset = row + w + across.before - j * across.stride.value
                of = _output(n, i, j, geometry) + channel
                if load(argmax, of) == offset:
                    total += load(dy, of)
        store(dx, at, total)


@kernel
def _average(y, x, geometry):
    for at in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        n, i, j, channel = _place(at, geometry)
        top, bottom = _under(i, geometry.height)
        left, right = _under(j, geometry.across)
        total = y.dtype.type(0)
        for h in range(top, bottom):
            for w in range(left, right):
                total += load(x, _pixel(n, h, w, geometry) + channel)
        count = max(0, bottom - top) * max(0, right - left)
        store(y, at, total / y.dtype.type(count))


@kernel
def _average_backward(dx, dy, geometry, accumulate):
    for at in range(cuda.grid(1), dx.size, cuda.gridsize(1)):
        n, h, w, channel = _place(at, geometry)
        first_row, end_row = _over(h, geometry.height)
        first_column, end_column = _over(w, geometry.across)
        total = load(dx, at) if accumulate else dx.dtype.type(0)
        for i in range(first_row, end_row):
            top, bottom = _under(i, geometry.height)
            for j in range(first_column, end_column):
                left, right = _under(j, geometry.across)
                count = dx.dtype.type((bottom - top) * (right - left))
                total += load(dy, _output(n, i, j, geometry) + channel) / count
        store(dx, at, total)


@operation(outputs=2)
def maxpool2d_forward(y, argmax, x, *, pool_size, strides, padding):
    _maximum.over(y.size, y, argmax, x, _geometry(y, x, y, pool_size, strides, padding))


@operation(outputs=1)
def maxpool2d_backward(dx, dy, argmax, *, pool_size, strides, padding, accumulate=False):
    geometry = _geometry(dy, dx, dx, pool_size, strides, padding)
    _maximum_backward.over(dx.size, dx, dy, argmax, geometry, accumulate)


@operation(outputs=1)
def averagepool2d_forward(y, x, *, pool_size, strides, padding):
    _average.over(y.size, y, x, _geometry(y, x, y, pool_size, strides, padding))


@operation(outputs=1)
def averagepool2d_backward(dx, dy, *, pool_size, strides, padding, accumulate=False):
    geometry = _geometry(dy, dx, dx, pool_size, strides, padding)
    _average_backward.over(dx.size, dx, dy, geometry, accumulate)
