"""Matrix products: the sizes of the blocks, and packing.

One micro-kernel in C serves products and convolutions (csrc/kernels/tile.h).  A sum
runs in the order of k, cut only by shape: bits never depend on the number of threads.
Levels with FMA round each product-sum once.
"""

cimport numpy as cnp

from cnnlite.kernels.native.dispatch cimport (
    CNN_LINEAR, Workspace, borrow, cnn_kernel, dim, f32, function_code, release, run, table,
)

cdef extern from "cnn.h":
    ctypedef struct product_kernels "const struct cnn_table":
        cnn_kernel *pack
        cnn_kernel *sum_slices
        cnn_kernel *matmul
        cnn_kernel *matvec
        cnn_kernel *batch_matmul

cnp.import_array()


cdef inline product_kernels *kernels() noexcept:
    return <product_kernels *>table


cdef int run_pack(cnn_pack *args) except -1:
    cdef ptrdiff_t blocks = args.groups * args.taps_h * args.taps_w
    args.len_blocks = clamp(1, args.len * args.n // 8192, args.len)
    run(kernels().pack, args, blocks * args.len_blocks, 0.5 * blocks * args.len * args.n)
    return 0


cdef int sum_slices(
    float *out, const float *partial, ptrdiff_t size, ptrdiff_t slices, bint accumulate
) except -1:
    cdef cnn_sum_slices args
    args.out, args.partial, args.size, args.accumulate = out, partial, size, accumulate
    args.slices, args.slice, args.block = slices, size, 2048
    run(kernels().sum_slices, &args, ceil_div(size, args.block), 0.1 * size * slices)
    return 0


# A panel of B, 64 columns of a K block, and a block of A's rows share the L2 cache
# (1 MB).  A K block has at most 3/2 of this many rows.
cdef ptrdiff_t K_BLOCK = 512
cdef ptrdiff_t ROW_BLOCK = 96


def matmul(
    cnp.ndarray y,
    cnp.ndarray a,
    cnp.ndarray b,
    cnp.ndarray bias,
    *,
    transpose_a=False,
    transpose_b=False,
    activation=None,
    accumulate=False,
):
    """As the reference.  B is read as it lies where few rows use it, else packed; a
    long K is cut in blocks that fit the L2 cache, or, for a small y, in slices."""
    cdef cnn_matmul args
    args.m, args.n, args.k = dim(y, 0), dim(y, 1), dim(a, 0 if transpose_a else 1)
    args.y, args.a, args.b, args.bias = f32(y), f32(a), f32(b), f32(bias)
    args.y_row = args.n
    args.a_row = 1 if transpose_a else args.k
    args.a_k = args.m if transpose_a else 1
    args.accumulate, args.function = accumulate, function_code(activation)
    if args.k >= LEAST_DOT and args.n == 1 and not transpose_a:
        matvec(&args, args.a, args.b, args.m, 0)
    elif args.k >= LEAST_DOT and args.m == 1 and transpose_b:
        matvec(&args, args.b, args.a, args.n, 1)
    else:
        multiply(&args, transpose_b, args.k if transpose_b else args.n)


# Of fewer numbers, a sum over lanes costs more than it spares.
cdef ptrdiff_t LEAST_DOT = 64


cdef int matvec(
    cnn_matmul *of, const float *a, const float *b, ptrdiff_t rows, ptrdiff_t bias_step
) except -1:
    """One column, or one row from a transposed B: each number is the dot product of two rows."""
    cdef cnn_matvec args
    if rows == 0:
        return 0
    args.y, args.a, args.b, args.bias, args.bias_step = of.y, a, b, of.bias, bias_step
    args.rows, args.k, args.accumulate, args.function = rows, of.k, of.accumulate, of.function
    args.block = clamp(4, ceil_div(rows, TILES), CNN_DOTS)
    # The matrix is read once: a number of it takes as long as a few FMA.
    return run(kernels().matvec, &args, ceil_div(rows, args.block), 0.1 * rows * of.k)


cdef inline bint is_plain(a) noexcept:
    """Whether a is a matrix of float32 as it lies in C, of exactly NumPy's type."""
    return (
        cnp.PyArray_CheckExact(a) and cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT32
        and cnp.PyArray_NDIM(a) == 2 and cnp.PyArray_ISCARRAY(a)
    )


def plain_matmul(a, b):
    """Return a @ b for plain matrices that fit, else None: then somebody is to say what is wrong.

    In Python the checks of a product take 3 us, half as long as 64 x 64 x 64 itself.
    """
    cdef cnp.ndarray x, w, y
    cdef cnp.npy_intp shape[2]
    if not (is_plain(a) and is_plain(b)):
        return None
    x, w = a, b
    if dim(x, 1) != dim(w, 0):
        return None
    shape[0], shape[1] = dim(x, 0), dim(w, 1)
    y = cnp.PyArray_EMPTY(2, shape, cnp.NPY_FLOAT32, False)
    matmul(y, x, w, None)
    return y


cdef bint needs_packing(const cnn_matmul *args, bint transpose_b) noexcept:
    """Whether B is to be packed.

    Read in place, 784x256 with 64 rows reached 99% of the FMA peak; packing a small B costs a
    second parallel region.
    """
    return transpose_b or (args.m >= 96 and args.n * args.k > 32 * 1024)


cdef int multiply(cnn_matmul *args, bint transpose_b, ptrdiff_t b_row) except -1:
    """The product of args, whose B has its rows, as they lie in memory, b_row floats apart."""
    cdef double ns = 2.0 * args.m * args.n * args.k / FLOPS_PER_NS
    cdef bint packed = needs_packing(args, transpose_b)
    cdef bint plain = args.bias == NULL and args.function == CNN_LINEAR
    cdef Workspace workspace
    if args.m == 0 or args.n == 0:
        return 0
    args.ldb = 0 if packed else b_row
    cut_matmul(args, packed, plain and args.y_row == args.n)
    if args.slices > 1:
        workspace = borrow(
            4 * (args.slices * args.slice + (packed_width(args.n) * args.k if packed else 0))
        )
        try:
            matmul_slices(args, transpose_b, b_row, <float *>workspace.data, ns)
        finally:
            release(workspace)
    elif packed:
        workspace = borrow(4 * packed_width(args.n) * min(args.k, K_BLOCK * 3 // 2) + 64)
        try:
            matmul_packed(args, transpose_b, b_row, <float *>workspace.data, ns)
        finally:
            release(workspace)
    else:
        run_matmul(args, ns)
    return 0


cdef ptrdiff_t least_tiles(double flops) noexcept:
    """Tiles for 16 threads, and for more where each then still has 40 us of work."""
    return clamp(TILES, <ptrdiff_t>(flops / 4e6), 4 * TILES)


cdef int cut_matmul(cnn_matmul *args, bint packed, bint sliceable) noexcept:
    """Choose the blocks of y, and the slices of K."""
    cdef ptrdiff_t blocks, tiles = least_tiles(2.0 * args.m * args.n * args.k)
    args.slices, args.slice = 1, 0
    # A copy of A's rows costs 4% where n = 512 and gains 4% where n = 2048; a transposed
    # A, read a cache line for each k, gains 10% from n = 512.
    args.copy_rows = packed and args.n >= (16 if args.a_k == 1 else 4) * COLUMNS
    args.column_block = 8 * COLUMNS if packed and args.n >= 8 * COLUMNS else COLUMNS
    args.column_blocks = ceil_div(args.n, args.column_block)
    args.row_blocks = ceil_div(args.m, ROW_BLOCK)
    if args.row_blocks * args.column_blocks < tiles:
        args.row_blocks = clamp(args.row_blocks, tiles // args.column_blocks, args.m // 24)
    blocks = args.row_blocks * args.column_blocks
    if sliceable and blocks < TILES:
        args.slices = clamp(1, TILES // blocks, args.k // 1024)
        args.slice = args.m * args.n
    return 0


cdef int run_matmul(cnn_matmul *args, double ns) except -1:
    return run(kernels().matmul, args, args.slices * args.row_blocks * args.column_blocks, ns,
               cnn_matmul_scratch(args))


cdef int pack_rows(cnn_matmul *args, const float *b, bint transposed, ptrdiff_t b_row,
                   ptrdiff_t k0, ptrdiff_t k1, float *packed) except -1:
    """Pack rows k0..k1-1 of B, (k, n) or, transposed, (n, k), for args."""
    cdef cnn_pack pack
    pack.packed, pack.n, pack.block = packed, args.n, args.column_block
    pack.groups = pack.taps_h = pack.taps_w = 1
    pack.group = pack.packed_group = pack.tap_h = pack.tap_w = 0
    pack.row = 1 if transposed else b_row
    pack.column = b_row if transposed else 1
    pack.b, pack.len = b + k0 * pack.row, k1 - k0
    run_pack(&pack)
    args.b, args.k = packed, k1 - k0
    return 0


cdef int matmul_packed(cnn_matmul *args, bint transposed, ptrdiff_t b_row, float *packed,
                       double ns) except -1:
    """One K block after the other: pack its rows of B, add its products to y."""
    cdef ptrdiff_t k = args.k, k0 = 0, k1 = 0, block
    cdef ptrdiff_t blocks = 1 if 2 * k <= 3 * K_BLOCK else ceil_div(k, K_BLOCK)
    cdef const float *a = args.a
    cdef const float *b = args.b
    cdef const float *bias = args.bias
    cdef int function = args.function
    for block in range(blocks):
        k0, k1 = k1, k * (block + 1) // blocks
        pack_rows(args, b, transposed, b_row, k0, k1, packed)
        args.a = a + k0 * args.a_k
        args.bias = bias if block == 0 else NULL
        args.function = function if block == blocks - 1 else CNN_LINEAR
        run_matmul(args, ns / blocks)
        args.accumulate = True
    return 0


cdef int matmul_slices(cnn_matmul *args, bint transposed, ptrdiff_t b_row, float *partial,
                       double ns) except -1:
    """Each slice of K into a y of its own; then their sum."""
    cdef float *y = args.y
    cdef bint accumulate = args.accumulate
    if not args.ldb:
        pack_rows(args, args.b, transposed, b_row, 0, args.k,
                  partial + args.slices * args.slice)
    args.y, args.accumulate = partial, False
    run_matmul(args, ns)
    return sum_slices(y, partial, args.slice, args.slices, accumulate)


# Of so many multiply-adds and more, few products are shared among threads each by itself.
cdef double LARGE = 2e6


def batch_matmul(
    cnp.ndarray y,
    cnp.ndarray a,
    cnp.ndarray b,
    *,
    transpose_a=False,
    transpose_b=False,
    heads=(1, 1, 1),
    accumulate=False,
):
    """As the reference.  One loop over tiles of all products; a tile is a whole product."""
    cdef cnn_batch_matmul args
    cdef ptrdiff_t batch = dim(y, 0), i, h, row_of_b, row_of_a
    cdef int of_y, of_a, of_b
    cdef cnn_matmul *one = &args.one
    cdef double products
    of_y, of_a, of_b = heads
    args.heads = dim(y, of_y)
    one.m, one.n = dim(y, 3 - of_y), dim(y, 3)
    one.k = dim(a, 3 - of_a) if transpose_a else dim(a, 3)
    one.y, one.a, one.b, one.bias = f32(y), f32(a), f32(b), NULL
    one.accumulate, one.function = accumulate, CNN_LINEAR
    args.y_batch, args.y_head, one.y_row = steps(y, of_y)
    args.a_batch, args.a_head, row_of_a = steps(a, of_a)
    args.b_batch, args.b_head, row_of_b = steps(b, of_b)
    one.a_row = 1 if transpose_a else row_of_a
    one.a_k = row_of_a if transpose_a else 1
    if y.size == 0:
        return
    products = <double>one.m * one.n * one.k
    if batch * args.heads < TILES and products >= LARGE:
        for i in range(batch):
            for h in range(args.heads):
                multiply_one(args, transpose_b, row_of_b, i, h)
        return
    one.ldb, args.b_row, args.b_column = row_of_b, 0, 0
    if needs_packing(one, transpose_b):
        one.ldb = 0
        args.b_row = 1 if transpose_b else row_of_b
        args.b_column = row_of_b if transpose_b else 1
    cut_matmul(one, one.ldb == 0, False)
    run(kernels().batch_matmul, &args, batch * args.heads,
        2 * batch * args.heads * products / FLOPS_PER_NS,
        cnn_batch_matmul_scratch(&args, table.vector_floats))


cdef (ptrdiff_t, ptrdiff_t, ptrdiff_t) steps(cnp.ndarray array, int heads):
    """Floats from matrix to matrix along both axes of the batch, and from row to row."""
    cdef ptrdiff_t columns = dim(array, 3), inner = dim(array, 2) * columns
    cdef ptrdiff_t batch = dim(array, 1) * inner
    return (batch, inner, columns) if heads == 1 else (batch, columns, inner)


cdef int multiply_one(
    cnn_batch_matmul args, bint transpose_b, ptrdiff_t row_of_b, ptrdiff_t i, ptrdiff_t h
) except -1:
    args.one.y += i * args.y_batch + h * args.y_head
    args.one.a += i * args.a_batch + h * args.a_head
    args.one.b += i * args.b_batch + h * args.b_head
    return multiply(&args.one, transpose_b, row_of_b)
