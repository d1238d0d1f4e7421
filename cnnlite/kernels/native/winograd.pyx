"""Winograd's convolution (csrc/winograd.h): the switch, the rule that chooses it, the run."""

from cnnlite import config

from cnnlite.kernels.native.dispatch cimport Workspace, borrow, cnn_kernel, release, run, table
from cnnlite.kernels.native.product cimport (
    FLOPS_PER_NS, TILES, ceil_div, clamp, packed_width, run_pack,
)

cdef extern from "cnn.h":
    ctypedef struct winograd_kernels "const struct cnn_table":
        cnn_kernel *winograd
        cnn_kernel *winograd_weights
        cnn_kernel *winograd_patches
        cnn_kernel *winograd_sums
        cnn_kernel *winograd_gradient

cdef extern from "winograd.h":
    enum:
        CNN_PLACES
        CNN_PATCH_FILTERS
        CNN_PATCH_BLOCK

    struct cnn_winograd_weights:
        float *transformed
        const float *packed
        ptrdiff_t channels, filters, place, blocks

    struct cnn_winograd:
        cnn_correlate of
        const float *transformed
        ptrdiff_t place, patches

    struct cnn_winograd_gradient:
        cnn_correlate of
        float *dw
        const float *dy
        float *x_patches
        float *dy_patches
        float *sums
        ptrdiff_t first, count, most, x_row, dy_row, channel_blocks
        bint accumulate

    ptrdiff_t cnn_patches(ptrdiff_t pixels)
    ptrdiff_t cnn_patch_floats(ptrdiff_t channels)
    size_t cnn_winograd_scratch(const cnn_winograd *a)


cdef inline winograd_kernels *kernels() noexcept:
    return <winograd_kernels *>table


cdef bint wanted = config.flag("CNNLITE_WINOGRAD", True)


def set_winograd(enabled):
    """Whether convolutions may be computed Winograd's way, in the whole process.

    On the native back end that way is two to three times as fast for filters of 3 x 3 without
    strides, between 16 or more channels.  It rounds differently: the root-mean-square error is
    about twice the direct sum's, and a NaN or an infinity in a pixel spreads to all outputs of
    its 4 x 4 patch.

    Parameters
    ----------
    enabled : bool

    Examples
    --------
    >>> import cnnlite
    >>> cnnlite.set_winograd(False)
    >>> cnnlite.get_winograd()
    False
    >>> cnnlite.set_winograd(True)
    """
    global wanted
    if not isinstance(enabled, bool):
        raise TypeError(f"set_winograd: enabled must be True or False. Got {enabled!r}.")
    wanted = enabled


def get_winograd():
    """Return whether convolutions may be computed Winograd's way.

    Examples
    --------
    >>> import cnnlite
    >>> cnnlite.get_winograd()
    True
    """
    return bool(wanted)


# Vectors stand idle on fewer channels, or filters.
cdef ptrdiff_t FEWEST = 16
# What a step costs, in multiply-adds of the direct sum: a product of the sums over channels, a
# number of a patch to be transformed (there or back), one of the filters.  Fitted to times of 30
# shapes on two Zen 4 cores: it misses gains of up to 1.2, and chose no shape that was slower.
cdef double PRODUCT = 1.1
cdef double PIXEL = 14
cdef double WEIGHT = 9


cdef inline double patches_of(const cnn_correlate *args) noexcept:
    return <double>args.images * cnn_patches(args.h.out) * cnn_patches(args.w.out)


cdef bint suits(const cnn_correlate *args) noexcept:
    cdef double channels = args.channels, filters = args.group_filters, direct, patches
    if not (
        wanted and args.h.taps == 3 and args.w.taps == 3 and args.groups == 1
        and args.h.stride == 1 and args.w.stride == 1 and args.h.step == 1 and args.w.step == 1
        and args.channels >= FEWEST and args.group_filters >= FEWEST
    ):
        return False
    direct = 9.0 * args.images * args.h.out * args.w.out * channels * filters
    patches = patches_of(args)
    return direct > CNN_PLACES * (
        PRODUCT * patches * channels * filters + PIXEL * patches * (channels + filters)
        + WEIGHT * channels * filters
    )


