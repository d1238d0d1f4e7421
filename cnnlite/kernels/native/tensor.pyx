"""Arrays rearranged, reduced, combined and converted on csrc/tensor.h.

What is decided here: which axes are merged, so that the C loops see as few and as long
ones as there are, and how the work is cut into tiles, by shape alone.
"""

cimport numpy as cnp
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from cnnlite.kernels.native.dispatch cimport (
    Workspace, borrow, cnn_kernel, dim, f32, i32, release, run, table as native, tiles_of,
)

cdef extern from "cnn.h":
    enum:
        CNN_AXES
        CNN_TENSOR_TILE
        CNN_TRANSPOSE_BLOCK
        CNN_REDUCE_COLUMNS
        CNN_ADD
        CNN_SUBTRACT
        CNN_MULTIPLY
        CNN_DIVIDE
        CNN_MAXIMUM
        CNN_MINIMUM
        CNN_GREATER_EQUAL
        CNN_DIVIDE_BY_ROOT
        CNN_AND
        CNN_OR
        CNN_FLOAT32
        CNN_FLOAT64
        CNN_INT32
        CNN_UINT8

    struct cnn_walk:
        ptrdiff_t axes
        ptrdiff_t extent[8]
        ptrdiff_t a_step[8]
        ptrdiff_t b_step[8]

    struct cnn_broadcast:
        void *y
        const void *a
        const void *b
        cnn_walk walk
        ptrdiff_t size
        int function
        float value

    struct cnn_transpose:
        void *y
        const void *x
        cnn_walk walk
        ptrdiff_t size
        ptrdiff_t fast, fast_extent, fast_step
        ptrdiff_t last_extent, last_step
        ptrdiff_t blocks_per_tile
        int rows
        int item

    struct cnn_reduce:
        float *y
        const float *x
        cnn_walk kept
        cnn_walk reduced
        ptrdiff_t outputs, inner, count
        ptrdiff_t slices, groups, column_blocks
        float scale
        int maximum
        int accumulate

    struct cnn_gather:
        float *rows
        float *table
        const int32_t *ids
        ptrdiff_t count, K, V, tiles
        int accumulate

    struct cnn_convert:
        void *y
        const void *x
        ptrdiff_t size, K
        int to "to"
        int source "from"
        uint64_t pattern
        float value

    ptrdiff_t cnn_chunks(ptrdiff_t n)
    ptrdiff_t cnn_gather_rows(ptrdiff_t K)

    ctypedef struct tensor_kernels "const struct cnn_table":
        cnn_kernel *binary
        cnn_kernel *where
        cnn_kernel *logical
        cnn_kernel *transpose
        cnn_kernel *reduce
        cnn_kernel *gather
        cnn_kernel *scatter_add
        cnn_kernel *cast
        cnn_kernel *fill
        cnn_kernel *differs

cnp.import_array()


cdef inline tensor_kernels *kernels() noexcept:
    return <tensor_kernels *>native


# Nanoseconds on one core (Zen 4) for an element that streams from the second-level cache,
# and for one that is converted.
cdef double STREAM_NS = 0.15
cdef double CONVERT_NS = 0.3

FUNCTIONS = {
    "add": CNN_ADD,
    "subtract": CNN_SUBTRACT,
    "multiply": CNN_MULTIPLY,
    "divide": CNN_DIVIDE,
    "maximum": CNN_MAXIMUM,
    "minimum": CNN_MINIMUM,
    "greater_equal": CNN_GREATER_EQUAL,
    "divide_by_root": CNN_DIVIDE_BY_ROOT,
}


# ---- walks


cdef void push(cnn_walk *w, ptrdiff_t extent, ptrdiff_t a, ptrdiff_t b) noexcept:
    """Put an axis before the others, which were pushed from the last to the first; merge it
    with the one after it where one step serves both."""
    cdef ptrdiff_t last = w.axes - 1
    if extent == 1:
        return
    if w.axes and a == w.a_step[last] * w.extent[last] and b == w.b_step[last] * w.extent[last]:
        w.extent[last] *= extent
        return
    w.extent[w.axes], w.a_step[w.axes], w.b_step[w.axes] = extent, a, b
    w.axes += 1


