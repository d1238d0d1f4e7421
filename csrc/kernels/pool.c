/* Pooling: vectors run along the channels, so no lane ever sees another's values.
 *
 * Sums start at 0 and take the taps in ascending order, as the reference does, so
 * the bits are the reference's too.
 */
#include <math.h>

#include "../cnn.h"
#include "../simd.h"

/* Vectors of channels side by side: they share the loop over the taps, and each
 * has a maximum and its place in registers (2 * 4 of the 16 there are). */
enum { BLOCK = 4 };

/* TWO_BY_TWO: windows of 2 x 2, none of which reaches over the image's edge.  Most
 * networks pool so, and with few channels there is little to do but run the loops,
 * which constants remove: for LeNet's two layers, forward takes 0.6 of the time of
 * ANY, backward 0.8 (one Zen 4 core, AVX-512, the tiles in a loop). */
enum windows { ANY, TWO_BY_TWO };

static int is_two_by_two(const struct cnn_pool2d *a)
{
    return a->KH == 2 && a->KW == 2 && a->top == 0 && a->left == 0 &&
           (a->OH - 1) * a->SH + 2 <= a->H && (a->OW - 1) * a->SW + 2 <= a->W;
}

/* The arguments as local constants, which no store can change. */
CNN_INLINE struct cnn_pool2d copy(const struct cnn_pool2d *args, enum windows windows)
{
    struct cnn_pool2d a = *args;
    if (windows == TWO_BY_TWO) {
        a.KH = a.KW = 2;
        a.top = a.left = 0;
    }
    return a;
}

/* n is a constant where these are inlined, CNN_W except for the last channels. */
CNN_INLINE vf load(const float *p, ptrdiff_t n)
{
    return n == CNN_W ? vf_load(p) : vf_load_n(p, n);
}

CNN_INLINE void store(float *p, vf x, ptrdiff_t n)
{
    if (n == CNN_W)
        vf_store(p, x);
    else
        vf_store_n(p, x, n);
}

CNN_INLINE ptrdiff_t least(ptrdiff_t a, ptrdiff_t b)
{
    return a < b ? a : b;
}

/* Taps first .. last - 1 of a window that starts at `start` lie inside the image. */
struct taps {
    ptrdiff_t first, last;
};

CNN_INLINE struct taps clip(ptrdiff_t start, ptrdiff_t side, ptrdiff_t extent,
                            enum windows windows)
{
    if (windows == TWO_BY_TWO)
        return (struct taps){0, 2};
    return (struct taps){start < 0 ? -start : 0, least(side, extent - start)};
}

/* The part of a window that lies inside the image. */
struct window {
    const float *x; /* its first pixel */
    struct taps rows, columns;
};

/* Window ow of a row of windows; image is the image, h the windows' first row. */
CNN_INLINE struct window window_at(const struct cnn_pool2d *a, const float *image, ptrdiff_t h,
                                   ptrdiff_t ow, enum windows windows)
{
    const ptrdiff_t w = ow * a->SW - a->left;
    const struct taps rows = clip(h, a->KH, a->H, windows);
    const struct taps columns = clip(w, a->KW, a->W, windows);
    return (struct window){
        image + ((h + rows.first) * a->W + w + columns.first) * a->C, rows, columns};
}

/* Maximum pooling -------------------------------------------------------------- */

/* Rows of uint8 places are read and written in whole vectors: in place, or, where
 * the last vector would touch the next row (another tile's), in the scratch. */
CNN_INLINE int needs_scratch(const struct cnn_pool2d *a)
{
    return !a->argmax_is_int32 && a->C % CNN_W != 0;
}

CNN_INLINE void store_places(void *argmax, ptrdiff_t at, vi place, ptrdiff_t n, int is_int32)
{
    if (is_int32)
        store((float *)argmax + at, (vf)place, n);
    else /* what is too much, the next channels overwrite */
        vi_store_bytes((uint8_t *)argmax + at, place);
}

CNN_INLINE vi load_places(const void *argmax, ptrdiff_t at, ptrdiff_t n, int is_int32)
{
    if (is_int32)
        return (vi)load((const float *)argmax + at, n);
    return vi_load_bytes((const uint8_t *)argmax + at);
}

/* The maxima of one window over `vectors` vectors of channels from c on, to y and
 * argmax from `at` on. */