# Patches of a tile: what they become on the way takes so much of a core's L2 cache (1 MB), the
# rest is for the filters that stream by.  From 300 KB to 1 MB the times differ by 5%.
cdef ptrdiff_t TILE_BYTES = 450 * 1024
cdef enum:
    ROWS = 6  # of the micro-kernel's tiles
    MOST_PATCHES = 48


cdef int correlate(const cnn_correlate *of, cnn_pack *pack) except -1:
    cdef cnn_winograd args
    cdef cnn_winograd_weights weights
    cdef ptrdiff_t patches = <ptrdiff_t>patches_of(of), rows
    cdef ptrdiff_t channels = of.channels, filters = of.group_filters
    cdef double ns = 2 * PRODUCT * CNN_PLACES * channels * filters / FLOPS_PER_NS
    cdef Workspace workspace
    rows = TILE_BYTES // (4 * CNN_PLACES * (channels + CNN_PATCH_FILTERS))
    rows = min(rows, ceil_div(patches, TILES))
    args.of, args.patches = of[0], ceil_div(clamp(1, rows, MOST_PATCHES), ROWS) * ROWS
    args.place = weights.place = channels * packed_width(filters)

    pack.taps_h = pack.taps_w = 3
    pack.packed_group, pack.block = 0, CNN_PATCH_FILTERS
    workspace = borrow(4 * (9 + CNN_PLACES) * args.place + 64)
    try:
        pack.packed = <float *>workspace.data
        run_pack(pack)
        weights.packed, weights.transformed = pack.packed, pack.packed + 9 * args.place
        weights.channels, weights.filters = channels, filters
        weights.blocks = min(channels, TILES)
        run(kernels().winograd_weights, &weights, weights.blocks,
            CNN_PLACES * WEIGHT * channels * filters / FLOPS_PER_NS)
        args.transformed = weights.transformed
        run(kernels().winograd, &args, ceil_div(patches, args.patches), ns * patches,
            cnn_winograd_scratch(&args))
    finally:
        release(workspace)
    return 0


# Patches at a time on the way to the gradient: what they become takes so much of the L2 and L3
# caches (12 MB were a fifth slower), but for many channels the sums cost more: 512 channels took
# 83 ms with 27 patches at a time, 67 with 80.
cdef ptrdiff_t CHUNK_BYTES = 4 * 1024 * 1024
cdef enum:
    LEAST_SUMMED = 64
    MOST_SUMMED = 512


cdef int weight_gradient(
    const cnn_correlate *of, float *dw, const float *dy, bint accumulate
) except -1:
    cdef cnn_winograd_gradient args
    cdef ptrdiff_t patches = <ptrdiff_t>patches_of(of), channels = of.channels
    cdef ptrdiff_t filters = of.group_filters, most, chunk, chunks
    cdef double share
    cdef Workspace workspace
    args.of, args.dw, args.dy, args.accumulate = of[0], dw, dy, accumulate
    args.x_row, args.dy_row = cnn_patch_floats(channels), cnn_patch_floats(filters)
    most = CHUNK_BYTES // (4 * CNN_PLACES * (args.x_row + args.dy_row))
    chunks = ceil_div(patches, clamp(LEAST_SUMMED, most, MOST_SUMMED))
    args.most, args.first = ceil_div(patches, chunks), 0
    args.channel_blocks = ceil_div(channels, 64)
    workspace = borrow(
        4 * CNN_PLACES * (args.most * (args.x_row + args.dy_row) + channels * filters)
    )
    try:
        args.x_patches = <float *>workspace.data
        args.dy_patches = args.x_patches + CNN_PLACES * args.most * args.x_row
        args.sums = args.dy_patches + CNN_PLACES * args.most * args.dy_row
        for chunk in range(chunks):
            args.count = patches * (chunk + 1) // chunks - args.first
            share = 2.0 * CNN_PLACES * args.count / FLOPS_PER_NS
            run(kernels().winograd_patches, &args, ceil_div(args.count, CNN_PATCH_BLOCK),
                PIXEL * share * (channels + filters), 4 * args.x_row)
            run(kernels().winograd_sums, &args, CNN_PLACES * args.channel_blocks,
                PRODUCT * share * channels * filters)
            args.first += args.count
        args.channel_blocks = min(channels, TILES)
        run(kernels().winograd_gradient, &args, args.channel_blocks,
            2 * CNN_PLACES * WEIGHT * channels * filters / FLOPS_PER_NS)
    finally:
        release(workspace)
    return 0
