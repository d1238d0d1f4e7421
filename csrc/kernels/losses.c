/* Losses that are the mean over the last axis of a function of x and target.
 *
 * The function is a constant in each loop: one loop per function, chosen
 * outside.
 */
#include "../row_loops.h"

#define LOG_2 0x1.62e43p-1f

/* log(max(x, eps) + 1). */
CNN_INLINE vf logarithm(vf x)
{
    return vf_log(cnn_at_least_epsilon(x) + 1.0f);
}

/* x clipped to [eps, 1]. */
CNN_INLINE vf clip_to_one(vf x)
{
    return vf_min(vf_set1(1.0f), cnn_at_least_epsilon(x));
}

CNN_INLINE vf positive_part(vf x)
{
    return vf_max(vf_set1(0.0f), x);
}

/* -1, 0 or 1; NaN for NaN. */
CNN_INLINE vf sign(vf x)
{
    const vf one = vf_select(x > 0.0f, vf_set1(1.0f), vf_set1(-1.0f));
    return vf_select((x > 0.0f) | (x < 0.0f), one, x);
}

/* The loss of each element, and its derivative by x. */
CNN_INLINE vf loss_of(enum cnn_loss f, vf x, vf t, float delta)
{
    const vf e = x - t, size = vf_abs(e);
    switch (f) {
    case CNN_SQUARED_ERROR:
        return e * e;
    case CNN_ABSOLUTE_ERROR:
        return size;
    case CNN_ABSOLUTE_PERCENTAGE_ERROR:
        return 100.0f * (size / cnn_at_least_epsilon(vf_abs(t)));
    case CNN_SQUARED_LOGARITHMIC_ERROR: {
        const vf difference = logarithm(x) - logarithm(t);
        return difference * difference;
    }
    case CNN_HUBER: {
        const vf large = delta * size - 0.5f * delta * delta;
        return vf_select(size <= delta, 0.5f * e * e, large);
    }
    case CNN_LOG_COSH:
        return size + vf_log1p(vf_exp(-2.0f * size)) - LOG_2;
    case CNN_HINGE:
        return positive_part(1.0f - t * x);
    case CNN_SQUARED_HINGE: {
        const vf margin = positive_part(1.0f - t * x);
        return margin * margin;
    }
    case CNN_POISSON:
        return x - t * vf_log(x + (float)CNN_EPSILON);
    case CNN_KL_DIVERGENCE: {
        const vf wanted = clip_to_one(t);
        return wanted * vf_log_normal(wanted / clip_to_one(x));
    }
    case CNN_BINARY_CROSSENTROPY: {
        const vf p = cnn_clip(x);
        return -(t * vf_log_normal(p) + (1.0f - t) * vf_log1p(-p));
    }
    default: /* CNN_SIGMOID_CROSSENTROPY */
        return positive_part(x) - x * t + vf_log1p(vf_exp(-vf_abs(x)));
    }
}

CNN_INLINE vf slope_of(enum cnn_loss f, vf x, vf t, float delta)
{
    const vf e = x - t;
    switch (f) {
    case CNN_SQUARED_ERROR:
        return 2.0f * e;
    case CNN_ABSOLUTE_ERROR:
        return sign(e);
    case CNN_ABSOLUTE_PERCENTAGE_ERROR:
        return 100.0f * sign(e) / cnn_at_least_epsilon(vf_abs(t));
    case CNN_SQUARED_LOGARITHMIC_ERROR: {
        const vf m = cnn_at_least_epsilon(x);
        const vf inside = 2.0f * (logarithm(x) - logarithm(t)) / (m + 1.0f);
        return cnn_where_clipped(x, m, vf_set1(0.0f), inside);
    }
    case CNN_HUBER:
        return vf_select(vf_abs(e) <= delta, e, delta * sign(e));
    case CNN_LOG_COSH:
        return vf_tanh(e);
    case CNN_HINGE: {
        const vf margin = 1.0f - t * x;
        const vf none = vf_select(margin == margin, vf_set1(0.0f), margin);
        return vf_select(margin > 0.0f, -t, none);
    }
    case CNN_SQUARED_HINGE:
        return -2.0f * t * positive_part(1.0f - t * x);
    case CNN_POISSON:
        return 1.0f - t / (x + (float)CNN_EPSILON);
    case CNN_KL_DIVERGENCE: {
        const vf p = clip_to_one(x);
        return cnn_where_clipped(x, p, t, -clip_to_one(t) / p);
    }
    case CNN_BINARY_CROSSENTROPY: {
        const vf p = cnn_clip(x);
        return cnn_where_clipped(x, p, t, (p - t) / (p * (1.0f - p)));
    }
    default: /* CNN_SIGMOID_CROSSENTROPY */
        return vf_sigmoid(x) - t;
    }
}

