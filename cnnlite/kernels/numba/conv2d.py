"""Two-dimensional convolution: three passes, each a matrix product without a matrix.

The pixels of an output become rows: a row holds what the kernel sees at its pixel, tap after
tap, the channels of a tap together.  The matrix of all rows (im2col) is never whole.  A tile
of work gathers the rows of 48 pixels, some 100 KB that stay in the L2 cache, and multiplies
them with the packed weights.

The forward pass and the gradient of the input are one function.  Of dx, those pixels whose
row is ``s q + a`` (s the stride) are met by the same taps, at neighbouring rows of dy: so for
each remainder a this is a convolution of stride 1 over dy with some rows of the kernel, in
reverse.  The same holds for columns.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from cnnlite.kernels.numba.axes import A, Axis
from cnnlite.kernels.numba.compiling import F1, F2, F3, F4, B, N, given, inlined, tiled
from cnnlite.kernels.numba.elementwise import unary
from cnnlite.kernels.numba.few_filters import (
    STRIP,
    few_filters,
    few_filters_gradient,
    few_filters_pay,
    places_seen,
)
from cnnlite.kernels.numba.matmul import bias_gradient
from cnnlite.kernels.numba.normalization import batchnorm_inference
from cnnlite.kernels.numba.product import (
    BLOCK,
    FLOPS,
    ROWS,
    block_product,
    copy_panel_row,
    copy_run,
    pack_panels,
    pack_rows,
    panel_count,
    room_for_panels,
    width,
)
from cnnlite.kernels.numba.rows import BANDWIDTH, add_parts
from cnnlite.kernels.numba.simd import clear, fma, lanes, load, maximum, splat, store

__all__ = ["conv2d_backward_input", "conv2d_backward_weight", "conv2d_batchnorm", "conv2d_forward"]

# Tiles that the gradient of the weights is cut into, about: enough for the threads of a small
# machine.  Each tile of one chunk of taps has a partial sum of its own.
TILES = 16
# Pixels, and elements of gathered rows, that add to such a sum at a time: 256 KB in float32,
# and the sum is read and written once for 256 multiplications.
PIXELS, GATHERED = 256, 65536
DEPTHWISE_FLOPS = 20.0  # a nanosecond


def conv2d_forward(y, x, w, bias, *, strides, padding, dilation, groups, activation=None):
    axes = _axes(y, w, strides, padding, dilation)
    relu = activation == "relu"
    _correlate(y, x, w.reshape(-1, w.shape[3]), bias, *axes, groups, relu, False)
    if activation is not None and not relu:
        unary(y, y, function=activation)


def conv2d_batchnorm(
    y, x, w, bias, mean, variance, gamma, beta, *,
    strides, padding, dilation, groups, epsilon, activation=None,
):  # fmt: skip
    conv2d_forward(
        y, x, w, bias, strides=strides, padding=padding, dilation=dilation, groups=groups
    )
    rows = y.reshape(-1, y.shape[3])
    batchnorm_inference(
        rows, rows, mean, variance, gamma, beta, epsilon=epsilon, activation=activation
    )


def conv2d_backward_input(dx, dy, w, *, strides, padding, dilation, groups, accumulate=False):
    kernel = w.reshape(*w.shape[:3], groups, -1)
    # (KH, KW, F / groups, groups, C / groups): the weights of a convolution from dy to dx
    turned = np.ascontiguousarray(kernel.transpose(0, 1, 4, 3, 2))
    for height, rows in _phases(0, dx, w, strides, padding, dilation):
        for across, columns in _phases(1, dx, w, strides, padding, dilation):
            part = turned[np.ix_(rows, columns)].reshape(-1, dx.shape[3])
            _correlate(dx, dy, part, None, height, across, groups, False, accumulate)


def conv2d_backward_weight(dw, db, dy, x, *, strides, padding, dilation, groups, accumulate=False):
    axes = _axes(dy, dw, strides, padding, dilation)
    taps, channels, filters = axes[0].taps * axes[1].taps, dw.shape[2], dw.shape[3] // groups
    time = 2 * dy.size * taps * channels / FLOPS
    if db is not None:
        bias_gradient(db, dy.reshape(-1, dw.shape[3]), accumulate=accumulate)
    pixels = dy.size // max(1, dw.shape[3])
    if channels == filters == 1:
        parts = np.empty((min(TILES, -(-pixels // PIXELS)), taps, groups), dw.dtype)
        _depthwise_gradient(time * FLOPS / DEPTHWISE_FLOPS, parts, dy, x, *axes)
        parts = parts.reshape(len(parts), dw.size)
        add_parts(parts.size / BANDWIDTH, dw.reshape(-1), parts, accumulate)
        return
    if few_filters_pay(filters, *axes):
        strips = len(dy) * -(-axes[0].size // STRIP)
        parts = np.empty((min(TILES, strips), dw.shape[3], taps * channels), dw.dtype)
        seen = places_seen(*axes, channels)
        for g in range(groups):
            few_filters_gradient(
                time / groups,
                parts,
                dy,
                x,
                seen,
                *axes,
                g * filters,
                filters,
                g * channels,
                channels,
            )
        _add_turned(parts.size, dw.reshape(-1, dw.shape[3]), parts, accumulate)
        return
    together = max(1, GATHERED // (PIXELS * max(1, channels)))  # taps of a chunk
    slices = min(-(-TILES * together // max(1, taps)), -(-pixels // PIXELS))
    parts = np.empty((slices, dw.shape[3], taps * channels), dw.dtype)
    for g in range(groups):
        _weight_gradient(
            time / groups, parts, dy, x, *axes, g * filters, filters, g * channels, channels,
            together,
        )  # fmt: skip
    _add_turned(parts.size, dw.reshape(-1, dw.shape[3]), parts, accumulate)


def _axes(y, w, strides, padding, dilation):
    return [
        Axis(y.shape[n + 1], 0, 1, -padding[n][0], strides[n], w.shape[n], dilation[n])
        for n in (0, 1)
    ]


def _phases(n, dx, w, strides, padding, dilation):
    """Yield, for each remainder along axis n of dx, what is computed there and by which taps."""
    stride, before, spread = strides[n], padding[n][0], dilation[n]
    for a in range(min(stride, dx.shape[n + 1])):
        taps = [i for i in range(w.shape[n]) if (a + before - i * spread) % stride == 0][::-1]
        start = (a + before - taps[0] * spread) // stride if taps else 0
        apart = (taps[0] - taps[1]) * spread // stride if len(taps) > 1 else 1
        size = -(-(dx.shape[n + 1] - a) // stride)
        yield Axis(size, a, stride, start, 1, len(taps), apart), taps


def _correlate(y, x, weights, bias, height, across, groups, relu, accumulate):
    """Convolve x with weights (taps C / groups, F) to those pixels of y that the axes name."""
    channels, filters = x.shape[3] // groups, y.shape[3] // groups
    bias = given(bias, y.dtype)
    pixels = len(y) * height.size * across.size
    flops = 2 * pixels * len(weights) * filters
    if channels == filters == 1:
        _depthwise(
            groups * flops / DEPTHWISE_FLOPS, y, x, weights, bias, height, across, relu, accumulate
        )
        return
    if few_filters_pay(filters, height, across):
        seen = places_seen(height, across, channels)
        for g in range(groups):
            few_filters(
                flops / FLOPS, y, x, weights.reshape(-1), seen, bias, height, across, g * filters,
                filters, g * channels, channels, relu, accumulate,
            )  # fmt: skip
        return
    panels = room_for_panels(len(weights), filters, y.dtype)
    for g in range(groups):
        pack_panels(
            panels.size / BANDWIDTH, panels, weights.reshape(-1), g * filters, 1, y.shape[3],
            len(weights), filters,
        )  # fmt: skip
        _group(
            flops / FLOPS, y, x, panels, bias, height, across, g * filters, filters,
            g * channels, channels, relu, accumulate,
        )  # fmt: skip


@inlined
def _pixel(number, height, across):
    """Return the image, the row and the column of an output's pixel."""
    n, q = divmod(number, height.size * across.size)
    return n, q // across.size, q % across.size


