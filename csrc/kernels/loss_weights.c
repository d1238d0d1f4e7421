/* What each row of a batch counts in its loss. */
#include "../cnn.h"
#include "../simd.h"

static double row_weight(const struct cnn_loss_weights *a, ptrdiff_t r)
{
    const double weight = a->weights ? (double)a->weights[r / a->weight_rows] : 1.0;
    return a->mask && a->mask[r / a->mask_rows] == 0 ? weight * 0.0 : weight;
}

/* The quotient, but 0 where there is nothing to divide by. */
static double divide(double a, double b)
{
    return b == 0.0 ? 0.0 : a / b;
}

static double factor(const struct cnn_loss_weights *a)
{
    const double rows = (double)a->rows;
    double total = 0.0;
    if (a->reduction == CNN_SUM)
        return rows;
    if (a->reduction == CNN_MEAN_WITH_SAMPLE_WEIGHT) {
        for (ptrdiff_t r = 0; r < a->rows; r++)
            total += row_weight(a, r);
        return divide(rows, total);
    }
    for (ptrdiff_t r = 0; r < a->rows; r++)
        total += a->mask == NULL || a->mask[r / a->mask_rows] != 0;
    return divide(rows, total);
}

void CNN_NAME(loss_weights)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_loss_weights *a = args;
    const double scale = factor(a) * a->scale;
    (void)tile;
    (void)scratch;
    for (ptrdiff_t r = 0; r < a->rows; r++)
        a->y[r] = (float)(row_weight(a, r) * scale);
}
