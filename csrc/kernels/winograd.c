/* Winograd's convolution (winograd.h).  A tile brings a few patches through all three stages
 * while they are in the L2 cache. */
#include "../cnn.h"
#include "copy.h"
#include "panel.h"

/* The points of interpolation are 0, +-P, +-Q and infinity; P Q = 1, P^2 = 1/2, Q^2 = 2. */
#define P 0x1.6a09e6p-1f
#define Q 0x1.6a09e6p0f

/* G applied to three taps. */
CNN_INLINE void transform_taps(vf *to, const vf *g)
{
    const vf p = vf_fma(g[2], vf_set1(0.5f), g[0]) * (-1.0f / 1.5f), dp = g[1] * (-P / 1.5f);
    const vf q = vf_fma(g[2], vf_set1(2.0f), g[0]) * (1.0f / 6.0f), dq = g[1] * (Q / 6.0f);
    to[0] = g[0];
    to[1] = p + dp;
    to[2] = p - dp;
    to[3] = q + dq;
    to[4] = q - dq;
    to[5] = g[2];
}

/* B' applied to six pixels. */
CNN_INLINE void transform_pixels(vf *to, const vf *d)
{
    const vf two = vf_set1(2.0f), half = vf_set1(0.5f), both = vf_set1(2.5f);
    const vf p = vf_fma(-two, d[2], d[4]), dp = vf_fma(-two, d[1], d[3]);
    const vf q = vf_fma(-half, d[2], d[4]), dq = vf_fma(-half, d[1], d[3]);
    to[0] = vf_fma(-both, d[2], d[0] + d[4]);
    to[1] = vf_fma(vf_set1(P), dp, p);
    to[2] = vf_fma(vf_set1(-P), dp, p);
    to[3] = vf_fma(vf_set1(Q), dq, q);
    to[4] = vf_fma(vf_set1(-Q), dq, q);
    to[5] = vf_fma(-both, d[3], d[1] + d[5]);
}

/* A' applied to six sums. */
CNN_INLINE void transform_sums(vf to[CNN_PATCH], const vf m[CNN_SEEN])
{
    const vf p = m[1] + m[2], dp = (m[1] - m[2]) * P;
    const vf q = m[3] + m[4], dq = (m[3] - m[4]) * Q;
    to[0] = m[0] + (p + q);
    to[1] = dp + dq;
    to[2] = vf_fma(vf_set1(2.0f), q, 0.5f * p);
    to[3] = vf_fma(vf_set1(2.0f), dq, vf_fma(vf_set1(0.5f), dp, m[5]));
}

/* A applied to four gradients. */
CNN_INLINE void transform_gradients(vf *to, const vf *y)
{
    const vf half = vf_set1(0.5f), two = vf_set1(2.0f);
    const vf p = vf_fma(half, y[2], y[0]), dp = vf_fma(half, y[3], y[1]);
    const vf q = vf_fma(two, y[2], y[0]), dq = vf_fma(two, y[3], y[1]);
    to[0] = y[0];
    to[1] = vf_fma(vf_set1(P), dp, p);
    to[2] = vf_fma(vf_set1(-P), dp, p);
    to[3] = vf_fma(vf_set1(Q), dq, q);
    to[4] = vf_fma(vf_set1(-Q), dq, q);
    to[5] = y[3];
}

/* G' applied to six sums. */
CNN_INLINE void transform_filter_sums(vf to[3], const vf u[CNN_SEEN])
{
    const vf p = (u[1] + u[2]) * (-1.0f / 1.5f), q = (u[3] + u[4]) * (1.0f / 6.0f);
    const vf dp = (u[1] - u[2]) * (-P / 1.5f), dq = (u[3] - u[4]) * (Q / 6.0f);
    to[0] = u[0] + (p + q);
    to[1] = dp + dq;
    to[2] = vf_fma(vf_set1(2.0f), q, vf_fma(vf_set1(0.5f), p, u[5]));
}

/* The second half of a transform: its `count` columns, transformed row by row, each place to
 * to[place * step].  The transform is a constant wherever this is inlined. */
CNN_INLINE void store_places(float *to, ptrdiff_t step, vf (*columns)[CNN_SEEN], int count,
                             void (*transform)(vf *to, const vf *from))
{
    vf row[CNN_SEEN], whole[CNN_SEEN];
    for (int i = 0; i < CNN_SEEN; i++) {
        for (int j = 0; j < count; j++)
            row[j] = columns[j][i];
        transform(whole, row);
        for (int j = 0; j < CNN_SEEN; j++)
            vf_store(to + (CNN_SEEN * i + j) * step, whole[j]);
    }
}

