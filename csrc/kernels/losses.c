/* Losses that are the mean over the last axis of a function of x and target. */
#include "../row_loops.h"

enum loss { SIGMOID_CROSSENTROPY, BINARY_CROSSENTROPY, SQUARED_ERROR };

/* The loss of each element. */
CNN_INLINE vf loss_of(enum loss loss, vf x, vf target)
{
    if (loss == SIGMOID_CROSSENTROPY) {
        const vf positive = vf_max(vf_set1(0.0f), x);
        return positive - x * target + vf_log1p(vf_exp(-vf_abs(x)));
    }
    if (loss == BINARY_CROSSENTROPY) {
        const vf p = cnn_clip(x);
        return -(target * vf_log_normal(p) + (1.0f - target) * vf_log1p(-p));
    }
    return (x - target) * (x - target);
}

/* Its derivative by x. */
CNN_INLINE vf slope_of(enum loss loss, vf x, vf target)
{
    if (loss == SIGMOID_CROSSENTROPY)
        return vf_sigmoid(x) - target;
    if (loss == BINARY_CROSSENTROPY) {
        const vf p = cnn_clip(x);
        return vf_select(p != x, (x + target) * 0.0f, (p - target) / (p * (1.0f - p)));
    }
    return 2.0f * (x - target);
}

CNN_INLINE float mean_loss(enum loss loss, const float *x, const float *target, ptrdiff_t K)
{
    vf sum = vf_set1(0.0f);
    for (ptrdiff_t k = 0; k < K; k += CNN_W) {
        const vf each = loss_of(loss, vf_load_upto(x + k, K - k), vf_load_upto(target + k, K - k));
        sum += K - k >= CNN_W ? each : vf_select(vi_first(K - k), each, vf_set1(0.0f));
    }
    return vf_sum(sum) / (float)K;
}

CNN_INLINE void forward(enum loss loss, const struct cnn_rows *a, ptrdiff_t tile)
{
    const struct cnn_row_range range = cnn_tile_rows(a, tile);
    if (a->K != 1) {
        for (ptrdiff_t r = range.first; r < range.last; r++)
            a->value[r] = mean_loss(loss, a->x + r * a->K, a->target + r * a->K, a->K);
        return;
    }
    /* One column, as in regression: a lane holds a row. */
    for (ptrdiff_t r = range.first; r < range.last; r += CNN_W) {
        const ptrdiff_t n = range.last - r;
        const vf each = loss_of(loss, vf_load_upto(a->x + r, n), vf_load_upto(a->target + r, n));
        vf_store_upto(a->value + r, each, n);
    }
}

/* The gradient of n elements from `at` on, all of one scale. */
CNN_INLINE void backward_run(enum loss loss, const struct cnn_rows *a, ptrdiff_t at, ptrdiff_t n,
                             float scale)
{
    const float factor = scale / (float)a->K;
    for (; n > 0; at += CNN_W, n -= CNN_W) {
        const vf slope =
            slope_of(loss, vf_load_upto(a->x + at, n), vf_load_upto(a->target + at, n));
        cnn_store_gradient(a->y + at, slope * factor, n, a->accumulate);
    }
}

CNN_INLINE void backward(enum loss loss, const struct cnn_rows *a, ptrdiff_t tile)
{
    const struct cnn_row_range range = cnn_tile_rows(a, tile);
    if (a->weights == NULL) { /* the same for all rows: no need to see them */
        const ptrdiff_t n = (range.last - range.first) * a->K;
        backward_run(loss, a, range.first * a->K, n, cnn_row_scale(a, 0));
        return;
    }
    for (ptrdiff_t r = range.first; r < range.last; r++)
        backward_run(loss, a, r * a->K, a->K, cnn_row_scale(a, r));
}

void CNN_NAME(sigmoid_crossentropy_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    (void)scratch;
    forward(SIGMOID_CROSSENTROPY, args, tile);
}

void CNN_NAME(sigmoid_crossentropy_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    (void)scratch;
    backward(SIGMOID_CROSSENTROPY, args, tile);
}

void CNN_NAME(binary_crossentropy_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    (void)scratch;
    forward(BINARY_CROSSENTROPY, args, tile);
}

void CNN_NAME(binary_crossentropy_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    (void)scratch;
    backward(BINARY_CROSSENTROPY, args, tile);
}

void CNN_NAME(mean_squared_error_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    (void)scratch;
    forward(SQUARED_ERROR, args, tile);
}

void CNN_NAME(mean_squared_error_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    (void)scratch;
    backward(SQUARED_ERROR, args, tile);
}
