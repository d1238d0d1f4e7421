/* Gradient of a convolution's input where it has few channels.
 *
 * Few channels would leave most lanes of a vector idle.  So each pixel of dy times all
 * the weights, (filters) @ (filters, KH*KW*C), gives what it sends to the patch of dx
 * that it saw, and the patches are added up, one row of a patch at a time.
 */
#include "../cnn.h"
#include "copy.h"
#include "panel.h"

CNN_INLINE void add_floats(float *to, const float *from, ptrdiff_t n)
{
    ptrdiff_t i = 0;
    for (; i + CNN_W <= n; i += CNN_W)
        vf_store(to + i, vf_load(to + i) + vf_load(from + i));
    if (i < n)
        vf_store_n(to + i, vf_load_n(to + i, n - i) + vf_load_n(from + i, n - i), n - i);
}

/* patches[p] = dy[p] @ packed for `pixels` pixels, `width` floats apart. */
static void multiply(const struct cnn_scatter *a, const struct columns *columns, const float *dy,
                     ptrdiff_t pixels, float *patches, ptrdiff_t width)
{
    const float *rows[CNN_PATCHES];
    float *out[CNN_PATCHES];
    const ptrdiff_t offs[1] = {0};
    for (ptrdiff_t p = 0; p < pixels; p++) {
        rows[p] = dy + p * a->filters;
        out[p] = patches + p * width;
    }
    for (ptrdiff_t p = 0; p < columns->count; p++) {
        const struct panel panel = panel_at(columns, p);
        struct tile t = {.offs = offs, .taps = 1, .len = a->filters, .ks = 1, .b = panel.b,
                         .ldb = panel.ldb, .column = panel.column, .last = columns->set->width};
        for (ptrdiff_t r = 0, mr; r < pixels; r += mr) {
            mr = rows_of_tile(pixels - r, panel.rows);
            t.rows = rows + r;
            t.out = out + r;
            panel.tiles[mr - 1](&t);
        }
    }
}

/* Add rows i0..i1-1 of the patches to the frame; the first pixel's patch has row i0 at
 * frame.  Neighbours overlap, and a load that overlaps a store just made waits for it:
 * so first every pixel whose patch is clear of the one before, then their neighbours. */
static void add_patches(const struct cnn_scatter *a, float *frame, ptrdiff_t frame_row,
                        const float *patches, ptrdiff_t width, ptrdiff_t pixels, ptrdiff_t i0,
                        ptrdiff_t i1)
{
    const ptrdiff_t n = a->w.taps * a->channels, apart = cnn_ceil_div(a->w.taps, a->w.stride);
    for (ptrdiff_t first = 0; first < cnn_min(apart, pixels); first++)
        for (ptrdiff_t p = first; p < pixels; p += apart) {
            float *at = frame + p * a->w.stride * a->channels;
            for (ptrdiff_t i = i0; i < i1; i++, at += a->h.step * frame_row)
                add_floats(at, patches + p * width + i * n, n);
        }
}

/* One row of dx from one of the frame. */
static void write_row(const struct cnn_scatter *a, float *dx, const float *frame,
                      ptrdiff_t columns)
{
    const ptrdiff_t c = a->channels, begin = a->w.first > 0 ? a->w.first : 0;
    ptrdiff_t end = cnn_min(columns + a->w.first, a->w.size); /* columns that the frame has */
    end = end > begin ? end : begin;
    frame += (begin - a->w.first) * c;
    if (a->accumulate) {
        add_floats(dx + begin * c, frame, (end - begin) * c);
        return;
    }
    zero_floats(dx, begin * c);
    copy_floats(dx + begin * c, frame, (end - begin) * c);
    zero_floats(dx + end * c, (a->w.size - end) * c);
}

void CNN_NAME(scatter)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_scatter *a = args;
    const ptrdiff_t row_blocks = cnn_ceil_div(a->h.size, a->rows);
    const ptrdiff_t n = tile / row_blocks, h0 = tile % row_blocks * a->rows;
    const ptrdiff_t h1 = cnn_min(h0 + a->rows, a->h.size);
    const ptrdiff_t columns = cnn_window_extent(&a->w, a->w.out), frame_row = columns * a->channels;
    const ptrdiff_t floats = a->h.taps * a->w.taps * a->channels; /* of a patch */
    const struct columns weights = packed_columns(a->packed, a->filters, floats);
    const ptrdiff_t width = weights.vectors * weights.set->width;
    float *patches = scratch, *frame = patches + CNN_PATCHES * width;
    zero_floats(frame, (h1 - h0) * frame_row);

    /* Output rows q whose taps reach h0..h1-1. */
    const ptrdiff_t reach = (a->h.taps - 1) * a->h.step, s = a->h.stride;
    const ptrdiff_t lowest = h0 - a->h.first - reach, highest = h1 - 1 - a->h.first;
    const ptrdiff_t q0 = lowest > 0 ? cnn_ceil_div(lowest, s) : 0;
    const ptrdiff_t q1 = highest < 0 ? 0 : cnn_min(highest / s + 1, a->h.out);
    for (ptrdiff_t p0 = q0 * a->w.out; p0 < q1 * a->w.out; p0 += CNN_PATCHES) {
        const ptrdiff_t p1 = cnn_min(p0 + CNN_PATCHES, q1 * a->w.out);
        multiply(a, &weights, a->dy + (n * a->h.out * a->w.out + p0) * a->filters, p1 - p0, patches,
                 width);
        for (ptrdiff_t p = p0, end; p < p1; p = end) { /* the pixels of one output row */
            const ptrdiff_t q = p / a->w.out, r = p % a->w.out;
            end = cnn_min((q + 1) * a->w.out, p1);
            const ptrdiff_t top = q * s + a->h.first - h0; /* tap i is at top + i * step */
            const ptrdiff_t i0 = top < 0 ? cnn_ceil_div(-top, a->h.step) : 0;
            const ptrdiff_t i1 = cnn_min((h1 - h0 - 1 - top) / a->h.step + 1, a->h.taps);
            if (i0 < i1)
                add_patches(a, frame + (top + i0 * a->h.step) * frame_row +
                                   r * a->w.stride * a->channels,
                            frame_row, patches + (p - p0) * width, width, end - p, i0, i1);
        }
    }
    for (ptrdiff_t h = h0; h < h1; h++)
        write_row(a, a->dx + (n * a->h.size + h) * a->w.size * a->channels,
                  frame + (h - h0) * frame_row, columns);
}
