"""Two-dimensional convolution: three passes, each a tiled matrix product without a matrix.

The pixels of an output are rows, the taps of the kernel and their channels the common
dimension: what the kernel sees of the image at a pixel is a row of a matrix that is never in
memory (im2col).  The product's tiles pick its elements from the image as they go to shared
memory, four channels at a time.

The forward pass and the gradient of the input are one function.  Of dx, those pixels whose
row is ``s q + a`` (s the stride) are met by the same taps, at neighbouring rows of dy: so for
each remainder a this is a convolution of stride 1 over dy with some rows of the kernel.  The
same holds for columns.  The gradient of the weights is the product of that matrix, transposed,
with dy: its common dimension, all pixels, is cut into slices whose sums are added in order.

Where a group has few channels and filters (depthwise: one each), tiles would be mostly empty;
then a thread computes one element.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numba
from numba import cuda

from cnnlite.kernels.cuda.elementwise import unary
from cnnlite.kernels.cuda.indices import Divisor, divided, divisor, short
from cnnlite.kernels.cuda.launching import SIMULATED, device_function, kernel, operation
from cnnlite.kernels.cuda.matmul import bias_gradient
from cnnlite.kernels.cuda.memory import given, scratch
from cnnlite.kernels.cuda.product import Operand, make_parts_product, matrix, matrix_operand
from cnnlite.kernels.cuda.vectors import is_aligned, load, store

__all__ = ["conv2d_backward_input", "conv2d_backward_weight", "conv2d_batchnorm", "conv2d_forward"]

# Channels times filters of one of several groups up to which a thread computes an element: the
# smallest tile has 32 columns, of which a group of 8 filters fills a quarter.
FEW = 64
# Threads for such a gradient of the weights: as many as 132 processors hold.
THREADS = 64 if SIMULATED else 132 * 2048


class Axis(NamedTuple):
    """What a convolution does along one axis.

    Of its ``size`` outputs, output q stands at ``offset + q spacing``, and its tap m of
    ``taps`` sees the image at ``start + q stride + m dilation``; of the kernel, that is tap
    ``tap + m apart``.
    """

    size: int
    offset: int
    spacing: int
    start: int
    stride: int
    taps: int
    dilation: int
    tap: int
    apart: int


class View(NamedTuple):
    """An image, and what the kernel sees of it at each output; an operand of a product."""

    array: Any  # (N, H, W, C)
    height: int
    width: int
    depth: int
    channels: int  # of a group
    top: int
    left: int
    down: int  # strides
    right: int
    dilation_down: int
    dilation_right: int
    pixels: Divisor  # outputs of an image
    row: Divisor  # outputs of a row
    group: Divisor  # channels of a group
    taps: Divisor  # taps of a row of the kernel
    tap_rows: int
    tap_columns: int


class Target(NamedTuple):
    """Where the sums of a convolution go."""

    array: Any
    bias: Any
    height: int
    width: int
    depth: int
    filters: int  # of a group
    top: int
    left: int
    down: int
    right: int
    pixels: Divisor
    row: Divisor
    accumulate: bool
    relu: bool


class Normalization(NamedTuple):
    """Statistics of the filters of a convolution."""

    mean: Any
    variance: Any
    gamma: Any
    beta: Any
    epsilon: float


class Weights(NamedTuple):
    """A kernel (KH, KW, C / groups, F), and the elements from one weight to others."""

    array: Any
    start: int
    part: int
    down: int  # to the next tap that counts
    right: int
    channel: int  # of the image that is seen
    filter: int  # of what is computed
    group: Divisor  # channels of a group
    taps: Divisor  # taps of a row


def _view(x, height, across, groups):
    _, rows, columns, depth = x.shape
    channels = depth // groups
    return View(
        x, rows, columns, depth, channels, height.start, across.start, height.stride, across.stride,
        height.dilation, across.dilation, divisor(height.size * across.size),
        divisor(across.size), divisor(channels), divisor(across.taps), height.taps, across.taps,
    )  # fmt: skip


@device_function
def _first_channel(view, part):
    return part * view.channels


@device_function
def _seen(view, first_channel, pixel, tap):
    """Return the place in the image that an output's pixel sees at a tap's channel, or -1."""
    n, pixel = divided(pixel, view.pixels)
    i, j = divided(pixel, view.row)
    tap, channel = divided(tap, view.group)
    tap_row, tap_column = divided(tap, view.taps)
    h = short(view.top + i * view.down + tap_row * view.dilation_down)
    w = short(view.left + j * view.right + tap_column * view.dilation_right)
    # Not "and", which makes a branch of each condition.
    inside = (h >= 0) & (h < view.height) & (w >= 0) & (w < view.width)
    pixel = short((n * view.height + h) * view.width + w)
    place = pixel * short(view.depth) + first_channel + channel
    return place if inside else -1


@device_function
def _seen_at_tap(view, first_channel, tap, pixel):
    return _seen(view, first_channel, pixel, tap)


@device_function
def _first_weight(weights, part):
    return weights.start + part * weights.part


@device_function
def _weight(weights, first, filter_, tap):
    """Return the place of the weight between a tap's channel and a filter."""
    tap, channel = divided(tap, weights.group)
    tap_row, tap_column = divided(tap, weights.taps)
    tap = short(tap_row * weights.down + tap_column * weights.right)
    return first + tap + short(channel * weights.channel + filter_ * weights.filter)


