/* Batch normalization: each column of (rows, C) by its mean and variance. */
#include <math.h>

#include "../cnn.h"
#include "../functions.h"

struct rows {
    ptrdiff_t first, last;
};

static struct rows tile_rows(ptrdiff_t rows, ptrdiff_t C, ptrdiff_t tile)
{
    const ptrdiff_t n = cnn_norm_rows(C), first = tile * n;
    return (struct rows){first, first + n < rows ? first + n : rows};
}

CNN_INLINE int counts(const uint8_t *mask, ptrdiff_t r)
{
    return mask == NULL || mask[r];
}

static ptrdiff_t counted(const uint8_t *mask, struct rows range)
{
    ptrdiff_t n = range.last - range.first;
    if (mask != NULL)
        for (ptrdiff_t r = range.first; r < range.last; r++)
            n -= mask[r] == 0;
    return n;
}

/* Moments of some columns of a tile: a first mean m, then the sums of x - m and of its
 * square.  The first of these is what rounding left over of the mean, so both together
 * are the corrected two-pass algorithm (Chan, Golub and LeVeque 1983). */
CNN_INLINE void moments(int vectors, const struct cnn_batchnorm *a, struct rows range, ptrdiff_t c,
                        float *partial)
{
    const ptrdiff_t C = a->C, n = counted(a->mask, range);
    const float share = n > 0 ? 1.0f / (float)n : 0.0f;
    vf mean[4], sum[4], squares[4];
    for (int v = 0; v < vectors; v++)
        mean[v] = sum[v] = squares[v] = vf_set1(0.0f);
    for (ptrdiff_t r = range.first; r < range.last; r++)
        if (counts(a->mask, r))
            for (int v = 0; v < vectors; v++)
                mean[v] += vf_load_upto(a->x + r * C + c + v * CNN_W, C - c - v * CNN_W);
    for (int v = 0; v < vectors; v++)
        mean[v] *= share;
    for (ptrdiff_t r = range.first; r < range.last; r++)
        if (counts(a->mask, r))
            for (int v = 0; v < vectors; v++) {
                const vf x = vf_load_upto(a->x + r * C + c + v * CNN_W, C - c - v * CNN_W);
                sum[v] += x - mean[v];
                squares[v] = vf_fma(x - mean[v], x - mean[v], squares[v]);
            }
    for (int v = 0; v < vectors; v++) {
        const ptrdiff_t at = c + v * CNN_W, rest = C - at;
        vf_store_upto(partial + at, mean[v], rest);
        vf_store_upto(partial + C + at, sum[v], rest);
        vf_store_upto(partial + 2 * C + at, squares[v], rest);
    }
}

void CNN_NAME(batchnorm_moments)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_batchnorm *a = args;
    const struct rows range = tile_rows(a->rows, a->C, tile);
    float *partial = a->partial + tile * 3 * a->C;
    ptrdiff_t c = 0;
    (void)scratch;
    for (; c + 4 * CNN_W <= a->C; c += 4 * CNN_W)
        moments(4, a, range, c, partial);
    for (; c < a->C; c += CNN_W)
        moments(1, a, range, c, partial);
}

/* Mean and variance of all rows from those of the tiles, in the order of the tiles. */
void CNN_NAME(batchnorm_statistics)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_batchnorm *a = args;
    const ptrdiff_t C = a->C, c = tile * CNN_NORM_COLUMNS, tiles = cnn_norm_tiles(a->rows, C);
    const ptrdiff_t n = C - c < CNN_NORM_COLUMNS ? C - c : CNN_NORM_COLUMNS;
    double mean[CNN_NORM_COLUMNS] = {0}, squares[CNN_NORM_COLUMNS] = {0};
    (void)scratch;
    for (ptrdiff_t t = 0; t < tiles; t++) {
        const float *p = a->partial + t * 3 * C + c;
        const double size = (double)counted(a->mask, tile_rows(a->rows, C, t));
        for (ptrdiff_t i = 0; i < n; i++)
            mean[i] += size * p[i] + (isinf(p[i]) ? 0.0f : p[C + i]);
    }
    const double share = a->count > 0 ? 1 / a->count : 0;
    for (ptrdiff_t i = 0; i < n; i++)
        mean[i] *= share;
    for (ptrdiff_t t = 0; t < tiles; t++) {
        const float *p = a->partial + t * 3 * C + c;
        const double size = (double)counted(a->mask, tile_rows(a->rows, C, t));
        for (ptrdiff_t i = 0; i < n && size > 0; i++) {
            /* sum (x - mean)^2 = sum (x - m)^2 + 2 (m - mean) sum (x - m) + size (m - mean)^2 */
            const double off = p[i] - mean[i];
            squares[i] += p[2 * C + i] + off * (2.0 * p[C + i] + size * off);
        }
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        const double variance = squares[i] * share;
        a->mean[c + i] = (float)mean[i];
        a->variance[c + i] = (float)(variance < 0 ? 0 : variance); /* NaN stays */
    }
}

