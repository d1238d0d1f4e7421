/* Convolution with a filter for each channel: vectors lie along the channels.
 *
 * There is little arithmetic for each number, so what counts is that memory is read once
 * and is there in time: while a row of outputs is made, what the next row needs is asked
 * for (1.3 instead of 3.5 ms for 32 images of 32 x 32 x 64).  Taps outside of the image
 * are left out; outputs that lack some, at the left and right edge, go one by one.
 */
#include "../cnn.h"
#include "../functions.h"
#include "copy.h"
#include "panel.h"
#include "sum_pixels.h"

/* Outputs whose sums grow side by side, and outputs of one vector of channels before the
 * next vector: some for the loops' sake, few for the caches'. */
enum { PIXELS = 4, RUN = 16 };

/* Which taps of an output lie in the image. */
struct inside {
    ptrdiff_t first, end;
};

CNN_INLINE struct inside taps_inside(const struct cnn_window *w, ptrdiff_t out)
{
    const ptrdiff_t start = out * w->stride + w->first;
    struct inside taps = {0, w->taps};
    while (taps.first < taps.end && start + taps.first * w->step < 0)
        taps.first++;
    while (taps.end > taps.first && start + (taps.end - 1) * w->step >= w->size)
        taps.end--;
    return taps;
}

/* A run of outputs of one vector of channels, and their taps; distances in floats. */
struct run {
    const float *x; /* the first output's first tap */
    ptrdiff_t count, tap_rows, taps;
    ptrdiff_t row, tap, step; /* in x: to the next row of taps, tap, output */
    ptrdiff_t x_ahead;        /* to what the next row of outputs sees first */
    /* Three taps that move on by a pixel, which is then read once for all three.  The
     * first output may lack its first tap, and the last its last. */
    int slides, lacks_first, lacks_last;
};

CNN_INLINE struct run runs_of(const struct cnn_window *h, const struct cnn_window *w, ptrdiff_t C)
{
    return (struct run){.row = h->step * w->size * C,
                        .tap = w->step * C,
                        .step = w->stride * C,
                        .x_ahead = h->taps * h->step * w->size * C,
                        .slides = w->taps == 3 && w->stride == 1 && w->step == 1 &&
                                  w->first >= -1 && w->out + w->first + 1 <= w->size};
}

/* The next run of a row, from output r on; return its first tap.  Where taps do not slide
 * an output that lacks one is a run by itself. */
CNN_INLINE ptrdiff_t next_run(struct run *run, const struct cnn_window *w, ptrdiff_t r)
{
    const struct inside taps = taps_inside(w, r);
    run->count = cnn_min(RUN, w->out - r);
    run->taps = w->taps;
    if (run->slides) {
        run->lacks_first = r + w->first < 0;
        run->lacks_last = r + run->count + w->first + 1 >= w->size;
        return 0;
    }
    run->taps = taps.end - taps.first;
    if (run->taps < w->taps)
        run->count = 1;
    else if (w->taps > 0) {
        const ptrdiff_t last_tap = w->first + (w->taps - 1) * w->step;
        const ptrdiff_t complete = (w->size - 1 - last_tap) / w->stride + 1; /* from 0 on */
        run->count = cnn_min(run->count, complete - r);
    }
    return taps.first;
}

/* The pixels that `pixels` outputs from r on see in one row of taps. */
CNN_INLINE void look(int pixels, vf *seen, const struct run *run, const float *line, ptrdiff_t r,
                     ptrdiff_t n)
{
    for (int p = 0; p < pixels + 2; p++) {
        const int lacks = (p == 0 && run->lacks_first && r == 0) ||
                          (p == pixels + 1 && run->lacks_last && r + pixels == run->count);
        seen[p] = lacks ? (vf){0} : vf_in_register(vf_load_n(line + p * run->tap, n));
    }
}

/* The sums -------------------------------------------------------------------- */

struct sums {
    struct run in;
    const float *w; /* of the first tap */
    ptrdiff_t w_row, w_tap;
    float *out;
    ptrdiff_t out_pixel, out_row;
    int accumulate;
};

