/* Losses of a whole row: the categorical hinge, the cosine similarity. */
#include <math.h>

#include "../row_loops.h"

CNN_INLINE float row_dot(const float *x, const float *y, ptrdiff_t K)
{
    vf sum = vf_set1(0.0f);
    for (ptrdiff_t k = 0; k < K; k += CNN_W)
        sum = vf_fma(vf_load_upto(x + k, K - k), vf_load_upto(y + k, K - k), sum);
    return vf_sum(sum);
}

/* max_k (1 - t_k) x_k - sum_k t_k x_k + 1; the sum hands on NaN. */
CNN_INLINE float category_margin(const float *x, const float *t, ptrdiff_t K, float *largest)
{
    const vf lowest = vf_set1(-__builtin_inff());
    vf most = lowest;
    for (ptrdiff_t k = 0; k < K; k += CNN_W) {
        const vf others = (1.0f - vf_load_upto(t + k, K - k)) * vf_load_upto(x + k, K - k);
        most = vf_max(K - k >= CNN_W ? others : vf_select(vi_first(K - k), others, lowest), most);
    }
    *largest = vf_largest(most);
    return *largest - row_dot(t, x, K) + 1.0f;
}

/* 1 / |x|, no norm counting less than the epsilon. */
CNN_INLINE float inverse_norm(const float *x, ptrdiff_t K)
{
    const float inverse = 1.0f / sqrtf(row_dot(x, x, K));
    return inverse > (float)(1.0 / CNN_EPSILON) ? (float)(1.0 / CNN_EPSILON) : inverse;
}

/* The product of the unit vectors; x . t alone may overflow. */
CNN_INLINE float cosine_of(const float *x, const float *t, ptrdiff_t K, float of_x, float of_t)
{
    vf sum = vf_set1(0.0f);
    for (ptrdiff_t k = 0; k < K; k += CNN_W)
        sum = vf_fma(vf_load_upto(x + k, K - k) * of_x, vf_load_upto(t + k, K - k) * of_t, sum);
    return vf_sum(sum);
}

void CNN_NAME(row_loss_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_rows *a = args;
    const struct cnn_row_range range = cnn_tile_rows(a, tile);
    (void)scratch;
    for (ptrdiff_t r = range.first; r < range.last; r++) {
        const float *x = a->x + r * a->K, *t = a->target + r * a->K;
        if (a->function == CNN_CATEGORICAL_HINGE) {
            float largest;
            const float margin = category_margin(x, t, a->K, &largest);
            a->value[r] = margin < 0.0f ? 0.0f : margin;
            continue;
        }
        const float of_x = inverse_norm(x, a->K), of_t = inverse_norm(t, a->K);
        a->value[r] = -cosine_of(x, t, a->K, of_x, of_t);
    }
}

static void categorical_hinge_backward(const struct cnn_rows *a, ptrdiff_t r)
{
    const float *x = a->x + r * a->K, *t = a->target + r * a->K, scale = cnn_row_scale(a, r);
    float largest;
    const float margin = category_margin(x, t, a->K, &largest);
    int searching = 1; /* for the first maximum */
    for (ptrdiff_t k = 0; k < a->K; k++) {
        const float other = 1.0f - t[k];
        float slope = margin > 0.0f ? -t[k] : margin == margin ? 0.0f : margin;
        if (searching && other * x[k] == largest) {
            slope += margin > 0.0f ? other : 0.0f;
            searching = 0;
        }
        float *y = a->y + r * a->K + k;
        *y = a->accumulate ? *y + slope * scale : slope * scale;
    }
}

static void cosine_similarity_backward(const struct cnn_rows *a, ptrdiff_t r)
{
    const float *x = a->x + r * a->K, *t = a->target + r * a->K, scale = cnn_row_scale(a, r);
    const float of_x = inverse_norm(x, a->K), of_t = inverse_norm(t, a->K);
    const int raised = of_x == (float)(1.0 / CNN_EPSILON);
    const float cosine = raised ? 0.0f : cosine_of(x, t, a->K, of_x, of_t);
    for (ptrdiff_t k = 0; k < a->K; k += CNN_W) {
        const vf unit = vf_load_upto(x + k, a->K - k) * of_x;
        const vf slope = (cosine * unit - vf_load_upto(t + k, a->K - k) * of_t) * of_x;
        cnn_store_gradient(a->y + r * a->K + k, slope * scale, a->K - k, a->accumulate);
    }
}

void CNN_NAME(row_loss_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_rows *a = args;
    const struct cnn_row_range range = cnn_tile_rows(a, tile);
    (void)scratch;
    for (ptrdiff_t r = range.first; r < range.last; r++) {
        if (a->function == CNN_CATEGORICAL_HINGE)
            categorical_hinge_backward(a, r);
        else
            cosine_similarity_backward(a, r);
    }
}