@device_function
def _place(target, part, pixel, filter_):
    n, pixel = divided(pixel, target.pixels)
    i, j = divided(pixel, target.row)
    row = n * target.height + target.top + i * target.down
    pixel = row * target.width + target.left + j * target.right
    return pixel * target.depth + part * target.filters + filter_


@device_function
def _write(target, part, pixel, filter_, value):
    at = _place(target, part, pixel, filter_)
    if target.accumulate:
        value += load(target.array, at)
    if target.bias.size:
        value += target.bias[part * target.filters + filter_]
    if target.relu and value < 0:
        value = target.array.dtype.type(0)
    store(target.array, at, value)


@device_function
def _write_normalized(targets, part, pixel, filter_, value):
    target, normalization = targets
    at = _place(target, part, pixel, filter_)
    f = part * target.filters + filter_
    if target.bias.size:
        value += target.bias[f]
    dtype = target.array.dtype.type
    scale = dtype(1) / math.sqrt(normalization.variance[f] + dtype(normalization.epsilon))
    if normalization.gamma.size:
        scale *= normalization.gamma[f]
    value = (value - normalization.mean[f]) * scale
    if normalization.beta.size:
        value += normalization.beta[f]
    if target.relu and value < 0:
        value = dtype(0)
    store(target.array, at, value)


@device_function
def _write_weight(target, part, row, column, value):
    dw, depth, filters, accumulate = target
    at = row * depth + part * filters + column
    store(dw, at, value + load(dw, at) if accumulate else value)


@functools.cache
def _product(dtype, left, right, write):
    return make_parts_product(numba.from_dtype(dtype), left, right, write)


@functools.cache
def _element_by_element(write):
    """Return the kernel for groups of few channels: a thread computes one output."""

    @kernel
    def correlate(count, depth, filters, target, view, weights):
        zero = view.array.dtype.type(0)
        for at in range(cuda.grid(1), count, cuda.gridsize(1)):
            pixel, filter_ = divided(at, depth)
            part, filter_ = divided(filter_, filters)
            n, place = divided(pixel, view.pixels)
            i, j = divided(place, view.row)
            total = zero
            for tap_row in range(view.tap_rows):
                h = view.top + i * view.down + tap_row * view.dilation_down
                for tap_column in range(view.tap_columns):
                    w = view.left + j * view.right + tap_column * view.dilation_right
                    inside = 0 <= h < view.height and 0 <= w < view.width
                    seen = ((n * view.height + h) * view.width + w) * view.depth
                    seen += part * view.channels
                    by = _first_weight(weights, part) + filter_ * weights.filter
                    by += tap_row * weights.down + tap_column * weights.right
                    for channel in range(view.channels):
                        x = load(view.array, seen + channel) if inside else zero
                        total += x * load(weights.array, by + channel * weights.channel)
            write(target, part, pixel, filter_, total)

    return correlate


