/* Gradient of a convolution's weights and bias: the micro-kernel with k = pixels. */
#include "../cnn.h"
#include "frame.h"
#include "panel.h"

/* db[f] = (or +=) sum over pixels of dy[pixel][f], f < n. */
static void sum_pixels(float *db, const float *dy, ptrdiff_t pixels, ptrdiff_t ldb, ptrdiff_t n,
                       int accumulate)
{
    for (ptrdiff_t f = 0; f < n; f += CNN_W) {
        const ptrdiff_t m = n - f < CNN_W ? n - f : CNN_W;
        vf sum[4] = {{0}};
        ptrdiff_t p = 0;
        if (m == CNN_W)
            for (; p + 4 <= pixels; p += 4)
                for (int i = 0; i < 4; i++)
                    sum[i] += vf_load(dy + f + (p + i) * ldb);
        for (; p < pixels; p++)
            sum[p % 4] += vf_load_n(dy + f + p * ldb, m);
        vf total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
        if (accumulate)
            total += vf_load_n(db + f, m);
        vf_store_n(db + f, total, m);
    }
}

/* Rows r0..r0+mr-1 of dw, (tap row, tap column, channel): where the first pixel looks. */
CNN_INLINE void point_at_taps(const float **rows, const struct cnn_weight_gradient *a,
                              struct view view, ptrdiff_t r0, ptrdiff_t mr)
{
    ptrdiff_t c = r0 % a->group_channels, tap = r0 / a->group_channels;
    ptrdiff_t j = tap % a->w.taps, i = tap / a->w.taps;
    for (ptrdiff_t r = 0; r < mr; r++) {
        rows[r] = view.base + i * a->h.step * view.row + j * a->w.step * a->channels + c;
        if (++c == a->group_channels) {
            c = 0;
            if (++j == a->w.taps) {
                j = 0;
                i++;
            }
        }
    }
}

/* One block of pixels: add its products to rows r0..r1-1 of dw. */
static void add_block(const struct cnn_weight_gradient *a, float *dw, const float *dy,
                      struct view view, const ptrdiff_t *offs, ptrdiff_t lines, ptrdiff_t r0,
                      ptrdiff_t r1, ptrdiff_t n, int accumulate)
{
    const struct columns columns = direct_columns(dy, a->filters, n);
    const float *rows[TILE_MOST_ROWS];
    float *out[TILE_MOST_ROWS];
    struct tile t = {.out = out, .rows = rows, .offs = offs, .taps = lines, .len = a->w.out,
                     .ks = a->w.stride * a->channels, .ldb = a->filters,
                     .accumulate = accumulate};
    for (ptrdiff_t p = 0; p < columns.count; p++) {
        const struct panel panel = panel_at(&columns, p);
        t.b = panel.b;
        t.last = panel.last;
        t.column = panel.column;
        for (ptrdiff_t r = r0, mr; r < r1; r += mr) {
            mr = rows_of_tile(r1 - r, panel.rows);
            point_at_taps(rows, a, view, r, mr);
            for (ptrdiff_t i = 0; i < mr; i++)
                out[i] = dw + (r + i) * a->filters;
            panel.tiles[mr - 1](&t);
        }
    }
}

void CNN_NAME(weight_gradient)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_weight_gradient *a = args;
    const ptrdiff_t filter_blocks = cnn_ceil_div(a->group_filters, a->filter_block);
    const ptrdiff_t f0 = tile % filter_blocks * a->filter_block;
    const ptrdiff_t f = a->group_filters - f0 < a->filter_block ? a->group_filters - f0
                                                                : a->filter_block;
    const ptrdiff_t row_block = tile / filter_blocks % a->row_blocks;
    const ptrdiff_t slice = tile / (filter_blocks * a->row_blocks);
    const ptrdiff_t dw_rows = a->h.taps * a->w.taps * a->group_channels;
    const ptrdiff_t r0 = dw_rows * row_block / a->row_blocks;
    const ptrdiff_t r1 = dw_rows * (row_block + 1) / a->row_blocks;

    const ptrdiff_t per_image = cnn_ceil_div(a->h.out, a->blocks.rows);
    const ptrdiff_t blocks = cnn_ceil_div(a->images, a->blocks.images) * per_image;
    const ptrdiff_t first = blocks * slice / a->slices, end = blocks * (slice + 1) / a->slices;
    ptrdiff_t *offs = scratch;
    float *frame = (float *)((char *)scratch + cnn_weight_gradient_pointers(a));

    ptrdiff_t block = first;
    do { /* once for a slice without pixels too: its sum is zero */
        const ptrdiff_t n0 = block / (per_image ? per_image : 1) * a->blocks.images;
        const ptrdiff_t n1 = n0 + a->blocks.images < a->images ? n0 + a->blocks.images : a->images;
        const ptrdiff_t q0 = block % (per_image ? per_image : 1) * a->blocks.rows;
        const ptrdiff_t q1 = q0 + a->blocks.rows < a->h.out ? q0 + a->blocks.rows : a->h.out;
        const int accumulate = a->accumulate || block > first;
        struct view view = {0};
        ptrdiff_t lines = 0;
        if (block < end) {
            view = framed_view(a->x, a->channels, &a->h, &a->w, n0, n1, q0, q1, frame);
            for (ptrdiff_t n = 0; n < n1 - n0; n++)
                for (ptrdiff_t q = 0; q < q1 - q0; q++)
                    offs[lines++] = n * view.image + q * a->h.stride * view.row;
        }
        const float *dy = a->dy + (n0 * a->h.out + q0) * a->w.out * a->filters;
        for (ptrdiff_t g = 0; g < a->groups; g++) {
            const ptrdiff_t column = g * a->group_filters + f0;
            add_block(a, a->dw + slice * a->dw_slice + column, dy + column, view, offs, lines, r0,
                      r1, f, accumulate);
            if (a->db && row_block == 0)
                sum_pixels(a->db + slice * a->db_slice + column, dy + column, lines * a->w.out,
                           a->filters, f, accumulate);
            view.base += a->group_channels;
        }
    } while (++block < end);
}