@inlined
def _following(n, i, j, height, across):
    """Return the next pixel, without the divisions that take longer than a pixel's work."""
    j += 1
    if j == across.size:
        i, j = i + 1, 0
        if i == height.size:
            n, i = n + 1, 0
    return n, i, j


@inlined
def _gather(rows, at, x, n, i, j, height, across, first, last, channel, channels):
    """Write what taps first..last - 1 of the kernel see at output (i, j) of image n to ``rows``.

    rows : flat array, written from ``at`` on, and less than a vector beyond
    x : (N, H, W, C); of each tap, ``channels`` channels from ``channel`` on
    """
    _, image_height, image_width, depth = x.shape
    flat = x.reshape(x.size)
    together = across.dilation == 1 and channels == depth  # taps side by side lie so in x
    top, edge = height.start + i * height.stride, across.start + j * across.stride
    if together and last - first == height.taps * across.taps and edge >= 0 <= top:
        bottom = top + (height.taps - 1) * height.dilation
        if bottom < image_height and edge + across.taps <= image_width:  # most pixels
            of, run = ((n * image_height + top) * image_width + edge) * depth, across.taps * depth
            for _ in range(height.taps):
                copy_run(rows, at, flat, of, run)
                at, of = at + run, of + height.dilation * image_width * depth
            return
    tap, up, left = first, first // across.taps, first % across.taps
    while tap < last:
        run = min(across.taps - left, last - tap) if together else 1
        h, w = top + up * height.dilation, edge + left * across.dilation
        before, inside = run, 0
        if 0 <= h < image_height:
            before = min(run, max(0, -w))
            inside = max(0, min(run, image_width - w) - before)
        if before:
            clear(rows, at, before * channels)
        at += before * channels
        of = ((n * image_height + h) * image_width + w + before) * depth + channel
        copy_run(rows, at, flat, of, inside * channels)
        at += inside * channels
        if before + inside < run:
            clear(rows, at, (run - before - inside) * channels)
        at += (run - before - inside) * channels
        tap, left = tap + run, left + run
        if left == across.taps:
            up, left = up + 1, 0