void CNN_NAME(winograd_weights)(const void *args, ptrdiff_t tile, void *scratch)
{
    (void)scratch;
    const struct cnn_winograd_weights *a = args;
    const ptrdiff_t C = a->channels, c0 = C * tile / a->blocks, c1 = C * (tile + 1) / a->blocks;
    for (ptrdiff_t f = 0; f < a->filters; f += CNN_PATCH_FILTERS) {
        const struct columns columns =
            packed_columns(NULL, C, cnn_min(a->filters - f, CNN_PATCH_FILTERS));
        for (ptrdiff_t n = 0; n < columns.count; n++) {
            const struct panel panel = panel_at(&columns, n);
            const float *from = a->packed + 9 * C * (f + panel.column);
            float *to = a->transformed + C * (f + panel.column);
            const ptrdiff_t tap = C * panel.width;
            for (ptrdiff_t i = c0 * panel.width; i < c1 * panel.width; i += CNN_W) {
                vf half[3][CNN_SEEN], g[3]; /* columns of G w */
                for (int j = 0; j < 3; j++) {
                    for (int k = 0; k < 3; k++)
                        g[k] = vf_load(from + (3 * k + j) * tap + i);
                    transform_taps(half[j], g);
                }
                store_places(to + i, a->place, half, 3, transform_taps);
            }
        }
    }
}

/* Where a patch stands: its image, and the pixel of its first output. */
struct patch {
    ptrdiff_t n, y, x;
};

CNN_INLINE struct patch patch_at(const struct cnn_correlate *of, ptrdiff_t number)
{
    const ptrdiff_t across = cnn_patches(of->w.out), down = cnn_patches(of->h.out);
    return (struct patch){number / (across * down), number / across % down * CNN_PATCH,
                          number % across * CNN_PATCH};
}

/* The pixels that a patch sees, transformed, to to[place * step]; zero: a row of zeros, for what
 * lies outside. */
static void transform_patch(float *to, ptrdiff_t step, const struct cnn_correlate *of,
                            struct patch patch, const float *zero)
{
    const float *pixel[CNN_SEEN][CNN_SEEN];
    const ptrdiff_t C = of->channels;
    for (ptrdiff_t i = 0; i < CNN_SEEN; i++)
        for (ptrdiff_t j = 0; j < CNN_SEEN; j++) {
            const ptrdiff_t y = patch.y + i + of->h.first, x = patch.x + j + of->w.first;
            const int inside = y >= 0 && y < of->h.size && x >= 0 && x < of->w.size;
            pixel[i][j] =
                inside ? of->image + ((patch.n * of->h.size + y) * of->w.size + x) * C : zero;
        }
    for (ptrdiff_t c = 0; c < C; c += CNN_W) {
        vf half[CNN_SEEN][CNN_SEEN], d[CNN_SEEN]; /* columns of B' x */
        for (int j = 0; j < CNN_SEEN; j++) {
            for (int i = 0; i < CNN_SEEN; i++)
                d[i] = vf_load_upto(pixel[i][j] + c, C - c);
            transform_pixels(half[j], d);
        }
        store_places(to + c, step, half, CNN_SEEN, transform_pixels);
    }
}

/* sums[place][patch] of filters f0.. = the patches times the transformed weights. */
static void sum_channels(float *sums, const float *patches, const struct cnn_winograd *a,
                         ptrdiff_t count, ptrdiff_t f0)
{
    const ptrdiff_t C = a->of.channels, row = cnn_patch_floats(a->of.channels), offs[1] = {0};
    const ptrdiff_t filters = cnn_min(a->of.group_filters - f0, CNN_PATCH_FILTERS);
    const float *rows[TILE_MOST_ROWS];
    float *out[TILE_MOST_ROWS];
    struct tile t = {.out = out, .rows = rows, .offs = offs, .taps = 1, .len = C, .ks = 1};
    for (ptrdiff_t place = 0; place < CNN_PLACES; place++) {
        const struct columns columns =
            packed_columns(a->transformed + place * a->place + C * f0, C, filters);
        for (ptrdiff_t p = 0; p < columns.count; p++) {
            const struct panel panel = panel_at(&columns, p);
            use_panel(&t, &panel);
            for (ptrdiff_t i = 0, mr; i < count; i += mr) {
                mr = rows_of_tile(count - i, panel.rows);
                for (ptrdiff_t r = 0; r < mr; r++) {
                    rows[r] = patches + (place * a->patches + i + r) * row;
                    out[r] = sums + (place * a->patches + i + r) * CNN_PATCH_FILTERS;
                }
                panel.tiles[mr - 1](&t);
            }
        }
    }
}

