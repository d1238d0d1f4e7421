/* Batch normalization: each column of (rows, C) by its mean and variance. */
#include <math.h>

#include "../cnn.h"
#include "../vmath.h"

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

/* y = (x - mean) scale + shift */
void CNN_NAME(batchnorm_apply)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_batchnorm *a = args;
    const ptrdiff_t C = a->C;
    const struct rows range = tile_rows(a->rows, C, tile);
    float *scale = scratch, *shift = scale + C + 16;
    for (ptrdiff_t c = 0; c < C; c++) {
        scale[c] = inverse(a->variance[c], a->epsilon) * (a->gamma ? a->gamma[c] : 1.0f);
        shift[c] = a->beta ? a->beta[c] : 0.0f;
    }
    for (ptrdiff_t r = range.first; r < range.last; r++)
        for (ptrdiff_t c = 0; c < C; c += CNN_W) {
            const vf x = vf_load_upto(a->x + r * C + c, C - c) - vf_load_upto(a->mean + c, C - c);
            vf_store_upto(a->y + r * C + c, vf_fma(x, vf_load(scale + c), vf_load(shift + c)),
                          C - c);
        }
}

/* Sums of dy and of dy (x - mean) over a tile's rows. */
CNN_INLINE void column_sums(int vectors, const struct cnn_batchnorm *a, struct rows range,
                            ptrdiff_t c, float *partial)
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
            const vf dy = vf_load_upto(a->dy + at, rest);
            sum[v] += dy;
            products[v] = vf_fma(dy, vf_load_upto(a->x + at, rest) - mean[v], products[v]);
        }
    for (int v = 0; v < vectors; v++) {
        const ptrdiff_t at = c + v * CNN_W;
        vf_store_upto(partial + at, sum[v], C - at);
        vf_store_upto(partial + C + at, products[v], C - at);
    }
}

void CNN_NAME(batchnorm_sums)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_batchnorm *a = args;
    const struct rows range = tile_rows(a->rows, a->C, tile);
    float *partial = a->partial + tile * 2 * a->C;
    ptrdiff_t c = 0;
    (void)scratch;
    for (; c + 4 * CNN_W <= a->C; c += 4 * CNN_W)
        column_sums(4, a, range, c, partial);
    for (; c < a->C; c += CNN_W)
        column_sums(1, a, range, c, partial);
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
void CNN_NAME(batchnorm_input_gradient)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_batchnorm *a = args;
    const ptrdiff_t C = a->C;
    const struct rows range = tile_rows(a->rows, C, tile);
    const double share = a->fixed || !(a->count > 0) ? 0 : 1 / a->count;
    float *scale = scratch, *first = scale + C + 16, *second = first + C + 16;
    for (ptrdiff_t c = 0; c < C; c++) {
        const float inv = inverse(a->variance[c], a->epsilon);
        scale[c] = inv * (a->gamma ? a->gamma[c] : 1.0f);
        first[c] = a->fixed ? 0 : (float)(a->sums[c] * share);
        second[c] = a->fixed ? 0 : (float)(a->sums[C + c] * share * inv * inv);
    }
    for (ptrdiff_t r = range.first; r < range.last; r++) {
        const int whole = !a->fixed && counts(a->mask, r);
        for (ptrdiff_t c = 0; c < C; c += CNN_W) {
            vf g = vf_load_upto(a->dy + r * C + c, C - c);
            if (whole) {
                const vf x =
                    vf_load_upto(a->x + r * C + c, C - c) - vf_load_upto(a->mean + c, C - c);
                g = vf_fma(-x, vf_load(second + c), g - vf_load(first + c));
            }
            g *= vf_load(scale + c);
            if (a->accumulate)
                g += vf_load_upto(a->y + r * C + c, C - c);
            vf_store_upto(a->y + r * C + c, g, C - c);
        }
    }
}