@tiled
def _group(
    y: F4, x: F4, panels: F1, bias: F1, height: A, across: A, filter_: N, filters: N,
    channel: N, channels: N, relu: B, accumulate: B,
):  # fmt: skip
    """Convolve one group: a tile is a block of pixels, by all filters or a part of them."""
    taps = height.taps * across.taps
    depth, wide = taps * channels, width(y)
    pixels = len(y) * height.size * across.size
    count = panel_count(y, filters)
    blocks = (pixels + BLOCK - 1) // BLOCK
    parts = min(count, max(1, TILES // max(1, blocks)))
    share = (count + parts - 1) // max(1, parts)
    to = y.reshape(y.size)
    for tile in prange(blocks * parts):
        first, p = tile // parts * BLOCK, tile % parts * share
        size = min(BLOCK, pixels - first)
        out, places = np.empty(ROWS * wide, y.dtype), np.empty(BLOCK, np.intp)
        rows = np.empty(BLOCK * depth + lanes(y), y.dtype)
        n, i, j = _pixel(first, height, across)
        for r in range(size):
            _gather(rows, r * depth, x, n, i, j, height, across, 0, taps, channel, channels)
            row = n * y.shape[1] + height.offset + i * height.spacing
            column = across.offset + j * across.spacing
            places[r] = (row * y.shape[2] + column) * y.shape[3] + filter_ + p * wide
            n, i, j = _following(n, i, j, height, across)
        block_product(
            to, places, rows, 0, depth, False, size, panels, p * depth * wide, depth,
            max(0, min(share * wide, filters - p * wide)), bias, filter_ + p * wide, relu,
            accumulate, out,
        )  # fmt: skip


@tiled
def _weight_gradient(
    parts: F3, dy: F4, x: F4, height: A, across: A, filter_: N, filters: N,
    channel: N, channels: N, together: N,
):  # fmt: skip
    """Partial sums of one group's dw: a tile is a slice of the pixels and a chunk of the taps.

    What the taps see at a pixel is a row of the second matrix here, so dw comes out turned.

    parts : (slices, F, taps C / groups)
    """
    taps, slices = height.taps * across.taps, len(parts)
    pixels = len(dy) * height.size * across.size
    step = (pixels + slices - 1) // max(1, slices)
    chunks = (taps + together - 1) // together
    none, wide = np.empty(0, dy.dtype), width(dy)
    flat, to = dy.reshape(dy.size), parts.reshape(parts.size)
    for tile in prange(slices * chunks):
        part, low = tile // chunks, tile % chunks * together
        high = min(taps, low + together)
        depth = (high - low) * channels
        out, places = np.empty(ROWS * wide, dy.dtype), np.empty(filters, np.intp)
        for f in range(filters):
            row = part * dy.shape[3] + filter_ + f
            places[f] = (row * taps + low) * channels
            clear(to, places[f], depth)
        count = panel_count(dy, depth)
        row, panels = (
            np.zeros((count + 1) * wide, dy.dtype),
            np.empty(count * PIXELS * wide, dy.dtype),
        )
        packed = np.empty((filters + ROWS) * PIXELS + lanes(dy), dy.dtype)
        end = min(pixels, (part + 1) * step)
        for first in range(part * step, end, PIXELS):
            size = min(PIXELS, end - first)
            n, i, j = _pixel(first, height, across)
            for r in range(size):
                _gather(row, 0, x, n, i, j, height, across, low, high, channel, channels)
                for p in range(count):
                    copy_panel_row(panels, (p * size + r) * wide, row, p * wide)
                n, i, j = _following(n, i, j, height, across)
            pack_rows(packed, flat, first * dy.shape[3] + filter_, dy.shape[3], filters, size)
            block_product(
                to, places, packed, 0, 0, True, filters, panels, 0, size, depth, none, 0, False,
                True, out,
            )  # fmt: skip


@tiled
def _add_turned(dw: F2, parts: F3, accumulate: B):
    """Add up the partial sums, in order, and turn them: a tile is some rows of dw."""
    rows, columns = dw.shape
    for tile in prange((rows + BLOCK - 1) // BLOCK):
        for row in range(tile * BLOCK, min(rows, (tile + 1) * BLOCK)):
            out = dw[row]
            if not accumulate:
                out[:] = 0
            for part in range(len(parts)):
                of = parts[part]
                for f in range(columns):
                    out[f] += of[f, row]


@tiled
def _depthwise(y: F4, x: F4, weights: F2, bias: F1, height: A, across: A, relu: B, accumulate: B):
    """Convolve each channel by itself: a tile is some pixels; vectors lie along the channels."""
    _, image_height, image_width, channels = x.shape
    pixels = len(y) * height.size * across.size
    to, of, by = y.reshape(y.size), x.reshape(x.size), weights.reshape(weights.size)
    body = channels - channels % lanes(x)
    for tile in prange((pixels + BLOCK - 1) // BLOCK):
        seen, places = np.empty(len(weights), np.intp), np.empty(len(weights), np.intp)
        for p in range(tile * BLOCK, min(pixels, (tile + 1) * BLOCK)):
            n, q = divmod(p, height.size * across.size)
            i, j = divmod(q, across.size)
            row = n * y.shape[1] + height.offset + i * height.spacing
            at = (row * y.shape[2] + across.offset + j * across.spacing) * channels
            count = 0
            for tap in range(len(weights)):
                h = height.start + i * height.stride + tap // across.taps * height.dilation
                w = across.start + j * across.stride + tap % across.taps * across.dilation
                if 0 <= h < image_height and 0 <= w < image_width:
                    seen[count] = ((n * image_height + h) * image_width + w) * channels
                    places[count] = tap * channels
                    count += 1
            for k in range(0, body, lanes(x)):
                total = load(to, at + k) if accumulate else splat(x.dtype.type(0))
                if bias.size:
                    total = total + load(bias, k)
                for tap in range(count):
                    total = fma(load(of, seen[tap] + k), load(by, places[tap] + k), total)
                store(to, at + k, maximum(total, splat(x.dtype.type(0))) if relu else total)
            for k in range(body, channels):
                value = to[at + k] if accumulate else x.dtype.type(0)
                if bias.size:
                    value += bias[k]
                for tap in range(count):
                    value = fma(of[seen[tap] + k], by[places[tap] + k], value)
                to[at + k] = x.dtype.type(0) if relu and value < 0 else value


@tiled
def _depthwise_gradient(parts: F3, dy: F4, x: F4, height: A, across: A):
    """Partial sums of dw (slices, taps, C) where each channel is by itself: a tile is a slice."""
    _, image_height, image_width, channels = x.shape
    slices, taps, _ = parts.shape
    pixels = len(dy) * height.size * across.size
    step = (pixels + slices - 1) // max(1, slices)
    for part in prange(slices):
        parts[part] = 0
        for p in range(part * step, min(pixels, (part + 1) * step)):
            n, q = divmod(p, height.size * across.size)
            i, j = divmod(q, across.size)
            of = dy[n, i, j]
            for tap in range(taps):
                h = height.start + i * height.stride + tap // across.taps * height.dilation
                w = across.start + j * across.stride + tap % across.taps * across.dilation
                if 0 <= h < image_height and 0 <= w < image_width:
                    out, image = parts[part, tap], x[n, h, w]
                    for k in range(channels):
                        out[k] = fma(of[k], image[k], out[k])
