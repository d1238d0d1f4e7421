/* Convolution with a filter for each channel: vectors lie along the channels. */
#include "../cnn.h"
#include "../functions.h"
#include "frame.h"
#include "panel.h"
#include "sum_pixels.h"

#define PIXELS 4 /* whose sums grow side by side */

/* The sums of `pixels` (constant) output pixels, n channels; w_row: from tap to tap. */
CNN_INLINE void depthwise_pixels(int pixels, const struct cnn_correlate *a, struct view view,
                                 const float *x, const float *w, ptrdiff_t w_row, vf bias,
                                 ptrdiff_t n, float *out)
{
    vf sum[PIXELS];
    for (int p = 0; p < pixels; p++)
        sum[p] = bias;
    for (ptrdiff_t i = 0; i < a->h.taps; i++)
        for (ptrdiff_t j = 0; j < a->w.taps; j++, w += w_row) {
            const vf weight = vf_load(w);
            const float *from = x + i * a->h.step * view.row + j * a->w.step * view.pixel;
            for (int p = 0; p < pixels; p++, from += a->w.stride * view.pixel)
                sum[p] = vf_fma(n == CNN_W ? vf_load(from) : vf_load_n(from, n), weight, sum[p]);
        }
    for (int p = 0; p < pixels; p++, out += a->out_pixel) {
        const vf old = a->accumulate ? vf_load_n(out, n) : (vf){0};
        vf_store_n(out, a->accumulate ? old + sum[p] : sum[p], n);
    }
}

void CNN_NAME(depthwise)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_correlate *a = args;
    const ptrdiff_t row_blocks = cnn_ceil_div(a->h.out, a->blocks.rows);
    const ptrdiff_t n0 = tile / row_blocks, q0 = tile % row_blocks * a->blocks.rows;
    const ptrdiff_t q1 = cnn_min(q0 + a->blocks.rows, a->h.out);
    const struct view view =
        framed_view(a->image, a->channels, &a->h, &a->w, n0, n0 + 1, q0, q1, scratch);
    const struct columns weights = packed_columns(a->packed, a->h.taps * a->w.taps, a->channels);

    for (ptrdiff_t q = q0; q < q1; q++) {
        float *out = a->out + n0 * a->out_image + q * a->out_row;
        const float *x = view.base + (q - q0) * a->h.stride * view.row;
        for (ptrdiff_t p = 0; p < weights.count; p++) {
            const struct panel panel = panel_at(&weights, p);
            for (ptrdiff_t v = 0; v < panel.valid; v += CNN_W) {
                const ptrdiff_t c = panel.column + v, n = cnn_min(panel.valid - v, CNN_W);
                const vf bias = a->bias ? vf_load_n(a->bias + c, n) : (vf){0};
                for (ptrdiff_t r = 0, pixels; r < a->w.out; r += pixels) {
                    const float *from = x + r * a->w.stride * view.pixel + c;
                    float *to = out + r * a->out_pixel + c;
                    pixels = r + PIXELS <= a->w.out ? PIXELS : 1;
                    if (pixels == PIXELS && n == CNN_W) /* constants: loops unroll */
                        depthwise_pixels(PIXELS, a, view, from, panel.b + v, panel.ldb, bias,
                                         CNN_W, to);
                    else if (pixels == PIXELS)
                        depthwise_pixels(PIXELS, a, view, from, panel.b + v, panel.ldb, bias, n,
                                         to);
                    else
                        depthwise_pixels(1, a, view, from, panel.b + v, panel.ldb, bias, n, to);
                }
            }
        }
        if (a->function != CNN_LINEAR)
            for (ptrdiff_t r = 0; r < a->w.out; r++)
                cnn_apply(a->function, out + r * a->out_pixel, out + r * a->out_pixel,
                          a->channels);
    }
}

/* Pixels of one block, seen by one row of taps. */
struct lines {
    const float *x, *dy;
    struct view view;
    ptrdiff_t images, lines;
};

/* dw[t][c] = (or +=) sum over the pixels of x * dy, for `taps` (constant, up to 3) taps side
 * by side and n channels: their x lie in the L1 cache together. */
