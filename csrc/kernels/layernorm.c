/* Layer normalization, and local response normalization: each row by itself. */
#include <math.h>

#include "../cnn.h"
#include "../vmath.h"

struct rows {
    ptrdiff_t first, last;
};

static struct rows tile_rows(ptrdiff_t rows, ptrdiff_t K, ptrdiff_t tile)
{
    const ptrdiff_t n = cnn_norm_rows(K), first = tile * n;
    return (struct rows){first, first + n < rows ? first + n : rows};
}

/* The lanes past the row's end do not count. */
CNN_INLINE vf upto(vf x, ptrdiff_t n)
{
    return n >= CNN_W ? x : vf_select(vi_first(n), x, vf_set1(0.0f));
}

/* Mean and variance of a row, the latter about the former. */
CNN_INLINE void row_moments(const float *x, ptrdiff_t K, float *mean, float *variance)
{
    vf sum = vf_set1(0.0f), left = sum, squares = sum;
    for (ptrdiff_t k = 0; k < K; k += CNN_W)
        sum += vf_load_upto(x + k, K - k);
    const float m = vf_sum(sum) / (float)K;
    for (ptrdiff_t k = 0; k < K; k += CNN_W) {
        const vf d = upto(vf_load_upto(x + k, K - k) - m, K - k);
        left += d;
        squares = vf_fma(d, d, squares);
    }
    /* What rounding left over of the mean is made good. */
    const float off = vf_sum(left) / (float)K, v = vf_sum(squares) / (float)K - off * off;
    *mean = isinf(m) ? m : m + off;
    *variance = v < 0 ? 0 : v;
}

void CNN_NAME(layernorm_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_layernorm *a = args;
    const ptrdiff_t K = a->K;
    const struct rows range = tile_rows(a->rows, K, tile);
    (void)scratch;
    for (ptrdiff_t r = range.first; r < range.last; r++) {
        float mean, variance;
        row_moments(a->x + r * K, K, &mean, &variance);
        const float inverse = 1.0f / sqrtf(variance + a->epsilon);
        const float center = a->rms_scaling ? 0.0f : mean;
        a->mean[r] = mean;
        a->inverse[r] = inverse;
        for (ptrdiff_t k = 0; k < K; k += CNN_W) {
            vf y = (vf_load_upto(a->x + r * K + k, K - k) - center) * inverse;
            if (a->gamma)
                y *= vf_load_upto(a->gamma + k, K - k);
            if (a->beta)
                y += vf_load_upto(a->beta + k, K - k);
            vf_store_upto(a->y + r * K + k, y, K - k);
        }
    }
}

/* With g = dy gamma: dx = inverse (g - mean(g) - n mean(g n)), n the normalized row; with
 * rms_scaling, dx = inverse (g - (x - mean) inverse^2 mean(g x)). */
CNN_INLINE void row_gradient(const struct cnn_layernorm *a, ptrdiff_t r)
{
    const ptrdiff_t K = a->K;
    const float *x = a->x + r * K, *dy = a->dy + r * K;
    const float mean = a->mean[r], inverse = a->inverse[r];
    const float center = a->rms_scaling ? 0.0f : mean;
    vf sum = vf_set1(0.0f), products = sum;
    for (ptrdiff_t k = 0; k < K; k += CNN_W) {
        vf g = vf_load_upto(dy + k, K - k);
        if (a->gamma)
            g *= vf_load_upto(a->gamma + k, K - k);
        sum += g;
        products = vf_fma(g, upto(vf_load_upto(x + k, K - k) - center, K - k), products);
    }
    const float first = a->rms_scaling ? 0.0f : vf_sum(sum) / (float)K;
    const float second = vf_sum(products) / (float)K * inverse * inverse;
    for (ptrdiff_t k = 0; k < K; k += CNN_W) {
        vf g = vf_load_upto(dy + k, K - k);
        if (a->gamma)
            g *= vf_load_upto(a->gamma + k, K - k);
        const vf d = vf_load_upto(x + k, K - k) - mean;
        vf dx = vf_fma(-d, vf_set1(second), g - first) * inverse;
        if (a->accumulate)
            dx += vf_load_upto(a->y + r * K + k, K - k);
        vf_store_upto(a->y + r * K + k, dx, K - k);
    }
}