/* 1 / sqrt(variance + epsilon) */
CNN_INLINE float inverse(float variance, float epsilon)
{
    return 1.0f / sqrtf(variance + epsilon);
}

/* y = (x - mean) scale + shift, with what scale and shift are of each column. */
struct affine {
    float *scale, *shift; /* (C + 16,) */
};

static struct affine affine(const struct cnn_batchnorm *a, float *scratch)
{
    const struct affine of = {scratch, scratch + a->C + 16};
    for (ptrdiff_t c = 0; c < a->C; c++) {
        of.scale[c] = inverse(a->variance[c], a->epsilon) * (a->gamma ? a->gamma[c] : 1.0f);
        of.shift[c] = a->beta ? a->beta[c] : 0.0f;
    }
    return of;
}

void CNN_NAME(batchnorm_factors)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_batchnorm *a = args;
    (void)tile;
    (void)scratch;
    affine(a, a->partial);
}

/* y before relu at column c; x is less the mean. */
CNN_INLINE vf at_column(struct affine of, ptrdiff_t c, vf x)
{
    return vf_fma(x, vf_load(of.scale + c), vf_load(of.shift + c));
}

/* dy, less what relu lets not through: its output is computed anew, with the same bits. */
CNN_INLINE vf let_through(vf dy, vf y)
{
    return vf_select(y > 0.0f, dy, y * 0.0f); /* NaN gives NaN */
}

CNN_INLINE void apply(const struct cnn_batchnorm *a, ptrdiff_t tile, float *scratch, int relu)
{
    const ptrdiff_t C = a->C;
    const struct rows range = tile_rows(a->rows, C, tile);
    const struct affine of = affine(a, scratch);
    const float *mean = a->mean;
    for (ptrdiff_t r = range.first; r < range.last; r++) {
        const float *x = a->x + r * C;
        float *y = a->y + r * C;
        for (ptrdiff_t c = 0; c < C; c += CNN_W) {
            const vf off = vf_load_upto(x + c, C - c) - vf_load_upto(mean + c, C - c);
            const vf whole = at_column(of, c, off);
            vf_store_upto(y + c, relu ? vf_function(CNN_RELU, whole) : whole, C - c);
        }
    }
}

void CNN_NAME(batchnorm_apply)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_batchnorm *a = args;
    if (a->relu)
        apply(a, tile, scratch, 1);
    else
        apply(a, tile, scratch, 0);
}

/* Sums of dy and of dy (x - mean) over a tile's rows. */
CNN_INLINE void column_sums(int vectors, int relu, const struct cnn_batchnorm *a,
                            struct affine of, struct rows range, ptrdiff_t c, float *partial)
{
    const ptrdiff_t C = a->C;
    vf sum[4], products[4], mean[4];
    for (int v = 0; v < vectors; v++) {
        sum[v] = products[v] = vf_set1(0.0f);
        mean[v] = vf_load_upto(a->mean + c + v * CNN_W, C - c - v * CNN_W);
    }
    for (ptrdiff_t r = range.first; r < range.last; r++)
        for (int v = 0; v < vectors; v++) {
            const ptrdiff_t at = r * C + c + v * CNN_W, rest = C - c - v * CNN_W;
            const vf x = vf_load_upto(a->x + at, rest) - mean[v];
            vf dy = vf_load_upto(a->dy + at, rest);
            if (relu)
                dy = let_through(dy, at_column(of, c + v * CNN_W, x));
            sum[v] += dy;
            products[v] = vf_fma(dy, x, products[v]);
        }
    for (int v = 0; v < vectors; v++) {
        const ptrdiff_t at = c + v * CNN_W;
        vf_store_upto(partial + at, sum[v], C - at);
        vf_store_upto(partial + C + at, products[v], C - at);
    }
}