/* What the sum over a row is divided by. */
CNN_INLINE float terms(enum cnn_loss f, const struct cnn_rows *a)
{
    return f == CNN_KL_DIVERGENCE ? 1.0f : (float)a->K;
}

CNN_INLINE void forward(enum cnn_loss f, const struct cnn_rows *a, struct cnn_row_range range)
{
    if (a->K == 1) { /* as in regression: a lane holds a row */
        for (ptrdiff_t r = range.first; r < range.last; r += CNN_W) {
            const ptrdiff_t n = range.last - r;
            const vf x = vf_load_upto(a->x + r, n), t = vf_load_upto(a->target + r, n);
            vf_store_upto(a->value + r, loss_of(f, x, t, a->delta), n);
        }
        return;
    }
    for (ptrdiff_t r = range.first; r < range.last; r++) {
        vf sum = vf_set1(0.0f);
        for (ptrdiff_t k = 0; k < a->K; k += CNN_W) {
            const ptrdiff_t at = r * a->K + k, n = a->K - k;
            const vf x = vf_load_upto(a->x + at, n), t = vf_load_upto(a->target + at, n);
            sum += cnn_within(loss_of(f, x, t, a->delta), n);
        }
        a->value[r] = vf_sum(sum) / terms(f, a);
    }
}

CNN_INLINE void backward(enum cnn_loss f, const struct cnn_rows *a, struct cnn_row_range range)
{
    /* Without weights all rows have the same factor, so they are one long row. */
    const ptrdiff_t rows = range.last - range.first;
    const ptrdiff_t length = a->weights == NULL ? rows * a->K : a->K;
    const ptrdiff_t runs = a->weights == NULL ? rows > 0 : rows;
    for (ptrdiff_t run = 0; run < runs; run++) {
        const float factor = cnn_row_scale(a, range.first + run) / terms(f, a);
        ptrdiff_t at = range.first * a->K + run * length;
        for (ptrdiff_t n = length; n > 0; at += CNN_W, n -= CNN_W) {
            const vf x = vf_load_upto(a->x + at, n), t = vf_load_upto(a->target + at, n);
            const vf slope = slope_of(f, x, t, a->delta);
            cnn_store_gradient(a->y + at, slope * factor, n, a->accumulate);
        }
    }
}

#define EACH_LOSS(X)                                                                               \
    X(CNN_SQUARED_ERROR)                                                                           \
    X(CNN_ABSOLUTE_ERROR)                                                                          \
    X(CNN_ABSOLUTE_PERCENTAGE_ERROR)                                                               \
    X(CNN_SQUARED_LOGARITHMIC_ERROR)                                                               \
    X(CNN_HUBER)                                                                                   \
    X(CNN_LOG_COSH)                                                                                \
    X(CNN_HINGE)                                                                                   \
    X(CNN_SQUARED_HINGE)                                                                           \
    X(CNN_POISSON)                                                                                 \
    X(CNN_KL_DIVERGENCE)                                                                           \
    X(CNN_BINARY_CROSSENTROPY)                                                                     \
    X(CNN_SIGMOID_CROSSENTROPY)

void CNN_NAME(elementwise_loss_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_rows *a = args;
    const struct cnn_row_range range = cnn_tile_rows(a, tile);
    (void)scratch;
    switch (a->function) {
#define CASE(f)                                                                                    \
    case f:                                                                                        \
        forward(f, a, range);                                                                      \
        break;
        EACH_LOSS(CASE)
#undef CASE
    default:
        break;
    }
}

void CNN_NAME(elementwise_loss_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_rows *a = args;
    const struct cnn_row_range range = cnn_tile_rows(a, tile);
    (void)scratch;
    switch (a->function) {
#define CASE(f)                                                                                    \
    case f:                                                                                        \
        backward(f, a, range);                                                                     \
        break;
        EACH_LOSS(CASE)
#undef CASE
    default:
        break;
    }
}
