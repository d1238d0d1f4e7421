/* Accuracies, a value per row, and means of such values. */
#include "../row_loops.h"

/* Whether the first maximum of a row is at `label`; not if any element is NaN. */
CNN_INLINE int is_first_maximum(const float *p, ptrdiff_t K, ptrdiff_t label)
{
    if (label < 0 || label >= K)
        return 0;
    const float best = p[label];
    vi better = {0};
    for (ptrdiff_t k = 0; k < K; k += CNN_W) {
        const vf v = vf_load_upto(p + k, K - k);
        /* What would come before the label's: NaN (no order), a larger value, and,
         * in an earlier column, an equal one. */
        const vi before = vi_first(label > k ? label - k : 0);
        const vi rival = (v != v) | (v > best) | ((v == best) & before);
        better |= K - k >= CNN_W ? rival : rival & vi_first(K - k);
    }
    return !vi_any(better);
}

/* The column of the first maximum, NaN apart; K if all are NaN. */
CNN_INLINE ptrdiff_t first_maximum(const float *x, ptrdiff_t K)
{
    const float best = cnn_largest(x, K);
    ptrdiff_t k = 0;
    while (k < K && x[k] != best)
        k++;
    return k;
}

void CNN_NAME(sparse_categorical_accuracy)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_rows *a = args;
    const struct cnn_row_range range = cnn_tile_rows(a, tile);
    (void)scratch;
    for (ptrdiff_t r = range.first; r < range.last; r++)
        a->value[r] = (float)is_first_maximum(a->x + r * a->K, a->K, a->labels[r]);
}

void CNN_NAME(categorical_accuracy)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_rows *a = args;
    const struct cnn_row_range range = cnn_tile_rows(a, tile);
    (void)scratch;
    for (ptrdiff_t r = range.first; r < range.last; r++) {
        const float *p = a->x + r * a->K, *target = a->target + r * a->K;
        const ptrdiff_t label = first_maximum(target, a->K);
        /* Asking the target too finds its NaN. */
        a->value[r] =
            (float)(is_first_maximum(target, a->K, label) && is_first_maximum(p, a->K, label));
    }
}

/* How many of a row's values exceed the threshold where the target is 1, or do not at 0. */
CNN_INLINE ptrdiff_t agreements(const float *p, const float *target, ptrdiff_t K, float threshold)
{
    vi count = {0};
    for (ptrdiff_t k = 0; k < K; k += CNN_W) {
        const vf v = vf_load_upto(p + k, K - k), t = vf_load_upto(target + k, K - k);
        const vf decided = vf_select(v > threshold, vf_set1(1.0f), vf_set1(0.0f));
        const vi same = (t == decided) & (v == v);
        count -= same & vi_first(K - k); /* a mask is -1 */
    }
    int32_t lanes[CNN_W];
    ptrdiff_t total = 0;
    memcpy(lanes, &count, sizeof lanes);
    for (int i = 0; i < CNN_W; i++)
        total += lanes[i];
    return total;
}

void CNN_NAME(binary_accuracy)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_rows *a = args;
    const struct cnn_row_range range = cnn_tile_rows(a, tile);
    (void)scratch;
    for (ptrdiff_t r = range.first; r < range.last; r++) {
        const ptrdiff_t at = r * a->K;
        const ptrdiff_t hits = agreements(a->x + at, a->target + at, a->K, a->threshold);
        a->value[r] = (float)((double)hits / (double)a->K);
    }
}

/* How many values of a row exceed the limit; K if one of them is NaN. */
CNN_INLINE ptrdiff_t larger(const float *p, ptrdiff_t K, float limit)
{
    ptrdiff_t count = 0;
    for (ptrdiff_t k = 0; k < K; k++) {
        if (p[k] != p[k])
            return K;
        count += p[k] > limit;
    }
    return count;
}

void CNN_NAME(top_k_accuracy)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_rows *a = args;
    const struct cnn_row_range range = cnn_tile_rows(a, tile);
    (void)scratch;
    for (ptrdiff_t r = range.first; r < range.last; r++) {
        const float *p = a->x + r * a->K, *target = a->target + r * a->K;
        const ptrdiff_t label = a->labels ? a->labels[r] : first_maximum(target, a->K);
        /* Asking the target too finds its NaN. */
        const int known =
            label >= 0 && label < a->K && (a->labels || is_first_maximum(target, a->K, label));
        const ptrdiff_t count = known ? larger(p, a->K, p[label]) : a->K;
        a->value[r] = count < a->K && count < a->top_k;
    }
}

/* How many values of a row equal the target's. */
void CNN_NAME(accuracy)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_rows *a = args;
    const struct cnn_row_range range = cnn_tile_rows(a, tile);
    (void)scratch;
    for (ptrdiff_t r = range.first; r < range.last; r++) {
        const ptrdiff_t at = r * a->K;
        ptrdiff_t hits = 0;
        for (ptrdiff_t k = 0; k < a->K; k++)
            hits += a->x[at + k] == a->target[at + k];
        a->value[r] = (float)((double)hits / (double)a->K);
    }
}

/* sum_r values_r weights_r in float64, where each product is exact.  Eight partial
 * sums, so that the additions need not wait for each other. */
static double weighted_sum(const float *values, const float *weights, ptrdiff_t n)
{
    double partial[8] = {0};
    ptrdiff_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int j = 0; j < 8; j++)
            partial[j] += (double)values[i + j] * (weights ? (double)weights[i + j] : 1.0);
    for (int j = 0; i + j < n; j++)
        partial[j] += (double)values[i + j] * (weights ? (double)weights[i + j] : 1.0);
    for (int half = 4; half > 0; half /= 2)
        for (int j = 0; j < half; j++)
            partial[j] += partial[j + half];
    return partial[0];
}

void CNN_NAME(weighted_mean)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_mean *a = args;
    const ptrdiff_t rows = a->rows > 0 ? a->rows : 1;
    (void)tile;
    (void)scratch;
    a->y[0] = (float)(weighted_sum(a->values, a->weights, a->rows) / (double)rows);
}

void CNN_NAME(mean_update)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_mean *a = args;
    const int by_weight = a->weights != NULL && !a->count_rows;
    (void)tile;
    (void)scratch;
    const double count = by_weight ? weighted_sum(a->weights, NULL, a->rows) : (double)a->rows;
    a->state[0] += weighted_sum(a->values, a->weights, a->rows) * a->scale;
    a->state[1] += count * a->scale;
}