CNN_INLINE void taps_gradient(int taps, const struct cnn_weight_gradient *a, float *dw,
                              const struct lines *l, ptrdiff_t n, int accumulate)
{
    const ptrdiff_t step = a->w.stride * l->view.pixel, tap = a->w.step * l->view.pixel;
    const float *dy = l->dy;
    vf even[3] = {{0}}, odd[3] = {{0}}; /* sums over even and odd pixels of a line */
    for (ptrdiff_t i = 0; i < l->images; i++)
        for (ptrdiff_t q = 0; q < l->lines; q++) {
            const float *x = l->x + i * l->view.image + q * a->h.stride * l->view.row;
            ptrdiff_t r = 0;
            for (; r + 2 <= a->w.out; r += 2, x += 2 * step, dy += 2 * a->filters) {
                const vf dy0 = vf_load_n(dy, n), dy1 = vf_load_n(dy + a->filters, n);
                for (int t = 0; t < taps; t++) {
                    even[t] = vf_fma(vf_load_n(x + t * tap, n), dy0, even[t]);
                    odd[t] = vf_fma(vf_load_n(x + step + t * tap, n), dy1, odd[t]);
                }
            }
            for (; r < a->w.out; r++, x += step, dy += a->filters)
                for (int t = 0; t < taps; t++)
                    even[t] = vf_fma(vf_load_n(x + t * tap, n), vf_load_n(dy, n), even[t]);
        }
    for (int t = 0; t < taps; t++, dw += a->filters) {
        const vf total = even[t] + odd[t];
        vf_store_n(dw, accumulate ? vf_load_n(dw, n) + total : total, n);
    }
}

/* One function for each number of taps, and the whole vector's for three. */
static void row_gradient(const struct cnn_weight_gradient *a, float *dw, struct lines l,
                         ptrdiff_t n, int accumulate)
{
    for (ptrdiff_t j = 0; j < a->w.taps; j += 3) {
        const ptrdiff_t taps = cnn_min(a->w.taps - j, 3);
        if (taps == 3 && n == CNN_W)
            taps_gradient(3, a, dw, &l, CNN_W, accumulate);
        else if (taps == 3)
            taps_gradient(3, a, dw, &l, n, accumulate);
        else if (taps == 2)
            taps_gradient(2, a, dw, &l, n, accumulate);
        else
            taps_gradient(1, a, dw, &l, n, accumulate);
        dw += taps * a->filters;
        l.x += taps * a->w.step * l.view.pixel;
    }
}

void CNN_NAME(depthwise_weight_gradient)(const void *args, ptrdiff_t slice, void *scratch)
{
    const struct cnn_weight_gradient *a = args;
    const ptrdiff_t per_image = cnn_ceil_div(a->h.out, a->blocks.rows);
    const ptrdiff_t blocks = cnn_ceil_div(a->images, a->blocks.images) * per_image;
    const ptrdiff_t first = blocks * slice / a->slices, end = blocks * (slice + 1) / a->slices;
    float *dw = a->dw + slice * a->dw_slice;
    for (ptrdiff_t block = first; block < end; block++) {
        const ptrdiff_t n0 = block / per_image * a->blocks.images;
        const ptrdiff_t images = cnn_min(a->blocks.images, a->images - n0);
        const ptrdiff_t q0 = block % per_image * a->blocks.rows;
        const ptrdiff_t lines = cnn_min(a->blocks.rows, a->h.out - q0);
        const int accumulate = a->accumulate || block > first;
        const float *dy = a->dy + (n0 * a->h.out + q0) * a->w.out * a->filters;
        const struct view view = framed_view(a->x, a->channels, &a->h, &a->w, n0, n0 + images, q0,
                                             q0 + lines, scratch);
        for (ptrdiff_t c = 0; c < a->channels; c += CNN_W)
            for (ptrdiff_t i = 0; i < a->h.taps; i++) {
                const struct lines l = {view.base + i * a->h.step * view.row + c, dy + c, view,
                                        images, lines};
                row_gradient(a, dw + i * a->w.taps * a->filters + c, l,
                             cnn_min(a->channels - c, CNN_W), accumulate);
            }
        if (a->db)
            sum_pixels(a->db + slice * a->db_slice, dy, images * lines * a->w.out, a->filters,
                       a->filters, accumulate);
    }
}
