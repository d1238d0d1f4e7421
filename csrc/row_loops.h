/* What the row-wise kernels share: the rows of a tile, targets, gradients. */
#ifndef CNN_ROW_LOOPS_H
#define CNN_ROW_LOOPS_H

#include "cnn.h"
#include "vmath.h"

/* Rows first <= r < last. */
struct cnn_row_range {
    ptrdiff_t first, last;
};

/* How many of `rest` rows the next block takes. */
CNN_INLINE ptrdiff_t cnn_block(ptrdiff_t rest)
{
    return rest < CNN_ROW_BLOCK ? rest : CNN_ROW_BLOCK;
}

CNN_INLINE struct cnn_row_range cnn_tile_rows(const struct cnn_rows *a, ptrdiff_t tile)
{
    const ptrdiff_t n = cnn_rows_per_tile(a->K), first = tile * n;
    return (struct cnn_row_range){first, first + n < a->rows ? first + n : a->rows};
}

/* Columns k.. of row r's target, n floats before its end: read, or made from
 * the label.  Lanes past the end are 0, except that a label outside 0..K-1
 * gives NaN. */
CNN_INLINE vf cnn_target(const struct cnn_rows *a, ptrdiff_t r, ptrdiff_t k)
{
    if (a->labels == NULL)
        return vf_load_upto(a->target + r * a->K + k, a->K - k);
    const ptrdiff_t label = a->labels[r];
    if (label < 0 || label >= a->K)
        return vf_set1(__builtin_nanf(""));
    const ptrdiff_t lane = label - k;
    const vi hot = vi_lane() == (int32_t)(lane >= 0 && lane < CNN_W ? lane : -1);
    return vf_select(hot, vf_set1(1.0f), vf_set1(0.0f));
}

/* Whether row r's label is the one to be ignored. */
CNN_INLINE int cnn_is_ignored(const struct cnn_rows *a, ptrdiff_t r)
{
    return a->ignore_class != NULL && a->labels[r] == *a->ignore_class;
}

/* The factor of row r's gradient in the weighted batch mean. */
CNN_INLINE float cnn_row_scale(const struct cnn_rows *a, ptrdiff_t r)
{
    const float scale = (float)(1.0 / (double)a->rows);
    return a->weights == NULL ? scale : a->weights[r] * scale;
}

/* Write or add a step of a gradient, n floats before the end. */
CNN_INLINE void cnn_store_gradient(float *dx, vf gradient, ptrdiff_t n, int accumulate)
{
    vf_store_upto(dx, accumulate ? vf_load_upto(dx, n) + gradient : gradient, n);
}

/* The clip of probabilities before their logarithm; NaN passes. */
#define CNN_EPSILON 1e-7

CNN_INLINE vf cnn_at_least_epsilon(vf x)
{
    return vf_max(vf_set1((float)CNN_EPSILON), x);
}

CNN_INLINE vf cnn_clip(vf p)
{
    return vf_min(vf_set1((float)(1.0 - CNN_EPSILON)), cnn_at_least_epsilon(p));
}

/* Where the clip cut x off the derivative is 0, but NaN where x or target is.
 */
CNN_INLINE vf cnn_where_clipped(vf x, vf clipped, vf target, vf inside)
{
    return vf_select(clipped != x, (clipped + target) * 0.0f, inside);
}

/* The lanes past the end, n floats before it, as 0. */
CNN_INLINE vf cnn_within(vf x, ptrdiff_t n)
{
    return n >= CNN_W ? x : vf_select(vi_first(n), x, vf_set1(0.0f));
}

/* The largest of a row, NaN apart. */
CNN_INLINE float cnn_largest(const float *x, ptrdiff_t K)
{
    const vf lowest = vf_set1(-__builtin_inff());
    vf most = lowest;
    for (ptrdiff_t k = 0; k < K; k += CNN_W) {
        const vf v = vf_load_upto(x + k, K - k);
        most = vf_max(K - k >= CNN_W ? v : vf_select(vi_first(K - k), v, lowest), most);
    }
    return vf_largest(most);
}

/* y = e^(x - largest) for a row; y may be x.  Returns the sum. */
CNN_INLINE float cnn_exp_row(float *y, const float *x, ptrdiff_t K, float largest)
{
    vf sum = vf_set1(0.0f);
    for (ptrdiff_t k = 0; k < K; k += CNN_W) {
        const vf e = vf_exp(vf_load_upto(x + k, K - k) - largest);
        vf_store_upto(y + k, e, K - k);
        sum += K - k >= CNN_W ? e : vf_select(vi_first(K - k), e, vf_set1(0.0f));
    }
    return vf_sum(sum);
}

/* A block of rows on its way to their softmax.  All its exponentials are stored
 * before the first is read again to be divided by its sum: a load just after
 * the masked store of a tail would wait for it. */
struct cnn_exp_block {
    float largest[CNN_ROW_BLOCK];
    float sum[CNN_ROW_BLOCK]; /* NaN where x has NaN or +inf, or -inf alone */
};

/* y = e^(x - largest) for `count` rows; y may be x. */
CNN_INLINE void cnn_exp_rows(struct cnn_exp_block *b, float *y, const float *x, ptrdiff_t K,
                             ptrdiff_t count)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        b->largest[i] = cnn_largest(x + i * K, K);
        b->sum[i] = cnn_exp_row(y + i * K, x + i * K, K, b->largest[i]);
    }
}

#endif
