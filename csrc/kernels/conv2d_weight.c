/* Gradient of a convolution's weights and bias: the micro-kernel with k = pixels. */
#include "../cnn.h"
#include "frame.h"
#include "panel.h"
#include "sum_pixels.h"

/* Rows of dw from which copying dy's panels, for one stream of reads, repays. */
#define ROWS_PER_COPY 128

/* What tiles share: the rows of dw, (tap, channel), and the pixels they sum over. */
struct sum {
    const float **rows; /* [count] where each looks first */
    float **out;        /* [count] */
    ptrdiff_t count;
    ptrdiff_t *offs; /* [lines] of each line of pixels */
    ptrdiff_t lines;
    float *dy; /* room for a panel of dy */
};

/* Channels c0..c1-1 of what output rows q0..q1-1 of images n0..n1-1 look at, with the
 * frame of zeros, in blocks of channels (copy.h). */
static struct view blocked_view(const struct cnn_weight_gradient *a, ptrdiff_t c0, ptrdiff_t c1,
                                ptrdiff_t n0, ptrdiff_t n1, ptrdiff_t q0, ptrdiff_t q1, float *to)
{
    const ptrdiff_t rows = cnn_window_extent(&a->h, q1 - q0);
    const ptrdiff_t columns = cnn_window_extent(&a->w, a->w.out);
    const struct view view = {to, rows * columns * CNN_BLOCK, columns * CNN_BLOCK, CNN_BLOCK,
                              (n1 - n0) * rows * columns * CNN_BLOCK};
    const struct span inside = columns_inside(&a->w, columns);
    const ptrdiff_t top = q0 * a->h.stride + a->h.first;
    for (ptrdiff_t n = n0; n < n1; n++)
        for (ptrdiff_t i = top; i < top + rows; i++, to += view.row) {
            const float *from = NULL;
            if (i >= 0 && i < a->h.size && inside.begin < inside.end)
                from = a->x + c0 +
                       ((n * a->h.size + i) * a->w.size + a->w.first + inside.begin) * a->channels;
            copy_blocked(to, view.block, NULL, 0, inside.begin, c1 - c0);
            copy_blocked(to + inside.begin * CNN_BLOCK, view.block, from, a->channels,
                         inside.end - inside.begin, c1 - c0);
            copy_blocked(to + inside.end * CNN_BLOCK, view.block, NULL, 0, columns - inside.end,
                         c1 - c0);
        }
    return view;
}

/* Point at dw's rows for channels c0..c1-1 of a group, and at the pixels' lines. */
static void point(struct sum *sum, const struct cnn_weight_gradient *a, struct view view, float *dw,
                  ptrdiff_t c0, ptrdiff_t c1, ptrdiff_t images, ptrdiff_t lines)
{
    sum->count = sum->lines = 0;
    for (ptrdiff_t i = 0; i < a->h.taps; i++)
        for (ptrdiff_t j = 0; j < a->w.taps; j++) {
            const float *from = view.base + i * a->h.step * view.row + j * a->w.step * view.pixel;
            for (ptrdiff_t c = 0; c < c1 - c0; c++) {
                sum->rows[sum->count] = from + c / CNN_BLOCK * view.block + c % CNN_BLOCK;
                sum->out[sum->count++] =
                    dw + ((i * a->w.taps + j) * a->group_channels + c0 + c) * a->filters;
            }
        }
    for (ptrdiff_t n = 0; n < images; n++)
        for (ptrdiff_t q = 0; q < lines; q++)
            sum->offs[sum->lines++] = n * view.image + q * a->h.stride * view.row;
}