/* `pixels` (constant) outputs from r on, n channels. */
CNN_INLINE void pixel_sums(int pixels, int slides, const struct sums *s, ptrdiff_t r, vf bias,
                           ptrdiff_t n)
{
    const float *x = s->in.x + r * s->in.step, *line = x, *w_line = s->w;
    float *out = s->out + r * s->out_pixel;
    vf sum[PIXELS];
    for (int p = 0; p < pixels; p++)
        sum[p] = bias;
    for (ptrdiff_t i = 0; i < s->in.tap_rows; i++, line += s->in.row, w_line += s->w_row) {
        if (slides) {
            vf seen[PIXELS + 2];
            look(pixels, seen, &s->in, line, r, n);
            for (int j = 0; j < 3; j++) {
                const vf weight = vf_in_register(vf_load(w_line + j * s->w_tap));
                for (int p = 0; p < pixels; p++)
                    sum[p] = vf_fma(seen[p + j], weight, sum[p]);
            }
            continue;
        }
        for (ptrdiff_t j = 0; j < s->in.taps; j++) {
            const vf weight = vf_load(w_line + j * s->w_tap);
            const float *from = line + j * s->in.tap;
            for (int p = 0; p < pixels; p++)
                sum[p] = vf_fma(vf_load_n(from + p * s->in.step, n), weight, sum[p]);
        }
    }
    for (int p = 0; p < pixels; p++, x += s->in.step, out += s->out_pixel) {
        __builtin_prefetch(x + s->in.x_ahead);
        __builtin_prefetch(out + s->out_row, 1);
        const vf old = s->accumulate ? vf_load_n(out, n) : (vf){0};
        vf_store_n(out, s->accumulate ? old + sum[p] : sum[p], n);
    }
}

CNN_INLINE void run_sums(int slides, const struct sums *sums, vf bias, ptrdiff_t n)
{
    const struct sums s = *sums; /* which no store can change */
    ptrdiff_t r = 0;
    for (; r + PIXELS <= s.in.count; r += PIXELS)
        pixel_sums(PIXELS, slides, &s, r, bias, n);
    for (; r < s.in.count; r++)
        pixel_sums(1, slides, &s, r, bias, n);
}

/* Each is a function of its own, for it needs all registers that there are. */
static __attribute__((noinline)) void sliding_sums(const struct sums *s, vf bias)
{
    run_sums(1, s, bias, CNN_W);
}

static __attribute__((noinline)) void vector_sums(const struct sums *s, vf bias)
{
    run_sums(0, s, bias, CNN_W);
}

static __attribute__((noinline)) void masked_sums(const struct sums *s, vf bias, ptrdiff_t n)
{
    if (s->in.slides)
        run_sums(1, s, bias, n);
    else
        run_sums(0, s, bias, n);
}

void CNN_NAME(depthwise)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_correlate *a = args;
    const ptrdiff_t C = a->channels, row_blocks = cnn_ceil_div(a->h.out, a->blocks.rows);
    const ptrdiff_t image = tile / row_blocks, q0 = tile % row_blocks * a->blocks.rows;
    const ptrdiff_t q1 = cnn_min(q0 + a->blocks.rows, a->h.out);
    const struct columns weights = packed_columns(a->packed, a->h.taps * a->w.taps, C);
    struct sums s = {.in = runs_of(&a->h, &a->w, C),
                     .out_pixel = a->out_pixel,
                     .out_row = a->out_row,
                     .accumulate = a->accumulate};
    (void)scratch;

    for (ptrdiff_t q = q0; q < q1; q++) {
        const struct inside rows = taps_inside(&a->h, q);
        const ptrdiff_t h = q * a->h.stride + a->h.first + rows.first * a->h.step;
        float *out = a->out + image * a->out_image + q * a->out_row;
        s.in.tap_rows = rows.end - rows.first;
        for (ptrdiff_t r = 0; r < a->w.out; r += s.in.count) {
            const ptrdiff_t tap = next_run(&s.in, &a->w, r);
            const ptrdiff_t w = r * a->w.stride + a->w.first + tap * a->w.step;
            const float *x = a->image + ((image * a->h.size + h) * a->w.size + w) * C;
            for (ptrdiff_t p = 0; p < weights.count; p++) {
                const struct panel panel = panel_at(&weights, p);
                s.w_tap = panel.ldb;
                s.w_row = a->w.taps * panel.ldb;
                for (ptrdiff_t v = 0; v < panel.valid; v += CNN_W) {
                    const ptrdiff_t c = panel.column + v, n = cnn_min(panel.valid - v, CNN_W);
                    const vf bias = a->bias ? vf_load_n(a->bias + c, n) : (vf){0};
                    s.in.x = x + c;
                    s.w = panel.b + rows.first * s.w_row + tap * s.w_tap + v;
                    s.out = out + r * a->out_pixel + c;
                    if (n < CNN_W)
                        masked_sums(&s, bias, n);
                    else if (s.in.slides)
                        sliding_sums(&s, bias);
                    else
                        vector_sums(&s, bias);
                }
            }
        }
        for (ptrdiff_t r = 0; a->norm.mean && r < a->w.out; r++)
            normalize_row(&a->norm, a->function, out + r * a->out_pixel, 0, C);
        if (a->function != CNN_LINEAR && !a->norm.mean)
            for (ptrdiff_t r = 0; r < a->w.out; r++)
                cnn_apply(a->function, out + r * a->out_pixel, out + r * a->out_pixel, C);
    }
}