CNN_INLINE void maximum(float *y, void *argmax, ptrdiff_t at, const struct window *window,
                        ptrdiff_t c, const struct cnn_pool2d *a, int vectors, ptrdiff_t n,
                        int is_int32)
{
    const ptrdiff_t first = window->rows.first * a->KW + window->columns.first;
    vf best[BLOCK];
    vi place[BLOCK];
    for (int v = 0; v < vectors; v++) {
        best[v] = vf_set1(-INFINITY);
        place[v] = vi_set1((int32_t)first);
    }
    const float *row = window->x + c;
    for (ptrdiff_t i = window->rows.first; i < window->rows.last; i++, row += a->W * a->C) {
        const float *x = row;
        for (ptrdiff_t j = window->columns.first; j < window->columns.last; j++, x += a->C) {
            const vi here = vi_set1((int32_t)(i * a->KW + j));
            for (int v = 0; v < vectors; v++) {
                const vf value = load(x + v * CNN_W, n);
                /* A greater value wins over a number, and so does a NaN. */
                const vi wins = ~(value <= best[v]) & (best[v] == best[v]);
                best[v] = vf_select(wins, value, best[v]);
                place[v] = (vi)vf_select(wins, (vf)here, (vf)place[v]);
            }
        }
    }
    for (int v = 0; v < vectors; v++) {
        store(y + at + v * CNN_W, best[v], n);
        store_places(argmax, at + v * CNN_W, place[v], n, is_int32);
    }
}

CNN_INLINE void maximum_row(const struct cnn_pool2d *args, ptrdiff_t tile, void *scratch,
                            int is_int32, enum windows windows)
{
    const struct cnn_pool2d a = copy(args, windows);
    const ptrdiff_t C = a.C, row = a.OW * C, h = tile % a.OH * a.SH - a.top;
    const float *image = a.x + tile / a.OH * a.H * a.W * C;
    char *argmax = (char *)a.argmax + tile * row * (is_int32 ? 4 : 1);
    void *places = needs_scratch(&a) ? scratch : argmax;
    float *y = a.y + tile * row;
    for (ptrdiff_t ow = 0; ow < a.OW; ow++) {
        const struct window window = window_at(&a, image, h, ow, windows);
        ptrdiff_t c = 0;
        for (; c + BLOCK * CNN_W <= C; c += BLOCK * CNN_W)
            maximum(y, places, ow * C + c, &window, c, &a, BLOCK, CNN_W, is_int32);
        for (; c + CNN_W <= C; c += CNN_W)
            maximum(y, places, ow * C + c, &window, c, &a, 1, CNN_W, is_int32);
        if (c < C)
            maximum(y, places, ow * C + c, &window, c, &a, 1, C - c, is_int32);
    }
    if (places != argmax)
        memcpy(argmax, places, (size_t)row);
}

void CNN_NAME(maxpool2d_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_pool2d *a = args;
    if (a->argmax_is_int32)
        maximum_row(a, tile, scratch, 1, ANY);
    else if (is_two_by_two(a))
        maximum_row(a, tile, scratch, 0, TWO_BY_TWO);
    else
        maximum_row(a, tile, scratch, 0, ANY);
}

/* Average pooling -------------------------------------------------------------- */

CNN_INLINE void average(float *y, const struct window *window, ptrdiff_t c,
                        const struct cnn_pool2d *a, int vectors, ptrdiff_t n)
{
    const struct taps rows = window->rows, columns = window->columns;
    const vf count = vf_set1((float)((rows.last - rows.first) * (columns.last - columns.first)));
    vf sum[BLOCK];
    for (int v = 0; v < vectors; v++)
        sum[v] = vf_set1(0);
    const float *row = window->x + c;
    for (ptrdiff_t i = rows.first; i < rows.last; i++, row += a->W * a->C) {
        const float *x = row;
        for (ptrdiff_t j = columns.first; j < columns.last; j++, x += a->C)
            for (int v = 0; v < vectors; v++)
                sum[v] += load(x + v * CNN_W, n);
    }
    for (int v = 0; v < vectors; v++)
        store(y + v * CNN_W, sum[v] / count, n);
}

CNN_INLINE void average_row(const struct cnn_pool2d *args, ptrdiff_t tile, enum windows windows)
{
    const struct cnn_pool2d a = copy(args, windows);
    const ptrdiff_t C = a.C, h = tile % a.OH * a.SH - a.top;
    const float *image = a.x + tile / a.OH * a.H * a.W * C;
    float *y = a.y + tile * a.OW * C;
    for (ptrdiff_t ow = 0; ow < a.OW; ow++, y += C) {
        const struct window window = window_at(&a, image, h, ow, windows);
        ptrdiff_t c = 0;
        for (; c + BLOCK * CNN_W <= C; c += BLOCK * CNN_W)
            average(y + c, &window, c, &a, BLOCK, CNN_W);
        for (; c + CNN_W <= C; c += CNN_W)
            average(y + c, &window, c, &a, 1, CNN_W);
        if (c < C)
            average(y + c, &window, c, &a, 1, C - c);
    }
}

void CNN_NAME(averagepool2d_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    (void)scratch;
    if (is_two_by_two(args))
        average_row(args, tile, TWO_BY_TWO);
    else
        average_row(args, tile, ANY);
}

/* The gradients ---------------------------------------------------------------- */

enum rule { MAXIMUM_UINT8, MAXIMUM_INT32, AVERAGE };

/* How a row of dx is filled.  ADD: zeroed first (unless it accumulates), then added
 * to.  ONCE: no element lies under two windows and none accumulates, so that each
 * is written at most once and never read. */
enum fill { ADD, ONCE };

