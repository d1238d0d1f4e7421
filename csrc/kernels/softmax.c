/* Softmax and its logarithm over rows. */
#include "../row_loops.h"

/* x / d for inverse = 1 / d, rounded as a division is unless x is tiny (Markstein 1990): half the
 * time of a division, of which every vector would need one. */
CNN_INLINE vf vf_quotient(vf x, vf d, vf inverse)
{
#if defined(__FMA__) || defined(__aarch64__)
    const vf q = x * inverse;
    return vf_fma(vf_fma(-q, d, x), inverse, q);
#else
    (void)inverse;
    return x / d;
#endif
}

void CNN_NAME(softmax_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_rows *a = args;
    const struct cnn_row_range range = cnn_tile_rows(a, tile);
    (void)scratch;
    for (ptrdiff_t r = range.first; r < range.last; r += CNN_ROW_BLOCK) {
        const ptrdiff_t count = cnn_block(range.last - r);
        float *y = a->y + r * a->K;
        struct cnn_exp_block b;
        cnn_exp_rows(&b, y, a->x + r * a->K, a->K, count);
        for (ptrdiff_t i = 0; i < count; i++, y += a->K) {
            const vf sum = vf_set1(b.sum[i]), inverse = vf_set1(1.0f / b.sum[i]);
            for (ptrdiff_t k = 0; k < a->K; k += CNN_W) {
                const vf e = vf_load_upto(y + k, a->K - k);
                vf_store_upto(y + k, vf_quotient(e, sum, inverse), a->K - k);
            }
        }
    }
}

/* dx_k = y_k (dy_k - sum_j dy_j y_j); y is in x. */
void CNN_NAME(softmax_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_rows *a = args;
    const struct cnn_row_range range = cnn_tile_rows(a, tile);
    (void)scratch;
    for (ptrdiff_t r = range.first; r < range.last; r++) {
        const float *y = a->x + r * a->K, *dy = a->dy + r * a->K;
        vf products = vf_set1(0.0f);
        for (ptrdiff_t k = 0; k < a->K; k += CNN_W)
            products =
                vf_fma(vf_load_upto(dy + k, a->K - k), vf_load_upto(y + k, a->K - k), products);
        const float dot = vf_sum(products);
        for (ptrdiff_t k = 0; k < a->K; k += CNN_W) {
            const vf gradient =
                vf_load_upto(y + k, a->K - k) * (vf_load_upto(dy + k, a->K - k) - dot);
            cnn_store_gradient(a->y + r * a->K + k, gradient, a->K - k, a->accumulate);
        }
    }
}

/* y_k = x_k - max x - log sum_j e^(x_j - max x); y may be x. */
void CNN_NAME(log_softmax_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_rows *a = args;
    const struct cnn_row_range range = cnn_tile_rows(a, tile);
    (void)scratch;
    for (ptrdiff_t r = range.first; r < range.last; r++) {
        const float *x = a->x + r * a->K;
        const float largest = cnn_largest(x, a->K);
        vf sum = vf_set1(0.0f);
        for (ptrdiff_t k = 0; k < a->K; k += CNN_W) {
            const vf e = vf_exp(vf_load_upto(x + k, a->K - k) - largest);
            sum += vf_select(vi_first(a->K - k), e, vf_set1(0.0f));
        }
        const vf log_sum = vf_log(vf_set1(vf_sum(sum)));
        for (ptrdiff_t k = 0; k < a->K; k += CNN_W) {
            const vf shifted = vf_load_upto(x + k, a->K - k) - largest;
            vf_store_upto(a->y + r * a->K + k, shifted - log_sum, a->K - k);
        }
    }
}

/* dx_k = dy_k - e^y_k sum_j dy_j; y is in x. */
void CNN_NAME(log_softmax_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_rows *a = args;
    const struct cnn_row_range range = cnn_tile_rows(a, tile);
    (void)scratch;
    for (ptrdiff_t r = range.first; r < range.last; r++) {
        const float *y = a->x + r * a->K, *dy = a->dy + r * a->K;
        vf parts = vf_set1(0.0f);
        for (ptrdiff_t k = 0; k < a->K; k += CNN_W)
            parts += vf_load_upto(dy + k, a->K - k);
        const vf sum = vf_set1(-vf_sum(parts));
        for (ptrdiff_t k = 0; k < a->K; k += CNN_W) {
            const vf p = vf_exp(vf_load_upto(y + k, a->K - k));
            const vf gradient = vf_fma(p, sum, vf_load_upto(dy + k, a->K - k));
            cnn_store_gradient(a->y + r * a->K + k, gradient, a->K - k, a->accumulate);
        }
    }
}