void CNN_NAME(layernorm_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_layernorm *a = args;
    const ptrdiff_t K = a->K;
    const struct rows range = tile_rows(a->rows, K, tile);
    float *sums = a->partial + tile * 2 * K, *products = sums + K;
    (void)scratch;
    for (ptrdiff_t k = 0; k < 2 * K; k += CNN_W)
        vf_store_upto(sums + k, vf_set1(0.0f), 2 * K - k);
    for (ptrdiff_t r = range.first; r < range.last; r++) {
        const float center = a->rms_scaling ? 0.0f : a->mean[r];
        for (ptrdiff_t k = 0; k < K; k += CNN_W) {
            const vf dy = vf_load_upto(a->dy + r * K + k, K - k);
            const vf n = (vf_load_upto(a->x + r * K + k, K - k) - center) * a->inverse[r];
            vf_store_upto(sums + k, vf_load_upto(sums + k, K - k) + dy, K - k);
            vf_store_upto(products + k, vf_fma(dy, n, vf_load_upto(products + k, K - k)), K - k);
        }
        if (a->y)
            row_gradient(a, r);
    }
}

/* `to` holds C floats between `radius` zeros and a vector of zeros more. */
CNN_INLINE vf window_sum(const float *padded, ptrdiff_t c, ptrdiff_t radius)
{
    vf sum = vf_load(padded + c);
    for (ptrdiff_t i = 1; i <= 2 * radius; i++)
        sum += vf_load(padded + c + i);
    return sum;
}

CNN_INLINE void zero_frame(float *padded, ptrdiff_t C, ptrdiff_t radius)
{
    for (ptrdiff_t i = 0; i < radius; i++)
        padded[i] = 0;
    for (ptrdiff_t i = radius + C; i < C + 2 * radius + 16; i++)
        padded[i] = 0;
}

/* The denominators' base, k + alpha (sum of squares in the window). */
CNN_INLINE vf base(const struct cnn_lrn *a, const float *padded, ptrdiff_t c)
{
    return vf_fma(window_sum(padded, c, a->radius), vf_set1(a->alpha), vf_set1(a->k));
}

CNN_INLINE void squares_of(float *padded, const struct cnn_lrn *a, ptrdiff_t r)
{
    for (ptrdiff_t c = 0; c < a->C; c += CNN_W) {
        const vf x = vf_load_upto(a->x + r * a->C + c, a->C - c);
        vf_store_upto(padded + a->radius + c, x * x, a->C - c);
    }
}

void CNN_NAME(lrn_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_lrn *a = args;
    const ptrdiff_t C = a->C;
    const struct rows range = tile_rows(a->rows, C, tile);
    float *squares = scratch;
    zero_frame(squares, C, a->radius);
    for (ptrdiff_t r = range.first; r < range.last; r++) {
        squares_of(squares, a, r);
        for (ptrdiff_t c = 0; c < C; c += CNN_W) {
            const vf power = vf_exp(-a->beta * vf_log(base(a, squares, c)));
            vf_store_upto(a->y + r * C + c, vf_load_upto(a->x + r * C + c, C - c) * power, C - c);
        }
    }
}

/* dx_i = dy_i d_i^-beta - 2 alpha beta x_i sum over the window of dy_j x_j d_j^(-beta-1) */
void CNN_NAME(lrn_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_lrn *a = args;
    const ptrdiff_t C = a->C;
    const struct rows range = tile_rows(a->rows, C, tile);
    float *squares = scratch, *terms = squares + C + 2 * a->radius + 16;
    zero_frame(squares, C, a->radius);
    zero_frame(terms, C, a->radius);
    for (ptrdiff_t r = range.first; r < range.last; r++) {
        squares_of(squares, a, r);
        for (ptrdiff_t c = 0; c < C; c += CNN_W) {
            const vf d = base(a, squares, c), power = vf_exp(-a->beta * vf_log(d));
            const vf dy = vf_load_upto(a->dy + r * C + c, C - c);
            const vf x = vf_load_upto(a->x + r * C + c, C - c);
            vf_store_upto(terms + a->radius + c, dy * x * (power / d), C - c);
        }
        for (ptrdiff_t c = 0; c < C; c += CNN_W) {
            const vf power = vf_exp(-a->beta * vf_log(base(a, squares, c)));
            const vf dy = vf_load_upto(a->dy + r * C + c, C - c);
            const vf x = vf_load_upto(a->x + r * C + c, C - c);
            vf dx =
                vf_fma(-2.0f * a->alpha * a->beta * x, window_sum(terms, c, a->radius), dy * power);
            if (a->accumulate)
                dx += vf_load_upto(a->y + r * C + c, C - c);
            vf_store_upto(a->y + r * C + c, dx, C - c);
        }
    }
}
