"""What matrix products and convolutions share: csrc/product.h, sizes, packing."""

from cnnlite.kernels.native.dispatch cimport table

cdef extern from "cnn.h":
    struct cnn_pack:
        float *packed
        const float *b
        ptrdiff_t groups, group, packed_group
        ptrdiff_t taps_h, taps_w, tap_h, tap_w
        ptrdiff_t len, len_blocks, row, column
        ptrdiff_t n, block

    struct cnn_matmul:
        float *y
        const float *a
        const float *b
        const float *bias
        ptrdiff_t m, n, k, y_row, a_row, a_k, ldb
        ptrdiff_t row_blocks, column_block, column_blocks, slices, slice
        bint copy_rows
        bint accumulate
        int function

    struct cnn_matvec:
        float *y
        const float *a
        const float *b
        const float *bias
        ptrdiff_t rows, k, block, bias_step
        bint accumulate
        int function

    enum:
        CNN_DOTS

    struct cnn_batch_matmul:
        cnn_matmul one
        ptrdiff_t heads
        ptrdiff_t y_batch, y_head, a_batch, a_head, b_batch, b_head
        ptrdiff_t b_row, b_column

    struct cnn_window:
        ptrdiff_t size, out, stride, taps, first, step

    struct cnn_blocks:
        ptrdiff_t images, rows

    struct cnn_norm:
        const float *mean
        const float *scale
        const float *shift

    struct cnn_correlate:
        float *out
        const float *image
        const float *packed
        const float *bias
        ptrdiff_t images, channels, groups, group_channels, group_filters, packed_group
        cnn_window h, w
        ptrdiff_t out_image, out_row, out_pixel
        cnn_blocks blocks
        ptrdiff_t filter_block
        cnn_norm norm
        bint accumulate
        int function

    struct cnn_scatter:
        float *dx
        const float *dy
        const float *packed
        ptrdiff_t packed_row
        ptrdiff_t images, channels, filters
        cnn_window h, w
        ptrdiff_t rows
        bint by_rows, accumulate

    struct cnn_weight_gradient:
        float *dw
        float *db
        const float *dy
        const float *x
        ptrdiff_t images, channels, filters, groups, group_channels, group_filters
        cnn_window h, w
        cnn_blocks blocks
        ptrdiff_t slices, dw_slice, db_slice, channel_block, filter_block
        bint copy_blocked
        bint accumulate

    struct cnn_sum_slices:
        float *out
        const float *partial
        ptrdiff_t size, slices, slice, block
        bint accumulate

    size_t cnn_matmul_scratch(const cnn_matmul *a) nogil
    size_t cnn_batch_matmul_scratch(const cnn_batch_matmul *a, ptrdiff_t vector) nogil
    size_t cnn_correlate_scratch(const cnn_correlate *a) nogil
    size_t cnn_scatter_scratch(const cnn_scatter *a, ptrdiff_t vector) nogil
    size_t cnn_weight_gradient_scratch(const cnn_weight_gradient *a) nogil


cdef enum:
    # FLOP per nanosecond of one core, to guess how long a call takes: about half of the
    # peak of a 2024 core.  It decides only whether threads share the work.
    FLOPS_PER_NS = 50
    # Tiles of work that a large call is cut in, at least: enough to share evenly.
    TILES = 16
    # Columns of a block: whole panels at every level.
    COLUMNS = 64


cdef inline ptrdiff_t ceil_div(ptrdiff_t a, ptrdiff_t b) noexcept:
    return (a + b - 1) // b


cdef inline ptrdiff_t clamp(ptrdiff_t low, ptrdiff_t x, ptrdiff_t high) noexcept:
    """x within low..high; low where high is less."""
    return max(low, min(x, high))


cdef inline ptrdiff_t packed_width(ptrdiff_t n) noexcept:
    """Columns that n columns take when packed, at most."""
    return ceil_div(n, table.vector_floats) * table.vector_floats



# Run pack.
cdef int run_pack(cnn_pack *args) except -1

# Pack rows k0..k1-1 of B, (k, n) or, transposed, (n, k), for args; b_row floats are from one
# of B's rows in memory to the next.
cdef int pack_rows(
    cnn_matmul *args, const float *b, bint transposed, ptrdiff_t b_row, ptrdiff_t k0, ptrdiff_t k1,
    float *packed,
) except -1

# out = (or +=) the sum of the slices, each of `size` floats, in order.
cdef int sum_slices(
    float *out, const float *partial, ptrdiff_t size, ptrdiff_t slices, bint accumulate
) except -1