cdef void finish(cnn_walk *w) noexcept:
    """Turn the axes round, the first to the front; a walk has one at least."""
    cdef ptrdiff_t i = 0, j = w.axes - 1
    if w.axes == 0:
        w.axes, w.extent[0], w.a_step[0], w.b_step[0] = 1, 1, 1, 1
    while i < j:
        w.extent[i], w.extent[j] = w.extent[j], w.extent[i]
        w.a_step[i], w.a_step[j] = w.a_step[j], w.a_step[i]
        w.b_step[i], w.b_step[j] = w.b_step[j], w.b_step[i]
        i, j = i + 1, j - 1


cdef ptrdiff_t clamp(ptrdiff_t low, ptrdiff_t x, ptrdiff_t high) noexcept:
    """x within low..high; low where high is less."""
    return max(low, min(x, high))


# ---- two arrays


cdef int broadcast(cnn_broadcast *args, cnp.ndarray y, cnp.ndarray a, cnp.ndarray b) except -1:
    """Fill args for y of the shape that a and b broadcast to."""
    cdef ptrdiff_t a_step = 1, b_step = 1, extent, a_extent, b_extent
    cdef int ndim = cnp.PyArray_NDIM(y)
    cdef int a_missing = ndim - cnp.PyArray_NDIM(a), b_missing = ndim - cnp.PyArray_NDIM(b), axis
    args.y, args.a, args.b = cnp.PyArray_DATA(y), cnp.PyArray_DATA(a), cnp.PyArray_DATA(b)
    args.size, args.walk.axes = cnp.PyArray_SIZE(y), 0
    for axis in range(ndim - 1, -1, -1):
        extent = dim(y, axis)
        a_extent = dim(a, axis - a_missing) if axis >= a_missing else 1
        b_extent = dim(b, axis - b_missing) if axis >= b_missing else 1
        push(&args.walk, extent, a_step if a_extent > 1 else 0, b_step if b_extent > 1 else 0)
        a_step *= a_extent
        b_step *= b_extent
    finish(&args.walk)
    return 0


def binary(cnp.ndarray y, cnp.ndarray a, cnp.ndarray b, *, function):
    cdef cnn_broadcast args
    broadcast(&args, y, a, b)
    args.function = FUNCTIONS[function]
    run(kernels().binary, &args, cnn_chunks(args.size), args.size * STREAM_NS)


def where(cnp.ndarray y, cnp.ndarray mask, cnp.ndarray x, *, value):
    cdef cnn_broadcast args
    broadcast(&args, y, x, mask)
    args.value = value
    run(kernels().where, &args, cnn_chunks(args.size), args.size * STREAM_NS)


def logical(cnp.ndarray y, cnp.ndarray a, cnp.ndarray b, *, function):
    cdef cnn_broadcast args
    broadcast(&args, y, a, b)
    args.function = {"and": CNN_AND, "or": CNN_OR}[function]
    run(kernels().logical, &args, cnn_chunks(args.size), args.size * CONVERT_NS)


# ---- other orders


def transpose(cnp.ndarray y, cnp.ndarray x, *, axes):
    cdef cnn_transpose args
    cdef ptrdiff_t x_steps[8]
    cdef ptrdiff_t step = 1
    cdef int ndim = cnp.PyArray_NDIM(y), axis, source
    args.size, args.walk.axes = cnp.PyArray_SIZE(y), 0
    if args.size == 0:
        return
    args.y, args.x = cnp.PyArray_DATA(y), cnp.PyArray_DATA(x)
    args.item = cnp.PyArray_ITEMSIZE(y)
    for axis in range(ndim - 1, -1, -1):
        x_steps[axis] = step
        step *= dim(x, axis)
    step = 1
    for axis in range(ndim - 1, -1, -1):
        source = axes[axis]
        push(&args.walk, dim(y, axis), x_steps[source], step)
        step *= dim(y, axis)
    finish(&args.walk)
    args.rows = args.walk.a_step[args.walk.axes - 1] == 1
    if args.rows:
        run(kernels().transpose, &args, tiles_of(args.size, CNN_TENSOR_TILE), args.size * STREAM_NS)
    else:
        transpose_blocks(&args)


