/* Metrics that count predictions against targets. */
#include <math.h>

#include "../cnn.h"
#include "../level.h"

static double row_weight(const struct cnn_counts *a, ptrdiff_t r)
{
    return a->weights ? (double)a->weights[r] : 1.0;
}

/* An element of a row by its order: larger values first, of equal ones the earlier. */
struct place {
    float value;
    ptrdiff_t index;
};

static int comes_after(struct place a, struct place b)
{
    return a.value < b.value || (a.value == b.value && a.index > b.index);
}

/* The k-th element, or the last that is no NaN. */
static struct place kth(const float *x, ptrdiff_t K, ptrdiff_t k)
{
    struct place found = {INFINITY, -1};
    for (ptrdiff_t n = 0; n < k; n++) {
        struct place next = {-INFINITY, K};
        for (ptrdiff_t i = 0; i < K; i++) {
            const struct place here = {x[i], i};
            if (comes_after(here, found) && comes_after(next, here))
                next = here;
        }
        if (next.index == K)
            break;
        found = next;
    }
    return found;
}

/* How many thresholds x exceeds; none if it is NaN. */
static ptrdiff_t exceeded(const struct cnn_counts *a, float x)
{
    ptrdiff_t low = 0, high = a->T;
    while (low < high) {
        const ptrdiff_t middle = low + (high - low) / 2;
        if (a->thresholds[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* state (2, T + 1, labels): weights of the positive and of the negative elements that
 * exceed so many thresholds. */
void CNN_NAME(threshold_update)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_counts *a = args;
    const ptrdiff_t labels = a->per_label ? a->K : 1;
    const ptrdiff_t first = a->class_id < 0 ? 0 : a->class_id;
    const ptrdiff_t last = a->class_id < 0 ? a->K : a->class_id + 1;
    (void)tile;
    (void)scratch;
    for (ptrdiff_t r = 0; r < a->rows; r++) {
        const float *x = a->x + r * a->K, *target = a->target + r * a->K;
        const double weight = row_weight(a, r);
        struct place limit = {-INFINITY, a->K};
        if (a->top_k > 0)
            limit = kth(x, a->K, a->top_k);
        for (ptrdiff_t k = first; k < last; k++) {
            float value = x[k];
            if (a->clip)
                value = value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value;
            const int counts = !comes_after((struct place){x[k], k}, limit);
            const ptrdiff_t bucket = counts ? exceeded(a, value) : 0;
            const ptrdiff_t row = (target[k] != 0.0f ? 0 : a->T + 1) + bucket;
            a->state[row * labels + (a->per_label ? k : 0)] += weight;
        }
    }
}

/* state (3, K): weights of true positives, of predicted ones, of targets. */
void CNN_NAME(class_update)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_counts *a = args;
    (void)tile;
    (void)scratch;
    for (ptrdiff_t r = 0; r < a->rows; r++) {
        const float *x = a->x + r * a->K, *target = a->target + r * a->K;
        const double weight = row_weight(a, r);
        float most = -INFINITY;
        for (ptrdiff_t k = 0; k < a->K; k++)
            most = x[k] > most || x[k] != x[k] ? x[k] : most; /* a NaN stays */
        for (ptrdiff_t k = 0; k < a->K; k++) {
            const int positive =
                a->by_maximum ? x[k] >= most && fabsf(x[k]) > 1e-9f : x[k] > a->threshold;
            const double wanted = weight * (double)target[k];
            a->state[k] += positive ? wanted : wanted * 0.0;
            a->state[a->K + k] += positive ? weight : weight * 0.0;
            a->state[2 * a->K + k] += wanted;
        }
    }
}

/* The column of the first maximum; -1 if any element is NaN. */
static ptrdiff_t first_maximum(const float *x, ptrdiff_t K)
{
    ptrdiff_t best = 0;
    for (ptrdiff_t k = 0; k < K; k++) {
        if (x[k] != x[k])
            return -1;
        best = x[k] > x[best] ? k : best;
    }
    return best;
}

/* The class of a row: of its maximum, or, of one column, whether it exceeds the threshold. */
static ptrdiff_t class_of(const struct cnn_counts *a, const float *row)
{
    if (a->K > 1 || row[0] != row[0])
        return first_maximum(row, a->K);
    return row[0] > a->threshold;
}

/* state (classes, classes): weights of the rows of each class, and what they were taken for. */
void CNN_NAME(confusion_update)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_counts *a = args;
    (void)tile;
    (void)scratch;
    for (ptrdiff_t r = 0; r < a->rows; r++) {
        const ptrdiff_t predicted = class_of(a, a->x + r * a->K);
        const ptrdiff_t wanted = a->labels ? a->labels[r] : class_of(a, a->target + r * a->K);
        if (predicted >= 0 && wanted >= 0 && wanted < a->classes)
            a->state[wanted * a->classes + predicted] += row_weight(a, r);
    }
}

/* state (5, K): sums of w t, w t^2, w (t - x)^2, w, 1. */
void CNN_NAME(regression_update)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_counts *a = args;
    double *state = a->state;
    (void)tile;
    (void)scratch;
    for (ptrdiff_t r = 0; r < a->rows; r++) {
        const double weight = row_weight(a, r);
        for (ptrdiff_t k = 0; k < a->K; k++) {
            const double t = (double)a->target[r * a->K + k];
            const double error = t - (double)a->x[r * a->K + k];
            state[k] += weight * t;
            state[a->K + k] += weight * t * t;
            state[2 * a->K + k] += weight * error * error;
            state[3 * a->K + k] += weight;
            state[4 * a->K + k] += 1.0;
        }
    }
}
