/* Matrix products and convolutions: one micro-kernel (kernels/tile.h) serves them all. */
#ifndef CNN_PRODUCT_H
#define CNN_PRODUCT_H

#include <stddef.h>
#include <stdint.h>

#define CNN_PRODUCT_KERNELS(X)                                                                     \
    X(pack)                                                                                        \
    X(matmul)                                                                                      \
    X(matvec)                                                                                      \
    X(batch_matmul)                                                                                \
    X(correlate)                                                                                   \
    X(depthwise)                                                                                   \
    X(scatter)                                                                                     \
    X(weight_gradient)                                                                             \
    X(depthwise_weight_gradient)                                                                   \
    X(planes)                                                                                      \
    X(sum_slices)

/* pack: lay B out as panels of whole vectors, [panel][row][column], zeros after
 * the last column.  B's rows are taps_h * taps_w blocks of len rows (a matrix: one
 * block); row k, column n of block (i, j) is
 *     b[i * tap_h + j * tap_w + k * row + n * column].
 * Several matrices ("groups") lie `group` floats apart, packed ones `packed_group`.
 * A panel never crosses a multiple of `block` columns.
 * Tile = (group, block of rows, i, j): groups * len_blocks * taps_h * taps_w. */
struct cnn_pack {
    float *packed;
    const float *b;
    ptrdiff_t groups, group, packed_group;
    ptrdiff_t taps_h, taps_w, tap_h, tap_w;
    ptrdiff_t len, len_blocks, row, column;
    ptrdiff_t n, block;
};

/* matmul: y = function(a @ b + bias), a[m * a_row + k * a_k].
 * Tile = (slice of K, block of rows, block of columns): slices * row_blocks *
 * column_blocks.  Slice s writes to y + s * slice (see sum_slices). */
struct cnn_matmul {
    float *y;          /* (m, n) at y_row floats from row to row */
    const float *a;    /* (m, k) */
    const float *b;    /* packed, or (k, n) where ldb is not 0 */
    const float *bias; /* (n) or NULL */
    ptrdiff_t m, n, k, y_row, a_row, a_k, ldb;
    ptrdiff_t row_blocks, column_block, column_blocks, slices, slice;
    int copy_rows; /* copy a tile's rows of a to scratch first */
    int accumulate;
    int function; /* enum cnn_function */
};

/* matvec: y[r] = function(row r of a . b + bias).  Tile = `block` rows, at most CNN_DOTS. */
struct cnn_matvec {
    float *y;          /* (rows) */
    const float *a;    /* (rows, k) */
    const float *b;    /* (k) */
    const float *bias; /* (rows), or with bias_step 0 one number; or NULL */
    ptrdiff_t rows, k, block, bias_step;
    int accumulate;
    int function; /* enum cnn_function */
};

enum { CNN_DOTS = 64 };

/* batch_matmul: the products of batches of matrices, by two axes: matrix (i, h) of y lies at
 * y + i * y_batch + h * y_head, and so on.  Tile = (i, h): batch * heads. */
struct cnn_batch_matmul {
    struct cnn_matmul one; /* of the first matrices */
    ptrdiff_t heads;
    ptrdiff_t y_batch, y_head, a_batch, a_head, b_batch, b_head;
    ptrdiff_t b_row, b_column; /* steps of b, if it is packed in scratch first; else 0 */
};

/* One axis of a convolution: output q, tap t looks at input q * stride + first +
 * t * step; what lies outside 0..size-1 is zero. */
struct cnn_window {
    ptrdiff_t size, out, stride, taps, first, step;
};

/* Pixels in blocks: some images, some output rows of each. */
struct cnn_blocks {
    ptrdiff_t images, rows;
};

/* Batch normalization by statistics that are given: (y - mean) scale + shift of each filter. */
struct cnn_norm {
    const float *mean, *scale, *shift; /* (filters); mean NULL: y stays as it is */
};

/* correlate: out[n, q, r] = function(norm(bias + sum over taps of image[n, ...] @ weights)).
 * Forward: over x.  Gradient of the input: over dy, once per phase of the strides.
 * Tile = (block of images, block of rows, block of filters). */
struct cnn_correlate {
    float *out;         /* pixel (n, q, r) at n * out_image + q * out_row + r * out_pixel */
    const float *image; /* (images, h.size, w.size, channels) */
    const float *packed; /* per group, (h.taps * w.taps * group_channels, group_filters) */
    const float *bias;  /* (groups * group_filters) or NULL */
    ptrdiff_t images, channels, groups, group_channels, group_filters, packed_group;
    struct cnn_window h, w;
    ptrdiff_t out_image, out_row, out_pixel;
    struct cnn_blocks blocks;
    ptrdiff_t filter_block; /* columns */
    struct cnn_norm norm;
    int accumulate;
    int function; /* enum cnn_function */
};