CNN_INLINE void all_column_sums(int relu, const struct cnn_batchnorm *a, ptrdiff_t tile,
                                float *scratch)
{
    const struct rows range = tile_rows(a->rows, a->C, tile);
    const struct affine of = affine(a, scratch);
    float *partial = a->partial + tile * 2 * a->C;
    ptrdiff_t c = 0;
    for (; c + 4 * CNN_W <= a->C; c += 4 * CNN_W)
        column_sums(4, relu, a, of, range, c, partial);
    for (; c < a->C; c += CNN_W)
        column_sums(1, relu, a, of, range, c, partial);
}

void CNN_NAME(batchnorm_sums)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_batchnorm *a = args;
    if (a->relu)
        all_column_sums(1, a, tile, scratch);
    else
        all_column_sums(0, a, tile, scratch);
}

void CNN_NAME(norm_gradients)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_norm_gradients *a = args;
    const ptrdiff_t C = a->C, c = tile * CNN_NORM_COLUMNS;
    const ptrdiff_t n = C - c < CNN_NORM_COLUMNS ? C - c : CNN_NORM_COLUMNS;
    double sum[CNN_NORM_COLUMNS] = {0}, products[CNN_NORM_COLUMNS] = {0};
    (void)scratch;
    for (ptrdiff_t t = 0; t < a->tiles; t++) {
        const float *p = a->partial + t * 2 * C + c;
        for (ptrdiff_t i = 0; i < n; i++) {
            sum[i] += p[i];
            products[i] += p[C + i];
        }
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        const float scale = a->variance ? inverse(a->variance[c + i], a->epsilon) : 1.0f;
        if (a->sums) {
            a->sums[c + i] = (float)sum[i];
            a->sums[C + c + i] = (float)products[i];
        }
        if (a->dbeta)
            a->dbeta[c + i] = (a->accumulate ? a->dbeta[c + i] : 0) + (float)sum[i];
        if (a->dgamma)
            a->dgamma[c + i] =
                (a->accumulate ? a->dgamma[c + i] : 0) + (float)(products[i] * scale);
    }
}

/* dx = gamma inverse (dy - [row counts] (sum dy + (x - mean) inverse^2 sum dy (x - mean)) / n) */
CNN_INLINE void input_gradient(const struct cnn_batchnorm *a, ptrdiff_t tile, float *scratch,
                               int relu)
{
    const ptrdiff_t C = a->C;
    const struct rows range = tile_rows(a->rows, C, tile);
    const double share = a->fixed || !(a->count > 0) ? 0 : 1 / a->count;
    const struct affine of = affine(a, scratch);
    const float *mean = a->mean;
    float *first = of.shift + C + 16, *second = first + C + 16;
    for (ptrdiff_t c = 0; c < C; c++) {
        const float inv = inverse(a->variance[c], a->epsilon);
        first[c] = a->fixed ? 0 : (float)(a->sums[c] * share);
        second[c] = a->fixed ? 0 : (float)(a->sums[C + c] * share * inv * inv);
    }
    for (ptrdiff_t r = range.first; r < range.last; r++) {
        const int whole = !a->fixed && counts(a->mask, r);
        float *dx = a->y + r * C;
        for (ptrdiff_t c = 0; c < C; c += CNN_W) {
            const vf x = vf_load_upto(a->x + r * C + c, C - c) - vf_load_upto(mean + c, C - c);
            vf g = vf_load_upto(a->dy + r * C + c, C - c);
            if (relu)
                g = let_through(g, at_column(of, c, x));
            if (whole)
                g = vf_fma(-x, vf_load(second + c), g - vf_load(first + c));
            g *= vf_load(of.scale + c);
            if (a->accumulate)
                g += vf_load_upto(dx + c, C - c);
            vf_store_upto(dx + c, g, C - c);
        }
    }
}

void CNN_NAME(batchnorm_input_gradient)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_batchnorm *a = args;
    if (a->relu)
        input_gradient(a, tile, scratch, 1);
    else
        input_gradient(a, tile, scratch, 0);
}