/* One row of windows, seen from the row of the image that is its tap i. */
struct overlap {
    float *dx;             /* (W, C) */
    const float *dy;       /* (OW, C) */
    const void *places;    /* (OW, C), maximum */
    ptrdiff_t first_place; /* i * KW, maximum */
    ptrdiff_t rows;        /* of these windows that lie inside the image, average */
};

/* One window's gradient, n of its channels from c on, to its taps in the row. */
CNN_INLINE void spread(const struct overlap *s, ptrdiff_t ow, ptrdiff_t c, ptrdiff_t n,
                       const struct cnn_pool2d *a, enum rule rule, enum fill fill,
                       enum windows windows)
{
    const ptrdiff_t w = ow * a->SW - a->left;
    const struct taps columns = clip(w, a->KW, a->W, windows);
    const vf zero = vf_set1(0);
    vf dy = load(s->dy + ow * a->C + c, n);
    vi winner = vi_set1(0);
    if (rule == AVERAGE)
        dy /= vf_set1((float)(s->rows * (columns.last - columns.first)));
    else
        winner = load_places(s->places, ow * a->C + c, n, rule == MAXIMUM_INT32);
    for (ptrdiff_t j = columns.first; j < columns.last; j++) {
        float *dx = s->dx + (w + j) * a->C + c;
        const vf before = fill == ONCE ? zero : load(dx, n);
        const vi here = vi_set1((int32_t)(s->first_place + j));
        const vf share = rule == AVERAGE ? dy : vf_select(winner == here, dy, zero);
        store(dx, before + share, n);
    }
}

/* Windows from the right to the left where a pixel lies under several, so that it takes
 * its taps in ascending order; else as memory goes, which is five times as fast on
 * arrays that no cache holds (the hardware fetches ahead upwards alone). */
CNN_INLINE void spread_windows(const struct overlap *s, const struct cnn_pool2d *a,
                               enum rule rule, enum fill fill, enum windows windows)
{
    for (ptrdiff_t i = 0; i < a->OW; i++) {
        const ptrdiff_t ow = fill == ONCE ? i : a->OW - 1 - i;
        ptrdiff_t c = 0;
        for (; c + CNN_W <= a->C; c += CNN_W)
            spread(s, ow, c, CNN_W, a, rule, fill, windows);
        if (c < a->C)
            spread(s, ow, c, a->C - c, a, rule, fill, windows);
    }
}

/* A row of dx, from all the rows of windows over it, the lowest windows first (for
 * taps in ascending order). */
CNN_INLINE void spread_row(const struct cnn_pool2d *args, ptrdiff_t tile, void *scratch,
                           enum rule rule, enum fill fill, enum windows windows)
{
    const struct cnn_pool2d a = copy(args, windows);
    const ptrdiff_t h = tile % a.H + a.top, row = a.OW * a.C;
    ptrdiff_t oh = least(h / a.SH, a.OH - 1);
    float *dx = a.dx + tile * a.W * a.C;
    const int has_windows = oh >= 0 && h - oh * a.SH < a.KH;
    const int has_gaps = a.SW != a.KW || a.OW * a.SW < a.W + a.left;
    if (!a.accumulate && (fill == ADD || !has_windows || has_gaps))
        memset(dx, 0, (size_t)(a.W * a.C) * sizeof *dx);
    for (; oh >= 0 && h - oh * a.SH < a.KH; oh--) {
        const ptrdiff_t start = (tile / a.H * a.OH + oh) * row;
        const struct taps rows = clip(oh * a.SH - a.top, a.KH, a.H, windows);
        struct overlap s = {.dx = dx, .dy = a.dy + start};
        s.first_place = (h - oh * a.SH) * a.KW;
        s.rows = rows.last - rows.first;
        if (rule != AVERAGE)
            s.places = (const char *)a.argmax + start * (rule == MAXIMUM_INT32 ? 4 : 1);
        if (rule == MAXIMUM_UINT8 && needs_scratch(&a))
            s.places = memcpy(scratch, s.places, (size_t)row);
        spread_windows(&s, &a, rule, fill, windows);
    }
}

CNN_INLINE void spread_rule(const struct cnn_pool2d *a, ptrdiff_t tile, void *scratch,
                            enum rule rule)
{
    const int once = !a->accumulate && a->SH >= a->KH && a->SW >= a->KW;
    if (once && rule != MAXIMUM_INT32 && is_two_by_two(a))
        spread_row(a, tile, scratch, rule, ONCE, TWO_BY_TWO);
    else if (once)
        spread_row(a, tile, scratch, rule, ONCE, ANY);
    else
        spread_row(a, tile, scratch, rule, ADD, ANY);
}

void CNN_NAME(maxpool2d_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_pool2d *a = args;
    if (a->argmax_is_int32)
        spread_rule(a, tile, scratch, MAXIMUM_INT32);
    else
        spread_rule(a, tile, scratch, MAXIMUM_UINT8);
}

void CNN_NAME(averagepool2d_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    spread_rule(args, tile, scratch, AVERAGE);
}