/* depthwise: correlate with one channel and one filter in each group; packed is then
 * one matrix, (taps, channels).  Tile = (image, block of rows).
 * depthwise_weight_gradient: the same for weight_gradient.  Tile = slice. */

/* planes: correlate to few filters, without strides, groups, norm or accumulate.
 * Tile = (image, block of rows). */

/* scatter: gradient of the input where it has few channels, without groups and without
 * dilation along the width.  Tile = (image, block of dx's rows). */
struct cnn_scatter {
    float *dx;           /* (images, h.size, w.size, channels) */
    const float *dy;     /* (images, h.out, w.out, filters) */
    const float *packed; /* (filters, h.taps * w.taps * channels); by_rows, for each row of taps
                            (filters, w.taps * channels), packed_row floats apart */
    ptrdiff_t packed_row;
    ptrdiff_t images, channels, filters;
    struct cnn_window h, w; /* the forward convolution's */
    ptrdiff_t rows;         /* of dx, in a tile */
    int by_rows;            /* what a row of taps sends is added to dx at once */
    int accumulate;
};

/* weight_gradient: dw and db as sums over slices of the pixels' blocks, slice s
 * into dw + s * dw_slice, db + s * db_slice (see sum_slices).
 * Tile = (slice, block of channels, block of filters). */
struct cnn_weight_gradient {
    float *dw;       /* (h.taps * w.taps * group_channels, filters) */
    float *db;       /* (filters) or NULL */
    const float *dy; /* (images, h.out, w.out, filters) */
    const float *x;  /* (images, h.size, w.size, channels) */
    ptrdiff_t images, channels, filters, groups, group_channels, group_filters;
    struct cnn_window h, w;
    struct cnn_blocks blocks;
    ptrdiff_t slices, dw_slice, db_slice, channel_block, filter_block;
    int copy_blocked; /* read x through a copy in blocks of channels */
    int accumulate;
};

/* sum_slices: out = partial[0] + partial[1] + ..., in order.  Tile = `block` elements. */
struct cnn_sum_slices {
    float *out;
    const float *partial; /* slice s at partial + s * slice */
    ptrdiff_t size, slices, slice, block;
    int accumulate;
};

static inline ptrdiff_t cnn_min(ptrdiff_t a, ptrdiff_t b)
{
    return a < b ? a : b;
}

/* What sizes the scratch areas here and is used in csrc/kernels: */
enum {
    CNN_BLOCK = 12,   /* rows, or channels, that are copied side by side (copy.h) */
    CNN_PATCHES = 48, /* pixels whose patches are computed at once: they stay in L1 or L2 */
    CNN_PANEL = 64    /* columns of the widest panel: four vectors of sixteen floats */
};

static inline ptrdiff_t cnn_ceil_div(ptrdiff_t a, ptrdiff_t b)
{
    return (a + b - 1) / b;
}

/* Floats from row to row of a copy of rows of k: no power of two. */
static inline ptrdiff_t cnn_copied_row(ptrdiff_t k)
{
    return (k | 31) + 17;
}

static inline size_t cnn_matmul_scratch(const struct cnn_matmul *a)
{
    const ptrdiff_t rows = cnn_ceil_div(cnn_ceil_div(a->m, a->row_blocks), CNN_BLOCK) * CNN_BLOCK;
    return a->copy_rows ? sizeof(float) * (size_t)(rows * cnn_copied_row(a->k)) : 0;
}

/* `vector`: floats in a vector.  The packed B comes first. */
static inline size_t cnn_batch_matmul_packed(const struct cnn_batch_matmul *a, ptrdiff_t vector)
{
    const ptrdiff_t columns = cnn_ceil_div(a->one.n, vector) * vector;
    return a->b_row ? (sizeof(float) * (size_t)(a->one.k * columns) + 63) & ~(size_t)63 : 0;
}

static inline size_t cnn_batch_matmul_scratch(const struct cnn_batch_matmul *a, ptrdiff_t vector)
{
    return cnn_batch_matmul_packed(a, vector) + cnn_matmul_scratch(&a->one);
}

/* Is a frame of zeros needed around the image? */
static inline int cnn_window_framed(const struct cnn_window *w)
{
    return w->taps > 0 && (w->first < 0 || (w->out - 1) * w->stride + w->first +
                                                   (w->taps - 1) * w->step >=
                                               w->size);
}

/* Input rows (columns) that `out` outputs look at. */
static inline ptrdiff_t cnn_window_extent(const struct cnn_window *w, ptrdiff_t out)
{
    return (out - 1) * w->stride + (w->taps - 1) * w->step + 1;
}

