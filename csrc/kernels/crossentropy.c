/* Cross-entropy over classes, from logits and from probabilities.
 *
 * Rows of ten classes are the common case.  One row's logarithm would cost as
 * much as CNN_W rows', so the forward kernels take a block of rows: a scalar of
 * each goes to an array, and one step takes all their logarithms.
 */
#include "../row_loops.h"

/* Divide row r, the i-th of block b, by its sum; return its loss. */
CNN_INLINE float finish_row(const struct cnn_rows *a, ptrdiff_t r, const struct cnn_exp_block *b,
                            ptrdiff_t i, float log_sum)
{
    vf total = vf_set1(0.0f);
    for (ptrdiff_t k = 0; k < a->K; k += CNN_W) {
        const ptrdiff_t at = r * a->K + k, n = a->K - k;
        const vf target = cnn_target(a, r, k);
        const vf log_p = vf_load_upto(a->x + at, n) - b->largest[i] - log_sum;
        vf_store_upto(a->y + at, vf_load_upto(a->y + at, n) / b->sum[i], n);
        /* 0 * inf counts 0; so do the lanes past the end. */
        total += vf_select(target == 0.0f, vf_set1(0.0f), target * log_p);
    }
    if (cnn_is_ignored(a, r))
        return 0.0f;
    return log_sum == log_sum ? -vf_sum(total) : log_sum; /* NaN in x, whatever the target */
}

void CNN_NAME(softmax_crossentropy_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_rows *a = args;
    const struct cnn_row_range range = cnn_tile_rows(a, tile);
    (void)scratch;
    for (ptrdiff_t r = range.first; r < range.last; r += CNN_ROW_BLOCK) {
        const ptrdiff_t count = cnn_block(range.last - r);
        struct cnn_exp_block b;
        float log_sum[CNN_ROW_BLOCK];
        cnn_exp_rows(&b, a->y + r * a->K, a->x + r * a->K, a->K, count);
        for (ptrdiff_t i = 0; i < count; i += CNN_W)
            vf_store(log_sum + i, vf_log(vf_load_upto(b.sum + i, count - i)));
        for (ptrdiff_t i = 0; i < count; i++)
            a->value[r + i] = finish_row(a, r + i, &b, i, log_sum[i]);
    }
}

/* Sum of row r's target: 1 for a label, NaN for one outside 0..K-1. */
CNN_INLINE float target_sum(const struct cnn_rows *a, ptrdiff_t r)
{
    vf sum = vf_set1(0.0f);
    if (a->labels != NULL)
        return 1.0f; /* cnn_target() has the NaN */
    for (ptrdiff_t k = 0; k < a->K; k += CNN_W)
        sum += cnn_target(a, r, k);
    return vf_sum(sum);
}

/* The gradient of an ignored row: 0, unless its weight is NaN. */
static void nothing(const struct cnn_rows *a, ptrdiff_t r)
{
    const vf zero = vf_set1(0.0f * cnn_row_scale(a, r));
    for (ptrdiff_t k = 0; k < a->K; k += CNN_W)
        cnn_store_gradient(a->y + r * a->K + k, zero, a->K - k, a->accumulate);
}

/* (p sum_k target_k - target) weights / rows; p is in x. */
void CNN_NAME(softmax_crossentropy_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_rows *a = args;
    const struct cnn_row_range range = cnn_tile_rows(a, tile);
    (void)scratch;
    for (ptrdiff_t r = range.first; r < range.last; r++) {
        const float sum = target_sum(a, r), scale = cnn_row_scale(a, r);
        if (cnn_is_ignored(a, r)) {
            nothing(a, r);
            continue;
        }
        for (ptrdiff_t k = 0; k < a->K; k += CNN_W) {
            const ptrdiff_t at = r * a->K + k;
            const vf p = vf_load_upto(a->x + at, a->K - k);
            const vf gradient = (p * sum - cnn_target(a, r, k)) * scale;
            cnn_store_gradient(a->y + at, gradient, a->K - k, a->accumulate);
        }
    }
}