/* The gradient of the weights --------------------------------------------------- */

struct slopes {
    struct run in;
    float *dw;       /* of the first tap */
    const float *dy; /* of the first output */
    ptrdiff_t dw_row, channels, dy_row;
};

/* dw[t][c] += sum over the run of x * dy, for `taps` (constant) taps side by side. */
CNN_INLINE void add_slopes(int taps, const struct slopes *s, ptrdiff_t i, ptrdiff_t j, ptrdiff_t n)
{
    const float *x = s->in.x + i * s->in.row + j * s->in.tap, *dy = s->dy;
    float *dw = s->dw + i * s->dw_row + j * s->channels;
    vf even[3] = {{0}}, odd[3] = {{0}}; /* sums over even and odd outputs, side by side */
    ptrdiff_t r = 0;
    for (; r + 2 <= s->in.count; r += 2, x += 2 * s->in.step, dy += 2 * s->channels) {
        const vf dy0 = vf_load_n(dy, n), dy1 = vf_load_n(dy + s->channels, n);
        for (int t = 0; t < taps; t++) {
            even[t] = vf_fma(vf_load_n(x + t * s->in.tap, n), dy0, even[t]);
            odd[t] = vf_fma(vf_load_n(x + s->in.step + t * s->in.tap, n), dy1, odd[t]);
        }
    }
    if (r < s->in.count)
        for (int t = 0; t < taps; t++)
            even[t] = vf_fma(vf_load_n(x + t * s->in.tap, n), vf_load_n(dy, n), even[t]);
    for (int t = 0; t < taps; t++, dw += s->channels)
        vf_store_n(dw, vf_load_n(dw, n) + (even[t] + odd[t]), n);
}

CNN_INLINE void run_slopes(const struct slopes *slopes, ptrdiff_t n)
{
    const struct slopes s = *slopes; /* which no store can change */
    for (ptrdiff_t i = 0; i < s.in.tap_rows; i++) {
        ptrdiff_t j = 0;
        for (; j + 3 <= s.in.taps; j += 3)
            add_slopes(3, &s, i, j, n);
        for (; j < s.in.taps; j++)
            add_slopes(1, &s, i, j, n);
    }
}

/* The same for rows 0 .. rows - 1 (constant) of three taps that slide.  Unless told to unroll,
 * GCC keeps the sums in memory. */
