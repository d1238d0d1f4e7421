/* Losses beyond softmax and cross-entropy over classes (rows.h), and rows' weights. */
#ifndef CNN_LOSSES_H
#define CNN_LOSSES_H

#include <stddef.h>
#include <stdint.h>

/* What the factor of all rows makes of their weights. */
enum cnn_reduction { CNN_SUM_OVER_BATCH_SIZE, CNN_MEAN_WITH_SAMPLE_WEIGHT, CNN_SUM };

/* loss_weights; one tile, for a batch has but thousands of rows.  Row r has the
 * weight r / weight_rows and the element r / mask_rows of the mask. */
struct cnn_loss_weights {
    float *y;             /* (rows,) output */
    const float *weights; /* (rows / weight_rows,), or NULL: ones */
    const uint8_t *mask;  /* (rows / mask_rows,), or NULL: ones */
    ptrdiff_t rows, weight_rows, mask_rows;
    double scale;
    enum cnn_reduction reduction;
};

#define CNN_LOSS_KERNELS(X) X(loss_weights)

#endif
