"""Convolutions: the windows, the sizes of the blocks, packing, phases.

One micro-kernel in C serves products and convolutions (csrc/kernels/tile.h).  A sum
runs over taps, then channels (for weights: over pixels), cut only by shape: bits never
depend on the number of threads.
"""

cimport numpy as cnp

import numpy as np

from cnnlite.kernels.native.dispatch cimport (
    CNN_LINEAR, Workspace, borrow, cnn_kernel, dim, f32, function_code, release, run, table,
)
from cnnlite.kernels.native.product cimport (
    COLUMNS, FLOPS_PER_NS, TILES, ceil_div, clamp, cnn_blocks, cnn_correlate,
    cnn_correlate_scratch, cnn_matmul, cnn_pack, cnn_scatter, cnn_scatter_scratch,
    cnn_weight_gradient, cnn_weight_gradient_scratch, cnn_window, packed_width,
    run_pack, sum_slices,
)
from cnnlite.kernels.native cimport winograd

from cnnlite.kernels.native.elementwise import unary
from cnnlite.kernels.native.normalization cimport norm_of
from cnnlite.kernels.native.normalization import batchnorm_inference
from cnnlite.kernels.native.rows import bias_gradient

cdef extern from "cnn.h":
    ctypedef struct conv2d_kernels "const struct cnn_table":
        cnn_kernel *correlate
        cnn_kernel *depthwise
        cnn_kernel *scatter
        cnn_kernel *weight_gradient
        cnn_kernel *depthwise_weight_gradient
        cnn_kernel *planes

    enum:
        CNN_PLANES_MOST
    size_t cnn_planes_scratch(const cnn_correlate *a)

cnp.import_array()


cdef inline conv2d_kernels *kernels() noexcept:
    return <conv2d_kernels *>table


cdef inline cnn_window window(
    ptrdiff_t size, ptrdiff_t out, ptrdiff_t stride, ptrdiff_t taps, ptrdiff_t first, ptrdiff_t step
) noexcept:
    cdef cnn_window w
    w.size, w.out, w.stride, w.taps, w.first, w.step = size, out, stride, taps, first, step
    return w