/* Floats of the framed copy of one block of pixels; 0 where none is needed. */
static inline ptrdiff_t cnn_frame_floats(const struct cnn_window *h, const struct cnn_window *w,
                                         struct cnn_blocks blocks, ptrdiff_t channels)
{
    if (!cnn_window_framed(h) && !cnn_window_framed(w))
        return 0;
    return blocks.images * cnn_window_extent(h, blocks.rows) * cnn_window_extent(w, w->out) *
           channels;
}

/* Scratch bytes: pointers and offsets come first, then the framed copy. */
static inline size_t cnn_correlate_pointers(const struct cnn_correlate *a)
{
    const ptrdiff_t pixels = a->blocks.images * a->blocks.rows * a->w.out;
    const ptrdiff_t taps = a->h.taps * a->w.taps;
    return ((size_t)(2 * pixels + taps) * sizeof(void *) + 63) & ~(size_t)63;
}

static inline size_t cnn_correlate_scratch(const struct cnn_correlate *a)
{
    return cnn_correlate_pointers(a) +
           sizeof(float) * (size_t)cnn_frame_floats(&a->h, &a->w, a->blocks, a->channels);
}

/* `vector`: floats in a vector. */
static inline ptrdiff_t cnn_scatter_patches(const struct cnn_scatter *a, ptrdiff_t vector)
{
    const ptrdiff_t floats = a->h.taps * a->w.taps * a->channels;
    return a->by_rows ? 0 : CNN_PATCHES * cnn_ceil_div(floats, vector) * vector;
}

/* Rows of the frame: of dx in a tile, and by_rows what their pixels send above and below. */
static inline ptrdiff_t cnn_scatter_rows(const struct cnn_scatter *a)
{
    return a->rows + (a->by_rows ? 2 * (a->h.taps - 1) * a->h.step : 0);
}

static inline size_t cnn_scatter_scratch(const struct cnn_scatter *a, ptrdiff_t vector)
{
    const ptrdiff_t frame = cnn_scatter_rows(a) * cnn_window_extent(&a->w, a->w.out) * a->channels;
    return sizeof(float) * (size_t)(cnn_scatter_patches(a, vector) + frame);
}

static inline size_t cnn_weight_gradient_pointers(const struct cnn_weight_gradient *a)
{
    const ptrdiff_t rows = a->h.taps * a->w.taps * a->channel_block;
    const ptrdiff_t lines = a->blocks.images * a->blocks.rows;
    return ((size_t)(2 * rows + lines) * sizeof(void *) + 63) & ~(size_t)63;
}

/* Floats of the copy of x. */
static inline ptrdiff_t cnn_weight_gradient_copy(const struct cnn_weight_gradient *a)
{
    if (!a->copy_blocked)
        return cnn_frame_floats(&a->h, &a->w, a->blocks, a->channels);
    return a->blocks.images * cnn_window_extent(&a->h, a->blocks.rows) *
           cnn_window_extent(&a->w, a->w.out) * cnn_ceil_div(a->channel_block, CNN_BLOCK) *
           CNN_BLOCK;
}

static inline size_t cnn_weight_gradient_scratch(const struct cnn_weight_gradient *a)
{
    const ptrdiff_t pixels = a->blocks.images * a->blocks.rows * a->w.out;
    return cnn_weight_gradient_pointers(a) +
           sizeof(float) * (size_t)(cnn_weight_gradient_copy(a) + pixels * CNN_PANEL);
}

/* What `rows` rows of outputs see, and the outputs, as planes (kernels/planes.c). */
struct cnn_planes {
    ptrdiff_t rows, columns;    /* of what they see; the outputs' rows are as far apart */
    ptrdiff_t plane, out_plane; /* floats from plane to plane */
};

enum {
    CNN_PLANES_MOST = 7, /* filters: eight fill half a vector */
    CNN_PLANES_STEP = 32 /* pixels computed at once, at most */
};

static inline struct cnn_planes cnn_planes(const struct cnn_window *h, const struct cnn_window *w,
                                           ptrdiff_t rows)
{
    struct cnn_planes p = {cnn_window_extent(h, rows), cnn_window_extent(w, w->out), 0, 0};
    /* Loads reach a step, and what follows a row's outputs, beyond the last row. */
    p.plane = (p.rows + 1) * p.columns + CNN_PLANES_STEP;
    p.out_plane = rows * p.columns + CNN_PLANES_STEP;
    return p;
}

static inline size_t cnn_planes_scratch(const struct cnn_correlate *a)
{
    const struct cnn_planes p = cnn_planes(&a->h, &a->w, a->blocks.rows);
    return sizeof(float) * (size_t)(a->channels * p.plane + a->group_filters * p.out_plane);
}

#endif