/* The outputs of a patch, filters f0.., from sums[place * step]. */
static void write_patch(const struct cnn_correlate *of, struct patch patch, const float *sums,
                        ptrdiff_t step, ptrdiff_t f0)
{
    const ptrdiff_t filters = cnn_min(of->group_filters - f0, CNN_PATCH_FILTERS);
    const ptrdiff_t rows = cnn_min(of->h.out - patch.y, CNN_PATCH);
    const ptrdiff_t columns = cnn_min(of->w.out - patch.x, CNN_PATCH);
    float *first = of->out + patch.n * of->out_image + patch.y * of->out_row +
                   patch.x * of->out_pixel + f0;
    for (ptrdiff_t f = 0; f < filters; f += CNN_W) {
        vf half[CNN_SEEN][CNN_PATCH], m[CNN_SEEN], whole[CNN_PATCH]; /* columns of A' m; ... */
        for (int j = 0; j < CNN_SEEN; j++) {
            for (int i = 0; i < CNN_SEEN; i++)
                m[i] = vf_load(sums + (CNN_SEEN * i + j) * step + f);
            transform_sums(half[j], m);
        }
        const vf bias = of->bias ? vf_load_upto(of->bias + f0 + f, filters - f) : (vf){0};
        const int normalized = of->norm.mean != NULL;
        vf mean = {0}, scale = {0}, shift = {0};
        if (normalized) {
            mean = vf_load_upto(of->norm.mean + f0 + f, filters - f);
            scale = vf_load_upto(of->norm.scale + f0 + f, filters - f);
            shift = vf_load_upto(of->norm.shift + f0 + f, filters - f);
        }
        for (ptrdiff_t i = 0; i < rows; i++) {
            for (int j = 0; j < CNN_SEEN; j++)
                m[j] = half[j][i];
            transform_sums(whole, m);
            for (ptrdiff_t j = 0; j < columns; j++) {
                float *to = first + i * of->out_row + j * of->out_pixel + f;
                vf y = whole[j] + bias;
                if (of->accumulate)
                    y += vf_load_upto(to, filters - f);
                if (normalized)
                    y = vf_fma(y - mean, scale, shift);
                vf_store_upto(to, vf_function((enum cnn_function)of->function, y), filters - f);
            }
        }
    }
}

void CNN_NAME(winograd)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_winograd *a = args;
    const struct cnn_correlate *of = &a->of;
    const ptrdiff_t all = of->images * cnn_patches(of->h.out) * cnn_patches(of->w.out);
    const ptrdiff_t first = tile * a->patches, count = cnn_min(all - first, a->patches);
    const ptrdiff_t row = cnn_patch_floats(of->channels);
    float *zero = scratch, *patches = zero + row, *sums = patches + CNN_PLACES * a->patches * row;

    zero_floats(zero, row);
    for (ptrdiff_t i = 0; i < count; i++)
        transform_patch(patches + i * row, a->patches * row, of, patch_at(of, first + i), zero);
    for (ptrdiff_t f0 = 0; f0 < of->group_filters; f0 += CNN_PATCH_FILTERS) {
        sum_channels(sums, patches, a, count, f0);
        for (ptrdiff_t i = 0; i < count; i++)
            write_patch(of, patch_at(of, first + i), sums + i * CNN_PATCH_FILTERS,
                        a->patches * CNN_PATCH_FILTERS, f0);
    }
}