cdef cnn_blocks pixel_blocks(
    ptrdiff_t images, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t pixels, ptrdiff_t tiles
) noexcept:
    """Blocks of about so many pixels, fewer where that would give fewer than `tiles`."""
    cdef cnn_blocks blocks
    cdef ptrdiff_t image = max(1, rows * columns)
    blocks.images = clamp(1, min(pixels // image, images // tiles), images)
    blocks.rows = max(1, rows)
    if image > pixels or images < tiles:
        blocks.images = 1
        tiles = max(ceil_div(image, pixels), tiles // max(1, images))
        blocks.rows = max(1, ceil_div(rows, tiles))
    return blocks


def conv2d_forward(
    cnp.ndarray y,
    cnp.ndarray x,
    cnp.ndarray w,
    cnp.ndarray bias,
    *,
    strides,
    padding,
    dilation,
    groups,
    activation=None,
):
    """As the reference: each output pixel is a row of a matrix product, read in place
    through the offsets of the taps (no im2col; padding is copied in block by block).  A y of
    few channels from many is instead added up from what each pixel of x sends."""
    cdef cnn_correlate args
    args.norm.mean = NULL
    if suits_send(y, x, w, strides, dilation, groups):
        send(y, x, w, bias, padding, activation)
    else:
        forward(&args, y, x, w, bias, strides, padding, dilation, groups, activation)


def conv2d_batchnorm(
    cnp.ndarray y,
    cnp.ndarray x,
    cnp.ndarray w,
    cnp.ndarray bias,
    cnp.ndarray mean,
    cnp.ndarray variance,
    cnp.ndarray gamma,
    cnp.ndarray beta,
    *,
    strides,
    padding,
    dilation,
    groups,
    epsilon,
    activation=None,
):
    """As the reference: a tile of outputs is normalized while it is in the L1 cache.  The bits are
    those of the two operations one after the other."""
    cdef cnn_correlate args
    cdef Workspace workspace
    cdef cnp.ndarray flat
    if suits_send(y, x, w, strides, dilation, groups) or dim(w, 3) <= CNN_PLANES_MOST:
        conv2d_forward(
            y, x, w, bias, strides=strides, padding=padding, dilation=dilation, groups=groups
        )
        flat = y.reshape(-1, y.shape[3])
        batchnorm_inference(
            flat, flat, mean, variance, gamma, beta, epsilon=epsilon, activation=activation
        )
        return
    workspace = borrow(sizeof(float) * 2 * (dim(w, 3) + 16))
    try:
        args.norm = norm_of(mean, variance, gamma, beta, epsilon, <float *>workspace.data)
        forward(&args, y, x, w, bias, strides, padding, dilation, groups, activation)
    finally:
        release(workspace)


cdef int forward(
    cnn_correlate *args, cnp.ndarray y, cnp.ndarray x, cnp.ndarray w, cnp.ndarray bias,
    strides, padding, dilation, groups, activation,
) except -1:
    cdef cnn_pack pack
    cdef ptrdiff_t kh = dim(w, 0), kw = dim(w, 1)
    args.out, args.image, args.bias = f32(y), f32(x), f32(bias)
    args.images, args.channels, args.groups = dim(x, 0), dim(x, 3), groups
    args.group_channels, args.group_filters = dim(w, 2), dim(w, 3) // args.groups
    args.h = window(dim(x, 1), dim(y, 1), strides[0], kh, -padding[0][0], dilation[0])
    args.w = window(dim(x, 2), dim(y, 2), strides[1], kw, -padding[1][0], dilation[1])
    args.out_pixel = dim(y, 3)
    args.out_row = args.w.out * args.out_pixel
    args.out_image = args.h.out * args.out_row
    args.accumulate, args.function = False, function_code(activation)

    pack.b, pack.groups, pack.group = f32(w), args.groups, args.group_filters
    pack.len, pack.n, pack.row, pack.column = dim(w, 2), args.group_filters, dim(w, 3), 1
    pack.tap_w = pack.len * pack.row
    pack.tap_h = kw * pack.tap_w
    return correlate(args, &pack)


cdef int correlate(cnn_correlate *args, cnn_pack *pack) except -1:
    """Pack the weights, choose the blocks, run."""
    cdef ptrdiff_t k = args.h.taps * args.w.taps * args.group_channels, tiles, filters
    cdef ptrdiff_t pixels = args.images * args.h.out * args.w.out
    cdef double work = 1.0 * k * args.group_filters * args.groups  # FMA per pixel
    cdef Workspace workspace
    if pixels == 0:
        return 0
    if args.out_pixel == args.group_filters and winograd.suits(args):
        return winograd.correlate(args, pack)

    tiles = ceil_div(pixels, 256)
    filters = clamp(1, TILES // tiles, ceil_div(args.group_filters, COLUMNS))
    args.filter_block = ceil_div(ceil_div(args.group_filters, filters), COLUMNS) * COLUMNS
    filters = ceil_div(args.group_filters, args.filter_block)
    args.blocks = pixel_blocks(
        args.images, args.h.out, args.w.out,
        clamp(256, <ptrdiff_t>(4e6 / (work + 1)), 1024), ceil_div(TILES, filters),
    )
    tiles = (filters * ceil_div(args.images, args.blocks.images)
             * ceil_div(args.h.out, args.blocks.rows))

    pack.taps_h, pack.taps_w = args.h.taps, args.w.taps
    pack.block = args.filter_block
    if in_planes(args):
        return planes(args, pack, work)
    if args.group_channels == 1 and args.group_filters == 1:
        return depthwise(args, pack, work)
    args.packed_group = pack.packed_group = k * packed_width(args.group_filters)
    workspace = borrow(4 * args.groups * args.packed_group + 64)
    try:
        pack.packed = <float *>workspace.data
        args.packed = pack.packed
        if k:
            run_pack(pack)
        run(kernels().correlate, args, tiles, 2 * work * pixels / FLOPS_PER_NS,
            cnn_correlate_scratch(args))
    finally:
        release(workspace)
    return 0


cdef int depthwise(cnn_correlate *args, cnn_pack *pack, double work) except -1:
    """Each channel with its own filter: vectors lie along channels."""
    cdef ptrdiff_t tiles = args.images * ceil_div(args.h.out, args.blocks.rows)
    cdef Workspace workspace = borrow(
        4 * args.h.taps * args.w.taps * packed_width(args.channels) + 64
    )
    try:
        pack.packed = <float *>workspace.data
        args.packed = pack.packed
        pack.groups, pack.n, pack.block, pack.column = 1, args.channels, args.channels, 1
        args.blocks.images = 1
        if pack.taps_h and pack.taps_w:
            run_pack(pack)
        run(kernels().depthwise, args, tiles, 4 * work * args.images * args.h.out * args.w.out
            / FLOPS_PER_NS, 0)
    finally:
        release(workspace)
    return 0


# Pixels lie side by side in vectors where channels and filters are too few to fill one:
# LeNet's first layer takes two thirds of the time.
cdef enum:
    PLANE_CHANNELS = 4
    PLANE_WIDTH = 8
    PLANE_FLOATS = 6144  # of a block's outputs: with what they see in the L1 cache


cdef bint in_planes(const cnn_correlate *a) noexcept:
    return (
        a.groups == 1 and not a.accumulate and a.out_pixel == a.group_filters
        and a.channels <= PLANE_CHANNELS and a.group_filters <= CNN_PLANES_MOST
        and a.h.stride == a.w.stride == 1 and a.h.taps * a.w.taps > 1 and a.w.out >= PLANE_WIDTH
    )


cdef int planes(cnn_correlate *args, cnn_pack *pack, double work) except -1:
    """From few channels to few filters: vectors lie along the pixels."""
    cdef ptrdiff_t k = args.h.taps * args.w.taps * args.channels
    cdef Workspace workspace = borrow(4 * k * packed_width(args.group_filters) + 64)
    try:
        pack.packed = <float *>workspace.data
        args.packed = pack.packed
        args.blocks.images = 1
        args.blocks.rows = clamp(
            1, PLANE_FLOATS // (args.group_filters * args.w.out), args.h.out
        )
        run_pack(pack)
        run(kernels().planes, args, args.images * ceil_div(args.h.out, args.blocks.rows),
            2 * work * args.images * args.h.out * args.w.out / FLOPS_PER_NS,
            cnn_planes_scratch(args))
    finally:
        release(workspace)
    return 0


def conv2d_backward_input(
    cnp.ndarray dx,
    cnp.ndarray dy,
    cnp.ndarray w,
    *,
    strides,
    padding,
    dilation,
    groups,
    accumulate=False,
):
    """As the reference: a convolution of dy with the transposed filters, their taps in
    reverse.  With strides, pixels of dx that differ in position modulo the stride see
    different taps: one convolution for each of these phases.  A dx of few channels is
    instead added up from what each pixel of dy sends back."""
    cdef cnn_correlate args
    cdef cnn_pack pack
    cdef ptrdiff_t kh = dim(w, 0), kw = dim(w, 1), top = padding[0][0], left = padding[1][0]
    cdef ptrdiff_t sh = strides[0], sw = strides[1], dh = dilation[0], dw = dilation[1]
    cdef ptrdiff_t channels = dim(dx, 3), ph, pw, i, j, i_step, j_step
    if dim(dx, 3) <= FEW_CHANNELS and groups == 1 and dw == 1 and dx.size and dy.size:
        scatter(dx, dy, w, strides, padding, dh, accumulate)
        return
    args.image, args.bias, args.norm.mean = f32(dy), NULL, NULL
    args.images, args.channels, args.groups = dim(dy, 0), dim(dy, 3), groups
    args.group_channels, args.group_filters = dim(dy, 3) // args.groups, dim(w, 2)
    args.out_image = dim(dx, 1) * dim(dx, 2) * channels
    args.out_row, args.out_pixel = sh * dim(dx, 2) * channels, sw * channels
    args.accumulate, args.function = accumulate, CNN_LINEAR

    pack.groups, pack.group = args.groups, args.group_channels
    pack.len, pack.n, pack.row, pack.column = args.group_channels, dim(w, 2), 1, dim(w, 3)
    for ph in range(min(sh, dim(dx, 1))):
        args.h = phase(dim(dy, 1), ceil_div(dim(dx, 1) - ph, sh), ph + top, sh, dh, kh, &i, &i_step)
        for pw in range(min(sw, dim(dx, 2))):
            args.w = phase(
                dim(dy, 2), ceil_div(dim(dx, 2) - pw, sw), pw + left, sw, dw, kw, &j, &j_step
            )
            pack.tap_h = -i_step * kw * dim(w, 2) * dim(w, 3)
            pack.tap_w = -j_step * dim(w, 2) * dim(w, 3)
            pack.b = f32(w) + (i * kw + j) * dim(w, 2) * dim(w, 3)
            args.out = f32(dx) + (ph * dim(dx, 2) + pw) * channels
            correlate(&args, &pack)


# Up to here scatter beats correlate, which uses 8 or 16 lanes for these channels.
cdef ptrdiff_t FEW_CHANNELS = 8


cdef int scatter(
    cnp.ndarray dx, cnp.ndarray dy, cnp.ndarray w, strides, padding, ptrdiff_t dilation_h,
    bint accumulate,
) except -1:
    cdef cnn_scatter args
    cdef cnn_pack pack
    cdef ptrdiff_t columns, row_columns, blocks
    cdef double flops
    cdef Workspace workspace
    args.dx, args.dy, args.accumulate = f32(dx), f32(dy), accumulate
    args.images, args.channels, args.filters = dim(dx, 0), dim(dx, 3), dim(dy, 3)
    args.h = window(dim(dx, 1), dim(dy, 1), strides[0], dim(w, 0), -padding[0][0], dilation_h)
    args.w = window(dim(dx, 2), dim(dy, 2), strides[1], dim(w, 1), -padding[1][0], 1)
    row_columns = args.w.taps * args.channels
    columns = args.h.taps * row_columns
    flops = 2.0 * columns * dy.size
    args.by_rows = fills_rows(args.h.taps, row_columns)
    # Blocks of rows compute the rows between them twice, so few, and only of few images.
    blocks = clamp(1, TILES // args.images, args.h.size // (4 * args.h.taps))
    args.rows = ceil_div(args.h.size, blocks)
    pack.groups = args.h.taps if args.by_rows else 1
    pack.n = row_columns if args.by_rows else columns
    pack.group, pack.block = row_columns * args.filters, packed_width(pack.n)
    pack.packed_group = args.packed_row = args.filters * pack.block
    pack.taps_h = pack.taps_w = pack.row = 1
    pack.tap_h = pack.tap_w = 0
    pack.len = pack.column = args.filters
    workspace = borrow(4 * pack.groups * pack.packed_group)
    try:
        args.packed = pack.packed = <float *>workspace.data
        pack.b = f32(w)
        run_pack(&pack)
        run(kernels().scatter, &args, args.images * ceil_div(args.h.size, args.rows),
            flops / FLOPS_PER_NS, cnn_scatter_scratch(&args, table.vector_floats))
    finally:
        release(workspace)
    return 0


cdef bint fills_rows(ptrdiff_t rows, ptrdiff_t row_columns) noexcept:
    """Whether the rows of a patch, each in vectors of its own, take at most a tenth more vectors
    than all in one: then what that costs is less than to write the patches and add them up."""
    cdef ptrdiff_t lanes = table.vector_floats
    return 10 * rows * ceil_div(row_columns, lanes) <= 11 * ceil_div(rows * row_columns, lanes)


# To a few filters from many channels a sum would fill a lane or two of a vector; what a pixel
# sends to all of its taps fills more: 3 x 3 from 256 channels to 1 is 2.8 times as fast, from 32 to
# 3 twice, 5 x 5 from 384 to 1 seven times.
cdef enum:
    FEW_FILTERS = 4
    MANY_CHANNELS = 16


cdef bint suits_send(
    cnp.ndarray y, cnp.ndarray x, cnp.ndarray w, strides, dilation, groups
) except -1:
    return (
        dim(w, 3) <= FEW_FILTERS and dim(w, 2) >= MANY_CHANNELS and dim(w, 0) * dim(w, 1) > 1
        and groups == 1 and strides[0] == strides[1] == dilation[0] == dilation[1] == 1
        and x.size and y.size
    )


cdef int send(
    cnp.ndarray y, cnp.ndarray x, cnp.ndarray w, cnp.ndarray bias, padding, activation
) except -1:
    """The forward pass as the gradient of an input, y, whose outputs are x: the taps in reverse."""
    reverse = [(dim(w, i) - 1 - before, 0) for i, (before, _) in enumerate(padding)]
    turned = np.ascontiguousarray(w[::-1, ::-1].transpose(0, 1, 3, 2))
    y[...] = 0 if bias is None else bias
    scatter(y, x, turned, (1, 1), reverse, 1, True)
    if activation is not None:
        unary(y, y, function=activation)
    return 0


cdef cnn_window phase(
    ptrdiff_t size, ptrdiff_t out, ptrdiff_t position, ptrdiff_t stride, ptrdiff_t dilation,
    ptrdiff_t taps, ptrdiff_t *last, ptrdiff_t *period,
) noexcept:
    """What the pixels of dx at position, position + stride, ... (counted in the padded
    image) see: dy[q + (position - i * dilation) / stride] through every tap i for which
    that divides; i = last, last - period, ..."""
    cdef ptrdiff_t i, count = 0
    last[0] = period[0] = 0
    for i in range(taps):
        if (position - i * dilation) % stride == 0:
            if count == 1:
                period[0] = i - last[0]
            last[0] = i
            count += 1
    return window(
        size, out, 1, count, (position - last[0] * dilation) // stride if count else 0,
        period[0] * dilation // stride if count > 1 else 1,
    )


def conv2d_backward_weight(
    cnp.ndarray dw,
    cnp.ndarray db,
    cnp.ndarray dy,
    cnp.ndarray x,
    *,
    strides,
    padding,
    dilation,
    groups,
    accumulate=False,
):
    """As the reference: rows of dw are rows of a matrix product over all pixels, which
    are summed in a few slices chosen by shape, and the slices in order."""
    cdef cnn_weight_gradient args
    cdef cnn_correlate of
    if x.size == 0 or dy.size == 0:
        if not accumulate:
            dw.fill(0)
            if db is not None:
                db.fill(0)
        return
    args.dw, args.db, args.dy, args.x = f32(dw), f32(db), f32(dy), f32(x)
    args.images, args.channels, args.filters = dim(x, 0), dim(x, 3), dim(dw, 3)
    args.groups, args.group_channels = groups, dim(dw, 2)
    args.group_filters = args.filters // args.groups
    args.h = window(
        dim(x, 1), dim(dy, 1), strides[0], dim(dw, 0), -padding[0][0], dilation[0]
    )
    args.w = window(
        dim(x, 2), dim(dy, 2), strides[1], dim(dw, 1), -padding[1][0], dilation[1]
    )
    of.image, of.images, of.channels, of.groups = args.x, args.images, args.channels, groups
    of.group_filters, of.h, of.w = args.group_filters, args.h, args.w
    if winograd.suits(&of):
        winograd.weight_gradient(&of, args.dw, args.dy, accumulate)
        if db is not None:
            bias_gradient(db, dy.reshape(-1, args.filters), accumulate=accumulate)
    elif (
        groups == strides[0] == strides[1] == 1
        and share_of_lanes(args.channels) > 1.1 * share_of_lanes(args.filters)
        and 1.0 * dw.size * args.images * args.h.out * args.w.out > LEAST_SWAPPED
        and swapped_sums(dw, dy, x, padding, dilation, accumulate)
    ):
        if db is not None:
            bias_gradient(db, dy.reshape(-1, args.filters), accumulate=accumulate)
    else:
        weight_sums(&args, accumulate)


# Multiply-adds of which the turn of dw, 5 us of Python, is a small part.
cdef double LEAST_SWAPPED = 5e5


cdef double share_of_lanes(ptrdiff_t n) noexcept:
    """What n columns use of a product's vectors.  A half vector, where it suffices, is a quarter
    slower than its lanes say: with eight the loads of the other factor take as long."""
    if 2 * n <= table.vector_floats:
        return 1.5 * n / table.vector_floats
    return <double>n / packed_width(n)


cdef bint swapped_sums(
    cnp.ndarray dw, cnp.ndarray dy, cnp.ndarray x, padding, dilation, bint accumulate
) except -1:
    """Where the filters would leave lanes idle, vectors lie along the channels: dy is the image,
    which the pixels of x see through the taps in reverse.  From 64 channels to 1, 8, 17 or 50
    filters it is 10, 1.35, 2.1 and 1.2 times as fast.

    False, and nothing done, where there is a NaN: then a NaN or an infinity of x met a zero that
    frames dy, or its own dy, and which of dw have a NaN is for the usual way to tell."""
    cdef cnn_weight_gradient args
    cdef ptrdiff_t kh = dim(dw, 0), kw = dim(dw, 1), dh = dilation[0], d_w = dilation[1]
    cdef cnp.npy_intp shape[4]
    cdef cnp.ndarray turned
    cdef Workspace workspace = borrow(sizeof(float) * dw.size)
    shape[0], shape[1], shape[2], shape[3] = kh, kw, dim(dw, 3), dim(dw, 2)
    turned = cnp.PyArray_SimpleNewFromData(4, shape, cnp.NPY_FLOAT32, workspace.data)
    args.dw, args.db, args.dy, args.x = f32(turned), NULL, f32(x), f32(dy)
    args.images, args.channels, args.filters, args.groups = dim(x, 0), dim(dy, 3), dim(x, 3), 1
    args.group_channels, args.group_filters = args.channels, args.filters
    args.h = window(dim(dy, 1), dim(x, 1), 1, kh, padding[0][0] - (kh - 1) * dh, dh)
    args.w = window(dim(dy, 2), dim(x, 2), 1, kw, padding[1][0] - (kw - 1) * d_w, d_w)
    try:
        weight_sums(&args, False)
        if np.isnan(turned.min()):
            return False
        found = turned[::-1, ::-1].transpose(0, 1, 3, 2)
        np.add(dw, found, out=dw) if accumulate else np.copyto(dw, found)
    finally:
        release(workspace)
    return True


cdef int weight_sums(cnn_weight_gradient *args, bint accumulate) except -1:
    """Choose the blocks and the slices, and run."""
    cdef ptrdiff_t taps = args.h.taps * args.w.taps, filters, channels, tiles, blocks
    cdef ptrdiff_t size = taps * args.group_channels * args.filters
    cdef double ns = 2.0 * size * args.images * args.h.out * args.w.out / FLOPS_PER_NS
    cdef cnn_kernel *kernel = kernels().weight_gradient
    cdef float *dw = args.dw
    cdef float *db = args.db
    cdef Workspace workspace
    # A copy of x in blocks of channels costs a few reads of x; enough filters repay it.
    args.copy_blocked = args.group_channels >= 16 and taps * args.group_filters >= 64
    args.filter_block = COLUMNS if taps > 4 else 4 * COLUMNS
    filters = ceil_div(args.group_filters, args.filter_block)
    args.channel_block = args.group_channels
    if args.copy_blocked:
        channels = clamp(
            1, TILES // filters,
            min(args.group_channels // 48, taps * args.group_channels // 192),
        )
        args.channel_block = ceil_div(args.group_channels, channels)
    channels = ceil_div(args.group_channels, args.channel_block)
    args.blocks = pixel_blocks(args.images, args.h.out, args.w.out, 512, TILES)
    blocks = ceil_div(args.images, args.blocks.images) * ceil_div(args.h.out, args.blocks.rows)
    args.slices = clamp(1, ceil_div(TILES, filters * channels), blocks)
    tiles = args.slices * channels * filters
    if args.group_channels == 1 and args.group_filters == 1:
        kernel = kernels().depthwise_weight_gradient
    args.dw_slice = args.db_slice = 0
    args.accumulate = accumulate
    if args.slices == 1:
        return run(kernel, args, tiles, ns, cnn_weight_gradient_scratch(args))

    workspace = borrow(4 * args.slices * (size + args.filters))
    try:
        args.dw = <float *>workspace.data
        args.db = args.dw + args.slices * size if db != NULL else NULL
        args.dw_slice, args.db_slice, args.accumulate = size, args.filters, False
        run(kernel, args, tiles, ns, cnn_weight_gradient_scratch(args))
        sum_slices(dw, args.dw, size, args.slices, accumulate)
        if db != NULL:
            sum_slices(db, args.db, args.filters, args.slices, accumulate)
    finally:
        release(workspace)
    return 0