/* Sum of row r's probabilities, which are in x. */
CNN_INLINE float probability_sum(const struct cnn_rows *a, ptrdiff_t r)
{
    vf sum = vf_set1(0.0f);
    for (ptrdiff_t k = 0; k < a->K; k += CNN_W)
        sum += vf_load_upto(a->x + r * a->K + k, a->K - k);
    return vf_sum(sum);
}

/* -sum_k target_k log clip(p_k / sum p). */
void CNN_NAME(categorical_crossentropy_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_rows *a = args;
    const struct cnn_row_range range = cnn_tile_rows(a, tile);
    (void)scratch;
    for (ptrdiff_t r = range.first; r < range.last; r++) {
        const float sum = probability_sum(a, r);
        vf total = vf_set1(0.0f);
        for (ptrdiff_t k = 0; k < a->K; k += CNN_W) {
            const vf q = vf_load_upto(a->x + r * a->K + k, a->K - k) / sum;
            total = vf_fma(cnn_target(a, r, k), vf_log_normal(cnn_clip(q)), total);
        }
        a->value[r] = -vf_sum(total);
    }
}

/* The share of row r's label in the sum, which holds the row's NaN; NaN for a
 * label outside 0..K-1. */
CNN_INLINE float labelled(const struct cnn_rows *a, ptrdiff_t r)
{
    const ptrdiff_t label = a->labels[r];
    if (label < 0 || label >= a->K)
        return __builtin_nanf("");
    return a->x[r * a->K + label] / probability_sum(a, r);
}

/* -log clip(p_label / sum p): one logarithm a row, where the dense kernel takes
 * K. */
void CNN_NAME(sparse_categorical_crossentropy_forward)(const void *args, ptrdiff_t tile,
                                                       void *scratch)
{
    const struct cnn_rows *a = args;
    const struct cnn_row_range range = cnn_tile_rows(a, tile);
    (void)scratch;
    for (ptrdiff_t r = range.first; r < range.last; r += CNN_ROW_BLOCK) {
        const ptrdiff_t count = cnn_block(range.last - r);
        float q[CNN_ROW_BLOCK] = {0};
        for (ptrdiff_t i = 0; i < count; i++)
            q[i] = labelled(a, r + i);
        for (ptrdiff_t i = 0; i < count; i += CNN_W)
            vf_store_upto(a->value + r + i, -vf_log_normal(cnn_clip(vf_load(q + i))), count - i);
        for (ptrdiff_t i = 0; i < count; i++)
            if (cnn_is_ignored(a, r + i))
                a->value[r + i] = 0.0f;
    }
}

/* Columns k.. of row r's target, 0 where the clip cut q off. */
CNN_INLINE vf target_inside(const struct cnn_rows *a, ptrdiff_t r, ptrdiff_t k, vf q)
{
    const vf target = cnn_target(a, r, k);
    return cnn_where_clipped(q, cnn_clip(q), target, target);
}

/* (sum_j t'_j - t'_k / q_k) / sum p weights / rows, with t' the target inside
 * the clip. */
void CNN_NAME(categorical_crossentropy_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_rows *a = args;
    const struct cnn_row_range range = cnn_tile_rows(a, tile);
    (void)scratch;
    for (ptrdiff_t r = range.first; r < range.last; r++) {
        const float sum = probability_sum(a, r), scale = cnn_row_scale(a, r);
        const float *p = a->x + r * a->K;
        vf inside = vf_set1(0.0f);
        if (cnn_is_ignored(a, r)) {
            nothing(a, r);
            continue;
        }
        for (ptrdiff_t k = 0; k < a->K; k += CNN_W)
            inside += target_inside(a, r, k, vf_load_upto(p + k, a->K - k) / sum);
        const float total = vf_sum(inside);
        for (ptrdiff_t k = 0; k < a->K; k += CNN_W) {
            const vf q = vf_load_upto(p + k, a->K - k) / sum;
            const vf slope = (total - target_inside(a, r, k, q) / cnn_clip(q)) / sum;
            cnn_store_gradient(a->y + r * a->K + k, slope * scale, a->K - k, a->accumulate);
        }
    }
}
