/* Convolution of an image (forward), or of a gradient (backward to the input). */
#include "../cnn.h"
#include "frame.h"
#include "panel.h"

/* K is cut, at whole taps, where a panel of weights would outgrow this part of the
 * L2 cache (1 MB on Zen 4 and 5), which it shares with the pixels. */
#define PANEL_FLOATS (160 * 1024)

/* Offsets of all taps from a pixel's first; returns how many: taps of one row that
 * lie side by side (no dilation, no groups) are one tap of as many more channels. */
CNN_INLINE ptrdiff_t tap_offsets(ptrdiff_t *offs, const struct cnn_correlate *a, ptrdiff_t row)
{
    const int folded = a->groups == 1 && (a->w.step == 1 || a->w.taps <= 1);
    ptrdiff_t taps = 0;
    for (ptrdiff_t i = 0; i < a->h.taps; i++)
        for (ptrdiff_t j = 0; j < a->w.taps; j++)
            if (j == 0 || !folded)
                offs[taps++] = i * a->h.step * row + j * a->w.step * a->channels;
    return taps;
}

/* The pixels of a tile of work, in NHWC order: where each looks and is written. */
CNN_INLINE void point_at_pixels(const float **rows, float **out, const struct cnn_correlate *a,
                                struct view view, ptrdiff_t n0, ptrdiff_t n1, ptrdiff_t q0,
                                ptrdiff_t q1)
{
    for (ptrdiff_t n = n0; n < n1; n++)
        for (ptrdiff_t q = q0; q < q1; q++) {
            const float *from =
                view.base + (n - n0) * view.image + (q - q0) * a->h.stride * view.row;
            float *to = a->out + n * a->out_image + q * a->out_row;
            for (ptrdiff_t r = 0; r < a->w.out; r++) {
                *rows++ = from + r * a->w.stride * a->channels;
                *out++ = to + r * a->out_pixel;
            }
        }
}

void CNN_NAME(correlate)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_correlate *a = args;
    const ptrdiff_t filter_blocks = cnn_ceil_div(a->group_filters, a->filter_block);
    const ptrdiff_t row_blocks = cnn_ceil_div(a->h.out, a->blocks.rows);
    const ptrdiff_t f0 = tile % filter_blocks * a->filter_block;
    const ptrdiff_t f = a->group_filters - f0 < a->filter_block ? a->group_filters - f0
                                                                : a->filter_block;
    const ptrdiff_t q0 = tile / filter_blocks % row_blocks * a->blocks.rows;
    const ptrdiff_t q1 = q0 + a->blocks.rows < a->h.out ? q0 + a->blocks.rows : a->h.out;
    const ptrdiff_t n0 = tile / (filter_blocks * row_blocks) * a->blocks.images;
    const ptrdiff_t n1 = n0 + a->blocks.images < a->images ? n0 + a->blocks.images : a->images;
    const ptrdiff_t pixels = (n1 - n0) * (q1 - q0) * a->w.out;
    const ptrdiff_t k = a->h.taps * a->w.taps * a->group_channels;

    const float **rows = scratch;
    float **out = (float **)(rows + pixels);
    ptrdiff_t *offs = (ptrdiff_t *)(out + pixels);
    float *frame = (float *)((char *)scratch + cnn_correlate_pointers(a));
    const struct view view =
        framed_view(a->image, a->channels, &a->h, &a->w, n0, n1, q0, q1, frame);
    point_at_pixels(rows, out, a, view, n0, n1, q0, q1);
    const ptrdiff_t taps = tap_offsets(offs, a, view.row), len = taps ? k / taps : 0;

    for (ptrdiff_t g = 0; g < a->groups; g++) {
        const struct columns columns =
            packed_columns(a->packed + g * a->packed_group + k * f0, k, f);
        for (ptrdiff_t p = 0; p < columns.count; p++) {
            const struct panel panel = panel_at(&columns, p);
            struct tile t = {.len = len, .ks = 1, .ldb = panel.ldb, .last = panel.last};
            t.column = g * a->group_filters + f0 + panel.column;
            ptrdiff_t at_once = taps; /* taps */
            if (k * panel.ldb > PANEL_FLOATS)
                at_once = PANEL_FLOATS / (len * panel.ldb) + 1;
            ptrdiff_t first = 0;
            do {
                t.taps = first + at_once < taps ? at_once : taps - first;
                t.offs = offs + first;
                t.b = panel.b + first * len * panel.ldb;
                t.accumulate = a->accumulate || first > 0;
                const int is_last = first + t.taps == taps;
                t.bias = first == 0 && a->bias ? a->bias + t.column : NULL;
                t.relu = is_last && a->function == CNN_RELU && !a->norm.mean;
                for (ptrdiff_t q = 0, mr; q < pixels; q += mr) {
                    mr = rows_of_tile(pixels - q, panel.rows);
                    t.rows = rows + q;
                    t.out = out + q;
                    panel.tiles[mr - 1](&t);
                    if (is_last && a->norm.mean)
                        for (ptrdiff_t r = 0; r < mr; r++)
                            normalize_row(&a->norm, a->function, t.out[r], t.column, panel.valid);
                    else if (is_last)
                        apply_after(a->function, &t, mr, panel.valid);
                }
                first += t.taps;
            } while (first < taps);
        }
        for (ptrdiff_t i = 0; i < taps; i++)
            offs[i] += a->group_channels;
    }
}