@kernel
def _weight_by_weight(parts, dy, view, depth, filters):
    """Partial sums of dw (slices, size): a thread adds up some rows of outputs for one weight."""
    slices, size = parts.shape
    zero = dy.dtype.type(0)
    rows, columns = dy.shape[0] * dy.shape[1], dy.shape[2]
    for at in range(cuda.grid(1), slices * size, cuda.gridsize(1)):
        part, weight = at // size, at % size
        tap, filter_ = divided(weight, depth)
        tap, channel = divided(tap, view.group)
        tap_row, tap_column = divided(tap, view.taps)
        channel += divided(filter_, filters)[0] * view.channels
        total = zero
        for row in range(part, rows, slices):
            n, i = row // dy.shape[1], row % dy.shape[1]
            h = view.top + i * view.down + tap_row * view.dilation_down
            for j in range(columns):
                w = view.left + j * view.right + tap_column * view.dilation_right
                inside = 0 <= h < view.height and 0 <= w < view.width
                seen = ((n * view.height + h) * view.width + w) * view.depth + channel
                x = load(view.array, seen) if inside else zero
                total += x * load(dy, (row * columns + j) * depth.value + filter_)
        parts[part, weight] = total


def _axes(y, w, strides, padding, dilation):
    return [
        Axis(y.shape[n + 1], 0, 1, -padding[n][0], strides[n], w.shape[n], dilation[n], 0, 1)
        for n in (0, 1)
    ]