/* Add the products of one block of pixels, with n columns of dy, to dw. */
static void add_products(const struct cnn_weight_gradient *a, const struct sum *sum, ptrdiff_t ks,
                         const float *dy, ptrdiff_t n, int accumulate)
{
    const struct columns columns = direct_columns(dy, a->filters, n);
    struct tile t = {.offs = sum->offs, .taps = sum->lines, .len = a->w.out, .ks = ks,
                     .accumulate = accumulate};
    for (ptrdiff_t p = 0; p < columns.count; p++) {
        const struct panel panel = panel_at(&columns, p);
        use_panel(&t, &panel);
        if (sum->count >= ROWS_PER_COPY && panel.width < panel.ldb) {
            t.b = sum->dy;
            t.ldb = panel.width;
            for (ptrdiff_t i = 0; i < sum->lines * a->w.out; i++)
                copy_floats(sum->dy + i * t.ldb, panel.b + i * panel.ldb, panel.width);
        }
        for (ptrdiff_t r = 0, mr; r < sum->count; r += mr) {
            mr = rows_of_tile(sum->count - r, panel.rows);
            t.rows = sum->rows + r;
            t.out = sum->out + r;
            panel.tiles[mr - 1](&t);
        }
    }
}

void CNN_NAME(weight_gradient)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_weight_gradient *a = args;
    const ptrdiff_t filter_blocks = cnn_ceil_div(a->group_filters, a->filter_block);
    const ptrdiff_t channel_blocks = cnn_ceil_div(a->group_channels, a->channel_block);
    const ptrdiff_t f0 = tile % filter_blocks * a->filter_block;
    const ptrdiff_t f = cnn_min(a->group_filters - f0, a->filter_block);
    const ptrdiff_t c0 = tile / filter_blocks % channel_blocks * a->channel_block;
    const ptrdiff_t c1 = cnn_min(c0 + a->channel_block, a->group_channels);
    const ptrdiff_t slice = tile / (filter_blocks * channel_blocks);

    const ptrdiff_t per_image = cnn_ceil_div(a->h.out, a->blocks.rows);
    const ptrdiff_t blocks = cnn_ceil_div(a->images, a->blocks.images) * per_image;
    const ptrdiff_t first = blocks * slice / a->slices, end = blocks * (slice + 1) / a->slices;
    const ptrdiff_t most_rows = a->h.taps * a->w.taps * a->channel_block;
    struct sum sum = {.rows = scratch};
    sum.out = (float **)(sum.rows + most_rows);
    sum.offs = (ptrdiff_t *)(sum.out + most_rows);
    float *copy = (float *)((char *)scratch + cnn_weight_gradient_pointers(a));
    sum.dy = copy + cnn_weight_gradient_copy(a);

    for (ptrdiff_t block = first; block < end; block++) {
        const ptrdiff_t n0 = block / per_image * a->blocks.images;
        const ptrdiff_t n1 = cnn_min(n0 + a->blocks.images, a->images);
        const ptrdiff_t q0 = block % per_image * a->blocks.rows;
        const ptrdiff_t q1 = cnn_min(q0 + a->blocks.rows, a->h.out);
        const int accumulate = a->accumulate || block > first;
        const float *dy = a->dy + (n0 * a->h.out + q0) * a->w.out * a->filters;
        struct view view = {0};
        if (!a->copy_blocked)
            view = framed_view(a->x, a->channels, &a->h, &a->w, n0, n1, q0, q1, copy);
        for (ptrdiff_t g = 0; g < a->groups; g++) {
            const ptrdiff_t column = g * a->group_filters + f0, c = g * a->group_channels;
            if (a->copy_blocked)
                view = blocked_view(a, c + c0, c + c1, n0, n1, q0, q1, copy);
            point(&sum, a, view, a->dw + slice * a->dw_slice + column, c0, c1, n1 - n0, q1 - q0);
            add_products(a, &sum, a->w.stride * view.pixel, dy + column, f, accumulate);
            if (a->db && c0 == 0)
                sum_pixels(a->db + slice * a->db_slice + column, dy + column,
                           sum.lines * a->w.out, a->filters, f, accumulate);
            view.base += a->group_channels;
        }
    }
}