cdef int transpose_blocks(cnn_transpose *args) except -1:
    """Make the walk over elements one over blocks of the last axis and of x's."""
    cdef cnn_walk *w = &args.walk
    cdef ptrdiff_t last = w.axes - 1, axis = 0, block
    cdef double ns = args.size * 2 * STREAM_NS
    while w.a_step[axis] != 1:
        axis += 1
    args.fast, args.fast_extent, args.fast_step = axis, w.extent[axis], w.b_step[axis]
    args.last_extent, args.last_step = w.extent[last], w.a_step[last]
    block = min(args.fast_extent, <ptrdiff_t>CNN_TRANSPOSE_BLOCK)
    block *= min(args.last_extent, <ptrdiff_t>CNN_TRANSPOSE_BLOCK)
    args.blocks_per_tile = tiles_of(CNN_TENSOR_TILE, block)
    args.size = 1
    for axis in range(w.axes):
        if axis == args.fast or axis == last:
            w.extent[axis] = tiles_of(w.extent[axis], CNN_TRANSPOSE_BLOCK)
            w.a_step[axis] *= CNN_TRANSPOSE_BLOCK
            w.b_step[axis] *= CNN_TRANSPOSE_BLOCK
        args.size *= w.extent[axis]
    return run(kernels().transpose, args, tiles_of(args.size, args.blocks_per_tile), ns)


# ---- sums and maxima


# Tiles that a large reduction is cut in, at least; and terms times columns that a tile takes.
cdef ptrdiff_t TILES = 16
cdef ptrdiff_t REDUCE_TILE = 8192


def reduce(cnp.ndarray y, cnp.ndarray x, *, function, axes, accumulate=False):
    """As the reference.  Many terms of few results are cut in slices, each summed into an
    array of its own; then these are summed."""
    cdef cnn_reduce args
    cdef Workspace workspace
    cdef float *out = f32(y)
    cdef float scale
    if cnp.PyArray_SIZE(y) == 0:
        return
    walk_reduced(&args, x, axes)
    args.x, args.maximum = f32(x), function == "max"
    scale = 1.0 / args.count if function == "mean" else 1.0
    cut_reduce(&args)
    if args.slices == 1:
        args.y, args.scale, args.accumulate = out, scale, accumulate
        run_reduce(&args)
        return
    workspace = borrow(4 * args.slices * args.outputs * args.inner)
    try:
        args.y, args.scale, args.accumulate = <float *>workspace.data, 1, False
        run_reduce(&args)
        sum_partial(&args)
        args.y, args.scale, args.accumulate = out, scale, accumulate
        run_reduce(&args)
    finally:
        release(workspace)


cdef int walk_reduced(cnn_reduce *args, cnp.ndarray x, axes) except -1:
    """Part x's axes into kept ones, of which the last is `inner`, and reduced ones."""
    cdef ptrdiff_t step = 1, extent
    cdef int axis
    args.kept.axes = args.reduced.axes = 0
    args.outputs = args.inner = args.count = 1
    for axis in range(cnp.PyArray_NDIM(x) - 1, -1, -1):
        extent = dim(x, axis)
        if axis in axes:
            args.count *= extent
            push(&args.reduced, extent, step, 0)
        elif args.reduced.axes == 0 and args.kept.axes == 0:
            args.inner *= extent
        else:
            args.outputs *= extent
            push(&args.kept, extent, step, 0)
        step *= extent
    if args.count == 0:
        args.reduced.axes = 0
    finish(&args.kept)
    finish(&args.reduced)
    return 0