def _phases(n, dx, w, strides, padding, dilation):
    """Yield, for each remainder along axis n of dx, what is computed there and by which taps."""
    stride, before, spread = strides[n], padding[n][0], dilation[n]
    for a in range(min(stride, dx.shape[n + 1])):
        taps = [i for i in range(w.shape[n]) if (a + before - i * spread) % stride == 0]
        first = taps[0] if taps else 0
        apart = taps[1] - first if len(taps) > 1 else 1
        start, dilated = (a + before - first * spread) // stride, apart * spread // stride
        size = -(-(dx.shape[n + 1] - a) // stride)
        yield Axis(size, a, stride, start, 1, len(taps), -dilated, first, apart)


def _seen_by(x, height, across, groups, along_depth):
    """Return what is seen at each output of an image, and how a product reads it."""
    channels = x.shape[3] // groups
    pixels = len(x) * height.size * across.size
    if all(
        (axis.size, axis.start, axis.stride, axis.taps) == (extent, 0, 1, 1)
        for axis, extent in zip((height, across), x.shape[1:3], strict=True)
    ):  # each pixel sees itself
        down, right = (x.shape[3], 1) if along_depth else (1, x.shape[3])
        source = matrix(x, down, right, groups, 0, channels)
        lines, depth = (pixels, channels) if along_depth else (channels, pixels)
        return source, matrix_operand(source, lines, depth)
    view = _view(x, height, across, groups)
    wide = channels % 4 == 0 and is_aligned(x)
    place = _seen if along_depth else _seen_at_tap
    return view, Operand(_first_channel, place, wide, along_depth)


def _correlate(y, x, weights, height, across, groups, write, target):
    """Compute those outputs y that the axes name: sums of what they see in x, by weights."""
    channels, filters = x.shape[3] // groups, y.shape[3] // groups
    pixels = len(y) * height.size * across.size
    depth = height.taps * across.taps * channels
    if groups > 1 and channels * filters <= FEW:
        count = pixels * y.shape[3]
        _element_by_element(write).over(
            count, count, divisor(y.shape[3]), divisor(filters), target,
            _view(x, height, across, groups), weights,
        )  # fmt: skip
        return
    left, read_left = _seen_by(x, height, across, groups, along_depth=True)
    right, read_right = _as_columns(weights, filters, depth, groups)
    product = _product(y.dtype, read_left, read_right, write)
    product(pixels, filters, depth, groups, target, left, right)


def _as_columns(weights, filters, depth, groups):
    """Return the weights of a filter as a column, and how a product reads them."""
    channels = weights.group.value
    whole = (weights.down, weights.right) == (
        weights.taps.value * weights.right, channels * weights.channel
    )  # fmt: skip
    if weights.start == 0 and (whole or depth == channels):
        source = matrix(
            weights.array, weights.filter, weights.channel, groups, 0, weights.part
        )  # fmt: skip
        return source, matrix_operand(source, filters, depth)
    run = filters if weights.filter == 1 else channels
    wide = run % 4 == 0 and is_aligned(weights.array)
    return weights, Operand(_first_weight, _weight, wide, weights.channel == 1)


def _target(y, bias, height, across, groups, accumulate, relu):
    _, rows, columns, depth = y.shape
    return Target(
        y, given(bias, y.dtype), rows, columns, depth, depth // groups,
        height.offset, across.offset, height.spacing, across.spacing,
        divisor(height.size * across.size), divisor(across.size), accumulate, relu,
    )  # fmt: skip


def _forward(y, x, w, bias, strides, padding, dilation, groups, relu, normalization=None):
    height, across = _axes(y, w, strides, padding, dilation)
    channels, depth = w.shape[2:]
    weights = Weights(
        w, 0, depth // groups, w.shape[1] * channels * depth, channels * depth, depth, 1,
        divisor(channels), divisor(w.shape[1]),
    )  # fmt: skip
    target = _target(y, bias, height, across, groups, False, relu)
    if normalization is None:
        _correlate(y, x, weights, height, across, groups, _write, target)
    else:
        target = target, normalization
        _correlate(y, x, weights, height, across, groups, _write_normalized, target)


@operation(outputs=1)
def conv2d_forward(y, x, w, bias, *, strides, padding, dilation, groups, activation=None):
    relu = activation == "relu"
    _forward(y, x, w, bias, strides, padding, dilation, groups, relu)
    if activation is not None and not relu:
        unary(y, y, function=activation)


@operation(outputs=1)
def conv2d_batchnorm(
    y, x, w, bias, mean, variance, gamma, beta, *,
    strides, padding, dilation, groups, epsilon, activation=None,
):  # fmt: skip
    gamma, beta = given(gamma, y.dtype), given(beta, y.dtype)
    normalization = Normalization(mean, variance, gamma, beta, epsilon)
    relu = activation == "relu"
    _forward(y, x, w, bias, strides, padding, dilation, groups, relu, normalization)


@operation(outputs=1)
def conv2d_backward_input(dx, dy, w, *, strides, padding, dilation, groups, accumulate=False):
    channels, depth = w.shape[2:]
    for height in _phases(0, dx, w, strides, padding, dilation):
        for across in _phases(1, dx, w, strides, padding, dilation):
            tap = height.tap * w.shape[1] + across.tap
            weights = Weights(
                w, tap * channels * depth, depth // groups,
                height.apart * w.shape[1] * channels * depth, across.apart * channels * depth, 1,
                depth, divisor(depth // groups), divisor(across.taps),
            )  # fmt: skip
            target = _target(dx, None, height, across, groups, accumulate, False)
            _correlate(dx, dy, weights, height, across, groups, _write, target)


@operation(outputs=2)
def conv2d_backward_weight(dw, db, dy, x, *, strides, padding, dilation, groups, accumulate=False):
    height, across = _axes(dy, dw, strides, padding, dilation)
    channels, depth = dw.shape[2:]
    filters, pixels = depth // groups, dy.size // max(1, depth)
    if db is not None:
        bias_gradient(db, dy.reshape(pixels, depth), accumulate=accumulate)
    if groups > 1 and channels * filters <= FEW:
        rows = dy.shape[0] * dy.shape[1]
        slices = max(1, min(rows, THREADS // max(1, dw.size)))
        parts = scratch((slices, dw.size), dw.dtype)
        view = _view(x, height, across, groups)
        _weight_by_weight.over(parts.size, parts, dy, view, divisor(depth), divisor(filters))
        bias_gradient(dw.reshape(dw.size), parts, accumulate=accumulate)
        return
    left, read_left = _seen_by(x, height, across, groups, along_depth=False)
    right = matrix(dy, 1, depth, groups, 0, filters)
    read_right = matrix_operand(right, filters, pixels)
    product = _product(dw.dtype, read_left, read_right, _write_weight)
    taps = dw.shape[0] * dw.shape[1]
    target = dw, depth, filters, accumulate
    product(taps * channels, filters, pixels, groups, target, left, right)