CNN_INLINE void sliding_rows(int rows, const struct slopes *s, ptrdiff_t n)
{
    const float *x = s->in.x, *dy = s->dy;
    vf sum[3][3] = {{{0}}};
    ptrdiff_t r = 0;
    for (; r + PIXELS <= s->in.count; r += PIXELS) {
        vf slope[PIXELS], seen[PIXELS + 2];
#pragma GCC unroll 4
        for (int p = 0; p < PIXELS; p++) {
            slope[p] = vf_in_register(vf_load_n(dy + p * s->channels, n));
            __builtin_prefetch(x + s->in.x_ahead + p * s->in.tap);
            __builtin_prefetch(dy + s->dy_row + p * s->channels);
        }
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++) {
            look(PIXELS, seen, &s->in, x + i * s->in.row, r, n);
#pragma GCC unroll 4
            for (int p = 0; p < PIXELS; p++)
#pragma GCC unroll 4
                for (int j = 0; j < 3; j++)
                    sum[i][j] = vf_fma(seen[p + j], slope[p], sum[i][j]);
        }
        x += PIXELS * s->in.tap;
        dy += PIXELS * s->channels;
    }
    for (; r < s->in.count; r++, x += s->in.tap, dy += s->channels)
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++) {
            vf seen[3];
            look(1, seen, &s->in, x + i * s->in.row, r, n);
#pragma GCC unroll 4
            for (int j = 0; j < 3; j++)
                sum[i][j] = vf_fma(seen[j], vf_load_n(dy, n), sum[i][j]);
        }
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int j = 0; j < 3; j++) {
            float *dw = s->dw + i * s->dw_row + j * s->channels;
            vf_store_n(dw, vf_load_n(dw, n) + sum[i][j], n);
        }
}

CNN_INLINE void sliding_slopes(const struct slopes *slopes, ptrdiff_t n)
{
    struct slopes s = *slopes; /* which no store can change */
    if (s.in.tap_rows == 3) {
        sliding_rows(3, &s, n);
        return;
    }
    for (ptrdiff_t i = 0; i < s.in.tap_rows; i++, s.in.x += s.in.row, s.dw += s.dw_row)
        sliding_rows(1, &s, n);
}

static __attribute__((noinline)) void vector_slopes(const struct slopes *s)
{
    if (s->in.slides)
        sliding_slopes(s, CNN_W);
    else
        run_slopes(s, CNN_W);
}

static __attribute__((noinline)) void masked_slopes(const struct slopes *s, ptrdiff_t n)
{
    if (s->in.slides)
        sliding_slopes(s, n);
    else
        run_slopes(s, n);
}

void CNN_NAME(depthwise_weight_gradient)(const void *args, ptrdiff_t slice, void *scratch)
{
    const struct cnn_weight_gradient *a = args;
    const ptrdiff_t C = a->channels, lines = a->images * a->h.out;
    const ptrdiff_t first = lines * slice / a->slices, end = lines * (slice + 1) / a->slices;
    float *dw = a->dw + slice * a->dw_slice, *db = a->db ? a->db + slice * a->db_slice : NULL;
    struct slopes s = {.in = runs_of(&a->h, &a->w, C),
                       .dw_row = a->w.taps * C,
                       .channels = C,
                       .dy_row = a->w.out * C};
    (void)scratch;
    if (!a->accumulate) {
        zero_floats(dw, a->h.taps * s.dw_row);
        if (db)
            zero_floats(db, C);
    }
    for (ptrdiff_t line = first; line < end; line++) {
        const ptrdiff_t image = line / a->h.out, q = line % a->h.out;
        const struct inside rows = taps_inside(&a->h, q);
        const ptrdiff_t h = q * a->h.stride + a->h.first + rows.first * a->h.step;
        const float *dy = a->dy + line * s.dy_row;
        s.in.tap_rows = rows.end - rows.first;
        for (ptrdiff_t r = 0; r < a->w.out; r += s.in.count) {
            const ptrdiff_t tap = next_run(&s.in, &a->w, r);
            const ptrdiff_t w = r * a->w.stride + a->w.first + tap * a->w.step;
            const float *x = a->x + ((image * a->h.size + h) * a->w.size + w) * C;
            float *to = dw + rows.first * s.dw_row + tap * C;
            for (ptrdiff_t c = 0; c < C; c += CNN_W) {
                s.in.x = x + c;
                s.dw = to + c;
                s.dy = dy + r * C + c;
                if (c + CNN_W > C)
                    masked_slopes(&s, C - c);
                else
                    vector_slopes(&s);
            }
        }
        if (db)
            sum_pixels(db, dy, a->w.out, C, C, 1);
    }
}
