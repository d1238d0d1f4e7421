/* Convolution from few channels to few filters: vectors lie along the pixels.
 *
 * A vector along the filters would stay half empty for LeNet's six.  So a block of the
 * image is copied, in its frame of zeros, to one plane for each channel, where the pixels
 * of a channel lie side by side, and one weight times a vector of them is added to the sums
 * of as many outputs.  Those lie in planes too, one for each filter, and are turned around
 * at the end.  (The gradient of the weights that way, tried, was no faster: there dy must be
 * turned around, and most vectors of x cross a cache line.)
 */
#include "../cnn.h"
#include "../functions.h"
#include "copy.h"
#include "frame.h"
#include "panel.h"

/* The block of an image that output rows q0 .. of image n see, in planes. */
static void fill_planes(float *to, const struct cnn_planes *p, const float *x, ptrdiff_t channels,
                        const struct cnn_window *h, const struct cnn_window *w, ptrdiff_t n,
                        ptrdiff_t q0)
{
    const struct span inside = columns_inside(w, p->columns);
    const ptrdiff_t top = q0 * h->stride + h->first, count = inside.end - inside.begin;
    for (ptrdiff_t c = 0; c < channels; c++, to += p->plane) {
        for (ptrdiff_t i = 0; i < p->rows; i++) {
            float *row = to + i * p->columns, *pixels = row + inside.begin;
            if (top + i < 0 || top + i >= h->size) {
                zero_floats(row, p->columns);
                continue;
            }
            const float *from =
                x + ((n * h->size + top + i) * w->size + w->first + inside.begin) * channels + c;
            zero_floats(row, inside.begin);
            if (channels == 1)
                copy_floats(pixels, from, count);
            for (ptrdiff_t k = 0; channels > 1 && k < count; k++)
                pixels[k] = from[k * channels];
            zero_floats(pixels + count, p->columns - inside.end);
        }
        zero_floats(to + p->rows * p->columns, p->plane - p->rows * p->columns);
    }
}

/* y[i * filters + f] = planes[f * plane + i], n pixels.  Four filters of four pixels are
 * turned at a time; of five to seven filters some are so twice. */
static void planes_to_pixels(float *y, const float *planes, ptrdiff_t plane, ptrdiff_t filters,
                             ptrdiff_t n)
{
    ptrdiff_t i = 0;
    for (; filters >= 4 && i + 4 <= n; i += 4) {
        transpose4(y + i * filters, filters, planes + i, plane);
        transpose4(y + i * filters + filters - 4, filters, planes + (filters - 4) * plane + i,
                   plane);
    }
    for (; i < n; i++)
        for (ptrdiff_t f = 0; f < filters; f++)
            y[i * filters + f] = planes[f * plane + i];
}

/* Vectors of outputs side by side: a weight is then read once for both. */
enum { VECTORS = 2 };

/* All `filters` (constant) of a block's outputs into planes y; rows follow each other
 * without a gap, so what stands between them is computed too, of whatever lies there. */
CNN_INLINE void plane_sums(int filters, const struct cnn_correlate *a, const struct cnn_planes *p,
                           const float *x, float *y, ptrdiff_t outputs)
{
    const struct columns columns =
        packed_columns(a->packed, a->h.taps * a->w.taps * a->channels, filters);
    const ptrdiff_t w_row = panel_at(&columns, 0).ldb;
    for (ptrdiff_t s = 0; s < outputs; s += VECTORS * CNN_W) {
        const float *weights = a->packed;
        vf sum[CNN_PLANES_MOST][VECTORS];
#pragma GCC unroll 8
        for (int f = 0; f < filters; f++)
#pragma GCC unroll 8
            for (int v = 0; v < VECTORS; v++)
                sum[f][v] = vf_set1(a->bias ? a->bias[f] : 0.0f);
        for (ptrdiff_t i = 0; i < a->h.taps; i++)
            for (ptrdiff_t j = 0; j < a->w.taps; j++) {
                const float *from = x + i * a->h.step * p->columns + j * a->w.step + s;
                for (ptrdiff_t c = 0; c < a->channels; c++, from += p->plane, weights += w_row) {
                    vf pixels[VECTORS];
#pragma GCC unroll 8
                    for (int v = 0; v < VECTORS; v++)
                        pixels[v] = vf_load(from + v * CNN_W);
#pragma GCC unroll 8
                    for (int f = 0; f < filters; f++)
#pragma GCC unroll 8
                        for (int v = 0; v < VECTORS; v++)
                            sum[f][v] = vf_fma(pixels[v], vf_set1(weights[f]), sum[f][v]);
                }
            }
#pragma GCC unroll 8
        for (int f = 0; f < filters; f++)
#pragma GCC unroll 8
            for (int v = 0; v < VECTORS; v++)
                vf_store(y + f * p->out_plane + s + v * CNN_W,
                         a->function == CNN_RELU ? vf_function(CNN_RELU, sum[f][v]) : sum[f][v]);
    }
}

#define FOR_FILTERS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

void CNN_NAME(planes)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_correlate *a = args;
    const ptrdiff_t row_blocks = cnn_ceil_div(a->h.out, a->blocks.rows);
    const ptrdiff_t n = tile / row_blocks, q0 = tile % row_blocks * a->blocks.rows;
    const ptrdiff_t rows = cnn_min(a->blocks.rows, a->h.out - q0), F = a->group_filters;
    const struct cnn_planes p = cnn_planes(&a->h, &a->w, a->blocks.rows);
    float *x = scratch, *planes = x + a->channels * p.plane;
    const ptrdiff_t outputs = (rows - 1) * p.columns + a->w.out;
    fill_planes(x, &p, a->image, a->channels, &a->h, &a->w, n, q0);
#define SUMS(f)                                                                                    \
    case f:                                                                                        \
        plane_sums(f, a, &p, x, planes, outputs);                                                  \
        break;
    switch (F) {
        FOR_FILTERS(SUMS)
    }
    for (ptrdiff_t q = 0; q < rows; q++) {
        float *out = a->out + n * a->out_image + (q0 + q) * a->out_row;
        planes_to_pixels(out, planes + q * p.columns, p.out_plane, F, a->w.out);
        if (a->function == CNN_SIGMOID || a->function == CNN_TANH)
            cnn_apply(a->function, out, out, a->w.out * F);
    }
}