/* The gradients of a patch's outputs, transformed; zeros for outputs outside the image. */
static void transform_dy(float *to, ptrdiff_t step, const struct cnn_winograd_gradient *a,
                         struct patch patch)
{
    const struct cnn_correlate *of = &a->of;
    const ptrdiff_t F = of->group_filters;
    const ptrdiff_t rows = cnn_min(of->h.out - patch.y, CNN_PATCH);
    const ptrdiff_t columns = cnn_min(of->w.out - patch.x, CNN_PATCH);
    const float *dy = a->dy + ((patch.n * of->h.out + patch.y) * of->w.out + patch.x) * F;
    for (ptrdiff_t f = 0; f < F; f += CNN_W) {
        vf half[CNN_PATCH][CNN_SEEN], y[CNN_PATCH]; /* columns of A y' */
        for (ptrdiff_t j = 0; j < CNN_PATCH; j++) {
            for (ptrdiff_t i = 0; i < CNN_PATCH; i++)
                y[i] = i < rows && j < columns
                           ? vf_load_upto(dy + (i * of->w.out + j) * F + f, F - f)
                           : (vf){0};
            transform_gradients(half[j], y);
        }
        store_places(to + f, step, half, CNN_PATCH, transform_gradients);
    }
}

void CNN_NAME(winograd_patches)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_winograd_gradient *a = args;
    const ptrdiff_t first = tile * CNN_PATCH_BLOCK;
    const ptrdiff_t end = cnn_min(first + CNN_PATCH_BLOCK, a->count);
    zero_floats(scratch, a->x_row);
    for (ptrdiff_t i = first; i < end; i++) {
        const struct patch patch = patch_at(&a->of, a->first + i);
        transform_patch(a->x_patches + i * a->x_row, a->most * a->x_row, &a->of, patch, scratch);
        transform_dy(a->dy_patches + i * a->dy_row, a->most * a->dy_row, a, patch);
    }
}

void CNN_NAME(winograd_sums)(const void *args, ptrdiff_t tile, void *scratch)
{
    (void)scratch;
    const struct cnn_winograd_gradient *a = args;
    const ptrdiff_t C = a->of.channels, F = a->of.group_filters, offs[1] = {0};
    const ptrdiff_t place = tile / a->channel_blocks, block = tile % a->channel_blocks;
    const ptrdiff_t c0 = C * block / a->channel_blocks, c1 = C * (block + 1) / a->channel_blocks;
    const float *x = a->x_patches + place * a->most * a->x_row;
    const struct columns columns =
        direct_columns(a->dy_patches + place * a->most * a->dy_row, a->dy_row, F);
    const float *rows[TILE_MOST_ROWS];
    float *out[TILE_MOST_ROWS];
    struct tile t = {.out = out, .rows = rows, .offs = offs, .taps = 1, .len = a->count,
                     .ks = a->x_row, .accumulate = a->first > 0};
    for (ptrdiff_t p = 0; p < columns.count; p++) {
        const struct panel panel = panel_at(&columns, p);
        use_panel(&t, &panel);
        for (ptrdiff_t c = c0, mr; c < c1; c += mr) {
            mr = rows_of_tile(c1 - c, panel.rows);
            for (ptrdiff_t r = 0; r < mr; r++) {
                rows[r] = x + c + r;
                out[r] = a->sums + (place * C + c + r) * F;
            }
            panel.tiles[mr - 1](&t);
        }
    }
}

void CNN_NAME(winograd_gradient)(const void *args, ptrdiff_t tile, void *scratch)
{
    (void)scratch;
    const struct cnn_winograd_gradient *a = args;
    const ptrdiff_t C = a->of.channels, F = a->of.group_filters, size = C * F;
    const ptrdiff_t c0 = C * tile / a->channel_blocks, c1 = C * (tile + 1) / a->channel_blocks;
    for (ptrdiff_t i = c0 * F; i < c1 * F; i += CNN_W) {
        const ptrdiff_t n = c1 * F - i;
        vf half[CNN_SEEN][3], u[CNN_SEEN], w[3]; /* columns of G' u; rows of G' u G */
        for (int j = 0; j < CNN_SEEN; j++) {
            for (int k = 0; k < CNN_SEEN; k++)
                u[k] = vf_load_upto(a->sums + (CNN_SEEN * k + j) * size + i, n);
            transform_filter_sums(half[j], u);
        }
        for (int k = 0; k < 3; k++) {
            for (int j = 0; j < CNN_SEEN; j++)
                u[j] = half[j][k];
            transform_filter_sums(w, u);
            for (int j = 0; j < 3; j++) {
                float *to = a->dw + (3 * k + j) * size + i;
                vf_store_upto(to, a->accumulate ? vf_load_upto(to, n) + w[j] : w[j], n);
            }
        }
    }
}