cdef int cut_reduce(cnn_reduce *args) noexcept:
    cdef ptrdiff_t tiles
    args.column_blocks = tiles_of(args.inner, CNN_REDUCE_COLUMNS)
    args.slices = 1
    args.groups = clamp(1, args.outputs * args.inner * args.count // REDUCE_TILE, args.outputs)
    tiles = args.groups * args.column_blocks
    if tiles < TILES:
        args.slices = clamp(1, TILES // tiles, args.count * args.inner // REDUCE_TILE)
    return 0


cdef int run_reduce(cnn_reduce *args) except -1:
    return run(kernels().reduce, args, args.slices * args.groups * args.column_blocks,
               args.outputs * args.inner * (5 + args.count * STREAM_NS))


cdef int sum_partial(cnn_reduce *args) noexcept:
    """Make args reduce what it wrote: its slices."""
    args.x, args.count = args.y, args.slices
    args.inner *= args.outputs
    args.outputs = 1
    args.kept.axes = args.reduced.axes = 0
    push(&args.reduced, args.slices, args.inner, 0)
    finish(&args.kept)
    finish(&args.reduced)
    cut_reduce(args)
    args.slices = 1
    return 0


# ---- rows of a table


def gather(cnp.ndarray y, cnp.ndarray table, cnp.ndarray ids):
    cdef cnn_gather args = gathered(y, table, ids)
    run(kernels().gather, &args, tiles_of(args.count, cnn_gather_rows(args.K)), y.size * STREAM_NS)


def scatter_add(cnp.ndarray dtable, cnp.ndarray dy, cnp.ndarray ids, *, accumulate=False):
    cdef cnn_gather args = gathered(dy, dtable, ids)
    args.accumulate = accumulate
    args.tiles = min(args.V, TILES)
    run(kernels().scatter_add, &args, args.tiles, (dy.size + dtable.size) * 2 * STREAM_NS)


cdef cnn_gather gathered(cnp.ndarray rows, cnp.ndarray table, cnp.ndarray ids):
    cdef cnn_gather args
    args.rows, args.table, args.ids = f32(rows), f32(table), i32(ids)
    args.count, args.K, args.V = dim(ids, 0), dim(table, 1), dim(table, 0)
    args.tiles, args.accumulate = 0, False
    return args


# ---- types


cdef int type_of(cnp.ndarray a) except -1:
    return {"f": CNN_FLOAT32, "d": CNN_FLOAT64, "i": CNN_INT32, "B": CNN_UINT8}[a.dtype.char]


cdef cnn_convert converted(cnp.ndarray y, cnp.ndarray x):
    cdef cnn_convert args
    args.y = cnp.PyArray_DATA(y)
    args.x = NULL if x is None else cnp.PyArray_DATA(x)
    args.size, args.K, args.pattern, args.value = cnp.PyArray_SIZE(y), 1, 0, 0
    args.to, args.source = type_of(y), CNN_FLOAT32 if x is None else type_of(x)
    return args


def cast(cnp.ndarray y, cnp.ndarray x):
    cdef cnn_convert args = converted(y, x)
    run(kernels().cast, &args, cnn_chunks(args.size), args.size * CONVERT_NS)


def fill(cnp.ndarray y, *, value):
    cdef cnn_convert args = converted(y, None)
    element = y.dtype.type(value).tobytes() * 8
    memcpy(&args.pattern, <const char *>element, 8)
    args.size *= cnp.PyArray_ITEMSIZE(y)
    run(kernels().fill, &args, tiles_of(args.size, 4 * CNN_TENSOR_TILE), args.size * STREAM_NS / 4)


def differs(cnp.ndarray y, cnp.ndarray x, *, value):
    cdef cnn_convert args = converted(y, x)
    args.K, args.value = dim(x, 1), value
    run(kernels().differs, &args, tiles_of(args.size, cnn_gather_rows(args.K)), x.size * STREAM_NS)
