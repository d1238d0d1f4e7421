/* Gradient of a convolution's input where it has few channels.
 *
 * Few channels would leave most lanes of a vector idle.  So each pixel of dy times all
 * the weights, (filters) @ (filters, KH*KW*C), gives what it sends to the patch of dx
 * that it saw, and the patches are added up, one row of a patch at a time.
 *
 * Where one row of a patch, KW*C floats, fills its vectors well, each row of taps has a
 * product of its own, whose tiles add to dx themselves: pixels whose patches do not meet
 * share a tile.  That spares writing the patches and reading them again.
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

/* A tile's part of one image: rows h0..h1-1 of dx, and the rows q0..q1-1 of dy that reach them.
 * What they send is added up in a frame of dx's rows from `top` on, which has room for what the
 * padding receives at the left and right. */
struct part {
    ptrdiff_t n, h0, h1, q0, q1;
    float *frame;
    ptrdiff_t top, row; /* row: floats from row to row of the frame */
};

/* Patch after patch; of each the rows of taps that lie in h0..h1-1. */
static void add_all_patches(const struct cnn_scatter *a, const struct part *of, float *patches)
{
    const ptrdiff_t floats = a->h.taps * a->w.taps * a->channels;
    const struct columns weights = packed_columns(a->packed, a->filters, floats);
    const ptrdiff_t width = weights.vectors * weights.set->width;
    for (ptrdiff_t p0 = of->q0 * a->w.out; p0 < of->q1 * a->w.out; p0 += CNN_PATCHES) {
        const ptrdiff_t p1 = cnn_min(p0 + CNN_PATCHES, of->q1 * a->w.out);
        multiply(a, &weights, a->dy + (of->n * a->h.out * a->w.out + p0) * a->filters, p1 - p0,
                 patches, width);
        for (ptrdiff_t p = p0, end; p < p1; p = end) { /* the pixels of one output row */
            const ptrdiff_t q = p / a->w.out, r = p % a->w.out;
            end = cnn_min((q + 1) * a->w.out, p1);
            const ptrdiff_t first = q * a->h.stride + a->h.first; /* where its tap 0 is */
            const ptrdiff_t i0 = first < of->h0 ? cnn_ceil_div(of->h0 - first, a->h.step) : 0;
            const ptrdiff_t i1 = cnn_min((of->h1 - 1 - first) / a->h.step + 1, a->h.taps);
            if (i0 < i1)
                add_patches(a, of->frame + (first + i0 * a->h.step - of->top) * of->row +
                                   r * a->w.stride * a->channels,
                            of->row, patches + (p - p0) * width, width, end - p, i0, i1);
        }
    }
}

/* What the pixels in columns r0, r0 + apart, ... send, whose patches do not meet: row of taps
 * after row of taps, each added to the frame by the tiles of its product. */
static void add_products(const struct cnn_scatter *a, const struct part *of,
                         const struct panel *panel, ptrdiff_t r0, ptrdiff_t apart)
{
    const float *rows[TILE_MOST_ROWS];
    float *out[TILE_MOST_ROWS];
    const ptrdiff_t offs[1] = {0};
    struct tile t = {.out = out, .rows = rows, .offs = offs, .taps = 1, .len = a->filters,
                     .ks = 1, .accumulate = 1};
    ptrdiff_t q = of->q0, r = r0, left = (of->q1 - q) * cnn_ceil_div(a->w.out - r0, apart);
    for (ptrdiff_t mr; left > 0; left -= mr) {
        mr = rows_of_tile(left, panel->rows);
        for (ptrdiff_t p = 0; p < mr; p++) {
            const ptrdiff_t first = q * a->h.stride + a->h.first - of->top;
            rows[p] = a->dy + ((of->n * a->h.out + q) * a->w.out + r) * a->filters;
            out[p] = of->frame + first * of->row + r * a->w.stride * a->channels;
            r += apart;
            if (r >= a->w.out) {
                r = r0;
                q++;
            }
        }
        use_panel(&t, panel);
        for (ptrdiff_t i = 0; i < a->h.taps; i++) {
            panel->tiles[mr - 1](&t);
            t.b += a->packed_row;
            for (ptrdiff_t p = 0; p < mr; p++)
                out[p] += a->h.step * of->row;
        }
    }
}

static void add_by_rows(const struct cnn_scatter *a, const struct part *of)
{
    const ptrdiff_t apart = cnn_ceil_div(a->w.taps, a->w.stride);
    const struct columns columns =
        packed_columns(a->packed, a->filters, a->w.taps * a->channels);
    for (ptrdiff_t p = 0; p < columns.count; p++) {
        const struct panel panel = panel_at(&columns, p);
        for (ptrdiff_t r0 = 0; r0 < cnn_min(apart, a->w.out); r0++)
            add_products(a, of, &panel, r0, apart);
    }
}

/* Rows h0..h1-1 of image n, and what concerns them. */
CNN_INLINE struct part part_of(const struct cnn_scatter *a, ptrdiff_t n, ptrdiff_t h0,
                               ptrdiff_t h1)
{
    const ptrdiff_t reach = (a->h.taps - 1) * a->h.step, s = a->h.stride;
    const ptrdiff_t lowest = h0 - a->h.first - reach, highest = h1 - 1 - a->h.first;
    struct part part = {.n = n, .h0 = h0, .h1 = h1, .top = a->by_rows ? h0 - reach : h0};
    part.q0 = lowest > 0 ? cnn_ceil_div(lowest, s) : 0;
    part.q1 = highest < 0 ? 0 : cnn_min(highest / s + 1, a->h.out);
    part.row = cnn_window_extent(&a->w, a->w.out) * a->channels;
    return part;
}

void CNN_NAME(scatter)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_scatter *a = args;
    const ptrdiff_t row_blocks = cnn_ceil_div(a->h.size, a->rows), h0 = tile % row_blocks * a->rows;
    struct part part = part_of(a, tile / row_blocks, h0, cnn_min(h0 + a->rows, a->h.size));
    part.frame = (float *)scratch + cnn_scatter_patches(a, CNN_W);
    zero_floats(part.frame, cnn_scatter_rows(a) * part.row);
    if (a->by_rows)
        add_by_rows(a, &part);
    else
        add_all_patches(a, &part, scratch);
    for (ptrdiff_t h = h0; h < part.h1; h++)
        write_row(a, a->dx + (part.n * a->h.size + h) * a->w.size * a->channels,
                  part.frame + (h - part.top) * part.row, cnn_window_extent(&a->w, a->w.out));
}
